import { describe, expect, test } from 'vitest';
import { isMillraceError } from '../base/errors.ts';
import { previewModel, testMapping } from './preview.ts';
import type { SyncContext } from './runner.ts';
import { openWorld, peopleTable } from './sync.test-support.ts';

/** The same, counting the rows that a warehouse gives, and the longest text of a query. */
function countingRows(context: SyncContext): {
  readonly context: SyncContext;
  readonly rows: () => number;
  readonly longest: () => number;
} {
  let count = 0;
  let longest = 0;
  const openWarehouse: SyncContext['openWarehouse'] = async (source) => {
    const warehouse = await context.openWarehouse(source);
    const begin = warehouse.snapshot.bind(warehouse);
    warehouse.snapshot = async (signal) => {
      const snapshot = await begin(signal);
      const [query, stream] = [snapshot.query.bind(snapshot), snapshot.stream.bind(snapshot)];
      snapshot.query = async (...given) => {
        const batch = await query(...given);
        count += batch.rows.length;
        for (const value of batch.rows.flat()) if (typeof value === 'string') longest = Math.max(longest, value.length);
        return batch;
      };
      snapshot.stream = async function* (...given) {
        for await (const batch of stream(...given)) {
          count += batch.rows.length;
          yield batch;
        }
      };
      return snapshot;
    };
    return warehouse;
  };
  return { context: { ...context, openWarehouse }, rows: () => count, longest: () => longest };
}

describe.each(['duckdb', 'postgres'] as const)('over %s', (engine) => {
  test('a row larger than a sync takes never leaves the warehouse: a preview and a test name its column', async () => {
    await using world = await openWorld({ engine });
    await world.sql(peopleTable(1));
    const counted = countingRows(world.context);
    const textsOf = (bytes: number) => `SELECT 1 AS id, repeat('x', ${bytes}) AS email, 'é' AS name`;
    const fits = await world.job({ query: textsOf(128 * 1024) });
    expect((await previewModel(world.context, fits)).rows[0]?.[1]).toHaveLength(128 * 1024);
    const { context } = counted;
    const tooLarge = await world.job({ query: textsOf(20_000_000) });
    for (const look of [previewModel, testMapping]) {
      await expect(look(context, tooLarge)).rejects.toMatchObject({
        code: 'row_too_large',
        message: 'Row 1 has more than 131072 bytes in the column email, the most that a sync takes.',
      });
    }
    expect(counted.longest()).toBe(0);
    const many = Array.from({ length: 5 }, (_, no) => `repeat('y', 120000) AS t${no}`).join(', ');
    await expect(previewModel(world.context, await world.job({ query: `SELECT 1 AS id, ${many}` }))).rejects.toThrow(
      'Row 1 has more than 524288 bytes',
    );
  });

  test('the preview shows ten rows with columns and types', async () => {
    await using world = await openWorld({ engine });
    await world.sql(peopleTable(25));
    const preview = await previewModel(
      world.context,
      await world.job({ query: 'SELECT * FROM people ORDER BY id; -- all' }),
    );
    expect(preview.columns).toMatchObject([
      { name: 'id', type: 'integer' },
      { name: 'email', type: 'string' },
      { name: 'name', type: 'string' },
    ]);
    expect(preview.rows).toHaveLength(10);
    expect(preview.rows[0]).toEqual([1, 'p1@example.org', 'Person 1']);
  });

  test('a preview and a test of a mapping read the first rows only: one far behind would fail them', async () => {
    await using world = await openWorld({ engine });
    await world.sql(peopleTable(1));
    const numbers = engine === 'duckdb' ? 'range(5000000) AS t (i)' : 'generate_series(1, 5000000) AS t (i)';
    const far = "CAST(CASE WHEN i = 4000000 THEN 'too far' ELSE '7' END AS integer)";
    const job = await world.job({ query: `SELECT i AS id, 'e' || i AS email, ${far} AS name FROM ${numbers}` });
    expect((await previewModel(world.context, job)).rows).toHaveLength(10);
    expect(await testMapping(world.context, job)).toMatchObject({ result: { kind: 'message' } });
    await using warehouse = await world.context.openWarehouse(job.source);
    await using snapshot = await warehouse.snapshot();
    const whole = `SELECT max(name) FROM ${warehouse.dialect.subquery(job.model.query)} AS model`;
    await expect(snapshot.query(whole)).rejects.toThrow();
  });

  test('a test of a mapping is given no more rows than a preview', async () => {
    await using world = await openWorld({ engine });
    await world.sql(peopleTable(5000));
    const job = await world.job();
    const [previewed, tested] = [countingRows(world.context), countingRows(world.context)];
    expect((await previewModel(previewed.context, job)).rows).toHaveLength(10);
    expect(previewed.rows()).toBe(10);
    expect((await testMapping(tested.context, job)).result.kind).toBe('message');
    expect(tested.rows()).toBeGreaterThan(0);
    expect(tested.rows()).toBeLessThanOrEqual(10);
  });

  test('a row is tested without sending it', async () => {
    await using world = await openWorld({ engine });
    await world.sql(peopleTable(25));
    const job = await world.job();
    const before = await world.dump();
    const tested = await testMapping(world.context, job, '17');
    expect(tested).toMatchObject({
      recordId: '17',
      kind: 'new',
      event: { event: 'new', properties: { id: 17, name: 'Person 17' }, __segment_id: '17' },
      payload: { user_id: '17' },
      result: {
        kind: 'message',
        space: world.space.writeKey,
        message: { type: 'identify', userId: '17', traits: { email: 'p17@example.org', name: 'Person 17' } },
      },
    });
    expect((await testMapping(world.context, job)).result.kind).toBe('message');
    expect(await world.dump()).toBe(before);
  });
});

test('a row that the trigger does not ask for, and one that is refused, say why', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(3));
  const picky = await world.job({ trigger: 'event = "updated" and properties.name = "nobody"' });
  expect(await testMapping(world.context, picky, '2')).toMatchObject({
    kind: 'updated',
    result: { kind: 'skipped', reason: expect.stringContaining('updated') },
  });
  const nameless = await world.job({ fields: { traits: {} } });
  expect((await testMapping(world.context, nameless, '2')).result).toEqual({
    kind: 'refused',
    code: 'PAYLOAD_VALIDATION_FAILED',
    reason: 'Either `Anonymous ID` or `User ID` must be defined.',
  });
});

test('a row that a sync leaves out as invalid is refused here too', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(1), `INSERT INTO people VALUES (NULL, 'a', 'n'), (7, 'b', 'n'), (7, 'c', 'n')`);
  const nullFirst = await world.job({ query: 'SELECT * FROM people ORDER BY id NULLS FIRST' });
  expect((await testMapping(world.context, nullFirst)).result).toMatchObject({
    kind: 'refused',
    code: 'identifier_null',
  });
  expect((await testMapping(world.context, nullFirst, '7')).result).toMatchObject({ code: 'identifier_duplicate' });
  expect((await testMapping(world.context, nullFirst, '1')).result.kind).toBe('message');
});

test('a deletion is tested as one', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(3));
  const tested = await testMapping(world.context, await world.job({ trigger: 'event = "deleted"' }), '2');
  expect(tested).toMatchObject({ kind: 'deleted', event: { properties: { email: null, name: null } } });
});

test('a row that is not there, and an empty model, are said to be so', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(0));
  const job = await world.job();
  for (const recordId of [undefined, "O'Brien"]) {
    const error = await testMapping(world.context, job, recordId).catch((reason: unknown) => reason);
    expect(isMillraceError(error, 'sync_row_not_found')).toBe(true);
  }
});
