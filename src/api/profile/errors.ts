/**
 * Every error the Profile API answers with (`docs/profile-api.md`, "Errors"), as values: a refusal holds its finished
 * body, so refusing costs no more than answering. Texts name parameters and limits, never what a profile contains.
 */
import type { FastifyReply } from 'fastify';
import { isMillraceError } from '../../base/errors.ts';

export type RefusalCode =
  | 'validation_error'
  | 'invalid_request_error'
  | 'authentication_error'
  | 'not_found'
  | 'rate_limit_error'
  | 'internal_error'
  // Of the deletion of identifiers, which has codes of its own.
  | 'unauthorized'
  | 'forbidden'
  | 'bad_request'
  | 'unsupported_eid_type'
  | 'eid_not_found';

export interface Refusal {
  readonly kind: 'refusal';
  readonly status: number;
  readonly code: RefusalCode;
  readonly message: string;
  /** The JSON text that goes out. */
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export function refusal(
  status: number,
  code: RefusalCode,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Refusal {
  return { kind: 'refusal', status, code, message, body: JSON.stringify({ error: { code, message } }), headers };
}

export const challenge = { 'WWW-Authenticate': 'Basic realm="millrace"' };

export const tokenMissing = refusal(
  401,
  'authentication_error',
  'Authentication is missing: send the access token as the user name of HTTP Basic, with an empty password.',
  challenge,
);
export const tokenInvalid = refusal(401, 'authentication_error', 'The specified token is invalid.', challenge);
export const profileNotFound = refusal(404, 'not_found', 'Profile was not found.');
export const spaceNotFound = refusal(404, 'not_found', 'Space was not found.');
export const collectionNotFound = refusal(
  404,
  'not_found',
  'Collection was not found; there are `users` and `accounts`.',
);
export const routeNotFound = refusal(404, 'not_found', 'There is no such resource.');
export const serverFault = refusal(500, 'internal_error', 'The server failed to answer this request.');
export const serverClosing = refusal(503, 'internal_error', 'The server is closing; connect again in a moment.', {
  'Retry-After': '1',
});
export const cursorUnknown = refusal(
  400,
  'invalid_request_error',
  'The parameter `next` is not a cursor of this resource; begin again without it.',
);

/** For a parameter with characters that never occur in it; they are named in the message. */
export function invalidCharacters(parameter: string, characters: string): Refusal {
  return refusal(400, 'validation_error', `The parameter \`${parameter}\` has invalid character(s) \`${characters}\``);
}

/** For a path parameter that is wrong as a whole, e.g. empty. */
export function malformed(parameter: string, what: string): Refusal {
  return refusal(400, 'validation_error', `The parameter \`${parameter}\` ${what}`);
}

/** For a bad query parameter, or a request that cannot be read. */
export function badRequest(message: string, status = 400): Refusal {
  return refusal(status, 'invalid_request_error', message);
}

export function methodNotAllowed(method: string, allowed: readonly string[]): Refusal {
  const allow = allowed.join(', ');
  return refusal(405, 'invalid_request_error', `The method ${method} is not supported here; use ${allow}.`, {
    Allow: allow,
  });
}

export function tooManyRequests(perSecond: number, what = 'The space is asked'): Refusal {
  return refusal(429, 'rate_limit_error', `${what} more than ${perSecond} times per second.`, {
    'Retry-After': '1',
  });
}

/** For a live view more than the process has room for. */
export function tooManyStreams(most: number): Refusal {
  return refusal(429, 'rate_limit_error', `This server streams to ${most} readers already; try again later.`, {
    'Retry-After': '10',
  });
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'refusal';
}

/** What a thrown error becomes. Null: a fault of the server, to be logged. */
export function refusalOf(error: unknown): Refusal | null {
  if (isMillraceError(error, 'cursor_invalid')) return cursorUnknown;
  if (typeof error !== 'object' || error === null) return null;
  if ('validation' in error && Array.isArray(error.validation)) {
    return badRequest(String(error.validation[0]?.message ?? 'A query parameter is invalid.'));
  }
  const status = 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status < 400 || status >= 500) return null;
  return badRequest(error instanceof Error ? error.message : 'The request cannot be read.', status);
}

const asIs = (text: string): string => text;

/** Sends a finished JSON text. The serializer that changes nothing keeps Fastify from adding a charset to the type. */
export function sendJson(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).header('Content-Type', 'application/json').serializer(asIs).send(text);
}

export function refuse(reply: FastifyReply, answer: Refusal): FastifyReply {
  for (const name in answer.headers) reply.header(name, answer.headers[name]);
  return sendJson(reply, answer.status, answer.body);
}
