/** Limits of requests, and the API on a port of its own. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorkspaceToken } from '../../workspace/workspace.ts';
import { sendBytes } from '../profile/http-client.conformance.ts';
import { serve } from '../server.ts';
import { isRefusal } from './errors.ts';
import { type Answered, openPublicApi, type PublicServer } from './public.test-support.ts';
import { RateLimits } from './rate-limits.ts';
import { routesAsData } from './routes.ts';

let server: PublicServer;
beforeAll(async () => {
  server = await openPublicApi();
});
afterAll(() => server[Symbol.asyncDispose]());

type App = Awaited<ReturnType<PublicServer['ownApp']>>;
const get = (app: App, url: string, token = server.token.secret, remoteAddress = '192.0.2.1') =>
  app.inject({ url, headers: { authorization: `Bearer ${token}` }, remoteAddress });

const nameOf = ({ method, url }: { readonly method: string; readonly url: string }) => `${method} ${url}`;

/** Requests in a minute, of the newest generation. */
const published: Readonly<Record<string, number>> = {
  'POST /reverse-etl-syncs': 20,
  'GET /reverse-etl-models/:modelId/syncs/:syncId': 250,
  'POST /destinations/:destinationId/subscriptions': 5,
  'PATCH /destinations/:destinationId/subscriptions/:id': 5,
  'DELETE /destinations/:destinationId/subscriptions/:id': 5,
  'PUT /spaces/:spaceId/messaging-subscriptions': 60,
  'POST /invites': 60,
  'DELETE /invites': 60,
  'DELETE /users': 60,
  'POST /users/:userId/permissions': 60,
  'PUT /users/:userId/permissions': 60,
  'POST /spaces/:spaceId/audiences': 50,
  'GET /spaces/:spaceId/audiences': 60,
  'GET /spaces/:spaceId/audiences/:id': 100,
  'PATCH /spaces/:spaceId/audiences/:id': 50,
  'DELETE /spaces/:spaceId/audiences/:id': 50,
  'POST /spaces/:spaceId/audiences/previews': 5,
  'GET /spaces/:spaceId/audiences/previews/:id': 300,
  'POST /spaces/:spaceId/computed-traits': 10,
  'GET /spaces/:spaceId/computed-traits': 25,
  'GET /spaces/:spaceId/computed-traits/:id': 100,
  'PATCH /spaces/:spaceId/computed-traits/:id': 10,
  'DELETE /spaces/:spaceId/computed-traits/:id': 20,
  'GET /events/volume': 60,
  'POST /regulations': 600,
  'GET /regulations': 600,
  'POST /regulations/sources/:sourceId': 600,
  'GET /regulations/sources/:sourceId': 600,
  'POST /labels': 60,
  'DELETE /labels/:key/:value': 60,
};

describe('limits', () => {
  test('by token, sender and endpoint; the minute over, they begin anew', async () => {
    const app = await server.ownApp({ perMinute: 2, asVendor: false });
    const first = await get(app, '/');
    expect(first.headers).toMatchObject({
      'x-ratelimit-consumed': '1',
      'x-ratelimit-remaining': '1',
      'x-ratelimit-reset': 'Fri, 20 Mar 2026 12:01:00 GMT',
    });
    server.clock.pass(500);
    expect((await get(app, '/')).headers['x-ratelimit-remaining']).toBe('0');
    const refused = await get(app, '/');
    expect([refused.statusCode, refused.headers['retry-after'], refused.json()]).toEqual([
      429,
      '60',
      {
        errors: [
          {
            type: 'RequestError',
            message: 'Too many requests',
            data: { remainingPoints: 0, msBeforeNext: 59_500, consumedPoints: 3 },
          },
        ],
      },
    ]);
    expect(refused.headers['x-ratelimit-remaining']).toBeUndefined();
    const other = await createWorkspaceToken(server.db.pool, 'other');
    expect((await get(app, '/', other.secret)).statusCode).toBe(200);
    expect((await get(app, '/', undefined, '192.0.2.2')).statusCode).toBe(200);
    expect((await get(app, '/roles')).statusCode).toBe(200);
    server.clock.pass(59_500);
    expect((await get(app, '/')).headers['x-ratelimit-consumed']).toBe('1');
  });

  test('the figures are those that the vendor publishes, on these routes and no others', () => {
    const routes = routesAsData();
    expect(Object.keys(published).filter((name) => !routes.some((route) => nameOf(route) === name))).toEqual([]);
    const limited = routes.filter(({ perMinute }) => perMinute !== undefined);
    expect(Object.fromEntries(limited.map((route) => [nameOf(route), route.perMinute]))).toEqual(published);
  });

  test.each(Object.entries(published).filter(([, perMinute]) => perMinute <= 25))(
    '%s: as many as %i a minute',
    async (name, perMinute) => {
      const app = await server.ownApp({ perMinute: 60_000, asVendor: true });
      const [method = '', path = ''] = name.split(' ');
      const url = path.replace(':spaceId', server.space.id).replace(/:\w+/g, 'none');
      const headers = { authorization: `Bearer ${server.token.secret}` };
      const statuses: number[] = [];
      for (let no = 0; no <= perMinute; no++) {
        statuses.push((await app.inject({ method: method as 'GET', url, headers })).statusCode);
      }
      expect(statuses.indexOf(429)).toBe(perMinute);
    },
  );

  test('the figures of the vendor hold where they are wanted', async () => {
    const url = `/spaces/${server.space.id}/computed-traits`;
    const vendor = await server.ownApp({ perMinute: 60_000, asVendor: true });
    expect((await get(vendor, url)).headers['x-ratelimit-remaining']).toBe('24');
    expect((await get(vendor, '/roles')).headers['x-ratelimit-remaining']).toBe('59999');
    const own = await server.ownApp({ perMinute: 60_000, asVendor: false });
    expect((await get(own, url)).headers['x-ratelimit-remaining']).toBe('59999');
    const off = await server.ownApp({ perMinute: 0, asVendor: false });
    expect((await get(off, url)).headers['x-ratelimit-remaining']).toBeUndefined();
  });

  test('memory is bounded, and what was used last is remembered', () => {
    const limits = new RateLimits({ perMinute: 1, asVendor: false }, server.clock);
    const route = { method: 'GET', url: '/' } as const;
    for (let at = 0; at < 30_000; at++) limits.use(route, 'tok', randomUUID());
    expect(limits.size).toBeLessThanOrEqual(20_000);
    limits.use(route, 'tok', 'last');
    expect(isRefusal(limits.use(route, 'tok', 'last'))).toBe(true);
    server.clock.pass(60_000);
    limits.use(route, 'tok', 'new');
    expect(limits.size).toBe(1);
  });
});

describe('on a port of its own', () => {
  test('every route is at the root, over a real connection, in its own form of errors', async () => {
    await using serving = await serve(await server.ownApp(), { host: '127.0.0.1', port: 0 });
    const ask = async (path: string, init: RequestInit = {}) => {
      const headers = { authorization: `Bearer ${server.token.secret}`, ...init.headers };
      const answer = await fetch(`${serving.url}${path}`, { ...init, headers });
      return { status: answer.status, headers: answer.headers, json: (await answer.json()) as Answered['json'] };
    };
    expect((await ask('/')).json).toMatchObject({ data: { workspace: { id: 'workspace' } } });
    expect((await ask('//spaces/')).json.data.spaces).toMatchObject([{ id: server.space.id }]);
    expect((await ask(`/spaces/${server.space.id}`)).status).toBe(200);
    for (const path of ['/public-api/spaces', '/v1/batch', '/openapi.json', '/%zz']) {
      const { status, json } = await ask(path);
      expect([path, status, json.errors.length]).toEqual([path, path === '/%zz' ? 400 : 404, 1]);
    }
    const wrong = await ask('/labels', { method: 'PATCH' });
    expect([wrong.status, wrong.headers.get('allow'), wrong.json.errors[0].type]).toEqual([
      405,
      'GET, HEAD, POST',
      'method-not-allowed',
    ]);
    expect((await ask('/spaces', { headers: { authorization: '' } })).status).toBe(401);
  });

  test('what is no HTTP request is told in that form too', async () => {
    await using serving = await serve(await server.ownApp(), { host: '127.0.0.1', port: 0 });
    const long = `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`;
    for (const [bytes, status] of [['GARBAGE\r\n\r\n', 400] as const, [long, 431] as const]) {
      const answer = await sendBytes(serving.port, bytes);
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      const { errors } = JSON.parse(answer.split('\r\n\r\n')[1] ?? '');
      expect(errors).toEqual([{ type: 'bad-request', message: expect.any(String) }]);
    }
  });
});
