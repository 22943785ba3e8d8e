/** Who is there: roles, people, and those who were invited and have not come yet. There are no groups. */
import { listPeople, type Person, roles } from '../../../workspace/workspace.ts';
import { notFound } from '../errors.ts';
import { listPage } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { PublicRequest, PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';
import { permissionsOf } from './permission-bodies.ts';

export function iamRoutes({ db }: PublicApiDeps): readonly PublicRoute[] {
  const common = { method: 'GET', versions: allVersions, needs: 'workspace:admin' } as const;
  const list = (url: string, key: string, rows: () => Promise<readonly (object | string)[]>): PublicRoute => ({
    ...common,
    url,
    handle: async ({ query }) => listPage(key, (await rows()) as readonly object[], query),
  });
  const none = async () => [];
  const users = async () => (await listPeople(db.pool)).filter(({ hasPassword }) => hasPassword);
  const userOf = async ({ params }: PublicRequest) => (await users()).find(({ id }) => id === params.userId);
  const noUser = ({ params }: PublicRequest) => notFound('User', params.userId as string);
  const noGroup = async ({ params }: PublicRequest) => notFound('Group', params.userGroupId as string);
  return [
    list('/roles', 'roles', async () =>
      Object.values(roles).map(({ id, name, description }) => ({ id, name, description })),
    ),
    list('/users', 'users', async () => (await users()).map(userBody)),
    {
      ...{ ...common, url: '/users/:userId' },
      async handle(request) {
        const user = await userOf(request);
        return user === undefined ? noUser(request) : { data: { user: userBody(user) } };
      },
    },
    {
      ...{ ...common, url: '/users/:userId/groups' },
      async handle(request) {
        return (await userOf(request)) === undefined ? noUser(request) : listPage('groups', [], request.query);
      },
    },
    list('/groups', 'userGroups', none),
    { ...common, url: '/groups/:userGroupId', handle: noGroup },
    { ...common, url: '/groups/:userGroupId/users', handle: noGroup },
    { ...common, url: '/groups/:userGroupId/invites', handle: noGroup },
    list('/invites', 'invites', async () =>
      (await listPeople(db.pool)).filter(({ hasPassword }) => !hasPassword).map(({ email }) => email),
    ),
  ];
}

function userBody({ id, name, email, ...grant }: Person) {
  return { id, name, email, permissions: permissionsOf(grant) };
}
