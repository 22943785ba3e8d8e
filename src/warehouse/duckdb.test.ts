import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import { expectValues, warehouseConformance } from './warehouse.conformance.ts';
import { makeDuckdb, readAll, testFolder } from './warehouse.test-support.ts';
import { openWarehouse } from './warehouse.ts';

warehouseConformance('duckdb', makeDuckdb);

describe('values of DuckDB alone', () => {
  test('every type arrives exact', async () => {
    const { warehouse } = await makeDuckdb();
    await expectValues(warehouse, [
      ["'170141183460469231731687303715884105727'::HUGEINT", 'integer', '170141183460469231731687303715884105727'],
      ['42::HUGEINT', 'integer', 42],
      ["'340282366920938463463374607431768211455'::UHUGEINT", 'integer', '340282366920938463463374607431768211455'],
      ['18446744073709551615::UBIGINT', 'integer', '18446744073709551615'],
      [
        "'99999999999999999999999999999999999999999999'::BIGNUM",
        'integer',
        '99999999999999999999999999999999999999999999',
      ],
      ['200::UTINYINT', 'integer', 200],
      [
        "'-9999999999999999999999999999.9999999999'::DECIMAL(38,10)",
        'decimal',
        '-9999999999999999999999999999.9999999999',
      ],
      ['-1.5::DECIMAL(4,1)', 'decimal', -1.5],
      ['0.001::DECIMAL(9,3)', 'decimal', 0.001],
      ["'a' || chr(0) || 'b, longer than twelve bytes'", 'string', 'a\0b, longer than twelve bytes'],
      ["'a' || chr(0)", 'string', 'a\0'],
      ["TIMESTAMP_S '2026-03-01 09:30:00'", 'timestamp', '2026-03-01T09:30:00.000Z'],
      ["TIMESTAMP_MS '2026-03-01 09:30:00.123'", 'timestamp', '2026-03-01T09:30:00.123Z'],
      ["TIMESTAMP_NS '2026-03-01 09:30:00.123456789'", 'timestamp', '2026-03-01T09:30:00.123456789Z'],
      ["TIMESTAMP_NS '2026-03-01 09:30:00.000000001'", 'timestamp', '2026-03-01T09:30:00.000000001Z'],
      ["TIMESTAMP_NS '2026-03-01 09:30:00.123456'", 'timestamp', '2026-03-01T09:30:00.123456Z'],
      ["TIMESTAMP '290000-01-02 03:04:05.000006'", 'timestamp', '+290000-01-02T03:04:05.000006Z'],
      ["DATE '0044-03-15 (BC)'", 'date', '-000043-03-15'],
      ["DATE '-infinity'", 'date', null],
      ["TIME_NS '09:30:00.123456789'", 'time', '09:30:00.123456789'],
      ["'09:30:00+02'::TIMETZ", 'time', '09:30:00+02'],
      ["'\\xAA\\x00'::BLOB", 'binary', 'qgA='],
      ["'b'::ENUM('a', 'b')", 'string', 'b'],
      ["{'a': 1, 'b': {'c': [DATE '2026-01-01', NULL]}}", 'json', { a: 1, b: { c: ['2026-01-01', null] } }],
      ["MAP {'k': 9007199254740993, '__proto__': 1}", 'json', JSON.parse('{"k": "9007199254740993", "__proto__": 1}')],
      [
        "MAP {1: 'a', 2: NULL}",
        'json',
        [
          { key: 1, value: 'a' },
          { key: 2, value: null },
        ],
      ],
      ['[1.5, 2.25]::DECIMAL(4,2)[2]', 'json', [1.5, 2.25]],
      ["union_value(n := DATE '2026-01-01')", 'json', '2026-01-01'],
      ["[NULL, 'x']::VARCHAR[]", 'json', [null, 'x']],
      ['NULL::STRUCT(a INTEGER)', 'json', null],
      [`[{'j': '{"a": 12345678901234567890}'::JSON}]`, 'json', [{ j: { a: '12345678901234567890' } }]],
    ]);
  });

  test('a NUL is part of the checksum', async () => {
    const { warehouse } = await makeDuckdb();
    const model =
      "SELECT 'a' AS v UNION ALL SELECT 'a' || chr(0) UNION ALL SELECT 'a' || chr(0) || 'b' UNION ALL SELECT 'a\\u0000'";
    const columns = await warehouse.describe(model);
    const { checksum, checksumText, subquery } = warehouse.dialect;
    const rows = await readAll(
      warehouse,
      `SELECT ${checksumText(checksum('m', columns))} FROM ${subquery(model)} AS m`,
    );
    expect(new Set(rows.map((row) => row[0])).size).toBe(4);
  });

  test('a NUL is part of a record id', async () => {
    const { warehouse } = await makeDuckdb();
    const ids = ['\0', 'a', 'a\0', 'a\0b, longer than twelve bytes'];
    await warehouse.prepareState('records_a');
    for (const revision of [1, 2]) {
      const entries = ids.map((recordId) => ({ recordId, checksum: null, revision, deliveredBy: null }));
      await warehouse.writeRecords('records_a', entries, revision === 1);
    }
    const table = warehouse.dialect.stateTable('records_a');
    const rows = await readAll(warehouse, `SELECT record_id, revision FROM ${table} ORDER BY 1`);
    expect(rows).toStrictEqual(ids.map((id) => [id, 2]));
  });

  test('checksums are those of earlier versions', async () => {
    const { warehouse } = await makeDuckdb();
    const model = `SELECT 1 AS id, 'é"' AS t, 1.50::DECIMAL(10,2) AS d, 0.1::DOUBLE AS f, TIMESTAMP '2026-03-01 09:30:00.5' AS ts,
      [1, NULL] AS l, {'a': 'x'} AS s, NULL::VARCHAR AS n, true AS b, '\\xAA'::BLOB AS bl`;
    const columns = await warehouse.describe(model);
    const { checksum, checksumText, subquery } = warehouse.dialect;
    const rows = await readAll(
      warehouse,
      `SELECT ${checksumText(checksum('m', columns))} FROM ${subquery(model)} AS m`,
    );
    // When an upgrade of DuckDB moves this, every row of every mapping would be sent again.
    expect(rows).toMatchInlineSnapshot(`
      [
        [
          "06b4ac95c5895d304785e94e93912630",
        ],
      ]
    `);
  });
});

describe('what models may not do', () => {
  test.each([
    ["SELECT current_setting('temp_directory') AS a", 'model_sql_forbidden'],
    ['SELECT name, value FROM duckdb_settings()', 'model_sql_forbidden'],
    ['SELECT * FROM "Duckdb_Secrets" ()', 'model_sql_forbidden'],
    ["SELECT * FROM query('SELECT 1')", 'model_sql_forbidden'],
    ["SELECT content FROM read_text('/etc/hostname')", 'model_sql_forbidden'],
    ["SELECT * FROM '/etc/passwd.csv'", 'model_sql_forbidden'],
    ["ATTACH '/tmp/x.duckdb'", 'model_sql_writes'],
    ['PRAGMA version', 'model_sql_writes'],
    ['SELECT ? AS a', 'model_sql_faulty'],
  ])('%s', async (sql, code) => {
    const { warehouse } = await makeDuckdb();
    await expect(warehouse.describe(sql)).rejects.toMatchObject({ code });
  });

  test('names that differ only in case are one name', async () => {
    const { warehouse } = await makeDuckdb();
    await expect(warehouse.describe('SELECT 1 AS a, 2 AS "A"')).rejects.toMatchObject({
      code: 'model_columns_duplicate',
    });
  });
});

describe('files', () => {
  test('a missing file is not made', async () => {
    const file = path.join(await testFolder(), 'none.duckdb');
    const warehouse = await openWarehouse('duckdb', { path: file });
    await expect(warehouse.check()).rejects.toMatchObject({ code: 'warehouse_file_missing' });
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
    await warehouse.close();
  });

  test('what is no database is not opened', async () => {
    const folder = await testFolder();
    const file = path.join(folder, 'words.duckdb');
    await writeFile(file, 'just words, and enough of them to look like something '.repeat(200));
    for (const wrong of [file, folder]) {
      await using warehouse = await openWarehouse('duckdb', { path: wrong });
      await expect(warehouse.check()).rejects.toMatchObject({ code: 'warehouse_file_invalid' });
    }
  });

  test('a file of another version', async () => {
    const file = path.join(await testFolder(), 'newer.duckdb');
    const made = await openWarehouse('duckdb', { path: file }, { create: true });
    await made.check();
    await made.close();
    const bytes = await readFile(file);
    const failure = async () => {
      await writeFile(file, bytes);
      await using warehouse = await openWarehouse('duckdb', { path: file });
      return warehouse.check().catch((error: unknown) => error as Error);
    };
    // The version is in the first block, which begins with its own checksum; DuckDB says what that should be.
    bytes.writeBigUInt64LE(999n, 12);
    const damaged = await failure();
    expect(damaged).toMatchObject({ code: 'warehouse_file_invalid' });
    bytes.writeBigUInt64LE(BigInt(/computed checksum (\d+)/.exec(String(damaged))?.[1] ?? 0), 0);
    expect(await failure()).toMatchObject({ code: 'warehouse_file_newer' });
  });

  test('a file that another process holds', async () => {
    const file = path.join(await testFolder(), 'held.duckdb');
    const script = `import { DuckDBInstance } from '@duckdb/node-api';
      const instance = await DuckDBInstance.create(${JSON.stringify(file)});
      const connection = await instance.connect();
      await connection.run('CREATE TABLE t AS SELECT 1 AS id');
      process.stdout.write('open');
      process.stdin.on('end', () => { connection.closeSync(); instance.closeSync(); process.exit(0); }).resume();`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: import.meta.dirname });
    try {
      await once(holder.stdout, 'data');
      await using warehouse = await openWarehouse('duckdb', { path: file });
      await expect(warehouse.check()).rejects.toMatchObject({
        code: 'warehouse_file_locked',
        message: expect.stringContaining(`process ${holder.pid}`),
      });
      holder.stdin.end();
      await once(holder, 'exit');
      // The same warehouse works when the file is free.
      expect(await readAll(warehouse, 'SELECT id FROM t')).toStrictEqual([[1]]);
    } finally {
      holder.kill('SIGKILL');
    }
  });

  test('a database in a file named like our schema', async () => {
    const file = path.join(await testFolder(), 'millrace.duckdb');
    await using warehouse = await openWarehouse('duckdb', { path: file }, { create: true });
    await warehouse.prepareState('records_a');
    await warehouse.writeRecords(
      'records_a',
      [{ recordId: '1', checksum: null, revision: 1, deliveredBy: null }],
      true,
    );
    const table = warehouse.dialect.stateTable('records_a');
    expect(await readAll(warehouse, `SELECT count(*) FROM ${table}`)).toStrictEqual([[1]]);
  });

  test('views over Parquet and CSV files', async () => {
    const folder = await testFolder();
    const data = path.join(folder, "o'data");
    await mkdir(data);
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    const quoted = data.replaceAll("'", "''");
    await connection.run(`COPY (SELECT i AS id FROM range(10) AS r(i)) TO '${quoted}/a1.parquet'`);
    await connection.run(`COPY (SELECT i + 10 AS id FROM range(10) AS r(i)) TO '${quoted}/a2.parquet'`);
    connection.closeSync();
    instance.closeSync();
    await writeFile(path.join(data, 'people.csv'), 'id,name\n1,Ann\n2,"O\'Brien, J"\n');
    await writeFile(path.join(folder, 'secret.csv'), 'id\n1\n');
    const settings = {
      files: { numbers: path.join(data, '*.parquet'), people: [path.join(data, 'people.csv')] },
      statePath: path.join(folder, 'state.duckdb'),
    };
    await using warehouse = await openWarehouse('duckdb', settings);
    expect(await warehouse.describe('SELECT * FROM people')).toMatchObject([{ name: 'id' }, { name: 'name' }]);
    expect(await readAll(warehouse, 'SELECT count(*), sum(id) FROM numbers')).toStrictEqual([[20, 190]]);
    expect(await readAll(warehouse, 'SELECT name FROM people ORDER BY id')).toStrictEqual([['Ann'], ["O'Brien, J"]]);
    await warehouse.prepareState('records_a');
    expect(await warehouse.hasState('records_a')).toBe(true);
    await expect(warehouse.describe(`SELECT * FROM '${folder}/secret.csv'`)).rejects.toMatchObject({
      code: 'model_sql_forbidden',
    });
  });

  test('files that are not there', async () => {
    const folder = await testFolder();
    const settings = { files: { a: path.join(folder, '*.csv') }, statePath: path.join(folder, 'state.duckdb') };
    await using warehouse = await openWarehouse('duckdb', settings);
    await expect(warehouse.check()).rejects.toMatchObject({ code: 'warehouse_file_missing' });
  });
});

test('many open one file at the same moment', async () => {
  const file = path.join(await testFolder(), 'shop.duckdb');
  const first = await openWarehouse('duckdb', { path: file }, { create: true });
  await first.check();
  await first.close();
  for (let round = 0; round < 10; round += 1) {
    const all = await Promise.all(Array.from({ length: 6 }, () => openWarehouse('duckdb', { path: file })));
    await Promise.all(all.map((warehouse) => warehouse.check()));
    await Promise.all(all.map((warehouse) => warehouse.close()));
  }
});
