/**
 * The cookie of a session, and whether a request may use it. In: a request. Out: who sent it; null without a cookie; or
 * why it cannot be used. Promised: a page of another origin can neither read nor change anything with it; whatever is not
 * a GET also needs the session's CSRF token; nothing is remembered, so a session that ends is refused at once.
 */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { csrfTokenOf, type SignedIn } from '../workspace/workspace.ts';

export interface SessionRefusal {
  readonly kind: 'session refusal';
  readonly status: 401 | 403;
  readonly message: string;
}

export type SessionGrant = (request: FastifyRequest) => Promise<SignedIn | SessionRefusal | null>;

export interface SessionDeps {
  readonly findSession: (secret: string) => Promise<SignedIn | null>;
  /** Where browsers reach this server, when it was said. */
  readonly publicUrl: string | undefined;
}

const refused = (status: 401 | 403, message: string): SessionRefusal => ({ kind: 'session refusal', status, message });

export const sessionEnded = refused(401, 'The session has ended; sign in again.');
export const foreignOrigin = refused(
  403,
  'The request comes from a page of another origin. Behind a proxy, set MILLRACE_TRUSTED_PROXIES or MILLRACE_PUBLIC_URL.',
);
export const csrfMissing = refused(
  403,
  'The header X-CSRF-Token is missing, or not that of this session; GET /app/me tells it.',
);

export function isSessionRefusal(value: object): value is SessionRefusal {
  return 'kind' in value && value.kind === 'session refusal';
}

export function createSessionGrant({ findSession, publicUrl }: SessionDeps): SessionGrant {
  return async (request) => {
    const secret = readSessionCookie(request);
    if (secret === null) return null;
    if (!isOwnOrigin(request, publicUrl)) return foreignOrigin;
    const found = await findSession(secret);
    if (found === null) return sessionEnded;
    return isSafe(request) || hasCsrfToken(request, secret) ? found : csrfMissing;
  };
}

const isSafe = ({ method }: FastifyRequest): boolean => method === 'GET' || method === 'HEAD';

function hasCsrfToken({ headers }: FastifyRequest, secret: string): boolean {
  const given = headers['x-csrf-token'];
  if (typeof given !== 'string') return false;
  const [a, b] = [Buffer.from(given), Buffer.from(csrfTokenOf(secret))];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Whether the request is from a page of this server, or from no page. What a browser says itself goes first. */
export function isOwnOrigin(request: FastifyRequest, publicUrl: string | undefined): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (site !== undefined) return site === 'same-origin' || (site === 'none' && origin === undefined);
  if (origin === undefined) return true;
  return origin === `${request.protocol}://${request.host}` || origin === publicUrl?.replace(/\/$/, '');
}

/** Over https the name forbids that another host of the domain, or a request over http, sets the cookie. */
const cookieName = ({ protocol }: FastifyRequest): string =>
  protocol === 'https' ? '__Host-millrace_session' : 'millrace_session';

export function readSessionCookie(request: FastifyRequest): string | null {
  const { cookie } = request.headers;
  return cookie === undefined ? null : (request.server.parseCookie(cookie)[cookieName(request)] ?? null);
}

const daySeconds = 86_400;

/** @param days after which it has ended in any case */
export function setSessionCookie(reply: FastifyReply, secret: string, days: number): void {
  reply.setCookie(cookieName(reply.request), secret, { ...attributes(reply.request), maxAge: days * daySeconds });
}

export function clearSessionCookie(reply: FastifyReply): void {
  reply.clearCookie(cookieName(reply.request), attributes(reply.request));
}

function attributes({ protocol }: FastifyRequest) {
  return { path: '/', httpOnly: true, sameSite: 'strict', secure: protocol === 'https' } as const;
}
