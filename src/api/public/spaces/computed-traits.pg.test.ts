/** Computed traits over HTTP. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
let url: string;
beforeAll(async () => {
  server = await openPublicApi();
  url = `/spaces/${server.space.id}/computed-traits`;
});
beforeEach(() => server.db.pool.query('TRUNCATE computations'));
afterAll(() => server[Symbol.asyncDispose]());

const query = "event('Order Completed').within(90 days).count()";
const post = (body: object) => server.call('POST', url, { body });
const orders = { name: 'Orders 90d', definition: { query, type: 'USERS' } };

test('made, read, listed, changed, deleted', async () => {
  const { status, json } = await post(orders);
  const { computedTrait } = json.data;
  const now = server.clock.now().toISOString();
  expect([status, computedTrait]).toEqual([
    200,
    {
      ...{ id: expect.stringMatching(/^tra_\w{27}$/), spaceId: server.space.id, name: 'Orders 90d', key: 'orders_90d' },
      ...{ description: '', enabled: true, definition: { query, type: 'USERS' }, status: 'Backfilling' },
      ...{ createdBy: 'test', updatedBy: 'test', createdAt: now, updatedAt: now },
      ...{ options: { includeHistoricalData: true, includeAnonymousUsers: false }, computeCadence: { type: 'BATCH' } },
    },
  ]);
  const one = `${url}/${computedTrait.id}`;
  expect((await server.call('GET', one)).json.data).toEqual({ computedTrait });
  expect((await server.call('GET', url)).json.data).toEqual({
    computedTraits: [computedTrait],
    pagination: { current: 'MA==', totalEntries: 1 },
  });
  const disabled = await server.call('PATCH', one, { body: { enabled: false } });
  expect(disabled.json.data.computedTrait).toMatchObject({ enabled: false, status: 'Disabled' });
  expect((await server.call('DELETE', one)).json).toEqual({ data: { status: 'SUCCESS' } });
  expect((await server.call('GET', one)).json.errors[0].message).toContain('Computed trait with id');
  const { rows } = await server.db.pool.query(
    "SELECT type FROM audit_events WHERE resource_type = 'computed_trait' ORDER BY at",
  );
  expect(rows.map(({ type }) => type)).toEqual(
    ['Created', 'Modified', 'Deleted'].map((what) => `Computed Trait ${what}`),
  );
});

test('options are echoed', async () => {
  const options = { includeHistoricalData: false, includeAnonymousUsers: true, backfillDurationDays: 30 };
  const { json } = await post({ ...orders, options });
  expect(json.data.computedTrait.options).toEqual(options);
});

test('an audience is not a computed trait, neither by its query nor by its id', async () => {
  const bool = await post({ ...orders, definition: { query: "trait('plan') = 'pro'", type: 'USERS' } });
  expect([bool.status, bool.json.errors[0].field]).toEqual([422, 'definition.query']);
  const audience = await server.call('POST', `/spaces/${server.space.id}/audiences`, {
    body: { name: 'Pro', audienceType: 'USERS', definition: { query: "trait('plan') = 'pro'" } },
  });
  expect((await server.call('GET', `${url}/${audience.json.data.audience.id}`)).status).toBe(404);
});

test('every fault at once', async () => {
  const { status, json } = await post({
    name: '',
    definition: { query, type: 'PEOPLE' },
    options: { includeAnonymousUsers: 1 },
  });
  expect([status, json.errors.map(({ field }: { field: string }) => field)]).toEqual([
    422,
    ['name', 'options.includeAnonymousUsers', 'definition.type'],
  ]);
});

test('a space has 50', async () => {
  for (let no = 1; no <= 50; no++) expect((await post({ ...orders, name: `n ${no}` })).status).toBe(200);
  const { status, json } = await post(orders);
  expect([status, json.errors[0].message]).toEqual([400, expect.stringContaining('at most 50 computed traits')]);
});
