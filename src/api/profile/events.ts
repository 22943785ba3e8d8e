/** `GET …/profiles/<id>/events`: what a person did within the last 14 days, or users did in the name of an account. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import { isJsonObject, type JsonObject } from '../../base/json.ts';
import type { EventsQuery, ProfileEvent, SpaceReader } from '../../space/space.ts';
import { answers, profileParams, security } from './document.ts';
import { badRequest, isRefusal, profileNotFound, type Refusal, refuse, sendJson } from './errors.ts';
import { type ProfileRoute, readAddress } from './lookup.ts';
import { cursorSchema, cursorText } from './paging.ts';
import { includeParameter, limitParameter, nextParameter, pageSize, readList, timeParameter } from './query.ts';

export const eventsPage = { default: 10, maximum: 100 };

/** How far back events are shown, by their own time. */
export const eventWindowMs = 14 * 24 * 60 * 60 * 1000;

/** Later than any event: the space keeps times up to the year 9999. */
const endOfTime = new Date('+010000-01-01T00:00:00.000Z');

const querystring = z.object({
  include: includeParameter('event names; only these are returned'),
  exclude: includeParameter('event names that are not returned, also when `include` has them'),
  start: timeParameter('start', 'Events from this time on. Earlier than 14 days ago counts as 14 days ago.'),
  end: timeParameter('end', 'Events before this time.'),
  sort: z
    .enum(['asc', 'desc'], { error: 'The parameter `sort` must be `asc` or `desc`.' })
    .optional()
    .meta({ default: 'desc', description: '`desc`: newest first; `asc`: oldest first.' }),
  limit: limitParameter(eventsPage),
  next: nextParameter('opaque'),
});

const schema = {
  operationId: 'getEvents',
  tags: ['profile'],
  summary: 'Events of a profile',
  security,
  params: profileParams,
  querystring,
  response: answers(
    'Events of the last 14 days, newest first. Page and screen views are tracks named `Page Viewed` and `Screen Viewed`.',
    z.object({
      data: z.array(
        z.object({
          external_ids: z
            .array(z.object({ collection: z.literal('users'), type: z.string(), id: z.string(), encoding: z.string() }))
            .meta({ description: 'The identifiers by which it came to the profile.' }),
          context: z.record(z.string(), z.any()),
          type: z.literal('track'),
          message_id: z.string(),
          source_id: z.string(),
          timestamp: z.iso.datetime(),
          properties: z.record(z.string(), z.any()),
          event: z.string(),
          related: z
            .object({ users: z.string(), accounts: z.string().optional() })
            .meta({ description: 'Segment ids: whose it is now, and the account that it named.' }),
        }),
      ),
      cursor: cursorSchema(eventsPage.default),
    }),
    {
      data: [
        {
          external_ids: [{ collection: 'users', type: 'user_id', id: 'c-501', encoding: 'none' }],
          context: { ip: '203.0.113.9', library: { name: 'acme-importer', version: '0.4.2' } },
          type: 'track',
          message_id: 'imp-2',
          source_id: '9cQ2mXb7Lw',
          timestamp: '2025-11-20T09:15:02.500Z',
          properties: { seats: 4 },
          event: 'Trial Started',
          related: { users: 'use_2oQ7nXkT4bVdPz8sYcH1mRj6Wf0' },
        },
      ],
      cursor: { url: '', has_more: false, next: '', limit: 10 },
    },
  ),
};

function readQuery(request: FastifyRequest, now: Date): EventsQuery | Refusal {
  const query = request.query as z.output<typeof querystring>;
  const include = readList(request.originalUrl, 'include');
  if (include === null) return badRequest('The parameter `include` has a broken percent-escape.');
  const exclude = readList(request.originalUrl, 'exclude');
  if (exclude === null) return badRequest('The parameter `exclude` has a broken percent-escape.');
  const earliest = now.getTime() - eventWindowMs;
  return {
    from: new Date(Math.max(earliest, query.start?.getTime() ?? earliest)),
    before: query.end ?? endOfTime,
    ...(include === undefined ? {} : { include }),
    ...(exclude === undefined ? {} : { exclude }),
    order: query.sort === 'asc' ? 'oldest first' : 'newest first',
    limit: pageSize(query.limit, eventsPage),
    ...(query.next === undefined || query.next === '' ? {} : { next: query.next }),
  };
}

function eventBody(event: ProfileEvent) {
  return {
    external_ids: event.externalIds.map(({ type, id }) => ({ collection: 'users', type, id, encoding: 'none' })),
    context: contextOf(event.message),
    type: 'track',
    message_id: event.messageId,
    source_id: event.sourceId,
    timestamp: event.timestamp,
    properties: propertiesOf(event),
    event: nameOf(event),
    related: { users: event.userId, ...(event.accountId === null ? {} : { accounts: event.accountId }) },
  };
}

/** Consent and subscriptions, which travel in the context too, are nobody's business here. */
function contextOf({ context }: JsonObject): JsonObject {
  if (!isJsonObject(context)) return {};
  const { consent: _, messaging_subscriptions: __, ...rest } = context;
  return rest;
}

/** A view also carries its page's or screen's name, under a name of its own. */
function propertiesOf({ type, message }: ProfileEvent): JsonObject {
  const properties = isJsonObject(message.properties) ? message.properties : {};
  if (type === 'track') return properties;
  const name = message.name ?? properties.name;
  if (name === undefined || name === null) return properties;
  return { name, [type === 'page' ? 'page_name' : 'screen_name']: name, ...properties };
}

/** As it was sent: the space compares names in a form that its database can hold. */
function nameOf({ type, name, message }: ProfileEvent): string {
  return type === 'track' && typeof message.event === 'string' ? message.event : name;
}

export function eventsRoute(reader: SpaceReader, clock: Clock): ProfileRoute {
  return {
    url: '/collections/:collection/profiles/:profile/events',
    schema,
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      const address = readAddress(request);
      if (isRefusal(address)) return refuse(reply, address);
      const query = readQuery(request, clock.now());
      if (isRefusal(query)) return refuse(reply, query);
      const page = await reader.events(request.spaceNo, address.collection, address.key, query);
      if (page === null) return refuse(reply, profileNotFound);
      const data = JSON.stringify(page.items.map(eventBody));
      return sendJson(reply, 200, `{"data":${data},"cursor":${cursorText(request, query.limit, page.next)}}`);
    },
  };
}
