/**
 * `POST …/profiles/user_id:<value>/external_ids/delete`: takes one identifier away from a profile. The one request of the
 * Profile API that changes something, and off unless the space allows it. Its checks, their order, codes and texts are
 * the vendor's (`docs/profile-api.md`, "Deleting an identifier").
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import { isJsonObject } from '../../base/json.ts';
import type { IdentifierDeletion, IdentifierToDelete, SpaceSettings } from '../../space/space.ts';
import type { KnownSpace, ProfileAccess } from './access.ts';
import { answer, errorAnswer, security } from './document.ts';
import {
  challenge,
  isRefusal,
  type Refusal,
  refusal,
  refuse,
  sendJson,
  spaceNotFound,
  tooManyRequests,
} from './errors.ts';
import { decodeSegment, isIdentifierType } from './identifier.ts';
import type { ProfileRoute } from './lookup.ts';
import { RateLimit } from './rate-limit.ts';

export type DeleteIdentifier = (spaceNo: number, identifier: IdentifierToDelete) => Promise<IdentifierDeletion>;

export interface IdentifierDeletionDeps {
  readonly access: ProfileAccess;
  readonly deleteIdentifier: DeleteIdentifier;
  readonly clock: Clock;
}

/** Room for the longest identifier, with every character escaped, and then some. */
export const deletionBodyLimit = 16 * 1024;
export const deletionsPerSecond = 100;

const bad = (message: string): Refusal => refusal(400, 'bad_request', message);

const unauthorized = refusal(401, 'unauthorized', 'The specified token is invalid.', challenge);
const parameterMissing = bad('Missing required parameters in URL.');
const notOne = bad('Only one external_id can be deleted at a time.');
const malformedBody = bad('The body must be {"delete_external_ids":[{"id":"…","type":"…"}]}.');
const typeUnsupported = refusal(400, 'unsupported_eid_type', 'Unsupported external id type.');
const isLookupId = bad('External id specification must differ from lookup id.');
const notFound = refusal(404, 'not_found', 'The resource was not found.');
const identifierNotFound = refusal(404, 'eid_not_found', 'External identifier not found.');
const tooMany = tooManyRequests(deletionsPerSecond, 'Identifiers of the profile are deleted');

const success = JSON.stringify({ code: 'success', message: 'External identifier has been deleted.' });

function notActivated({ id }: KnownSpace): Refusal {
  return refusal(403, 'forbidden', `Deleted identifier not activated for space_id ${id}.`);
}

/** Long enough for any name; what a client puts in a path is not repeated at length. */
const longestShown = 100;

function shown(text: string): string {
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
}

interface Params {
  readonly collection: string;
  readonly profile: string;
}

/** The user id that the path names. */
function readUserId({ collection, profile }: Params): string | Refusal {
  const where = decodeSegment(collection);
  if (where === '') return parameterMissing;
  if (where !== 'users') return bad(`Invalid collection: ${shown(where ?? collection)}.`);
  const text = decodeSegment(profile);
  if (text === null) return bad('The URL has a broken percent-escape.');
  const colon = text.indexOf(':');
  const type = colon < 0 ? 'segment_id' : text.slice(0, colon);
  const value = text.slice(colon + 1);
  if (type === '' || value === '') return parameterMissing;
  if (type !== 'user_id') return bad(`Invalid URL: valid \`user_id\` is required. Unsupported \`${shown(type)}\`.`);
  return value;
}

/** Whether users of the space can have identifiers of this type. */
function isOfUsers(type: string, { identifiers }: SpaceSettings): boolean {
  const isKnown = (collection: string) =>
    identifiers.some((rule) => rule.type === type && rule.collection === collection);
  return isIdentifierType(type) && type !== 'group_id' && (isKnown('users') || !isKnown('accounts'));
}

/** The identifier that the body names. */
function readBody(body: unknown, settings: SpaceSettings, userId: string): { type: string; value: string } | Refusal {
  const entries = isJsonObject(body) ? body.delete_external_ids : undefined;
  if (!Array.isArray(entries)) return malformedBody;
  if (entries.length !== 1) return notOne;
  const entry: unknown = entries[0];
  if (!isJsonObject(entry) || typeof entry.id !== 'string' || typeof entry.type !== 'string') return malformedBody;
  if (!isOfUsers(entry.type, settings)) return typeUnsupported;
  if (entry.type === 'user_id' && entry.id === userId) return isLookupId;
  return { type: entry.type, value: entry.id };
}

const outcomes: Readonly<Record<Exclude<IdentifierDeletion, 'deleted'>, Refusal>> = {
  profile_not_found: notFound,
  identifier_not_found: identifierNotFound,
  last_user_id: isLookupId,
};

const schema = {
  operationId: 'deleteIdentifier',
  tags: ['profile'],
  summary: 'Delete an identifier of a profile',
  description:
    'The setting `identifierDeletion` of the space must be on. Only the identifier goes, and its value is free again: traits and events of the profile stay as they are.',
  security,
  params: z.object({
    space: z.string().meta({ description: 'Id or name of the space.', example: 'spa_2oQ7nXkT4bVdPz8sYcH1mRj6Wf0' }),
    collection: z.literal('users'),
    profile: z.string().meta({ description: '`user_id:<value>`, percent-encoded once.', example: 'user_id:c-501' }),
  }),
  body: z
    .object({ delete_external_ids: z.array(z.object({ id: z.string(), type: z.string() })).length(1) })
    .meta({ examples: [{ delete_external_ids: [{ id: 'old@example.net', type: 'email' }] }] }),
  response: {
    200: answer(
      'It is gone.',
      z.object({ code: z.literal('success'), message: z.string() }).meta({ examples: [JSON.parse(success)] }),
    ),
    400: errorAnswer(
      'The path or the body asks for something that cannot be deleted (`bad_request`, `unsupported_eid_type`), or the body is no JSON (`invalid_request_error`).',
      notOne.code,
      notOne.message,
    ),
    401: errorAnswer('No token, or not one of this space.', unauthorized.code, unauthorized.message),
    403: errorAnswer(
      'The space does not allow it.',
      'forbidden',
      notActivated({ id: 'spa_2oQ7nXkT4bVdPz8sYcH1mRj6Wf0' } as KnownSpace).message,
    ),
    404: errorAnswer(
      'No such profile (`not_found`), or it has no such identifier (`eid_not_found`).',
      identifierNotFound.code,
      identifierNotFound.message,
    ),
    405: errorAnswer(
      'Another method than POST.',
      'invalid_request_error',
      'The method GET is not supported here; use POST.',
    ),
    413: errorAnswer(
      `A body of more than ${deletionBodyLimit} bytes.`,
      'invalid_request_error',
      'Request body is too large',
    ),
    429: errorAnswer(
      `Over the rate limit of the space, or over ${deletionsPerSecond} deletions per second on one profile.`,
      tooMany.code,
      tooMany.message,
    ),
    500: errorAnswer('A fault of the server.', 'internal_error', 'The server failed to answer this request.'),
  },
};

export function identifierDeletionRoute({ access, deleteIdentifier, clock }: IdentifierDeletionDeps): ProfileRoute {
  const rate = new RateLimit(deletionsPerSecond);

  async function checkPath(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const space = await access.spaceOf(request);
    if (space === null) return refuse(reply, spaceNotFound);
    if (space.settings.identifierDeletion !== true) return refuse(reply, notActivated(space));
    const userId = readUserId(request.params as Params);
    return isRefusal(userId) ? refuse(reply, userId) : undefined;
  }

  async function handler(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const space = await access.spaceOf(request);
    if (space === null) return refuse(reply, spaceNotFound);
    const userId = readUserId(request.params as Params);
    if (isRefusal(userId)) return refuse(reply, userId);
    const identifier = readBody(request.body, space.settings, userId);
    if (isRefusal(identifier)) return refuse(reply, identifier);
    const now = clock.now();
    if (!rate.take(`${space.no} ${userId}`, now.getTime())) return refuse(reply, tooMany);
    const outcome = await deleteIdentifier(space.no, { userId, ...identifier, now });
    return outcome === 'deleted' ? sendJson(reply, 200, success) : refuse(reply, outcomes[outcome]);
  }

  return {
    method: 'POST',
    url: '/collections/:collection/profiles/:profile/external_ids/delete',
    schema,
    // Before the body is read: what the path asks for is refused first.
    onRequest: [access.letIn(unauthorized), checkPath],
    bodyLimit: deletionBodyLimit,
    handler,
  };
}
