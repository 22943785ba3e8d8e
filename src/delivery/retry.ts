/**
 * The one place that decides what an outcome means, and how long to wait before another try. Pure. Worth another try:
 * 408, 423, 429, 5xx except 501, and failures of the network. Every other answer that is not a success is final.
 */
import type { Receipt } from './delivery.ts';

/** What came of sending something. */
export type Outcome =
  | { readonly kind: 'answer'; readonly status: number }
  /** No answer. `code` is the system's name for it, e.g. `ECONNRESET`, `UND_ERR_HEADERS_TIMEOUT`. */
  | { readonly kind: 'network'; readonly code: string };

const worthAnotherTry: ReadonlySet<number> = new Set([408, 423, 429]);

const redirect =
  'a redirect, which is not followed, so that the write key goes to no other address; give the address it leads to as the tracking URL';

const names: ReadonlyMap<number, string> = new Map([
  ...[300, 301, 302, 303, 307, 308].map((status) => [status, redirect] as const),
  [400, 'bad request'],
  [401, 'the write key or token is not accepted'],
  [403, 'not allowed'],
  [404, 'not found'],
  [408, 'it took too long'],
  [413, 'too large'],
  [423, 'locked'],
  [429, 'too many requests'],
  [501, 'not supported'],
]);

/** The receipt of an outcome. Codes: `http_429`, `network_ECONNRESET`. */
export function receiptOf(outcome: Outcome): Receipt {
  if (outcome.kind === 'network') {
    const reason = `The endpoint could not be reached, or the connection broke (${outcome.code}).`;
    return { kind: 'later', code: `network_${outcome.code}`, reason };
  }
  const { status } = outcome;
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  const later = worthAnotherTry.has(status) || (status >= 500 && status !== 501);
  const name = names.get(status) ?? (status >= 500 ? 'it has a fault' : undefined);
  const reason = `The endpoint answered ${status}${name ? ` (${name})` : ''}.`;
  return { kind: later ? 'later' : 'refused', code: `http_${status}`, reason };
}

/** The outcome of an attempt that threw; undefined when the error is not the network's, and so nobody's to retry. */
export function networkOutcome(error: unknown): Outcome | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const code = (at as { code?: unknown }).code;
    if (typeof code === 'string' && isNetworkCode(code)) return { kind: 'network', code };
  }
  return undefined;
}

const networkCodes: ReadonlySet<string> = new Set([
  ...['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH'],
  ...['ENETDOWN', 'ENETRESET', 'ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL', 'EPROTO'],
]);

/** Codes of Node's sockets and resolver; of undici, TLS, certificates and the HTTP parser. */
function isNetworkCode(code: string): boolean {
  return networkCodes.has(code) || /^(UND_ERR_|HPE_|ERR_SSL_|ERR_TLS_)|CERT|_SIGNATURE$/.test(code);
}

/** The wait that a `Retry-After` header asks for (seconds or an HTTP date), in milliseconds; undefined when it asks for none. */
export function retryAfter(header: string | null | undefined, now: Date): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = /^[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now.getTime());
}

export interface Backoff {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** The longest wait before the second try, doubled for each further one. */
  readonly firstMs: number;
  /** No wait is longer, whatever the endpoint asks for: a longer one is left to the next sync. */
  readonly longestMs: number;
}

export const usualBackoff: Backoff = { attempts: 6, firstMs: 500, longestMs: 60_000 };

/**
 * How long to wait before the next try, in milliseconds; null when there shall be none in this sync. The wait is drawn
 * between half and the whole of `firstMs · 2^(failed - 1)`, so that many senders do not come back at once, and is never
 * shorter than the endpoint asked for.
 * @param failed how many tries have failed, at least 1
 * @param random a number from 0 up to 1
 */
export function waitBeforeNext(
  failed: number,
  asked: number | undefined,
  random: number,
  backoff: Backoff = usualBackoff,
): number | null {
  if (failed >= backoff.attempts) return null;
  if (asked !== undefined && asked > backoff.longestMs) return null;
  const longest = Math.min(backoff.longestMs, backoff.firstMs * 2 ** (failed - 1));
  return Math.max(asked ?? 0, Math.round((longest * (1 + random)) / 2));
}
