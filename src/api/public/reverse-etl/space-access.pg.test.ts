/** Connecting mappings to profile spaces takes admin on both sides, and write keys are shown to nobody else. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSpace, createWorkspaceToken, type Permission, type Space } from '../../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
let other: Space;
let sourceId: string;
let modelId: string;
let destinationId: string;
/** Source Admin at the warehouse alone; at the space too; and a reader of the warehouse. */
let limited: string;
let both: string;
let reader: string;

beforeAll(async () => {
  server = await openPublicApi();
  other = await createSpace(server.db.pool, 'other');
  const settings = { hostname: '127.0.0.1', port: '5432', database: 'shop', username: 'retl', password: 'pw' };
  const source = { slug: 'orders_db', enabled: true, metadataId: 'WvlvcGEJsT', settings };
  sourceId = (await server.call('POST', '/sources', { body: source })).json.data.source.id;
  const model = {
    ...{ sourceId, name: 'Customers', description: '', enabled: true },
    ...{ query: 'SELECT id FROM customers', queryIdentifierColumn: 'id' },
  };
  modelId = (await server.call('POST', '/reverse-etl-models', { body: model })).json.data.reverseEtlModel.id;
  const destination = { sourceId, metadataId: '639c2dbb1309fdcad13951b6', settings: {} };
  destinationId = (await server.call('POST', '/destinations', { body: destination })).json.data.destination.id;
  const admin: Permission = { role: 'source-admin', resources: [{ id: sourceId }] };
  limited = await tokenOf(admin);
  both = await tokenOf(admin, { role: 'source-admin', resources: [{ id: other.id }] });
  reader = await tokenOf({ role: 'source-read-only', resources: 'all' });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

async function tokenOf(...permissions: readonly Permission[]): Promise<string> {
  return (await createWorkspaceToken(server.db.pool, 'limited', { role: 'member', permissions })).secret;
}

const path = () => `/destinations/${destinationId}/subscriptions`;
const userId = { '@path': '$.properties.id' };
const make = (token: string, settings: object) =>
  server.call('POST', path(), {
    token,
    body: {
      ...{ name: 'Customers', actionId: 'vm2tNA5U1zxUusQkdC4D7Z', enabled: true, modelId },
      ...{ trigger: 'event = "new"', settings: { user_id: userId, ...settings } },
    },
  });
const change = (token: string, id: string, settings: object) =>
  server.call('PATCH', `${path()}/${id}`, { token, body: { input: { settings } } });
const madeBy = async (token: string, engage_space: unknown): Promise<string> =>
  (await make(token, { engage_space })).json.data.destinationSubscription.id;
const refusal = { status: 401, json: { errors: [{ type: 'unauthorized', field: 'settings.engage_space' }] } };

test('a space is connected by whoever may administer it too', async () => {
  for (const engage_space of [other.id, 'other', other.writeKey, { '@literal': 'other' }]) {
    expect(await make(limited, { engage_space })).toMatchObject(refusal);
    expect((await make(both, { engage_space })).status).toBe(200);
    expect((await make(server.token.secret, { engage_space })).status).toBe(200);
  }
  expect(await make(both, { engage_space: 'shop' })).toMatchObject(refusal);
});

test('a space that rows name may be any, so it takes all of them', async () => {
  const engage_space = { '@path': '$.properties.space' };
  expect(await make(both, { engage_space })).toMatchObject(refusal);
  const merged = { '@merge': { objects: [{ engage_space: 'shop' }], direction: 'right' } };
  const hidden = await make(both, { engage_space: 'other', __segment_internal_directive: merged });
  expect(hidden).toMatchObject(refusal);
  const all = await tokenOf({ role: 'source-admin', resources: 'all' });
  expect((await make(all, { engage_space })).status).toBe(200);
});

test('write keys are shown to those who may administer the space, and to others its id', async () => {
  const id = await madeBy(server.token.secret, other.writeKey);
  const shown = async (token: string) =>
    (await server.call('GET', `${path()}/${id}`, { token })).json.data.subscription.settings.engage_space;
  expect(await shown(server.token.secret)).toBe(other.writeKey);
  expect(await shown(both)).toBe(other.writeKey);
  expect(await shown(limited)).toBe(other.id);
  expect(await shown(reader)).toBe(other.id);
  const list = await server.call('GET', path(), { token: reader });
  expect(JSON.stringify(list.json)).not.toContain(other.writeKey);
});

test('the write key of a space elsewhere is shown to those who may change the mapping', async () => {
  const settings = { endpoint: 'custom', tracking_url: 'https://events.example.com/v1' };
  const body = { sourceId, metadataId: '639c2dbb1309fdcad13951b6', settings };
  const { id } = (await server.call('POST', '/destinations', { body })).json.data.destination;
  const all = `/destinations/${id}/subscriptions`;
  const mapping = {
    ...{ name: 'Customers', actionId: 'vm2tNA5U1zxUusQkdC4D7Z', enabled: true, modelId, trigger: 'event = "new"' },
    settings: { user_id: userId, engage_space: 'KEYOFASPACEELSEWHERE' },
  };
  const made = (await server.call('POST', all, { body: mapping })).json.data.destinationSubscription;
  for (const path of [all, `${all}/${made.id}`]) {
    const seen = async (token: string) => JSON.stringify((await server.call('GET', path, { token })).json.data);
    expect(await seen(limited)).toContain('KEYOFASPACEELSEWHERE');
    expect(await seen(reader)).not.toContain('KEYOFASPACEELSEWHERE');
    expect(await seen(reader)).toContain('••••••••••HERE');
  }
});

test('what somebody else has connected can be edited, as it is shown, and not turned elsewhere', async () => {
  const id = await madeBy(server.token.secret, other.writeKey);
  const traits = { email: 'x' };
  const edited = await change(limited, id, { engage_space: other.id, user_id: userId, traits });
  expect(edited).toMatchObject({
    status: 200,
    json: { data: { subscription: { settings: { engage_space: other.id, traits } } } },
  });
  const seen = await server.call('GET', `${path()}/${id}`);
  expect(seen.json.data.subscription.settings).toEqual({ engage_space: other.writeKey, user_id: userId, traits });
  expect(await change(limited, id, { engage_space: 'shop', user_id: userId })).toMatchObject(refusal);
});

test('a destination is not turned elsewhere with the write keys of others', async () => {
  const { secret } = server.token;
  const body = { sourceId, metadataId: '639c2dbb1309fdcad13951b6', settings: {} };
  const { id } = (await server.call('POST', '/destinations', { body })).json.data.destination;
  const mapping = {
    ...{ name: 'Customers', actionId: 'vm2tNA5U1zxUusQkdC4D7Z', enabled: true, modelId, trigger: 'event = "new"' },
    settings: { user_id: userId, engage_space: other.writeKey },
  };
  await server.call('POST', `/destinations/${id}/subscriptions`, { body: mapping });
  const turn = (token: string, settings: object) =>
    server.call('PATCH', `/destinations/${id}`, { token, body: { settings } });
  const away = { endpoint: 'custom', tracking_url: 'https://events.example.com/v1' };
  expect(await turn(limited, away)).toMatchObject(refusal);
  expect((await turn(secret, away)).status).toBe(200);
  expect(await turn(limited, { tracking_url: 'https://events.example.net/v1' })).toMatchObject(refusal);
  expect(await turn(limited, { endpoint: 'local' })).toMatchObject(refusal);
  expect((await turn(both, { endpoint: 'local' })).status).toBe(200);
});
