/** Syncs of the whole workspace, a plan, and a reset, over the Public API. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyTestDatabase, testDatabaseUrl } from '../../../../test/database.ts';
import type { Database } from '../../../db/db.ts';
import { showSync } from '../../../sync/sync.ts';
import { createWorkspaceToken } from '../../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
let warehouse: Database;
let destinationId: string;
let modelId: string;
let sourceId: string;
const mappings: Record<string, string> = {};

beforeAll(async () => {
  server = await openPublicApi();
  warehouse = await emptyTestDatabase();
  await warehouse.pool.query(
    "CREATE TABLE people AS SELECT 'u' || n AS id, 'u' || n || '@x.org' AS email FROM generate_series(1, 4) n",
  );
  await warehouse.pool.query("INSERT INTO people VALUES (NULL, 'nobody@x.org')");
  const { hostname, port, pathname, username, password } = new URL(testDatabaseUrl(warehouse));
  const settings = { hostname, port, database: pathname.slice(1), username, password, sslmode: 'disable' };
  const source = { slug: 'people_db', enabled: true, metadataId: 'WvlvcGEJsT', settings };
  sourceId = (await server.call('POST', '/sources', { body: source })).json.data.source.id;
  const destination = { sourceId, metadataId: '639c2dbb1309fdcad13951b6', settings: {}, enabled: true };
  destinationId = (await server.call('POST', '/destinations', { body: destination })).json.data.destination.id;
  const model = {
    ...{ sourceId, name: 'People', description: '', enabled: true },
    ...{ query: 'SELECT id, email, NULL::text AS uid FROM people', queryIdentifierColumn: 'id' },
  };
  modelId = (await server.call('POST', '/reverse-etl-models', { body: model })).json.data.reverseEtlModel.id;
  const traits = { email: { '@path': '$.properties.email' } };
  // The rows of the second one have no identifier.
  for (const [name, userId] of [
    ['good', { '@path': '$.properties.id' }],
    ['bad', { '@path': '$.properties.uid' }],
  ] as const) {
    const body = {
      ...{
        name,
        actionId: 'vm2tNA5U1zxUusQkdC4D7Z',
        enabled: true,
        modelId,
        trigger: 'event = "new" or event = "updated"',
      },
      settings: { engage_space: server.space.writeKey, user_id: userId, traits },
    };
    const made = await server.call('POST', `/destinations/${destinationId}/subscriptions`, { body });
    mappings[name] = made.json.data.destinationSubscription.id;
  }
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await warehouse.close();
});

const get = (path: string) => server.call('GET', path);
const pathOf = (name: string) => `/destinations/${destinationId}/subscriptions/${mappings[name]}`;

async function run(name: string): Promise<string> {
  const body = { sourceId, modelId, subscriptionId: mappings[name] };
  const { json } = await server.call('POST', '/reverse-etl-syncs', { body });
  return json.data.reverseETLManualSync.syncId;
}

test('a plan counts what a sync would do, and changes nothing', async () => {
  const { status, json } = await server.call('POST', `${pathOf('good')}/plan`);
  expect(status).toBe(200);
  expect(json.data.plan).toMatchObject({
    counts: { extracted: 5, added: 4, invalid: 1, delivered: 4 },
    effects: { profilesCreated: 4 },
    invalidRows: [{ recordId: null, reason: 'identifier_null', rows: 1 }],
  });
  expect((await get('/reverse-etl-syncs')).json.data.syncs).toEqual([]);
  const { rows } = await server.db.pool.query('SELECT count(*)::int AS n FROM profiles');
  expect(rows).toEqual([{ n: 0 }]);
});

test('a plan that cannot be made says why', async () => {
  const { status, json } = await server.call('POST', `${pathOf('good')}/plan`, { body: { replayOf: 'syn_none' } });
  expect({ status, json }).toMatchObject({ status: 404, json: { errors: [{ type: 'not-found' }] } });
  const wrong = await server.call('POST', `${pathOf('good')}/plan`, { body: { replayOf: 7 } });
  expect(wrong.json.errors).toMatchObject([{ type: 'input-validation', field: 'replayOf' }]);
});

async function ended(syncId: string): Promise<void> {
  for (;;) {
    const { sync } = (await get(`/reverse-etl-syncs/${syncId}`)).json.data;
    if (sync.finishedAt !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

let good: string;
test('what waits is in the list, and ahead of what ran', async () => {
  good = await run('good');
  const { syncs } = (await get('/reverse-etl-syncs?status=running')).json.data;
  expect(syncs).toMatchObject([
    { syncId: good, isWaiting: true, syncStatus: 'IN_PROGRESS', subscriptionName: 'good', destinationId },
  ]);
  expect((await get(`/reverse-etl-syncs/${good}`)).json.data.sync).toEqual(syncs[0]);
  expect((await get('/reverse-etl-syncs?status=failed')).json.data.syncs).toEqual([]);
});

test('what ran has all its counts, and what failed is found', async () => {
  server.runSyncs();
  await ended(good);
  const bad = await run('bad');
  await ended(bad);
  const { syncs, pagination } = (await get('/reverse-etl-syncs')).json.data;
  expect(pagination).toEqual({ current: 'MA==' });
  expect(syncs).toMatchObject([
    { syncId: bad, subscriptionId: mappings.bad, counts: { refused: 4, invalid: 1 } },
    {
      syncId: good,
      subscriptionId: mappings.good,
      counts: { delivered: 4, invalid: 1 },
      effects: { profilesCreated: 4 },
    },
  ]);
  // Told to whoever is not at a terminal; the command line says it with its commands.
  const help = expect.stringContaining('is listed with the sync');
  const error = expect.not.stringMatching(/millrace sync/);
  expect(syncs[0]).toMatchObject({ reason: 'All 4 rows that were tried were refused.', help, error });
  expect((await showSync(server.db, bad)).help).toContain(`millrace sync show ${bad} --rows failed`);
  const failed = (await get('/reverse-etl-syncs?status=FAILED')).json.data.syncs;
  expect(failed.map(({ syncId }: { syncId: string }) => syncId)).toContain(bad);
  const page = (await get('/reverse-etl-syncs?pagination[count]=1')).json.data;
  expect(page.syncs).toHaveLength(1);
  const rest = (await get(`/reverse-etl-syncs?pagination[count]=1&pagination[cursor]=${page.pagination.next}`)).json
    .data;
  expect(rest.syncs).toMatchObject([{ syncId: good }]);
});

test('the volume has every part of the time', async () => {
  // Syncs of this server run by the real clock.
  const end = new Date();
  const start = new Date(end.getTime() - 2 * 86_400_000);
  const range = `startTime=${start.toISOString()}&endTime=${end.toISOString()}&granularity=DAY`;
  const { volume } = (await get(`/reverse-etl-syncs/volume?${range}`)).json.data;
  const sum = (name: string) =>
    volume.reduce((all: number, part: Record<string, number>) => all + (part[name] ?? 0), 0);
  expect([volume.length, sum('delivered'), sum('failed'), sum('invalid')]).toEqual([3, 4, 4, 2]);
  expect(volume[0]).toEqual({
    time: `${start.toISOString().slice(0, 10)}T00:00:00.000Z`,
    delivered: 0,
    failed: 0,
    invalid: 0,
  });
  const { json } = await get('/reverse-etl-syncs/volume?granularity=WEEK');
  expect(json.errors.map(({ field }: { field: string }) => field)).toEqual(['startTime', 'endTime', 'granularity']);
});

test('whoever may not see a source does not see its syncs', async () => {
  const { secret } = await createWorkspaceToken(server.db.pool, 'elsewhere', {
    role: 'member',
    permissions: [{ role: 'source-read-only', resources: [{ id: 'src_other' }] }],
  });
  const as = { token: secret };
  expect((await server.call('GET', '/reverse-etl-syncs', as)).json.data.syncs).toEqual([]);
  expect((await server.call('GET', `/reverse-etl-syncs/${good}`, as)).status).toBe(404);
});

test('a reset forgets what was delivered, and is in the audit trail', async () => {
  const { status, json } = await server.call('POST', `${pathOf('good')}/reset`);
  expect({ status, json }).toMatchObject({ status: 200, json: { data: { reset: { epoch: 2, hadState: true } } } });
  expect((await server.call('POST', `${pathOf('good')}/plan`)).json.data.plan.counts).toMatchObject({ added: 4 });
  const { events } = (await get('/audit-events')).json.data;
  expect(events[0]).toMatchObject({ type: 'Destination Subscription Reset', resourceId: mappings.good });
});
