import { describe, expect, test } from 'vitest';
import { syncRows } from './history.ts';
import type { Sync } from './records.ts';
import { fakeEndpoint, openWorld, peopleTable, refused } from './sync.test-support.ts';
import { planSync, runSync } from './sync.ts';

/** D1: every change is settled, and every row is counted once. */
function expectAllSettled({ counts }: Sync): void {
  expect(counts.remaining).toBe(0);
  expect(counts.delivered + counts.refused + counts.skipped + counts.givenUp).toBe(
    counts.added + counts.updated + counts.deleted,
  );
  expect(counts.added + counts.updated + counts.unchanged + counts.invalid).toBe(counts.extracted);
}

describe.each(['duckdb', 'postgres'] as const)('from %s into the space', (engine) => {
  test('a first sync delivers every row, a second one nothing, a third one what changed', async () => {
    await using world = await openWorld({ engine, settings: { batchSize: 10, lumpSize: 25 } });
    await world.sql(peopleTable(100));
    const job = await world.job();

    const first = await runSync(world.context, job);
    expect(first).toMatchObject({ state: 'succeeded', reason: null });
    expect(first.counts).toMatchObject({ extracted: 100, added: 100, delivered: 100, unchanged: 0 });
    expect(first.effects).toMatchObject({ profilesCreated: 100 });
    expectAllSettled(first);
    expect(await world.traits('7')).toEqual({ email: 'p7@example.org', name: 'Person 7' });
    expect(Object.keys((await world.records(job)) ?? {})).toHaveLength(100);

    const second = await runSync(world.context, job);
    expect(second.state).toBe('succeeded');
    expect(second.counts).toMatchObject({
      extracted: 100,
      added: 0,
      updated: 0,
      deleted: 0,
      unchanged: 100,
      delivered: 0,
    });

    await world.sql(
      `UPDATE people SET name = 'Changed' WHERE id <= 3`,
      'DELETE FROM people WHERE id = 50',
      `INSERT INTO people VALUES (101, 'p101@example.org', 'Person 101')`,
    );
    const third = await runSync(world.context, job);
    expect(third.counts).toMatchObject({ added: 1, updated: 3, deleted: 1, unchanged: 96, delivered: 5 });
    expectAllSettled(third);
    expect(await world.traits('3')).toMatchObject({ name: 'Changed' });
    expect((await world.records(job))?.['50']).toBe('gone@2');
  });

  test('D3: with nothing changed, nothing is written outside the history', async () => {
    await using world = await openWorld({ engine });
    await world.sql(peopleTable(20));
    const job = await world.job();
    await runSync(world.context, job);
    const history = /^(syncs|sync_rows|sync_numbers)$/;
    const withoutHistory = async () => {
      const lines = (await world.dump()).split('\n');
      const kept: string[] = [];
      let table = '';
      for (const line of lines) {
        if (line.startsWith('public.')) table = line.slice(7);
        if (!history.test(table)) kept.push(line);
      }
      return kept.join('\n');
    };
    const before = await withoutHistory();
    await runSync(world.context, job);
    expect(await withoutHistory()).toBe(before);
    expect(before).toContain('public.profiles');
  });

  test('an empty model writes nothing in the warehouse, not even our schema', async () => {
    await using world = await openWorld({ engine });
    await world.sql(peopleTable(0));
    const job = await world.job();
    const sync = await runSync(world.context, job);
    expect(sync).toMatchObject({ state: 'succeeded', counts: { extracted: 0 } });
    expect(await world.records(job)).toBeNull();
  });

  test('deletes are seen: one of three, all, and a row that comes back', async () => {
    await using world = await openWorld({ engine });
    await world.sql(peopleTable(3));
    const job = await world.job();
    await runSync(world.context, job);
    await world.sql('DELETE FROM people WHERE id = 2');
    expect((await runSync(world.context, job)).counts).toMatchObject({ deleted: 1, delivered: 1, unchanged: 2 });
    expect((await runSync(world.context, job)).counts).toMatchObject({ deleted: 0, delivered: 0 });
    await world.sql('DELETE FROM people');
    expect((await runSync(world.context, job)).counts).toMatchObject({ deleted: 2, delivered: 2 });
    await world.sql(`INSERT INTO people VALUES (2, 'p2@example.org', 'Person 2')`);
    expect((await runSync(world.context, job)).counts).toMatchObject({ added: 1, delivered: 1 });
    expect((await world.records(job))?.['2']).toMatch(/@3$/);
  });

  test('25,000 rows with one timestamp arrive, each once', async () => {
    await using world = await openWorld({ engine });
    await world.sql(
      `CREATE TABLE people AS SELECT i AS id, 'x' AS email, 'y' AS name, TIMESTAMP '2026-01-01' AS at
       FROM generate_series(1, 25000) AS t (i)`,
    );
    const endpoint = fakeEndpoint();
    const job = await world.job();
    const sync = await runSync(world.withEndpoint(endpoint), job);
    expect(sync.counts.delivered).toBe(25_000);
    expect(new Set(endpoint.given.map(({ message }) => message.userId)).size).toBe(25_000);
    expect((await runSync(world.withEndpoint(endpoint), job)).counts.delivered).toBe(0);
  });
});

describe('what a trigger does not ask for', () => {
  test('is recorded as seen and offered once', async () => {
    await using world = await openWorld();
    await world.sql(peopleTable(10));
    const job = await world.job({ trigger: 'event = "updated"' });
    const first = await runSync(world.context, job);
    expect(first).toMatchObject({ state: 'succeeded', counts: { added: 10, skipped: 10, delivered: 0 } });
    expectAllSettled(first);
    await world.sql(`UPDATE people SET name = 'x' WHERE id = 1`, 'DELETE FROM people WHERE id = 2');
    const second = await runSync(world.context, job);
    expect(second.counts).toMatchObject({ added: 0, updated: 1, deleted: 1, delivered: 1, skipped: 1, unchanged: 8 });
    expect((await world.records(job))?.['2']).toBe('gone@2');
    expect((await runSync(world.context, job)).counts).toMatchObject({ skipped: 0, delivered: 0, unchanged: 9 });
  });

  test('can depend on the row', async () => {
    await using world = await openWorld();
    await world.sql(peopleTable(10));
    const job = await world.job({ trigger: 'event = "new" and properties.name = "Person 4"' });
    expect((await runSync(world.context, job)).counts).toMatchObject({ added: 10, delivered: 1, skipped: 9 });
    expect(await world.traits('4')).toEqual({ email: 'p4@example.org', name: 'Person 4' });
    expect(await world.traits('5')).toBeNull();
  });
});

test('a change in a column that no field uses costs nothing', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(10), 'ALTER TABLE people ADD COLUMN seen INTEGER DEFAULT 0');
  const job = await world.job({ query: 'SELECT * FROM people' });
  await runSync(world.context, job);
  await world.sql('UPDATE people SET seen = id');
  expect((await runSync(world.context, job)).counts).toMatchObject({ updated: 0, unchanged: 10 });
});

test('odd text arrives unharmed', async () => {
  await using world = await openWorld();
  const texts = ["O'Brien", 'emoji \u{1f9ea}', '\u05e9\u05dc\u05d5\u05dd', 'a'.repeat(100_000), 'tab\tline\nend\\'];
  const rows = texts.map((text, at) => `(${at}, '${text.replaceAll("'", "''")}', 'n')`);
  await world.sql('CREATE TABLE people (id INTEGER, email VARCHAR, name VARCHAR)', `INSERT INTO people VALUES ${rows}`);
  const endpoint = fakeEndpoint();
  await runSync(world.withEndpoint(endpoint), await world.job());
  const emails = endpoint.given.map(({ message }) => (message.traits as { email: string }).email);
  expect(emails.sort()).toEqual([...texts].sort());
});

test('null and repeated identifiers are listed as invalid, the rest goes on', async () => {
  await using world = await openWorld();
  await world.sql(
    'CREATE TABLE people (id INTEGER, email VARCHAR, name VARCHAR)',
    `INSERT INTO people VALUES (1, 'a', 'a'), (2, 'b', 'b'), (2, 'c', 'c'), (NULL, 'd', 'd'), (NULL, 'e', 'e')`,
  );
  const job = await world.job();
  const sync = await runSync(world.context, job);
  expect(sync).toMatchObject({ state: 'succeeded', counts: { extracted: 5, added: 1, invalid: 4, delivered: 1 } });
  const { items } = await syncRows(world.db, sync.id, 'invalid');
  expect(items).toHaveLength(2);
  expect(items).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ kind: 'invalid', recordId: null, rows: 2, code: 'identifier_null' }),
      expect.objectContaining({ kind: 'invalid', recordId: '2', rows: 2, code: 'identifier_duplicate' }),
    ]),
  );
});

test('a sync whose rows are all invalid fails', async () => {
  await using world = await openWorld();
  await world.sql('CREATE TABLE people AS SELECT 1 AS id, 2 AS email, 3 AS name FROM generate_series(1, 4)');
  const sync = await runSync(world.context, await world.job());
  expect(sync).toMatchObject({ state: 'failed', code: 'sync_all_invalid', counts: { extracted: 4, invalid: 4 } });
});

test('NaN and infinities are taken as null, with a warning', async () => {
  await using world = await openWorld();
  await world.sql(
    `CREATE TABLE people AS SELECT 1 AS id, 'NaN'::DOUBLE AS email, 'infinity'::DOUBLE AS name`,
    `INSERT INTO people VALUES (2, 1.5, 2.5)`,
  );
  const sync = await runSync(world.context, await world.job());
  expect(sync.warnings).toEqual([expect.stringContaining('2 values')]);
  expect(await world.traits('2')).toEqual({ email: 1.5, name: 2.5 });
});

test('a member named __proto__, which no mapping can pass on, is left out with a warning', async () => {
  await using world = await openWorld();
  await world.sql(`CREATE TABLE people AS
    SELECT i AS id, 'p' || i AS "__proto__", 'c' AS constructor, 'My' AS "My Id", '{"__proto__": 1, "a": 2}'::JSON AS doc
    FROM range(1, 4) t (i)`);
  const query = 'SELECT * FROM people';
  const whole = await world.job({
    query,
    fields: { user_id: { '@path': '$.properties.id' }, traits: { '@path': '$.properties' } },
  });
  const left = (rows: number) => expect.stringContaining(`In ${rows} rows, what is named __proto__ is left out`);
  expect((await planSync(world.context, whole)).warnings).toEqual([left(3)]);
  expect(await runSync(world.context, whole)).toMatchObject({ state: 'succeeded', warnings: [left(3)] });
  expect(await world.traits('1')).toEqual({ id: 1, constructor: 'c', 'My Id': 'My', doc: { a: 2 } });

  // Named by a path it has another name in the message, and nothing is lost.
  const named = await world.job({
    query,
    fields: { user_id: { '@path': '$.properties.id' }, traits: { proto: { '@path': '$.properties.__proto__' } } },
  });
  expect((await runSync(world.context, named)).warnings).toEqual([]);
  expect(await world.traits('1')).toMatchObject({ proto: 'p1' });
});

test('more changes than one sync takes wait for the next', async () => {
  await using world = await openWorld({ settings: { batchSize: 10, recordsPerSync: 25 } });
  await world.sql(peopleTable(60));
  const job = await world.job();
  const counts = [];
  for (let n = 0; n < 4; n++) {
    const sync = await runSync(world.context, job);
    counts.push([sync.state, sync.counts.delivered, sync.counts.remaining]);
  }
  expect(counts).toEqual([
    ['partially succeeded', 25, 35],
    ['partially succeeded', 25, 10],
    ['succeeded', 10, 0],
    ['succeeded', 0, 0],
  ]);
});

test('progress is told, and ends at the total', async () => {
  await using world = await openWorld({ settings: { batchSize: 10 } });
  await world.sql(peopleTable(35));
  const told: string[] = [];
  await runSync(world.context, await world.job(), {
    onProgress: ({ phase, settled, total }) => told.push(`${phase} ${settled}/${total}`),
  });
  expect(told).toEqual(['extracting 0/0', 'loading 0/35', ...[10, 20, 30, 35].map((n) => `loading ${n}/35`)]);
});

test('progress tells how many rows were read', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(5));
  const job = await world.job();
  await runSync(world.context, job);
  let extracted = 0;
  await runSync(world.context, job, {
    onProgress: (progress) => {
      extracted = progress.extracted;
    },
  });
  expect(extracted).toBe(5);
});

test.each(['duckdb', 'postgres'] as const)(
  'rows that fail and are given up do not keep the others over the limit out: %s',
  async (engine) => {
    await using world = await openWorld({ engine, settings: { batchSize: 4, recordsPerSync: 10, retrySyncs: 2 } });
    await world.sql(peopleTable(30));
    const job = await world.job();
    const endpoint = fakeEndpoint(({ message }) => (Number(message.userId) <= 12 ? refused : { kind: 'delivered' }));
    const met: string[] = [];
    for (let n = 0; n < 6; n++) {
      const { counts } = await runSync(world.withEndpoint(endpoint), job);
      expect(counts.delivered + counts.refused - counts.retried).toBeLessThanOrEqual(10);
      met.push(`${counts.givenUp} ${counts.remaining}`);
    }
    expect(met.slice(-1)).toEqual(['12 0']);
    expect(Object.keys((await world.records(job)) ?? {})).toHaveLength(18);
  },
);

test('rows that fail among kinds of change that are only recorded do not keep the others out either', async () => {
  await using world = await openWorld({ settings: { recordsPerSync: 2, retrySyncs: 2 } });
  await world.sql(
    'CREATE TABLE people AS SELECT repeat(chr(64 + i::INTEGER), 3000) AS id, 1 AS n FROM generate_series(1, 2) t (i)',
    `INSERT INTO people SELECT 'p' || i, 1 FROM generate_series(1, 3) t (i)`,
  );
  const fields = { user_id: { '@path': '$.__segment_id' } };
  const job = await world.job({ query: 'SELECT id, n FROM people', fields, trigger: 'event = "deleted"' });
  for (let n = 0; n < 4; n++) await runSync(world.context, job);
  expect((await runSync(world.context, job)).counts).toMatchObject({ givenUp: 2, unchanged: 3, remaining: 0 });
});
