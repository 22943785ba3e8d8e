import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../base/json.ts';
import {
  basicKey,
  buildTracking,
  receivedAt,
  site,
  streams,
  type TrackingTestDeps,
  type TrackingUnderTest,
  trackOfSize,
  writeKey,
} from './memory.test-support.ts';

let api: TrackingUnderTest;
beforeEach(async () => {
  api = await buildTracking();
});
afterEach(() => api.close());

const none = { authorization: '' };
const track = (fields: JsonObject = {}): JsonObject => ({
  type: 'track',
  userId: 'u-1',
  event: 'Signed Up',
  ...fields,
});
const stored = () => api.inlet.messages().map(({ message }) => message);
const first = (): JsonObject => stored()[0] as JsonObject;

describe('routes', () => {
  const bodies: Readonly<Record<string, JsonObject>> = {
    identify: { userId: 'u' },
    track: { userId: 'u', event: 'E' },
    page: { userId: 'u' },
    screen: { userId: 'u' },
    group: { userId: 'u', groupId: 'g' },
    alias: { userId: 'u', previousId: 'p' },
  };

  test.each(Object.entries(bodies))('%s by its name, its letter, and with a slash at the end', async (type, body) => {
    for (const path of [type, type.slice(0, 1), `${type}/`]) {
      const answer = await api.post(`/v1/${path}`, { ...body, type: 'other' });
      expect([answer.status, answer.json]).toEqual([200, { success: true }]);
    }
    expect(stored().map((message) => message.type)).toEqual([type, type, type]);
  });

  test.each(['batch', 'import', 'b'])('%s takes many messages of all types', async (path) => {
    const batch = Object.entries(bodies).map(([type, body]) => ({ type, ...body }));
    expect((await api.post(`/v1/${path}`, { batch })).status).toBe(200);
    expect(stored().map((message) => message.type)).toEqual(Object.keys(bodies));
    expect(api.inlet.taken).toHaveLength(1);
    expect(api.discards.notes).toEqual([]);
  });

  test('m takes anything and keeps nothing', async () => {
    const answer = await api.post('/v1/m', '<series/>', { 'content-type': 'text/xml', ...none });
    expect([answer.status, answer.json]).toEqual([200, { success: true }]);
    expect([api.inlet.taken, api.discards.notes]).toEqual([[], []]);
  });

  test.each(['/v1/nothing', '/v1/', '/v1/batch/more'])('%s is unknown: 404', async (path) => {
    const answer = await api.post(path, {});
    expect(answer.status).toBe(404);
    expect(answer.json).toEqual({ success: false, error: 'invalid_request', message: expect.any(String) });
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    const headers = { origin: 'https://shop.example', 'access-control-request-method': 'POST' };
    const preflight = await api.app.inject({ method: 'OPTIONS', url: path, headers });
    expect([preflight.statusCode, preflight.headers.allow, preflight.json()]).toEqual([404, undefined, answer.json]);
  });

  test.each([
    ['GET', '/v1/batch', 'OPTIONS, POST'],
    ['PUT', '/v1/t', 'OPTIONS, POST'],
    ['HEAD', '/v1/pixel/track', 'GET, OPTIONS'],
    ['POST', '/v1/pixel/track', 'GET, OPTIONS'],
  ] as const)('%s %s is 405 and says what is allowed', async (method, url, allow) => {
    const answer = await api.app.inject({ method, url });
    expect([answer.statusCode, answer.headers.allow]).toEqual([405, allow]);
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    if (method !== 'HEAD') expect(answer.json()).toMatchObject({ success: false, error: 'invalid_request' });
  });
});

describe('CORS', () => {
  test.each(['/v1/batch', '/v1/t', '/v1/t/', '/v1/m', '/v1/pixel/track'])('a preflight of %s', async (url) => {
    const headers = { origin: 'https://shop.example', 'access-control-request-method': 'POST' };
    const answer = await api.app.inject({ method: 'OPTIONS', url, headers });
    expect([answer.statusCode, answer.body]).toEqual([204, '']);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'POST, GET, OPTIONS',
      'access-control-allow-headers': 'Authorization, Content-Type, X-Retry-Count',
      'access-control-max-age': '86400',
    });
  });

  test('is on errors too, and not on the Profile API', async () => {
    expect((await api.post('/v1/t', 'no json')).headers['access-control-allow-origin']).toBe('*');
    for (const url of ['/v1/spaces/main/collections/users/profiles', '/v1/namespaces/x', '/v1/spaces', '/healthz']) {
      for (const method of ['GET', 'OPTIONS', 'POST'] as const) {
        const answer = await api.app.inject({ method, url });
        expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
        if (answer.statusCode >= 400) expect(answer.json().error.code).toEqual(expect.any(String));
      }
    }
  });
});

describe('the write key', () => {
  test.each<[string, Record<string, string>, JsonObject]>([
    ['Basic', basicKey(writeKey), {}],
    ['Basic without a colon', { authorization: `Basic ${Buffer.from(writeKey).toString('base64')}` }, {}],
    ['Basic with a password', { authorization: `basic ${Buffer.from(`${writeKey}:x`).toString('base64')}` }, {}],
    ['the body', none, { writeKey }],
    ['Basic before the body', basicKey(writeKey), { writeKey: 'wk_other' }],
    ['the body when Basic is empty', basicKey(''), { writeKey }],
    ['the body beside a bearer token', { authorization: 'Bearer abc' }, { writeKey }],
    ['the body beside a broken header', { authorization: 'Basic %%%' }, { writeKey }],
  ])('%s', async (_, headers, fields) => {
    expect((await api.post('/v1/track', { ...track(), ...fields }, headers)).status).toBe(200);
    expect(stored()).toHaveLength(1);
    expect(Object.keys(first())).not.toContain('writeKey');
    expect(api.inlet.messages()[0]?.text).not.toContain(writeKey);
  });

  test('of the root of a batch comes before that of its first message', async () => {
    const batch = [track({ writeKey: 'wk_nobody' })];
    await api.post('/v1/batch', { batch, writeKey }, none);
    expect(stored()).toHaveLength(1);
    await api.post('/v1/batch', { batch: [track({ writeKey }), track()] }, none);
    expect(stored()).toHaveLength(3);
    expect(stored().some((message) => 'writeKey' in message)).toBe(false);
  });

  test.each<[string, JsonObject]>([
    ['none', {}],
    ['an empty one', { writeKey: '' }],
    ['one that is no text', { writeKey: 12 }],
  ])('%s is 400', async (_, fields) => {
    const answer = await api.post('/v1/track', { ...track(), ...fields }, none);
    expect([answer.status, answer.json.error]).toEqual([400, 'missing_write_key']);
    const batch = await api.post('/v1/batch', { batch: [], ...fields }, none);
    expect([batch.status, batch.json.error]).toEqual([400, 'missing_write_key']);
  });

  test.each(['wk_nobody', 'ключ', 'with\0nul', 'x'.repeat(5_000)])(
    'an unknown one is success, and noted',
    async (key) => {
      const answer = await api.post('/v1/batch', { writeKey: key, batch: [track(), track()] }, none);
      expect([answer.status, answer.json]).toEqual([200, { success: true }]);
      expect(api.inlet.taken).toEqual([]);
      expect(api.discards.notes).toEqual([{ streamId: '', code: 'unknown_source', messageId: null, count: 2 }]);
    },
  );

  test('an unknown one is 401 when that is wished', async () => {
    await using strict = await buildTracking({ rejectUnknownWriteKey: true });
    const answer = await strict.post('/v1/track', track(), basicKey('wk_nobody'));
    expect([answer.status, answer.json.error]).toEqual([401, 'unauthorized']);
    expect(strict.discards.codes).toEqual(['unknown_source']);
  });

  test('of a disabled stream is success, and noted', async () => {
    const answer = await api.post('/v1/batch', { batch: [track(), track()] }, basicKey('wk_off'));
    expect([answer.status, api.inlet.taken]).toEqual([200, []]);
    expect(api.discards.notes).toEqual([{ streamId: 'evs_off', code: 'source_disabled', messageId: null, count: 2 }]);
  });

  test('is looked up once a second', async () => {
    let asked = 0;
    await using counting = await buildTracking({
      findStream: async () => {
        asked += 1;
        return site;
      },
    });
    for (const at of [0, 500, 999, 1000, 1999, 2000]) {
      counting.clock.at = new Date(receivedAt.getTime() + at);
      await counting.post('/v1/track', track());
    }
    expect(asked).toBe(3);
  });
});

describe('access tokens, when somebody checks them', () => {
  const oauth: TrackingTestDeps['oauth'] = async (stream, token) => {
    if (stream.id !== 'evs_web') return 'allowed';
    return token === 'good' ? 'allowed' : token === 'narrow' ? 'scope missing' : 'token invalid';
  };

  test.each([
    ['Bearer good', 'wk_web', 200, undefined],
    ['Bearer bad', 'wk_web', 401, 'unauthorized'],
    ['Bearer narrow', 'wk_web', 403, 'forbidden'],
    ['', 'wk_web', 401, 'unauthorized'],
    ['', 'wk_site', 200, undefined],
  ])('%s for %s: %i', async (authorization, key, status, error) => {
    await using checked = await buildTracking({ oauth });
    const answer = await checked.post('/v1/track', { ...track(), writeKey: key }, { authorization });
    expect([answer.status, answer.json.error]).toEqual([status, error]);
    expect(checked.inlet.taken).toHaveLength(status === 200 ? 1 : 0);
  });
});

test('where nobody checks tokens, a stream that asks for one takes nothing', async () => {
  for (const authorization of ['', 'Bearer good']) {
    const answer = await api.post('/v1/track', { ...track(), writeKey: 'wk_guarded' }, { authorization });
    expect([answer.status, answer.json.error]).toEqual([401, 'unauthorized']);
  }
  expect(api.inlet.taken).toEqual([]);
});

describe('bad requests', () => {
  test.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['half an object', '{"userId":"u"'],
    ['an array', '[]'],
    ['null', 'null'],
    ['a text', '"track"'],
    ['NaN', '{"userId":"u","event":"E","properties":{"n":NaN}}'],
    ['bytes that are not UTF-8', Buffer.from('{"userId":"\xff","event":"E"}', 'latin1')],
    ['half a character', Buffer.concat([Buffer.from('{"userId":"'), Buffer.from([0xe2, 0x82]), Buffer.from('"}')])],
  ])('%s is invalid_json', async (_, body) => {
    for (const path of ['/v1/track', '/v1/batch']) {
      const answer = await api.post(path, body);
      expect([answer.status, answer.json.error, answer.json.success]).toEqual([400, 'invalid_json', false]);
    }
    expect(api.inlet.taken).toEqual([]);
  });

  test.each<[JsonObject]>([[{}], [{ batch: null }], [{ batch: {} }], [{ batch: 'x' }]])(
    'the batch %j is invalid_request',
    async (body) => {
      const answer = await api.post('/v1/batch', body);
      expect([answer.status, answer.json.error]).toEqual([400, 'invalid_request']);
    },
  );

  test.each(['text/xml', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonp'])(
    'the content type %s is not supported',
    async (type) => {
      const answer = await api.post('/v1/track', track(), { 'content-type': type });
      expect([answer.status, answer.json.error]).toEqual([400, 'unsupported_content_type']);
    },
  );

  test('a content type that is none is not supported either', async () => {
    const answer = await api.post('/v1/track', track(), { 'content-type': 'json' });
    expect([answer.status, answer.json.error]).toEqual([400, 'unsupported_content_type']);
    expect(answer.headers['access-control-allow-origin']).toBe('*');
  });

  test.each(['application/json; charset=utf-8', 'APPLICATION/JSON', 'text/plain;charset=UTF-8', 'text/plain'])(
    'the content type %s is read as JSON',
    async (type) => {
      expect((await api.post('/v1/t', track(), { 'content-type': type })).status).toBe(200);
      expect(first().type).toBe('track');
    },
  );

  test('so is a body without one', async () => {
    const headers = basicKey(writeKey);
    const payload = Buffer.from(JSON.stringify(track()));
    const answer = await api.app.inject({ method: 'POST', url: '/v1/t', headers, payload });
    expect([answer.statusCode, stored().length]).toEqual([200, 1]);
  });
});

describe('sizes', () => {
  test('a message of 32,768 bytes is taken, one of a byte more is not', async () => {
    expect((await api.post('/v1/track', trackOfSize(32_768))).status).toBe(200);
    const answer = await api.post('/v1/track', trackOfSize(32_769));
    expect([answer.status, answer.json]).toEqual([
      400,
      { success: false, error: 'exceed_payload_limit', message: 'Exceed payload limit' },
    ]);
    expect(stored()).toHaveLength(1);
  });

  test('a batch of 512,000 bytes is taken, one of a byte more is not', async () => {
    const whole = (bytes: number) => {
      const body = JSON.stringify({ batch: [track()] });
      return body + ' '.repeat(bytes - body.length);
    };
    expect((await api.post('/v1/batch', whole(512_000))).status).toBe(200);
    const answer = await api.post('/v1/batch', whole(512_001));
    expect([answer.status, answer.json.error, stored().length]).toEqual([400, 'exceed_payload_limit', 1]);
  });

  test('a message of a batch may have 32,768 bytes; a larger one is left out alone', async () => {
    const sizes = [32_768, 32_769, 40_000];
    const batch = sizes.map((size, index) => JSON.parse(trackOfSize(size, { messageId: `m-${index}` })));
    expect((await api.post('/v1/batch', { batch: [...batch, track()] })).status).toBe(200);
    expect(stored().map((message) => message.messageId)).toEqual(['m-0', expect.stringMatching(/^api-/)]);
    expect(api.discards.notes.slice(0, 2)).toEqual([
      { streamId: 'evs_site', code: 'payload_too_large', messageId: 'm-1', count: 1 },
      { streamId: 'evs_site', code: 'payload_too_large', messageId: 'm-2', count: 1 },
    ]);
  });

  test('bytes are counted, not characters', async () => {
    const message = (count: number) => track({ properties: { text: '€'.repeat(count) } });
    await api.post('/v1/batch', { batch: [message(10_000), message(10_950)] });
    expect([stored().length, api.discards.codes]).toEqual([1, ['payload_too_large', 'multi_user_error']]);
  });

  test('one that is too large refuses the batch when that is wished', async () => {
    await using strict = await buildTracking({ strictItemSize: true });
    const answer = await strict.post('/v1/batch', { batch: [track(), JSON.parse(trackOfSize(32_769))] });
    expect([answer.status, answer.json.error]).toEqual([400, 'exceed_payload_limit']);
    expect([strict.inlet.taken, strict.discards.notes]).toEqual([[], []]);
  });

  test('a large context of the root counts for each message, and all together are bounded', async () => {
    const context = { text: 'x'.repeat(33_000) };
    await api.post('/v1/batch', { context, batch: [track()] });
    expect(api.discards.codes).toEqual(['payload_too_large', 'empty_batch_result']);
    const batch = Array.from({ length: 2_400 }, () => track());
    const answer = await api.post('/v1/batch', { context: { text: 'x'.repeat(30_000) }, batch });
    expect([answer.status, answer.json.error, api.inlet.taken]).toEqual([400, 'exceed_payload_limit', []]);
  });

  test('of 2,600 messages the first 2,500 are taken', async () => {
    const batch = Array.from({ length: 2_600 }, (_, i) => track({ messageId: `m-${i}` }));
    expect((await api.post('/v1/batch', { batch })).status).toBe(200);
    expect(stored().map((message) => message.messageId)).toEqual(Array.from({ length: 2_500 }, (_, i) => `m-${i}`));
    expect(api.discards.notes).toEqual([
      { streamId: 'evs_site', code: 'batch_count_exceeded', messageId: null, count: 100 },
    ]);
  });
});

describe('what a space is given', () => {
  test('the message with what the server adds, and as text', async () => {
    const body = {
      type: 'track',
      userId: 'u-1',
      event: 'Trial Started',
      messageId: 'imp-2',
      timestamp: '2025-11-20T09:15:02.500+00:00',
      sentAt: '2025-11-20T09:15:04.000Z',
      receivedAt: 'never',
      version: 1,
      channel: 'server',
      unknown: { kept: true },
      _metadata: { nodeVersion: '20.1.0' },
    };
    await api.post('/v1/track', { ...body, writeKey });
    const expected = {
      ...body,
      context: {},
      integrations: {},
      timestamp: '2025-11-20T09:15:03.500Z',
      originalTimestamp: '2025-11-20T09:15:02.500+00:00',
      receivedAt: '2025-11-20T09:15:05.000Z',
      version: 2,
    };
    const [incoming] = api.inlet.messages();
    expect(incoming).toMatchObject({ receivedAt, sourceId: 'evs_site', onceKey: 'imp-2' });
    expect(incoming?.message).toEqual(expected);
    expect(JSON.parse(incoming?.text ?? '')).toEqual(expected);
    expect(incoming?.text).toBe(JSON.stringify(incoming?.message));
    expect(api.inlet.taken[0]?.bytes).toBeGreaterThan(300);
  });

  test.each<[Json | undefined, unknown]>([
    [undefined, expect.stringMatching(/^api-[0-9A-Za-z]{27}$/)],
    [null, expect.stringMatching(/^api-[0-9A-Za-z]{27}$/)],
    ['', expect.stringMatching(/^api-[0-9A-Za-z]{27}$/)],
    [{}, expect.stringMatching(/^api-[0-9A-Za-z]{27}$/)],
    [17, '17'],
    ['node-next-1', 'node-next-1'],
  ])('the message id %j', async (messageId, expected) => {
    await api.post('/v1/batch', { batch: [track(messageId === undefined ? {} : { messageId }), track()] });
    const ids = api.inlet.messages().map(({ message, onceKey }) => [message.messageId, onceKey]);
    expect(ids[0]?.[0]).toEqual(expected);
    expect(ids[0]?.[1]).toBe(ids[0]?.[0]);
    expect(ids[1]?.[0]).not.toBe(ids[0]?.[0]);
  });

  test('a client whose clock is right: sent 19 ms after the event, received 268 ms after it, is 249 ms after it', async () => {
    api.clock.at = new Date('2025-11-20T09:15:04.452Z');
    await api.post('/v1/track', track({ timestamp: '2025-11-20T09:15:04.184Z', sentAt: '2025-11-20T09:15:04.203Z' }));
    expect(first().timestamp).toBe('2025-11-20T09:15:04.433Z');
  });

  test('to every space of the stream, and success only when all have it', async () => {
    await api.post('/v1/track', track({ messageId: 'm-1' }), basicKey('wk_both'));
    for (const space of ['spa_main', 'spa_other']) {
      expect(api.inlet.messages(space).map(({ message }) => message.messageId)).toEqual(['m-1']);
    }
    api.inlet.fullSpace = 'spa_other';
    const answer = await api.post('/v1/track', track({ messageId: 'm-2' }), basicKey('wk_both'));
    expect(answer.status).toBe(429);
  });

  test('the order of a batch is kept', async () => {
    const batch = Array.from({ length: 500 }, (_, i) => track({ messageId: `m-${i}` }));
    await api.post('/v1/batch', { batch });
    expect(stored().map((message) => message.messageId)).toEqual(batch.map((message) => message.messageId));
  });

  test('the answer waits until the messages are durable', async () => {
    api.inlet.mode = 'hold';
    let answered = false;
    const answer = api.post('/v1/track', track()).then((value) => {
      answered = true;
      return value;
    });
    while (api.inlet.holding === 0) await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    api.inlet.release();
    expect((await answer).status).toBe(200);
  });
});

describe('the address of the sender', () => {
  const send = async (key: string, context: Json | undefined, ip: string) => {
    const headers = { 'content-type': 'application/json', ...basicKey(key) };
    const payload = JSON.stringify(track(context === undefined ? {} : { context }));
    await api.app.inject({ method: 'POST', url: '/v1/track', headers, payload, remoteAddress: ip });
    return stored().at(-1)?.context;
  };

  test.each<[string, string, Json | undefined, string, Json]>([
    ['a server', 'wk_site', undefined, '203.0.113.9', {}],
    ['a browser', 'wk_web', undefined, '203.0.113.9', { ip: '203.0.113.9' }],
    ['a browser over IPv6', 'wk_web', {}, '2001:db8::7', { ip: '2001:db8::7' }],
    ['a browser, IPv4 within IPv6', 'wk_web', { ip: null }, '::ffff:203.0.113.9', { ip: '203.0.113.9' }],
    ['a browser that says it', 'wk_web', { ip: '198.51.100.1' }, '203.0.113.9', { ip: '198.51.100.1' }],
    [
      'a server that stands for nobody',
      'wk_site',
      { direct: true },
      '203.0.113.9',
      { direct: true, ip: '203.0.113.9' },
    ],
    ['a server, direct as text', 'wk_site', { direct: 'true' }, '203.0.113.9', { direct: 'true' }],
    ['a context that is none', 'wk_web', 'x', '203.0.113.9', { ip: '203.0.113.9' }],
  ])('%s', async (_, key, context, ip, expected) => {
    expect(await send(key, context, ip)).toEqual(expected);
  });
});

describe('what a batch says for all its messages', () => {
  test('is merged into each; what a message says wins', async () => {
    await api.post('/v1/batch', {
      sentAt: '2025-11-20T09:15:04.000Z',
      context: { library: { name: 'acme', version: '1' }, tags: ['a', 'b'], locale: 'fr-FR' },
      integrations: { All: true, Mail: { list: 1, other: 2 } },
      batch: [
        track({ messageId: 'plain' }),
        track({
          messageId: 'own',
          sentAt: '2025-11-20T09:15:03.000Z',
          context: { library: { version: '2', extra: {} }, tags: ['c'], locale: null, ip: '203.0.113.9' },
          integrations: { Mail: { list: 3 }, All: false },
        }),
        track({ messageId: 'nulls', sentAt: null, context: null, integrations: null }),
      ],
    });
    const parts = stored().map(({ context, integrations, sentAt }) => ({ context, integrations, sentAt }));
    expect(parts).toEqual([
      {
        context: { library: { name: 'acme', version: '1' }, tags: ['a', 'b'], locale: 'fr-FR' },
        integrations: { All: true, Mail: { list: 1, other: 2 } },
        sentAt: '2025-11-20T09:15:04.000Z',
      },
      {
        context: {
          library: { name: 'acme', version: '2', extra: {} },
          tags: ['c'],
          locale: null,
          ip: '203.0.113.9',
        },
        integrations: { All: false, Mail: { list: 3 } },
        sentAt: '2025-11-20T09:15:03.000Z',
      },
      {
        context: { library: { name: 'acme', version: '1' }, tags: ['a', 'b'], locale: 'fr-FR' },
        integrations: { All: true, Mail: { list: 1, other: 2 } },
        sentAt: null,
      },
    ]);
  });

  test('other fields of the root stay out of the messages', async () => {
    await api.post('/v1/batch', { userId: 'root', other: 1, batch: [track()] });
    expect(first()).toMatchObject({ userId: 'u-1' });
    expect(Object.keys(first())).not.toContain('other');
  });

  test('the address of the connection goes into one message and not into what all share', async () => {
    const context = { app: { name: 'a' } };
    await api.post('/v1/batch', { context, batch: [track(), track({ context: { ip: '::1' } })] }, basicKey('wk_web'));
    expect(stored().map((message) => message.context)).toEqual([
      { ...context, ip: '127.0.0.1' },
      { ...context, ip: '::1' },
    ]);
  });

  test('keys like __proto__ and constructor are keys like others', async () => {
    const root = '{"__proto__":{"polluted":1,"a":{"b":1}},"constructor":{"prototype":{"polluted":1}},"toString":1}';
    const own = '{"__proto__":{"a":{"c":2}},"constructor":{"x":1},"hasOwnProperty":{}}';
    const bare = '{"__proto__":{"only":1}}';
    const item = (context: string) =>
      `{"type":"track","userId":"u","event":"E","__proto__":{"userId":"p"},"properties":{"__proto__":null},"context":${context}}`;
    await api.post('/v1/batch', `{"context":${root},"batch":[${item(own)},${item(bare)},${item('{}')}]}`);
    const texts = api.inlet.messages().map(({ text }) => JSON.stringify(JSON.parse(text ?? '').context));
    expect(texts).toEqual([
      '{"__proto__":{"polluted":1,"a":{"b":1,"c":2}},"constructor":{"prototype":{"polluted":1},"x":1},"toString":1,"hasOwnProperty":{}}',
      '{"__proto__":{"polluted":1,"a":{"b":1},"only":1},"constructor":{"prototype":{"polluted":1}},"toString":1}',
      root,
    ]);
    for (const { message, text } of api.inlet.messages()) {
      expect(text).toContain('"__proto__":{"userId":"p"}');
      expect(text).toContain('"properties":{"__proto__":null}');
      expect(message.userId).toBe('u');
      expect(Object.getPrototypeOf(message)).toBe(Object.prototype);
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('without a counterpart in the root, __proto__ of a message is not mistaken for an inherited one', async () => {
    await api.post(
      '/v1/batch',
      '{"context":{"a":1},"batch":[{"type":"track","userId":"u","event":"E","context":{"__proto__":{"x":1}}}]}',
    );
    expect(api.inlet.messages()[0]?.text).toContain('"context":{"a":1,"__proto__":{"x":1}}');
  });

  test('of a key that comes twice the last counts', async () => {
    await api.post(
      '/v1/batch',
      '{"batch":[],"batch":[{"type":"page","type":"track","userId":"u","event":"A","event":"B"}]}',
    );
    expect(first()).toMatchObject({ type: 'track', event: 'B' });
  });

  test('action is an old name of type', async () => {
    await api.post('/v1/import', { batch: [{ action: 'track', userId: 'u', event: 'E' }] });
    expect(first()).toMatchObject({ type: 'track', event: 'E' });
  });
});

describe('bursts and failures', () => {
  const waits = (headers: Readonly<Record<string, unknown>>) => [
    Number(headers['retry-after']),
    Number(headers['x-ratelimit-reset']),
  ];

  test('a full inlet is 429 with both headers, and nothing is noted', async () => {
    api.inlet.mode = 'full';
    const answer = await api.post('/v1/batch', { batch: [track(), {}] });
    expect([answer.status, answer.json.error]).toEqual([429, 'rate_limited']);
    for (const seconds of waits(answer.headers)) expect(seconds).toBeGreaterThanOrEqual(1);
    expect(answer.headers['access-control-expose-headers']).toBe('Retry-After, X-RateLimit-Reset');
    expect(api.discards.notes).toEqual([]);
    api.inlet.mode = 'take';
    expect((await api.post('/v1/batch', { batch: [track(), {}] })).status).toBe(200);
    expect(api.discards.codes).toEqual(['invalid_type', 'multi_user_error']);
  });

  test('a failing inlet or look-up is 503, and the log has no contents', async () => {
    const lines: string[] = [];
    const { createLog } = await import('../../base/log.ts');
    const log = createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } });
    const findStream = async (key: string) => {
      if (key === 'wk_broken') throw new Error('the database is away');
      return streams.find((stream) => stream.writeKey === key) ?? null;
    };
    await using broken = await buildTracking({ log, findStream });
    broken.inlet.mode = 'fail';
    for (const key of ['wk_site', 'wk_broken']) {
      const answer = await broken.post('/v1/track', track({ userId: 'canary' }), basicKey(key));
      expect([answer.status, answer.json.error]).toEqual([503, 'unavailable']);
    }
    expect(lines).toHaveLength(2);
    expect(lines.join('')).not.toMatch(/canary|wk_/);
    expect(lines.join('')).toContain('requestId');
  });

  test('past the rate requests wait in order; past those who may wait they are told to come again', async () => {
    await using limited = await buildTracking({ requestsPerSecond: 20 });
    const answers = await Promise.all(
      Array.from({ length: 65 }, (_, i) => limited.post('/v1/track', track({ messageId: `m-${i}` }))),
    );
    const statuses = answers.map(({ status }) => status);
    // A second's worth at once, two more that wait, and one that is just in time.
    expect(statuses.filter((status) => status === 200)).toHaveLength(61);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(4);
    for (const { headers, json } of refused) {
      expect(json.error).toBe('rate_limited');
      for (const seconds of waits(headers)) expect(Number.isInteger(seconds) && seconds >= 1).toBe(true);
    }
    // Nothing that was told to be a success is missing, nothing else is there.
    const taken = limited.inlet.messages().map(({ message }) => message.messageId);
    expect([...taken].sort()).toEqual(answers.flatMap(({ status }, i) => (status === 200 ? [`m-${i}`] : [])).sort());
  });
});
