/** Asking the Public API of a region: real requests to a server on loopback. */
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../base/json.ts';
import { type ConnectionTest, listProfileSpaces, publicApiUrlOf, testConnection } from './destination.ts';
import {
  type Answer,
  type FakePublicApi,
  json,
  openFakePublicApi,
  publicApiWith,
} from './fake-public-api.test-support.ts';

const token = 'canary-token-5f2c9e';
const inEurope = { endpoint: 'europe', segment_papi_token: token };
const noLocal = async () => {
  throw new Error('Nobody asks for the spaces of this server.');
};

const connect = (api: FakePublicApi, limits = {}, settings: JsonObject = inEurope) =>
  testConnection(settings, { publicApiUrls: { europe: api.url }, limits });
const spaces = (api: FakePublicApi, more: { mostPages?: number; limits?: { bodyBytes?: number } } = {}) =>
  listProfileSpaces(inEurope, { publicApiUrls: { europe: api.url }, localSpaces: noLocal, ...more });

const answers = (status: number, body: unknown): Answer => {
  return (_, response) => json(response, status, body);
};
const errors = (message: string) => ({ errors: [{ type: 'x', message }] });

describe('the test of a connection', () => {
  test('a token that is taken', async () => {
    await using api = await openFakePublicApi(publicApiWith([]));
    expect(await connect(api)).toEqual({ ok: true, workspace: 'Acme' });
    expect(api.asked[0]).toEqual({ path: '/', query: {}, authorization: `Bearer ${token}` });
  });

  test('a token that is taken and may not see write keys, or no sources', async () => {
    await using keyless = await openFakePublicApi(publicApiWith([{ name: 'a', writeKeys: [] }, { name: 'b' }]));
    expect(await connect(keyless)).toEqual({
      ...{ ok: false, code: 'permission_missing' },
      reason: expect.stringMatching(/no Source Admin permission: it sees 2 profile spaces/),
    });
    await using closed = await openFakePublicApi(({ path }, response) =>
      path === '/' ? json(response, 200, { data: {} }) : json(response, 401, errors('not allowed')),
    );
    expect(await connect(closed)).toMatchObject({
      ...{ ok: false, code: 'permission_missing' },
      reason: expect.stringContaining('may not list sources'),
    });
    await using some = await openFakePublicApi(publicApiWith([{ name: 'a' }, { name: 'b', writeKeys: ['k'] }]));
    expect(await connect(some)).toEqual({ ok: true, workspace: 'Acme' });
  });

  test('a base URL with a path keeps it', async () => {
    await using api = await openFakePublicApi(answers(200, { data: {} }));
    const settings = {
      ...inEurope,
      endpoint: 'custom',
      tracking_url: 'http://x.test',
      public_api_url: `${api.url}/papi/`,
    };
    expect(await testConnection(settings)).toEqual({ ok: true, workspace: null });
    expect(api.asked[0]?.path).toBe('/papi/');
  });

  test('the three failures are told apart', async () => {
    await using unauthorized = await openFakePublicApi(answers(401, errors('Unauthorized')));
    await using forbidden = await openFakePublicApi(answers(403, errors('Forbidden')));
    const gone = await openFakePublicApi(answers(200, {}));
    await gone[Symbol.asyncDispose]();
    const found = [await connect(unauthorized), await connect(forbidden), await connect(gone)];
    expect(found).toEqual([
      { ok: false, code: 'token_invalid', reason: expect.stringContaining('The token is not valid.') },
      { ok: false, code: 'permission_missing', reason: expect.stringContaining('no Source Admin permission') },
      { ok: false, code: 'network_failed', reason: `Nothing answers at ${new URL(gone.url).host}.` },
    ]);
  });

  test.each<[string, Answer, Partial<ConnectionTest>]>([
    [
      'a fault of the server',
      answers(500, errors('Oops')),
      { code: 'answer_unexpected', reason: expect.stringMatching(/status 500\. .*Oops/) },
    ],
    [
      'a page',
      (_, response) => response.end('<html>'),
      { code: 'answer_unexpected', reason: expect.stringContaining('not a JSON object') },
    ],
    [
      'a broken answer',
      (_, response) => response.writeHead(200, { 'content-length': '50' }).write('{', () => response.destroy()),
      { code: 'network_failed' },
    ],
    ['a connection that breaks', (_, __, request) => request.socket.destroy(), { code: 'network_failed' }],
    [
      'no answer',
      () => undefined,
      { code: 'network_failed', reason: expect.stringContaining('did not answer in time') },
    ],
    [
      'an answer that never ends',
      (_, response) => drip(response),
      { code: 'network_failed', reason: expect.stringContaining('in time') },
    ],
  ])('%s', async (_, answer, expected) => {
    await using api = await openFakePublicApi(answer);
    expect(await connect(api, { timeoutMs: 300 })).toMatchObject({ ok: false, ...expected });
  });

  test('a redirect is not followed: the token goes nowhere else', async () => {
    await using elsewhere = await openFakePublicApi(publicApiWith([]));
    await using api = await openFakePublicApi((_, response) =>
      response.writeHead(302, { location: elsewhere.url }).end(),
    );
    expect(await connect(api)).toMatchObject({ code: 'answer_unexpected', reason: expect.stringContaining('302') });
    expect(elsewhere.asked).toEqual([]);
  });

  test('an answer that repeats the token is not repeated', async () => {
    await using api = await openFakePublicApi(({ authorization }, response) =>
      json(response, 403, errors(`you sent\n${authorization}, ${'x'.repeat(5000)}`)),
    );
    const tested = await connect(api);
    expect(JSON.stringify(tested)).not.toContain(token);
    expect(tested).toMatchObject({ reason: expect.stringContaining('you sent Bearer (token)') });
    expect(JSON.stringify(tested).length).toBeLessThan(600);
  });

  test.each<[string, JsonObject, string]>([
    ['no token', { endpoint: 'europe' }, 'segment_papi_token'],
    ['a token with a line break', { endpoint: 'europe', segment_papi_token: `${token}\r\nx: y` }, 'segment_papi_token'],
    ['no URL', { endpoint: 'custom', tracking_url: 'http://x.test', segment_papi_token: token }, 'public_api_url'],
    [
      'a URL with a user',
      { endpoint: 'custom', public_api_url: 'http://u:p@x.test', segment_papi_token: token },
      'public_api_url',
    ],
    ['an unknown endpoint', { endpoint: 'mars' }, 'endpoint'],
  ])('settings that do not say what to ask: %s', async (_, settings, name) => {
    await using api = await openFakePublicApi(publicApiWith([]));
    const tested = await connect(api, {}, settings);
    expect(tested).toMatchObject({ ok: false, code: 'settings_invalid', reason: expect.stringContaining(name) });
    expect(JSON.stringify(tested)).not.toContain(token);
    expect(api.asked).toEqual([]);
  });

  test('this server needs no connection, and the signal of the caller is obeyed', async () => {
    expect(await testConnection({ endpoint: 'local' })).toEqual({ ok: true, workspace: null });
    await using api = await openFakePublicApi(() => undefined);
    const stop = new AbortController();
    const asking = testConnection(inEurope, { publicApiUrls: { europe: api.url }, signal: stop.signal });
    stop.abort(new Error('stopped by the test'));
    await expect(asking).rejects.toThrow('stopped by the test');
  });
});

function drip(response: Parameters<Answer>[1]): void {
  response.writeHead(200);
  const timer = setInterval(() => response.write(' '), 20);
  response.on('close', () => clearInterval(timer));
}

describe('the choices of the field engage_space', () => {
  test('all pages, those of profile spaces that have a write key', async () => {
    const sources = Array.from({ length: 34 }, (_, index) =>
      index % 3 === 0
        ? { name: `Engage ${index}`, writeKeys: [`key-${index}`, 'second'] }
        : { slug: 'postgres', writeKeys: ['w'] },
    );
    const odd = [
      { name: 'keyless', writeKeys: [] },
      { name: 'without', writeKeys: undefined },
      { writeKeys: ['k'] },
      { name: 'number', writeKeys: [7] },
    ];
    await using api = await openFakePublicApi(publicApiWith([...sources, ...odd]));
    const found = await spaces(api);
    expect(found).toEqual({
      choices: [
        ...Array.from({ length: 12 }, (_, index) => ({ label: `Engage ${index * 3}`, value: `key-${index * 3}` })),
        { label: 'source-36', value: 'k' },
      ],
      error: null,
    });
    expect(api.asked.map(({ query }) => query)).toEqual(
      ['MA==', 'MTA=', 'MjA=', 'MzA='].map((cursor) => ({ 'pagination[count]': '10', 'pagination[cursor]': cursor })),
    );
  });

  test('a token that sees no space is told what it may lack', async () => {
    await using api = await openFakePublicApi(publicApiWith([{ slug: 'postgres', writeKeys: ['w'] }]));
    expect(await spaces(api)).toEqual({
      choices: [],
      error: { code: 'no_space', message: expect.stringContaining('Source Admin at the sources of spaces') },
    });
  });

  test('when no space shows a write key, the permission is what is missing', async () => {
    await using api = await openFakePublicApi(publicApiWith([{ name: 'a', writeKeys: [] }, { name: 'b' }]));
    expect(await spaces(api)).toEqual({
      choices: [],
      error: {
        code: 'permission_missing',
        message: expect.stringMatching(/no Source Admin permission: it sees 2 profile spaces/),
      },
    });
  });

  test("an error offers no choices and shows the API's own message, also on a later page", async () => {
    const good = publicApiWith(Array.from({ length: 11 }, (_, index) => ({ name: `${index}`, writeKeys: ['k'] })));
    await using api = await openFakePublicApi((asked, response, request) =>
      asked.query['pagination[cursor]'] === 'MA=='
        ? good(asked, response, request)
        : json(response, 429, errors('Too many requests')),
    );
    expect(await spaces(api)).toEqual({ choices: [], error: { code: '429', message: 'Too many requests' } });
    expect(api.asked).toHaveLength(2);
  });

  test('an error without a message has one of ours', async () => {
    await using api = await openFakePublicApi(answers(401, {}));
    expect(await spaces(api)).toMatchObject({
      choices: [],
      error: { code: '401', message: expect.stringContaining('not valid') },
    });
    await api[Symbol.asyncDispose]();
    expect(await spaces(api)).toMatchObject({ choices: [], error: { code: 'network_failed' } });
  });

  test.each<[string, (asked: number) => string, RegExp]>([
    ['a cursor that stands still', () => 'MA==', /circle/],
    ['cursors that go in a circle', (asked) => ['b', 'c', 'b'][asked - 1] ?? 'b', /circle/],
    ['cursors without an end', (asked) => `c${asked}`, /more than 5 pages/],
  ])('pages come to an end: %s', async (_, next, message) => {
    await using api = await openFakePublicApi((__, response) =>
      json(response, 200, { data: { sources: [], pagination: { current: 'x', next: next(api.asked.length) } } }),
    );
    expect(await spaces(api, { mostPages: 5 })).toMatchObject({
      choices: [],
      error: { code: 'answer_unexpected', message: expect.stringMatching(message) },
    });
    expect(api.asked.length).toBeLessThanOrEqual(5);
  });

  test('an answer past the bound is not read on; one of another form is told as such', async () => {
    await using large = await openFakePublicApi(answers(200, { data: { sources: [{ name: 'x'.repeat(5000) }] } }));
    expect(await spaces(large, { limits: { bodyBytes: 1000 } })).toMatchObject({
      choices: [],
      error: { code: 'answer_unexpected', message: expect.stringContaining('more than 1000 bytes') },
    });
    await using other = await openFakePublicApi(answers(200, { data: { sources: 'none' } }));
    expect(await spaces(other)).toMatchObject({
      choices: [],
      error: { message: expect.stringContaining('list of sources') },
    });
  });

  test('those of this server come from where the caller says', async () => {
    const localSpaces = async () => [{ id: 'spa_1', sourceName: 'Engage (main)', writeKey: 'k1' }];
    expect(await listProfileSpaces({ endpoint: 'local' }, { localSpaces })).toEqual({
      choices: [{ label: 'Engage (main)', value: 'k1' }],
      error: null,
    });
    const local = { endpoint: 'local' };
    expect(await listProfileSpaces(local, { localSpaces, mayConnect: () => false })).toMatchObject({
      choices: [],
      error: { code: 'permission_missing' },
    });
    expect(await listProfileSpaces(local, { localSpaces: async () => [] })).toMatchObject({
      choices: [],
      error: { code: 'no_space' },
    });
  });
});

test.each<[JsonObject, string | null]>([
  [{ endpoint: 'local' }, null],
  [{ endpoint: 'north_america' }, 'https://api.segmentapis.com'],
  [{ endpoint: 'europe' }, 'http://127.0.0.1:1'],
  [{ endpoint: 'custom', public_api_url: 'http://127.0.0.1:2/papi' }, 'http://127.0.0.1:2/papi'],
  [{ endpoint: 'custom' }, null],
])('where spaces are looked up: %j', (settings, url) => {
  expect(publicApiUrlOf(settings, { europe: 'http://127.0.0.1:1' })).toBe(url);
});
