/** `GET …/profiles/<id>/links`: the accounts of a user, the users of an account; newest link first. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ProfileLink, SpaceReader } from '../../space/space.ts';
import { answers, profileParams, security } from './document.ts';
import { isRefusal, profileNotFound, refuse, sendJson } from './errors.ts';
import { exampleId, externalIdSchema } from './external-ids.ts';
import { type ProfileRoute, readAddress } from './lookup.ts';
import { cursorSchema, cursorText } from './paging.ts';
import { limitParameter, nextParameter, pageSize } from './query.ts';

export const linksPage = { default: 20, maximum: 20 };

const querystring = z.object({
  limit: limitParameter(linksPage),
  next: nextParameter('opaque'),
});

const schema = {
  operationId: 'getLinks',
  tags: ['profile'],
  summary: 'Links of a profile',
  security,
  params: profileParams,
  querystring,
  response: answers(
    'The linked profiles, newest link first, each by its identifiers (25 at most).',
    z.object({
      data: z.array(
        z.object({ to_collection: z.enum(['users', 'accounts']), external_ids: z.array(externalIdSchema) }),
      ),
      cursor: cursorSchema(linksPage.default),
    }),
    {
      data: [
        {
          to_collection: 'accounts',
          external_ids: [{ ...exampleId, id: 'org-88', type: 'group_id', collection: 'accounts' }],
        },
      ],
      cursor: { url: '', has_more: false, next: '', limit: 20 },
    },
  ),
};

function linkBody(link: ProfileLink) {
  return {
    to_collection: link.toCollection,
    external_ids: link.externalIds.map((id) => ({
      id: id.id,
      type: id.type,
      source_id: id.sourceId,
      collection: id.collection,
      created_at: id.createdAt,
      encoding: 'none',
    })),
  };
}

export function linksRoute(reader: SpaceReader): ProfileRoute {
  return {
    url: '/collections/:collection/profiles/:profile/links',
    schema,
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      const address = readAddress(request);
      if (isRefusal(address)) return refuse(reply, address);
      const query = request.query as z.output<typeof querystring>;
      const limit = pageSize(query.limit, linksPage);
      const next = query.next === '' ? undefined : query.next;
      const page = await reader.links(request.spaceNo, address.collection, address.key, limit, next);
      if (page === null) return refuse(reply, profileNotFound);
      const data = JSON.stringify(page.items.map(linkBody));
      return sendJson(reply, 200, `{"data":${data},"cursor":${cursorText(request, limit, page.next)}}`);
    },
  };
}
