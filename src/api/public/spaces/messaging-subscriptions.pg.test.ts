/** Setting and reading what contacts are subscribed to, on the real space. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
beforeAll(async () => {
  server = await openPublicApi({ subscriptionGroups: ['weekly digest', 'offers'] });
});
beforeEach(() => server.clock.pass(60_000));
afterAll(() => server[Symbol.asyncDispose]());

const path = () => `/spaces/${server.space.id}/messaging-subscriptions`;
const put = (...subscriptions: readonly unknown[]) => server.call('PUT', path(), { body: { subscriptions } });
const read = (...subscriptions: readonly object[]) =>
  server.call('POST', `${path()}/batch`, { body: { subscriptions } });
const email = (key: string, status?: string, groups?: readonly object[]) => ({ key, type: 'EMAIL', status, groups });
const identify = (key: string, status: string, timestamp: Date) => ({
  type: 'identify',
  userId: 'c-501',
  traits: { email: key },
  timestamp: timestamp.toISOString(),
  context: { messaging_subscriptions: [{ key, type: 'EMAIL', status }] },
});
const statusOf = async (key: string) => (await read({ key, type: 'EMAIL' })).json.data.successes[0].status;

test('what is set is answered, read back by the batch route, and by external_ids', async () => {
  const phone = { id: '+33155501234', type: 'phone', collection: 'users', encoding: 'none' };
  const traits = { email: 'ana@example.org' };
  await server.send({ type: 'identify', userId: 'c-1', traits, context: { externalIds: [phone] } });
  const groups = [
    { name: 'weekly digest', status: 'SUBSCRIBED' },
    { name: 'offers', status: 'unsubscribed' },
  ];
  const set = await put(
    email(' Ana@Example.org', 'subscribed', groups),
    { key: '+33155501234', type: 'WhatsApp', status: 'did-not-subscribe' },
    { key: 'tok-1', type: 'IOS_PUSH', status: 'UNSUBSCRIBED' },
  );
  const withId = (name: string, status: string) => ({ id: expect.stringMatching(/^grp_[0-9a-f]{24}$/), name, status });
  const stored = [withId('offers', 'UNSUBSCRIBED'), withId('weekly digest', 'SUBSCRIBED')];
  expect(set.json).toEqual({
    data: {
      successes: [
        { key: ' Ana@Example.org', type: 'EMAIL', status: 'SUBSCRIBED', groups: stored },
        { key: '+33155501234', type: 'WHATSAPP', status: 'DID_NOT_SUBSCRIBE', groups: [] },
        { key: 'tok-1', type: 'IOS_PUSH', status: 'UNSUBSCRIBED', groups: [] },
      ],
      failures: [],
    },
  });
  const updatedAt = server.clock.now().toISOString();
  const back = await read(email('ana@example.org'), { key: 'tok-1', type: 'IOS_PUSH' }, email('nobody@example.org'));
  expect(back.json.data).toEqual({
    successes: [
      {
        ...{ key: 'ana@example.org', type: 'EMAIL', status: 'SUBSCRIBED', updatedAt },
        groups: stored.map((group) => ({ ...group, updatedAt })),
      },
      { key: 'tok-1', type: 'IOS_PUSH', status: 'UNSUBSCRIBED', updatedAt, groups: [] },
      { key: 'nobody@example.org', type: 'EMAIL', groups: [] },
    ],
    failures: [],
    errors: [],
  });
  const ids = (set.json.data.successes[0].groups as { id: string }[]).map(({ id }) => id);
  expect(back.json.data.successes[0].groups.map(({ id }: { id: string }) => id)).toEqual(ids);
  expect(new Set(ids).size).toBe(2);

  const shown = await server.profile('users/profiles/user_id:c-1/external_ids?verbose=true');
  const subscriptions = Object.fromEntries(
    shown.json.data.map((one: { type: string; subscriptions?: unknown }) => [one.type, one.subscriptions]),
  );
  expect(subscriptions).toMatchObject({
    email: [
      {
        ...{ channel: 'EMAIL', status: 'SUBSCRIBED', updated_at: updatedAt },
        groups: [
          { name: 'offers', status: 'UNSUBSCRIBED' },
          { name: 'weekly digest', status: 'SUBSCRIBED' },
        ],
      },
    ],
    phone: [{ channel: 'WHATSAPP', status: 'DID_NOT_SUBSCRIBE' }],
  });
});

test('the newest word stands, whether a message or this API brought it', async () => {
  const key = 'bea@example.org';
  await server.send(identify(key, 'SUBSCRIBED', server.clock.now()));
  server.clock.pass(1_000);
  await put(email(key, 'UNSUBSCRIBED'));
  expect(await statusOf(key)).toBe('UNSUBSCRIBED');
  const setAt = server.clock.now();
  server.clock.pass(5_000);
  await server.send(identify(key, 'SUBSCRIBED', new Date(setAt.getTime() - 500)));
  expect(await statusOf(key)).toBe('UNSUBSCRIBED');
  await server.send(identify(key, 'DID_NOT_SUBSCRIBE', new Date(setAt.getTime() + 500)));
  expect(await statusOf(key)).toBe('DID_NOT_SUBSCRIBE');
  await put(email(key, 'SUBSCRIBED'));
  expect(await statusOf(key)).toBe('SUBSCRIBED');
  const { rows } = await server.db.pool.query('SELECT source_id FROM subscriptions WHERE contact = $1', [
    `EMAIL:${key}`,
  ]);
  expect(rows).toEqual([{ source_id: server.token.id }]);
});

test('every entry is in the successes or the failures, and one that fails changes nothing', async () => {
  const key = 'cy@example.org';
  const group = (name: string, status: string) => [{ name, status }];
  const { status, json } = await put(
    email('not-an-email', 'SUBSCRIBED'),
    email(key, 'INVALID'),
    email(key, 'SUBSCRIBED', group('unheard of', 'SUBSCRIBED')),
    email(key, 'SUBSCRIBED', group('offers', 'INVALID')),
    email(key, 'UNSUBSCRIBED', group('offers', 'SUBSCRIBED')),
    { key: '0155501234', type: 'SMS', status: 'SUBSCRIBED' },
    { key: '+33155501234', type: 'SMS', status: 'SUBSCRIBED', groups: group('offers', 'SUBSCRIBED') },
    { key: 'x'.repeat(501), type: 'ANDROID_PUSH', status: 'SUBSCRIBED' },
    { key: 'x\0', type: 'ANDROID_PUSH', status: 'SUBSCRIBED' },
    { key, type: 'PIGEON', status: 'SUBSCRIBED' },
    email(key),
    email('dee@example.org', 'UNSUBSCRIBED'),
    email('dee@example.org', 'SUBSCRIBED'),
  );
  expect(status).toBe(200);
  const codes = json.data.failures.map(({ errors }: { errors: { code: string }[] }) => errors.map(({ code }) => code));
  expect(codes).toEqual([
    ['INVALID_EMAIL'],
    ['INVALID_STATUS'],
    ['INVALID_GROUP'],
    ['INVALID_GROUP_STATUS'],
    ['GLOBAL_STATE_NOT_SUBSCRIBED'],
    ['INVALID_PHONE'],
    ['INVALID_GROUP'],
    ['INVALID_PUSH_TOKEN'],
    ['INVALID_PUSH_TOKEN'],
    ['INVALID_TYPE'],
  ]);
  expect(json.data.failures[0]).toMatchObject({ key: 'not-an-email', type: 'EMAIL' });
  // A later entry of the same contact stands; one that says nothing changes nothing.
  expect(json.data.successes).toEqual([
    { key, type: 'EMAIL', groups: [] },
    ...[1, 2].map(() => ({ key: 'dee@example.org', type: 'EMAIL', status: 'SUBSCRIBED', groups: [] })),
  ]);
  expect(await statusOf(key)).toBeUndefined();
  const { rows } = await server.db.pool.query('SELECT FROM subscriptions WHERE contact LIKE $1', ['%cy@example.org']);
  expect(rows).toHaveLength(0);
});

test('reading: what cannot be a contact fails, unless a message brought it all the same', async () => {
  await server.send({
    type: 'identify',
    userId: 'c-9',
    context: { messaging_subscriptions: [{ key: '555', type: 'SMS', status: 'SUBSCRIBED' }] },
  });
  const { json } = await read({ key: '555', type: 'SMS' }, { key: '556', type: 'SMS' }, { key: 'a@b.c', type: 'FAX' });
  expect(json.data.successes).toMatchObject([{ key: '555', status: 'SUBSCRIBED' }]);
  expect(json.data.failures).toMatchObject([
    { key: '556', type: 'SMS', errors: [{ code: 'INVALID_PHONE' }] },
    { key: 'a@b.c', type: 'FAX', errors: [{ code: 'INVALID_TYPE' }] },
  ]);
});

test('what is not a list of entries is refused with every fault, and nothing is set', async () => {
  const { status, json } = await put(
    email('eve@example.org', 'SUBSCRIBED'),
    { type: 7, status: false },
    'nonsense',
    { ...email('eve@example.org'), groups: [{ status: 1 }, null] },
    { ...email('eve@example.org'), groups: 'offers' },
  );
  expect(status).toBe(422);
  const faults = json.errors.map(({ type, field, message }: Record<string, string>) => `${type} ${field}: ${message}`);
  expect(faults).toEqual([
    'input-validation subscriptions.1.key: "key" is required',
    'input-validation subscriptions.1.type: "type" must be a string',
    'input-validation subscriptions.1.status: "status" must be a string',
    'input-validation subscriptions.2: "subscriptions.2" must be an object',
    'input-validation subscriptions.3.groups.0.name: "name" is required',
    'input-validation subscriptions.3.groups.0.status: "status" must be a string',
    'input-validation subscriptions.3.groups.1: "subscriptions.3.groups.1" must be an object',
    'input-validation subscriptions.4.groups: "groups" must be an array',
  ]);
  expect(await statusOf('eve@example.org')).toBeUndefined();
  for (const body of [{}, { subscriptions: {} }, { subscriptions: [] }, [], { subscriptions: Array(1_001).fill({}) }]) {
    const answer = await server.call('PUT', path(), { body });
    expect([answer.status, answer.json.errors[0].field]).toEqual([422, 'subscriptions']);
  }
});

test('many at once, over messages that are written meanwhile: one state each, and nothing is lost', async () => {
  const keys = Array.from({ length: 40 }, (_, n) => `many-${n}@example.org`);
  const setting = keys.map((key) => put(email(key, 'SUBSCRIBED'), email('shared@example.org', 'UNSUBSCRIBED')));
  const writing = keys.map((key) =>
    server.send(identify(key, 'UNSUBSCRIBED', new Date(server.clock.now().getTime() - 1))),
  );
  for (const answer of await Promise.all(setting)) expect(answer.json.data.failures).toEqual([]);
  await Promise.all(writing);
  const { json } = await read(...[...keys, 'shared@example.org'].map((key) => email(key)));
  const statuses = json.data.successes.map(({ status }: { status: string }) => status);
  expect(statuses).toEqual([...keys.map(() => 'SUBSCRIBED'), 'UNSUBSCRIBED']);
});
