/** `GET …/profiles`: the profiles of a collection, most recently updated first; merged ones are not listed. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { SpaceReader } from '../../space/space.ts';
import { answers, type ListParams, listParams, security } from './document.ts';
import { isRefusal, refuse, sendJson } from './errors.ts';
import { readCollection } from './identifier.ts';
import type { ProfileRoute } from './lookup.ts';
import { cursorSchema, cursorText } from './paging.ts';
import { limitParameter, nextParameter, pageSize } from './query.ts';

export const listPage = { default: 10, maximum: 100 };

const querystring = z.object({
  limit: limitParameter(listPage),
  next: nextParameter('opaque; `0` also means the first page'),
});

const schema = {
  operationId: 'listProfiles',
  tags: ['profile'],
  summary: 'Profiles of a collection',
  security,
  params: listParams,
  querystring,
  response: answers(
    'The profiles, most recently updated first.',
    z.object({
      data: z.array(z.object({ segment_id: z.string(), updated_at: z.iso.datetime() })),
      cursor: cursorSchema(listPage.default),
    }),
    {
      data: [{ segment_id: 'use_2oQ7nXkT4bVdPz8sYcH1mRj6Wf0', updated_at: '2025-11-20T09:15:04.919Z' }],
      cursor: { url: '', has_more: false, next: '', limit: 10 },
    },
  ),
};

export function listRoute(reader: SpaceReader): ProfileRoute {
  return {
    url: '/collections/:collection/profiles',
    schema,
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      const collection = readCollection((request.params as ListParams).collection);
      if (isRefusal(collection)) return refuse(reply, collection);
      const query = request.query as z.output<typeof querystring>;
      const limit = pageSize(query.limit, listPage);
      const next = query.next === '' || query.next === '0' ? undefined : query.next;
      const page = await reader.list(request.spaceNo, collection, limit, next);
      const data = JSON.stringify(
        page.items.map((item) => ({ segment_id: item.segmentId, updated_at: item.updatedAt })),
      );
      return sendJson(reply, 200, `{"data":${data},"cursor":${cursorText(request, limit, page.next)}}`);
    },
  };
}
