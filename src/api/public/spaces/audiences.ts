/**
 * `/spaces/{spaceId}/audiences` and `…/computed-traits`. This version computes neither: lists are empty, none is found by
 * id, and making one is refused in plain words.
 */
import { badRequest, isRefusal, notFound } from '../errors.ts';
import { listPage } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { PublicRequest, PublicRoute } from '../route.ts';
import { allVersions, type Version } from '../versions.ts';
import { spaceOrRefusal } from './find-space.ts';

interface Family {
  readonly path: string;
  /** Of lists. */
  readonly key: string;
  readonly one: string;
  readonly many: string;
  readonly versions: readonly Version[];
  /** Requests per minute. */
  readonly rates: {
    readonly create: number;
    readonly list: number;
    readonly get: number;
    readonly change: number;
    readonly remove: number;
  };
}

const audiences: Family = {
  ...{ path: 'audiences', key: 'audiences', one: 'Audience', many: 'Audiences', versions: allVersions },
  rates: { create: 50, list: 60, get: 100, change: 50, remove: 50 },
};
const computedTraits: Family = {
  ...{ path: 'computed-traits', key: 'computedTraits', one: 'Computed trait', many: 'Computed traits' },
  versions: ['alpha'],
  rates: { create: 10, list: 25, get: 100, change: 10, remove: 20 },
};

export function audienceRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  return [...previewRoutes(deps), ...familyRoutes(deps, audiences), ...familyRoutes(deps, computedTraits)];
}

function familyRoutes(deps: PublicApiDeps, family: Family): readonly PublicRoute[] {
  const { versions, rates } = family;
  const url = `/spaces/:spaceId/${family.path}`;
  const reading = { method: 'GET', versions, needs: 'space:read' } as const;
  const changing = { versions, needs: 'audience:admin' } as const;
  const notThere = absent(deps, family.one, 'audience:admin');
  return [
    {
      ...{ ...changing, method: 'POST', url, perMinute: rates.create },
      handle: unavailable(deps, family.many),
    },
    {
      ...{ ...reading, url, perMinute: rates.list },
      async handle({ params, query, grant }) {
        const space = await spaceOrRefusal(deps.db.pool, params.spaceId as string, grant, 'space:read');
        return isRefusal(space) ? space : listPage(family.key, [], query);
      },
    },
    {
      ...{ ...reading, url: `${url}/:id`, perMinute: rates.get },
      handle: absent(deps, family.one, 'space:read'),
    },
    { ...{ ...changing, method: 'PATCH', url: `${url}/:id`, perMinute: rates.change }, handle: notThere },
    { ...{ ...changing, method: 'DELETE', url: `${url}/:id`, perMinute: rates.remove }, handle: notThere },
  ];
}

function previewRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const url = '/spaces/:spaceId/audiences/previews';
  return [
    {
      ...{ method: 'POST', url, versions: allVersions, needs: 'space:read', perMinute: 5 },
      handle: unavailable(deps, 'Audiences', 'space:read'),
    },
    {
      ...{ method: 'GET', url: `${url}/:id`, versions: allVersions, needs: 'space:read', perMinute: 300 },
      handle: absent(deps, 'Audience preview', 'space:read'),
    },
  ];
}

type SpacePower = 'space:read' | 'audience:admin';

function unavailable({ db }: PublicApiDeps, many: string, power: SpacePower = 'audience:admin') {
  return async ({ params, grant }: PublicRequest) => {
    const space = await spaceOrRefusal(db.pool, params.spaceId as string, grant, power);
    return isRefusal(space) ? space : badRequest(`${many} are not available in this version of the server.`);
  };
}

function absent({ db }: PublicApiDeps, one: string, power: SpacePower) {
  return async ({ params, grant }: PublicRequest) => {
    const space = await spaceOrRefusal(db.pool, params.spaceId as string, grant, power);
    return isRefusal(space) ? space : notFound(one, params.id as string);
  };
}
