/**
 * Asking the server. In: a path below the server's root. Out: the `data` of the answer, or an `ApiError` with every fault
 * of the request. Promised: the session's proof goes with everything that changes something; a session that is over, and
 * a server that does not answer, are told to the frame of the app.
 */

import { answered, didNotAnswer, isSignedOut } from './reached.ts';

/** One fault: `field` is the dotted path of the input. */
export interface Fault {
  readonly type: string;
  readonly message: string;
  readonly field?: string;
}

export class ApiError extends Error {
  readonly status: number;
  readonly faults: readonly Fault[];
  constructor(status: number, faults: readonly Fault[]) {
    super(faults.map(({ message }) => message).join(' ') || `The server answered ${status}.`);
    this.status = status;
    this.faults = faults;
  }

  /** What is wrong with each field. */
  get fields(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      this.faults.flatMap(({ field, message }) => (field === undefined ? [] : [[field, sentence(field, message)]])),
    );
  }
}

/** `"settings.port" must be …`, or `"settings.port": …`, beside the field itself: `must be …`. */
function sentence(field: string, message: string): string {
  const last = field.split('.').at(-1) ?? field;
  const bare = message
    .replace(`"${field}" `, '')
    .replace(`"${field}": `, '')
    .replace(new RegExp(`^${escaped(last)} \\(.+?\\) `), '');
  return bare.charAt(0).toUpperCase() + bare.slice(1);
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

let csrfToken = '';
export function setCsrfToken(token: string): void {
  csrfToken = token;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

async function send<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (method !== 'GET') headers['X-CSRF-Token'] = csrfToken;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const answer = await ask(path, {
    method,
    headers,
    credentials: 'same-origin',
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal !== undefined && { signal }),
  });
  const json: unknown = await answer.json().catch(() => null);
  if (answer.ok) return json as T;
  // What the way in answers is for its own page; elsewhere the session is over.
  if (answer.status === 401 && !waysIn.test(path)) {
    isSignedOut();
    throw new ApiError(401, [{ type: 'unauthorized', message: 'You are signed out.' }]);
  }
  throw new ApiError(answer.status, faultsIn(json, answer.status));
}

const waysIn = /^\/app\/(?:sign-in|links|me)\b/;

async function ask(path: string, init: RequestInit): Promise<Response> {
  try {
    const answer = await fetch(path, init);
    answered();
    return answer;
  } catch (error) {
    if (init.signal?.aborted) throw error;
    didNotAnswer();
    const message = 'The server does not answer. Is it running, and is there a way to it? Nothing was saved.';
    throw new ApiError(0, [
      { type: 'unreachable', message: init.method === 'GET' ? message.replace(' Nothing was saved.', '') : message },
    ]);
  }
}

function faultsIn(json: unknown, status: number): readonly Fault[] {
  const { errors, error } = (json ?? {}) as { errors?: readonly Fault[]; error?: { message?: string } };
  if (Array.isArray(errors) && errors.length > 0) return errors;
  return [{ type: 'unknown', message: error?.message ?? `The server answered ${status}.` }];
}

/** The Public API, and what only the app asks: both answer `{ data }`. */
export const api = {
  get: async <T>(path: string, signal?: AbortSignal) => (await send<{ data: T }>('GET', path, undefined, signal)).data,
  post: async <T>(path: string, body: unknown = {}, signal?: AbortSignal) =>
    (await send<{ data: T }>('POST', path, body, signal)).data,
  put: async <T>(path: string, body: unknown = {}) => (await send<{ data: T }>('PUT', path, body)).data,
  patch: async <T>(path: string, body: unknown) => (await send<{ data: T }>('PATCH', path, body)).data,
  delete: async <T>(path: string) => (await send<{ data: T }>('DELETE', path)).data,
  /** APIs whose answers have another shape. */
  raw: <T>(path: string, signal?: AbortSignal) => send<T>('GET', path, undefined, signal),
};

/** Every page of a list of the Public API. */
export async function allPages<T>(path: string, key: string, signal?: AbortSignal): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | undefined = 'MA==';
  while (cursor !== undefined) {
    const separator = path.includes('?') ? '&' : '?';
    const query = `${separator}pagination[count]=200&pagination[cursor]=${encodeURIComponent(cursor)}`;
    const page: Record<string, unknown> = await api.get(`${path}${query}`, signal);
    items.push(...(page[key] as readonly T[]));
    cursor = (page.pagination as { next?: string } | undefined)?.next;
  }
  return items;
}
