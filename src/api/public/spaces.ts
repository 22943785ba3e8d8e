/** `/spaces`: the profile spaces a token may see. They are made by a workspace file; this API changes none. */
import { listSpaces, may, type Space } from '../../workspace/workspace.ts';
import { isRefusal } from './errors.ts';
import { spaceOrRefusal } from './find-space.ts';
import { listPage } from './pagination.ts';
import type { PublicApiDeps } from './public.ts';
import type { PublicRoute } from './route.ts';

export function spaceRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const common = { method: 'GET', versions: ['alpha'], needs: 'space:read' } as const;
  return [
    {
      ...{ ...common, url: '/spaces' },
      async handle({ query, grant }) {
        const spaces = [...(await listSpaces(deps.db.pool))].sort(byCreation);
        const seen = spaces.filter(({ id }) => may(grant, 'space:read', { type: 'SPACE', id }));
        return listPage('spaces', seen.map(spaceBody), query);
      },
    },
    {
      ...{ ...common, url: '/spaces/:spaceId' },
      async handle({ params, grant }) {
        const space = await spaceOrRefusal(deps.db.pool, params.spaceId as string, grant, 'space:read');
        return isRefusal(space) ? space : { data: { space: spaceBody(space) } };
      },
    },
  ];
}

function byCreation(a: Space, b: Space): number {
  return a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1);
}

function spaceBody({ id, name, title }: Space) {
  return { id, slug: name, name: title ?? name };
}
