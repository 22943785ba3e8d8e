import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { testDatabase, testDatabaseUrl, testLog } from '../../../test/database.ts';
import { createLog } from '../../base/log.ts';
import { connect } from '../../db/connection.ts';
import type { Database } from '../../db/db.ts';
import { defaultSpaceSettings } from '../identity/default-settings.ts';
import {
  type Arrival,
  createLiveFeed,
  createSpaceWriter,
  type IncomingMessage,
  type LiveFeed,
  type LiveItem,
  type Outcome,
  type SpaceRef,
  type SpaceWatch,
  watchSpace,
} from '../space.ts';
import { mostPerRound } from './live.ts';

const poolSize = 4;
let db: Database;
let feed: LiveFeed;
let spaceNo = 0;

beforeAll(async () => {
  db = await testDatabase({ poolSize });
});
afterAll(() => db.close());

beforeEach(() => {
  spaceNo += 1;
  feed = createLiveFeed({ db, log: testLog('warn') });
});
afterEach(async () => {
  await feed[Symbol.asyncDispose]();
  vi.restoreAllMocks();
});

const incoming = (messageId: string, more = {}): IncomingMessage => ({
  message: { type: 'track', event: 'Paid', userId: 'u1', messageId, ...more },
  receivedAt: new Date('2026-03-01T09:30:05Z'),
  sourceId: 'evs_web',
});
const applied: Outcome = { kind: 'applied', profileId: 'use_1' };
const show = (...ids: readonly string[]) =>
  feed.show(
    spaceNo,
    ids.map((id) => incoming(id)),
    ids.map(() => applied),
  );
const many = (count: number, prefix = 'm') => Array.from({ length: count }, (_, at) => `${prefix}${at}`);

interface Watching extends SpaceWatch {
  readonly items: readonly LiveItem[];
}

async function watch(no = spaceNo, database = db): Promise<Watching> {
  const items: LiveItem[] = [];
  const watching = await watchSpace({ db: database }, no, (item) => items.push(item));
  return { ...watching, items };
}

async function until(question: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await question())) await new Promise((resolve) => setTimeout(resolve, 10));
}

const arrivals = ({ items }: Watching) => items.filter((item): item is Arrival => item.kind === 'arrival');
const idsOf = (watching: Watching) => arrivals(watching).map(({ messageId }) => messageId);
const skippedOf = ({ items }: Watching) =>
  items.reduce((sum, item) => sum + (item.kind === 'skipped' ? item.count : 0), 0);

describe('watching', () => {
  test('shows what the writer wrote, applied or dropped, to everybody who watches the space', async () => {
    const space: SpaceRef = { id: 'spa_live', no: spaceNo, settings: defaultSpaceSettings() };
    await using writer = createSpaceWriter({ db });
    await using one = await watch();
    await using other = await watch();
    await using elsewhere = await watch(9_999);
    const messages = [incoming('m1'), incoming('m2', { userId: undefined }), incoming('m3', { type: 'identify' })];
    const { outcomes } = await writer.write(space, messages);
    feed.show(space.no, messages, outcomes);
    await until(() => one.items.length === 3 && other.items.length === 3);
    expect(one.items).toEqual(other.items);
    expect(arrivals(one)).toMatchObject([
      { messageId: 'm1', outcome: 'applied', profileId: expect.stringMatching(/^use_/), message: messages[0]?.message },
      { messageId: 'm2', outcome: 'dropped', reason: 'no_matching_identifiers' },
      { messageId: 'm3', outcome: 'applied', type: 'identify' },
    ]);
    expect(elsewhere.items).toEqual([]);
  });

  test('shows equal arrivals as often as they came', async () => {
    await using watching = await watch();
    show('same', 'same', 'same');
    await until(() => watching.items.length === 3);
    expect(idsOf(watching)).toEqual(['same', 'same', 'same']);
  });

  test('shows large messages and odd characters, cut where they do not fit', async () => {
    await using watching = await watch();
    const fits = { text: '日'.repeat(2_000), nul: '\0', half: '\ud800' };
    const messages = [
      incoming('fits', fits),
      incoming('large', { text: '😀'.repeat(50_000) }),
      incoming('x'.repeat(40_000)),
    ];
    feed.show(
      spaceNo,
      messages,
      messages.map(() => applied),
    );
    await until(() => watching.items.length === 3);
    expect(arrivals(watching).map(({ cut, message }) => [cut, message])).toEqual([
      [undefined, messages[0]?.message],
      [true, undefined],
      [true, undefined],
    ]);
  });

  test('of ten thousand at once shows twenty and counts the rest; messages of suppressed people do not count', async () => {
    await using watching = await watch();
    const ids = many(10_000);
    const suppressed: Outcome = { kind: 'dropped', reason: 'suppressed', detail: '' };
    const outcomes = ids.map((_, at) => (at % 10 === 0 ? suppressed : applied));
    feed.show(
      spaceNo,
      ids.map((id) => incoming(id)),
      outcomes,
    );
    await until(() => skippedOf(watching) > 0);
    expect(idsOf(watching)).toEqual(ids.filter((_, at) => at % 10 !== 0).slice(0, mostPerRound));
    expect(skippedOf(watching)).toBe(9_000 - mostPerRound);
  });

  test('shows nothing of what came before; counts add up while batches go on', async () => {
    show(...many(30, 'early'));
    await feed[Symbol.asyncDispose]();
    feed = createLiveFeed({ db, log: testLog('warn') });
    await using watching = await watch();
    for (let batch = 0; batch < 200; batch++) {
      show(...many(10, `b${batch}-`));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await until(() => watching.items.length > 0 && arrivals(watching).length + skippedOf(watching) === 2_000);
    expect(idsOf(watching)[0]).toBe('b0-0');
  });

  test('the last arrivals before the end of a process are shown', async () => {
    await using watching = await watch();
    show('first');
    await until(() => watching.items.length === 1);
    show('last');
    await feed[Symbol.asyncDispose]();
    await until(() => watching.items.length === 2);
    show('after the end');
    expect(idsOf(watching)).toEqual(['first', 'last']);
  });

  test('ignores what others send over its channel', async () => {
    await using watching = await watch();
    await db.pool.query(
      `SELECT pg_notify('millrace_live_${spaceNo}', t) FROM unnest(ARRAY['', 'x', '1 {', '1 null']) t`,
    );
    show('ours');
    await until(() => watching.items.length > 0);
    expect(idsOf(watching)).toEqual(['ours']);
  });
});

describe('what it costs', () => {
  const statements = () => {
    const query = vi.spyOn(pg.Client.prototype, 'query');
    const texts = () => query.mock.calls.map(([first]) => String((first as { text?: string }).text ?? first));
    return { all: texts, notifying: () => texts().filter((text) => text.includes('pg_notify')) };
  };

  test('nobody watches: a look a second while something arrives, and never a notification', async () => {
    await using stranger = await watch(9_999);
    const { all, notifying } = statements();
    const began = performance.now();
    for (let batch = 0; batch < 240; batch++) {
      show(...many(50));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const rounds = Math.floor((performance.now() - began) / 1_000) + 1;
    expect(all().length).toBeGreaterThan(0);
    expect(all().length).toBeLessThanOrEqual(rounds);
    expect(notifying()).toEqual([]);
    expect(stranger.items).toEqual([]);
  });

  test('nothing arrives, or only what is not to be shown: no statement at all', async () => {
    await using watching = await watch();
    const { all } = statements();
    feed.show(spaceNo, [], []);
    feed.show(spaceNo, [incoming('m')], [{ kind: 'dropped', reason: 'suppressed', detail: '' }]);
    await feed[Symbol.asyncDispose]();
    expect([all(), watching.items]).toEqual([[], []]);
  });

  test('somebody watches: one notifying statement a second, whatever arrives', async () => {
    await using watching = await watch();
    const { all, notifying } = statements();
    const began = performance.now();
    for (let batch = 0; batch < 120; batch++) {
      show(...many(50));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const rounds = Math.floor((performance.now() - began) / 1_000) + 1;
    expect(notifying().length).toBeGreaterThan(0);
    expect(all().length).toBeLessThanOrEqual(2 * rounds);
    expect(arrivals(watching).length).toBeLessThanOrEqual(rounds * mostPerRound);
  });

  test('waits while the connections of the pool are needed, and takes one only', async () => {
    await using watching = await watch();
    const taken = await Promise.all(Array.from({ length: poolSize - 1 }, () => db.pool.connect()));
    const { all } = statements();
    let most = 0;
    db.pool.on('acquire', () => {
      most = Math.max(most, db.pool.totalCount - db.pool.idleCount);
    });
    show('patient');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([all(), db.pool.waitingCount, most]).toEqual([[], 0, 0]);
    taken.pop()?.release();
    await until(() => watching.items.length === 1);
    expect(most).toBe(poolSize - 1);
    for (const client of taken) client.release();
    db.pool.removeAllListeners('acquire');
  });

  test('is forgotten when the watcher leaves', async () => {
    const watching = await watch();
    await watching[Symbol.asyncDispose]();
    await watching.ended;
    await until(async () => !(await isWatched(spaceNo)));
    const { notifying } = statements();
    show('nobody');
    await feed[Symbol.asyncDispose]();
    expect(notifying()).toEqual([]);
  });
});

async function isWatched(no: number): Promise<boolean> {
  const { rowCount } = await db.pool.query(
    `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
     WHERE d.datname = current_database() AND locktype = 'advisory' AND objid::bigint = $1`,
    [no],
  );
  return (rowCount ?? 0) > 0;
}

describe('ends that nobody announced', () => {
  test('a watcher that is killed is forgotten, and the others go on', async () => {
    const watcher = `
      import { connect } from '${new URL('../../db/connection.ts', import.meta.url).href}';
      import { watchSpace } from '${new URL('../space.ts', import.meta.url).href}';
      import { createLog } from '${new URL('../../base/log.ts', import.meta.url).href}';
      const db = await connect({ url: process.argv[1], log: createLog({ level: 'silent' }) });
      await watchSpace({ db }, ${spaceNo}, ({ messageId }) => console.log(messageId));
      console.log('watching');`;
    const child = spawn('node', ['--import', 'tsx', '--input-type=module', '-e', watcher, testDatabaseUrl(db)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (part) => {
      said += String(part);
    });
    await until(() => said.includes('watching'));
    show('to the child');
    await until(() => said.includes('to the child'));
    child.kill('SIGKILL');
    await once(child, 'exit');
    await until(async () => !(await isWatched(spaceNo)));
    await using watching = await watch();
    show('to the next');
    await until(() => watching.items.length > 0);
    expect(idsOf(watching)).toContain('to the next');
  });

  test('a connection that is ended by the server ends the watch with the reason', async () => {
    await using watching = await watch();
    await db.pool.query(
      `SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND locktype = 'advisory' AND objid::bigint = $1`,
      [spaceNo],
    );
    await expect(watching.ended).rejects.toMatchObject({
      code: 'database_unreachable',
      message: expect.stringMatching(/:\d+/),
    });
  });

  test('a server that vanished without a word is noticed', async () => {
    const url = new URL(testDatabaseUrl(db));
    const port = Number(url.port);
    const sockets: net.Socket[] = [];
    const relay = net.createServer((near) => {
      const far = net.connect(port, url.hostname);
      sockets.push(near, far);
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) socket.on('error', () => undefined);
    });
    await once(relay.listen(0, '127.0.0.1'), 'listening');
    url.port = String((relay.address() as net.AddressInfo).port);
    const far = await connect({ url: url.href, log: testLog('warn') });
    const watching = await watchSpace({ db: far, probeMs: 100 }, spaceNo, () => undefined);
    for (const socket of sockets) socket.unpipe().pause();
    await expect(watching.ended).rejects.toMatchObject({ code: 'database_unreachable' });
    for (const socket of sockets) socket.destroy();
    await watching[Symbol.asyncDispose]();
    await far.close();
    relay.close();
  });

  test('a watch cannot begin without its database', async () => {
    const gone = { ...db, session: () => Promise.reject(new Error('Connection terminated')) };
    await expect(watchSpace({ db: gone }, spaceNo, () => undefined)).rejects.toThrow();
  });

  test('a database that fails is said in the log, without the messages, and the next round goes on', async () => {
    const lines: string[] = [];
    const log = createLog({ level: 'warn', destination: { write: (line) => void lines.push(line) } });
    await feed[Symbol.asyncDispose]();
    feed = createLiveFeed({ db, log });
    await using watching = await watch();
    vi.spyOn(pg.Client.prototype, 'query').mockImplementationOnce(() => Promise.reject(new Error('broken')) as never);
    feed.show(spaceNo, [incoming('m1', { secret: 'canary-7d1f' })], [applied]);
    await until(() => lines.length > 0);
    show('m2');
    await until(() => watching.items.length > 0);
    expect(idsOf(watching)).toEqual(['m2']);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('the live view could not be sent');
    expect(lines[0]).not.toContain('canary');
  });
});
