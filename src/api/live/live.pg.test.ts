import http from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase, testLog } from '../../../test/database.ts';
import type { Database } from '../../db/db.ts';
import {
  type Arrival,
  createLiveFeed,
  createSpaceWriter,
  type IncomingMessage,
  type LiveFeed,
  type LiveItem,
  type SpaceWatch,
  watchSpace,
} from '../../space/space.ts';
import {
  createSpace,
  createToken,
  findSpace,
  revokeToken,
  type Space,
  verifyToken,
} from '../../workspace/workspace.ts';
import { type ApiUnderTest, basic, startApi } from '../profile/http-client.conformance.ts';
import { mostStreams } from './live.ts';

let db: Database;
let space: Space;
let tokenId: string;
let token: string;
let feed: LiveFeed;
let api: ApiUnderTest;

const noReader = undefined as never;

/** The API on the real workspace; `watch` may be replaced by one that the test drives. */
const start = (more: Partial<Parameters<typeof startApi>[0]> = {}) =>
  startApi({
    reader: noReader,
    watch: (spaceNo, onItem) => watchSpace({ db }, spaceNo, onItem),
    verifyToken: (secret) => verifyToken(db.pool, secret),
    findSpace: (name) => findSpace(db.pool, name),
    ...more,
  });

beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());

let spaces = 0;

beforeEach(async () => {
  spaces += 1;
  space = await createSpace(db.pool, `shop${spaces}`);
  ({ id: tokenId, secret: token } = await createToken(db.pool, space.id, 'test'));
  feed = createLiveFeed({ db, log: testLog('warn') });
  api = await start();
});
afterEach(async () => {
  await feed[Symbol.asyncDispose]();
  await api.serving.close();
});

async function until(question: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await question())) await new Promise((resolve) => setTimeout(resolve, 10));
}

interface Stream {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly response: http.IncomingMessage;
  /** Everything so far. */
  text(): string;
  /** The data of the events of this name so far. */
  events<T = LiveItem>(name: string): readonly T[];
  readonly ended: Promise<void>;
  leave(): void;
}

/** Opens a stream with the token of the space. `reads` false: nothing is taken from it. */
function open(to = api, { secret = token, reads = true, name = space.name } = {}): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const url = `${to.serving.url}/v1/spaces/${name}/live`;
    const request = http.get(url, { headers: basic(`${secret}:`), agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      const ended = new Promise<void>((done) => response.once('close', done));
      response.on('error', () => undefined);
      if (reads) response.on('data', (part: string) => (text += part));
      const events = <T>(event: string) =>
        text.split('\n\n').flatMap((block) => {
          const data = new RegExp(`^event: ${event}\ndata: ([^\n]*)$`).exec(block)?.[1];
          return data === undefined ? [] : [JSON.parse(data) as T];
        });
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, response, text: () => text, events, ended, leave: () => request.destroy() });
    });
    request.on('error', reject);
  });
}

const incoming = (messageId: string, more = {}): IncomingMessage => ({
  message: { type: 'track', event: 'Paid', userId: 'u1', messageId, ...more },
  receivedAt: new Date('2026-03-01T09:30:05Z'),
  sourceId: 'evs_web',
});

/** Sessions that watch some space. */
async function watchers(): Promise<number> {
  const { rowCount } = await db.pool.query(
    `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE d.datname = current_database() AND locktype = 'advisory' AND objsubid = 2`,
  );
  return rowCount ?? 0;
}

describe('a stream', () => {
  test('carries what the writer wrote, as server-sent events', async () => {
    await using writer = createSpaceWriter({ db });
    const stream = await open();
    expect([stream.status, stream.headers['content-type']]).toEqual([200, 'text/event-stream']);
    expect(stream.headers['cache-control']).toBe('no-store');
    expect(stream.headers['request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(Object.keys(stream.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    const messages = [incoming('m1', { text: 'two\nlines \u2028 日本 😀' }), incoming('m2', { userId: '' })];
    const { outcomes } = await writer.write(space, messages);
    feed.show(space.no, messages, outcomes);
    await until(() => stream.events('arrival').length === 2);
    expect(stream.events<Arrival>('arrival')).toMatchObject([
      { messageId: 'm1', outcome: 'applied', message: messages[0]?.message },
      { messageId: 'm2', outcome: 'dropped', reason: 'no_matching_identifiers' },
    ]);
    expect(stream.text()).toMatch(/^retry: \d+\n: [^\n]*\n\nevent: arrival\ndata: \{"kind":"arrival",/);
    stream.leave();
  });

  test('says how many were left out', async () => {
    const stream = await open();
    const messages = Array.from({ length: 500 }, (_, at) => incoming(`m${at}`));
    feed.show(
      space.no,
      messages,
      messages.map(() => ({ kind: 'applied', profileId: 'use_1' })),
    );
    await until(() => stream.events('skipped').length === 1);
    expect(stream.events('arrival')).toHaveLength(20);
    expect(stream.events('skipped')).toEqual([{ kind: 'skipped', count: 480 }]);
    stream.leave();
  });

  test('shares one watch with the others of its space, which ends with the last of them', async () => {
    const streams = await Promise.all([open(), open(), open()]);
    expect(await watchers()).toBe(1);
    feed.show(space.no, [incoming('m1')], [{ kind: 'applied', profileId: 'use_1' }]);
    await until(() => streams.every((stream) => stream.events('arrival').length === 1));
    streams[0]?.leave();
    streams[1]?.leave();
    feed.show(space.no, [incoming('m2')], [{ kind: 'applied', profileId: 'use_1' }]);
    await until(() => streams[2]?.events('arrival').length === 2);
    streams[2]?.leave();
    await until(async () => (await watchers()) === 0);
  });

  test('beats while nothing arrives', async () => {
    await using beating = await start({ beatMs: 20 });
    const stream = await open(beating);
    await until(() => stream.text().split('\n: still here\n').length > 3);
    stream.leave();
  });

  test('ends when its token is revoked, and says so', async () => {
    await using beating = await start({ beatMs: 20 });
    const stream = await open(beating);
    await revokeToken(db.pool, tokenId);
    await stream.ended;
    expect(stream.events('end')).toEqual([{ reason: 'token_invalid' }]);
    await until(async () => (await watchers()) === 0);
  });

  test('ends when the database is lost, and says so; the next one is served again', async () => {
    const stream = await open();
    await db.pool.query(
      `SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND locktype = 'advisory' AND objsubid = 2`,
    );
    await stream.ended;
    expect(stream.events('end')).toEqual([{ reason: 'database_lost' }]);
    const next = await open();
    expect(next.status).toBe(200);
    next.leave();
  });

  test('gives its place back, also when the reader left before it began', async () => {
    for (let round = 0; round < 3; round++) {
      const requests = Array.from({ length: mostStreams }, () => {
        const request = http.get(`${api.serving.url}/v1/spaces/${space.name}/live`, {
          headers: basic(`${token}:`),
          agent: false,
        });
        request.on('error', () => undefined);
        return request;
      });
      await new Promise((resolve) => setTimeout(resolve, round * 4));
      for (const request of requests) request.destroy();
    }
    await until(async () => (await watchers()) === 0);
    const streams = await Promise.all(Array.from({ length: mostStreams }, () => open()));
    expect(streams.map(({ status }) => status)).toEqual(streams.map(() => 200));
    for (const stream of streams) stream.leave();
  });
});

describe('refusals, in the form of the API', () => {
  test.each([
    ['a wrong token', () => open(api, { secret: 'mrp_wrong' }), 401, 'authentication_error'],
    [
      'a token of another space',
      async () => open(api, { name: (await createSpace(db.pool, `other${spaces}`)).name }),
      401,
      'authentication_error',
    ],
    ['an unknown space', () => open(api, { name: 'nothing' }), 404, 'not_found'],
  ] as const)('%s', async (_, attempt, status, code) => {
    const stream = await attempt();
    await stream.ended;
    expect(stream.status).toBe(status);
    expect(stream.headers['content-type']).toBe('application/json');
    expect(JSON.parse(stream.text()).error.code).toBe(code);
    expect(await watchers()).toBe(0);
  });

  test('no token', async () => {
    const answer = await api.request(`/v1/spaces/${space.name}/live`, { headers: {} });
    expect([answer.status, answer.json.error.code]).toEqual([401, 'authentication_error']);
  });

  test.each(['HEAD', 'POST', 'OPTIONS'])('%s', async (method) => {
    const answer = await api.request(`/v1/spaces/${space.name}/live`, { method, headers: basic(token) });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET']);
  });

  test('one stream more than there is room for; a place that is given back is taken', async () => {
    const streams = await Promise.all(Array.from({ length: mostStreams }, () => open()));
    const refused = await open();
    await refused.ended;
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '10']);
    expect(JSON.parse(refused.text()).error).toMatchObject({
      code: 'rate_limit_error',
      message: expect.stringContaining('20'),
    });
    streams.pop()?.leave();
    await until(async () => {
      const again = await open();
      if (again.status === 200) streams.push(again);
      return again.status === 200;
    });
    for (const stream of streams) stream.leave();
  });

  test('a database that cannot be reached', async () => {
    const failing = await start({ watch: () => Promise.reject(new Error('no connection')) });
    const stream = await open(failing);
    await stream.ended;
    expect([stream.status, JSON.parse(stream.text()).error.code]).toEqual([500, 'internal_error']);
    await failing.serving.close();
  });

  test('there is no route where nothing can be watched', async () => {
    const without = await start({ watch: undefined });
    expect((await without.request(`/v1/spaces/${space.name}/live`, { headers: basic(token) })).status).toBe(404);
    await without.serving.close();
  });
});

/** A watch whose items the test gives. */
function driven() {
  let give = (_: LiveItem): void => undefined;
  let closed = false;
  const watch = async (_: number, onItem: (item: LiveItem) => void): Promise<SpaceWatch> => {
    give = onItem;
    return {
      ended: new Promise(() => undefined),
      [Symbol.asyncDispose]: async () => {
        closed = true;
      },
    };
  };
  return { watch, give: (item: LiveItem) => give(item), isClosed: () => closed };
}

const arrival = (no: number): Arrival => ({
  kind: 'arrival',
  at: '2026-03-01T09:30:05.000Z',
  sourceId: 'evs_web',
  messageId: `m${no}`,
  type: 'track',
  outcome: 'applied',
  message: { filler: 'x'.repeat(7_000) },
});

/** More than the network between two processes holds (tens of megabytes), in pieces that each fit the stream. */
async function flood(give: (item: LiveItem) => void): Promise<void> {
  for (let no = 0; no < 6_000; no++) {
    give(arrival(no));
    if (no % 8 === 7) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a reader that takes nothing', () => {
  test('loses arrivals and is told how many, memory stays bounded', async () => {
    const { watch, give } = driven();
    await using slow = await start({ watch });
    const stream = await open(slow, { reads: false });
    const before = process.memoryUsage();
    const count = 100_000;
    for (let no = 0; no < count; no++) {
      give(arrival(no));
      if (no % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    give({ kind: 'skipped', count: 7 });
    const after = process.memoryUsage();
    // All of them would take 700 MB.
    expect(after.arrayBuffers + after.external + after.heapUsed).toBeLessThan(
      before.arrayBuffers + before.external + before.heapUsed + 200 * 2 ** 20,
    );
    let text = '';
    stream.response.on('data', (part: string) => (text += part));
    const told = () => {
      const skipped = [...text.matchAll(/"kind":"skipped","count":(\d+)/g)];
      return skipped.reduce((sum, [, number]) => sum + Number(number), 0);
    };
    const shown = () => text.split('event: arrival\n').length - 1;
    await until(() => told() + shown() === count + 7);
    expect(told()).toBeGreaterThan(count / 2);
    expect(shown()).toBeGreaterThan(0);
    give(arrival(count));
    await until(() => text.includes(`"messageId":"m${count}"`));
    stream.leave();
  });

  test('loses its place after a while', async () => {
    const { watch, give, isClosed } = driven();
    await using slow = await start({ watch, beatMs: 200 });
    const stream = await open(slow, { reads: false });
    await flood(give);
    await until(isClosed);
    stream.leave();
  });
});

describe('closing the server', () => {
  test('ends open streams, and says so', async () => {
    const streams = await Promise.all([open(), open()]);
    await api.serving.close();
    await Promise.all(streams.map(({ ended }) => ended));
    for (const stream of streams) expect(stream.events('end')).toEqual([{ reason: 'server_closing' }]);
    expect(await watchers()).toBe(0);
  });

  test('does not wait for a reader that takes nothing', async () => {
    const { watch, give, isClosed } = driven();
    const slow = await start({ watch });
    const stream = await open(slow, { reads: false });
    await flood(give);
    await slow.serving.close();
    expect(isClosed()).toBe(true);
    stream.leave();
  });

  test('ends a stream that is only beginning', async () => {
    let begin = (): void => undefined;
    const { watch, isClosed } = driven();
    const mayBegin = new Promise<void>((resolve) => {
      begin = resolve;
    });
    let asked = false;
    const slow = await start({
      watch: async (no, onItem) => {
        asked = true;
        await mayBegin;
        return watch(no, onItem);
      },
    });
    const opening = open(slow);
    await until(() => asked);
    const closing = slow.serving.close();
    begin();
    const stream = await opening;
    await Promise.all([closing, stream.ended]);
    expect(stream.events('end')).toEqual([{ reason: 'server_closing' }]);
    expect(isClosed()).toBe(true);
  });
});

test('the OpenAPI document describes it', async () => {
  const { paths } = (await api.request('/openapi.json')).json;
  const { get } = paths['/v1/spaces/{space}/live'];
  expect(Object.keys(get.responses)).toEqual(['200', '400', '401', '404', '405', '429', '500', '503']);
  expect(Object.keys(get.responses['200'].content)).toEqual(['text/event-stream']);
  expect(get.security).toEqual([{ token: [] }]);
  expect(get.parameters.map(({ name }: { name: string }) => name)).toEqual(['space']);
});
