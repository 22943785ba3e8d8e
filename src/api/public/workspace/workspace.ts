/** `GET /`: the workspace of the token; how integrations test a token. */
import type { PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';

/** There is one workspace in a database. */
export const workspaceId = 'workspace';

export function workspaceRoutes(): readonly PublicRoute[] {
  const workspace = { id: workspaceId, slug: 'workspace', name: 'Workspace' };
  return [
    {
      ...{ method: 'GET', url: '/', versions: allVersions, needs: 'workspace:read' },
      handle: async () => ({ data: { workspace } }),
    },
  ];
}
