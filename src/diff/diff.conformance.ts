/** What comparison promises, over a real warehouse of each engine. Numbers (C1 …) are those of docs/diff.md. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MakeWarehouse, TestWarehouse } from '../warehouse/warehouse.test-support.ts';
import type { RecordEntry, Row, Value } from '../warehouse/warehouse.ts';
import { type Change, type ChangeKind, type ChangesOptions, type CompareOptions, compare } from './diff.ts';

const table = 'records_m';
const all: ReadonlySet<ChangeKind> = new Set(['new', 'updated', 'deleted']);
const model = { query: 'SELECT * FROM people ORDER BY name LIMIT 1000000; -- all', identifierColumn: 'id' };

interface Compared {
  readonly counts: Readonly<Record<string, number>>;
  readonly changes: readonly Change[];
}

async function run(
  { warehouse }: TestWarehouse,
  options: Partial<CompareOptions> & { kinds?: ReadonlySet<ChangeKind>; query?: string } & ChangesOptions = {},
): Promise<Compared> {
  const compared = { ...model, query: options.query ?? model.query };
  await using comparison = await compare(warehouse, compared, {
    ...{ table, columns: options.columns ?? 'all' },
    ...(options.replay !== undefined && { replay: options.replay }),
  });
  const changes: Change[] = [];
  for await (const batch of comparison.changes(options.kinds ?? all, options)) changes.push(...batch.changes);
  return { counts: { ...comparison.counts }, changes };
}

/** Records changes as a sync does when they were delivered. */
async function deliver(
  { warehouse }: TestWarehouse,
  changes: readonly Change[],
  by: number | null = null,
): Promise<void> {
  const entries = changes.map(
    ({ recordId, checksum, revision }): RecordEntry => ({
      recordId,
      checksum,
      revision: revision + 1,
      deliveredBy: by,
    }),
  );
  await warehouse.prepareState(table);
  await warehouse.writeRecords(table, entries, false);
}

/** Compares, and delivers everything. */
async function sync(made: TestWarehouse, options: Parameters<typeof run>[1] = {}): Promise<Compared> {
  const compared = await run(made, options);
  await deliver(made, compared.changes);
  return compared;
}

const short = (changes: readonly Change[]) =>
  changes.map(({ kind, recordId, revision }) => `${kind} ${recordId} ${revision}`).sort();

const as = (no: number, kind: 'new' | 'updated' = 'updated') => ({ no, as: kind });

const none = { extracted: 0, added: 0, updated: 0, deleted: 0, unchanged: 0, invalid: 0 };

export function diffConformance(name: string, make: MakeWarehouse): void {
  const people = async (...rows: readonly (readonly [id: number | null, name: string])[]) => {
    const made = await make();
    await made.run('CREATE TABLE people (id bigint, name varchar, note varchar)');
    if (rows.length > 0) await made.run(`INSERT INTO people VALUES ${rows.map(valuesOf).join(', ')}`);
    return made;
  };
  const valuesOf = ([id, text]: readonly [number | null, string]) => `(${id}, '${text.replaceAll("'", "''")}', 'n')`;

  describe(`${name}: kinds of change`, () => kindTests(people));
  describe(`${name}: invalid rows`, () => invalidTests(people));
  describe(`${name}: replays`, () => replayTests(people));
  describe(`${name}: what is read`, () => readingTests(people, make));
  describe(`${name}: any history`, () => propertyTests(make));
}

function replayTests(people: People): void {
  test('C11 rows that one sync delivered last come as updates (or as new), whether they differ or not; its deletions while they are gone', async () => {
    const made = await people([1, 'Ann'], [2, 'Bob'], [3, 'Cy'], [4, 'Di'], [5, 'Ed'], [6, 'Flo']);
    await deliver(made, (await run(made)).changes, 1);
    await made.run("UPDATE people SET name = 'Bo' WHERE id = 2");
    await made.run('DELETE FROM people WHERE id IN (5, 6)');
    await deliver(made, (await run(made)).changes, 2);
    await made.run("UPDATE people SET name = 'Anna' WHERE id = 1");
    await made.run('DELETE FROM people WHERE id = 3');
    await made.run("INSERT INTO people VALUES (NULL, 'x', 'n'), (4, 'twice', 'n'), (6, 'back', 'n'), (7, 'new', 'n')");
    const first = await run(made, { replay: as(1) });
    expect(first.counts).toStrictEqual({ extracted: 7, added: 0, updated: 1, deleted: 0, unchanged: 3, invalid: 3 });
    expect(short(first.changes)).toStrictEqual(['updated 1 1']);
    expect(first.changes[0]).toMatchObject({ row: [1, 'Anna', 'n'], deliveredBy: 1 });
    const second = await run(made, { replay: as(2) });
    expect(second.counts).toStrictEqual({ extracted: 7, added: 0, updated: 1, deleted: 1, unchanged: 3, invalid: 3 });
    expect(short(second.changes)).toStrictEqual(['deleted 5 2', 'updated 2 2']);
    expect((await run(made, { replay: as(3) })).changes).toStrictEqual([]);
    // The same as new rows, with the revisions that they have.
    const asNew = await run(made, { replay: as(2, 'new') });
    expect(asNew.counts).toStrictEqual({ ...second.counts, added: 1, updated: 0 });
    expect(short(asNew.changes)).toStrictEqual(['deleted 5 2', 'new 2 2']);
    await using comparison = await compare(made.warehouse, model, { table, columns: 'all', replay: as(1) });
    expect(comparison.replayed).toStrictEqual({ known: 3, gone: 1 });
    expect(await comparison.goneRows(10)).toStrictEqual(['3']);
    // A usual comparison finds what differs, whoever delivered it.
    expect(short((await run(made)).changes)).toStrictEqual(['deleted 3 1', 'new 6 2', 'new 7 0', 'updated 1 1']);
  });

  test('C11 without records, or without marks in them, nothing can be replayed', async () => {
    const made = await people([1, 'Ann']);
    await expect(run(made, { replay: as(1) })).rejects.toMatchObject({ code: 'sync_replay_unknown' });
    await deliver(made, (await run(made)).changes, 1);
    await made.run(`ALTER TABLE ${made.warehouse.dialect.stateTable(table)} DROP COLUMN delivered_by`);
    await made.run("UPDATE people SET name = 'Anna'");
    expect((await run(made, { replay: as(1) })).counts).toStrictEqual({ ...none, extracted: 1, unchanged: 1 });
    expect((await run(made)).changes).toMatchObject([{ kind: 'updated', deliveredBy: null }]);
  });
}

type People = (...rows: readonly (readonly [id: number | null, name: string])[]) => Promise<TestWarehouse>;

function kindTests(people: People): void {
  test('C1 C2 first everything is new, then nothing is', async () => {
    const made = await people([1, 'Ann'], [2, 'Bob'], [3, "O'Brien 😀"]);
    const first = await sync(made);
    expect(first.counts).toStrictEqual({ ...none, extracted: 3, added: 3 });
    expect(short(first.changes)).toStrictEqual(['new 1 0', 'new 2 0', 'new 3 0']);
    expect(first.changes.find((change) => change.recordId === '3')?.row).toStrictEqual([3, "O'Brien 😀", 'n']);
    const second = await run(made);
    expect(second).toStrictEqual({ counts: { ...none, extracted: 3, unchanged: 3 }, changes: [] });
  });

  test('C3 comparing writes nothing', async () => {
    const made = await people([1, 'Ann']);
    await run(made);
    await run(made);
    expect(await made.warehouse.hasState(table)).toBe(false);
  });

  test('update, delete one of three, add', async () => {
    const made = await people([1, 'Ann'], [2, 'Bob'], [3, 'Cy']);
    await sync(made);
    await made.run("UPDATE people SET name = 'Anna' WHERE id = 1");
    await made.run('DELETE FROM people WHERE id = 2');
    await made.run("INSERT INTO people VALUES (4, 'Di', NULL)");
    const { counts, changes } = await sync(made);
    expect(counts).toStrictEqual({ extracted: 3, added: 1, updated: 1, deleted: 1, unchanged: 1, invalid: 0 });
    expect(short(changes)).toStrictEqual(['deleted 2 1', 'new 4 0', 'updated 1 1']);
    const gone = changes.find((change) => change.kind === 'deleted');
    expect(gone).toMatchObject({ checksum: null, row: [null, null, null] });
    expect(changes.at(-1)).toBe(gone);
    expect((await run(made)).changes).toStrictEqual([]);
  });

  test('C6 a record that comes back is new, and its revision goes on', async () => {
    const made = await people([1, 'Ann'], [2, 'Bob']);
    await sync(made);
    await made.run('DELETE FROM people');
    const emptied = await sync(made);
    expect(emptied.counts).toStrictEqual({ ...none, deleted: 2 });
    expect((await run(made)).counts).toStrictEqual(none);
    await made.run("INSERT INTO people VALUES (2, 'Bob', 'n')");
    const back = await sync(made);
    expect(short(back.changes)).toStrictEqual(['new 2 2']);
    await made.run('DELETE FROM people');
    expect(short((await run(made)).changes)).toStrictEqual(['deleted 2 3']);
  });

  test('C5 what was not recorded is offered again, with its newest values', async () => {
    const made = await people([1, 'Ann'], [2, 'Bob']);
    const first = await run(made);
    await deliver(made, first.changes.slice(0, 1));
    const [delivered, failed] = first.changes;
    await made.run(`UPDATE people SET name = 'Later' WHERE id = ${failed?.recordId}`);
    const second = await run(made);
    expect(second.changes).toMatchObject([{ kind: 'new', recordId: failed?.recordId, revision: 0 }]);
    expect(second.changes[0]?.row[1]).toBe('Later');
    expect(second.counts).toMatchObject({ added: 1, unchanged: 1 });
    expect(delivered?.recordId).not.toBe(failed?.recordId);
  });

  test('C5 a change that the trigger does not ask for is offered once', async () => {
    const made = await people([1, 'Ann']);
    const backfill = await run(made, { kinds: new Set(['updated']) });
    expect(backfill.counts.added).toBe(1);
    expect(backfill.changes).toStrictEqual([]);
    // A sync records what it skips as seen.
    await deliver(made, (await run(made)).changes);
    await made.run("UPDATE people SET name = 'Anna'");
    expect(short((await sync(made, { kinds: new Set(['updated']) })).changes)).toStrictEqual(['updated 1 1']);
    expect((await run(made)).counts).toStrictEqual({ ...none, extracted: 1, unchanged: 1 });
  });

  test('only the columns that count move the checksum', async () => {
    const made = await people([1, 'Ann'], [2, 'Bob']);
    await sync(made, { columns: ['id', 'name'] });
    await made.run("UPDATE people SET note = 'other'");
    expect((await run(made, { columns: ['name', 'id'] })).counts.unchanged).toBe(2);
    await made.run("UPDATE people SET name = 'Bo' WHERE id = 2");
    const { changes } = await run(made, { columns: ['id', 'name'] });
    expect(changes.map((change) => change.row)).toStrictEqual([[2, 'Bo', 'other']]);
    await expect(run(made, { columns: ['id', 'nmae'] })).rejects.toMatchObject({
      code: 'model_column_missing',
      message: expect.stringMatching(/"nmae".*id, name, note/),
    });
  });

  test('each kind by itself', async () => {
    const made = await people([1, 'Ann'], [2, 'Bob']);
    await sync(made);
    await made.run('DELETE FROM people WHERE id = 1');
    await made.run("UPDATE people SET name = 'Bo'");
    await made.run("INSERT INTO people VALUES (3, 'Cy', 'n'), (NULL, 'x', 'n')");
    for (const [kind, expected] of [
      ['new', 'new 3 0'],
      ['updated', 'updated 2 1'],
      ['deleted', 'deleted 1 1'],
    ] as const) {
      expect(short((await run(made, { kinds: new Set([kind]) })).changes)).toStrictEqual([expected]);
    }
    expect((await run(made, { kinds: new Set() })).changes).toStrictEqual([]);
  });
}

function invalidTests(people: People): void {
  test('C4 null and repeated identifiers are counted, listed and not sent', async () => {
    const made = await people(
      [1, 'Ann'],
      [2, 'Bob'],
      [2, 'Bob'],
      [2, 'Bobby'],
      [null, 'x'],
      [null, 'y'],
      [3, 'Cy'],
      [3, 'C'],
    );
    const { counts, changes } = await run(made);
    expect(counts).toStrictEqual({ ...none, extracted: 8, added: 1, invalid: 7 });
    expect(short(changes)).toStrictEqual(['new 1 0']);
    await using comparison = await compare(made.warehouse, model, { table, columns: 'all' });
    const invalid = [
      { recordId: null, reason: 'identifier_null', rows: 2 },
      { recordId: '2', reason: 'identifier_duplicate', rows: 3 },
      { recordId: '3', reason: 'identifier_duplicate', rows: 2 },
    ];
    expect(await comparison.invalidRows(10)).toStrictEqual(invalid);
    expect(await comparison.invalidRows(2)).toStrictEqual(invalid.slice(0, 2));
  });

  test('C4 a delivered record that becomes invalid is neither deleted nor changed', async () => {
    const made = await people([1, 'Ann'], [2, 'Bob']);
    await sync(made);
    await made.run("INSERT INTO people VALUES (2, 'Other', 'n')");
    const { counts, changes } = await run(made);
    expect(counts).toStrictEqual({ ...none, extracted: 3, unchanged: 1, invalid: 2 });
    expect(changes).toStrictEqual([]);
    await made.run("DELETE FROM people WHERE name = 'Bob'");
    expect(short((await run(made)).changes)).toStrictEqual(['updated 2 1']);
  });
}

function readingTests(people: People, make: MakeWarehouse): void {
  test('C7 every identifier exactly once while others write', async () => {
    const made = await people();
    await made.run(`INSERT INTO people SELECT i, 'name ' || i, NULL FROM generate_series(1, 12000) AS s(i)`);
    await using comparison = await compare(made.warehouse, model, { table, columns: 'all' });
    const seen: number[] = [];
    for await (const batch of comparison.changes(all, { batchSize: 1000 })) {
      seen.push(...batch.changes.map((change) => Number(change.recordId)));
      await made.run(`DELETE FROM people WHERE id % 97 = ${seen.length % 97}`);
      await made.run(`INSERT INTO people VALUES (${20_000 + seen.length}, 'late', NULL)`);
      await made.run(`UPDATE people SET id = id + 50000 WHERE id % 89 = ${seen.length % 89}`);
    }
    expect(seen.sort((a, b) => a - b)).toStrictEqual(Array.from({ length: 12_000 }, (_, index) => index + 1));
  });

  test('C8 a model that gives other rows each time is found out', async () => {
    const made = await people();
    await made.run(`INSERT INTO people SELECT i, 'name ' || i, NULL FROM generate_series(1, 4000) AS s(i)`);
    const query = 'SELECT * FROM people WHERE random() < 0.5';
    // Twice the same number of rows is possible, once in a hundred times.
    const results = [];
    for (let time = 0; time < 6; time++) results.push(await run(made, { query }).catch((error: unknown) => error));
    expect(results).toContainEqual(expect.objectContaining({ code: 'model_not_deterministic' }));
  });

  test('a limit leaves the rest for the next sync', async () => {
    const made = await people([1, 'a'], [2, 'b'], [3, 'c'], [4, 'd'], [5, 'e']);
    await sync(made, { limit: 3 });
    await made.run('DELETE FROM people WHERE id IN (SELECT min(id) FROM people)');
    const rest = await run(made);
    const { added = 0, unchanged = 0, deleted = 0 } = rest.counts;
    expect(added + unchanged + deleted).toBe(5);
    expect((await sync(made, { limit: 1 })).changes).toHaveLength(1);
    await sync(made, { limit: 100 });
    expect((await run(made)).changes).toStrictEqual([]);
  });

  test('identifiers of odd texts come back unharmed', async () => {
    const made = await make();
    const ids = ["O'Brien", '😀', '', ' ', 'a\\b', '"', 'עברית \u202e', '{1,2}', 'NULL', 'x'.repeat(100_000)];
    await made.run('CREATE TABLE t (id varchar, v integer)');
    for (const id of ids) await made.run(`INSERT INTO t VALUES ('${id.replaceAll("'", "''")}', 1)`);
    const query = 'SELECT * FROM t';
    const first = await sync(made, { query });
    expect(first.changes.map((change) => change.recordId).sort()).toStrictEqual([...ids].sort());
    expect((await run(made, { query })).counts.unchanged).toBe(ids.length);
    await made.run('UPDATE t SET v = 2');
    expect((await run(made, { query })).changes.map((change) => change.recordId).sort()).toStrictEqual([...ids].sort());
  });

  test('columns named like ours, and like nothing usual', async () => {
    const made = await make();
    const query = `SELECT 1 AS "millrace_record_id", 2 AS "millrace_checksum", 3 AS "id", 4 AS "select", 5 AS "a ""b", 6 AS "m", 7 AS "r"`;
    const first = await sync(made, { query });
    expect(first.changes.map((change) => change.row)).toStrictEqual([[1, 2, 3, 4, 5, 6, 7]]);
    expect((await run(made, { query })).counts.unchanged).toBe(1);
  });

  test('an empty model', async () => {
    const made = await people();
    expect(await run(made)).toStrictEqual({ counts: none, changes: [] });
  });

  test('values that became null are counted with the batch', async () => {
    const made = await make();
    const query = `SELECT 1 AS id, CAST('NaN' AS double precision) AS v`;
    await using comparison = await compare(made.warehouse, { ...model, query }, { table, columns: 'all' });
    for await (const batch of comparison.changes(all)) expect(batch.notFinite).toBe(1);
  });

  test('a cancelled comparison lets go of the warehouse', async () => {
    const made = await people([1, 'Ann']);
    const options = { table, columns: 'all' as const, signal: AbortSignal.abort() };
    await expect(compare(made.warehouse, model, options)).rejects.toMatchObject({ code: 'cancelled' });
    expect((await run(made)).counts.added).toBe(1);
  });

  test('what a model lacks or has too much of', async () => {
    const made = await people([1, 'Ann']);
    const check = (query: string, identifierColumn = 'id') =>
      compare(made.warehouse, { query, identifierColumn }, { table, columns: 'all' });
    await expect(check('SELECT * FROM people', 'ID')).rejects.toMatchObject({
      code: 'model_identifier_missing',
      message: expect.stringContaining('id, name, note'),
    });
    const wide = (count: number) =>
      `SELECT 1 AS id, ${Array.from({ length: count - 1 }, (_, i) => `1 AS c${i}`).join(', ')}`;
    await using comparison = await check(wide(512));
    expect(comparison.columns).toHaveLength(512);
    expect(comparison.counts.added).toBe(1);
    await expect(check(wide(513))).rejects.toMatchObject({ code: 'model_too_large', message: /513 columns/ });
    await expect(check(`SELECT 1 AS id -- ${'x'.repeat(65_535)}`)).rejects.toMatchObject({ code: 'model_too_large' });
    await expect(check('SELECT 1 AS id', 'i'.repeat(192))).rejects.toMatchObject({ code: 'model_too_large' });
    await expect(check('SELECT 1; SELECT 2')).rejects.toMatchObject({ code: 'model_sql_multiple' });
  });
}

/** A table as people see it: id → values. Null ids and repeated ids are rows like others. */
interface RandomRow {
  readonly id: number | null;
  readonly a: string | null;
  readonly b: number | null;
}

const randomRow: fc.Arbitrary<RandomRow> = fc.record({
  id: fc.option(fc.integer({ min: 1, max: 12 }), { freq: 12 }),
  a: fc.option(fc.constantFrom('', 'a', 'b', "it's", 'NULL', '😀', 'a,b')),
  b: fc.option(fc.integer({ min: 0, max: 3 })),
});

function propertyTests(make: MakeWarehouse): void {
  test('C1 C2 C5 apply(diff(a, b), a) = b, whatever is delivered on the way', async () => {
    const made = await make();
    await made.run('CREATE TABLE people (name varchar, id integer, b integer)');
    await made.warehouse.prepareState(table);
    const steps = fc.array(fc.tuple(fc.array(randomRow, { maxLength: 14 }), fc.integer({ min: 0, max: 20 })), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        await made.warehouse.dropState(table);
        const image = new Map<string, Row>();
        for (const [rows, delivered] of history) {
          await fill(made, rows);
          await step(made, rows, image, delivered);
        }
        const last = history.at(-1)?.[0] ?? [];
        await step(made, last, image, Number.POSITIVE_INFINITY);
        expect(image).toStrictEqual(expectedImage(last, image));
        expect((await run(made)).changes).toStrictEqual([]);
      }),
      { numRuns: 40 },
    );
  });
}

async function fill(made: TestWarehouse, rows: readonly RandomRow[]): Promise<void> {
  await made.run('DELETE FROM people');
  if (rows.length === 0) return;
  const text = (value: string | null) => (value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`);
  await made.run(`INSERT INTO people VALUES ${rows.map((row) => `(${text(row.a)}, ${row.id}, ${row.b})`).join(', ')}`);
}

function validRows(rows: readonly RandomRow[]): ReadonlyMap<string, Row> {
  const copies = (id: number | null) => rows.filter((row) => row.id === id).length;
  const valid = rows.filter((row) => row.id !== null && copies(row.id) === 1);
  return new Map(valid.map((row): [string, Value[]] => [String(row.id), [row.a, row.id, row.b]]));
}

/** The valid rows, and what was delivered of those whose id is repeated now. */
function expectedImage(rows: readonly RandomRow[], image: ReadonlyMap<string, Row>): ReadonlyMap<string, Row> {
  const repeated = (id: string) => rows.filter((row) => String(row.id) === id).length > 1;
  return new Map([...validRows(rows), ...[...image].filter(([id]) => repeated(id))]);
}

/** One sync that delivers the first changes only: each must be right, and the counts must add up. */
async function step(
  made: TestWarehouse,
  rows: readonly RandomRow[],
  image: Map<string, Row>,
  delivered: number,
): Promise<void> {
  const { counts, changes } = await run(made);
  const valid = validRows(rows);
  const { extracted, added, updated, unchanged, invalid } = counts as Record<string, number>;
  expect(extracted).toBe(rows.length);
  expect((added ?? 0) + (updated ?? 0) + (unchanged ?? 0) + (invalid ?? 0)).toBe(extracted);
  expect(invalid).toBe(rows.length - valid.size);
  const seen = new Set(changes.map((change) => change.recordId));
  expect(seen.size).toBe(changes.length);
  for (const [id, row] of valid) if (!seen.has(id)) expect(image.get(id)).toStrictEqual(row);
  const first = changes.slice(0, delivered);
  for (const change of first) {
    expect(change.kind === 'new').toBe(!image.has(change.recordId));
    if (change.kind === 'deleted') {
      expect(rows.some((row) => String(row.id) === change.recordId)).toBe(false);
      image.delete(change.recordId);
    } else {
      expect(change.row).toStrictEqual(valid.get(change.recordId));
      image.set(change.recordId, change.row);
    }
  }
  await deliver(made, first);
}
