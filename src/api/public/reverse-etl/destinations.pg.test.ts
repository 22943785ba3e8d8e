/** `/destinations`, as clients use them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFakePublicApi, publicApiWith } from '../../../destination/fake-public-api.test-support.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
let sourceId: string;
beforeAll(async () => {
  server = await openPublicApi();
  const settings = { hostname: '127.0.0.1', port: '5432', database: 'shop', username: 'retl', password: 'pw' };
  const body = { slug: 'orders_db', enabled: true, metadataId: 'WvlvcGEJsT', settings };
  sourceId = (await server.call('POST', '/sources', { body })).json.data.source.id;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const metadataId = '639c2dbb1309fdcad13951b6';
const make = (more: object = {}) =>
  server.call('POST', '/destinations', { body: { sourceId, metadataId, settings: {}, ...more } });
const token = 'sgp_0123456789abcdefWXYZ';

test('made with 200; without a name, and with settings exactly as given', async () => {
  const { status, json } = await make();
  expect(status).toBe(200);
  expect(json.data.destination).toMatchObject({ enabled: true, sourceId, settings: {}, metadata: { id: metadataId } });
  expect((await make({ settings: { endpoint: 'local' } })).json.data.destination.settings).toEqual({
    endpoint: 'local',
  });
});

describe('a destination', () => {
  let id: string;

  test('shows its token masked', async () => {
    const { json } = await make({
      name: 'Profiles (prod)',
      settings: { endpoint: 'europe', segment_papi_token: token },
    });
    id = json.data.destination.id;
    expect(json.data.destination).toMatchObject({
      name: 'Profiles (prod)',
      settings: { endpoint: 'europe', segment_papi_token: '••••••••••WXYZ' },
    });
    expect((await server.call('GET', `/destinations/${id}`)).json).toEqual(json);
    const listed = (await server.call('GET', '/destinations')).json.data.destinations.at(-1);
    expect(listed).toEqual(json.data.destination);
    expect(JSON.stringify(json)).not.toContain(token);
  });

  test('its settings are merged by key; a masked token stays', async () => {
    const body = {
      enabled: false,
      name: null,
      settings: { endpoint: 'europe', segment_papi_token: '••••••••••WXYZ' },
    };
    const { json } = await server.call('PATCH', `/destinations/${id}`, { body });
    expect(json.data.destination).toMatchObject({
      enabled: false,
      name: 'profiles-prod',
      settings: { endpoint: 'europe', segment_papi_token: '••••••••••WXYZ' },
    });
    const more = { settings: { tracking_url: 'https://events.example.com/v1' } };
    const merged = await server.call('PATCH', `/destinations/${id}`, { body: more });
    expect(merged.json.data.destination.settings).toMatchObject({ endpoint: 'europe', ...more.settings });
    const { rows } = await server.db.pool.query('SELECT secrets FROM destinations WHERE id = $1', [id]);
    expect(rows[0].secrets).not.toBeNull();
  });

  test('its token goes to no other host unless it is given again', async () => {
    await using theirs = await openFakePublicApi(publicApiWith([]));
    const custom = { endpoint: 'custom', tracking_url: 'https://events.example.com/v1', public_api_url: theirs.url };
    const refusal = {
      status: 422,
      json: { errors: [{ field: 'settings.segment_papi_token', message: expect.stringContaining('given again') }] },
    };
    const test = (settings: object) => server.call('POST', `/destinations/${id}/test`, { body: { settings } });
    const change = (settings: object) => server.call('PATCH', `/destinations/${id}`, { body: { settings } });
    expect(await test(custom)).toMatchObject(refusal);
    expect(await test({ ...custom, segment_papi_token: '••••••••••WXYZ' })).toMatchObject(refusal);
    expect(await change(custom)).toMatchObject(refusal);
    expect(await change({ endpoint: 'north_america' })).toMatchObject(refusal);
    // Nor by a way around: where nobody is asked the token stays, and leaves no more.
    expect((await change({ endpoint: 'local' })).status).toBe(200);
    expect(await change(custom)).toMatchObject(refusal);
    expect(theirs.asked).toEqual([]);
    const mine = { ...custom, segment_papi_token: 'sgp_of_this_host' };
    expect((await test(mine)).json.data).toMatchObject({ ok: true });
    expect((await change(mine)).status).toBe(200);
    expect((await change({ tracking_url: 'https://events.example.com/v2' })).status).toBe(200);
    expect(new Set(theirs.asked.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer sgp_of_this_host']),
    );
  });

  test('deleting it answers once', async () => {
    expect((await server.call('DELETE', `/destinations/${id}`)).json).toEqual({ data: { status: 'SUCCESS' } });
    expect((await server.call('DELETE', `/destinations/${id}`)).status).toBe(404);
    expect((await server.call('GET', `/destinations/${id}`)).status).toBe(404);
  });
});

test('every fault of the settings is told at once', async () => {
  const settings = { endpoint: 'mars', tracking_url: 'here', color: 'blue' };
  const { status, json } = await make({ metadataId: 'none', settings });
  expect(status).toBe(422);
  const fields = json.errors.map(({ field }: { field: string }) => field);
  expect(fields).toEqual(['metadataId', 'settings.color', 'settings.endpoint', 'settings.tracking_url']);
  expect((await make({ settings: { endpoint: 'europe' } })).json.errors[0].field).toBe('settings.segment_papi_token');
  const beside = await make({ metadataId: 'none', settings: { endpoint: 'mars', color: 'blue' }, enabled: 'x' });
  expect(beside.json.errors.map(({ field }: { field: string }) => field).sort()).toEqual([
    ...['enabled', 'metadataId', 'settings.color', 'settings.endpoint'],
  ]);
  const { id } = (await make()).json.data.destination;
  const body = { enabled: 'x', settings: { color: 'blue' } };
  const changed = await server.call('PATCH', `/destinations/${id}`, { body });
  expect(changed.json.errors.map(({ field }: { field: string }) => field)).toEqual(['enabled', 'settings.color']);
  const missing = await server.call('POST', '/destinations', { body: {} });
  expect(missing.json.errors.map(({ message }: { message: string }) => message)).toEqual([
    '"sourceId" is required',
    '"metadataId" is required',
    '"settings" is required',
  ]);
});

test('only a warehouse can be connected', async () => {
  expect((await make({ sourceId: 'src_none' })).status).toBe(404);
  const { status, json } = await make({ sourceId: server.space.id });
  expect({ status, json }).toMatchObject({
    status: 400,
    json: {
      errors: [{ type: 'bad-request', field: 'sourceId', message: expect.stringContaining('only a warehouse') }],
    },
  });
});
