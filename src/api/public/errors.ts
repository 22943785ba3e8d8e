/**
 * The errors of the Public API, as values: `{"errors":[{"type","message","field"?}]}`, never a body of another form. Texts
 * name parameters and limits, never what was sent.
 */
import type { FastifyReply } from 'fastify';
import { isMillraceError } from '../../base/errors.ts';

type ProblemType =
  | 'bad-request'
  | 'unauthorized'
  | 'forbidden'
  | 'not-found'
  | 'conflict'
  | 'method-not-allowed'
  | 'not-acceptable'
  | 'payload-too-large'
  | 'unsupported-media-type'
  | 'input-validation'
  | 'too-many-requests'
  | 'server-error'
  | 'RequestError';

export interface Problem {
  readonly type: ProblemType;
  readonly message: string;
  /** The dotted path of the input at fault: `subscriptions.0.key`. */
  readonly field?: string;
  readonly data?: object;
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

/** The same, at a field of the body. */
export function atField<T extends object>(found: T | PublicRefusal, field: string): T | PublicRefusal {
  if (!isRefusal(found)) return found;
  const [first, ...more] = found.problems;
  return { ...found, problems: [{ ...first, field: first.field ?? field }, ...more] };
}

/** All that is wrong at once, with the status of the first; null when nothing is. */
export function allRefusals(found: readonly (object | null)[]): PublicRefusal | null {
  const refusals = found.filter((one) => one !== null).filter(isRefusal);
  const [first, ...more] = refusals;
  if (first === undefined) return null;
  return { ...first, problems: [...first.problems, ...more.flatMap(({ problems }) => problems)] };
}

/** The token is good, but does not allow this. */
export function notAllowed(power: string): PublicRefusal {
  return refusal(401, 'unauthorized', `The token does not allow this; it takes a role that may ${power}.`);
}

/**
 * The same to a person who is signed in: not 401, which would tell the web app to ask for the password again, and no
 * challenge, which would make a browser ask.
 */
export function toPerson(answer: PublicRefusal): PublicRefusal {
  if (answer.status !== 401) return answer;
  const message = answer.problems[0].message.replace('The token does not', 'Your role does not');
  return refusal(403, 'forbidden', message);
}

/** Well-formed, but it cannot be. */
export function badRequest(message: string, field?: string): PublicRefusal {
  const answer = refusal(400, 'bad-request', message);
  return field === undefined ? answer : { ...answer, problems: [{ ...answer.problems[0], field }] };
}

export function conflict(message: string, field?: string): PublicRefusal {
  const answer = refusal(409, 'conflict', message);
  return field === undefined ? answer : { ...answer, problems: [{ ...answer.problems[0], field }] };
}

export function notAcceptable(offered: string): PublicRefusal {
  return refusal(406, 'not-acceptable', `This version is not offered here; ask for ${offered} or application/json.`);
}

/** Too many requests in a window that ends in so many milliseconds. The type is the vendor's. */
export function tooManyRequests(consumedPoints: number, msBeforeNext: number): PublicRefusal {
  const answer = refusal(429, 'RequestError', 'Too many requests', {
    'Retry-After': String(Math.max(1, Math.ceil(msBeforeNext / 1_000))),
  });
  const data = { remainingPoints: 0, msBeforeNext, consumedPoints };
  return { ...answer, problems: [{ ...answer.problems[0], data }] };
}

/** Every fault at once; there is at least one. */
export function inputInvalid(faults: readonly InputFault[]): PublicRefusal {
  const problems = faults.map(({ field, message }): Problem => ({ type: 'input-validation', message, field }));
  return { kind: 'refusal', status: 422, problems: problems as [Problem, ...Problem[]], headers: {} };
}

const typeOfStatus: Readonly<Record<number, ProblemType>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  405: 'method-not-allowed',
  406: 'not-acceptable',
  413: 'payload-too-large',
  415: 'unsupported-media-type',
  422: 'input-validation',
  429: 'too-many-requests',
};

/** What was refused before a route saw it. */
export function refusalOfStatus(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): PublicRefusal {
  return refusal(status, status >= 500 ? 'server-error' : (typeOfStatus[status] ?? 'bad-request'), message, headers);
}

/** Errors of the rooms behind the API, by what they are here. */
const conflicts: ReadonlySet<string> = new Set(['sync_running', 'name_taken', 'write_key_taken', 'workspace_changed']);
const impossible: ReadonlySet<string> = new Set([
  'sync_disabled',
  'sync_outdated',
  'sync_retry_void',
  'sync_replay_unknown',
]);

/** What a thrown error becomes. Null: a fault of the server, to be logged. */
export function refusalOf(error: unknown): PublicRefusal | null {
  if (isMillraceError(error, 'cursor_invalid')) {
    return inputInvalid([{ field: 'pagination.cursor', message: '"pagination.cursor" is not a cursor of this list' }]);
  }
  if (isMillraceError(error)) {
    if (conflicts.has(error.code)) return conflict(error.message);
    if (impossible.has(error.code)) return badRequest(error.message);
    if (error.code === 'not_found' || error.code === 'sync_not_found') return refusal(404, 'not-found', error.message);
  }
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return refusal(415, 'unsupported-media-type', 'A body must be application/json, or application/…+json.');
  }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return refusal(413, 'payload-too-large', 'The body is too large.');
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return null;
  return refusalOfStatus(statusCode, error instanceof Error ? error.message : 'The request cannot be read.');
}

/** A refusal on its way out of an edit, which it undoes. */
class Refused extends Error {
  readonly refusal: PublicRefusal;
  constructor(refusal: PublicRefusal) {
    super(refusal.problems[0].message);
    this.refusal = refusal;
  }
}

export function refused(refusal: PublicRefusal): Error {
  return new Refused(refusal);
}

/** What `work` returns, or the refusal it throws. */
export async function settled<T>(work: () => Promise<T>): Promise<T | PublicRefusal> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
}

/** What `work` finds; what a warehouse, a model or a mapping refuses is the answer, with what to do, and so is a refusal. */
export async function answered(
  work: () => Promise<object | PublicRefusal>,
): Promise<{ readonly data: object } | PublicRefusal> {
  try {
    const data = await work();
    return isRefusal(data) ? data : { data };
  } catch (error) {
    if (!isMillraceError(error) || error.code === 'internal') throw error;
    return refusalOf(error) ?? badRequest([error.message, error.helpInApp].filter(Boolean).join(' '));
  }
}

export function isRefusal(value: unknown): value is PublicRefusal {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'refusal';
}

export function refusePublic(reply: FastifyReply, refusal: PublicRefusal): FastifyReply {
  const { status, headers } = refusal;
  for (const name in headers) reply.header(name, headers[name]);
  return reply
    .code(status)
    .header('Content-Type', 'application/json; charset=utf-8')
    .serializer(asIs)
    .send(bodyOfRefusal(refusal));
}

export function bodyOfRefusal({ problems }: PublicRefusal): string {
  return JSON.stringify({ errors: problems });
}

/** Sends a finished JSON text. */
export const asIs = (text: string): string => text;

/** Long enough for any id; what a client puts in a path is not repeated at length. */
const longestShown = 100;

function shown(text: string): string {
  const points = [...text];
  return points.length <= longestShown ? text : `${points.slice(0, longestShown).join('')}…`;
}
