/** What the token service answers when it gives no token (RFC 6749, section 5.2). Texts repeat nothing of the request. */
import type { FastifyReply } from 'fastify';
import { sendJson } from '../profile/errors.ts';

export type OauthError =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_scope'
  | 'unsupported_grant_type'
  | 'slow_down'
  | 'temporarily_unavailable';

export interface OauthRefusal {
  readonly kind: 'refusal';
  readonly status: number;
  readonly error: OauthError;
  readonly description: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that is wrong in its form. */
export function malformed(description: string, error: OauthError = 'invalid_request'): OauthRefusal {
  return { kind: 'refusal', status: 400, error, description };
}

/** An assertion that proves nothing. */
export function unproven(description: string): OauthRefusal {
  return { kind: 'refusal', status: 401, error: 'invalid_client', description };
}

export const wrongType: OauthRefusal = {
  kind: 'refusal',
  status: 415,
  error: 'invalid_request',
  description: 'Send the parameters with the content type application/x-www-form-urlencoded.',
};

export const unavailable: OauthRefusal = {
  kind: 'refusal',
  status: 503,
  error: 'temporarily_unavailable',
  description: 'A token could not be made just now; ask again with a new assertion.',
};

export function tooManyFailures(seconds: number): OauthRefusal {
  return {
    kind: 'refusal',
    status: 429,
    error: 'slow_down',
    description: 'Too many requests of this sender were refused; correct them, and ask again later.',
    headers: { 'Retry-After': String(seconds) },
  };
}

export function refuseOauth(reply: FastifyReply, { status, error, description, headers }: OauthRefusal): FastifyReply {
  for (const name in headers) reply.header(name, headers[name]);
  return sendJson(reply, status, JSON.stringify({ error, error_description: description }));
}
