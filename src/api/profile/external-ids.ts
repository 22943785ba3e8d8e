/** `GET …/profiles/<id>/external_ids`: the identifiers of a profile, newest first. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { channelsOf, type ExternalId, type Profile, type SpaceReader, type Subscription } from '../../space/space.ts';
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
  verbose: verboseParameter(
    '`true`: each identifier comes with the time it was last seen; e-mail addresses, phone numbers and push tokens also with what they are subscribed to.',
  ),
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

const status = z.enum(['SUBSCRIBED', 'UNSUBSCRIBED', 'DID_NOT_SUBSCRIBE']);

const subscriptionSchema = z.object({
  channel: z.enum(['EMAIL', 'SMS', 'WHATSAPP', 'IOS_PUSH', 'ANDROID_PUSH']),
  status: status.nullable().meta({ description: 'Null when only groups were spoken of.' }),
  updated_at: z.iso.datetime(),
  groups: z.array(z.object({ name: z.string(), status })),
});

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
          last_seen_at: z.iso.datetime().optional().meta({ description: 'With `verbose=true`, as the one below.' }),
          subscriptions: z.array(subscriptionSchema).optional().meta({
            description: 'Of an identifier that people are contacted by; empty when nothing is known of it.',
          }),
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

/** What the contacts among these identifiers are subscribed to, by identifier; one look-up for all. */
async function subscriptionsOf(reader: SpaceReader, spaceNo: number, ids: readonly ExternalId[]) {
  const contacts = ids.flatMap((id) => channelsOf(id).map((channel) => ({ channel, key: id.id })));
  const known = contacts.length === 0 ? [] : await reader.subscriptions(spaceNo, contacts);
  const byContact = new Map(known.map((one) => [`${one.channel}:${one.key}`, one]));
  return (id: ExternalId): readonly Subscription[] =>
    channelsOf(id).flatMap((channel) => byContact.get(`${channel}:${id.id}`) ?? []);
}

function subscriptionBody({ channel, status, updatedAt, groups }: Subscription) {
  return { channel, status, updated_at: updatedAt, groups: groups.map(({ name, status }) => ({ name, status })) };
}

async function render(reader: SpaceReader, profile: Profile, request: FastifyRequest): Promise<string | Refusal> {
  const query = request.query as z.output<typeof querystring>;
  const types = query.include === undefined ? undefined : readList(request.originalUrl, 'include');
  if (types === null) return badRequest('The parameter `include` has a broken percent-escape.');
  const limit = pageSize(query.limit, externalIdsPage);
  const wanted = (id: ExternalId): boolean => types === undefined || types.includes(id.type);
  const page = cutPage(profile.externalIds, keyOf, wanted, query.next, limit);
  if (isRefusal(page)) return page;
  const subscribed = query.verbose === 'true' ? await subscriptionsOf(reader, request.spaceNo, page.items) : null;
  const data = page.items.map((id) => ({
    source_id: id.sourceId,
    collection: id.collection,
    id: id.id,
    type: id.type,
    created_at: id.createdAt,
    encoding: 'none',
    first_message_id: id.firstMessageId,
    ...(subscribed === null ? {} : { last_seen_at: id.lastSeenAt }),
    ...(subscribed === null || channelsOf(id).length === 0
      ? {}
      : { subscriptions: subscribed(id).map(subscriptionBody) }),
  }));
  return `{"data":${JSON.stringify(data)},"cursor":${cursorText(request, limit, page.following)}}`;
}

export function externalIdsRoute(reader: SpaceReader): ProfileRoute {
  return {
    url: '/collections/:collection/profiles/:profile/external_ids',
    schema,
    handler: profileHandler(reader, (profile, request) => render(reader, profile, request)),
  };
}
