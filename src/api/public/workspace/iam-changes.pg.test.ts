/** People and tokens over the Public API: invited, changed, removed, and nobody beyond what they may do themselves. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorkspaceToken, type Grant, type Permission, readAudit } from '../../../workspace/workspace.ts';
import { type AppServer, type Browser, openAppServer, password } from '../../app/app.test-support.ts';

let server: AppServer;
let owner: Browser;
beforeAll(async () => {
  server = await openAppServer();
  owner = await server.person('owner@example.org');
});
afterAll(() => server[Symbol.asyncDispose]());

const everywhere = (roleId: string) => ({ roleId, resources: [{ id: 'workspace', type: 'WORKSPACE' }] });
const root = '/public-api';
const invite = (by: Browser, email: string, ...permissions: object[]) =>
  by.call('POST', `${root}/invites`, { body: { invites: [{ email, permissions }] } });
const idOf = async (email: string): Promise<string> =>
  (await owner.call('GET', `${root}/people`)).json.data.people.find((one: { email: string }) => one.email === email).id;

/** Every power, and not an owner. */
const admin: Grant = { role: 'member', permissions: [{ role: 'workspace-owner', resources: 'all' } as Permission] };

describe('people', () => {
  test('an invitation has a link that is shown once; whoever follows it may do what was given', async () => {
    const made = await invite(owner, 'joe@example.org', everywhere('source-read-only'));
    expect([made.status, made.json.data.emails]).toEqual([201, ['joe@example.org']]);
    const [link] = made.json.data.links;
    expect(link).toEqual({
      email: 'joe@example.org',
      path: expect.stringMatching(/^\/links\/mrl_[\w-]{43}$/),
      expiresAt: new Date(server.clock.now().getTime() + 86_400_000).toISOString(),
    });
    const { text } = await owner.call('GET', `${root}/people`);
    expect(text).not.toContain('mrl_');
    const joe = server.browser();
    const came = await joe.call('POST', `/app${link.path}`, { body: { name: 'Joe', password } });
    expect(came.json.data.powers).toEqual(['workspace:read', 'source:read']);
    expect((await invite(joe, 'other@example.org')).status).toBe(403);
  });

  test('every fault is at its field, and all invitations are made or none', async () => {
    const body = {
      invites: [
        {
          email: 'fine@example.org',
          permissions: [{ roleId: 'source-admin', resources: [{ type: 'SOURCE', id: 'x' }] }],
        },
        { email: 'also@example.org', permissions: [{ roleId: 'king' }, { roleId: 'source-admin', resources: [] }] },
      ],
    };
    const refused = await owner.call('POST', `${root}/invites`, { body });
    expect(refused.status).toBe(422);
    expect(refused.json.errors.map(({ field }: { field: string }) => field)).toEqual([
      'invites.0.permissions.0.resources.0.id',
      'invites.1.permissions.0.roleId',
      'invites.1.permissions.1.resources',
    ]);
    const twice = await owner.call('POST', `${root}/invites`, {
      body: { invites: [{ email: 'new@example.org' }, { email: 'OWNER@example.org' }] },
    });
    expect(twice.status).toBe(409);
    expect((await invite(owner, 'no address')).json.errors[0].field).toBe('invites.0.email');
    expect((await owner.call('GET', `${root}/people`)).text).not.toContain('new@example.org');
  });

  test('an invitation is taken back; its link is good no more', async () => {
    const [{ path }] = (await invite(owner, 'late@example.org')).json.data.links;
    const gone = await owner.call('DELETE', `${root}/invites?emails[]=late@example.org`);
    expect([gone.status, gone.json.data]).toEqual([200, { status: 'SUCCESS' }]);
    expect((await server.browser().call('GET', `/app${path}`)).status).toBe(404);
    expect((await owner.call('DELETE', `${root}/invites?emails[]=owner@example.org`)).status).toBe(404);
  });

  test('roles hold at spaces, sources and labels, and are added or replaced', async () => {
    await server.person('roles@example.org', { role: 'member', permissions: [] });
    const url = `${root}/users/${await idOf('roles@example.org')}/permissions`;
    await owner.call('POST', `${root}/labels`, { body: { label: { key: 'team', value: 'web' } } });
    const atLabel = {
      roleId: 'source-admin',
      resources: [{ type: 'SOURCE', labels: [{ key: 'team', value: 'web' }] }],
    };
    const put = await owner.call('PUT', url, { body: { permissions: [atLabel] } });
    expect(put.json.data.permissions).toEqual([
      {
        roleName: 'Source Admin',
        roleId: 'rol_source_admin',
        resources: [{ id: 'workspace', type: 'SOURCE', labels: [{ key: 'team', value: 'web' }] }],
      },
    ]);
    const atSpace = { roleId: 'rol_unify_and_engage_admin', resources: [{ type: 'SPACE', id: server.space.id }] };
    const added = await owner.call('POST', url, { body: { permissions: [atSpace] } });
    expect(added.json.data.permissions).toHaveLength(2);
    const unknown = { ...atLabel, resources: [{ type: 'SOURCE', labels: [{ key: 'team', value: 'none' }] }] };
    expect((await owner.call('PUT', url, { body: { permissions: [unknown] } })).status).toBe(422);
  });

  test('a removed person is out at once', async () => {
    const ana = await server.person('removed@example.org', { role: 'member', permissions: [] });
    expect((await ana.call('GET', '/app/me')).status).toBe(200);
    const gone = await owner.call('DELETE', `${root}/users?userIds[]=${await idOf('removed@example.org')}`);
    expect(gone.status).toBe(200);
    expect((await ana.call('GET', '/app/me')).status).toBe(401);
  });

  test('a new link ends sessions and the password', async () => {
    const ana = await server.person('forgot@example.org', { role: 'member', permissions: [] });
    const made = await owner.call('POST', `${root}/people/${await idOf('forgot@example.org')}/link`);
    expect((await ana.call('GET', '/app/me')).status).toBe(401);
    expect((await server.browser().signIn('forgot@example.org')).status).toBe(401);
    const body = { name: 'Ana', password: 'another long password' };
    expect((await ana.call('POST', `/app${made.json.data.link.path}`, { body })).status).toBe(200);
  });

  test('the last owner stays', async () => {
    const id = await idOf('owner@example.org');
    expect((await owner.call('DELETE', `${root}/users?userIds[]=${id}`)).status).toBe(409);
    const body = { permissions: [everywhere('source-admin')] };
    expect((await owner.call('PUT', `${root}/users/${id}/permissions`, { body })).status).toBe(409);
    expect((await owner.call('GET', '/app/me')).json.data.grant.role).toBe('owner');
  });
});

describe('whoever has every power and is no owner', () => {
  test('raises neither themselves nor others, and takes no owner over', async () => {
    const boss = await server.person('boss@example.org', admin);
    const [own, above] = [await idOf('boss@example.org'), await idOf('owner@example.org')];
    const asOwner = { permissions: [everywhere('workspace-owner')] };
    const refusals = [
      await invite(boss, 'mine@example.org', everywhere('workspace-owner')),
      await boss.call('PUT', `${root}/users/${own}/permissions`, { body: asOwner }),
      await boss.call('POST', `${root}/users/${own}/permissions`, { body: asOwner }),
      await boss.call('PUT', `${root}/users/${above}/permissions`, {
        body: { permissions: [everywhere('source-admin')] },
      }),
      await boss.call('DELETE', `${root}/users?userIds[]=${above}`),
      await boss.call('POST', `${root}/people/${above}/link`),
      await boss.call('POST', `${root}/tokens`, { body: { name: 'strong', ...asOwner } }),
    ];
    expect(refusals.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403, 403, 403]);
    expect(refusals[0]?.json.errors[0].message).toBe(
      'Your role does not allow this; it takes a role that may do at least as much.',
    );
    expect((await invite(boss, 'lesser@example.org', everywhere('source-admin'))).status).toBe(201);
    expect((await owner.call('GET', '/app/me')).status).toBe(200);
  });
});

describe('tokens', () => {
  const make = (by: Browser, name: string, ...permissions: object[]) =>
    by.call('POST', `${root}/tokens`, { body: { name, permissions } });
  const asked = (secret: string) =>
    server.app.inject({ url: `${root}/sources`, headers: { authorization: `Bearer ${secret}` } });

  test('one is shown once, works, says when it was used, and is refused once it is ended', async () => {
    const made = await make(owner, 'destination', everywhere('source-admin'));
    expect(made.status).toBe(201);
    const { secret, ...token } = made.json.data.token;
    expect(token).toMatchObject({ name: 'destination', usedAt: null, revokedAt: null });
    expect((await asked(secret)).statusCode).toBe(200);
    const list = await owner.call('GET', `${root}/tokens`);
    expect(list.text).not.toContain(secret);
    const [{ usedAt }] = list.json.data.tokens;
    expect(Math.abs(Date.parse(usedAt) - Date.now())).toBeLessThan(600_000);
    expect((await owner.call('DELETE', `${root}/tokens/${token.id}`)).status).toBe(200);
    server.clock.pass(1_001);
    expect((await asked(secret)).statusCode).toBe(401);
    expect((await owner.call('DELETE', `${root}/tokens/none`)).status).toBe(404);
  });

  test('a token makes none that may do more', async () => {
    const { secret } = await createWorkspaceToken(server.db.pool, 'admin', admin);
    const headers = { authorization: `Bearer ${secret}` };
    const payload = (roleId: string) => ({ name: 'made', permissions: [everywhere(roleId)] });
    const post = (roleId: string) =>
      server.app.inject({ method: 'POST', url: `${root}/tokens`, headers, payload: payload(roleId) });
    expect((await post('workspace-owner')).statusCode).toBe(401);
    expect((await post('source-admin')).statusCode).toBe(201);
  });

  test('a name has up to 100 characters', async () => {
    expect((await make(owner, 'n'.repeat(100), everywhere('source-admin'))).status).toBe(201);
    const { status, json } = await make(owner, 'n'.repeat(101), everywhere('source-admin'));
    expect([status, json.errors]).toMatchObject([422, [{ field: 'name' }]]);
  });

  test('a name or a role that cannot be is a fault of its field', async () => {
    const none = await make(owner, ' ');
    expect(none.json.errors.map(({ field }: { field: string }) => field)).toEqual(['permissions']);
    const blank = await make(owner, '  ', everywhere('source-admin'));
    expect([blank.status, blank.json.errors[0].field]).toEqual([422, 'name']);
  });
});

test('all of it is in the audit trail, with the paths that changed', async () => {
  const { entries } = (await owner.call('GET', `${root}/audit-trail?pagination.count=1000`)).json.data;
  const { id } = (await owner.call('GET', '/app/me')).json.data.person;
  const own = entries.filter(({ actor }: { actor: string }) => actor === id);
  const types = new Set(own.map(({ type }: { type: string }) => type));
  expect([...types].sort()).toEqual([
    'Access Token Created',
    'Access Token Revoked',
    'Label Created',
    'User Invited',
    'User Password Reset',
    'User Password Set',
    'User Permissions Modified',
    'User Removed',
  ]);
  expect(own.find(({ type }: { type: string }) => type === 'User Invited')).toMatchObject({
    actorName: 'owner@example.org',
    resourceType: 'user',
    changed: ['email', 'permissions'],
  });
  const { total } = await readAudit(server.db.pool, { resourceType: 'token' }, { offset: 0, count: 1 });
  const page = await owner.call('GET', `${root}/audit-trail?resourceType=token&pagination.count=1`);
  expect(page.json.data.entries).toHaveLength(1);
  expect(page.json.data.pagination).toMatchObject({ totalEntries: total, next: expect.any(String) });
});
