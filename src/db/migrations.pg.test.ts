import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyTestDatabase, testDatabase, testDatabaseUrl, testLog } from '../../test/database.ts';
import type { Database } from './db.ts';
import { openDatabase } from './db.ts';
import { type Migration, migrate, readMigrations } from './migrations.ts';

const log = testLog();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-migrations-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Two small migrations, each of which would fail if it ran twice. */
async function twoMigrations(): Promise<readonly [Migration, Migration]> {
  await writeFile(path.join(folder, '0001-first.sql'), 'CREATE TABLE first (n int); INSERT INTO first VALUES (1);');
  await writeFile(path.join(folder, '0002-second.sql'), 'ALTER TABLE first ADD COLUMN m int;');
  return (await readMigrations(folder)) as readonly [Migration, Migration];
}

async function versions(database: Database): Promise<readonly number[]> {
  const { rows } = await database.pool.query<{ no: number }>('SELECT no FROM millrace_migrations ORDER BY no');
  return rows.map((row) => row.no);
}

test("our own files are numbered without gaps, and all are in the tests' template", async () => {
  const known = await readMigrations();
  expect(known.length).toBeGreaterThan(0);
  expect(known.map((migration) => migration.no)).toEqual(known.map((_, index) => index + 1));
  await using database = await testDatabase();
  expect(await versions(database)).toEqual(known.map((migration) => migration.no));
});

test('each is applied once, in order; later ones later', async () => {
  await using database = await emptyTestDatabase();
  const [first, second] = await twoMigrations();
  expect(await migrate(database.pool, log, [first])).toEqual([1]);
  expect(await migrate(database.pool, log, [first, second])).toEqual([2]);
  expect(await migrate(database.pool, log, [first, second])).toEqual([]);
  expect((await database.pool.query('SELECT n, m FROM first')).rows).toEqual([{ n: 1, m: null }]);
});

test('twenty processes that start at once on an empty database all find it ready', async () => {
  await using database = await emptyTestDatabase();
  const url = testDatabaseUrl(database);
  const opened = await Promise.all(
    Array.from({ length: 20 }, () => openDatabase({ url, dataFolder: folder, log, poolSize: 2 })),
  );
  await Promise.all(opened.map((one) => one.close()));
  expect(await versions(database)).toEqual((await readMigrations()).map((migration) => migration.no));
});

test('a newer schema is refused with both numbers, and not touched', async () => {
  await using database = await emptyTestDatabase();
  const [first, second] = await twoMigrations();
  await migrate(database.pool, log, [first, second]);
  await expect(migrate(database.pool, log, [first])).rejects.toMatchObject({
    code: 'database_schema_newer',
    message: 'The database has schema version 2; this program knows versions up to 1.',
  });
  expect(await versions(database)).toEqual([1, 2]);
});

test('a file that was changed after it was applied is refused', async () => {
  await using database = await emptyTestDatabase();
  const [first, second] = await twoMigrations();
  await migrate(database.pool, log, [first]);
  await writeFile(path.join(folder, '0001-first.sql'), 'CREATE TABLE first (n bigint);');
  const [changed] = (await readMigrations(folder)) as [Migration];
  await expect(migrate(database.pool, log, [changed, second])).rejects.toMatchObject({
    code: 'database_schema_differs',
    message: expect.stringContaining('Migration 1 (first)'),
  });
  expect(await versions(database)).toEqual([1]);
});

test('line ends do not count as a change', async () => {
  const [first] = await twoMigrations();
  await writeFile(path.join(folder, '0001-first.sql'), 'CREATE TABLE a (n int);\r\nCREATE TABLE b (n int);\r\n');
  const [windows] = await readMigrations(folder);
  await writeFile(path.join(folder, '0001-first.sql'), 'CREATE TABLE a (n int);\nCREATE TABLE b (n int);\n');
  const [unix] = await readMigrations(folder);
  expect(windows?.checksum).toBe(unix?.checksum);
  expect(unix?.checksum).not.toBe(first.checksum);
});

test('one that fails leaves nothing of itself, and the lock is free afterwards', async () => {
  await using database = await emptyTestDatabase({ poolSize: 1 });
  const [first, second] = await twoMigrations();
  const broken = { ...second, sql: 'CREATE TABLE half (n int); SELECT nonsense;' };
  await expect(migrate(database.pool, log, [first, broken])).rejects.toThrow('Migration 2 (second) failed.');
  expect((await database.pool.query(`SELECT to_regclass('half') AS half`)).rows).toEqual([{ half: null }]);
  expect(await migrate(database.pool, log, [first, second])).toEqual([2]);
});
