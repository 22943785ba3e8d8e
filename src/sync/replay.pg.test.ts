/** Replays: what one sync delivered and no later one did, as it is now, under new message ids; and nothing else. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../base/json.ts';
import type { Delivery } from '../delivery/delivery.ts';
import { commandLine } from '../workspace/workspace.ts';
import { memoryOf } from './memory.ts';
import type { Sync } from './records.ts';
import {
  fakeEndpoint,
  identifyFields,
  openWorld,
  peopleTable,
  refused,
  type World,
  withWarehouse,
} from './sync.test-support.ts';
import { checkRetry, planSync, resetMapping, runSync, syncRows } from './sync.ts';

const users = (given: readonly Delivery[]) => given.map(({ message }) => String(message.userId)).sort();
const nameOf = ({ message }: Delivery) => (message.traits as JsonObject).name;

describe.each(['duckdb', 'postgres'] as const)('in %s', (engine) => {
  test('what a later sync delivered again is not sent; what is gone is listed; what changed goes out as it is now', async () => {
    await using world = await openWorld({ engine });
    await world.sql(peopleTable(10));
    const job = await world.job();
    const endpoint = fakeEndpoint();
    const context = world.withEndpoint(endpoint);
    const first = await runSync(context, job);
    await world.sql(`UPDATE people SET name = 'Second' WHERE id <= 3`);
    await runSync(context, job);
    await world.sql(
      'DELETE FROM people WHERE id = 10',
      `UPDATE people SET name = 'Third' WHERE id IN (3, 4)`,
      `INSERT INTO people VALUES (11, 'new@example.org', 'New'), (5, 'twice@example.org', 'Twice')`,
    );
    const plan = await planSync(context, job, { replayOf: first.id });
    const sent = endpoint.given.length;
    const replay = await runSync(context, job, { replayOf: first.id });
    expect(replay).toMatchObject({
      state: 'succeeded',
      counts: { extracted: 11, added: 0, updated: 5, deleted: 0, unchanged: 4, invalid: 2, delivered: 5, remaining: 0 },
      replay: { syncId: first.id, deliveredAgain: 3, gone: 1 },
    });
    expect(plan).toMatchObject({ counts: replay.counts, replay: replay.replay, guard: null });
    const again = endpoint.given.slice(sent);
    expect(users(again)).toEqual(['4', '6', '7', '8', '9']);
    expect(again.map(nameOf).sort()).toEqual(['Person 6', 'Person 7', 'Person 8', 'Person 9', 'Third']);
    const ids = endpoint.given.map(({ message }) => message.messageId);
    expect(new Set(ids).size).toBe(ids.length);
    expect((await syncRows(world.db, replay.id, 'gone')).items).toMatchObject([{ kind: 'gone', recordId: '10' }]);
    expect((await syncRows(world.db, replay.id, 'failed')).items).toEqual([]);
    // What waited goes out with the next usual sync; what was replayed does not.
    const usual = await runSync(context, job);
    expect(usual.counts).toMatchObject({ added: 1, updated: 1, deleted: 1, unchanged: 7, delivered: 3 });
    // A replay can be replayed; the sync that it replayed has nothing left but the row with two of its identifier.
    expect((await runSync(context, job, { replayOf: replay.id })).counts).toMatchObject({ updated: 5, delivered: 5 });
    expect(await runSync(context, job, { replayOf: first.id })).toMatchObject({
      counts: { updated: 0, delivered: 0 },
      replay: { deliveredAgain: 9, gone: 0 },
    });
  });

  test('a deletion is sent again while the row is gone', async () => {
    await using world = await openWorld({ engine });
    await world.sql(peopleTable(4));
    const job = await world.job();
    const endpoint = fakeEndpoint();
    const context = world.withEndpoint(endpoint);
    await runSync(context, job);
    await world.sql('DELETE FROM people WHERE id <= 2');
    const second = await runSync(context, job);
    await world.sql(`INSERT INTO people VALUES (2, 'back@example.org', 'Back')`);
    const sent = endpoint.given.length;
    const replay = await runSync(context, job, { replayOf: second.id });
    expect(replay.counts).toMatchObject({ updated: 0, deleted: 1, unchanged: 3, delivered: 1 });
    expect(users(endpoint.given.slice(sent))).toEqual(['1']);
    expect(await world.records(job)).toMatchObject({ 1: 'gone@3', 2: 'gone@2' });
  });

  test('a table of an earlier version: its syncs are not known, those after it are; planning adds no column', async () => {
    await using world = await openWorld({ engine });
    await world.sql(peopleTable(6));
    const job = await world.job();
    const old = await runSync(world.context, job);
    await world.sql(`ALTER TABLE millrace."${memoryOf(job.mapping).table}" DROP COLUMN delivered_by`);
    await world.db.pool.query('UPDATE syncs SET no = NULL, epoch = NULL');
    await world.db.pool.query('DELETE FROM sync_numbers');
    await world.sql(`UPDATE people SET name = 'Changed' WHERE id <= 2`);
    const before = await world.dump();
    expect((await planSync(world.context, job)).counts).toMatchObject({ updated: 2, unchanged: 4 });
    expect(await world.dump()).toBe(before);
    const next = await runSync(world.context, job);
    expect(next.counts).toMatchObject({ updated: 2, unchanged: 4, delivered: 2 });
    await expect(runSync(world.context, job, { replayOf: old.id })).rejects.toMatchObject({
      ...{ code: 'sync_replay_unknown', message: expect.stringContaining('did not keep') },
    });
    const replay = await runSync(world.context, job, { replayOf: next.id });
    expect(replay).toMatchObject({ counts: { updated: 2, delivered: 2 }, replay: { deliveredAgain: 0, gone: 0 } });
  });

  test('any history of changes, refusals, crashes and replays', async () => {
    await using world = await openWorld({ engine, settings: { batchSize: 3 } });
    let tables = 0;
    const id = fc.integer({ min: 1, max: 8 });
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('put' as const), id, name: fc.constantFrom('a', 'b', 'c') }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), id }) },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('sync' as const),
          refuses: fc.option(id, { freq: 3 }),
          crashes: fc.boolean(),
          replays: fc.option(fc.nat(5), { nil: null }),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 24 }), async (steps) => {
        const people = `people_${++tables}`;
        await world.sql(`CREATE TABLE ${people} (id integer, email varchar, name varchar)`);
        const job = await world.job({ query: `SELECT id, email, name FROM ${people}` });
        const rows = new Map<string, string>();
        /** Of each record: the value that was delivered last, null for its deletion, and by which sync. */
        const known = new Map<string, { readonly value: string | null; readonly by: string }>();
        const syncs: Sync[] = [];
        const delivered: unknown[] = [];
        for (const one of steps) {
          if (one.kind === 'put') {
            rows.set(`${one.id}`, one.name);
            await world.sql(
              `DELETE FROM ${people} WHERE id = ${one.id}`,
              `INSERT INTO ${people} VALUES (${one.id}, 'e', '${one.name}')`,
            );
          } else if (one.kind === 'remove') {
            rows.delete(`${one.id}`);
            await world.sql(`DELETE FROM ${people} WHERE id = ${one.id}`);
          } else {
            const old = one.replays === null ? undefined : syncs[one.replays % Math.max(1, syncs.length)];
            if (old !== undefined && known.size === 0) continue;
            const expected = old === undefined ? differing(rows, known) : lastDeliveredBy(old.id, rows, known);
            const endpoint = fakeEndpoint(({ message }) =>
              message.userId === `${one.refuses}` ? refused : { kind: 'delivered' },
            );
            const context = world.withEndpoint(endpoint);
            const dying = withWarehouse(context, () => ({
              writeRecords: async () => {
                throw new Error('killed');
              },
            }));
            // With the leftovers of a crash before, it would die before it does anything.
            const crashes = one.crashes && (await leftNothing(world));
            const options = old === undefined ? {} : { replayOf: old.id };
            const sync = await runSync(crashes ? dying : context, job, options);
            expect(users(endpoint.given)).toEqual(expected);
            for (const delivery of endpoint.given) {
              const userId = String(delivery.message.userId);
              const value = rows.get(userId) ?? null;
              if (value !== null) expect(nameOf(delivery)).toBe(value);
              if (userId === `${one.refuses}`) continue;
              delivered.push(delivery.message.messageId);
              known.set(userId, { value, by: sync.id });
            }
            expect(sync.counts).toMatchObject({ extracted: rows.size, invalid: 0, remaining: 0 });
            syncs.push(sync);
          }
        }
        expect(new Set(delivered).size).toBe(delivered.length);
        const endpoint = fakeEndpoint();
        await runSync(world.withEndpoint(endpoint), job);
        expect(users(endpoint.given)).toEqual(differing(rows, known));
      }),
      { numRuns: 12 },
    );
  });
});

type Known = ReadonlyMap<string, { readonly value: string | null; readonly by: string }>;

/** What a usual sync sends. */
function differing(rows: ReadonlyMap<string, string>, known: Known): readonly string[] {
  const ids = new Set([...rows.keys(), ...known.keys()]);
  return [...ids].filter((id) => (rows.get(id) ?? null) !== (known.get(id)?.value ?? null)).sort();
}

/** What a replay sends: rows and deletions that this sync delivered last, unless the row came back or went. */
function lastDeliveredBy(syncId: string, rows: ReadonlyMap<string, string>, known: Known): readonly string[] {
  const sent = [...known].filter(([id, { value, by }]) => by === syncId && (value === null) === !rows.has(id));
  return sent.map(([id]) => id).sort();
}

async function leftNothing({ db }: World): Promise<boolean> {
  return (await db.pool.query('SELECT FROM sync_receipts')).rowCount === 0;
}

test('a row that is refused keeps its mark: the same replay sends it, a retry says so', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(5));
  const job = await world.job();
  const first = await runSync(world.withEndpoint(fakeEndpoint()), job);
  const picky = fakeEndpoint(({ message }) => (message.userId === '2' ? refused : { kind: 'delivered' }));
  const replay = await runSync(world.withEndpoint(picky), job, { replayOf: first.id });
  expect(replay).toMatchObject({ state: 'partially succeeded', counts: { delivered: 4, refused: 1, remaining: 0 } });
  await expect(checkRetry(world.db.pool, job.mapping.id, replay.id)).rejects.toMatchObject({
    ...{ code: 'sync_retry_void', help: expect.stringContaining(`--replay ${first.id}`) },
  });
  const endpoint = fakeEndpoint();
  const again = await runSync(world.withEndpoint(endpoint), job, { replayOf: first.id });
  expect(again).toMatchObject({ state: 'succeeded', counts: { updated: 1, delivered: 1, retried: 1 } });
  expect(again.replay?.deliveredAgain).toBe(4);
  expect(users(endpoint.given)).toEqual(['2']);
});

test('what the trigger does not ask for is neither sent nor moved, and what it skipped before keeps its mark', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(4));
  const job = await world.job({ trigger: 'event = "new" or properties.name = "Loud"' });
  const context = world.withEndpoint(fakeEndpoint());
  const first = await runSync(context, job);
  await world.sql(`UPDATE people SET name = 'Quiet' WHERE id = 1`, `UPDATE people SET name = 'Loud' WHERE id = 2`);
  expect((await runSync(context, job)).counts).toMatchObject({ updated: 2, delivered: 1, skipped: 1 });
  const before = await world.records(job);
  const replay = await runSync(context, job, { replayOf: first.id });
  expect(replay.counts).toMatchObject({ updated: 3, delivered: 0, skipped: 3, remaining: 0 });
  expect(await world.records(job)).toEqual(before);
  await world.sql(`UPDATE people SET name = 'Loud' WHERE id = 1`);
  const endpoint = fakeEndpoint();
  const louder = await runSync(world.withEndpoint(endpoint), job, { replayOf: first.id });
  expect(louder).toMatchObject({ counts: { updated: 3, delivered: 1, skipped: 2 }, replay: { deliveredAgain: 1 } });
  expect(users(endpoint.given)).toEqual(['1']);
});

test('a deletion that the trigger skipped is not sent by a replay of the sync before, whatever the trigger is now', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(2));
  const job = await world.job({ trigger: 'event = "new"' });
  const context = world.withEndpoint(fakeEndpoint());
  const first = await runSync(context, job);
  await world.sql('DELETE FROM people WHERE id = 1');
  expect((await runSync(context, job)).counts).toMatchObject({ deleted: 1, skipped: 1 });
  const endpoint = fakeEndpoint();
  const all = { ...job, mapping: { ...job.mapping, trigger: 'event = "deleted" or event = "updated"' } };
  const replay = await runSync(world.withEndpoint(endpoint), all, { replayOf: first.id });
  expect(replay.counts).toMatchObject({ updated: 1, deleted: 0, delivered: 1 });
  expect(users(endpoint.given)).toEqual(['2']);
});

test('a mapping that takes only new rows gets them as new ones; one that takes updates too gets updates', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(3));
  const job = await world.job({ trigger: 'event = "new"' });
  const endpoint = fakeEndpoint();
  const context = world.withEndpoint(endpoint);
  const first = await runSync(context, job);
  await world.sql(
    `UPDATE people SET name = 'Changed' WHERE id = 2`,
    `INSERT INTO people VALUES (4, 'd@example.org', 'Di')`,
  );
  const plan = await planSync(context, job, { replayOf: first.id });
  const replay = await runSync(context, job, { replayOf: first.id });
  expect(replay).toMatchObject({
    state: 'succeeded',
    counts: { added: 3, updated: 0, deleted: 0, unchanged: 1, delivered: 3, skipped: 0, remaining: 0 },
    replay: { syncId: first.id, deliveredAgain: 0, gone: 0 },
  });
  expect(plan).toMatchObject({ counts: replay.counts, replay: replay.replay });
  expect(users(endpoint.given)).toEqual(['1', '1', '2', '2', '3', '3']);
  expect(endpoint.given.slice(3).map(nameOf).sort()).toEqual(['Changed', 'Person 1', 'Person 3']);
  expect(new Set(endpoint.given.map(({ message }) => message.messageId)).size).toBe(6);
  // What was replayed is known as it was sent: a usual sync finds the row that came since, and nothing else.
  expect((await runSync(context, job)).counts).toMatchObject({ added: 1, updated: 0, unchanged: 3, delivered: 1 });
  const both = { ...job, mapping: { ...job.mapping, trigger: 'event = "new" or event = "updated"' } };
  const again = await runSync(context, both, { replayOf: replay.id });
  expect(again.counts).toMatchObject({ added: 0, updated: 3, delivered: 3, skipped: 0 });
});

test('over the limit of one sync, the rest goes out with the same replay again', async () => {
  await using world = await openWorld({ settings: { recordsPerSync: 3, batchSize: 2 } });
  await world.sql(peopleTable(5));
  const job = await world.job({ fields: identifyFields });
  const endpoint = fakeEndpoint();
  const context = { ...world.withEndpoint(endpoint), settings: { batchSize: 2 } };
  const first = await runSync(context, job);
  const limited = world.withEndpoint(endpoint);
  const some = await runSync(limited, job, { replayOf: first.id });
  expect(some).toMatchObject({ state: 'partially succeeded', counts: { updated: 5, delivered: 3, remaining: 2 } });
  expect(some.reason).toContain(`another replay of ${first.id}`);
  const rest = await runSync(limited, job, { replayOf: first.id });
  expect(rest).toMatchObject({ state: 'succeeded', counts: { updated: 2, delivered: 2, remaining: 0 } });
  expect(users(endpoint.given.slice(5))).toEqual(['1', '2', '3', '4', '5']);
});

test('what cannot be replayed is refused with the reason', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(2));
  const [job, other] = [await world.job(), await world.job()];
  const first = await runSync(world.context, job);
  const replaying = (syncId: string, of = job) => runSync(world.context, of, { replayOf: syncId });
  await expect(replaying('syn_none')).rejects.toMatchObject({ code: 'sync_not_found' });
  await expect(replaying(first.id, other)).rejects.toMatchObject({
    ...{ code: 'sync_replay_unknown', message: expect.stringContaining('another mapping') },
  });
  const { epoch } = await resetMapping(world.context, job, commandLine);
  const reset = { ...job, mapping: { ...job.mapping, epoch } };
  await expect(replaying(first.id, reset)).rejects.toMatchObject({
    ...{ code: 'sync_replay_unknown', message: expect.stringContaining('was reset') },
  });
  await expect(planSync(world.context, reset, { replayOf: first.id })).rejects.toMatchObject({
    code: 'sync_replay_unknown',
  });
});

test('numbers are not given twice, although the history is forgotten', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(2));
  const job = await world.job();
  await runSync(world.context, job);
  await world.db.pool.query('DELETE FROM syncs');
  const second = await runSync(world.context, job);
  expect((await runSync(world.context, job, { replayOf: second.id })).counts).toMatchObject({ updated: 0 });
});
