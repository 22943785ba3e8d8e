/** People and invitations over the Public API. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandLine, invitePerson } from '../../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
beforeAll(async () => {
  server = await openPublicApi();
});
afterAll(() => server[Symbol.asyncDispose]());

test('people who came in are users with what they may do; the others are invites', async () => {
  const { db, clock, space } = server;
  const reader = { role: 'unify-and-engage-read-only', resources: [{ id: space.id }] } as const;
  const invite = (email: string, grant: Pick<Parameters<typeof invitePerson>[2], 'role' | 'permissions'>) =>
    invitePerson(db, commandLine, { email, ...grant }, clock.now());
  const { person } = await invite('jane@example.com', { role: 'owner', permissions: [] });
  const { person: other } = await invite('joe@example.com', { role: 'member', permissions: [reader] });
  await invite('late@example.com', { role: 'member', permissions: [] });
  expect((await server.call('GET', '/users')).json.data.users).toEqual([]);
  // What following their links leaves behind.
  await db.pool.query(`UPDATE people SET password = '{}', name = 'Somebody' WHERE id = ANY ($1)`, [
    [person.id, other.id],
  ]);

  const { users } = (await server.call('GET', '/users')).json.data;
  expect(users).toEqual([
    {
      ...{ id: person.id, name: 'Somebody', email: 'jane@example.com' },
      permissions: [
        {
          ...{ roleName: 'Workspace Owner', roleId: '1WDUuRLxv84rrfCNUwvkrRtkxnS' },
          resources: [{ id: 'workspace', type: 'WORKSPACE' }],
        },
      ],
    },
    {
      ...{ id: other.id, name: 'Somebody', email: 'joe@example.com' },
      permissions: [
        {
          ...{ roleName: 'Unify and Engage Read-only', roleId: 'rol_unify_and_engage_read_only' },
          resources: [{ id: space.id, type: 'SPACE' }],
        },
      ],
    },
  ]);
  expect((await server.call('GET', `/users/${other.id}`)).json.data.user).toEqual(users[1]);
  expect((await server.call('GET', `/users/${other.id}/groups`)).json.data.groups).toEqual([]);
  expect((await server.call('GET', '/invites')).json.data.invites).toEqual(['late@example.com']);
});
