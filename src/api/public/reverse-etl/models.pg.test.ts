/** `/reverse-etl-models`, as clients use them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorkspaceToken } from '../../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
let sourceId: string;
beforeAll(async () => {
  server = await openPublicApi();
  sourceId = await makeSource('orders_db');
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function makeSource(slug: string, metadataId = 'WvlvcGEJsT'): Promise<string> {
  const settings = { hostname: '127.0.0.1', port: '5432', database: 'shop', username: 'retl', password: 'pw' };
  const body = { slug, enabled: true, metadataId, ...(metadataId === 'WvlvcGEJsT' && { settings }) };
  return (await server.call('POST', '/sources', { body })).json.data.source.id;
}

const customers = () => ({
  ...{ sourceId, name: 'Customers of the shop', description: ' ', enabled: true },
  ...{ query: 'SELECT id, email FROM customers', queryIdentifierColumn: 'id' },
});
const make = (body: object) => server.call('POST', '/reverse-etl-models', { body });

describe('a model', () => {
  let id: string;

  test('is made with 201, and read as it was given', async () => {
    const { status, json } = await make(customers());
    expect(status).toBe(201);
    id = json.data.reverseEtlModel.id;
    expect(json).toEqual({ data: { reverseEtlModel: { id, ...customers() } } });
    expect((await server.call('GET', `/reverse-etl-models/${id}`)).json).toEqual(json);
  });

  test('may have the name of another one', async () => {
    const { status, json } = await make(customers());
    expect({ status, name: json.data.reverseEtlModel.name }).toEqual({ status: 201, name: 'Customers of the shop' });
    expect((await server.call('DELETE', `/reverse-etl-models/${json.data.reverseEtlModel.id}`)).status).toBe(200);
  });

  test('only what is given changes', async () => {
    const body = { name: 'Buyers', enabled: false };
    const { json } = await server.call('PATCH', `/reverse-etl-models/${id}`, { body });
    expect(json.data.reverseEtlModel).toEqual({ id, ...customers(), ...body });
    const { status } = await server.call('PATCH', `/reverse-etl-models/${id}`, { body: { sourceId: 'src_other' } });
    expect(status).toBe(400);
  });

  test('the list goes by the time they were made, in pages', async () => {
    const made = await make({ ...customers(), name: 'a second' });
    const first = await server.call('GET', '/reverse-etl-models?pagination.count=1');
    expect(first.json.data).toMatchObject({
      models: [{ name: 'Buyers' }],
      pagination: { current: 'MA==', totalEntries: 2 },
    });
    const { next } = first.json.data.pagination;
    const second = await server.call('GET', `/reverse-etl-models?pagination.count=1&pagination.cursor=${next}`);
    expect(second.json.data.models).toMatchObject([{ id: made.json.data.reverseEtlModel.id }]);
    expect(second.json.data.pagination.next).toBeUndefined();
  });

  test('a token that may only read sees it; one of another source does not', async () => {
    const other = await makeSource('other_db');
    const token = async (role: 'source-read-only' | 'source-admin', resources: 'all' | { id: string }[]) =>
      (
        await createWorkspaceToken(server.db.pool, `${role}${resources.length}`, {
          role: 'member',
          permissions: [{ role, resources }],
        })
      ).secret;
    const [reader, stranger] = [await token('source-read-only', 'all'), await token('source-admin', [{ id: other }])];
    const path = `/reverse-etl-models/${id}`;
    expect((await server.call('GET', path, { token: reader })).status).toBe(200);
    expect((await server.call('PATCH', path, { token: reader, body: {} })).status).toBe(401);
    expect((await server.call('GET', path, { token: stranger })).status).toBe(401);
    expect((await server.call('GET', '/reverse-etl-models', { token: stranger })).json.data.models).toEqual([]);
    const created = await server.call('POST', '/reverse-etl-models', { token: stranger, body: customers() });
    expect(created.status).toBe(401);
  });

  test('deleting it answers once', async () => {
    expect((await server.call('DELETE', `/reverse-etl-models/${id}`)).json).toEqual({ data: { status: 'SUCCESS' } });
    expect((await server.call('DELETE', `/reverse-etl-models/${id}`)).status).toBe(404);
    expect((await server.call('GET', `/reverse-etl-models/${id}`)).status).toBe(404);
  });
});

test('one that subscriptions use is kept: a few are named, with their ids, and the rest counted', async () => {
  const modelId = (await make(customers())).json.data.reverseEtlModel.id;
  const destination = { sourceId, metadataId: '639c2dbb1309fdcad13951b6', settings: {} };
  const made = await server.call('POST', '/destinations', { body: destination });
  const list = `/destinations/${made.json.data.destination.id}/subscriptions`;
  const ids: string[] = [];
  for (let no = 0; no < 7; no++) {
    const body = {
      ...{ name: 'The same', actionId: 'vm2tNA5U1zxUusQkdC4D7Z', enabled: true, modelId, trigger: 'event = "new"' },
      settings: { engage_space: server.space.writeKey, user_id: { '@path': '$.properties.id' } },
    };
    ids.push((await server.call('POST', list, { body })).json.data.destinationSubscription.id);
  }
  const { status, json } = await server.call('DELETE', `/reverse-etl-models/${modelId}`);
  expect(status).toBe(409);
  const { message } = json.errors[0];
  expect(message.match(/The same \(\w+\)/g)).toHaveLength(5);
  expect(message).toContain(' and 2 more. ');
  expect(ids.filter((id) => message.includes(`(${id})`))).toHaveLength(5);
});

test('the schedule of an older client is kept, and shown to whoever gave one', async () => {
  const schedule = { scheduleStrategy: 'periodic', scheduleConfig: { interval: '1h' } };
  const { json } = await make({ ...customers(), ...schedule });
  expect(json.data.reverseEtlModel).toMatchObject({ scheduleStrategy: 'PERIODIC', scheduleConfig: { interval: '1h' } });
  const byHand = await make({ ...customers(), scheduleStrategy: 'MANUAL', scheduleConfig: {} });
  expect(byHand.status).toBe(201);
  const { reverseEtlModel: manual } = byHand.json.data;
  const asGiven = { scheduleStrategy: 'MANUAL', scheduleConfig: {} };
  expect(manual).toMatchObject(asGiven);
  const one = `/reverse-etl-models/${manual.id}`;
  const read = async (headers = {}) => (await server.call('GET', one, { headers })).json.data.reverseEtlModel;
  // Also after a change that says nothing of it, and when it takes the place of another.
  const patched = await server.call('PATCH', one, { body: { name: 'By hand' } });
  expect(patched.json.data.reverseEtlModel).toMatchObject({ name: 'By hand', ...asGiven });
  await server.call('PATCH', one, { body: schedule });
  expect(await read()).toMatchObject({ scheduleStrategy: 'PERIODIC', scheduleConfig: { interval: '1h' } });
  await server.call('PATCH', one, { body: { scheduleStrategy: 'manual' } });
  expect(await read()).toMatchObject(asGiven);
  const { models } = (await server.call('GET', '/reverse-etl-models')).json.data;
  expect(models.find((model: { id: string }) => model.id === manual.id)).toMatchObject(asGiven);
  // The strict clients of the two generations: one asks for it in every model it made, the other knows no such keys.
  const java = (version: string) => ({ 'user-agent': `Public API SDK ${version} (Java)` });
  expect(await read(java('47.0.0'))).toMatchObject(asGiven);
  expect(await read(java('73.2.0'))).not.toHaveProperty('scheduleStrategy');
  const silent = (await make(customers())).json.data.reverseEtlModel;
  expect(silent).not.toHaveProperty('scheduleStrategy');
  expect((await make({ ...customers(), scheduleStrategy: 'DBT_CLOUD', scheduleConfig: {} })).status).toBe(400);
});

test.each<[string, object, string[]]>([
  ['nothing', {}, ['sourceId', 'name', 'description', 'enabled', 'query', 'queryIdentifierColumn']],
  [
    'types',
    { enabled: 'yes', description: 3 },
    ['sourceId', 'name', 'description', 'enabled', 'query', 'queryIdentifierColumn'],
  ],
])('every fault is told at once: %s', async (_, body, fields) => {
  const { status, json } = await make(body);
  expect(status).toBe(422);
  expect(json.errors.map(({ field }: { field: string }) => field)).toEqual(fields);
});

test.each<[string, object, string]>([
  ['a query past the limit', { query: `SELECT '${'x'.repeat(65_535)}'` }, 'query'],
  ['a query of two statements', { query: 'SELECT 1; DROP TABLE customers' }, 'query'],
  ['a column name past the limit', { queryIdentifierColumn: 'x'.repeat(192) }, 'queryIdentifierColumn'],
  [
    'an interval that is too short',
    { scheduleStrategy: 'PERIODIC', scheduleConfig: { interval: '1m' } },
    'scheduleConfig.interval',
  ],
  [
    'a schedule with keys of another',
    { scheduleStrategy: 'PERIODIC', scheduleConfig: { interval: '1h', spec: '' } },
    'scheduleConfig.spec',
  ],
  ['a strategy that is none', { scheduleStrategy: 'sometimes' }, 'scheduleStrategy'],
  ['text that cannot be stored', { description: 'a\0b' }, 'description'],
])('422: %s', async (_, wrong, field) => {
  const { status, json } = await make({ ...customers(), ...wrong });
  expect({ status, json }).toMatchObject({ status: 422, json: { errors: [{ type: 'input-validation', field }] } });
});

test('its source must be there, and a warehouse', async () => {
  expect((await make({ ...customers(), sourceId: 'src_none' })).status).toBe(404);
  const web = await makeSource('web', 'iUM16Md8P2');
  for (const id of [web, server.space.id]) {
    const { status, json } = await make({ ...customers(), sourceId: id });
    expect({ status, json }).toMatchObject({
      status: 400,
      json: { errors: [{ type: 'bad-request', field: 'sourceId' }] },
    });
  }
});

test('every fault is told at once, also of what has the right shape beside what has not', async () => {
  const fieldsOf = (json: { errors: { field: string }[] }) => json.errors.map(({ field }) => field).sort();
  const faulty = { name: '', enabled: 'x', query: 'DELETE FROM x', scheduleStrategy: 'FOO' };
  const expected = ['enabled', 'name', 'query', 'scheduleStrategy'];
  expect(fieldsOf((await make({ ...customers(), ...faulty })).json)).toEqual(expected);
  const { id } = (await make(customers())).json.data.reverseEtlModel;
  const changed = await server.call('PATCH', `/reverse-etl-models/${id}`, { body: faulty });
  expect([changed.status, fieldsOf(changed.json)]).toEqual([422, expected]);
  const days = { scheduleStrategy: 'SPECIFIC_DAYS', scheduleConfig: { days: [9] } };
  expect(fieldsOf((await make({ ...customers(), ...days })).json)).toEqual([
    ...['scheduleConfig.days', 'scheduleConfig.hours', 'scheduleConfig.timezone'],
  ]);
});

test('a schedule config alone goes with the strategy there was, and is refused where there was none', async () => {
  const given = { scheduleStrategy: 'PERIODIC', scheduleConfig: { interval: '1h' } };
  const { id } = (await make({ ...customers(), ...given })).json.data.reverseEtlModel;
  const change = (id: string, body: object) => server.call('PATCH', `/reverse-etl-models/${id}`, { body });
  const changed = await change(id, { scheduleConfig: { interval: '2h' } });
  expect(changed.json.data.reverseEtlModel).toMatchObject({
    scheduleStrategy: 'PERIODIC',
    scheduleConfig: { interval: '2h' },
  });
  expect(await change(id, { scheduleConfig: { spec: '0 6 * * *' } })).toMatchObject({ status: 422 });
  const manual = (await make(customers())).json.data.reverseEtlModel.id;
  for (const answer of [
    await change(manual, { scheduleConfig: { interval: '2h' } }),
    await make({ ...customers(), scheduleConfig: { interval: '2h' } }),
  ]) {
    expect(answer).toMatchObject({ status: 422, json: { errors: [{ field: 'scheduleStrategy' }] } });
  }
});
