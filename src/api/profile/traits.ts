/** `GET …/profiles/<id>/traits`: what is known about a profile, keys ascending by code point. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Profile, ProfileTrait, SpaceReader } from '../../space/space.ts';
import { answers, profileParams, security } from './document.ts';
import { badRequest, isRefusal, type Refusal } from './errors.ts';
import { type ProfileRoute, profileHandler } from './lookup.ts';
import { cursorSchema, cursorText, cutPage } from './paging.ts';
import { includeParameter, limitParameter, nextParameter, pageSize, readList, verboseParameter } from './query.ts';

export const traitsPage = { default: 10, maximum: 200 };

const querystring = z.object({
  class: z
    .enum(['audience', 'computed_trait'], {
      error: 'The parameter `class` must be `audience` or `computed_trait`.',
    })
    .optional()
    .meta({ description: 'Only audience memberships, or only computed and SQL traits. Left out: all traits.' }),
  include: includeParameter('trait keys; only these are returned'),
  limit: limitParameter(traitsPage, ' With `include`, the default is the number of its keys.'),
  next: nextParameter('the first key of the following page'),
  verbose: verboseParameter('`true`: each trait comes with the source that wrote it and the time.'),
});

const originSchema = z.object({ value: z.any(), source_id: z.string(), updated_at: z.iso.datetime() });

const schema = {
  operationId: 'getTraits',
  tags: ['profile'],
  summary: 'Traits of a profile',
  security,
  params: profileParams,
  querystring,
  response: answers(
    'The traits, by key; with `verbose=true` each is an object of `value`, `source_id` and `updated_at`.',
    z.object({
      traits: z.union([z.record(z.string(), originSchema), z.record(z.string(), z.any())]),
      cursor: cursorSchema(traitsPage.default),
    }),
    {
      traits: { 'Plan Tier': 'gold', city: 'Lyon', lifetime_orders: 12, vip_buyers: true },
      cursor: { url: '', has_more: false, next: '', limit: 10 },
    },
  ),
};

/** Half a surrogate pair is in no address: a key that holds one goes into cursors with its escapes. */
const keyOf = ({ key }: ProfileTrait): string => (/\p{Surrogate}/u.test(key) ? JSON.stringify(key) : key);
const every = (): boolean => true;

/** Written by hand: an object of JavaScript would put keys like `10` first. */
function traitsText(traits: readonly ProfileTrait[], verbose: boolean): string {
  let text = '';
  for (const trait of traits) {
    const value = JSON.stringify(trait.value);
    const { sourceId, updatedAt } = trait.origin;
    text += `${text === '' ? '' : ','}${JSON.stringify(trait.key)}:`;
    text += verbose ? `{"value":${value},"source_id":${JSON.stringify(sourceId)},"updated_at":"${updatedAt}"}` : value;
  }
  return text;
}

function filter(keys: readonly string[] | undefined, traitClass: string | undefined) {
  if (keys === undefined && traitClass === undefined) return every;
  const wanted = keys === undefined ? null : new Set(keys);
  return (trait: ProfileTrait): boolean =>
    (wanted === null || wanted.has(trait.key)) && (traitClass === undefined || trait.class === traitClass);
}

/** Answers to requests without parameters, by the traits they show: the reader gives the same list while they stand. */
const plainAnswers = new WeakMap<readonly ProfileTrait[], string>();

function render(profile: Profile, request: FastifyRequest): string | Refusal {
  const isPlain = !request.originalUrl.includes('?') && profile.traits.length <= traitsPage.default;
  const known = isPlain ? plainAnswers.get(profile.traits) : undefined;
  if (known !== undefined) return known;
  const answer = renderPage(profile, request);
  if (isPlain && typeof answer === 'string') plainAnswers.set(profile.traits, answer);
  return answer;
}

function renderPage(profile: Profile, request: FastifyRequest): string | Refusal {
  const query = request.query as z.output<typeof querystring>;
  const keys = query.include === undefined ? undefined : readList(request.originalUrl, 'include');
  if (keys === null) return badRequest('The parameter `include` has a broken percent-escape.');
  const limit = pageSize(query.limit, traitsPage, keys?.length);
  const page = cutPage(profile.traits, keyOf, filter(keys, query.class), query.next, limit);
  if (isRefusal(page)) return page;
  const traits = traitsText(page.items, query.verbose === 'true');
  return `{"traits":{${traits}},"cursor":${cursorText(request, limit, page.following)}}`;
}

export function traitsRoute(reader: SpaceReader): ProfileRoute {
  return {
    url: '/collections/:collection/profiles/:profile/traits',
    schema,
    handler: profileHandler(reader, render),
  };
}
