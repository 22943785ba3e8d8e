/** Spaces, labels, people, the audit trail, echo: what there is beside the path of a sync. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorkspaceToken } from '../../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
let sourceId: string;
beforeAll(async () => {
  server = await openPublicApi();
  const body = { slug: 'shop', enabled: true, metadataId: 'WvlvcGEJsT' };
  sourceId = (await server.call('POST', '/sources', { body })).json.data.source.id;
});
afterAll(() => server[Symbol.asyncDispose]());

const get = async (path: string) => {
  const { status, json } = await server.call('GET', path);
  return [status, json.data ?? json.errors];
};
const fault = (field: string) => expect.objectContaining({ type: 'input-validation', field });

test('spaces: the name is the slug, the title the name', async () => {
  const space = { id: server.space.id, slug: 'shop', name: 'shop' };
  expect(await get('/spaces')).toEqual([200, { spaces: [space], pagination: { current: 'MA==', totalEntries: 1 } }]);
  await server.db.pool.query("UPDATE spaces SET title = 'The Shop'");
  const titled = { space: { ...space, name: 'The Shop' } };
  expect(await get(`/spaces/${server.space.id}`)).toMatchObject([200, titled]);
  expect(await get('/spaces/shop')).toMatchObject([200, titled]);
  const java = { headers: { 'user-agent': 'Public API Client 49.0.0 (Java)' } };
  expect((await server.call('GET', '/spaces/shop', java)).json.data).toEqual(titled);
  expect(await get('/spaces/none')).toEqual([404, [{ type: 'not-found', message: "Space with id 'none' not found." }]]);
});

describe('labels', () => {
  const label = { key: 'team', value: 'web/app', description: 'Who asks' };
  const labels = [{ key: 'team', value: 'web/app' }];

  test('are made once, and listed', async () => {
    const made = await server.call('POST', '/labels', { body: { label } });
    expect([made.status, made.json]).toEqual([201, { data: { label } }]);
    const again = await server.call('POST', '/labels', { body: { label } });
    expect([again.status, again.json.errors[0].type]).toEqual([409, 'conflict']);
    const plain = { key: 'team', value: 'app' };
    expect((await server.call('POST', '/labels', { body: { label: plain } })).json.data.label).toEqual(plain);
    expect(await get('/labels')).toEqual([200, { labels: [label, plain] }]);
  });

  test.each([
    [{}, ['label']],
    [{ label: {} }, ['label.key', 'label.value']],
    [{ label: { key: 'a\0', value: 'x'.repeat(256) } }, ['label.key', 'label.value']],
    [{ label: { key: 1, value: 'x', description: [] } }, ['label.key', 'label.description']],
  ])('%j is refused with every fault', async (body, fields) => {
    const { status, json } = await server.call('POST', '/labels', { body });
    expect([status, json.errors.map(({ field }: { field: string }) => field)]).toEqual([422, fields]);
  });

  test('of a source are added and replaced; they must exist', async () => {
    const path = `/sources/${sourceId}/labels`;
    expect((await server.call('POST', path, { body: { labels } })).json.data.labels).toEqual([label]);
    const more = { labels: [{ key: 'team', value: 'app' }] };
    expect((await server.call('POST', path, { body: more })).json.data.labels).toHaveLength(2);
    expect((await server.call('PUT', path, { body: { labels } })).json.data.labels).toEqual([label]);
    expect((await server.call('GET', `/sources/${sourceId}`)).json.data.source.labels).toEqual([label]);
    const bad = await server.call('PUT', path, { body: { labels: [...labels, { key: 'team', value: 'none' }] } });
    expect([bad.status, bad.json.errors]).toEqual([422, [fault('labels.1')]]);
    expect((await server.call('PUT', '/sources/none/labels', { body: { labels } })).status).toBe(404);
  });

  test('leave their sources when they are deleted', async () => {
    const path = '/labels/team/web%2Fapp';
    expect((await server.call('DELETE', path)).json).toEqual({ data: { status: 'SUCCESS' } });
    expect((await server.call('DELETE', path)).status).toBe(404);
    expect((await server.call('DELETE', '/labels/%00/x')).status).toBe(404);
    expect((await server.call('GET', `/sources/${sourceId}`)).json.data.source.labels).toEqual([]);
  });
});

test('roles are those of tokens; people there are none', async () => {
  const [, { roles }] = await get('/roles?pagination.count=2');
  expect(roles[0]).toEqual({
    id: '1WDUuRLxv84rrfCNUwvkrRtkxnS',
    name: 'Workspace Owner',
    description: 'Full access to everything.',
  });
  expect(roles).toHaveLength(2);
  for (const [path, key] of [
    ['/users', 'users'],
    ['/groups', 'userGroups'],
    ['/invites', 'invites'],
  ]) {
    expect(await get(path as string)).toEqual([
      200,
      { [key as string]: [], pagination: { current: 'MA==', totalEntries: 0 } },
    ]);
  }
  for (const path of ['/users/__proto__', '/users/u/groups', '/groups/g', '/groups/g/users', '/groups/g/invites']) {
    expect(await get(path)).toEqual([404, [expect.objectContaining({ type: 'not-found' })]]);
  }
});

describe('the audit trail', () => {
  test('newest first, page by page, narrowed down', async () => {
    const [, all] = await get('/audit-events');
    expect(all.events.map(({ type }: { type: string }) => type)).toEqual([
      'Label Deleted',
      ...['Source Modified', 'Source Modified', 'Source Modified', 'Label Created', 'Label Created', 'Source Created'],
    ]);
    expect(all.events.at(-1)).toEqual({
      ...{
        id: expect.stringMatching(/^aud_/),
        timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
        type: 'Source Created',
      },
      ...{ actor: server.token.id, resourceId: sourceId, resourceType: 'source', resourceName: 'shop' },
    });
    const [, page] = await get('/audit-events?pagination%5Bcount%5D=3&pagination%5Bcursor%5D=Mw==');
    expect(page.events).toEqual(all.events.slice(3, 6));
    expect(page.pagination).toEqual({ current: 'Mw==', next: 'Ng==', totalEntries: 7 });
    expect((await get('/audit-events?resourceType=LABEL'))[1].events).toHaveLength(3);
    expect((await get(`/audit-events?resourceId=${sourceId}`))[1].pagination.totalEntries).toBe(4);
    const { timestamp } = all.events[2];
    const after = await get(`/audit-events?startTime=${timestamp}&endTime=2999-01-01`);
    expect(after[1].events.length).toBeGreaterThanOrEqual(3);
    expect((await get('/audit-events?endTime=2001-01-01T00:00:00+02:00'))[1].events).toEqual([]);
  });

  test('every fault of a query at once', async () => {
    const [status, errors] = await get(
      '/audit-events?startTime=yesterday&endTime=2026-02-31T99:00:00Z&resourceId=%00&pagination.count=0&pagination.cursor=x',
    );
    const fields = ['pagination.count', 'pagination.cursor', 'startTime', 'endTime', 'resourceId'];
    expect([status, errors]).toEqual([422, fields.map(fault)]);
    expect((await get('/audit-events?startTime=2026-02-01&endTime=2026-01-01'))[0]).toBe(422);
  });
});

describe('echo', () => {
  test('says back what it was told, without the token', async () => {
    const { json } = await server.call('GET', '/echo?message=hello+there&delay=1', { headers: { 'x-mark': 'm' } });
    expect(json.data).toMatchObject({ method: 'get', message: 'hello there', headers: { 'x-mark': 'm' } });
    expect(JSON.stringify(json)).not.toContain(server.token.secret);
  });

  test.each([
    ['triggerError=true', 400, 1],
    ['triggerMultipleErrors=true', 400, 2],
    ['triggerMultipleErrors=true&statusCode=409', 409, 2],
    ['statusCode=503', 503, 1],
    ['triggerUnexpectedError=true', 500, 1],
  ])('%s fails as it is asked to', async (query, status, errors) => {
    const [given, list] = await get(`/echo?message=m&${query}`);
    expect([given, list.length]).toEqual([status, errors]);
  });

  test('every fault at once', async () => {
    const [status, errors] = await get('/echo?delay=1e9&triggerError=maybe&statusCode=99');
    expect([status, errors]).toEqual([422, ['message', 'delay', 'triggerError', 'statusCode'].map(fault)]);
  });
});

describe('what may come', () => {
  test.each([
    '/tracking-plans',
    '/transformations',
    '/functions',
    '/warehouses',
    '/destination/x/filters',
    '/spaces/x/events',
    '/spaces/x/profiles-warehouses',
    '/credentials',
    '/filters',
    '/constructor',
    '/__proto__',
  ])('%s is not there', async (path) => {
    expect(await get(path)).toEqual([404, [{ type: 'not-found', message: expect.any(String) }]]);
  });

  test('ids of any length and form: 404, shortened', async () => {
    for (const id of [
      'x'.repeat(300),
      '%2F%2e%2e',
      '__proto__',
      "'; DROP TABLE labels --",
      '%F0%9F%98%80'.repeat(90),
    ]) {
      for (const path of [`/sources/${id}`, `/spaces/${id}`, `/spaces/${id}/audiences`, `/users/${id}`]) {
        const [status, errors] = await get(path);
        expect([status, [...errors[0].message].length < 150]).toEqual([404, true]);
      }
      expect((await server.call('PUT', `/sources/${id}/labels`, { body: { labels: [] } })).status).toBe(404);
      expect((await server.call('DELETE', `/labels/${id}/${id}`)).status).toBe(404);
    }
  });

  test('bodies of any size and form', async () => {
    const headers = { 'content-type': 'application/json' };
    const sent = async (body: string) => {
      const { status, json } = await server.call('POST', '/labels', { headers, body });
      return [status, json.errors?.[0].type];
    };
    expect(await sent(`{"label":{"key":"${'x'.repeat(10 * 1024 * 1024)}"}}`)).toEqual([413, 'payload-too-large']);
    for (const body of ['{', '{"label":', 'label', '\u0000', '{"a":1}}']) {
      expect(await sent(body)).toEqual([400, 'bad-request']);
    }
    for (const body of [
      'null',
      '[]',
      '1',
      '"x"',
      '{"__proto__":{"label":{"key":"k","value":"v"}}}',
      '{"label":null}',
    ]) {
      expect(await sent(body)).toEqual([422, 'input-validation']);
    }
    expect(await sent(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)).toEqual([422, 'input-validation']);
  });

  test('settings of a tracking plan cannot be changed: there is none', async () => {
    const { status, json } = await server.call('PATCH', `/sources/${sourceId}/settings`, { body: { track: {} } });
    expect([status, json.errors[0].type]).toEqual([400, 'bad-request']);
  });

  test('another method: 405 and what is there', async () => {
    const { status, headers, json } = await server.call('PUT', '/labels');
    expect([status, headers.allow, json.errors[0].type]).toEqual([405, 'GET, HEAD, POST', 'method-not-allowed']);
  });

  test.each([
    'pagination%5Bcount%5D=1&pagination%5Bcursor%5D=MQ%3D%3D',
    'pagination[count]=1&pagination[cursor]=MQ==',
    'pagination.count=1&pagination.cursor=MQ==',
    `pagination=${encodeURIComponent('{"count":1,"cursor":"MQ=="}')}`,
    '__proto__[count]=5&pagination.count=1&pagination.cursor=MQ==&constructor=1',
  ])('a page is asked for as %s', async (query) => {
    const [status, { roles, pagination }] = await get(`/roles?${query}`);
    expect([status, roles.length, pagination.current, pagination.next]).toEqual([200, 1, 'MQ==', 'Mg==']);
  });
});

test('Java clients get the keys of their generation, all others every key', async () => {
  const metadata = async (agent: string) => {
    const headers = { 'user-agent': agent };
    return (await server.call('GET', `/sources/${sourceId}`, { headers })).json.data.source.metadata;
  };
  expect(await metadata('Public API SDK 47.0.0 (Java)')).not.toHaveProperty('status');
  expect(await metadata('Public API SDK 73.2.0 (Java)')).toHaveProperty('status');
  expect(await metadata('Public API SDK 47.0.0 (TypeScript)')).toHaveProperty('status');
});

test('the OpenAPI document has every route', async () => {
  const { paths } = (await server.app.inject('/openapi.json')).json();
  expect(Object.keys(paths['/public-api/labels'])).toEqual(['get', 'post']);
  expect(paths['/public-api/spaces/{spaceId}'].get.security).toEqual([{ workspaceToken: [] }]);
});

test('a token of the least role sees nothing of all this', async () => {
  const { secret: token } = await createWorkspaceToken(server.db.pool, 'least', {
    role: 'member',
    permissions: [{ role: 'minimal-access', resources: 'all' }],
  });
  expect((await server.call('GET', '/', { token })).status).toBe(200);
  for (const path of ['/spaces', '/users', '/audit-events']) {
    expect((await server.call('GET', path, { token })).status).toBe(401);
  }
});

test('a body with a DELETE means nothing; a label is text on one line', async () => {
  const answer = await server.app.inject({
    ...{ method: 'DELETE', url: '/public-api/labels/none/none', payload: '{broken' },
    headers: { authorization: `Bearer ${server.token.secret}`, 'content-type': 'text/plain' },
  });
  expect(answer.statusCode).toBe(404);
  for (const value of [' ', 'two\nlines', 'a\u0007bell']) {
    const { status, json } = await server.call('POST', '/labels', { body: { label: { key: 'team', value } } });
    expect([status, json.errors[0].field]).toEqual([422, 'label.value']);
  }
});
