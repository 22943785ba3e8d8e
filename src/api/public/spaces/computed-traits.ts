/** `/spaces/{spaceId}/computed-traits`: definitions of values that are computed for profiles. */
import { listComputations } from '../../../audience/audience.ts';
import { isRefusal } from '../errors.ts';
import { listPage } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { PublicRoute } from '../route.ts';
import { changeOne, createOne, deleteOne, type Family, findOne } from './computation-acts.ts';
import { computedTraitBody } from './computation-bodies.ts';
import { spaceOrRefusal } from './find-space.ts';

const computedTraits: Family = {
  ...{ kind: 'computed_trait', key: 'computedTrait', body: computedTraitBody },
  one: { error: 'Computed trait', audit: 'Computed Trait' },
};

export function computedTraitRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const url = '/spaces/:spaceId/computed-traits';
  const reading = { method: 'GET', versions: ['alpha'], needs: 'space:read' } as const;
  const changing = { versions: ['alpha'], needs: 'audience:admin' } as const;
  return [
    {
      ...{ ...changing, method: 'POST', url, perMinute: 10 },
      handle: (request) => createOne(deps, computedTraits, request),
    },
    {
      ...{ ...reading, url, perMinute: 25 },
      async handle({ params, query, grant }) {
        const space = await spaceOrRefusal(deps.db.pool, params.spaceId as string, grant, 'space:read');
        if (isRefusal(space)) return space;
        const all = await listComputations(deps.db.pool, space.no, 'computed_trait');
        const rows = all.map((one) => computedTraitBody(space, one));
        return listPage('computedTraits', rows, query);
      },
    },
    {
      ...{ ...reading, url: `${url}/:id`, perMinute: 100 },
      async handle(request) {
        const found = await findOne(deps, computedTraits, request, 'space:read');
        if (isRefusal(found)) return found;
        return { data: { computedTrait: computedTraitBody(found.space, found.computation) } };
      },
    },
    {
      ...{ ...changing, method: 'PATCH', url: `${url}/:id`, perMinute: 10 },
      handle: (request) => changeOne(deps, computedTraits, request),
    },
    {
      ...{ ...changing, method: 'DELETE', url: `${url}/:id`, perMinute: 20 },
      handle: (request) => deleteOne(deps, computedTraits, request),
    },
  ];
}
