/** What people who are signed in may do in the Public API, the Profile API and the live view: what their roles say. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { changeGrant, commandLine, type Grant, readAudit, removePerson } from '../../workspace/workspace.ts';
import { serve } from '../server.ts';
import { type AppServer, openAppServer } from './app.test-support.ts';

let server: AppServer;
beforeAll(async () => {
  server = await openAppServer();
  await server.person('owner@example.org');
});
afterAll(() => server[Symbol.asyncDispose]());

const reader: Grant = {
  role: 'member',
  permissions: [
    { role: 'source-read-only', resources: 'all' },
    { role: 'unify-and-engage-read-only', resources: 'all' },
  ],
};
const editor: Grant = { role: 'member', permissions: [{ role: 'source-admin', resources: 'all' }] };
const list = '/v1/spaces/shop/collections/users/profiles';

describe('the Public API', () => {
  test('who may read reads, and is refused everything else with 403 and what it takes', async () => {
    const ana = await server.person('reader@example.org', reader);
    expect((await ana.call('GET', '/public-api/sources?pagination.count=10')).status).toBe(200);
    const body = { slug: 'made', enabled: true, metadataId: 'x', settings: {} };
    const made = await ana.call('POST', '/public-api/sources', { body });
    expect([made.status, made.json.errors]).toEqual([
      403,
      [
        {
          type: 'forbidden',
          message:
            'Your role does not allow this; it takes a role that may add and change sources, models, destinations, mappings and alerts, see write keys, start and cancel syncs.',
        },
      ],
    ]);
    expect(made.headers['www-authenticate']).toBeUndefined();
  });

  test('the grant is the present one', async () => {
    const ana = await server.person('changed@example.org', editor);
    expect((await ana.call('GET', '/public-api/sources?pagination.count=10')).status).toBe(200);
    await changeGrant(server.db, commandLine, 'changed@example.org', { role: 'member', permissions: [] });
    expect((await ana.call('GET', '/public-api/sources?pagination.count=10')).status).toBe(403);
    expect((await ana.call('GET', '/public-api/')).status).toBe(200);
  });

  test('a person is the actor in the audit trail', async () => {
    const ana = await server.person('actor@example.org', editor);
    const { sourcesCatalog } = (await ana.call('GET', '/public-api/catalog/sources?pagination.count=200')).json.data;
    const postgres = sourcesCatalog.find(({ slug }: { slug: string }) => /postgres/.test(slug));
    const settings = { host: 'db.example.org', port: 5432, database: 'shop', username: 'u', password: 'p' };
    const body = { slug: 'from-the-app', enabled: true, metadataId: postgres.id, settings };
    const made = await ana.call('POST', '/public-api/sources', { body });
    expect([made.status, made.json.errors]).toEqual([201, undefined]);
    const { events } = await readAudit(server.db.pool, {}, { offset: 0, count: 100 });
    const created = events.find(({ type }) => type === 'Source Created');
    const { id } = (await ana.call('GET', '/app/me')).json.data.person;
    expect(created).toMatchObject({ actor: id, actorName: 'actor@example.org' });
  });

  test('a token goes before the cookie, and its answers stay what they were', async () => {
    const ana = await server.person('both@example.org');
    const { status } = await ana.call('GET', '/public-api/', { headers: { authorization: 'Bearer mrw_none' } });
    expect(status).toBe(401);
    const none = await server.browser().call('GET', '/public-api/');
    expect([none.status, none.headers['www-authenticate']]).toEqual([401, 'Bearer realm="millrace"']);
  });

  test('a session that has ended is answered without a challenge, which would make a browser ask', async () => {
    const ana = await server.person('ended@example.org');
    const kept = ana.cookies.get('millrace_session') as string;
    await ana.call('POST', '/app/sign-out');
    ana.cookies.set('millrace_session', kept);
    for (const url of ['/public-api/', list]) {
      const answer = await ana.call('GET', url);
      expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, undefined]);
    }
  });
});

describe('the Profile API', () => {
  test('opens to who may see the space, and to nobody else', async () => {
    const ana = await server.person('profiles@example.org', reader);
    for (const url of [list, list.replace('shop', server.space.id), list.replace('spaces', 'namespaces')]) {
      expect([url, (await ana.call('GET', url)).status]).toEqual([url, 200]);
    }
    expect((await ana.call('GET', list.replace('shop', 'none'))).status).toBe(404);
    const elsewhere = { role: 'unify-and-engage-read-only', resources: [{ id: 'spa_other' }] } as const;
    const other = await server.person('elsewhere@example.org', { role: 'member', permissions: [elsewhere] });
    const refused = await other.call('GET', list);
    expect([refused.status, refused.json.error.code]).toEqual([403, 'forbidden']);
    const here = { ...elsewhere, resources: [{ id: server.space.id }] };
    await changeGrant(server.db, commandLine, 'elsewhere@example.org', { role: 'member', permissions: [here] });
    expect((await other.call('GET', list)).status).toBe(200);
  });

  test('nobody deletes with a role that reads', async () => {
    const ana = await server.person('deletes@example.org', reader);
    const url = `/v1/spaces/shop/collections/users/profiles/user_id:u1/external_ids/delete`;
    const answer = await ana.call('POST', url, { body: { id: 'u1', type: 'user_id' } });
    expect([answer.status, answer.json.error?.message]).toEqual([403, expect.stringContaining('Your role')]);
  });
});

describe('the live view', () => {
  test('opens to a person, and ends with their session', async () => {
    const ana = await server.person('live@example.org', reader);
    await using serving = await serve(server.other, { host: '127.0.0.1', port: 0 });
    const cookie = `millrace_session=${ana.cookies.get('millrace_session')}`;
    const url = `${serving.url}/v1/spaces/shop/live`;
    expect((await fetch(url)).status).toBe(401);
    const answer = await fetch(url, { headers: { cookie } });
    expect(answer.status).toBe(200);
    await removePerson(server.db, commandLine, 'live@example.org');
    expect(await answer.text()).toContain('token_invalid');
  });
});
