/** Previews that fail, whose process dies, is slow or is stopped; and those that wait behind them. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import { createLog } from '../base/log.ts';
import { until } from '../cli/cli.test-support.ts';
import type { Database } from '../db/db.ts';
import { ComputingSpace } from './audience.test-support.ts';
import { claimPreview, type PreviewContext } from './preview-claims.ts';
import { createPreview, findPreview } from './preview-store.ts';
import { runPreview } from './previews.ts';

let db: Database;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());

let now: number;
let lines: string[];
beforeEach(async () => {
  await db.pool.query('TRUNCATE audience_previews');
  now = Date.parse('2026-05-01T00:00:00Z');
  lines = [];
});

const clock = { now: () => new Date(now) };
const log = createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } });
const entries = () => lines.map((line) => JSON.parse(line) as { level: string; preview: string; msg: string });

/** A process with the time for one preview. */
function run(more: Partial<PreviewContext> = {}, signal = new AbortController().signal): Promise<boolean> {
  return runPreview({ db, clock, log, ...more }, signal);
}

/** Looks until nothing is left to do now. */
async function runAll(): Promise<void> {
  while (await run()) {
    // The next one.
  }
}

async function ask({ space }: ComputingSpace, query: string): Promise<string> {
  const options = { includeHistoricalData: true };
  const preview = { entity: 'USERS', query, options } as const;
  now += 1;
  const made = await createPreview({ db, clock }, space.no, preview, async () => undefined);
  if (made.kind !== 'made') throw new Error(JSON.stringify(made));
  return made.id;
}

async function stateOf({ space }: ComputingSpace, id: string) {
  const { status, size, failure } = (await findPreview(db.pool, space.no, id)) ?? {};
  return { status, size, failure };
}

const completed = { status: 'COMPLETED', size: 1, failure: null };
const running = { status: 'RUNNING', size: null, failure: null };
const failed = { status: 'FAILED', size: null, failure: 'It could not be computed; the log of the server says why.' };

const isPro = "trait('plan') = 'pro'";
const canary = 'canary@example.org';

async function spaceWithOne(name: string): Promise<ComputingSpace> {
  const space = await ComputingSpace.create(db, name);
  await space.send({ type: 'identify', userId: 'u1', traits: { plan: 'pro', email: canary } });
  return space;
}

/** Profiles of the space can be found, and not be read. */
async function spoil({ space }: ComputingSpace): Promise<void> {
  await db.pool.query("UPDATE profiles SET identifiers = '7' WHERE space_no = $1", [space.no]);
}

test('what fails is logged and tried three times, while others are done, and then told', async () => {
  await using bad = await spaceWithOne('bad');
  await using good = await spaceWithOne('good');
  await spoil(bad);
  const first = await ask(bad, isPro);
  const second = await ask(good, isPro);
  await runAll();
  expect([await stateOf(bad, first), await stateOf(good, second)]).toEqual([running, completed]);
  now += 5_001;
  const third = await ask(good, isPro);
  expect(await run()).toBe(true);
  // What was not tried yet goes first.
  expect([await stateOf(good, third), entries().length]).toEqual([completed, 1]);
  await runAll();
  expect([await stateOf(bad, first), entries().length]).toEqual([running, 2]);
  now += 5_001;
  await runAll();
  expect(await stateOf(bad, first)).toEqual(failed);
  expect(entries().map(({ level, preview }) => [level, preview])).toEqual(Array(3).fill(['error', first]));
  now += 60 * 60_000;
  expect(await run()).toBe(false);
});

test('what fails for a moment is done', async () => {
  await using space = await spaceWithOne('moment');
  const id = await ask(space, "event('Login').count() >= 1 OR trait('plan') = 'pro'");
  await db.pool.query('ALTER TABLE events RENAME TO events_away');
  await runAll();
  await db.pool.query('ALTER TABLE events_away RENAME TO events');
  expect([await stateOf(space, id), entries().length]).toEqual([running, 1]);
  now += 5_001;
  await runAll();
  expect(await stateOf(space, id)).toEqual(completed);
});

test('the log has the place of an error, and nothing of the query or of people', async () => {
  await using space = await spaceWithOne('quoting');
  const id = await ask(space, "trait('plan') = 'secret-plan'");
  expect(() => JSON.parse(canary)).toThrow(canary);
  // It can be claimed; what comes next ends with that error.
  let asked = 0;
  const quoting: Database = {
    ...db,
    get pool() {
      asked += 1;
      return asked === 2 ? JSON.parse(canary) : db.pool;
    },
  };
  await run({ db: quoting });
  expect(await stateOf(space, id)).toEqual(running);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    ...{ level: 'error', preview: id, space: space.space.no, try: 1 },
    err: { type: 'SyntaxError', stack: expect.stringContaining('previews.ts') },
  });
  expect(lines).toHaveLength(1);
  expect(lines.join()).not.toMatch(/canary|secret-plan/);
});

test('one whose process died is taken over a quarter of a minute later, and given up when that happens again and again', async () => {
  await using space = await spaceWithOne('orphan');
  const id = await ask(space, isPro);
  const dieOverIt = () => claimPreview({ db, clock, log });
  expect(await dieOverIt()).toMatchObject({ preview_id: id });
  now += 14_999;
  expect(await run()).toBe(false);
  now += 2;
  expect(await run()).toBe(true);
  expect(await stateOf(space, id)).toEqual(completed);

  const deadly = await ask(space, isPro);
  for (let death = 1; death <= 3; death += 1) {
    expect(await dieOverIt()).toMatchObject({ preview_id: deadly });
    now += 15_001;
  }
  await runAll();
  expect(await stateOf(space, deadly)).toEqual(failed);
  expect(entries()).toMatchObject([{ level: 'error', preview: deadly, msg: expect.stringContaining('given up') }]);
});

/** While it goes on, nobody can read profiles: a step that takes very long. */
async function longStep(): Promise<() => Promise<void>> {
  const session = await db.session();
  await session.query('BEGIN');
  await session.query('LOCK TABLE profiles IN ACCESS EXCLUSIVE MODE');
  return async () => {
    await session.query('ROLLBACK');
    await session.end();
  };
}

async function claimedUntil(id: string): Promise<number | undefined> {
  const { rows } = await db.pool.query<{ claimed_until: Date | null }>(
    'SELECT claimed_until FROM audience_previews WHERE preview_id = $1',
    [id],
  );
  return rows[0]?.claimed_until?.getTime();
}

test('a live process keeps its claim, however long a step takes', async () => {
  await using space = await spaceWithOne('slow');
  const id = await ask(space, isPro);
  const end = await longStep();
  const working = run({ renewEveryMs: 10 });
  for (let part = 0; part < 5; part += 1) {
    await until(async () => (await claimedUntil(id)) === now + 15_000);
    now += 14_000;
    expect(await run()).toBe(false);
  }
  await end();
  expect(await working).toBe(true);
  expect(await stateOf(space, id)).toEqual(completed);
  expect(lines).toEqual([]);
});

test('who hung so long that another took over writes nothing', async () => {
  await using space = await spaceWithOne('hung');
  const id = await ask(space, isPro);
  const end = await longStep();
  const hung = run({ renewEveryMs: 60_000 });
  await until(async () => (await claimedUntil(id)) !== undefined);
  now += 15_001;
  const other = await claimPreview({ db, clock, log });
  expect(other).toMatchObject({ preview_id: id, tries: 2 });
  await end();
  expect(await hung).toBe(true);
  expect(await stateOf(space, id)).toEqual(running);
  expect(await claimedUntil(id)).toBe(now + 15_000);
});

test('one that is stopped is handed on at once, and that does not count as a try', async () => {
  await using space = await spaceWithOne('stopped');
  const id = await ask(space, isPro);
  for (let times = 0; times < 5; times += 1) {
    const stop = new AbortController();
    const end = await longStep();
    const working = run({}, stop.signal);
    await until(async () => (await claimedUntil(id)) !== undefined);
    stop.abort();
    await end();
    expect(await working).toBe(true);
    expect(await claimedUntil(id)).toBeUndefined();
    expect(await stateOf(space, id)).toEqual(running);
  }
  expect(await run()).toBe(true);
  expect(await stateOf(space, id)).toEqual(completed);
});
