/** `GET …/profiles/<id>/external_ids`: the identifiers of a profile, newest first. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ExternalId, Profile, SpaceReader } from '../../space/space.ts';
import { answers, profileParams, security } from './document.ts';
import { badRequest, isRefusal, type Refusal } from './errors.ts';
import { type ProfileRoute, profileHandler } from './lookup.ts';
import { cursorSchema, cursorText, cutPage } from './paging.ts';
import { includeParameter, limitParameter, nextParameter, pageSize, readList, verboseParameter } from './query.ts';

export const externalIdsPage = { default: 10, maximum: 25 };

const querystring = z.object({
  include: includeParameter('identifier types; only these are returned'),
  limit: limitParameter(externalIdsPage),
  next: nextParameter('the id of the next item'),
  verbose: verboseParameter('`true`: each identifier comes with the time it was last seen.'),
});

export const externalIdSchema = z.object({
  source_id: z.string(),
  collection: z.enum(['users', 'accounts']),
  id: z.string(),
  type: z.string(),
  created_at: z.iso.datetime(),
  encoding: z.literal('none'),
});

export const exampleId = {
  source_id: '9cQ2mXb7Lw',
  collection: 'users',
  id: '+33155501234',
  type: 'phone',
  created_at: '2025-09-30T14:02:11.367Z',
  encoding: 'none',
};

const schema = {
  operationId: 'getExternalIds',
  tags: ['profile'],
  summary: 'Identifiers of a profile',
  security,
  params: profileParams,
  querystring,
  response: answers(
    'The identifiers, newest first.',
    z.object({
      data: z.array(
        externalIdSchema.extend({
          first_message_id: z.string().nullable(),
          last_seen_at: z.iso.datetime().optional().meta({ description: 'With `verbose=true`.' }),
        }),
      ),
      cursor: cursorSchema(externalIdsPage.default),
    }),
    {
      data: [{ ...exampleId, first_message_id: 'node-next-1759240931000-5d0c' }],
      cursor: { url: '', has_more: false, next: '', limit: 10 },
    },
  ),
};

const keyOf = (id: ExternalId): string => id.mapId;

function render(profile: Profile, request: FastifyRequest): string | Refusal {
  const query = request.query as z.output<typeof querystring>;
  const types = query.include === undefined ? undefined : readList(request.originalUrl, 'include');
  if (types === null) return badRequest('The parameter `include` has a broken percent-escape.');
  const limit = pageSize(query.limit, externalIdsPage);
  const wanted = (id: ExternalId): boolean => types === undefined || types.includes(id.type);
  const page = cutPage(profile.externalIds, keyOf, wanted, query.next, limit);
  if (isRefusal(page)) return page;
  const data = page.items.map((id) => ({
    source_id: id.sourceId,
    collection: id.collection,
    id: id.id,
    type: id.type,
    created_at: id.createdAt,
    encoding: 'none',
    first_message_id: id.firstMessageId,
    ...(query.verbose === 'true' ? { last_seen_at: id.lastSeenAt } : {}),
  }));
  return `{"data":${JSON.stringify(data)},"cursor":${cursorText(request, limit, page.following)}}`;
}

export function externalIdsRoute(reader: SpaceReader): ProfileRoute {
  return {
    url: '/collections/:collection/profiles/:profile/external_ids',
    schema,
    handler: profileHandler(reader, render),
  };
}
