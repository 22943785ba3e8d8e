/** Alerts and notices over the Public API: the checks of a file, masks, reach of roles, a test of the channels. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorkspaceToken, listAlerts, openSecrets, type Permission } from '../../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

const bodies: string[] = [];
const hook = createServer((request, response) => {
  let body = '';
  request.on('data', (part) => {
    body += part;
  });
  request.on('end', () => {
    bodies.push(body);
    response.writeHead(request.url?.startsWith('/fails') ? 503 : 200).end('a word of the channel');
  });
});

let server: PublicServer;
let url: string;
const mappingIds: string[] = [];
const sourceIds: string[] = [];
beforeAll(async () => {
  server = await openPublicApi();
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook/secret-of-the-path`;
  for (const name of ['shop', 'other']) {
    const post = async (path: string, body: object) => (await server.call('POST', path, { body })).json.data;
    const { source } = await post('/sources', { slug: `${name}_db`, enabled: true, metadataId: 'WvlvcGEJsT' });
    const { reverseEtlModel: model } = await post('/reverse-etl-models', {
      ...{ sourceId: source.id, name: `${name}-model`, description: ' ', enabled: true },
      ...{ query: 'SELECT id FROM t', queryIdentifierColumn: 'id' },
    });
    const { destination } = await post('/destinations', {
      ...{ sourceId: source.id, metadataId: '639c2dbb1309fdcad13951b6', name, enabled: true, settings: {} },
    });
    const { destinationSubscription } = await post(`/destinations/${destination.id}/subscriptions`, {
      ...{ name: `${name}-mapping`, actionId: 'vm2tNA5U1zxUusQkdC4D7Z', modelId: model.id, enabled: false },
      trigger: 'event = "new"',
      settings: { engage_space: server.space.writeKey, user_id: { '@path': '$.properties.id' } },
    });
    mappingIds.push(destinationSubscription.id);
    sourceIds.push(source.id);
  }
});
afterAll(async () => {
  hook.close();
  await server[Symbol.asyncDispose]();
});

const create = (body: object, token?: string) =>
  server.call('POST', '/alerts', { body, ...(token !== undefined && { token }) });
const tokenAt = async (role: Permission['role'], ...ids: string[]) => {
  const grant = { role: 'member', permissions: [{ role, resources: ids.map((id) => ({ id })) }] } as const;
  return (await createWorkspaceToken(server.db.pool, role, grant)).secret;
};
const stored = async () =>
  listAlerts({ db: server.db.pool, secrets: await openSecrets({ key: '0'.repeat(64), dataFolder: '/nowhere' }) });

test('made, read, changed and removed, with secrets that never come back and stay when their masks do', async () => {
  const webhook = { url, secret: 'a secret that is long enough' };
  const made = await create({
    ...{ name: 'Nightly syncs', on: ['sync_failed', 'delivery_rate'], thresholdPercent: 98 },
    channels: [{ webhook }, { email: { to: ['ops@example.com'] } }],
  });
  expect(made.status).toBe(201);
  const { alert } = made.json.data;
  expect(alert).toMatchObject({
    ...{ slug: 'nightly-syncs', name: 'Nightly syncs', mappingIds: null, thresholdPercent: 98, enabled: true },
    channels: [
      { webhook: { url: `${new URL(url).origin}/••••••••••path`, secret: '••••••••••ough' } },
      { email: { to: ['ops@example.com'] } },
    ],
  });
  const path = `/alerts/${alert.id}`;
  const moved = [...alert.channels].reverse();
  const changed = await server.call('PATCH', path, {
    body: { name: 'Nights', mappingIds: [mappingIds[0]], channels: moved },
  });
  expect(changed.status).toBe(200);
  expect((await server.call('GET', path)).json.data.alert).toMatchObject({ name: 'Nights', channels: moved });
  expect(await stored()).toMatchObject([{ name: 'nightly-syncs', channels: [{ email: {} }, { webhook }] }]);
  expect(JSON.stringify((await server.call('GET', '/alerts')).json)).not.toMatch(/secret-of-the-path|long enough/);
  const gone = await server.call('DELETE', path);
  expect([gone.status, await stored()]).toEqual([200, []]);
});

test('what a workspace file refuses is refused at its field', async () => {
  const refused = await create({
    ...{ name: 'wrong', on: ['sync_failed', 'sync_failed'], thresholdPercent: 5, mappingIds: ['none'] },
    channels: [{ webhook: { url: 'ftp://x' } }, {}, { email: { to: ['a, b'] } }, { slack: { url: 'https://a/••••' } }],
  });
  expect(refused.status).toBe(422);
  expect(refused.json.errors.map(({ field }: { field: string }) => field).sort()).toEqual([
    'channels.0.webhook.url',
    'channels.1',
    'channels.2.email.to.0',
    'channels.3.slack.url',
    'mappingIds.0',
    'on.1',
    'thresholdPercent',
  ]);
  expect((await create({ name: 'rate', on: ['delivery_rate'] })).json.errors).toMatchObject([
    { field: 'thresholdPercent' },
  ]);
  expect(await stored()).toEqual([]);
});

test('the parts that have their shape are looked into when others have not', async () => {
  const body = {
    ...{ name: 5, on: ['x'], mappingIds: ['nope'], thresholdPercent: 500, enabled: 'x' },
    channels: [{ webhook: { url: 'ftp://x' } }, { email: { to: ['nope'] } }, {}],
  };
  const { status, json } = await server.call('POST', '/alerts', { body });
  const fields = json.errors.map(({ field }: { field: string }) => field);
  expect([status, fields]).toEqual([
    422,
    [
      ...['name', 'on.0', 'thresholdPercent', 'enabled', 'mappingIds.0'],
      ...['channels.0.webhook.url', 'channels.1.email.to.0', 'channels.2'],
    ],
  ]);
});

describe('tested', () => {
  test('each channel is tried once; the notice is in the list, and nothing of the channel in the answer', async () => {
    const channels = [{ webhook: { url } }, { slack: { url: url.replace('/hook', '/fails') } }];
    const { alert } = (await create({ name: 'tried', on: ['sync_failed'], channels })).json.data;
    const tested = await server.call('POST', `/alerts/${alert.id}/test`);
    expect(tested.json.data.channels).toEqual([
      { channelNo: 0, channel: 'webhook', sent: true, answer: expect.any(String) },
      { channelNo: 1, channel: 'slack', sent: false, answer: expect.stringContaining('503') },
    ]);
    expect(JSON.parse(bodies[0] as string)).toMatchObject({ phase: 'test', alert: 'tried' });
    expect(JSON.stringify(tested.json)).not.toContain('a word of the channel');
    const list = await server.call('GET', '/notices');
    expect(list.json.data).toMatchObject({ unread: 1, notices: [{ alert: 'tried', phase: 'test', readAt: null }] });
    const events = (await server.call('GET', '/audit-trail?resourceType=alert')).json.data.entries;
    expect(events[0]).toMatchObject({ type: 'Alert Tested', resourceName: 'tried' });
  });
});

describe('a role at one source', () => {
  test('sees and changes the alerts of its mappings alone', async () => {
    const [mine, others] = mappingIds as [string, string];
    const admin = await tokenAt('source-admin', sourceIds[0] as string);
    const reader = await tokenAt('source-read-only', sourceIds[0] as string);
    const own = await create({ name: 'own', on: ['sync_failed'], mappingIds: [mine] }, admin);
    expect(own.status).toBe(201);
    expect((await create({ name: 'all', on: ['sync_failed'] }, admin)).status).toBe(401);
    expect((await create({ name: 'both', on: ['sync_failed'], mappingIds }, admin)).status).toBe(401);
    const foreign = (await create({ name: 'foreign', on: ['sync_failed'], mappingIds: [others] })).json.data.alert;
    const path = `/alerts/${own.json.data.alert.id}`;
    for (const [method, at, token] of [
      ['GET', `/alerts/${foreign.id}`, admin],
      ['PATCH', `/alerts/${foreign.id}`, admin],
      ['DELETE', `/alerts/${foreign.id}`, admin],
      ['POST', `/alerts/${foreign.id}/test`, admin],
      ['PATCH', path, reader],
      ['POST', `${path}/test`, reader],
      ['POST', '/notices/read', reader],
    ] as const) {
      const { status } = await server.call(method, at, { token, ...(method !== 'GET' && { body: {} }) });
      expect([method, at, status]).toEqual([method, at, 401]);
    }
    const wider = await server.call('PATCH', path, { token: admin, body: { mappingIds: null } });
    expect(wider.status).toBe(401);
    const { alerts } = (await server.call('GET', '/alerts', { token: reader })).json.data;
    expect(alerts.map(({ name }: { name: string }) => name)).toEqual(['own']);
  });
});

describe('the list of notices', () => {
  test('has pages, is cut to what a role sees, and is read by some or all', async () => {
    await server.db.pool.query('DELETE FROM alert_notices');
    const at = server.clock.now().getTime();
    for (const [no, mappingId] of [...mappingIds, ...mappingIds, null].entries()) {
      await server.db.pool.query(
        `INSERT INTO alert_notices (id, alert_id, alert, mapping_id, mapping, event, phase, what, why, help, path, created_at)
         VALUES ($1, 'alr_1', 'nightly', $2, 'm', 'sync_failed', 'opened', 'what', 'why', 'help', '/', $3)`,
        [`not_${no}`, mappingId, new Date(at + no)],
      );
    }
    const admin = await tokenAt('source-admin', sourceIds[0] as string);
    const first = (await server.call('GET', '/notices?pagination.count=3')).json.data;
    expect([first.unread, first.notices.map(({ id }: { id: string }) => id)]).toEqual([5, ['not_4', 'not_3', 'not_2']]);
    const next = encodeURIComponent(first.pagination.next);
    const second = (await server.call('GET', `/notices?pagination.count=3&pagination.cursor=${next}`)).json.data;
    expect(second.notices.map(({ id }: { id: string }) => id)).toEqual(['not_1', 'not_0']);
    expect(second.pagination.next).toBeUndefined();
    expect(second.notices[1]).toMatchObject({
      mappingId: mappingIds[0],
      destinationId: expect.stringMatching(/^dst_/),
    });
    const seen = (await server.call('GET', '/notices', { token: admin })).json.data;
    expect([seen.unread, seen.notices.map(({ id }: { id: string }) => id)]).toEqual([2, ['not_2', 'not_0']]);

    const read = async (body: object, token?: string) =>
      (await server.call('POST', '/notices/read', { body, ...(token !== undefined && { token }) })).json.data?.marked;
    expect(await read({ ids: ['not_0', 'not_1'] }, admin)).toBe(1);
    expect((await server.call('GET', '/notices/unread')).json.data).toEqual({ unread: 4 });
    expect(await read({ all: true }, admin)).toBe(1);
    expect(await read({ all: true })).toBe(3);
    expect((await server.call('GET', '/notices?unread=true')).json.data.notices).toEqual([]);
    expect(await read({})).toBeUndefined();
    expect((await server.call('GET', '/notices?pagination.cursor=nonsense')).status).toBe(422);
  });
});
