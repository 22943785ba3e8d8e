import { describe, expect, test } from 'vitest';
import { isMillraceError } from '../base/errors.ts';
import { planSync } from './plan.ts';
import type { SyncContext } from './runner.ts';
import { fakeEndpoint, openWorld, peopleTable, refused, withWarehouse } from './sync.test-support.ts';
import { runSync } from './sync.ts';

describe.each(['duckdb', 'postgres'] as const)('a plan over %s', (engine) => {
  test('moves no state, before the first sync and after', async () => {
    await using world = await openWorld({ engine, settings: { batchSize: 10 } });
    await world.sql(peopleTable(50));
    const job = await world.job();
    const empty = await world.dump();
    const first = await planSync(world.context, job);
    expect(await world.dump()).toBe(empty);
    expect(first.counts).toMatchObject({ extracted: 50, added: 50, delivered: 50, remaining: 0 });
    expect(first.effects).toMatchObject({ profilesCreated: 50 });

    const done = await runSync(world.context, job);
    expect(done.counts).toEqual(first.counts);
    expect(done.effects).toEqual(first.effects);

    await world.sql(`UPDATE people SET email = 'p1@example.org' WHERE id = 2`, 'DELETE FROM people WHERE id = 9');
    const between = await world.dump();
    const second = await planSync(world.context, job);
    expect(await world.dump()).toBe(between);
    const again = await runSync(world.context, job);
    expect(again.counts).toEqual(second.counts);
    expect(again.effects).toEqual(second.effects);
  });
});

test('a plan lists what is invalid and what would be refused', async () => {
  await using world = await openWorld();
  await world.sql(
    'CREATE TABLE people (id INTEGER, email VARCHAR, name VARCHAR)',
    `INSERT INTO people VALUES (1, 'a', 'a'), (2, 'b', 'b'), (2, 'c', 'c'), (3, 'a' || chr(0), 'd')`,
  );
  const plan = await planSync(world.context, await world.job());
  expect(plan.counts).toMatchObject({ added: 2, invalid: 2, delivered: 1, refused: 1 });
  expect(plan.invalidRows).toEqual([{ recordId: '2', reason: 'identifier_duplicate', rows: 2 }]);
  expect(plan.failedRows).toMatchObject([{ recordId: '3', code: 'text_not_storable' }]);
});

test('a plan after a crash counts what was delivered as delivered', async () => {
  await using world = await openWorld({ settings: { batchSize: 10, lumpSize: 10 } });
  await world.sql(peopleTable(40));
  const job = await world.job();
  await runSync(withoutMemory(world.context), job);
  const plan = await planSync(world.context, job);
  const next = await runSync(world.context, job);
  expect(plan.counts).toEqual(next.counts);
  expect(next.counts.unchanged).toBeGreaterThan(0);
});

test('a table that is dropped between plan and run is the reason of the run', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(5));
  const job = await world.job();
  await planSync(world.context, job);
  await world.sql('DROP TABLE people');
  const sync = await runSync(world.context, job);
  expect(sync.state).toBe('failed');
  expect(sync.reason).toContain('people');
  const error = await planSync(world.context, job).catch((reason: unknown) => reason);
  expect(isMillraceError(error)).toBe(true);
});

test('a guard stops a sync that would touch too many rows, never the first', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(100));
  const job = await world.job({ guardPercent: 10 });
  const endpoint = fakeEndpoint();
  const context = world.withEndpoint(endpoint);
  expect((await runSync(context, job)).counts.delivered).toBe(100);
  await world.sql(`UPDATE people SET name = 'x' WHERE id <= 8`, 'DELETE FROM people WHERE id > 96');
  const before = await world.records(job);
  expect((await planSync(world.context, job)).guard).toMatchObject({
    touched: 12,
    known: 100,
    percent: 12,
    stops: true,
  });
  const stopped = await runSync(context, job);
  expect(stopped).toMatchObject({
    state: 'failed',
    code: 'sync_guard',
    counts: { updated: 8, deleted: 4, delivered: 0 },
  });
  expect(stopped.reason).toContain('12 of 100 known rows (12.0 %)');
  expect(stopped.reason).toContain('10 %');
  expect(endpoint.given).toHaveLength(100);
  expect(await world.records(job)).toEqual(before);
  await world.sql(`UPDATE people SET name = 'Person ' || id WHERE id <= 4`);
  expect(await runSync(context, job)).toMatchObject({ state: 'succeeded', counts: { updated: 4, deleted: 4 } });
});

describe('skipping the backfill', () => {
  test('records the rows and sends nothing; later changes are sent', async () => {
    await using world = await openWorld();
    await world.sql(peopleTable(20));
    const job = await world.job({ skipBackfill: true });
    expect(await planSync(world.context, job)).toMatchObject({ sendsNothing: true, counts: { skipped: 20 } });
    const first = await runSync(world.context, job);
    expect(first).toMatchObject({ state: 'succeeded', counts: { added: 20, skipped: 20, delivered: 0 } });
    expect(await world.traits('1')).toBeNull();
    await world.sql(`INSERT INTO people VALUES (21, 'e', 'n')`, `UPDATE people SET name = 'x' WHERE id = 1`);
    const second = await runSync(world.context, job);
    expect(second.counts).toMatchObject({ added: 1, updated: 1, delivered: 2, skipped: 0 });
  });

  test('goes on when its sync was cut short', async () => {
    await using world = await openWorld({ settings: { batchSize: 5, lumpSize: 5 } });
    await world.sql(peopleTable(100));
    const job = await world.job({ skipBackfill: true });
    const first = await runSync(withoutMemory(world.context), job);
    expect(first.state).toBe('failed');
    expect(first.counts.remaining).toBeGreaterThan(0);
    const second = await runSync(world.context, job);
    expect(second).toMatchObject({ state: 'succeeded', counts: { delivered: 0, remaining: 0 } });
    expect(Object.keys((await world.records(job)) ?? {})).toHaveLength(100);
  });

  test('goes on when one sync does not take all rows', async () => {
    await using world = await openWorld({ settings: { batchSize: 5, recordsPerSync: 12 } });
    await world.sql(peopleTable(20));
    const job = await world.job({ skipBackfill: true });
    expect((await runSync(world.context, job)).counts).toMatchObject({ skipped: 12, remaining: 8 });
    expect((await runSync(world.context, job)).counts).toMatchObject({ skipped: 8, delivered: 0, remaining: 0 });
    await world.sql(`INSERT INTO people VALUES (21, 'e', 'n')`);
    expect((await runSync(world.context, job)).counts).toMatchObject({ delivered: 1 });
  });

  test('of an empty model: rows that come later are sent', async () => {
    await using world = await openWorld();
    await world.sql(peopleTable(0));
    const job = await world.job({ skipBackfill: true });
    await runSync(world.context, job);
    await world.sql(`INSERT INTO people VALUES (1, 'e', 'n')`);
    expect((await runSync(world.context, job)).counts).toMatchObject({ added: 1, delivered: 1 });
  });
});

test('a plan does not try rows that are given up', async () => {
  await using world = await openWorld({ settings: { retrySyncs: 1 } });
  await world.sql(peopleTable(2));
  const job = await world.job();
  await runSync(world.withEndpoint(fakeEndpoint(() => refused)), job);
  expect((await planSync(world.context, job)).counts).toMatchObject({ added: 2, givenUp: 2, delivered: 0 });
});

/** The same with a warehouse that does not take records: what a crash before the write looks like. */
function withoutMemory(context: SyncContext): SyncContext {
  return withWarehouse(context, () => ({
    writeRecords: async () => {
      throw new Error('the warehouse is gone');
    },
  }));
}
