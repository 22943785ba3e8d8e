/**
 * The errors of the Public API, as values: `{"errors":[{"type","message","field"?}]}`, never a body of another form. Texts
 * name parameters and limits, never what was sent.
 */
import type { FastifyReply } from 'fastify';
import { isMillraceError } from '../../base/errors.ts';

type ProblemType =
  | 'bad-request'
  | 'unauthorized'
  | 'not-found'
  | 'method-not-allowed'
  | 'not-acceptable'
  | 'payload-too-large'
  | 'unsupported-media-type'
  | 'input-validation'
  | 'server-error';

export interface Problem {
  readonly type: ProblemType;
  readonly message: string;
  /** The dotted path of the input at fault: `subscriptions.0.key`. */
  readonly field?: string;
}

/** An answer that is an error. */
export interface PublicRefusal {
  readonly kind: 'refusal';
  readonly status: number;
  readonly problems: readonly [Problem, ...Problem[]];
  readonly headers: Readonly<Record<string, string>>;
}

/** A parameter that is wrong, e.g. `subscriptions.0.key` and `"key" is required`. */
export interface InputFault {
  readonly field: string;
  readonly message: string;
}

function refusal(
  status: number,
  type: ProblemType,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): PublicRefusal {
  return { kind: 'refusal', status, problems: [{ type, message }], headers };
}

const challenge = { 'WWW-Authenticate': 'Bearer realm="millrace"' };

export const tokenMissing = refusal(
  401,
  'unauthorized',
  'A token is missing: send "Authorization: Bearer TOKEN" with a token of the workspace.',
  challenge,
);
export const tokenInvalid = refusal(401, 'unauthorized', 'The token is unknown or revoked.', challenge);
export const tokenOfSpace = refusal(
  401,
  'unauthorized',
  'This is the token of a space. The Public API takes tokens of the workspace: millrace token create --workspace NAME makes one.',
  challenge,
);
export const serverFault = refusal(500, 'server-error', 'The server failed to answer this request.');

export function notFound(kind: string, id: string): PublicRefusal {
  return refusal(404, 'not-found', `${kind} with id '${shown(id)}' not found.`);
}

export function notAcceptable(offered: string): PublicRefusal {
  return refusal(406, 'not-acceptable', `This version is not offered here; ask for ${offered} or application/json.`);
}

/** Every fault at once; there is at least one. */
export function inputInvalid(faults: readonly InputFault[]): PublicRefusal {
  const problems = faults.map(({ field, message }): Problem => ({ type: 'input-validation', message, field }));
  return { kind: 'refusal', status: 422, problems: problems as [Problem, ...Problem[]], headers: {} };
}

const typeOfStatus: Readonly<Record<number, ProblemType>> = {
  401: 'unauthorized',
  404: 'not-found',
  405: 'method-not-allowed',
  406: 'not-acceptable',
  413: 'payload-too-large',
  415: 'unsupported-media-type',
};

/** What was refused before a route saw it. */
export function refusalOfStatus(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): PublicRefusal {
  return refusal(status, status >= 500 ? 'server-error' : (typeOfStatus[status] ?? 'bad-request'), message, headers);
}

/** What a thrown error becomes. Null: a fault of the server, to be logged. */
export function refusalOf(error: unknown): PublicRefusal | null {
  if (isMillraceError(error, 'cursor_invalid')) {
    return inputInvalid([{ field: 'pagination.cursor', message: '"pagination.cursor" is not a cursor of this list' }]);
  }
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return refusal(415, 'unsupported-media-type', 'A body must be application/json, or application/…+json.');
  }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return refusal(413, 'payload-too-large', 'The body is too large.');
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return null;
  return refusalOfStatus(statusCode, error instanceof Error ? error.message : 'The request cannot be read.');
}

export function isRefusal(value: unknown): value is PublicRefusal {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'refusal';
}

export function refusePublic(reply: FastifyReply, { status, problems, headers }: PublicRefusal): FastifyReply {
  for (const name in headers) reply.header(name, headers[name]);
  return reply
    .code(status)
    .header('Content-Type', 'application/json; charset=utf-8')
    .serializer(asIs)
    .send(JSON.stringify({ errors: problems }));
}

/** Sends a finished JSON text. */
export const asIs = (text: string): string => text;

/** Long enough for any id; what a client puts in a path is not repeated at length. */
const longestShown = 100;

function shown(text: string): string {
  const points = [...text];
  return points.length <= longestShown ? text : `${points.slice(0, longestShown).join('')}…`;
}
