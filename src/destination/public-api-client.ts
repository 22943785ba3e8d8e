/**
 * Reads from a Public API. In: its base URL, a token, a path. Out: what it answered, or why there is no answer, in words
 * for people. Promised: it ends in time, whatever the other side does; of an answer a bounded part is read; a redirect is
 * not followed, so that the token goes to nobody else; the token is in no text that comes out of here.
 */
import type { Pool } from 'undici';
import { isJsonObject, type JsonObject } from '../base/json.ts';

export type PublicApiAnswer =
  | { readonly kind: 'ok'; readonly body: JsonObject }
  /** Any status but 200. `message` is the API's own, when it gave one. */
  | { readonly kind: 'refused'; readonly status: number; readonly message: string | null }
  /** No answer at all. */
  | { readonly kind: 'network'; readonly reason: string }
  /** 200, and something that no Public API would say. */
  | { readonly kind: 'unusable'; readonly reason: string };

export interface PublicApiClient extends AsyncDisposable {
  get(path: string, query?: Readonly<Record<string, string>>): Promise<PublicApiAnswer>;
}

export interface PublicApiLimits {
  /** For everything that one client asks, in milliseconds. */
  readonly timeoutMs: number;
  /** Of one answer. */
  readonly bodyBytes: number;
}

export const usualPublicApiLimits: PublicApiLimits = { timeoutMs: 30_000, bodyBytes: 4 * 1024 * 1024 };

export interface PublicApiOptions {
  readonly baseUrl: string;
  readonly token: string;
  readonly limits?: Partial<PublicApiLimits>;
  readonly signal?: AbortSignal | undefined;
}

interface Asking {
  readonly pool: Pool;
  readonly base: URL;
  readonly token: string;
  readonly bodyBytes: number;
  readonly signal: AbortSignal;
}

/** Throws only when the signal of the caller is aborted. */
export async function openPublicApi(options: PublicApiOptions): Promise<PublicApiClient> {
  // Loaded when used: few commands ask anybody anything.
  const undici = await import('undici');
  const { timeoutMs, bodyBytes } = { ...usualPublicApiLimits, ...options.limits };
  const base = new URL(options.baseUrl);
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  const pool = new undici.Pool(base.origin, { connections: 1, connectTimeout: timeoutMs });
  const asking: Asking = { pool, base, token: options.token, bodyBytes, signal };
  return {
    async get(path, query = {}) {
      try {
        return await get(asking, path, query);
      } catch (error) {
        options.signal?.throwIfAborted();
        return { kind: 'network', reason: networkReason(error, base, timeout.aborted) };
      }
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  };
}

async function get(
  { pool, base, token, bodyBytes, signal }: Asking,
  path: string,
  query: Readonly<Record<string, string>>,
): Promise<PublicApiAnswer> {
  const search = new URLSearchParams(query).toString();
  const response = await pool.request({
    method: 'GET',
    path: `${base.pathname.replace(/\/+$/, '')}${path}${search === '' ? '' : `?${search}`}`,
    headers: { authorization: `Bearer ${token}`, accept: 'application/json', 'user-agent': 'millrace' },
    signal,
  });
  const text = await readAtMost(response.body, bodyBytes);
  const { statusCode: status } = response;
  const body = text === null ? undefined : parsed(text);
  if (status !== 200) return { kind: 'refused', status, message: messageIn(body, token) };
  if (text === null) return { kind: 'unusable', reason: `its answer has more than ${bodyBytes} bytes` };
  return body === undefined ? { kind: 'unusable', reason: 'its answer is not a JSON object' } : { kind: 'ok', body };
}

/** Null when there is more. Stopping early destroys the stream, and its connection with it. */
async function readAtMost(body: AsyncIterable<Uint8Array>, most: number): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > most) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): JsonObject | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return isJsonObject(body) ? body : undefined;
  } catch {
    return undefined;
  }
}

const longestMessage = 300;

/** `{ "errors": [{ "message" }] }`, without the token should the answer repeat it, and on one line. */
function messageIn(body: JsonObject | undefined, token: string): string | null {
  const [first] = Array.isArray(body?.errors) ? body.errors : [];
  const said = isJsonObject(first) ? first.message : undefined;
  if (typeof said !== 'string') return null;
  const message = said
    .replaceAll(token, '(token)')
    .replace(/\p{C}+/gu, ' ')
    .trim();
  if (message === '') return null;
  return message.length > longestMessage ? `${message.slice(0, longestMessage)}…` : message;
}

function networkReason(error: unknown, base: URL, late: boolean): string {
  const where = base.host;
  if (late) return `${where} did not answer in time.`;
  const code = codeOf(error);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `The host name ${base.hostname} cannot be resolved.`;
  if (code === 'ECONNREFUSED') return `Nothing answers at ${where}.`;
  if (/CERT|_SIGNATURE$|^ERR_(SSL|TLS)_/.test(code)) {
    return `No encrypted connection to ${where} could be made, or its certificate was not accepted (${code}).`;
  }
  return `The connection to ${where} failed (${code}).`;
}

/** The system's name of the failure. Texts of errors are left out: they may quote what was sent. */
function codeOf(error: unknown): string {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const code = (at as { code?: unknown }).code;
    if (typeof code === 'string') return code;
  }
  return error instanceof Error ? error.name : 'unknown';
}
