/** `POST …/external_ids/delete` on the real space. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSpaceReader, deleteIdentifier, type IdentifierRule, recommendedBlocked } from '../../space/space.ts';
import { basic, otherSecret, secret, startApi } from './http-client.conformance.ts';
import { openRealSpace, type RealSpace } from './real-space.conformance.ts';

function rule(type: string, limit: number, collection: IdentifierRule['collection'] = 'users'): IdentifierRule {
  return { type, collection, limit, window: 'ever', blocked: recommendedBlocked, custom: type === 'card' };
}

let real: RealSpace;
beforeAll(async () => {
  const identifiers = [rule('user_id', 2), rule('email', 2), rule('anonymous_id', 5), rule('card', 5)];
  real = await openRealSpace({
    identifierDeletion: true,
    identifiers: [...identifiers, rule('group_id', 5, 'accounts'), rule('duns', 5, 'accounts')],
  });
});
afterAll(() => real[Symbol.asyncDispose]());

const entry = (type: string, id: string) => ({ delete_external_ids: [{ id, type }] });
const idsOf = async (id: string): Promise<string[]> =>
  (await real.all(`users/profiles/${id}/external_ids`)).map((one) => `${one.type}:${one.id}`).sort();
const statusOf = async (id: string) => (await real.get(`users/profiles/${id}/metadata`)).status;
const identify = (userId: string, email: string) => ({ type: 'identify', userId, traits: { email } });

describe('a deletion', () => {
  test('takes the identifier away and nothing else, at once', async () => {
    await real.send(identify('u-1', 'Old@example.net'), { type: 'track', userId: 'u-1', event: 'Seen' });
    const before = (await real.get('users/profiles/user_id:u-1/metadata')).json;
    real.clock.pass(5_000);
    const { status, json, headers } = await real.remove('u-1', entry('email', 'old@example.net'));
    expect([status, json]).toEqual([200, { code: 'success', message: 'External identifier has been deleted.' }]);
    expect(headers['content-type']).toBe('application/json');
    expect(await idsOf('user_id:u-1')).toEqual(['user_id:u-1']);
    expect(await statusOf('email:old@example.net')).toBe(404);
    const after = (await real.get('users/profiles/user_id:u-1/metadata')).json;
    expect(after.metadata).toEqual({ ...before.metadata, updated_at: real.clock.now().toISOString() });
    expect((await real.get('users/profiles/user_id:u-1/traits')).json.traits).toEqual({ email: 'Old@example.net' });
    const [event] = await real.all('users/profiles/user_id:u-1/events');
    expect(event.event).toBe('Seen');
    expect((await real.remove('u-1', entry('email', 'old@example.net'))).json.error.code).toBe('eid_not_found');
  });

  test('frees the value for another profile', async () => {
    await real.send(identify('u-2', 'free@example.net'));
    await real.remove('u-2', entry('email', 'free@example.net'));
    await real.send(identify('u-9', 'free@example.net'));
    expect(await idsOf('email:free@example.net')).toEqual(['email:free@example.net', 'user_id:u-9']);
    expect(await idsOf('user_id:u-2')).toEqual(['user_id:u-2']);
  });

  test('frees a place in limits', async () => {
    for (const n of [1, 2, 3]) await real.send(identify('u-3', `n${n}@example.net`));
    expect(await statusOf('email:n3@example.net')).toBe(404);
    await real.remove('u-3', entry('email', 'n1@example.net'));
    await real.send(identify('u-3', 'n3@example.net'));
    expect(await idsOf('user_id:u-3')).toEqual(['email:n2@example.net', 'email:n3@example.net', 'user_id:u-3']);
  });

  test('works on what came with a merged profile, and on the parent of one', async () => {
    await real.send(
      { type: 'identify', anonymousId: 'a-old', traits: { card: 'c-old' } },
      { type: 'identify', userId: 'u-4', anonymousId: 'a-new', traits: { card: 'c-new' } },
    );
    const older = (await real.get('users/profiles/anonymous_id:a-old/metadata')).json.segment_id;
    await real.send({ type: 'identify', userId: 'u-4', anonymousId: 'a-old', traits: {} });
    expect(await idsOf(older)).toHaveLength(5);
    for (const [type, id] of [
      ['card', 'c-old'],
      ['card', 'c-new'],
      ['anonymous_id', 'a-new'],
    ] as const) {
      expect((await real.remove('u-4', entry(type, id))).status).toBe(200);
    }
    expect(await idsOf(older)).toEqual(['anonymous_id:a-old', 'user_id:u-4']);
    await real.send({ type: 'identify', userId: 'u-5', traits: { card: 'c-old' } });
    expect(await idsOf('card:c-old')).toEqual(['card:c-old', 'user_id:u-5']);
  });

  test('leaves at least one user id: the one that names the profile', async () => {
    await real.send({ type: 'identify', userId: 'u-6', anonymousId: 'a-6', traits: {} });
    await real.send({ type: 'identify', userId: 'u-6b', anonymousId: 'a-6', traits: {} });
    expect(await idsOf('user_id:u-6')).toEqual(['anonymous_id:a-6', 'user_id:u-6', 'user_id:u-6b']);
    expect((await real.remove('u-6b', entry('user_id', 'u-6'))).status).toBe(200);
    expect(await idsOf('user_id:u-6b')).toEqual(['anonymous_id:a-6', 'user_id:u-6b']);
    const self = { userId: 'u-6b', type: 'user_id', value: 'u-6b', now: real.clock.now() };
    expect(await deleteIdentifier(real.db, real.space.no, self)).toBe('last_user_id');
    expect(await statusOf('user_id:u-6b')).toBe(200);
  });

  test('of odd values and by odd user ids', async () => {
    const odd = 'a/b?c#d%2B+ü 😀:x';
    await real.send({ type: 'identify', userId: odd, traits: { card: odd } });
    expect((await real.remove(odd, entry('card', odd))).status).toBe(200);
    expect(await idsOf(`user_id:${encodeURIComponent(odd)}`)).toEqual([`user_id:${odd}`]);
  });

  test('while others write to the profile: neither is lost', async () => {
    await real.send(identify('u-7', 'busy@example.net'));
    const writing = Array.from({ length: 30 }, (_, n) =>
      real.send({ type: 'identify', userId: 'u-7', anonymousId: 'a-7', traits: { [`t${n}`]: n } }),
    );
    const removed = await real.remove('u-7', entry('email', 'busy@example.net'));
    await Promise.all(writing);
    expect(removed.status).toBe(200);
    expect(await idsOf('user_id:u-7')).toEqual(['anonymous_id:a-7', 'user_id:u-7']);
    const { json } = await real.get('users/profiles/user_id:u-7/traits?limit=100');
    expect(Object.keys(json.traits)).toHaveLength(31);
    const { rows } = await real.db.pool.query(`SELECT FROM identifiers WHERE key = 'u:email:busy@example.net'`);
    expect(rows).toHaveLength(0);
  });

  test('asked for twice at once happens once', async () => {
    await real.send(identify('u-8', 'once@example.net'));
    const answers = await Promise.all([1, 2, 3, 4].map(() => real.remove('u-8', entry('email', 'once@example.net'))));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404]);
  });

  test('under the alias of the path', async () => {
    await real.send(identify('u-10', 'alias@example.net'));
    const { status } = await real.api.request(
      '/v1/namespaces/shop/collections/users/profiles/user_id:u-10/external_ids/delete',
      {
        method: 'POST',
        headers: { ...basic(secret), 'content-type': 'application/json' },
        body: JSON.stringify(entry('email', 'alias@example.net')),
      },
    );
    expect(status).toBe(200);
  });
});

describe('the checks', () => {
  beforeAll(async () => {
    await real.send(identify('known', 'known@example.net'), identify('other', 'other@example.net'));
  });
  const one = entry('email', 'known@example.net');
  const two = { delete_external_ids: [...one.delete_external_ids, ...one.delete_external_ids] };
  const at = (path: string) => `${path}/external_ids/delete`;

  // Each fails in its own way and in every later one, so that the order shows.
  test.each([
    ['accounts/profiles/email:x', two, 400, 'bad_request', 'Invalid collection: accounts.'],
    ['people/profiles/user_id:', two, 400, 'bad_request', 'Invalid collection: people.'],
    ['users/profiles/user_id:', two, 400, 'bad_request', 'Missing required parameters in URL.'],
    ['users/profiles/:x', two, 400, 'bad_request', 'Missing required parameters in URL.'],
    [
      'users/profiles/email:x',
      two,
      400,
      'bad_request',
      'Invalid URL: valid `user_id` is required. Unsupported `email`.',
    ],
    [
      'users/profiles/use_2oQ7nXkT4bVdPz8sYcH1mRj6Wf0',
      two,
      400,
      'bad_request',
      'Invalid URL: valid `user_id` is required. Unsupported `segment_id`.',
    ],
    ['users/profiles/user_id:nobody', two, 400, 'bad_request', 'Only one external_id can be deleted at a time.'],
    [
      'users/profiles/user_id:nobody',
      { delete_external_ids: [] },
      400,
      'bad_request',
      'Only one external_id can be deleted at a time.',
    ],
    [
      'users/profiles/user_id:nobody',
      entry('group_id', 'g'),
      400,
      'unsupported_eid_type',
      'Unsupported external id type.',
    ],
    ['users/profiles/user_id:nobody', entry('duns', 'g'), 400, 'unsupported_eid_type', 'Unsupported external id type.'],
    [
      'users/profiles/user_id:nobody',
      entry('E-Mail', 'g'),
      400,
      'unsupported_eid_type',
      'Unsupported external id type.',
    ],
    [
      'users/profiles/user_id:nobody',
      entry('user_id', 'nobody'),
      400,
      'bad_request',
      'External id specification must differ from lookup id.',
    ],
    ['users/profiles/user_id:nobody', one, 404, 'not_found', 'The resource was not found.'],
    ['users/profiles/user_id:a%00b', one, 404, 'not_found', 'The resource was not found.'],
    [
      'users/profiles/user_id:known',
      entry('email', 'none@example.net'),
      404,
      'eid_not_found',
      'External identifier not found.',
    ],
    [
      'users/profiles/user_id:known',
      entry('email', 'other@example.net'),
      404,
      'eid_not_found',
      'External identifier not found.',
    ],
    [
      'users/profiles/user_id:known',
      entry('email', 'Known@example.net'),
      404,
      'eid_not_found',
      'External identifier not found.',
    ],
    ['users/profiles/user_id:known', entry('email', 'a\0b'), 404, 'eid_not_found', 'External identifier not found.'],
    ['users/profiles/user_id:known', entry('email', '\ud800'), 404, 'eid_not_found', 'External identifier not found.'],
  ])('%s, %j: %i %s', async (path, body, status, code, message) => {
    const answer = await real.remove('', body, at(path));
    expect([answer.status, answer.json]).toEqual([status, { error: { code, message } }]);
    expect(await idsOf('user_id:known')).toEqual(['email:known@example.net', 'user_id:known']);
  });

  test.each([
    '',
    'null',
    '[]',
    '"text"',
    '{}',
    '{"delete_external_ids":{}}',
    '{"delete_external_ids":[null]}',
    '{"delete_external_ids":[{"id":5,"type":"email"}]}',
    '{"delete_external_ids":[{"id":"known@example.net"}]}',
    '{"delete_external_ids":',
  ])('the body %s is refused', async (body) => {
    const { status, json } = await real.remove('known', body);
    expect(status).toBe(400);
    expect(json.error.code).toMatch(/^(bad_request|invalid_request_error)$/);
  });

  test('a body without a type, of another type, or too large', async () => {
    const path = at('users/profiles/user_id:known');
    const send = (headers: Record<string, string>, body: string) =>
      real.api.profiles(path, { method: 'POST', headers: { ...basic(secret), ...headers }, body });
    expect((await send({ 'content-type': 'text/xml' }, '<a/>')).status).toBe(415);
    const large = await real.remove('known', entry('email', 'x'.repeat(20_000)));
    expect([large.status, large.json.error.code]).toEqual([413, 'invalid_request_error']);
    const longest = await real.remove('known', entry('email', '\u0001'.repeat(500)));
    expect(longest.json.error.code).toBe('eid_not_found');
    expect((await real.api.profiles(path, { method: 'POST' })).json.error.code).toBe('bad_request');
  });

  test('the token comes first, with the code of this route', async () => {
    for (const headers of [{}, basic('wrong:'), basic(`${otherSecret}:`), { authorization: `Bearer ${secret}` }]) {
      const answer = await real.api.profiles(at('accounts/profiles/x'), { method: 'POST', headers, body: 'x' });
      expect([answer.status, answer.json]).toEqual([
        401,
        { error: { code: 'unauthorized', message: 'The specified token is invalid.' } },
      ]);
    }
  });

  test('then whether the space allows it', async () => {
    for (const settings of [undefined, { identifierDeletion: false }]) {
      await using closed = await openRealSpace(settings);
      await closed.send(identify('known', 'known@example.net'));
      const answer = await closed.remove('', two, at('accounts/profiles/email:x'));
      expect([answer.status, answer.json]).toEqual([
        403,
        { error: { code: 'forbidden', message: 'Deleted identifier not activated for space_id spa_test.' } },
      ]);
      expect((await closed.remove('known', one)).status).toBe(403);
      expect((await closed.get('users/profiles/email:known@example.net/metadata')).status).toBe(200);
    }
  });

  test('a hundred a second on one profile, and the limit of the space', async () => {
    const nobodys = (userId: string) => real.remove(userId, entry('email', 'none@example.net'));
    real.clock.pass(10_000);
    const statuses = [];
    for (let n = 0; n < 101; n += 1) statuses.push((await nobodys('known')).status);
    expect(statuses).toEqual([...Array.from({ length: 100 }, () => 404), 429]);
    const refused = await nobodys('known');
    expect([refused.json.error.code, refused.headers['retry-after']]).toEqual(['rate_limit_error', '1']);
    expect((await nobodys('other')).status).toBe(404);
    real.clock.pass(1_000);
    expect((await nobodys('known')).status).toBe(404);
    await using slow = await openRealSpace({ identifierDeletion: true }, 2);
    expect((await slow.remove('a', one)).status).toBe(404);
    expect((await slow.get('users/profiles/user_id:a/traits')).status).toBe(404);
    expect((await slow.remove('b', one)).status).toBe(429);
  });
});

test('the switch of a space follows its settings within a second', async () => {
  let identifierDeletion = false;
  const found = { id: real.space.id, no: real.space.no };
  const settings = () => ({ ...real.space.settings, identifierDeletion });
  await using api = await startApi({
    reader: createSpaceReader({ db: real.db }),
    spaceNo: real.space.no,
    clock: real.clock,
    findSpace: async () => ({ ...found, settings: settings() }),
    deleteIdentifier: async () => 'deleted',
  });
  const ask = async () =>
    (
      await api.profiles('users/profiles/user_id:known/external_ids/delete', {
        method: 'POST',
        headers: { ...basic(secret), 'content-type': 'application/json' },
        body: JSON.stringify(entry('email', 'x')),
      })
    ).status;
  expect(await ask()).toBe(403);
  identifierDeletion = true;
  expect(await ask()).toBe(403);
  real.clock.pass(1_000);
  expect(await ask()).toBe(200);
});
