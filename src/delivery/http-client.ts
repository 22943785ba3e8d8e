/**
 * One try of one request. In: a body and a write key. Out: what the endpoint answered, or that the network failed. Promised:
 * it ends in time, whatever the other side does; of an answer no more than a few kilobytes are read; a redirect is not
 * followed; a connection whose answer was not read to its end is not used again.
 */
import type { Pool } from 'undici';
import { networkOutcome } from './retry.ts';

export type Answer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly retryAfter: string | undefined;
      readonly contentType: string;
      /** The first kilobytes of the body. */
      readonly text: string;
    }
  | { readonly kind: 'network'; readonly code: string }
  /** The caller stopped waiting: nobody knows whether it arrived. */
  | { readonly kind: 'cancelled' };

export interface HttpClient extends AsyncDisposable {
  post(body: string, writeKey: string, signal: AbortSignal | undefined): Promise<Answer>;
}

export interface HttpClientOptions {
  /** Base URL, e.g. `https://api.segment.io/v1`. */
  readonly trackingUrl: string;
  readonly connections: number;
  /** For one try, from connecting to the last byte of the answer, in milliseconds. */
  readonly timeoutMs: number;
  /** How long an answer is still waited for after the signal, in milliseconds. */
  readonly graceMs: number;
}

const readBytes = 16 * 1024;

export async function openHttpClient(options: HttpClientOptions): Promise<HttpClient> {
  // Loaded when used: few commands send anything.
  const undici = await import('undici');
  const base = new URL(options.trackingUrl);
  const path = `${base.pathname.replace(/\/+$/, '')}/batch`;
  const { connections, timeoutMs } = options;
  const pool = new undici.Pool(base.origin, {
    connections,
    pipelining: 1,
    connectTimeout: timeoutMs,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: 10_000,
  });
  return {
    post: (body, writeKey, signal) => post(pool, path, body, writeKey, signal, options),
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

type StopReason = 'timeout' | 'cancelled';

async function post(
  pool: Pool,
  path: string,
  body: string,
  writeKey: string,
  signal: AbortSignal | undefined,
  { timeoutMs, graceMs }: HttpClientOptions,
): Promise<Answer> {
  const stopping = new AbortController();
  const stopAfter = (ms: number, reason: StopReason) => setTimeout(() => stopping.abort(reason), ms);
  const timers = [stopAfter(timeoutMs, 'timeout')];
  const onAbort = () => void timers.push(stopAfter(graceMs, 'cancelled'));
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  try {
    const response = await pool.request({
      method: 'POST',
      path,
      headers: {
        authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`,
        'content-type': 'application/json',
        accept: 'application/json',
        'user-agent': 'millrace',
      },
      body,
      signal: stopping.signal,
    });
    const header = (name: string) => String(response.headers[name] ?? '');
    const retryAfter = header('retry-after');
    return {
      kind: 'answer',
      status: response.statusCode,
      retryAfter: retryAfter === '' ? undefined : retryAfter,
      contentType: header('content-type'),
      text: await readStart(response.body),
    };
  } catch (error) {
    if (stopping.signal.aborted) {
      const reason: StopReason = stopping.signal.reason;
      return reason === 'timeout' ? { kind: 'network', code: 'ETIMEDOUT' } : { kind: 'cancelled' };
    }
    const outcome = networkOutcome(error);
    if (outcome?.kind === 'network') return outcome;
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    for (const timer of timers) clearTimeout(timer);
  }
}

/** Stopping early destroys the stream, and its connection with it. */
async function readStart(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= readBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, readBytes).toString('utf8');
}
