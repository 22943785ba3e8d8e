import { expect, test } from 'vitest';
import { emptyTestDatabase, testDatabase } from '../../test/database.ts';
import { copyField, copyInto } from './copy.ts';

test('sessions run in UTC, with UTF-8, under our name', async () => {
  await using db = await emptyTestDatabase();
  const { rows } = await db.pool.query(
    `SELECT current_setting('TimeZone') AS zone, current_setting('client_encoding') AS encoding,
            current_setting('application_name') AS name`,
  );
  expect(rows).toEqual([{ zone: 'UTC', encoding: 'UTF8', name: 'millrace' }]);
  expect(db.serverVersion).toBe(18);
  expect(db.describe).toMatch(/^127\.0\.0\.1:\d+\/test_connection_pg_test_ts_/);
});

test('a transaction commits what it did, or nothing', async () => {
  await using db = await emptyTestDatabase();
  await db.pool.query('CREATE TABLE t (n int PRIMARY KEY)');
  expect(await db.transaction(async (tx) => (await tx.query('INSERT INTO t VALUES (1)')).rowCount)).toBe(1);
  const failing = db.transaction(async (tx) => {
    await tx.query('INSERT INTO t VALUES (2)');
    throw new Error('changed my mind');
  });
  await expect(failing).rejects.toThrow('changed my mind');
  expect((await db.pool.query('SELECT n FROM t')).rows).toEqual([{ n: 1 }]);
});

test('COPY takes every character that text may hold', async () => {
  await using db = await emptyTestDatabase();
  await db.pool.query('CREATE TABLE t (n int, s text)');
  const values = ['plain', 'tab\tand\nline\r\nand \\ and \\N', '', '😀 O\'Brien "x"', null];
  const lines = values.map((value, n) => `${n}\t${copyField(value)}\n`);
  const count = await db.transaction((tx) => copyInto(tx, 'COPY t FROM STDIN', lines));
  expect(count).toBe(5);
  expect((await db.pool.query('SELECT s FROM t ORDER BY n')).rows.map((row) => row.s)).toEqual(values);
});

test('COPY that the server refuses fails with its message, and the connection is usable again', async () => {
  await using db = await emptyTestDatabase({ poolSize: 1 });
  await db.pool.query('CREATE TABLE t (n int PRIMARY KEY)');
  const many = Array.from({ length: 20_000 }, (_, n) => `${n % 10_000}\n`);
  await expect(db.transaction((tx) => copyInto(tx, 'COPY t FROM STDIN', many))).rejects.toThrow(/duplicate key/);
  async function* broken() {
    yield '1\n';
    throw new Error('the source broke');
  }
  await expect(db.transaction((tx) => copyInto(tx, 'COPY t FROM STDIN', broken()))).rejects.toThrow('the source broke');
  expect((await db.pool.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 0 }]);
});

test('a test database that is closed with a connection in use says so', async () => {
  const db = await testDatabase();
  const client = await db.pool.connect();
  await expect(db.close()).rejects.toThrow('1 connection(s) to the test database were left open.');
  client.release(true);
});

test('the error of a lost connection is explained, others stay as they are', async () => {
  await using db = await emptyTestDatabase({ poolSize: 2 });
  const lost = await db.pool.query('SELECT pg_terminate_backend(pg_backend_pid())').catch((error: unknown) => error);
  expect(await db.explain(lost)).toMatchObject({ code: 'database_unreachable' });
  const starting = Object.assign(new Error('the database system is in recovery mode'), { code: '57P03' });
  expect(await db.explain(starting)).toMatchObject({
    code: 'database_busy',
    message: expect.stringContaining('the database system is in recovery mode'),
  });
  const faulty = await db.pool.query('SELECT nothing').catch((error: unknown) => error);
  expect(await db.explain(faulty)).toBe(faulty);
});
