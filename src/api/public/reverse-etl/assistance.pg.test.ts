/** Help while something is configured: over a DuckDB file, as the web app asks. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWorkspaceToken, type Permission } from '../../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
let folder: string;
let sourceId: string;
beforeAll(async () => {
  server = await openPublicApi();
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-api-'));
  const file = path.join(folder, 'shop.duckdb');
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  await connection.run(
    `CREATE TABLE customers AS SELECT 'c-' || i AS id, 9007199254740993 + i AS big, TIMESTAMP '2026-01-01' AS at FROM range(20) AS r(i)`,
  );
  connection.closeSync();
  instance.closeSync();
  const body = { slug: 'files', enabled: true, metadataId: 'dUckDbF1Le', settings: { path: file } };
  sourceId = (await server.call('POST', '/sources', { body })).json.data.source.id;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

test('a warehouse is tried, and a failure is told in words', async () => {
  expect((await server.call('POST', `/sources/${sourceId}/test`)).json.data).toEqual({ ok: true });
  const settings = { hostname: '127.0.0.1', port: '1', database: 'x', username: 'x', password: 'secret-9' };
  const body = { slug: 'nowhere', enabled: true, metadataId: 'WvlvcGEJsT', settings };
  const { id } = (await server.call('POST', '/sources', { body })).json.data.source;
  const { json } = await server.call('POST', `/sources/${id}/test`);
  expect(json.data).toMatchObject({
    ok: false,
    code: expect.stringMatching(/^warehouse_/),
    message: expect.any(String),
  });
  expect(JSON.stringify(json)).not.toContain('secret-9');
});

test('tables and columns are listed', async () => {
  const { json } = await server.call('GET', `/sources/${sourceId}/tables`);
  expect(json.data.tables).toContainEqual({
    ...{ schema: 'main', name: 'customers' },
    columns: [
      { name: 'id', type: 'VARCHAR' },
      { name: 'big', type: 'BIGINT' },
      { name: 'at', type: 'TIMESTAMP' },
    ],
  });
});

test('a query is previewed before it is saved: ten rows, nothing rounded', async () => {
  const body = { query: 'SELECT * FROM customers ORDER BY big', queryIdentifierColumn: 'id' };
  const { status, json } = await server.call('POST', `/sources/${sourceId}/preview`, { body });
  expect(status).toBe(200);
  expect(json.data.columns.map(({ name }: { name: string }) => name)).toEqual(['id', 'big', 'at']);
  expect(json.data.rows).toHaveLength(10);
  const unchosen = await server.call('POST', `/sources/${sourceId}/preview`, { body: { query: body.query } });
  expect(unchosen.json.data).toEqual(json.data);
  expect(json.data.rows[0]).toEqual(['c-0', '9007199254740993', '2026-01-01T00:00:00.000Z']);
});

test('what is wrong with a query is the answer', async () => {
  const call = (query: string, queryIdentifierColumn = 'id') =>
    server.call('POST', `/sources/${sourceId}/preview`, { body: { query, queryIdentifierColumn } });
  const answers = await Promise.all([
    call('SELECT 1; SELECT 2'),
    call('SELECT nope FROM customers'),
    call('SELECT big FROM customers'),
  ]);
  for (const { status, json } of answers) {
    expect(status).toBe(400);
    expect(json.errors[0]).toMatchObject({ type: 'bad-request', message: expect.stringMatching(/\w/) });
  }
});

test('a read-only token tries and previews nothing that it wrote itself', async () => {
  const grant = { role: 'member', permissions: [{ role: 'source-read-only', resources: 'all' }] } as const;
  const { secret } = await createWorkspaceToken(server.db.pool, 'reader', grant);
  const body = { query: 'SELECT 1 AS id', queryIdentifierColumn: 'id' };
  expect((await server.call('POST', `/sources/${sourceId}/preview`, { token: secret, body })).status).toBe(401);
  expect((await server.call('GET', `/sources/${sourceId}/tables`, { token: secret })).status).toBe(200);
});

test('spaces are offered to whoever may connect them, and others are told why there are none', async () => {
  const body = { sourceId, metadataId: '639c2dbb1309fdcad13951b6', settings: {} };
  const { id } = (await server.call('POST', '/destinations', { body })).json.data.destination;
  const tokenOf = async (...spaces: readonly Permission[]) =>
    (
      await createWorkspaceToken(server.db.pool, 'limited', {
        role: 'member',
        permissions: [{ role: 'source-admin', resources: [{ id: sourceId }] }, ...spaces],
      })
    ).secret;
  const offered = async (token: string) =>
    (await server.call('GET', `/destinations/${id}/profile-spaces`, { token })).json.data;
  const space = [{ id: server.space.id }];
  const all = { choices: [{ label: 'Engage (shop)', value: server.space.writeKey }], error: null };
  expect(await offered(server.token.secret)).toEqual(all);
  expect(await offered(await tokenOf({ role: 'source-admin', resources: space }))).toEqual(all);
  expect(await offered(await tokenOf({ role: 'unify-and-engage-admin', resources: space }))).toEqual(all);
  const none = { choices: [], error: { code: 'permission_missing', message: expect.stringContaining('Source Admin') } };
  expect(await offered(await tokenOf())).toEqual(none);
  expect(await offered(await tokenOf({ role: 'source-read-only', resources: space }))).toEqual(none);
  expect(await offered(await tokenOf({ role: 'unify-and-engage-read-only', resources: space }))).toEqual(none);
});

test('a mapping is tried before it is saved: what it makes of a row, sent if asked, and every fault of it', async () => {
  const model = {
    ...{ sourceId, name: 'Customers', description: '', enabled: true },
    ...{ query: 'SELECT * FROM customers', queryIdentifierColumn: 'id' },
  };
  const modelId = (await server.call('POST', '/reverse-etl-models', { body: model })).json.data.reverseEtlModel.id;
  const destination = { sourceId, metadataId: '639c2dbb1309fdcad13951b6', settings: {} };
  const { id } = (await server.call('POST', '/destinations', { body: destination })).json.data.destination;
  const draft = {
    ...{ modelId, actionId: 'vm2tNA5U1zxUusQkdC4D7Z', trigger: 'event = "new"' },
    settings: { engage_space: server.space.writeKey, user_id: { '@path': '$.properties.id' } },
  };
  const attempt = (more: object) =>
    server.call('POST', `/destinations/${id}/subscriptions/test`, { body: { ...draft, ...more } });
  const shown = (await attempt({ recordId: 'c-7' })).json.data;
  expect(shown).toMatchObject({
    recordId: 'c-7',
    result: { kind: 'message', message: { type: 'identify', userId: 'c-7' } },
  });
  const profiles = async () => (await server.db.pool.query('SELECT count(*)::int AS n FROM profiles')).rows[0].n;
  expect(await profiles()).toBe(0);
  const sent = (await attempt({ recordId: 'c-7', send: true })).json.data;
  expect(sent).toMatchObject({ receipt: { kind: 'delivered' }, effects: { profilesCreated: 1 } });
  expect(await profiles()).toBe(1);
  const wrong = await attempt({ trigger: 'event =', settings: { user_id: { '@nothing': 1 } }, send: true });
  expect(wrong.status).toBe(422);
  expect(wrong.json.errors.map(({ field }: { field: string }) => field)).toEqual(
    expect.arrayContaining(['trigger', 'settings.engage_space']),
  );
  expect((await server.call('GET', `/destinations/${id}/subscriptions`)).json.data.subscriptions).toEqual([]);
});
