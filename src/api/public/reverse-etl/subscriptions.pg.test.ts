/** `/destinations/…/subscriptions`: mappings, as clients use them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
let sourceId: string;
let modelId: string;
let destinationId: string;
beforeAll(async () => {
  server = await openPublicApi();
  sourceId = await makeSource('orders_db');
  modelId = await makeModel(sourceId);
  destinationId = await makeDestination(sourceId);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function makeSource(slug: string): Promise<string> {
  const settings = { hostname: '127.0.0.1', port: '5432', database: 'shop', username: 'retl', password: 'pw' };
  const body = { slug, enabled: true, metadataId: 'WvlvcGEJsT', settings };
  return (await server.call('POST', '/sources', { body })).json.data.source.id;
}

async function makeModel(sourceId: string, more: object = {}): Promise<string> {
  const body = {
    ...{ sourceId, name: 'Customers', description: '', enabled: true, ...more },
    ...{ query: 'SELECT id, email FROM customers', queryIdentifierColumn: 'id' },
  };
  return (await server.call('POST', '/reverse-etl-models', { body })).json.data.reverseEtlModel.id;
}

async function makeDestination(sourceId: string, settings: object = {}): Promise<string> {
  const body = { sourceId, metadataId: '639c2dbb1309fdcad13951b6', settings };
  return (await server.call('POST', '/destinations', { body })).json.data.destination.id;
}

const identify = 'vm2tNA5U1zxUusQkdC4D7Z';
/** As clients of the vendor store them: with settings of its own that mean nothing here. */
const settings = () => ({
  engage_space: server.space.writeKey,
  user_id: { '@path': '$.properties.id' },
  traits: { EMAIL: { '@path': '$.properties.EMAIL' }, nothing: null },
  __segment_internal_sync_mode: 'upsert',
  enable_batching: true,
  batch_size: 1000,
  retlOnMappingSave: { inputs: { '@mode': 'x', other: 1 }, outputs: {} },
});
const wanted = (more: object = {}) => ({
  ...{ name: 'Customers to profiles', actionId: identify, enabled: true, modelId, settings: settings() },
  trigger: 'event = "new" or event = "updated"',
  ...more,
});
const path = () => `/destinations/${destinationId}/subscriptions`;
const make = (more: object = {}) => server.call('POST', path(), { body: wanted(more) });
const fieldsOf = (json: { errors: { field: string }[] }) => json.errors.map(({ field }) => field);

describe('a subscription', () => {
  let id: string;
  const change = (input: object) => server.call('PATCH', `${path()}/${id}`, { body: { input } });

  test('is made with 200 under a name of its own, and read as it was given', async () => {
    const { status, json } = await make();
    expect(status).toBe(200);
    const made = json.data.destinationSubscription;
    id = made.id;
    expect(made).toEqual({
      ...{ id, ...wanted(), actionSlug: 'sendIdentify', destinationId },
      reverseETLSchedule: { strategy: 'MANUAL', config: null },
      skipNulls: [],
    });
    expect((await server.call('GET', `${path()}/${id}`)).json.data).toEqual({ subscription: made });
    expect((await server.call('GET', path())).json.data.subscriptions).toEqual([made]);
  });

  test('nulls of optional fields can be left out; of others, and of unknown ones, not', async () => {
    const { json } = await change({ skipNulls: ['traits', 'traits'] });
    expect(json.data.subscription.skipNulls).toEqual(['traits']);
    const wrong = await change({ skipNulls: ['engage_space', 'trait'] });
    expect([wrong.status, ...fieldsOf(wrong.json)]).toEqual([422, 'input.skipNulls.0', 'input.skipNulls.1']);
    expect((await change({ name: 'Customers to profiles' })).json.data.subscription.skipNulls).toEqual(['traits']);
    await change({ skipNulls: [] });
  });

  test('only what is given changes', async () => {
    const before = (await server.call('GET', `${path()}/${id}`)).json.data.subscription;
    const { status, json } = await change({ enabled: false, name: 'Buyers' });
    expect(status).toBe(200);
    expect(json.data.subscription).toEqual({ ...before, enabled: false, name: 'Buyers' });
    expect((await change({ enabled: true })).json.data.subscription.name).toBe('Buyers');
  });

  test('its settings are replaced as a whole', async () => {
    const less = { engage_space: server.space.id, user_id: { '@path': '$.properties.id' } };
    expect((await change({ settings: less })).json.data.subscription.settings).toEqual(less);
  });

  test.each([
    ['periodic', { interval: '3h25m30s' }],
    ['SPECIFIC_DAYS', { days: [5, 1], hours: [6, 18], timezone: 'Europe/Oslo' }],
    ['Cron', { spec: '30 2 * * *', timezone: 'UTC' }],
    ['MANUAL', null],
  ])('a schedule survives the round trip: %s', async (strategy, config) => {
    const { json } = await change({ reverseETLSchedule: { strategy, config } });
    const expected = { strategy: strategy.toUpperCase(), config };
    expect(json.data.subscription.reverseETLSchedule).toEqual(expected);
    expect((await server.call('GET', `${path()}/${id}`)).json.data.subscription.reverseETLSchedule).toEqual(expected);
  });

  test('a schedule of dbt Cloud is refused in plain words', async () => {
    const { status, json } = await change({
      reverseETLSchedule: { strategy: 'DBT_CLOUD', config: { jobId: '1', accountId: '2' } },
    });
    expect({ status, json }).toMatchObject({
      status: 400,
      json: { errors: [{ message: expect.stringContaining('dbt Cloud') }] },
    });
  });

  test('every fault is told at once, with its place', async () => {
    const { status, json } = await change({
      trigger: 'event = ',
      enabled: 'no',
      settings: { engage_space: 'nowhere', user_id: { '@path': 3 }, color: 'blue' },
      reverseETLSchedule: { strategy: 'PERIODIC', config: { interval: '1m', hours: [] } },
    });
    expect(status).toBe(422);
    expect(fieldsOf(json).sort()).toEqual([
      'input.enabled',
      'input.reverseETLSchedule.config.hours',
      'input.reverseETLSchedule.config.interval',
      'input.settings.color',
      'input.settings.engage_space',
      'input.settings.user_id.@path',
      'input.trigger',
    ]);
  });

  test('it can get another model of the same source; its action stays', async () => {
    const other = await makeModel(sourceId, { name: 'Others' });
    expect((await change({ reverseETLModelId: other })).json.data.subscription.modelId).toBe(other);
    const elsewhere = await makeModel(await makeSource('elsewhere'));
    expect((await change({ reverseETLModelId: elsewhere })).status).toBe(400);
    expect((await change({ reverseETLModelId: 'mod_none' })).status).toBe(404);
    expect((await change({ actionId: 'zfCkGpUYbWN9ns5jr1jvU' })).status).toBe(400);
    const { status, json } = await server.call('DELETE', `/reverse-etl-models/${other}`);
    expect({ status, json }).toMatchObject({
      status: 409,
      json: { errors: [{ type: 'conflict', message: expect.stringContaining('Buyers') }] },
    });
  });

  test('another identifier column begins it anew', async () => {
    const epoch = async () =>
      (await server.db.pool.query('SELECT epoch FROM mappings WHERE id = $1', [id])).rows[0].epoch;
    const { modelId: model } = (await server.call('GET', `${path()}/${id}`)).json.data.subscription;
    await server.call('PATCH', `/reverse-etl-models/${model}`, { body: { query: 'SELECT email, id FROM customers' } });
    expect(await epoch()).toBe(1);
    await server.call('PATCH', `/reverse-etl-models/${model}`, { body: { queryIdentifierColumn: 'email' } });
    expect(await epoch()).toBe(2);
  });

  test('it is known below its own destination alone', async () => {
    const other = await makeDestination(sourceId);
    expect((await server.call('GET', `/destinations/${other}/subscriptions/${id}`)).status).toBe(404);
    expect((await server.call('DELETE', `/destinations/${other}/subscriptions/${id}`)).status).toBe(404);
  });

  test('deleting it answers once', async () => {
    expect((await server.call('DELETE', `${path()}/${id}`)).json).toEqual({ data: { status: 'SUCCESS' } });
    expect((await server.call('DELETE', `${path()}/${id}`)).status).toBe(404);
    expect((await server.call('GET', `${path()}/${id}`)).status).toBe(404);
  });
});

test('every fault of a new one is told at once', async () => {
  const body = {
    enabled: true,
    actionId: 'none',
    trigger: 'event = "deleted" and event = "new"',
    settings: { user_id: { '@nothing': 1 } },
  };
  const { status, json } = await server.call('POST', path(), { body });
  expect(status).toBe(422);
  expect(fieldsOf(json).sort()).toEqual(['actionId', 'modelId', 'name', 'settings.user_id', 'trigger']);
  expect(fieldsOf((await make({ settings: { user_id: 'x' } })).json)).toEqual(['settings.engage_space']);
});

const nested = (levels: number, wrap: (inner: unknown) => unknown): unknown => {
  let value: unknown = 'x';
  for (let level = 0; level < levels; level++) value = wrap(value);
  return value;
};

test('what is nested too deep is refused, with its field', async () => {
  const object = nested(2_000, (a) => ({ a }));
  const list = nested(2_000, (a) => [a]);
  for (const [deep, field] of [
    [{ traits: object }, 'settings.traits'],
    [{ user_id: list }, 'settings.user_id'],
    [{ traits: { '@if': { exists: object, else: 1 } } }, 'settings.traits'],
  ] as const) {
    const { status, json } = await make({ settings: { ...settings(), ...deep } });
    expect(status).toBe(422);
    expect(fieldsOf(json)).toContain(field);
    expect(JSON.stringify(json).length).toBeLessThan(1_000);
  }
  const made = (await make()).json.data.destinationSubscription;
  const changed = await server.call('PATCH', `${path()}/${made.id}`, {
    body: { input: { settings: { ...settings(), traits: object } } },
  });
  expect([changed.status, fieldsOf(changed.json)]).toEqual([422, ['input.settings.traits']]);
});

test('a profile space that is neither text nor a directive is refused', async () => {
  for (const engage_space of [5, true, [], {}]) {
    const { status, json } = await make({ settings: { ...settings(), engage_space } });
    expect([status, fieldsOf(json)]).toEqual([422, ['settings.engage_space']]);
  }
});

test('a subscription without a model is refused with the reason', async () => {
  for (const modelId of ['', undefined]) {
    const { status, json } = await make({ modelId });
    expect({ status, json }).toMatchObject({
      status: 422,
      json: { errors: [{ field: 'modelId', message: expect.stringContaining('rows of models alone') }] },
    });
  }
});

test('the schedule of a new one: its own, else that of its model', async () => {
  const hourly = await makeModel(sourceId, { scheduleStrategy: 'PERIODIC', scheduleConfig: { interval: '1h' } });
  const inherited = await make({ modelId: hourly });
  expect(inherited.json.data.destinationSubscription.reverseETLSchedule).toEqual({
    strategy: 'PERIODIC',
    config: { interval: '1h' },
  });
  const byHand = await makeModel(sourceId, { scheduleStrategy: 'MANUAL', scheduleConfig: {} });
  const manual = (await make({ modelId: byHand })).json.data.destinationSubscription;
  expect(manual.reverseETLSchedule).toEqual({ strategy: 'MANUAL', config: null });
  const own = { strategy: 'CRON', config: { spec: '0 6 * * *', timezone: 'UTC' } };
  const made = await make({ modelId: hourly, reverseETLSchedule: own });
  expect(made.json.data.destinationSubscription.reverseETLSchedule).toEqual(own);
});

test('a space that is not here is one of another server, when that is where messages go', async () => {
  const away = await makeDestination(sourceId, { endpoint: 'custom', tracking_url: 'https://events.example.com/v1' });
  const space = { ...settings(), engage_space: 'theirs' };
  const made = await server.call('POST', `/destinations/${away}/subscriptions`, { body: wanted({ settings: space }) });
  expect(made.status).toBe(200);
  const body = { settings: { endpoint: 'local' } };
  const { status, json } = await server.call('PATCH', `/destinations/${away}`, { body });
  expect({ status, json }).toMatchObject({ status: 400, json: { errors: [{ field: 'settings.endpoint' }] } });
});

test('a destination has 50 of them; deleting it deletes them', async () => {
  const id = await makeDestination(sourceId);
  const one = () => server.call('POST', `/destinations/${id}/subscriptions`, { body: wanted() });
  for (let no = 0; no < 50; no++) expect((await one()).status).toBe(200);
  const { status, json } = await one();
  expect({ status, json }).toMatchObject({
    status: 400,
    json: { errors: [{ message: expect.stringContaining('50') }] },
  });
  const count = async () =>
    (await server.db.pool.query('SELECT FROM mappings WHERE destination_id = $1', [id])).rowCount;
  expect(await count()).toBe(50);
  expect((await server.call('DELETE', `/destinations/${id}`)).status).toBe(200);
  expect(await count()).toBe(0);
});
