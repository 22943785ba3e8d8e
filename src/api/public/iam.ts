/** Who is there: roles as they are; people, groups and invites, of which there are none: tokens are made by the command line. */
import { roles } from '../../workspace/workspace.ts';
import { notFound } from './errors.ts';
import { listPage } from './pagination.ts';
import type { PublicRequest, PublicRoute } from './route.ts';
import { allVersions } from './versions.ts';

export function iamRoutes(): readonly PublicRoute[] {
  const common = { method: 'GET', versions: allVersions, needs: 'workspace:admin' } as const;
  const list = (url: string, key: string, rows: readonly object[] = []): PublicRoute => ({
    ...common,
    url,
    handle: async ({ query }) => listPage(key, rows, query),
  });
  const noUser = async ({ params }: PublicRequest) => notFound('User', params.userId as string);
  const noGroup = async ({ params }: PublicRequest) => notFound('Group', params.userGroupId as string);
  return [
    list(
      '/roles',
      'roles',
      Object.values(roles).map(({ id, name, description }) => ({ id, name, description })),
    ),
    list('/users', 'users'),
    { ...common, url: '/users/:userId', handle: noUser },
    { ...common, url: '/users/:userId/groups', handle: noUser },
    list('/groups', 'userGroups'),
    { ...common, url: '/groups/:userGroupId', handle: noGroup },
    { ...common, url: '/groups/:userGroupId/users', handle: noGroup },
    { ...common, url: '/groups/:userGroupId/invites', handle: noGroup },
    list('/invites', 'invites'),
  ];
}
