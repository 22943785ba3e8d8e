/** What hostile or broken senders do: clear answers, flat memory, no crash. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSpaceLog } from '../../space/space.ts';
import { openTracking, type TrackingServer } from './tracking.test-support.ts';

let server: TrackingServer;
beforeAll(async () => {
  server = await openTracking();
});
afterAll(() => server[Symbol.asyncDispose]());

const MB = 1024 * 1024;
const isAlive = async () => (await fetch(`${server.url}/healthz`)).status === 200;

test('200,000 messages with one shared value keep 200,000 people apart', async () => {
  await using own = await openTracking();
  const [people, each] = [200_000, 2_000];
  const batches = Array.from({ length: people / each }, (_, batch) => ({
    batch: Array.from({ length: each }, (_item, n) => ({
      type: 'identify',
      userId: `u${batch * each + n}`,
      traits: { email: 'kiosk@example.org' },
    })),
  }));
  const lanes = Array.from({ length: 4 }, async (_, lane) => {
    for (const body of batches.filter((_item, at) => at % 4 === lane)) {
      expect((await own.post('/v1/batch', body)).status).toBe(200);
    }
  });
  await Promise.all(lanes);
  expect(await own.reader.count(own.space.no, 'users')).toBe(people);
  const kiosk = await own.profile('users/profiles/email:kiosk@example.org/external_ids');
  expect(kiosk.body.data).toHaveLength(2);
  const metadata = await own.profile('users/profiles/email:kiosk@example.org/metadata?verbose=true');
  expect(metadata.body.metadata).toMatchObject({ merges: 0, mappings: 2 });
});

test('limits of the space, to the unit: what is dropped is in its log', async () => {
  const traits = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`t${n}`, n]));
  const answers = await Promise.all(
    [
      ['identify', { userId: 'traits-299', traits: traits(299) }],
      ['identify', { userId: 'traits-300', traits: traits(300) }],
      ['track', { userId: 'props-300', event: 'E', properties: traits(300) }],
      ['track', { userId: 'props-301', event: 'E', properties: traits(301) }],
      ['track', { userId: 'x'.repeat(500), event: 'E' }],
      ['track', { userId: 'y'.repeat(501), event: 'E' }],
      ['group', { userId: 'u', groupId: 'g'.repeat(500) }],
      ['group', { userId: 'u', groupId: 'h'.repeat(501) }],
      ['track', { userId: 'empty-group', event: 'E', context: { groupId: '' } }],
      ['track', { userId: 'old', event: 'E', timestamp: '1969-12-31T23:59:59Z' }],
    ].map(([route, body]) => server.post(`/v1/${route as string}`, body)),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  const statusOf = async (id: string) => (await server.profile(`users/profiles/user_id:${id}/traits`)).status;
  expect(await Promise.all(['traits-299', 'traits-300', 'props-300', 'props-301'].map(statusOf))).toEqual([
    200, 404, 200, 404,
  ]);
  expect(await Promise.all(['x'.repeat(500), 'y'.repeat(501), 'empty-group', 'old'].map(statusOf))).toEqual([
    200, 404, 404, 404,
  ]);
  const account = async (id: string) => (await server.profile(`accounts/profiles/group_id:${id}/traits`)).status;
  expect([await account('g'.repeat(500)), await account('h'.repeat(501))]).toEqual([200, 404]);
  const reasons = (await readSpaceLog(server.db.pool, server.space.no)).map(({ reason }) => reason);
  expect(new Set(reasons)).toEqual(
    new Set([
      'too_many_traits',
      'too_many_properties',
      'identifier_too_long',
      'no_matching_identifiers',
      'group_id_too_long',
      'group_id_missing',
      'timestamp_before_1970',
    ]),
  );
});

test('a gzip bomb is refused before it is unpacked', async () => {
  const bomb = gzipSync(Buffer.alloc(400 * MB), { level: 9 });
  expect(bomb.length).toBeLessThan(512_000);
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => server.post('/v1/batch', bomb, { 'content-encoding': 'gzip' })),
  );
  for (const answer of answers) expect(answer).toMatchObject({ status: 400, body: { error: 'exceed_payload_limit' } });
  // Twenty of them unpacked would be 8 GB.
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * MB);
});

test('deep JSON is discarded or refused, wherever it is', async () => {
  const deep = (levels: number, open: string, close: string) => open.repeat(levels) + close.repeat(levels);
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    const value = open === '[' ? deep(5_000, open, close) : `${open.repeat(4_000)}1${close.repeat(4_000)}`;
    for (const body of [
      `{"userId":"deep","event":"E","properties":{"a":${value}}}`,
      `{"userId":"deep","event":"E","context":{"traits":{"a":${value}}}}`,
      `{"userId":"deep","event":"E","integrations":{"a":${value}}}`,
    ]) {
      expect(await server.post('/v1/track', body)).toMatchObject({ status: 200 });
    }
    const many = `${open.repeat(60_000)}${open === '[' ? '' : '1'}${close.repeat(60_000)}`;
    expect([200, 400]).toContain((await server.post('/v1/batch', `{"batch":[],"context":${many}}`)).status);
    expect([200, 400]).toContain((await server.post('/v1/batch', `{"batch":[${many}]}`)).status);
    expect([200, 400]).toContain((await server.post('/v1/batch', many)).status);
  }
  expect((await server.profile('users/profiles/user_id:deep/traits')).status).toBe(404);
  // A hundred levels are nothing unusual.
  const fine = `{"userId":"fine","event":"E","properties":{"a":${deep(100, '[', ']')}}}`;
  expect((await server.post('/v1/track', fine)).status).toBe(200);
  expect((await server.profile('users/profiles/user_id:fine/traits')).status).toBe(200);
});

test('texts that databases trip over are stored as they are', async () => {
  const odd = { userId: 'odd', traits: { nul: 'a\0b', half: '\ud800', emoji: '😀', 'k\0': 1, rtl: '\u202e' } };
  expect((await server.post('/v1/identify', odd)).status).toBe(200);
  const { body } = await server.profile('users/profiles/user_id:odd/traits');
  expect(body.traits).toEqual(odd.traits);
  for (const body of [
    { userId: 'a\0b', event: 'E' },
    { userId: 'u', event: 'E\0\ud800', messageId: 'odd-event' },
    { userId: 'u', event: 'E', messageId: 'a\0' },
  ]) {
    expect((await server.post('/v1/track', body)).status).toBe(200);
  }
  expect((await server.events()).find(({ messageId }) => messageId === 'odd-event')).toMatchObject({
    event: 'E\0\ud800',
  });
});

test('whatever JSON comes, the answer is 200 or 400, and the server lives', async () => {
  const message = fc.oneof(
    { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
    {
      weight: 5,
      arbitrary: fc.record(
        {
          type: fc.constantFrom('track', 'identify', 'group', 'page', 'screen', 'alias', 7, null),
          userId: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 1 })),
          anonymousId: fc.oneof(fc.constant('a'), fc.jsonValue({ maxDepth: 1 })),
          groupId: fc.oneof(fc.constant('g'), fc.jsonValue({ maxDepth: 1 })),
          previousId: fc.jsonValue({ maxDepth: 1 }),
          event: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 1 })),
          traits: fc.jsonValue(),
          properties: fc.jsonValue(),
          context: fc.oneof(
            fc.jsonValue(),
            fc.record(
              {
                traits: fc.jsonValue(),
                externalIds: fc.jsonValue(),
                consent: fc.jsonValue(),
                messaging_subscriptions: fc.jsonValue(),
                device: fc.jsonValue(),
                groupId: fc.jsonValue(),
              },
              { requiredKeys: [] },
            ),
          ),
          integrations: fc.jsonValue(),
          timestamp: fc.oneof(fc.date({ noInvalidDate: true }).map(String), fc.jsonValue({ maxDepth: 1 })),
          sentAt: fc.jsonValue({ maxDepth: 1 }),
          messageId: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 1 })),
        },
        { requiredKeys: ['type'] },
      ),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 20 }), fc.jsonValue(), async (batch, context) => {
      expect([200, 400]).toContain((await server.post('/v1/batch', { batch, context })).status);
      expect([200, 400]).toContain((await server.post('/v1/track', batch[0] ?? null)).status);
    }),
    { numRuns: 150 },
  );
  expect(await isAlive()).toBe(true);
});

test('a body that does not come is given up, and keeps nobody waiting', async () => {
  await using own = await openTracking({ requestTimeoutMs: 1_500 });
  const { hostname, port } = new URL(own.url);
  const said = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const socket = connect(Number(port), hostname);
      const closed = once(socket, 'close');
      let answer = '';
      socket
        .on('error', () => undefined)
        .on('data', (part) => {
          answer += part;
        });
      socket.write('POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"userId"');
      expect((await own.post('/v1/track', { userId: 'u', event: 'E' })).status).toBe(200);
      await closed;
      return answer;
    }),
  );
  for (const answer of said) expect(answer).toMatch(/^HTTP\/1\.1 408 [\s\S]*did not arrive in time/);
});

test('10,000 idle connections', async () => {
  const { hostname, port } = new URL(server.url);
  const perProcess = 2_500;
  // In other processes, so that this one has one end of each only.
  const script = `
    const { connect } = require('node:net');
    let open = 0;
    for (let n = 0; n < ${perProcess}; n += 1) {
      const socket = connect(${port}, '${hostname}', () => { open += 1; if (open === ${perProcess}) process.send('open'); });
      socket.on('error', (error) => { process.send(error.code); });
    }
    process.on('message', () => process.exit());`;
  const before = process.memoryUsage().rss;
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
  );
  try {
    for (const child of children) {
      const [said] = await once(child, 'message');
      expect(said).toBe('open');
    }
    for (let n = 0; n < 20; n += 1)
      expect((await server.post('/v1/track', { userId: 'u', event: 'E' })).status).toBe(200);
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * MB);
  } finally {
    for (const child of children) child.kill();
    await Promise.all(children.map((child) => once(child, 'exit')));
  }
  expect(await isAlive()).toBe(true);
});
