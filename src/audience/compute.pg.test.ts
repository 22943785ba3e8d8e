/** What computations write onto profiles, with messages as they come, merge, get old, and are deleted. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase, testLog } from '../../test/database.ts';
import type { Database } from '../db/db.ts';
import { noteDue, settleDue } from '../space/computing/due.ts';
import { countMembers, deleteIdentifier, deletePeople, listMembers } from '../space/space.ts';
import { ComputingSpace, markDeleted } from './audience.test-support.ts';

let db: Database;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());

const dayMs = 24 * 60 * 60 * 1000;

function ordered(userId: string, total: number, more: object = {}) {
  return { type: 'track', event: 'Order Completed', userId, properties: { total }, ...more };
}

test('a counter follows each message; the same message again changes nothing', async () => {
  await using space = await ComputingSpace.create(db, 'counter');
  await space.define('computed_trait', 'purchases', "event('Order Completed').count()");
  await space.compute();
  for (const [at, count] of [1, 2, 3].entries()) {
    await space.send(ordered('u1', 10, { messageId: `m${at}` }));
    await space.compute();
    expect(await space.trait('u1', 'purchases')).toEqual({ value: count, class: 'computed_trait' });
  }
  const before = await space.profile('user_id', 'u1');
  await space.send(ordered('u1', 10, { messageId: 'm1' }));
  await space.compute();
  expect(await space.profile('user_id', 'u1')).toEqual(before);
  await space.send({ type: 'identify', userId: 'nobody' });
  await space.compute();
  expect(await space.trait('nobody', 'purchases')).toBeUndefined();
});

test('who was there before is found by the first run, in parts', async () => {
  await using space = await ComputingSpace.create(db, 'backfill');
  const people = Array.from({ length: 700 }, (_, at) => ordered(`u${at}`, at));
  await space.send(...people);
  const id = await space.define('audience', 'big', "event('Order Completed').sum(property('total')) >= 350");
  await space.compute();
  expect(await countMembers(db.pool, space.space.no, id)).toBe(350);
  expect(await space.trait('u350', 'big')).toEqual({ value: true, class: 'audience' });
  expect(await space.trait('u349', 'big')).toBeUndefined();
  const { rows } = await db.pool.query('SELECT run_asked_at, size FROM computations WHERE computation_id = $1', [id]);
  expect(rows).toEqual([{ run_asked_at: null, size: '350' }]);
  const first = await listMembers(db.pool, space.space.no, id, 200);
  const second = await listMembers(db.pool, space.space.no, id, 200, first.at(-1));
  expect(new Set([...first, ...second]).size).toBe(350);
});

test('who leaves an audience keeps a false; time alone makes leave', async () => {
  await using space = await ComputingSpace.create(db, 'leaving');
  await space.define('audience', 'recent', "event('Login').within(7 days).count() >= 1");
  await space.send({ type: 'track', event: 'Login', userId: 'u1' });
  await space.compute();
  expect(await space.value('u1', 'recent')).toBe(true);
  space.pass(7 * dayMs);
  await space.compute();
  expect(await space.value('u1', 'recent')).toBe(true);
  space.pass(1);
  await space.compute();
  expect(await space.trait('u1', 'recent')).toEqual({ value: false, class: 'audience' });
  await space.send({ type: 'track', event: 'Login', userId: 'u1' });
  await space.compute();
  expect(await space.value('u1', 'recent')).toBe(true);
});

test('an audience may read another, and a trait that is computed', async () => {
  await using space = await ComputingSpace.create(db, 'chain');
  await space.define('audience', 'best', "trait('big') = 'true' AND trait('spend') > 150");
  await space.define('audience', 'big', "trait('spend') >= 100");
  await space.define('computed_trait', 'spend', "event('Order Completed').sum(property('total'))");
  await space.send(ordered('u1', 60));
  await space.compute();
  expect(await space.value('u1', 'big')).toBeUndefined();
  await space.send(ordered('u1', 60));
  await space.compute();
  expect([await space.value('u1', 'big'), await space.value('u1', 'best')]).toEqual([true, undefined]);
  await space.send(ordered('u1', 60));
  await space.compute();
  expect(await space.value('u1', 'best')).toBe(true);
});

test('merged profiles are computed as one, and are one member', async () => {
  await using space = await ComputingSpace.create(db, 'merging');
  const id = await space.define('audience', 'two', "event('Order Completed').count() >= 2", {
    filterByExternalIds: ['user_id', 'email', 'anonymous_id'],
  });
  const count = await space.define('computed_trait', 'orders', "event('Order Completed').count()", {
    filterByExternalIds: ['anonymous_id', 'user_id'],
  });
  expect(count).toMatch(/^tra_/);
  await space.send({ ...ordered('', 1), userId: undefined, anonymousId: 'a1' } as never);
  await space.send({ ...ordered('', 1), userId: undefined, anonymousId: 'a1' } as never, ordered('u1', 1));
  await space.compute();
  expect(await space.value('u1', 'two')).toBeUndefined();
  expect(await countMembers(db.pool, space.space.no, id)).toBe(1);
  await space.send({ type: 'identify', userId: 'u1', anonymousId: 'a1' });
  await space.compute();
  expect(await space.value('u1', 'two')).toBe(true);
  expect(await space.value('u1', 'orders')).toBe(3);
  expect(await countMembers(db.pool, space.space.no, id)).toBe(1);
  const { rows } = await db.pool.query(
    'SELECT count(*)::int AS n FROM profiles WHERE space_no = $1 AND merged_into IS NOT NULL AND computed IS NOT NULL',
    [space.space.no],
  );
  expect(rows).toEqual([{ n: 0 }]);
});

test('only profiles of the population count; losing the identifier is leaving', async () => {
  await using space = await ComputingSpace.create(db, 'population');
  await space.define('audience', 'mailable', "trait('plan') = 'pro'", { filterByExternalIds: ['email'] });
  await space.send({ type: 'identify', userId: 'u1', traits: { plan: 'pro' } });
  await space.compute();
  expect(await space.value('u1', 'mailable')).toBeUndefined();
  await space.send({ type: 'identify', userId: 'u1', traits: { email: 'ana@example.org' } });
  await space.compute();
  expect(await space.value('u1', 'mailable')).toBe(true);
  const now = new Date(space.now);
  const identifier = { userId: 'u1', type: 'email', value: 'ana@example.org', now };
  expect(await deleteIdentifier(db, space.space.no, identifier)).toBe('deleted');
  await space.compute();
  expect(await space.value('u1', 'mailable')).toBe(false);
});

test('without historical data only what arrives afterwards counts; with it, as many days as were asked for', async () => {
  await using space = await ComputingSpace.create(db, 'history');
  await space.send(ordered('u1', 1, { timestamp: space.time(10 * dayMs) }), ordered('u1', 1));
  space.pass(1000);
  await space.define('computed_trait', 'all', "event('Order Completed').count()");
  await space.define('computed_trait', 'some', "event('Order Completed').count()", { backfillDays: 5 });
  await space.define('computed_trait', 'none', "event('Order Completed').count()", { includeHistoricalData: false });
  await space.compute();
  const values = async () => Promise.all(['all', 'some', 'none'].map((key) => space.value('u1', key)));
  expect(await values()).toEqual([2, 1, undefined]);
  await space.send(ordered('u1', 1));
  await space.compute();
  expect(await values()).toEqual([3, 2, 1]);
});

test('a batch computation is computed by its runs alone, every eight hours', async () => {
  await using space = await ComputingSpace.create(db, 'batch');
  const query = `event('Added').where(NOT event('Ordered').within(parent: 1 day).count() >= 1).count() >= 1`;
  await space.define('audience', 'abandoned', query);
  const track = (event: string) => space.send({ type: 'track', event, userId: 'u1' });
  await track('Added');
  await space.compute();
  expect(await space.value('u1', 'abandoned')).toBe(true);
  space.pass(60_000);
  await track('Ordered');
  await space.compute();
  expect(await space.value('u1', 'abandoned')).toBe(true);
  space.pass(8 * 60 * 60 * 1000);
  await space.compute();
  expect(await space.value('u1', 'abandoned')).toBe(false);
  await track('Added');
  space.pass(8 * 60 * 60 * 1000);
  await space.compute();
  expect(await space.value('u1', 'abandoned')).toBe(true);
});

test('a deleted computation leaves its values as custom traits, which messages may change', async () => {
  await using space = await ComputingSpace.create(db, 'deleting');
  const id = await space.define('audience', 'pros', "trait('plan') = 'pro'");
  await space.send(
    { type: 'identify', userId: 'u1', traits: { plan: 'pro' } },
    { type: 'identify', userId: 'u2', traits: { plan: 'free' } },
    { type: 'identify', userId: 'u3', traits: { plan: 'pro', pros: 'said by somebody else' } },
    { type: 'identify', anonymousId: 'a4', traits: { pros: 'said of a visitor' } },
    { type: 'identify', userId: 'u4', traits: { plan: 'pro' } },
    { type: 'identify', userId: 'u4', anonymousId: 'a4' },
  );
  await space.compute();
  for (const user of ['u1', 'u3', 'u4']) {
    expect(await space.trait(user, 'pros')).toEqual({ value: true, class: 'audience' });
  }
  space.pass(1000);
  await markDeleted(db, id, space.now);
  await space.compute();
  expect(await space.trait('u1', 'pros')).toEqual({ value: true, class: 'custom' });
  // What was said under the key was there all the while.
  expect(await space.trait('u3', 'pros')).toEqual({ value: 'said by somebody else', class: 'custom' });
  expect(await space.trait('u4', 'pros')).toEqual({ value: 'said of a visitor', class: 'custom' });
  expect(await countMembers(db.pool, space.space.no, id)).toBe(0);
  await space.send({ type: 'identify', userId: 'u1', traits: { pros: 'changed', plan: 'free' } });
  await space.compute();
  expect(await space.trait('u1', 'pros')).toEqual({ value: 'changed', class: 'custom' });
  expect(await space.trait('u2', 'pros')).toBeUndefined();
});

test('a run that fails is told after some minutes, and the space goes on', async () => {
  await using space = await ComputingSpace.create(db, 'failing', undefined, testLog('silent'));
  await space.send({ type: 'identify', userId: 'u1', traits: { plan: 'pro' } });
  const id = await space.define('audience', 'pros', "trait('plan') = 'pro'");
  const spoil = (identifiers: string) =>
    db.pool.query('UPDATE profiles SET identifiers = $2 WHERE space_no = $1', [space.space.no, identifiers]);
  const { rows: kept } = await db.pool.query('SELECT identifiers FROM profiles WHERE space_no = $1', [space.space.no]);
  await spoil('7');
  const state = async () => {
    const found = 'SELECT run_reason, failure FROM computations WHERE computation_id = $1';
    return (await db.pool.query(found, [id])).rows[0];
  };
  await space.compute();
  expect(await state()).toEqual({ run_reason: 'first', failure: null });
  space.pass(5 * 60_000);
  await space.compute();
  expect(await state()).toEqual({ run_reason: null, failure: expect.stringContaining('could not be computed') });
  await spoil(JSON.stringify(kept[0].identifiers));
  space.pass(10_000);
  await space.send({ type: 'identify', userId: 'u1', traits: {} });
  await space.compute();
  expect(await space.value('u1', 'pros')).toBe(true);
});

test('who is deleted is in no audience, and is not looked at again', async () => {
  await using space = await ComputingSpace.create(db, 'gone');
  const id = await space.define('audience', 'recent', "event('Login').within(7 days).count() >= 1");
  await space.send({ type: 'track', event: 'Login', userId: 'u1' }, { type: 'track', event: 'Login', userId: 'u2' });
  await space.compute();
  await space.send({ type: 'track', event: 'Login', userId: 'u1' });
  await deletePeople(db, { jobId: 'job', spaceNo: space.space.no, userIds: ['u1'] });
  await space.compute();
  expect(await countMembers(db.pool, space.space.no, id)).toBe(1);
  const { rows } = await db.pool.query('SELECT count(*)::int AS n FROM due_profiles WHERE space_no = $1', [
    space.space.no,
  ]);
  expect(rows).toEqual([{ n: 1 }]);
});

test('one process at a time computes in a space; one that died is replaced half a minute later', async () => {
  await using space = await ComputingSpace.create(db, 'lease');
  await space.define('computed_trait', 'orders', "event('Order Completed').count()");
  const other = space.worker('other');
  await space.send(ordered('u1', 1));
  await space.compute();
  await space.send(ordered('u1', 1));
  while (await other()) {
    // Nothing: the other holds the lease.
  }
  expect(await space.value('u1', 'orders')).toBe(1);
  space.pass(30_001);
  while (await other()) {
    // Until it is done.
  }
  expect(await space.value('u1', 'orders')).toBe(2);
});

test('where a value is gone, its readers see what messages said', async () => {
  await using space = await ComputingSpace.create(db, 'behind');
  await space.define('computed_trait', 'fav', "trait('plan')");
  await space.define('audience', 'tea', "trait('fav') = 'tea'");
  await space.send({ type: 'identify', userId: 'u1', traits: { fav: 'tea', plan: 'x' } });
  await space.compute();
  expect([await space.value('u1', 'fav'), await space.value('u1', 'tea')]).toEqual(['x', undefined]);
  await space.send({ type: 'identify', userId: 'u1', traits: { plan: null } });
  await space.compute();
  expect([await space.value('u1', 'fav'), await space.value('u1', 'tea')]).toEqual(['tea', true]);
});

test('what fails for one query does not stop the others', async () => {
  const failed: unknown[] = [];
  const log = { ...testLog('silent'), error: (fields: unknown) => void failed.push(fields) };
  await using space = await ComputingSpace.create(db, 'one-fails', undefined, log as never);
  const id = await space.define('audience', 'oddly', "trait('odd').starts_with('a')");
  await space.define('audience', 'pros', "trait('plan') = 'pro'");
  await space.send({ type: 'identify', userId: 'u1', traits: { plan: 'pro', odd: 'canary' } });
  // As a fault of the program would: whatever is asked of this value fails.
  const broken = String.prototype.startsWith;
  String.prototype.startsWith = function (this: string, ...args: Parameters<typeof broken>) {
    if (String(this) === 'canary') throw new TypeError(`canary is not a function`);
    return broken.apply(this, args);
  };
  try {
    await space.compute();
  } finally {
    String.prototype.startsWith = broken;
  }
  expect([await space.value('u1', 'oddly'), await space.value('u1', 'pros')]).toEqual([undefined, true]);
  expect(failed[0]).toMatchObject({ computation: id, profiles: 1, err: { name: 'TypeError' } });
  expect(JSON.stringify(failed, ['computation', 'err', 'name', 'message', 'stack'])).not.toContain('canary');
});

function gate() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

test('writers and what settles who is due do not lock each other out', async () => {
  await using space = await ComputingSpace.create(db, 'settling');
  await space.define('audience', 'recent', "event('Login').within(7 days).count() >= 1");
  await space.send(...['u1', 'u2', 'u3', 'u4'].map((userId) => ({ type: 'track', event: 'Login', userId })));
  await space.compute();
  const { rows } = await db.pool.query<{ profile_id: string }>(
    'SELECT profile_id FROM due_profiles WHERE space_no = $1 ORDER BY profile_id',
    [space.space.no],
  );
  const ids = rows.map((row) => row.profile_id);
  expect(ids).toHaveLength(4);
  const last = ids.at(-1) as string;
  await db.pool.query('DELETE FROM due_profiles WHERE space_no = $1 AND profile_id <> $2', [space.space.no, last]);
  const next = new Map(ids.map((id) => [id, new Date(space.now + dayMs)]));
  const [locked, goOn] = [gate(), gate()];
  const settling = db.transaction(async (tx) => {
    // Between its statements, a writer comes.
    const query = async (...args: unknown[]) => {
      const answer = await (tx.query as (...all: unknown[]) => Promise<unknown>)(...args);
      if ((args[0] as { name?: string }).name === 'space-settle-due') {
        locked.open();
        await goOn.opened;
      }
      return answer;
    };
    await settleDue({ query } as never, space.space.no, 1_000_000n, ids, next);
  });
  await locked.opened;
  const writing = db.transaction((tx) => noteDue(tx, space.space.no, 1_000_001n, ids));
  await new Promise((resolve) => setTimeout(resolve, 200));
  goOn.open();
  await Promise.all([settling, writing]);
  const due = await db.pool.query<{ due_at: Date; seq: string }>(
    'SELECT due_at, seq FROM due_profiles WHERE space_no = $1',
    [space.space.no],
  );
  expect(due.rows).toEqual(ids.map(() => ({ due_at: new Date(0), seq: '1000001' })));
});
