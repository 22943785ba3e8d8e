/** What every warehouse engine must do. Each engine's test file runs this with a factory of real, empty warehouses. */
import { describe, expect, test } from 'vitest';
import { type MakeWarehouse, readAll } from './warehouse.test-support.ts';
import type { Column, Row, Snapshot, Warehouse } from './warehouse.ts';

const numbers = (count: number) => `(SELECT CAST(i AS bigint) AS i FROM generate_series(1, ${count}) AS s(i))`;

/** SQL that both engines understand, the type it has for us, and its value. */
const commonValues: readonly (readonly [sql: string, type: string, value: unknown])[] = [
  ['CAST(1 AS smallint)', 'integer', 1],
  ['CAST(-2147483648 AS integer)', 'integer', -2147483648],
  ['CAST(9007199254740991 AS bigint)', 'integer', 9007199254740991],
  ['CAST(9007199254740993 AS bigint)', 'integer', '9007199254740993'],
  ["CAST('-9223372036854775808' AS bigint)", 'integer', '-9223372036854775808'],
  ["CAST('12.50' AS numeric(12,2))", 'decimal', 12.5],
  ["CAST('-0.00' AS numeric(12,2))", 'decimal', 0],
  ["CAST('12345678901234567890.1234567890' AS numeric(38,10))", 'decimal', '12345678901234567890.123456789'],
  ["CAST('0.1000000000' AS numeric(38,10))", 'decimal', 0.1],
  ["CAST('0.0000001' AS numeric(38,10))", 'decimal', '0.0000001'],
  ["CAST('9007199254740993' AS numeric(38,0))", 'decimal', '9007199254740993'],
  ["CAST('9007199254740991' AS numeric(38,0))", 'decimal', 9007199254740991],
  ["CAST('0.1' AS real)", 'number', 0.1],
  ["CAST('16777217' AS double precision)", 'number', 16777217],
  ["CAST('1e300' AS double precision)", 'number', 1e300],
  ["CAST('NaN' AS double precision)", 'number', null],
  ["CAST('-Infinity' AS real)", 'number', null],
  ['CAST(NULL AS integer)', 'integer', null],
  ['true', 'boolean', true],
  ["'it''s'", 'string', "it's"],
  ["''", 'string', ''],
  ["'null'", 'string', 'null'],
  ["'😀 é עברית \u202e'", 'string', '😀 é עברית \u202e'],
  ["repeat('ä', 51200)", 'string', 'ä'.repeat(51200)],
  ["TIMESTAMP '2026-03-01 09:30:00'", 'timestamp', '2026-03-01T09:30:00.000Z'],
  ["TIMESTAMP '2026-03-01 09:30:00.5'", 'timestamp', '2026-03-01T09:30:00.500Z'],
  ["TIMESTAMP '2026-03-01 09:30:00.000001'", 'timestamp', '2026-03-01T09:30:00.000001Z'],
  ["TIMESTAMP '1969-12-31 23:59:59.999999'", 'timestamp', '1969-12-31T23:59:59.999999Z'],
  ["TIMESTAMP '1582-10-04 00:00:00'", 'timestamp', '1582-10-04T00:00:00.000Z'],
  ["TIMESTAMP '9999-12-31 23:59:59.999999'", 'timestamp', '9999-12-31T23:59:59.999999Z'],
  ["TIMESTAMP '12026-01-02 03:04:05'", 'timestamp', '+012026-01-02T03:04:05.000Z'],
  ["TIMESTAMP 'infinity'", 'timestamp', null],
  // Days on which clocks change in many places: nothing moves.
  ["TIMESTAMP '2026-03-29 02:30:00'", 'timestamp', '2026-03-29T02:30:00.000Z'],
  ["CAST('2026-03-29 02:30:00+01:00' AS timestamp with time zone)", 'timestamp', '2026-03-29T01:30:00.000Z'],
  ["CAST('2026-10-25 02:30:00.25-05:30' AS timestamp with time zone)", 'timestamp', '2026-10-25T08:00:00.250Z'],
  ["DATE '2026-02-28'", 'date', '2026-02-28'],
  ["DATE '2024-02-29'", 'date', '2024-02-29'],
  ["DATE 'infinity'", 'date', null],
  ["TIME '09:30:00'", 'time', '09:30:00'],
  ["TIME '23:59:59.000500'", 'time', '23:59:59.0005'],
  ["INTERVAL '1 year 2 months 3 days 4 hours 5 minutes 6.5 seconds'", 'string', 'P1Y2M3DT4H5M6.5S'],
  ["INTERVAL '0 seconds'", 'string', 'PT0S'],
  ["INTERVAL '-36 hours'", 'string', 'PT-36H'],
  ["CAST('00000000-0000-0000-0000-0000000000ff' AS uuid)", 'string', '00000000-0000-0000-0000-0000000000ff'],
  ["CAST('10101' AS bit(5))", 'string', '10101'],
  [
    `CAST('{"b": [1, 2.50, null], "a": 9007199254740993}' AS json)`,
    'json',
    { b: [1, 2.5, null], a: '9007199254740993' },
  ],
  [`CAST('{"n": 1e5, "e": "1e999999 12345678901234567890", "h": 1e999}' AS json)`, 'json', jsonWithNumbers()],
  [`CAST('{"__proto__": 1}' AS json)`, 'json', JSON.parse('{"__proto__": 1}')],
  [`CAST('null' AS json)`, 'json', null],
  ['ARRAY[1, NULL, 3]', 'json', [1, null, 3]],
  [
    'ARRAY[ARRAY[1, 2], ARRAY[3, 4]]',
    'json',
    [
      [1, 2],
      [3, 4],
    ],
  ],
  [`ARRAY['a,b', 'c"d', '', 'NULL', '\\', '{}']`, 'json', ['a,b', 'c"d', '', 'NULL', '\\', '{}']],
  ["ARRAY[TIMESTAMP '2026-03-01 09:30:00', NULL]", 'json', ['2026-03-01T09:30:00.000Z', null]],
];

function jsonWithNumbers(): unknown {
  return { n: 100_000, e: '1e999999 12345678901234567890', h: '1e999' };
}

const acceptedModels: readonly (readonly [sql: string, rows: number])[] = [
  ['SELECT id FROM people', 5],
  ['  SELECT id FROM people;  ', 5],
  ['SELECT id FROM people; -- the end', 5],
  ['SELECT id FROM people -- no end; ', 5],
  ['SELECT id FROM people /* a /* nested */ comment; */', 5],
  ['-- first\nSELECT id FROM people\n-- last', 5],
  ['SELECT id FROM people ORDER BY id DESC LIMIT 3', 3],
  ["SELECT id FROM people WHERE name <> 'limit 5; --'", 5],
  ['SELECT id FROM people WHERE name <> $$it;s$$ AND name <> $x$ $$ ; $x$', 5],
  ["SELECT id FROM people WHERE name <> E'it\\'s; --'", 5],
  ['WITH a AS (SELECT id FROM people), b AS (SELECT id FROM a) SELECT id FROM b;', 5],
  ['WITH people AS (SELECT id FROM people) SELECT id FROM people', 5],
  ['WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 4) SELECT id FROM n', 4],
  ['(SELECT id FROM people) UNION ALL (SELECT id FROM people)', 10],
  ['VALUES (1), (2)', 2],
  ['SELECT id, name AS "update; delete", 1 AS "into" FROM people', 5],
  ['SELECT id AS w, name AS n FROM people AS m', 5],
  ['SELECT id FROM people WHERE false', 0],
];

const refusedModels: readonly (readonly [sql: string, code: string, text: RegExp])[] = [
  ['', 'model_sql_empty', /no statement/],
  [' ; ', 'model_sql_empty', /no statement/],
  ['-- only words', 'model_sql_empty', /no statement/],
  ['SELECT 1; SELECT 2', 'model_sql_multiple', /1:11/],
  ['SELECT 1;;', 'model_sql_multiple', /second statement/],
  ['INSERT INTO people VALUES (9)', 'model_sql_writes', /INSERT/],
  ['/* SELECT */ UPDATE people SET id = 1', 'model_sql_writes', /UPDATE/],
  ['DELETE FROM people', 'model_sql_writes', /DELETE/],
  ['DROP TABLE people', 'model_sql_writes', /DROP/],
  ['CREATE TABLE x AS SELECT 1', 'model_sql_writes', /CREATE/],
  ["COPY people TO '/tmp/people.csv'", 'model_sql_writes', /COPY/],
  ["SET TimeZone = 'Asia/Tokyo'", 'model_sql_writes', /SET/],
  ['EXPLAIN SELECT 1', 'model_sql_writes', /EXPLAIN/],
  ['CALL something()', 'model_sql_writes', /CALL/],
  ['BEGIN', 'model_sql_writes', /BEGIN/],
  ['WITH x AS (SELECT 1) DELETE FROM people', 'model_sql_writes', /DELETE/],
  ['WITH x AS (DELETE FROM people RETURNING id) SELECT id FROM x', 'model_sql_writes', /DELETE/],
  ['SELECT id FROM people FOR UPDATE', 'model_sql_writes', /lock/],
  ['SELECT 1) AS a UNION (SELECT 2', 'model_sql_faulty', /1:9/],
  ['SELECT id\nFROM nowhere', 'model_sql_faulty', /nowhere.*\(at 2:6\)/],
  ["SELECT '😀é' AS a, missing FROM people", 'model_sql_faulty', /missing.*\(at 1:20\)/],
  ["SELECT '😀', FROM FROM people", 'model_sql_faulty', /\(at 1:1[3-9]\)/],
  ["SELECT 'open", 'model_sql_faulty', /string that begins at 1:8/],
  ['SELECT 1 /* open /* */', 'model_sql_faulty', /comment that begins at 1:10/],
  ['SELECT $1', 'model_sql_faulty', /parameter/],
  ['SELECT 1 AS a, 2 AS b, 3 AS a', 'model_columns_duplicate', /"a"/],
];

export function warehouseConformance(name: string, make: MakeWarehouse): void {
  describe(`${name}: values`, () => valueTests(make));
  describe(`${name}: models`, () => modelTests(make));
  describe(`${name}: snapshots`, () => snapshotTests(make));
  describe(`${name}: checksums`, () => checksumTests(make));
  describe(`${name}: state`, () => stateTests(make));
}

/** Compares values and types of expressions; engines call it with what only they have. */
export async function expectValues(
  warehouse: Warehouse,
  values: readonly (readonly [sql: string, type: string, value: unknown])[],
): Promise<void> {
  await using snapshot = await warehouse.snapshot();
  for (const [sql, type, value] of values) {
    const batch = await snapshot.query(`SELECT ${sql} AS v`);
    expect({ sql, type: batch.columns[0]?.type, value: batch.rows[0]?.[0] }).toStrictEqual({ sql, type, value });
    // A model that an engine describes has the types that its rows then have.
    expect((await warehouse.describe(`SELECT ${sql} AS v`))[0]).toStrictEqual(batch.columns[0]);
  }
}

function valueTests(make: MakeWarehouse): void {
  test('every type arrives exact', async () => {
    const { warehouse } = await make();
    await expectValues(warehouse, commonValues);
  });

  test('NaN and infinities are counted where they become null, also inside lists', async () => {
    const { warehouse } = await make();
    await using snapshot = await warehouse.snapshot();
    const nan = "CAST('NaN' AS double precision)";
    const batch = await snapshot.query(
      `SELECT ${nan} AS a, ARRAY[${nan}, 1.5, ${nan}] AS b, DATE 'infinity' AS c, 1 AS d`,
    );
    expect(batch.rows).toStrictEqual([[null, [null, 1.5, null], null, 1]]);
    expect(batch.notFinite).toBe(4);
    expect((await snapshot.query('SELECT 1 AS a')).notFinite).toBe(0);
  });

  test('texts of every length side by side', async () => {
    const { warehouse } = await make();
    const length = '(CASE WHEN i % 7 = 0 THEN i * 3 ELSE i % 40 END)';
    const rows = await readAll(
      warehouse,
      `SELECT i, CASE WHEN i % 11 = 0 THEN NULL ELSE repeat('é', CAST(${length} AS integer)) END AS v FROM ${numbers(5000)} AS n ORDER BY i`,
    );
    expect(rows).toHaveLength(5000);
    for (const [i, value] of rows as readonly [number, string | null][]) {
      const expected = i % 11 === 0 ? null : 'é'.repeat(i % 7 === 0 ? i * 3 : i % 40);
      if (value !== expected) expect({ i, value }).toStrictEqual({ i, value: expected });
    }
  });
}

function modelTests(make: MakeWarehouse): void {
  const people = 'CREATE TABLE people (id integer, name varchar)';
  const five = "INSERT INTO people VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')";

  test('accepted text is one subquery', async () => {
    const { warehouse, run } = await make();
    await run(people);
    await run(five);
    for (const [sql, count] of acceptedModels) {
      const columns = await warehouse.describe(sql);
      const rows = await readAll(warehouse, `SELECT * FROM ${warehouse.dialect.subquery(sql)} AS m`);
      expect({ sql, count: rows.length }).toStrictEqual({ sql, count });
      for (const row of rows) expect(row).toHaveLength(columns.length);
    }
  });

  test.each(refusedModels)('refuses %s', async (sql, code, text) => {
    const { warehouse, run } = await make();
    await run(people);
    await expect(warehouse.describe(sql)).rejects.toMatchObject({ code, message: expect.stringMatching(text) });
  });

  test('describing does not run the query', async () => {
    const { warehouse } = await make();
    const endless = `SELECT a.i FROM ${numbers(1e6)} AS a, ${numbers(1e6)} AS b, ${numbers(1e6)} AS c ORDER BY b.i`;
    const columns = await warehouse.describe(endless);
    expect(columns).toStrictEqual<Column[]>([{ name: 'i', type: 'integer', nativeType: columns[0]?.nativeType ?? '' }]);
  });
}

function snapshotTests(make: MakeWarehouse): void {
  const ids = async (snapshot: Snapshot, sql: string, onBatch?: (batch: number) => Promise<void>) => {
    const seen: number[] = [];
    let count = 0;
    for await (const batch of snapshot.stream(sql, { batchSize: 500 })) {
      seen.push(...batch.rows.map((row) => Number(row[0])));
      await onBatch?.(count++);
    }
    return seen;
  };

  test('every identifier comes exactly once while others write', async () => {
    const { warehouse, run } = await make();
    await run(`CREATE TABLE t AS SELECT i, 'row ' || i AS name FROM ${numbers(20_000)} AS n`);
    await using snapshot = await warehouse.snapshot();
    // The snapshot is from when it was taken, not from when it is first read.
    await run('DELETE FROM t WHERE i = 20000');
    let inserted = 30_000;
    const seen = await ids(snapshot, 'SELECT i FROM t', async (batch) => {
      if (batch > 8) return;
      await run(`INSERT INTO t VALUES (${inserted++}, 'late')`);
      await run(`DELETE FROM t WHERE i BETWEEN ${batch * 1000} AND ${batch * 1000 + 300}`);
      await run(`UPDATE t SET i = i + 100000 WHERE i BETWEEN ${batch * 1000 + 400} AND ${batch * 1000 + 500}`);
    });
    expect(seen.sort((a, b) => a - b)).toStrictEqual(Array.from({ length: 20_000 }, (_, index) => index + 1));
    expect(await ids(snapshot, 'SELECT count(*) FROM t')).toStrictEqual([20_000]);
  });

  test('batches have about the size asked for', async () => {
    const { warehouse } = await make();
    await using snapshot = await warehouse.snapshot();
    const sizes: number[] = [];
    for await (const batch of snapshot.stream(`SELECT i FROM ${numbers(20_000)} AS n WHERE i % 10 = 0`, {
      batchSize: 500,
    })) {
      sizes.push(batch.rows.length);
    }
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(2000);
    expect(Math.max(...sizes)).toBeLessThan(5000);
    expect(sizes.length).toBeLessThan(6);
  });

  test('the snapshot cannot write', async () => {
    const { warehouse, run } = await make();
    await run('CREATE TABLE t (i integer)');
    {
      await using snapshot = await warehouse.snapshot();
      await expect(snapshot.query('INSERT INTO t VALUES (1)')).rejects.toThrow(/read-only/i);
    }
    expect(await readAll(warehouse, 'SELECT count(*) FROM t')).toStrictEqual([[0]]);
  });

  test('an error while reading tells nothing of the rows', async () => {
    const { warehouse, run } = await make();
    await run(
      `CREATE TABLE t AS SELECT CASE WHEN i = 9000 THEN 'canary@example.com' ELSE CAST(i AS varchar) END AS v FROM ${numbers(9000)} AS n`,
    );
    await using snapshot = await warehouse.snapshot();
    const failed = await ids(snapshot, 'SELECT CAST(v AS integer) FROM t').catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'warehouse_query_failed' });
    expect(JSON.stringify(failed, Object.getOwnPropertyNames(failed))).not.toContain('canary');
    expect((failed as Error).cause).toBeUndefined();
  });

  test('an error after many rows is never taken for the end', async () => {
    const { warehouse } = await make();
    const faulty = `SELECT i, CAST(CASE WHEN i = 150000 THEN 'x' ELSE '1' END AS integer) AS v FROM ${numbers(200_000)} AS n`;
    for (const rest of ['', 'WHERE i > 0', 'ORDER BY i']) {
      await expect(readAll(warehouse, `${faulty} ${rest}`)).rejects.toMatchObject({ code: 'warehouse_query_failed' });
    }
  });

  test('a table dropped after the model was described is named', async () => {
    const { warehouse } = await make();
    await using snapshot = await warehouse.snapshot();
    await expect(snapshot.query('SELECT * FROM gone')).rejects.toMatchObject({
      code: 'warehouse_query_failed',
      message: expect.stringContaining('gone'),
    });
  });

  test('cancelling stops a long statement and a stream; the warehouse works on', async () => {
    const { warehouse } = await make();
    const endless = `SELECT count(*) FROM ${numbers(1e6)} AS a, ${numbers(1e6)} AS b WHERE a.i * 7 + b.i < 0`;
    for (const sql of [endless, `SELECT a.i FROM ${numbers(1e6)} AS a, ${numbers(1e6)} AS b`]) {
      await using snapshot = await warehouse.snapshot();
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 100);
      const reading = (async () => {
        for await (const _ of snapshot.stream(sql, { signal: stop.signal }));
      })();
      await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
    }
    await expect(warehouse.snapshot(AbortSignal.abort())).rejects.toMatchObject({ code: 'cancelled' });
    expect(await readAll(warehouse, 'SELECT 1')).toStrictEqual([[1]]);
  });

  test('a stream may be left early', async () => {
    const { warehouse } = await make();
    await using snapshot = await warehouse.snapshot();
    for await (const batch of snapshot.stream(`SELECT a.i FROM ${numbers(1e5)} AS a, ${numbers(100)} AS b`)) {
      expect(batch.rows.length).toBeGreaterThan(0);
      break;
    }
    expect(await ids(snapshot, 'SELECT 7')).toStrictEqual([7]);
  });

  test('one statement at a time', async () => {
    const { warehouse } = await make();
    await using snapshot = await warehouse.snapshot();
    await expect(
      ids(snapshot, `SELECT i FROM ${numbers(5000)} AS n`, async () => void (await snapshot.query('SELECT 1'))),
    ).rejects.toMatchObject({
      code: 'internal',
    });
  });

  test('nothing answers after closing', async () => {
    const { warehouse } = await make();
    await warehouse.close();
    await warehouse.close();
    await expect(warehouse.check()).rejects.toMatchObject({ code: 'warehouse_lost' });
  });
}

function checksumTests(make: MakeWarehouse): void {
  const checksums = async (warehouse: Warehouse, model: string): Promise<readonly unknown[]> => {
    const columns = await warehouse.describe(model);
    const { checksum, checksumText, subquery } = warehouse.dialect;
    const rows = await readAll(
      warehouse,
      `SELECT ${checksumText(checksum('m', columns))} FROM ${subquery(model)} AS m`,
    );
    return rows.map((row) => row[0]);
  };

  test('no two of these rows look the same', async () => {
    const { warehouse } = await make();
    const texts = [
      "''",
      "' '",
      'NULL',
      "'NULL'",
      "'null'",
      `'"'`,
      `'""'`,
      "','",
      "'a'",
      "'A'",
      "'á'",
      "'a\u0301'",
      "'\\'",
      "'()'",
    ];
    const pairs = texts.flatMap((a) =>
      texts.map((b) => `SELECT CAST(${a} AS varchar) AS a, CAST(${b} AS varchar) AS b`),
    );
    const found = await checksums(warehouse, pairs.join(' UNION ALL '));
    expect(new Set(found).size).toBe(texts.length ** 2);
    for (const checksum of found) expect(checksum).toMatch(/^[0-9a-f]{32}$/);
  });

  test('neighbours in value differ, for every type', async () => {
    const { warehouse } = await make();
    const neighbours = [
      ['CAST(9007199254740992 AS bigint)', 'CAST(9007199254740993 AS bigint)'],
      [
        "CAST('12345678901234567890.1234567890' AS numeric(38,10))",
        "CAST('12345678901234567890.1234567891' AS numeric(38,10))",
      ],
      ["CAST('0.1' AS double precision)", "CAST('0.10000000000000002' AS double precision)"],
      ["CAST('NaN' AS double precision)", 'CAST(NULL AS double precision)'],
      ["TIMESTAMP '2026-03-01 09:30:00.000001'", "TIMESTAMP '2026-03-01 09:30:00.000002'"],
      ["DATE 'infinity'", "DATE '2026-01-01'"],
      ["CAST('null' AS json)", 'CAST(NULL AS json)'],
      ["ARRAY['a', 'b']", "ARRAY['a,b']"],
      ["ARRAY['NULL']", 'ARRAY[CAST(NULL AS varchar)]'],
      ['true', 'false'],
    ];
    for (const pair of neighbours) {
      const found = await Promise.all(pair.map((value) => checksums(warehouse, `SELECT ${value} AS v`)));
      expect({ pair, equal: found[0]?.[0] === found[1]?.[0] }).toStrictEqual({ pair, equal: false });
    }
  });

  test('equal in every session, and not moved by its settings', async () => {
    const { warehouse, again } = await make();
    const model = `SELECT 1 AS id, CAST('2026-03-29 02:30:00+01:00' AS timestamp with time zone) AS t, INTERVAL '1 day' AS i,
      CAST('0.1' AS double precision) AS d, ARRAY[1, 2] AS l, CAST('1.50' AS numeric(10,2)) AS n`;
    const first = await checksums(warehouse, model);
    expect(await checksums(warehouse, model)).toStrictEqual(first);
    expect(await checksums(await again(), model)).toStrictEqual(first);
  });
}

function stateTests(make: MakeWarehouse): void {
  const checksum = (byte: number) => byte.toString(16).padStart(2, '0').repeat(16);
  const stored = async (warehouse: Warehouse, table: string): Promise<readonly Row[]> => {
    const { checksumText, stateTable } = warehouse.dialect;
    const sql = `SELECT record_id, ${checksumText('checksum')}, revision, delivered_by FROM ${stateTable(table)} ORDER BY record_id`;
    return readAll(warehouse, sql);
  };

  test('there is none until it is prepared; looking writes nothing', async () => {
    const { warehouse } = await make();
    expect(await warehouse.hasState('records_a')).toBe(false);
    expect(await warehouse.hasState('records_a')).toBe(false);
    await warehouse.dropState('records_a');
    await Promise.all([warehouse.prepareState('records_a'), warehouse.prepareState('records_b')]);
    await warehouse.prepareState('records_a');
    expect(await warehouse.hasState('records_a')).toBe(true);
    expect(await warehouse.hasState('records_c')).toBe(false);
    await warehouse.dropState('records_a');
    expect(await warehouse.hasState('records_a')).toBe(false);
    expect(await warehouse.hasState('records_b')).toBe(true);
  });

  test('another schema is another state', async () => {
    const { warehouse, again } = await make();
    await warehouse.prepareState('records_a');
    const other = await again({ stateSchema: 'elsewhere' });
    expect(await other.hasState('records_a')).toBe(false);
  });

  test('entries are kept, replaced, and written twice without harm', async () => {
    const { warehouse } = await make();
    const names = ['1', "O'Brien", '😀', 'a\\b"c,{}', '', 'עברית', 'x'.repeat(20_000), 'NULL', '\t\n'];
    const entries = names.map((recordId, index) => ({
      ...{ recordId, checksum: checksum(index), revision: 1 },
      deliveredBy: index === 0 ? null : 7,
    }));
    await warehouse.prepareState('records_a');
    await warehouse.writeRecords('records_a', [], true);
    await warehouse.writeRecords('records_a', entries, true);
    const moved = [
      { recordId: '😀', checksum: null, revision: 2, deliveredBy: 8 },
      { recordId: '1', checksum: checksum(250), revision: 5, deliveredBy: 8 },
      { recordId: 'new', checksum: checksum(7), revision: 1, deliveredBy: null },
      { recordId: '1', checksum: checksum(255), revision: 6, deliveredBy: null },
    ];
    await warehouse.writeRecords('records_a', moved, false);
    await warehouse.writeRecords('records_a', moved, false);
    const expected = new Map<string, Row>();
    for (const { recordId, checksum: sum, revision, deliveredBy } of [...entries, ...moved]) {
      expected.set(recordId, [recordId, sum, revision, deliveredBy]);
    }
    const found = await stored(warehouse, 'records_a');
    expect(new Map(found.map((row) => [row[0], row]))).toStrictEqual(new Map(expected));
    expect(found).toHaveLength(names.length + 1);
  });

  test('a table of an earlier version is read as it is, and gets its column when it is prepared', async () => {
    const { warehouse, run, again } = await make();
    await warehouse.prepareState('records_a');
    const before = [
      { recordId: 'a', checksum: checksum(1), revision: 1, deliveredBy: null },
      { recordId: 'b', checksum: checksum(2), revision: 1, deliveredBy: null },
    ];
    await warehouse.writeRecords('records_a', before, true);
    const table = warehouse.dialect.stateTable('records_a');
    await run(`ALTER TABLE ${table} DROP COLUMN delivered_by`);
    const later = await again();
    expect(await later.hasState('records_a')).toBe(true);
    expect(await later.marksDeliveries('records_a')).toBe(false);
    expect(await later.marksDeliveries('records_b')).toBe(false);
    await later.prepareState('records_a');
    await later.prepareState('records_a');
    expect(await later.marksDeliveries('records_a')).toBe(true);
    await later.writeRecords(
      'records_a',
      [
        { recordId: 'b', checksum: checksum(3), revision: 2, deliveredBy: 4 },
        { recordId: 'c', checksum: checksum(3), revision: 1, deliveredBy: 4 },
      ],
      false,
    );
    expect(await stored(later, 'records_a')).toStrictEqual([
      ['a', checksum(1), 1, null],
      ['b', checksum(3), 2, 4],
      ['c', checksum(3), 1, 4],
    ]);
  });

  test('fresh entries that a process before us had written already', async () => {
    const { warehouse, again } = await make();
    const entries = ['a', 'b\t\\N', '\\'].map((recordId) => ({
      recordId,
      checksum: null,
      revision: 1,
      deliveredBy: 1,
    }));
    await warehouse.prepareState('records_a');
    await warehouse.writeRecords('records_a', entries.slice(0, 2), true);
    const other = await again();
    await other.writeRecords('records_a', entries, true);
    expect((await stored(other, 'records_a')).map((row) => row[0])).toStrictEqual(['\\', 'a', 'b\t\\N']);
  });

  test('an older write that comes late changes nothing', async () => {
    const { warehouse, again } = await make();
    await warehouse.prepareState('records_a');
    const entry = (recordId: string, sum: number, revision: number) => ({
      recordId,
      checksum: checksum(sum),
      revision,
      deliveredBy: revision,
    });
    const other = await again();
    await other.writeRecords('records_a', [entry('a', 3, 3), entry('b', 1, 1)], false);
    await warehouse.writeRecords('records_a', [entry('a', 2, 2), entry('b', 2, 2), entry('c', 1, 1)], false);
    expect(await stored(warehouse, 'records_a')).toStrictEqual([
      ['a', checksum(3), 3, 3],
      ['b', checksum(2), 2, 2],
      ['c', checksum(1), 1, 1],
    ]);
  });

  test('many entries, in several batches', async () => {
    const { warehouse } = await make();
    await warehouse.prepareState('records_a');
    const entries = Array.from({ length: 25_000 }, (_, i) => ({
      recordId: `${i}`,
      checksum: checksum(i % 256),
      revision: 1,
      deliveredBy: 1,
    }));
    await warehouse.writeRecords('records_a', entries.slice(0, 12_000), true);
    await Promise.all([
      warehouse.writeRecords('records_a', entries.slice(10_000, 20_000), false),
      warehouse.writeRecords('records_a', entries.slice(20_000), false),
    ]);
    const table = warehouse.dialect.stateTable('records_a');
    const counts = `SELECT count(*), count(DISTINCT record_id), sum(revision) FROM ${table}`;
    expect((await readAll(warehouse, counts)).map((row) => row.map(Number))).toStrictEqual([[25_000, 25_000, 25_000]]);
  });

  test('a reader neither blocks a writer nor sees what it writes', async () => {
    const { warehouse } = await make();
    await warehouse.prepareState('records_a');
    const entries = Array.from({ length: 20_000 }, (_, i) => ({
      recordId: `${i}`,
      checksum: checksum(1),
      revision: 1,
      deliveredBy: 1,
    }));
    await warehouse.writeRecords('records_a', entries, true);
    await using snapshot = await warehouse.snapshot();
    let rows = 0;
    for await (const batch of snapshot.stream(`SELECT revision FROM ${warehouse.dialect.stateTable('records_a')}`)) {
      const changed = entries.slice(rows, rows + 500).map((entry) => ({ ...entry, revision: 2 }));
      await warehouse.writeRecords('records_a', changed, false);
      for (const row of batch.rows) expect(row[0]).toBe(1);
      rows += batch.rows.length;
    }
    expect(rows).toBe(20_000);
  });

  test('after a failed write the entries are as before, and writing works', async () => {
    const { warehouse } = await make();
    await warehouse.prepareState('records_a');
    await expect(
      warehouse.writeRecords(
        'records_b',
        [{ recordId: '1', checksum: checksum(1), revision: 1, deliveredBy: null }],
        false,
      ),
    ).rejects.toMatchObject({ code: 'warehouse_query_failed' });
    await warehouse.writeRecords(
      'records_a',
      [{ recordId: '1', checksum: checksum(1), revision: 1, deliveredBy: null }],
      false,
    );
    expect(await stored(warehouse, 'records_a')).toStrictEqual([['1', checksum(1), 1, null]]);
  });
}
