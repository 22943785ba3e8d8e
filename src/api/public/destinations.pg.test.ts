/** `/destinations`, as clients use them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPublicApi, type PublicServer } from './public.test-support.ts';

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
      settings: { endpoint: 'north_america', segment_papi_token: '••••••••••WXYZ' },
    };
    const { json } = await server.call('PATCH', `/destinations/${id}`, { body });
    expect(json.data.destination).toMatchObject({
      enabled: false,
      name: 'profiles-prod',
      settings: { endpoint: 'north_america', segment_papi_token: '••••••••••WXYZ' },
    });
    const more = { settings: { tracking_url: 'https://events.example.com/v1' } };
    const merged = await server.call('PATCH', `/destinations/${id}`, { body: more });
    expect(merged.json.data.destination.settings).toMatchObject({ endpoint: 'north_america', ...more.settings });
    const { rows } = await server.db.pool.query('SELECT secrets FROM destinations WHERE id = $1', [id]);
    expect(rows[0].secrets).not.toBeNull();
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
