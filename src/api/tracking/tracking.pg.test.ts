/** The Tracking API over a real space: routes, keys, answers, discards, batches, times, deduplication. */
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEventStream, createSpace } from '../../workspace/workspace.ts';
import { openTracking, type TrackingServer } from './tracking.test-support.ts';

let server: TrackingServer;
beforeAll(async () => {
  server = await openTracking();
});
afterAll(() => server[Symbol.asyncDispose]());

let serial = 0;
/** A message id that no other test uses. */
const fresh = () => {
  serial += 1;
  return `m-${serial}`;
};
const success = { success: true };
const stored = async (messageId: string) => (await server.events()).find((event) => event.messageId === messageId);
const track = (more: object = {}) => ({ userId: 'u1', event: 'Seen', messageId: fresh(), ...more });

describe('routes', () => {
  test.each([
    ['track', { event: 'Seen' }],
    ['t', { event: 'Seen' }],
    ['page', { name: 'Home' }],
    ['p', { name: 'Home' }],
    ['screen', { name: 'Start' }],
    ['s', { name: 'Start' }],
  ])('/v1/%s stores its event; the path decides the type', async (route, body) => {
    const messageId = fresh();
    const type = { t: 'track', p: 'page', s: 'screen' }[route] ?? route;
    const answer = await server.post(`/v1/${route}`, { ...body, userId: 'u1', messageId, type: 'identify' });
    expect([answer.status, answer.body]).toEqual([200, success]);
    expect(await stored(messageId)).toMatchObject({ type, userId: 'u1', version: 2 });
  });

  test.each(['identify', 'i'])('/v1/%s writes traits, which the Profile API shows at once', async (route) => {
    await server.post(`/v1/${route}`, { userId: `by-${route}`, traits: { plan: 'team' } });
    expect((await server.profile(`users/profiles/user_id:by-${route}/traits`)).body.traits).toEqual({ plan: 'team' });
  });

  test.each(['group', 'g'])('/v1/%s makes an account and links it', async (route) => {
    await server.post(`/v1/${route}`, { userId: 'u1', groupId: `org-${route}`, traits: { seats: 4 } });
    const account = await server.profile(`accounts/profiles/group_id:org-${route}/traits`);
    expect(account.body.traits).toEqual({ seats: 4 });
  });

  test.each(['alias', 'a'])('/v1/%s joins nobody', async (route) => {
    await server.post('/v1/identify', { userId: 'new-name', traits: {} });
    await server.post('/v1/track', { anonymousId: 'old-name', event: 'Seen' });
    const messageId = fresh();
    expect((await server.post(`/v1/${route}`, { userId: 'new-name', previousId: 'old-name', messageId })).status).toBe(
      200,
    );
    expect(await stored(messageId)).toMatchObject({ type: 'alias' });
    const ids = await server.profile('users/profiles/user_id:new-name/external_ids');
    expect(ids.body.data.map(({ id }: { id: string }) => id)).toEqual(['new-name']);
  });

  test.each(['batch', 'import', 'b'])('/v1/%s takes a batch', async (route) => {
    const [a, b] = [fresh(), fresh()];
    const batch = [
      { type: 'track', ...track({ messageId: a }) },
      { action: 'track', ...track({ messageId: b }) },
    ];
    expect(await server.post(`/v1/${route}/`, { batch })).toMatchObject({ status: 200, body: success });
    expect([await stored(a), await stored(b)]).toMatchObject([{ type: 'track' }, { type: 'track' }]);
  });

  test('measurements of clients are taken and forgotten', async () => {
    expect(await server.post('/v1/m', 'whatever')).toMatchObject({ status: 200, body: success });
  });

  test('an unknown path is 404, another method 405; the Profile API stays without CORS', async () => {
    expect(await server.post('/v1/unknown', {})).toMatchObject({ status: 404 });
    const wrong = await fetch(`${server.url}/v1/track`);
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'OPTIONS, POST']);
    expect(wrong.headers.get('access-control-allow-origin')).toBe('*');
    const profile = await server.profile('users/profiles/user_id:u1/traits');
    expect(profile.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('a browser may ask first', async () => {
    const answer = await fetch(`${server.url}/v1/t`, { method: 'OPTIONS' });
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'POST, GET, OPTIONS',
      'access-control-allow-headers': 'Authorization, Content-Type, X-Retry-Count',
      'access-control-max-age': '86400',
    });
  });

  test('a pixel is an image whatever it holds, and stores what is right', async () => {
    const messageId = fresh();
    const data = Buffer.from(JSON.stringify({ writeKey: server.stream.writeKey, ...track({ messageId }) })).toString(
      'base64url',
    );
    const nested = fresh();
    const queries = [
      `track?data=${data}`,
      `track?writeKey=${server.stream.writeKey}&userId=u1&event=Opened&messageId=${nested}&properties.mail.subject=Hi`,
      'track?data=%%%',
      'track',
      'nothing?a=1',
      `track?writeKey=nobody&event=x`,
    ];
    for (const query of queries) {
      const answer = await fetch(`${server.url}/v1/pixel/${query}`);
      expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
        200,
        'image/gif',
        'no-store',
      ]);
      expect(
        Buffer.from(await answer.arrayBuffer())
          .subarray(0, 6)
          .toString(),
      ).toBe('GIF89a');
    }
    expect(await stored(messageId)).toMatchObject({ type: 'track', event: 'Seen' });
    expect(await stored(nested)).toMatchObject({ properties: { mail: { subject: 'Hi' } } });
    expect(await server.discards('')).toMatchObject({ bad_request: 3, unknown_source: expect.any(Number) });
  });
});

describe('write keys', () => {
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });

  test.each([
    ['as the user name', () => basic(`${server.stream.writeKey}:`), {}],
    ['without the colon', () => basic(server.stream.writeKey), {}],
    ['in the body', () => ({ authorization: '' }), () => ({ writeKey: server.stream.writeKey })],
    ['in the header, before the body', () => basic(`${server.stream.writeKey}:`), () => ({ writeKey: 'another' })],
  ])('%s', async (_, headers, more) => {
    const message = { ...track(), ...(typeof more === 'function' ? more() : more) };
    expect(await server.post('/v1/track', message, headers())).toMatchObject({ status: 200 });
    const event = await stored(message.messageId);
    expect(event).toBeDefined();
    expect(event).not.toHaveProperty('writeKey');
  });

  test('in the first message of a batch', async () => {
    const message = { type: 'track', writeKey: server.stream.writeKey, ...track() };
    expect(await server.post('/v1/batch', { batch: [message] }, { authorization: '' })).toMatchObject({ status: 200 });
    expect(await stored(message.messageId)).not.toHaveProperty('writeKey');
  });

  test('none at all is 400; an unknown one 200, and nothing is stored', async () => {
    expect(await server.post('/v1/track', track(), { authorization: '' })).toMatchObject({
      status: 400,
      body: { success: false, error: 'missing_write_key' },
    });
    const message = track();
    expect(await server.post('/v1/track', message, basic('nobody:'))).toMatchObject({ status: 200, body: success });
    expect(await stored(message.messageId)).toBeUndefined();
  });

  test('an unknown one can be refused', async () => {
    await using strict = await openTracking({ rejectUnknownWriteKey: true });
    expect(await strict.post('/v1/track', track(), basic('nobody:'))).toMatchObject({
      status: 401,
      body: { error: 'unauthorized' },
    });
  });

  test('a disabled stream discards', async () => {
    await using other = await openTracking();
    await other.db.pool.query('UPDATE event_streams SET enabled = false');
    expect(await other.post('/v1/batch', { batch: [track(), track()] })).toMatchObject({ status: 200, body: success });
    expect(await other.events()).toEqual([]);
    expect(await other.discards()).toEqual({ source_disabled: 2 });
  });
});

describe('bodies', () => {
  test.each(['text/plain', 'text/plain;charset=UTF-8', 'application/json; charset=utf-8'])('as %s', async (type) => {
    const message = track();
    expect(await server.post('/v1/t', JSON.stringify(message), { 'content-type': type })).toMatchObject({
      status: 200,
    });
    expect(await stored(message.messageId)).toBeDefined();
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
  ])('packed with %s', async (encoding, pack) => {
    const message = track();
    const body = pack(JSON.stringify(message));
    expect(await server.post('/v1/track', body, { 'content-encoding': encoding })).toMatchObject({ status: 200 });
    expect(await stored(message.messageId)).toBeDefined();
  });

  test.each([
    ['no JSON', '{', {}, 'invalid_json'],
    ['nothing', '', {}, 'invalid_json'],
    ['NaN', '{"userId":NaN}', {}, 'invalid_json'],
    ['an array', '[]', {}, 'invalid_json'],
    ['null', 'null', {}, 'invalid_json'],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), {}, 'invalid_json'],
    ['a form', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' }, 'unsupported_content_type'],
    ['what is no gzip', 'abc', { 'content-encoding': 'gzip' }, 'invalid_json'],
    ['an unknown encoding', 'abc', { 'content-encoding': 'br' }, 'invalid_request'],
  ])('%s is 400', async (_, body, headers, error) => {
    const answer = await server.post('/v1/track', body, headers);
    expect(answer).toMatchObject({ status: 400, body: { success: false, error, message: expect.any(String) } });
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
  });

  test.each([[{}], [{ batch: null }], [{ batch: {} }], [{ batch: 'x' }]])('%j is no batch', async (body) => {
    expect(await server.post('/v1/batch', body)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  test('a message may have 32 KB, a batch 500 KB, to the byte', async () => {
    const sized = (bytes: number, body: object) => {
      const bare = JSON.stringify({ ...body, filler: '' }).length;
      return JSON.stringify({ ...body, filler: 'x'.repeat(bytes - bare) });
    };
    const tooLarge = { status: 400, body: { error: 'exceed_payload_limit', message: 'Exceed payload limit' } };
    const message = track();
    expect(await server.post('/v1/track', sized(32_769, message))).toMatchObject(tooLarge);
    expect(await stored(message.messageId)).toBeUndefined();
    expect(await server.post('/v1/track', sized(32_768, message))).toMatchObject({ status: 200 });
    expect(await stored(message.messageId)).toBeDefined();
    const batch = { batch: [{ type: 'track', ...track() }] };
    expect(await server.post('/v1/batch', sized(512_001, batch))).toMatchObject(tooLarge);
    expect(await stored(batch.batch[0]?.messageId as string)).toBeUndefined();
    expect(await server.post('/v1/batch', sized(512_000, batch))).toMatchObject({ status: 200 });
    expect(await stored(batch.batch[0]?.messageId as string)).toBeDefined();
    const packed = gzipSync(sized(512_001, { batch: [] }));
    expect(await server.post('/v1/batch', packed, { 'content-encoding': 'gzip' })).toMatchObject(tooLarge);
  });

  test('an item over 32 KB is left out, or the batch refused', async () => {
    await using strict = await openTracking({ strictItemSize: true });
    for (const one of [server, strict]) {
      const small = { type: 'track', ...track() };
      const large = { type: 'track', ...track({ properties: { filler: 'é'.repeat(17_000) } }) };
      const answer = await one.post('/v1/batch', { batch: [large, small] });
      const ids = (await one.events()).map(({ messageId }) => messageId);
      expect(answer.status).toBe(one === strict ? 400 : 200);
      expect(ids.includes(small.messageId)).toBe(one !== strict);
      expect(ids).not.toContain(large.messageId);
    }
  });

  test('of 2,600 items 2,500 are stored', async () => {
    await using other = await openTracking();
    const batch = Array.from({ length: 2_600 }, (_, n) => ({
      type: 'track',
      userId: 'u',
      event: 'E',
      messageId: `n-${n}`,
    }));
    expect(await other.post('/v1/batch', { batch })).toMatchObject({ status: 200 });
    expect(await other.events()).toHaveLength(2_500);
    expect(await other.discards()).toEqual({ batch_count_exceeded: 100 });
  });
});

describe('discards', () => {
  const nested = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);

  test('each has its code, is answered 200, and its neighbours are stored', async () => {
    await using other = await openTracking();
    const consent = 'Segment Consent Preference Updated';
    const bad: [string, unknown][] = [
      ['no_user_anon_id', { type: 'track', event: 'E' }],
      ['no_user_anon_id', { type: 'track', event: 'E', userId: null }],
      ['no_user_anon_id', { type: 'group', groupId: 'g' }],
      ['id_not_string', { type: 'track', event: 'E', userId: '', anonymousId: 'a' }],
      ['id_not_string', { type: 'track', event: 'E', userId: 7 }],
      ['event_not_defined', { type: 'track', userId: 'u' }],
      ['event_not_defined', { type: 'track', userId: 'u', event: '' }],
      ['event_not_string', { type: 'track', userId: 'u', event: {} }],
      ['properties_not_object', { type: 'page', userId: 'u', properties: [] }],
      ['traits_not_object', { type: 'identify', userId: 'u', traits: 'x' }],
      ['name_not_string', { type: 'page', userId: 'u', name: 5 }],
      ['category_not_string', { type: 'screen', userId: 'u', category: '' }],
      ['invalid_type', { userId: 'u', event: 'E' }],
      ['invalid_type', { type: 'delete', userId: 'u' }],
      ['message_not_object', 'x'],
      ['message_not_object', null],
      ['group_id_missing', { type: 'group', userId: 'u' }],
      ['previous_id_missing', { type: 'alias', userId: 'u' }],
      ['message_id_too_long', { type: 'track', userId: 'u', event: 'E', messageId: 'x'.repeat(101) }],
      ['nesting_too_deep', { type: 'track', userId: 'u', event: 'E', properties: { deep: nested(10_000) } }],
      ['consent_categorypreferences_should_exist', { type: 'track', userId: 'u', event: consent }],
      [
        'consent_categorypreferences_fields_should_be_object',
        { type: 'track', userId: 'u', event: consent, context: { consent: { categoryPreferences: [] } } },
      ],
      [
        'consent_categorypreferences_fields_should_be_bool',
        { type: 'track', userId: 'u', event: consent, context: { consent: { categoryPreferences: { Ads: 'yes' } } } },
      ],
      [
        'consent_version_should_be_number',
        { type: 'track', userId: 'u', event: consent, context: { consent: { categoryPreferences: {}, version: '2' } } },
      ],
      [
        'device_advertisingid_should_be_string',
        {
          type: 'track',
          userId: 'u',
          event: consent,
          context: { consent: { categoryPreferences: {} }, device: { advertisingId: 7 } },
        },
      ],
    ];
    // Deep nesting by hand: JSON.stringify would not get there.
    const texts = bad.map(([code, item]) =>
      code === 'nesting_too_deep'
        ? `{"type":"track","userId":"u","event":"E","properties":{"deep":${'['.repeat(10_000)}${']'.repeat(10_000)}}}`
        : JSON.stringify(item),
    );
    const good = (n: number) => JSON.stringify({ type: 'track', userId: 'u', event: 'Good', messageId: `good-${n}` });
    const body = `{"batch":[${texts.flatMap((text, n) => [text, good(n)]).join(',')}]}`;
    expect(await other.post('/v1/batch', body)).toMatchObject({ status: 200, body: success });
    const expected: Record<string, number> = { multi_user_error: 1 };
    for (const [code] of bad) expected[code] = (expected[code] ?? 0) + 1;
    expect(await other.discards()).toEqual(expected);
    expect(await other.events()).toHaveLength(bad.length);
  });

  test('an empty batch', async () => {
    await using other = await openTracking();
    expect(await other.post('/v1/batch', { batch: [] })).toMatchObject({ status: 200, body: success });
    expect(await other.discards()).toEqual({ empty_batch: 1 });
  });
});

describe('what is stored', () => {
  test('the root of a batch is merged into its items, whose own values win', async () => {
    const [plain, own] = [fresh(), fresh()];
    await server.post('/v1/batch', {
      sentAt: null,
      context: { library: { name: 'importer', version: '1' }, tags: [1, 2], ip: '198.51.100.1' },
      integrations: { All: true, Mail: true },
      batch: [
        { type: 'track', ...track({ messageId: plain }) },
        {
          type: 'track',
          ...track({ messageId: own }),
          context: { library: { version: '2' }, tags: [3] },
          integrations: { Mail: false },
          unknown: { kept: true },
        },
      ],
    });
    expect(await stored(plain)).toMatchObject({
      context: { library: { name: 'importer', version: '1' }, tags: [1, 2] },
      integrations: { All: true, Mail: true },
    });
    expect(await stored(own)).toMatchObject({
      context: { library: { name: 'importer', version: '2' }, tags: [3], ip: '198.51.100.1' },
      integrations: { All: true, Mail: false },
      unknown: { kept: true },
    });
  });

  test('keys that mean something to JavaScript are keys like others; of two equal keys the last counts', async () => {
    const messageId = fresh();
    const text = `{"batch":[{"type":"track","userId":"u1","event":"E","messageId":"${messageId}","properties":
      {"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"a":1,"a":2},"context":{"__proto__":{"x":1}}}],
      "context":{"__proto__":{"y":2}}}`;
    expect(await server.post('/v1/batch', text)).toMatchObject({ status: 200 });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    const { rows } = await server.db.pool.query('SELECT body::text AS text FROM events WHERE message_id = $1', [
      messageId,
    ]);
    expect(rows[0]?.text).toContain(
      '"properties":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"a":2}',
    );
    expect(rows[0]?.text).toContain('"context":{"__proto__":{"y":2,"x":1}}');
  });

  test('message ids are made where there are none', async () => {
    await using other = await openTracking();
    await other.post('/v1/track', { userId: 'u', event: 'E' });
    expect((await other.events())[0]?.messageId).toMatch(/^api-[0-9A-Za-z]{27}$/);
  });

  test('the clock of the client does not count when it says when it sent', async () => {
    const messageId = fresh();
    const before = Date.now();
    await server.post(
      '/v1/track',
      track({ messageId, timestamp: '2020-01-01T00:00:00.000Z', sentAt: '2020-01-01T00:00:00.019Z' }),
    );
    const event = await stored(messageId);
    const [timestamp, receivedAt] = [event?.timestamp, event?.receivedAt].map((text) => Date.parse(String(text)));
    expect(timestamp).toBe((receivedAt as number) - 19);
    expect(receivedAt).toBeGreaterThanOrEqual(before);
    expect(event?.originalTimestamp).toBe('2020-01-01T00:00:00.000Z');
  });

  test('the address of the connection is filled in for browsers, and where it is asked for', async () => {
    await using browsers = await openTracking({ clientSide: true });
    await browsers.post('/v1/track', track());
    await browsers.post('/v1/track', track({ context: { ip: '198.51.100.7' } }));
    expect((await browsers.events()).map(({ context }) => (context as { ip: string }).ip).sort()).toEqual([
      '127.0.0.1',
      '198.51.100.7',
    ]);
    const [silent, direct] = [fresh(), fresh()];
    await server.post('/v1/track', track({ messageId: silent }));
    await server.post('/v1/track', track({ messageId: direct, context: { direct: true } }));
    expect(await stored(silent)).toMatchObject({ context: {} });
    expect((await stored(silent))?.context).not.toHaveProperty('ip');
    expect(await stored(direct)).toMatchObject({ context: { ip: '127.0.0.1' } });
  });
});

describe('deduplication', () => {
  test('of two messages with one id the first is stored, whatever they hold', async () => {
    const messageId = fresh();
    await server.post('/v1/track', track({ messageId, event: 'First' }));
    expect(await server.post('/v1/track', track({ messageId, event: 'Second' }))).toMatchObject({
      status: 200,
      body: success,
    });
    await server.post('/v1/batch', { batch: [{ type: 'track', ...track({ messageId, event: 'Third' }) }] });
    expect((await server.events()).filter((event) => event.messageId === messageId)).toMatchObject([
      { event: 'First' },
    ]);
  });

  test('one hundred copies at once are one', async () => {
    const messageId = fresh();
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => server.post('/v1/track', track({ messageId }))),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await server.events()).filter((event) => event.messageId === messageId)).toHaveLength(1);
  });

  test('a message that was not taken does not use its id up', async () => {
    const messageId = fresh();
    await server.post('/v1/track', { messageId, userId: 'u1' });
    await server.post('/v1/track', { messageId, userId: 'null', event: 'Blocked' });
    await server.post('/v1/track', track({ messageId }));
    expect(await stored(messageId)).toMatchObject({ event: 'Seen' });
  });
});

test('copies and messages of suppressed people are counted among the discards, when no space took them', async () => {
  await using other = await openTracking();
  const alone = await createEventStream(other.db, { name: 'alone', spaces: [other.space.id], clientSide: false });
  const second = await createSpace(other.db.pool, 'second');
  await other.db.pool.query('UPDATE event_streams SET space_ids = space_ids || $1::text WHERE id = $2', [
    second.id,
    other.stream.id,
  ]);
  await other.db.pool.query(`INSERT INTO suppressions VALUES ('', 'gone', now(), 'reg_test')`);
  const track = (messageId: string, userId = 'u1') => ({ type: 'track', event: 'E', userId, messageId });
  const basic = `Basic ${Buffer.from(`${alone.writeKey}:`).toString('base64')}`;
  const post = async (batch: readonly object[], headers: Record<string, string> = {}) =>
    expect((await other.post('/v1/batch', { batch }, headers)).status).toBe(200);
  await post([track('m1')], { authorization: basic });
  // Of m1 the second space takes a copy.
  await post([track('m1'), track('m2'), track('m2'), track('gone-1', 'gone')]);
  await post([track('m1'), track('m2'), { type: 'track', event: 'E', messageId: 'm3' }, track('gone-1', 'gone')]);
  expect(await other.discards()).toEqual({ duplicate: 3, suppressed: 2, no_user_anon_id: 1, multi_user_error: 1 });
  const { rows } = await other.db.pool.query('SELECT samples FROM stream_discards WHERE code = ANY($1)', [
    ['duplicate', 'suppressed'],
  ]);
  expect(rows).toEqual([{ samples: [] }, { samples: [] }]);
});
