/** What was answered with success is there: under a full inlet, a failing database, a rate limit, and after SIGKILL. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { testDatabase, testDatabaseUrl } from '../../../test/database.ts';
import { createLog } from '../../base/log.ts';
import { programIn, until } from '../../cli/cli.test-support.ts';
import type { Inlet } from '../../space/space.ts';
import { createEventStream, createSpace } from '../../workspace/workspace.ts';
import { type Answer, openTracking } from './tracking.test-support.ts';

const track = (messageId: string, more: object = {}) => ({ userId: 'u', event: 'E', messageId, ...more });

test('no answer comes before the commit; past the bound of what may wait, 429; nothing of the rest is lost', async () => {
  await using server = await openTracking({ maxWaitingBytes: 100_000 });
  await server.post('/v1/track', track('first'));
  // Somebody holds the space, so that nothing can be committed.
  const holder = await server.db.pool.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT FROM space_heads FOR UPDATE');
  const filler = 'x'.repeat(5_000);
  const answers: Answer[] = [];
  const sending = Array.from({ length: 40 }, async (_, n) => {
    const answer = await server.post('/v1/track', track(`m${n}`, { properties: { filler } }));
    answers.push(answer);
    return { n, answer };
  });
  await until(() => answers.length >= 30);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([429]));
  expect(answers[0]?.body).toMatchObject({ success: false, error: 'rate_limited' });
  expect(answers[0]?.headers.get('retry-after')).toBe('1');
  expect(answers[0]?.headers.get('x-ratelimit-reset')).toBe('1');
  expect(await server.events()).toHaveLength(1);
  await holder.query('ROLLBACK');
  holder.release();
  const accepted = (await Promise.all(sending)).filter(({ answer }) => answer.status === 200).map(({ n }) => `m${n}`);
  expect(accepted.length).toBeGreaterThan(2);
  expect(accepted.length).toBeLessThanOrEqual(10);
  expect((await server.events()).map(({ messageId }) => messageId).sort()).toEqual(['first', ...accepted].sort());
});

test('what could not be stored is 503, and the log has nothing of it', async () => {
  let logged = '';
  const destination = new Writable({
    write(chunk, _, done) {
      logged += chunk;
      done();
    },
  });
  let fails = true;
  const around = (inlet: Inlet): Inlet => ({
    take: (...given) => (fails ? Promise.reject(new Error('the disk is gone')) : inlet.take(...given)),
    [Symbol.asyncDispose]: async () => undefined,
  });
  await using server = await openTracking({ around, log: createLog({ level: 'info', destination }) });
  const message = track('canary-id', { traits: { email: 'canary@example.org' } });
  expect(await server.post('/v1/track', message)).toMatchObject({
    status: 503,
    body: { success: false, error: 'unavailable' },
  });
  expect(logged).toContain('the disk is gone');
  expect(logged).not.toContain('canary');
  expect(logged).not.toContain(server.stream.writeKey);
  fails = false;
  expect(await server.post('/v1/track', message)).toMatchObject({ status: 200 });
  expect(await server.events()).toHaveLength(1);
});

test('over the rate requests wait for their place, and too many are sent away', async () => {
  await using server = await openTracking({ requestsPerSecond: 5 });
  const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => server.post('/v1/track', track(`m${n}`))));
  const accepted = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status === 429);
  // A second's worth at once, two more that may wait.
  expect(accepted.length).toBeGreaterThanOrEqual(15);
  expect(accepted.length).toBeLessThan(25);
  expect(accepted.length + refused.length).toBe(40);
  expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(await server.events()).toHaveLength(accepted.length);
});

test('after SIGKILL in the middle every message that was answered is there, once', async () => {
  await using db = await testDatabase();
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-tracking-'));
  const start = programIn(folder, {
    DATABASE_URL: testDatabaseUrl(db),
    MILLRACE_DATA_FOLDER: path.join(folder, 'data'),
  });
  try {
    const space = await createSpace(db.pool, 'main');
    const stream = await createEventStream(db, { name: 'app', spaces: [space.id], clientSide: false });
    const authorization = `Basic ${Buffer.from(`${stream.writeKey}:`).toString('base64')}`;
    const answered = new Set<string>();
    const sent = new Set<string>();
    for (let round = 0; round < 4; round += 1) {
      const server = start(['start', '--port', '0', '--tracking-api-rate', '0', '--json']);
      await until(() => server.stdout().includes('"url"'));
      const { url } = JSON.parse(server.stdout()) as { url: string };
      let stop = false;
      const senders = Array.from({ length: 8 }, async (_, sender) => {
        for (let n = 0; !stop; n += 1) {
          const ids = Array.from({ length: 20 }, (_item, item) => `${round}-${sender}-${n}-${item}`);
          for (const id of ids) sent.add(id);
          const batch = ids.map((messageId, at) => ({
            type: at % 2 === 0 ? 'track' : 'identify',
            userId: `u${(n + at) % 50}`,
            event: 'E',
            messageId,
            traits: { [`t${sender}`]: n },
          }));
          try {
            const options = { method: 'POST', headers: { authorization }, body: JSON.stringify({ batch }) };
            const answer = await fetch(`${url}/v1/batch`, options);
            if (answer.status === 200) for (const id of ids) answered.add(id);
          } catch {
            return;
          }
        }
      });
      await until(() => answered.size > 400 * (round + 1));
      server.child.kill('SIGKILL');
      await server.ended;
      stop = true;
      await Promise.all(senders);
    }
    const { rows } = await db.pool.query<{ message_id: string }>('SELECT message_id FROM events');
    const stored = rows.map((row) => row.message_id);
    expect(new Set(stored).size).toBe(stored.length);
    const tracks = [...answered].filter((id) => Number(id.split('-')[3]) % 2 === 0);
    expect(tracks.length).toBeGreaterThan(800);
    const there = new Set(stored);
    expect(tracks.filter((id) => !there.has(id))).toEqual([]);
    expect(stored.filter((id) => !sent.has(id))).toEqual([]);
    // Whoever sends all of it again changes nothing: identifies are remembered as well.
    const seen = await db.pool.query('SELECT count(*)::int AS n FROM seen_messages');
    expect(seen.rows[0].n).toBeGreaterThanOrEqual(answered.size);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
