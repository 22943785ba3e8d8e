import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { isMillraceError } from '../base/errors.ts';
import { checkModelSql, openWarehouse } from './warehouse.ts';

/** Every engine there is, as the error for an unknown one lists them. */
async function engines(): Promise<readonly string[]> {
  const error = await openWarehouse('none', {}).catch((reason: unknown) => reason);
  if (!isMillraceError(error, 'warehouse_engine_unknown')) throw error;
  return /only (.*)\.$/.exec(error.message)?.[1]?.split(', ') ?? [];
}

/** The drivers of warehouses that this process has loaded. They are CommonJS, which keeps a list. */
const loadedDrivers = () =>
  Object.keys(createRequire(import.meta.url).cache).filter((file) =>
    /node_modules\/(@duckdb|pg|pg-cursor)\//.test(file),
  );

// The first test of the file: the next ones load an engine.
test('every engine can say what is wrong with a query, without being loaded', async () => {
  const known = await engines();
  expect(known).toEqual(expect.arrayContaining(['duckdb', 'postgres']));
  for (const engine of known) {
    expect(checkModelSql(engine, 'SELECT 1 AS id;')).toBeNull();
    expect(checkModelSql(engine, 'SELECT 1 AS id; SELECT 2')).toContain('second statement at 1:17');
    expect(checkModelSql(engine, 'DELETE FROM customers')).toContain('this is DELETE');
    expect(checkModelSql(engine, '-- nothing')).toContain('no statement');
    expect(checkModelSql(engine, "SELECT 'a AS id")).toContain('has no end');
  }
  expect(loadedDrivers()).toEqual([]);
});

test('a loaded engine would have been seen', async () => {
  await using _warehouse = await openWarehouse('duckdb', { path: ':memory:' });
  expect(loadedDrivers()).toContainEqual(expect.stringContaining('@duckdb/node-api'));
});

test('of an engine that is not known nothing is said', () => {
  expect(checkModelSql('none', 'DELETE FROM customers')).toBeNull();
  expect(checkModelSql('constructor', 'DELETE FROM customers')).toBeNull();
});
