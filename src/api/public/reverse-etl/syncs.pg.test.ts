/** Syncs over the Public API: asked for, watched, cancelled, their rows. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyTestDatabase, testDatabaseUrl } from '../../../../test/database.ts';
import type { Database } from '../../../db/db.ts';
import { createWorkspaceToken } from '../../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';
import { duration } from './sync-body.ts';

let server: PublicServer;
let warehouse: Database;
let sourceId: string;
let destinationId: string;
beforeAll(async () => {
  server = await openPublicApi();
  warehouse = await emptyTestDatabase();
  await warehouse.pool.query('CREATE TABLE customers (id text, email text)');
  await warehouse.pool.query(
    "INSERT INTO customers SELECT 'u' || n, 'u' || n || '@x.org' FROM generate_series(1, 3) n",
  );
  const { hostname, port, pathname, username, password } = new URL(testDatabaseUrl(warehouse));
  const settings = { hostname, port, database: pathname.slice(1), username, password, sslmode: 'disable' };
  const source = { slug: 'orders_db', enabled: true, metadataId: 'WvlvcGEJsT', settings };
  sourceId = (await server.call('POST', '/sources', { body: source })).json.data.source.id;
  const destination = { sourceId, metadataId: '639c2dbb1309fdcad13951b6', settings: {} };
  destinationId = (await server.call('POST', '/destinations', { body: destination })).json.data.destination.id;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await warehouse.close();
});

interface Made {
  readonly sourceId: string;
  readonly modelId: string;
  readonly subscriptionId: string;
}

async function make(query: string, userId: object = { '@path': '$.properties.id' }): Promise<Made> {
  const model = { sourceId, name: 'Customers', description: '', enabled: true, query, queryIdentifierColumn: 'id' };
  const modelId = (await server.call('POST', '/reverse-etl-models', { body: model })).json.data.reverseEtlModel.id;
  const subscription = {
    ...{ name: 'Customers to profiles', actionId: 'vm2tNA5U1zxUusQkdC4D7Z', enabled: true, modelId },
    trigger: 'event = "new" or event = "updated"',
    settings: {
      engage_space: server.space.writeKey,
      user_id: userId,
      traits: { email: { '@path': '$.properties.email' } },
      // Kept for the clients that store it, without effect.
      enable_batching: true,
    },
  };
  const made = await server.call('POST', `/destinations/${destinationId}/subscriptions`, { body: subscription });
  return { sourceId, modelId, subscriptionId: made.json.data.destinationSubscription.id };
}

const start = (body: object) => server.call('POST', '/reverse-etl-syncs', { body });
const listOf = ({ modelId, subscriptionId }: Made, query = '') =>
  server.call('GET', `/reverse-etl-models/${modelId}/subscriptionId/${subscriptionId}/syncs${query}`);

async function ended(modelId: string, syncId: string) {
  for (;;) {
    const { json } = await server.call('GET', `/reverse-etl-models/${modelId}/syncs/${syncId}`);
    const { reverseETLSyncStatus: sync } = json.data;
    if (!['IN_PROGRESS', 'CANCELLING'].includes(sync.syncStatus)) return sync;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a preview ends in the warehouse when its caller leaves', async () => {
  const address = await server.app.listen({ port: 0, host: '127.0.0.1' });
  const running = async () => {
    const { rows } = await warehouse.pool.query<{ count: number }>(
      `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
         AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()`,
    );
    return rows[0]?.count;
  };
  const leaving = new AbortController();
  const asked = fetch(`${address}/public-api/sources/${sourceId}/preview`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.token.secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'SELECT pg_sleep(600)::text AS id' }),
    signal: leaving.signal,
  }).catch(({ name }: Error) => name);
  while ((await running()) !== 1) await new Promise((resolve) => setTimeout(resolve, 20));
  leaving.abort();
  expect(await asked).toBe('AbortError');
  while ((await running()) !== 0) await new Promise((resolve) => setTimeout(resolve, 20));
});

describe('while no process takes it', () => {
  let made: Made;
  let syncId: string;
  const one = () => `/reverse-etl-models/${made.modelId}/syncs/${syncId}`;

  test('a sync that was asked for is in progress, under both names', async () => {
    made = await make('SELECT id, email FROM customers');
    const { status, json } = await start(made);
    expect(status).toBe(200);
    const { startedAt, syncId: id } = json.data.reverseETLManualSync;
    syncId = id;
    expect(startedAt).toBe('2026-03-20T12:00:00.000Z');
    const { data } = (await server.call('GET', one())).json;
    expect(data.reverseETLSyncStatus).toEqual({
      ...{ syncId, modelId: made.modelId, sourceId, syncStatus: 'IN_PROGRESS', duration: '0s', startedAt },
    });
    expect(data.reverseETLSync).toEqual(data.reverseETLSyncStatus);
    expect((await listOf(made)).json.data.syncStatuses).toEqual([data.reverseETLSync]);
  });

  test('there is one at a time', async () => {
    const { status, json } = await start(made);
    expect({ status, json }).toMatchObject({ status: 409, json: { errors: [{ type: 'conflict' }] } });
  });

  test('what has not ended is not sent again', async () => {
    expect((await server.call('POST', `${one()}/retry-failed`)).status).toBe(409);
    expect((await server.call('GET', `${one()}/rows`)).json.data).toEqual({
      rows: [],
      pagination: { current: 'MA==' },
    });
  });

  test('cancelled before it begins, it never does; once more says so', async () => {
    const ids = { modelId: made.modelId, syncId };
    expect((await server.call('POST', `${one()}/cancel`, { body: { reasonForCanceling: 3 } })).json.data).toEqual({
      ...ids,
      status: 'CANCELLING',
    });
    expect((await server.call('GET', one())).json.data.reverseETLSync.syncStatus).toBe('CANCELLED');
    expect((await server.call('POST', `${one()}/cancel`)).json.data).toEqual({
      ...ids,
      ...{ errorCode: 'SyncAlreadyCanceled', errorMessage: 'sync already canceled' },
    });
    const wrong = await server.call('POST', `${one()}/cancel`, { body: { reasonForCanceling: 5 } });
    expect(wrong.status).toBe(422);
    expect((await server.db.pool.query('SELECT FROM sync_requests')).rowCount).toBe(0);
  });

  test.each([
    [
      'its subscription is deleted',
      'DELETE',
      (own: Made) => `/destinations/${destinationId}/subscriptions/${own.subscriptionId}`,
    ],
    ['its identifier changes', 'PATCH', (own: Made) => `/reverse-etl-models/${own.modelId}`],
  ] as const)('one that waits ends visibly when %s', async (_, method, path) => {
    const own = await make('SELECT id, email FROM customers');
    const asked = (await start(own)).json.data.reverseETLManualSync.syncId;
    const body = method === 'PATCH' ? { queryIdentifierColumn: 'email' } : undefined;
    expect((await server.call(method, path(own), { body })).status).toBe(200);
    const sync = `/reverse-etl-models/${own.modelId}/syncs/${asked}`;
    expect((await server.call('GET', sync)).json.data.reverseETLSync).toMatchObject({
      syncStatus: 'CANCELLED',
      error: 'The mapping was removed or reset before this sync could begin.',
    });
    expect((await server.db.pool.query('SELECT FROM sync_requests WHERE sync_id = $1', [asked])).rowCount).toBe(0);
    if (method === 'DELETE') expect((await server.call('POST', `${sync}/retry-failed`)).status).toBe(409);
    expect((await server.call('GET', `${sync}/rows`)).json.data.rows).toEqual([]);
  });

  test('pages go on behind the one that waits', async () => {
    const { json } = await start(made);
    const waiting = json.data.reverseETLManualSync.syncId;
    const first = (await listOf(made, '?count=1')).json.data;
    expect(first.syncStatuses.map((sync: { syncId: string }) => sync.syncId)).toEqual([waiting]);
    const second = (await listOf(made, `?count=1&cursor=${first.pagination.next}`)).json.data;
    expect(second.syncStatuses.map((sync: { syncId: string }) => sync.syncId)).toEqual([syncId]);
    expect(second.pagination.next).toBeUndefined();
    await server.call('POST', `/reverse-etl-models/${made.modelId}/syncs/${waiting}/cancel`);
  });

  test.each([['?count=0'], ['?count=101'], ['?count=x'], ['?cursor=nonsense']])('422: %s', async (query) => {
    expect((await listOf(made, query)).status).toBe(422);
  });

  test('what is asked for must hang together', async () => {
    const other = await make('SELECT id, email FROM customers');
    expect((await start({})).json.errors.map(({ field }: { field: string }) => field)).toEqual([
      'sourceId',
      'modelId',
      'subscriptionId',
    ]);
    expect((await start({ ...made, sourceId: 'src_none' })).status).toBe(404);
    expect((await start({ ...made, modelId: 'mod_none' })).status).toBe(404);
    expect((await start({ ...made, subscriptionId: 'mpg_none' })).status).toBe(404);
    const { status, json } = await start({ ...made, modelId: other.modelId });
    expect({ status, json }).toMatchObject({ status: 422, json: { errors: [{ field: 'subscriptionId' }] } });
    expect((await server.call('GET', `/reverse-etl-models/${other.modelId}/syncs/${syncId}`)).status).toBe(404);
    expect((await server.call('GET', `/reverse-etl-models/${made.modelId}/syncs/syn_none`)).status).toBe(404);
  });

  test('nothing starts that is switched off, or that the token may only read', async () => {
    const { secret: token } = await createWorkspaceToken(server.db.pool, 'reader', {
      role: 'member',
      permissions: [{ role: 'source-read-only', resources: 'all' }],
    });
    expect((await server.call('POST', '/reverse-etl-syncs', { token, body: made })).status).toBe(401);
    await server.call('PATCH', `/reverse-etl-models/${made.modelId}`, { body: { enabled: false } });
    const { status, json } = await start(made);
    expect({ status, json }).toMatchObject({
      status: 400,
      json: { errors: [{ message: expect.stringContaining('disabled') }] },
    });
  });
});

describe('in a server that runs them', () => {
  beforeAll(() => server.runSyncs());

  test('a sync ends with its counts as texts', async () => {
    const made = await make('SELECT id, email FROM customers');
    const { syncId } = (await start(made)).json.data.reverseETLManualSync;
    const sync = await ended(made.modelId, syncId);
    expect(sync).toMatchObject({
      ...{
        syncId,
        modelId: made.modelId,
        sourceId,
        syncStatus: 'SUCCESS',
        duration: expect.stringMatching(/^[\d.hm]+s$/),
      },
      extractPhase: { addedCount: '3', updatedCount: '0', deletedCount: '0', extractCount: '3', errorCode: '' },
      loadPhase: { deliverSuccessCount: '3', deliverFailureCount: '0', errorCode: '' },
    });
    for (const phase of [sync, sync.extractPhase, sync.loadPhase]) {
      expect(new Date(phase.startedAt).toISOString()).toBe(phase.startedAt);
      expect(new Date(phase.finishedAt).toISOString()).toBe(phase.finishedAt);
    }
    const cancelled = await server.call('POST', `/reverse-etl-models/${made.modelId}/syncs/${syncId}/cancel`);
    expect(cancelled.json.data).toMatchObject({ errorCode: 'SyncFinishedCannotCancel' });
    const again = await server.call('POST', `/reverse-etl-models/${made.modelId}/syncs/${syncId}/retry-failed`);
    expect([again.status, again.json.errors[0].message]).toEqual([400, expect.stringContaining('nothing to retry')]);
    expect(await profileTraits('u1')).toEqual({ email: 'u1@x.org' });
  });

  test('failed rows are listed with reason and message, and sent again', async () => {
    // One row has no user id, until the warehouse has one for it.
    await warehouse.pool.query("CREATE TABLE buyers AS SELECT id, nullif(id, 'u2') AS uid, email FROM customers");
    const made = await make('SELECT id, uid, email FROM buyers', { '@path': '$.properties.uid' });
    const { syncId } = (await start(made)).json.data.reverseETLManualSync;
    expect(await ended(made.modelId, syncId)).toMatchObject({
      syncStatus: 'PARTIAL_SUCCESS',
      loadPhase: { deliverSuccessCount: '2', deliverFailureCount: '1' },
    });
    const path = `/reverse-etl-models/${made.modelId}/syncs/${syncId}`;
    const { json } = await server.call('GET', `${path}/rows?pagination.count=5`);
    expect(json.data.rows).toMatchObject([
      { kind: 'refused', recordId: 'u2', rows: 1, reason: expect.stringContaining('User ID') },
    ]);
    expect((await server.call('GET', `${path}/rows?kind=invalid`)).json.data.rows).toEqual([]);
    const faulty = await server.call('GET', `${path}/rows?kind=other&pagination.count=0&pagination.cursor=zz`);
    const fields = faulty.json.errors.map(({ field }: { field: string }) => field);
    expect([faulty.status, fields]).toEqual([422, ['pagination.count', 'kind', 'pagination.cursor']]);
    expect((await server.call('GET', `${path}/rows?pagination.cursor=bm9uZQ==`)).status).toBe(422);

    await warehouse.pool.query("UPDATE buyers SET uid = 'u2-new' WHERE id = 'u2'");
    const again = (await server.call('POST', `${path}/retry-failed`)).json.data.reverseETLManualSync;
    expect(await ended(made.modelId, again.syncId)).toMatchObject({
      syncStatus: 'SUCCESS',
      loadPhase: { deliverSuccessCount: '1' },
    });
    expect(await profileTraits('u2-new')).toEqual({ email: 'u2@x.org' });
  });

  test('a running sync is cancelled within seconds', async () => {
    const made = await make('SELECT id, email, pg_sleep(60)::text AS slept FROM customers');
    const { syncId } = (await start(made)).json.data.reverseETLManualSync;
    const path = `/reverse-etl-models/${made.modelId}/syncs/${syncId}`;
    while ((await server.db.pool.query('SELECT FROM syncs WHERE id = $1', [syncId])).rowCount === 0) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const subscription = `/destinations/${destinationId}/subscriptions/${made.subscriptionId}`;
    expect((await server.call('DELETE', subscription)).status).toBe(409);
    expect((await server.call('POST', `${path}/cancel`, { body: {} })).json.data).toMatchObject({
      status: 'CANCELLING',
    });
    expect((await ended(made.modelId, syncId)).syncStatus).toBe('CANCELLED');
  });

  test('a sync is of the model it read, whatever has its name or its subscription later', async () => {
    const first = await make('SELECT id, email FROM customers');
    const { syncId } = (await start(first)).json.data.reverseETLManualSync;
    await ended(first.modelId, syncId);
    const second = await make('SELECT id, email FROM customers');
    const subscription = `/destinations/${destinationId}/subscriptions/${first.subscriptionId}`;
    const patched = await server.call('PATCH', subscription, {
      body: { input: { reverseETLModelId: second.modelId } },
    });
    expect(patched.status).toBe(200);
    const moved = { ...first, modelId: second.modelId };
    const idsOf = (answer: Awaited<ReturnType<typeof listOf>>) =>
      answer.json.data.syncStatuses.map((sync: { modelId: string; syncId: string }) => [sync.modelId, sync.syncId]);
    expect(idsOf(await listOf(moved))).toEqual([]);
    expect(idsOf(await listOf(first))).toEqual([[first.modelId, syncId]]);
    expect(
      (await server.call('POST', `/reverse-etl-models/${first.modelId}/syncs/${syncId}/retry-failed`)).status,
    ).toBe(409);

    const { name } = (await server.db.pool.query('SELECT name FROM models WHERE id = $1', [first.modelId])).rows[0];
    expect((await server.call('DELETE', `/reverse-etl-models/${first.modelId}`)).status).toBe(200);
    // The name is free again: a model of another source gets it.
    const elsewhere = { slug: 'elsewhere', enabled: true, metadataId: 'WvlvcGEJsT', settings: {} };
    const { hostname, port, pathname, username, password } = new URL(testDatabaseUrl(warehouse));
    elsewhere.settings = { hostname, port, database: pathname.slice(1), username, password, sslmode: 'disable' };
    const other = (await server.call('POST', '/sources', { body: elsewhere })).json.data.source.id;
    const model = { name, description: '', enabled: true, query: 'SELECT 1 AS id', queryIdentifierColumn: 'id' };
    const made = await server.call('POST', '/reverse-etl-models', { body: { ...model, sourceId: other } });
    const modelId = made.json.data.reverseEtlModel.id;
    const names = await server.db.pool.query('SELECT name FROM models WHERE id = $1', [modelId]);
    expect(names.rows[0]).toEqual({ name });
    const { secret: token } = await createWorkspaceToken(server.db.pool, 'elsewhere', {
      role: 'member',
      permissions: [{ role: 'source-admin', resources: [{ id: other }] }],
    });
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/rows'],
      ['POST', '/retry-failed'],
    ] as const) {
      const answer = await server.call(method, `/reverse-etl-models/${modelId}/syncs/${syncId}${path}`, { token });
      expect(answer.status).toBe(404);
    }
    // Who may see its source still finds it among the syncs of the workspace.
    const found = await server.call('GET', `/reverse-etl-syncs/${syncId}`);
    expect(found.json.data.sync).toMatchObject({ modelId: first.modelId, sourceId, syncStatus: 'SUCCESS' });
    expect((await server.call('GET', `/reverse-etl-syncs/${syncId}`, { token })).status).toBe(404);
  });

  test('ids of nothing are told all at once, and those that no database takes are ids of nothing', async () => {
    const body = { sourceId: 'src_none', modelId: 'mod_none', subscriptionId: 'map_none' };
    const { status, json } = await server.call('POST', '/reverse-etl-syncs', { body });
    const told = json.errors.map(({ field, type }: { field: string; type: string }) => [field, type]);
    expect([status, told]).toEqual([
      404,
      ['sourceId', 'modelId', 'subscriptionId'].map((field) => [field, 'not-found']),
    ]);
    const made = await make('SELECT id, email FROM customers');
    const one = `/reverse-etl-models/${made.modelId}/syncs/%00`;
    for (const [method, path] of [
      ...[['GET', one] as const, ['GET', `${one}/rows`] as const, ['GET', '/reverse-etl-syncs/a%00b'] as const],
      ...['cancel', 'retry-failed', 'replay'].map((what) => ['POST', `${one}/${what}`] as const),
    ]) {
      const answer = await server.call(method, path);
      expect([path, answer.status, answer.json.errors[0].type]).toEqual([path, 404, 'not-found']);
    }
  });

  test('a sync that cannot extract says why', async () => {
    const made = await make('SELECT id, email FROM nothing_there');
    const { syncId } = (await start(made)).json.data.reverseETLManualSync;
    const sync = await ended(made.modelId, syncId);
    expect(sync).toMatchObject({ syncStatus: 'FAIL', error: expect.stringContaining('nothing_there') });
    expect(sync.errorCode).toBe(sync.extractPhase.errorCode);
    expect(sync.loadPhase).toBeUndefined();
  });
});

async function profileTraits(userId: string) {
  const { json } = await server.profile(`users/profiles/user_id:${userId}/traits`);
  return json.traits;
}

test.each([
  [0, '0s'],
  [42_500, '42.5s'],
  [72_500, '1m12.5s'],
  [3_723_000, '1h2m3s'],
  [3_600_000, '1h0m0s'],
])('a duration of %i ms', (ms, text) => {
  expect(duration(ms)).toBe(text);
});
