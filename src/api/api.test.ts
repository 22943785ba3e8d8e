import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MillraceError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import type { SpaceReader } from '../space/space.ts';
import { eventsPage } from './profile/events.ts';
import { externalIdsPage } from './profile/external-ids.ts';
import { type ApiUnderTest, basic, secret, sendBytes, startApi } from './profile/http-client.conformance.ts';
import { linksPage } from './profile/links.ts';
import { listPage } from './profile/list.ts';
import { MemorySpace } from './profile/memory-space.conformance.ts';
import { traitsPage } from './profile/traits.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const profile = '/v1/spaces/spa_test/collections/users/profiles/user_id:c-1';

let api: ApiUnderTest;
beforeAll(async () => {
  const space = new MemorySpace();
  const traits = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`k${i + 10}`, i]));
  const message = { type: 'identify', userId: 'c-1', traits, messageId: 'm-1' };
  space.send([{ message, receivedAt: new Date('2025-10-01T08:00:00Z'), sourceId: 'src' }]);
  api = await startApi({ reader: space.reader() });
});
afterAll(() => api.serving.close());

describe('every answer', () => {
  test.each([
    ['GET', `${profile}/traits`, 200],
    ['GET', `${profile}/nothing`, 404],
    ['GET', '/', 404],
    ['GET', '/nothing%zz', 400],
    ['GET', '/v1/spaces/spa_test/collections/users/profiles/user_id:%zz/traits', 400],
    ['GET', `${profile}/traits?limit=0`, 400],
    ['GET', '/v1/spaces/spa_test/collections/people/profiles', 404],
    ['POST', `${profile}/traits`, 405],
    ['OPTIONS', `${profile}/traits`, 405],
    ['OPTIONS', '/anything', 405],
    ['PROPFIND', `${profile}/traits`, 405],
    ['GET', `${profile}/external_ids/delete`, 405],
    ['POST', `${profile}/external_ids/delete`, 403],
    ['POST', `${profile}/external_ids`, 405],
    ['DELETE', '/nothing', 404],
    ['GET', '/healthz', 200],
    ['GET', '/readyz', 200],
    ['GET', '/openapi.json', 200],
  ])('%s %s: %i, JSON with a request id of its own, never CORS', async (method, path, status) => {
    const headers = { ...basic(`${secret}:`), origin: 'https://example.org', 'access-control-request-method': 'GET' };
    const [answer, again] = await Promise.all([
      api.request(path, { method, headers }),
      api.request(path, { method, headers }),
    ]);
    expect(answer.status).toBe(status);
    expect(answer.headers['request-id']).toMatch(uuid);
    expect(again.headers['request-id']).not.toBe(answer.headers['request-id']);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    if (status >= 400) {
      expect(answer.json).toEqual({ error: { code: expect.any(String), message: expect.any(String) } });
    }
  });

  test('also to what is no HTTP request', async () => {
    const garbled = await sendBytes(api.serving.port, 'GARBAGE\r\n\r\n');
    expect(garbled).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    const long = await sendBytes(api.serving.port, `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`);
    expect(long).toMatch(/^HTTP\/1\.1 431 /);
    for (const text of [garbled, long]) {
      const [head = '', body = ''] = text.split('\r\n\r\n');
      expect(/Request-Id: (.*)/.exec(head)?.[1]).toMatch(uuid);
      expect(head).toContain('Content-Type: application/json');
      expect(JSON.parse(body).error.code).toBe('invalid_request_error');
    }
  });

  test('also to an expectation nobody can meet', async () => {
    const answer = await api.request('/healthz', { headers: { expect: 'miracles' } });
    expect(answer.status).toBe(417);
    expect(answer.headers['request-id']).toMatch(uuid);
    expect(answer.json.error.code).toBe('invalid_request_error');
  });

  test('also without a Host header', async () => {
    const text = await sendBytes(api.serving.port, 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1\.1 400 [\s\S]*request-id: [0-9a-f-]{36}/i);
  });
});

describe('other methods', () => {
  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    '%s is refused with Allow, before the token',
    async (method) => {
      const headers = { 'content-type': 'text/xml' };
      const answer = await api.request(`${profile}/traits`, { method, headers, body: '<a/>' });
      expect(answer.status).toBe(405);
      expect(answer.headers.allow).toBe('GET, HEAD');
      expect(answer.json.error.code).toBe('invalid_request_error');
    },
  );

  test.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])('%s on the deletion of identifiers: POST', async (method) => {
    const answer = await api.request(`${profile}/external_ids/delete`, { method, headers: {} });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'POST']);
  });

  test('HEAD answers as GET without a body', async () => {
    const answer = await api.request(`${profile}/traits`, { method: 'HEAD' });
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect(Number(answer.headers['content-length'])).toBeGreaterThan(10);
  });
});

describe('query parameters', () => {
  test.each([
    'limit=0',
    'limit=abc',
    'limit=-1',
    'limit=1.5',
    'limit=1e3',
    'limit=',
    'limit=%201',
    'limit=1&limit=2',
    'class=custom',
    'class=',
    'verbose=1',
    'verbose=TRUE',
    'next=a&next=b',
    'include=%zz',
  ])('%s is refused, and the message names the parameter', async (query) => {
    const { status, json } = await api.request(`${profile}/traits?${query}`);
    expect([status, json.error.code]).toEqual([400, 'invalid_request_error']);
    expect(json.error.message).toContain(`\`${query.split('=')[0]}\``);
  });

  test.each([
    ['limit=001', 1],
    ['limit=99999999999999999999', 12],
    ['unknown=1', 10],
    ['next=', 10],
    ['include=', 10],
    ['&&', 10],
  ])('%s is accepted', async (query, count) => {
    const { status, json } = await api.request(`${profile}/traits?${query}`);
    expect(status).toBe(200);
    expect(Object.keys(json.traits)).toHaveLength(count);
  });
});

describe('cursor.url', () => {
  const nextUrl = async (client: ApiUnderTest, headers: Record<string, string>) =>
    (
      await client.request(`${profile}/traits?x=a%2Cb&limit=3&verbose=true`, {
        headers: { ...basic(secret), ...headers },
      })
    ).json.cursor.url;
  const forwarded = { 'x-forwarded-host': 'shop.example.org', 'x-forwarded-proto': 'https' };

  test('names the host that was asked and keeps every parameter', async () => {
    expect(await nextUrl(api, { host: 'profiles.local:81', ...forwarded })).toBe(
      `http://profiles.local:81${profile}/traits?x=a%2Cb&verbose=true&limit=3&next=k13`,
    );
  });

  test('believes a proxy only when told to', async () => {
    await using behindProxy = await startApi({ reader: new MemorySpace().reader(), trustProxy: true });
    expect((await behindProxy.request('/healthz')).status).toBe(200);
    const space = new MemorySpace();
    const message = { type: 'identify', userId: 'c-1', traits: { a: 1, b: 2, c: 3, d: 4 }, messageId: 'm' };
    space.send([{ message, receivedAt: new Date(), sourceId: 'src' }]);
    await using trusting = await startApi({ reader: space.reader(), trustProxy: ['127.0.0.1'] });
    expect(await nextUrl(trusting, forwarded)).toBe(
      `https://shop.example.org${profile}/traits?x=a%2Cb&verbose=true&limit=3&next=d`,
    );
  });
});

describe('faults of the server', () => {
  const failing = (error: Error): SpaceReader => ({
    profile: () => Promise.reject(error),
    links: () => Promise.reject(error),
    activity: () => Promise.reject(error),
    events: () => Promise.reject(error),
    subscriptions: () => Promise.reject(error),
    list: () => Promise.reject(error),
    count: () => Promise.reject(error),
  });

  test('are 500, and the log has the route and the request id but no identifier', async () => {
    let logged = '';
    const destination = new Writable({
      write(chunk, _, done) {
        logged += chunk;
        done();
      },
    });
    const log = createLog({ level: 'info', destination });
    const error = Object.assign(new Error('invalid value "canary@example.org"'), { code: '22P02', severity: 'ERROR' });
    await using broken = await startApi({ reader: failing(error), log });
    const answer = await broken.request(profile.replace('user_id:c-1', 'email:canary%40example.org/traits'));
    expect(answer.status).toBe(500);
    expect(answer.json.error).toEqual({
      code: 'internal_error',
      message: 'The server failed to answer this request.',
    });
    const entry = JSON.parse(logged);
    expect(entry).toMatchObject({
      requestId: answer.headers['request-id'],
      route: '/v1/spaces/:space/collections/:collection/profiles/:profile/traits',
    });
    expect(logged).not.toMatch(/canary|mrp_test/);
  });

  test('a bad cursor is not one of them', async () => {
    await using strict = await startApi({ reader: failing(new MillraceError('cursor_invalid', 'bad')) });
    expect((await strict.request(`${profile}/links?next=x`)).status).toBe(400);
  });
});

test('readiness is what the process says of itself', async () => {
  const reader = new MemorySpace().reader();
  await using unready = await startApi({ reader, ready: async () => false });
  expect((await unready.request('/readyz', { headers: {} })).status).toBe(503);
  expect((await unready.request('/healthz', { headers: {} })).status).toBe(200);
  await using broken = await startApi({ reader, ready: () => Promise.reject(new Error('away')) });
  expect((await broken.request('/readyz', { headers: {} })).json).toEqual({ status: 'not_ready' });
});

describe('the OpenAPI document', () => {
  const pages = {
    traits: traitsPage,
    external_ids: externalIdsPage,
    events: eventsPage,
    links: linksPage,
    '': listPage,
  };

  test.each(Object.entries(pages))('states the page sizes of %s', async (name, size) => {
    const document = (await api.request('/openapi.json', { headers: {} })).json;
    const base = '/v1/spaces/{space}/collections/{collection}/profiles';
    const operation = document.paths[name === '' ? base : `${base}/{profile}/${name}`].get;
    const limit = operation.parameters.find((parameter: { name: string }) => parameter.name === 'limit');
    expect(limit.schema).toEqual({ type: 'integer', minimum: 1, default: size.default });
    expect(limit.description).toContain(
      `Default ${size.default}; anything above ${size.maximum} counts as ${size.maximum}.`,
    );
  });

  test('describes every route with parameters, security, answers and an example', async () => {
    const document = (await api.request('/openapi.json')).json;
    expect(document.openapi).toBe('3.1.0');
    const routes = Object.entries<Record<string, unknown>>(document.paths).filter(([path]) => path.startsWith('/v1'));
    expect(routes).toHaveLength(7);
    for (const [path, operations] of routes) {
      const isDeletion = path.endsWith('/delete');
      expect(Object.keys(operations)).toEqual([isDeletion ? 'post' : 'get']);
      const { parameters, responses, security, requestBody } = Object.values(operations)[0] as {
        requestBody?: unknown;
        parameters: { name: string; in: string }[];
        responses: Record<string, { content: { 'application/json': { schema: { examples: unknown[] } } } }>;
        security: unknown;
      };
      const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => `{${name}}`);
      expect(path.match(/\{\w+\}/g)?.sort()).toEqual(inPath.sort());
      const statuses = ['200', '400', '401', '404', '405', '429', '500', ...(isDeletion ? ['403', '413'] : [])];
      expect(Object.keys(responses)).toEqual(statuses.sort());
      expect(requestBody !== undefined).toBe(isDeletion);
      for (const response of Object.values(responses)) {
        expect(response.content['application/json'].schema.examples).toHaveLength(1);
      }
      expect(security).toEqual([{ token: [] }]);
    }
  });
});
