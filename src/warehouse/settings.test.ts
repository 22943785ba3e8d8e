import { describe, expect, test } from 'vitest';
import { checkSourceSettings, duckdbSettings, postgresSettings } from './settings.ts';
import { openWarehouse } from './warehouse.ts';

const faultsOf = (read: () => unknown) => {
  try {
    read();
    return [];
  } catch (error) {
    expect(error).toMatchObject({ code: 'warehouse_settings_invalid' });
    return (error as { faults: { where: string }[] }).faults.map((fault) => fault.where).sort();
  }
};

describe('settings of DuckDB', () => {
  test.each([
    [{ path: 'a.duckdb' }, []],
    [{ files: { a: '*.parquet', b: ['x.csv', 'y.csv.gz'] }, statePath: 's.duckdb', memoryLimit: '512 MB' }, []],
    [{}, ['path']],
    [{ path: 'a', files: { a: 'a.csv' }, statePath: 's' }, ['path']],
    [{ files: { a: 'a.xlsx' } }, ['files.a', 'statePath']],
    [{ path: '', threads: 0, memoryLimit: 'much', color: 1 }, ['color', 'memoryLimit', 'path', 'threads']],
    [{ path: 'a', files: { a: 'a.xlsx', b: 5 }, threads: 0 }, ['files.a', 'files.b', 'path', 'statePath', 'threads']],
    [null, ['settings']],
  ])('%j', (settings, faults) => expect(faultsOf(() => duckdbSettings(settings))).toStrictEqual(faults));
});

describe('settings of Postgres', () => {
  const parts = { host: 'h', database: 'd', user: 'u' };

  test('parts and their defaults', () => {
    expect(postgresSettings(parts)).toMatchObject({ ...parts, port: 5432, password: '', ssl: 'prefer' });
  });

  test('a URL', () => {
    const url = 'postgresql://u%40x:p%2Fw@[::1]:6000/d%20b?sslmode=verify-full';
    const place = { host: '::1', port: 6000, database: 'd b', user: 'u@x', password: 'p/w', ssl: 'verify-full' };
    expect(postgresSettings({ url })).toMatchObject(place);
    expect(postgresSettings({ url, ssl: 'disable' }).ssl).toBe('disable');
  });

  test.each([
    [{ ...parts, port: 0, ssl: 'maybe', extra: 1 }, ['extra', 'port', 'ssl']],
    [{}, ['database', 'host', 'user']],
    [{ url: 'mysql://u:canary@h/d' }, ['url']],
    [{ url: 'postgres://:canary@h' }, ['url', 'url']],
    [{ url: 'postgres://u:canary%zz@h/d' }, ['url']],
    [{ url: 'postgres://u:canary@h', ssl: 'maybe', host: 'h' }, ['host', 'ssl', 'url']],
    [{ url: 'postgres://u:canary@h/d?sslmode=maybe' }, ['url']],
  ])('%j', (settings, faults) => {
    expect(faultsOf(() => postgresSettings(settings))).toStrictEqual(faults);
    expect(() => postgresSettings(settings)).not.toThrow(/canary/);
  });
});

test.each<[engine: string, settings: object, faults: Readonly<Record<string, string>>]>([
  ['postgres', { port: 99_999 }, { port: 'must be at most 65535' }],
  ['postgres', { port: 'abc' }, { port: 'must be a number' }],
  [
    'postgres',
    { port: 5.5, connectTimeoutSeconds: 0 },
    { port: 'must be a whole number', connectTimeoutSeconds: 'must be more than 0' },
  ],
  ['postgres', { ssl: 'bogus' }, { ssl: 'must be one of disable, prefer, require, verify-ca, verify-full' }],
  ['duckdb', { path: 'a', readFrom: '/data' }, { readFrom: 'must be a list of folders, such as ["/data/shop"]' }],
  [
    'duckdb',
    { files: '[', statePath: 's' },
    { files: 'must be names with a file each, such as {"orders": "/data/orders.parquet"}' },
  ],
  [
    'duckdb',
    { files: { a: 5, b: [] }, statePath: 's' },
    { 'files.a': 'must be a file, or a list of files', 'files.b': 'must have at least 1 item' },
  ],
])('plain words: %s with %j', (engine, settings, faults) => {
  const place = engine === 'postgres' ? { host: 'h', database: 'd', user: 'u' } : {};
  const found = checkSourceSettings(engine, { ...place, ...settings });
  expect(Object.fromEntries(found.map(({ where, message }) => [where, message]))).toEqual(faults);
});

test('an engine that does not exist, and a schema that is no name', async () => {
  await expect(openWarehouse('oracle', {})).rejects.toMatchObject({ code: 'warehouse_engine_unknown' });
  await expect(openWarehouse('constructor', {})).rejects.toMatchObject({ code: 'warehouse_engine_unknown' });
  const opening = openWarehouse('duckdb', { path: 'x' }, { stateSchema: 'Two Words' });
  await expect(opening).rejects.toMatchObject({ code: 'warehouse_settings_invalid' });
});
