/** Spaces over the Public API: made, changed, removed; their tokens and their log. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defaultRule } from '../../../space/space.ts';
import { findSpace } from '../../../workspace/workspace.ts';
import { type Answered, openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
beforeAll(async () => {
  server = await openPublicApi();
});
afterAll(() => server[Symbol.asyncDispose]());

type Method = Parameters<PublicServer['call']>[0];

type Answer = Awaited<ReturnType<typeof ask>>;

async function ask(
  method: Method,
  path: string,
  body?: unknown,
): Promise<{ status: number } & Record<'data' | 'errors', Answered['json']>> {
  const { status, json } = await server.call(method, path, body === undefined ? {} : { body });
  return { status, data: json.data, errors: json.errors };
}

const fieldsOf = (errors: readonly { field: string }[]) => errors.map(({ field }) => field);
const stored = async (name: string) => (await findSpace(server.db.pool, name)).settings;
const noBlocked = { values: [], patterns: [], recommended: false };

describe('making', () => {
  test('with recommended rules, under a name that people read', async () => {
    const { status, data } = await ask('POST', '/spaces', { name: 'The Shop' });
    expect(status).toBe(201);
    expect(data.space).toMatchObject({
      ...{ id: expect.stringMatching(/^spa_/), slug: 'the-shop', name: 'The Shop', hasProfiles: false },
      ...{ autoRegister: true, filters: [], subscriptionGroups: [], identifierDeletion: false, otherIdentifiers: [] },
    });
    const { identifiers } = data.space;
    expect(identifiers).toHaveLength(11);
    expect(identifiers[0]).toEqual({
      ...{ type: 'user_id', collection: 'users', limit: 1, per: 'ever', custom: false },
      blocked: { values: [], patterns: [], recommended: true },
    });
    expect(identifiers.at(-1)).toMatchObject({ type: 'anonymous_id', limit: 5, per: 'weekly' });
    const [event] = (await ask('GET', '/audit-events')).data.events;
    expect(event).toMatchObject({ type: 'Space Created', actor: server.token.id, resourceId: data.space.id });
  });

  test('with rules of its own', async () => {
    const identifiers = [
      { type: 'email', limit: 2, per: 'monthly', blocked: { values: ['void'], patterns: ['^test'] } },
      { type: 'loyalty_id' },
    ];
    const { status, data } = await ask('POST', '/spaces', { name: 'own', identifiers, autoRegister: false });
    expect([status, data.space.identifiers.map(({ type }: { type: string }) => type)]).toEqual([
      201,
      ['email', 'loyalty_id'],
    ]);
    expect(data.space.otherIdentifiers[0]).toMatchObject({ type: 'user_id', limit: 1 });
    const { identifiers: rules, ...rest } = await stored('own');
    expect(rules.slice(0, 2)).toEqual([
      {
        ...{ ...defaultRule('email'), limit: 2, window: 'monthly' },
        blocked: { values: ['-1', 'null', 'anonymous', 'void'], patterns: ['^[0-]*$', '^test'] },
      },
      defaultRule('loyalty_id'),
    ]);
    expect(rest).toEqual({ autoRegister: false });
  });

  test('with the rules of another', async () => {
    const { id } = await findSpace(server.db.pool, 'own');
    const given = { name: 'Copy of own', slug: 'copy', importFrom: id, subscriptionGroups: ['weekly digest'] };
    expect((await ask('POST', '/spaces', given)).status).toBe(201);
    expect(await stored('copy')).toEqual({ ...(await stored('own')), subscriptionGroups: ['weekly digest'] });
  });

  test.each([
    [{}, ['name']],
    [{ name: 'x', slug: 'No' }, ['slug']],
    [{ name: '!!!' }, ['slug']],
    [{ name: '東京', identity: 'own' }, ['slug', 'identifiers']],
    [{ name: 'x', identity: 'own' }, ['identifiers']],
    [{ name: 'x', identity: 'import' }, ['importFrom']],
    [{ name: 'x', importFrom: 'spa_none' }, ['importFrom']],
    [{ name: 'x', identity: 'recommended', identifiers: [], importFrom: 'own' }, ['identifiers', 'importFrom']],
    [{ name: '', identifiers: [{ limit: 0 }] }, ['identifiers.0.type', 'identifiers.0.limit', 'name']],
    [{ name: 'x', identifiers: [{ type: 'email', limt: 3 }] }, ['identifiers.0.limt']],
  ])('%j is refused with every fault', async (body, fields) => {
    const { status, errors } = await ask('POST', '/spaces', body);
    expect([status, fieldsOf(errors)]).toEqual([422, expect.arrayContaining(fields)]);
    expect(errors).toHaveLength(fields.length);
  });

  test('a slug that is taken is 409', async () => {
    const { status, errors } = await ask('POST', '/spaces', { name: 'Shop', slug: 'shop' });
    expect([status, fieldsOf(errors)]).toEqual([409, ['slug']]);
  });
});

describe('changing', () => {
  test('what is given takes the place of what is stored, and the rest stays', async () => {
    const filters = [{ name: 'own-office', if: 'context.ip = "10.0.0.7"', description: 'Ours.', enabled: true }];
    await ask('PATCH', '/spaces/own', { filters, identifierDeletion: true });
    const { data } = await ask('PATCH', '/spaces/own', { name: 'Our own', subscriptionGroups: ['news'] });
    expect(data.space).toMatchObject({ name: 'Our own', filters, subscriptionGroups: ['news'] });
    expect(data.space).toMatchObject({ autoRegister: false, identifierDeletion: true });
    expect(data.space.identifiers).toHaveLength(2);
    const [event] = (await ask('GET', '/audit-events')).data.events;
    expect(event).toMatchObject({ type: 'Space Modified', resourceName: 'own' });
  });

  test('what was read can be sent back, and changes nothing', async () => {
    for (const name of ['own', 'shop', 'the-shop']) {
      const before = await stored(name);
      const { space } = (await ask('GET', `/spaces/${name}`)).data;
      const after = await ask('PATCH', `/spaces/${name}`, space);
      expect([after.status, after.data]).toEqual([200, { space }]);
      expect(await stored(name)).toEqual(before);
    }
  });

  test('recommended values can be switched off, and stay off', async () => {
    await ask('PATCH', '/spaces/copy', { identifiers: [{ type: 'email', blocked: noBlocked }] });
    const { space } = (await ask('GET', '/spaces/copy')).data;
    expect(space.identifiers).toMatchObject([{ type: 'email', blocked: noBlocked }]);
    expect((await ask('PATCH', '/spaces/copy', space)).data.space.identifiers).toEqual(space.identifiers);
  });

  test('every fault is told, at the input it is in', async () => {
    const before = await stored('own');
    const { status, errors } = await ask('PATCH', '/spaces/own', {
      identifiers: [
        { type: 'email', collection: 'accounts' },
        { type: 'Loyalty' },
        { type: 'email', blocked: { patterns: ['('] } },
      ],
      filters: [
        { name: 'a', if: 'type = ' },
        { name: 'a', if: 'type = "track"' },
        { name: 'B b', if: 'type = "track"' },
      ],
      subscriptionGroups: ['a!', 'b', 'b'],
    });
    expect(status).toBe(422);
    expect(fieldsOf(errors).sort()).toEqual([
      ...['filters.0.if', 'filters.1.name', 'filters.2.name'],
      ...['identifiers.0.collection', 'identifiers.1.type', 'identifiers.2.blocked.patterns.0', 'identifiers.2.type'],
      ...['subscriptionGroups.0', 'subscriptionGroups.2'],
    ]);
    expect(await stored('own')).toEqual(before);
  });

  test('the slug stays', async () => {
    expect((await ask('PATCH', '/spaces/own', { slug: 'other' })).status).toBe(400);
    expect((await ask('PATCH', '/spaces/none', {})).status).toBe(404);
  });

  test('new rules hold for the next message', async () => {
    const identifiers = [{ type: 'user_id', blocked: { values: ['void'] } }];
    await ask('PATCH', '/spaces/shop', { identifiers });
    const { id, no, settings } = await findSpace(server.db.pool, 'shop');
    expect(settings.identifiers[0]?.blocked.values).toContain('void');
    expect({ id, no }).toEqual({ id: server.space.id, no: server.space.no });
  });
});

describe('tokens', () => {
  test('are shown once, open the Profile API, and end', async () => {
    const made = await ask('POST', '/spaces/shop/tokens', { name: 'web shop' });
    const { secret, ...token } = made.data.token;
    expect([made.status, secret]).toEqual([201, expect.stringMatching(/^mrp_/)]);
    const [first, ...others] = (await ask('GET', '/spaces/shop/tokens')).data.tokens;
    expect([first, others.length]).toEqual([{ ...token, name: 'web shop', revokedAt: null }, 1]);
    const look = async () =>
      server.app.inject({
        url: '/v1/spaces/shop/collections/users/profiles/user_id:nobody/traits',
        headers: { authorization: `Basic ${Buffer.from(`${secret}:`).toString('base64')}` },
      });
    expect((await look()).statusCode).toBe(404);
    expect((await ask('DELETE', `/spaces/shop/tokens/${token.id}`)).data).toEqual({ status: 'SUCCESS' });
    server.clock.pass(1_001);
    expect((await look()).statusCode).toBe(401);
    const revokedAt = (await ask('GET', '/spaces/shop/tokens')).data.tokens[0].revokedAt;
    expect(revokedAt).toMatch(/Z$/);
    await ask('DELETE', `/spaces/shop/tokens/${token.id}`);
    const types = (await ask('GET', '/audit-events?resourceType=token')).data.events;
    expect(types.map(({ type }: { type: string }) => type)).toEqual(['Access Token Revoked', 'Access Token Created']);
    expect(JSON.stringify(types)).not.toContain('mrp_');
  });

  test('of another space are not revoked here; a name must be 1 to 100 characters of text on one line', async () => {
    const { id } = (await ask('POST', '/spaces/own/tokens', { name: 'other' })).data.token;
    expect((await ask('DELETE', `/spaces/shop/tokens/${id}`)).status).toBe(404);
    expect((await ask('GET', '/spaces/own/tokens')).data.tokens[0].revokedAt).toBeNull();
    for (const body of [{}, { name: '' }, { name: 'a\nb' }, { name: ' ' }, { name: 'n'.repeat(101) }]) {
      const { status, errors } = await ask('POST', '/spaces/shop/tokens', body);
      expect([status, fieldsOf(errors)]).toEqual([422, ['name']]);
    }
  });
});

test('the log is read page by page, and by reason', async () => {
  const dropped = (at: number) => ({ type: 'track', event: 'e', messageId: `m-${at}`, properties: {} });
  for (let at = 0; at < 7; at++) {
    await server.send(dropped(at));
    if (at % 3 === 2) server.clock.pass(1_000);
  }
  await server.send({ type: 'group', userId: 'u1', messageId: 'g-1' });
  const all: { messageId: string; reason: string }[] = [];
  let path: string | undefined = '/spaces/shop/log?pagination[count]=3';
  while (path !== undefined) {
    const { data }: Answer = await ask('GET', path);
    const { entries, pagination } = data;
    all.push(...entries);
    const cursor = encodeURIComponent(pagination.next ?? '');
    path =
      pagination.next === undefined ? undefined : `/spaces/shop/log?pagination[count]=3&pagination[cursor]=${cursor}`;
  }
  expect(all.map(({ messageId }) => messageId).sort()).toEqual([
    'g-1',
    ...[0, 1, 2, 3, 4, 5, 6].map((at) => `m-${at}`),
  ]);
  expect(
    all
      .slice(-3)
      .map(({ messageId }) => messageId)
      .sort(),
  ).toEqual(['m-0', 'm-1', 'm-2']);
  const { entries } = (await ask('GET', '/spaces/shop/log?reason=group_id_missing')).data;
  expect(entries).toEqual([
    {
      ...{ at: expect.stringMatching(/Z$/), kind: 'drop', reason: 'group_id_missing', messageId: 'g-1', count: 1 },
      ...{ detail: expect.stringContaining('groupId'), sourceId: 'src_test', syncId: null },
    },
  ]);
  expect((await ask('GET', '/spaces/shop/log?kind=violation')).data.entries).toEqual([]);
  for (const query of ['kind=x', 'pagination[cursor]=x', 'reason=%00', 'pagination[count]=0']) {
    expect((await ask('GET', `/spaces/shop/log?${query}`)).status).toBe(422);
  }
});

describe('removing', () => {
  test('a space that nothing uses goes, with its tokens', async () => {
    expect((await ask('DELETE', '/spaces/copy')).data).toEqual({ status: 'SUCCESS' });
    expect((await ask('GET', '/spaces/copy')).status).toBe(404);
    expect((await ask('DELETE', '/spaces/copy')).status).toBe(404);
  });

  test('one that streams and mappings send to, or that has profiles, stays, and says why', async () => {
    const { id } = await findSpace(server.db.pool, 'own');
    const stream = { slug: 'web', enabled: true, metadataId: 'iUM16Md8P2', settings: { spaces: [id] } };
    const { source } = (await ask('POST', '/sources', stream)).data;
    expect(source.settings).toEqual({ spaces: [id] });
    expect((await ask('GET', '/spaces/own')).data.space.sources).toEqual([{ id: source.id, name: 'web' }]);
    const keys = (await ask('POST', `/sources/${source.id}/writekey`)).data.source.writeKeys;
    await ask('DELETE', `/sources/${source.id}/writekey/${keys[0]}`);
    expect((await ask('GET', `/sources/${source.id}`)).data.source.writeKeys).toEqual([keys[1]]);
    const used = await ask('DELETE', '/spaces/own');
    expect([used.status, used.errors]).toEqual([
      409,
      [{ type: 'conflict', message: expect.stringContaining('Event streams send to it (1): web.') }],
    ]);
    await server.send({ type: 'identify', userId: 'u1', messageId: 'i-1', traits: {} });
    const full = await ask('DELETE', '/spaces/shop');
    expect([full.status, full.errors]).toEqual([
      409,
      [{ type: 'conflict', message: expect.stringContaining('has profiles') }],
    ]);
    expect((await ask('GET', '/spaces/shop')).data.space.hasProfiles).toBe(true);
    const bad = await ask('PATCH', `/sources/${source.id}`, { settings: { spaces: ['none'] } });
    expect([bad.status, fieldsOf(bad.errors)]).toEqual([422, ['settings.spaces.0']]);
    await ask('PATCH', `/sources/${source.id}`, { settings: { spaces: ['shop'] } });
    expect((await ask('DELETE', '/spaces/own')).status).toBe(200);
    expect((await ask('GET', '/spaces/shop')).data.space.sources).toHaveLength(1);
  });
});
