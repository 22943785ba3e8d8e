import { expect, test } from 'vitest';
import { loadConfig } from '../base/config.ts';
import { checkSourceSettings } from '../warehouse/warehouse.ts';
import { withDefaults } from './engine-settings.ts';

const limits = loadConfig({ MILLRACE_DUCKDB_MEMORY: '1536MiB', MILLRACE_STATEMENT_TIMEOUT: '90s' });
const postgres = { host: 'db', database: 'crm', user: 'reader' };

test('a source has the limits of the configuration, in the terms of its engine', () => {
  expect(withDefaults({ engine: 'duckdb', settings: { path: 'a' } }, limits)).toEqual({
    path: 'a',
    memoryLimit: '1536MiB',
  });
  expect(withDefaults({ engine: 'duckdb', settings: { path: 'a' } }, { ...limits, duckdbThreads: 3 })).toMatchObject({
    threads: 3,
  });
  expect(withDefaults({ engine: 'postgres', settings: postgres }, limits)).toEqual({
    ...postgres,
    statementTimeoutSeconds: 90,
  });
});

test('its own settings win', () => {
  const settings = { path: 'a', memoryLimit: '64GB', threads: 1 };
  expect(withDefaults({ engine: 'duckdb', settings }, { ...limits, duckdbThreads: 3 })).toEqual(settings);
});

test('the engines understand what they are given', () => {
  for (const engine of ['duckdb', 'postgres'] as const) {
    const settings = engine === 'duckdb' ? { path: 'a' } : postgres;
    expect(checkSourceSettings(engine, withDefaults({ engine, settings }, { ...limits, duckdbThreads: 2 }))).toEqual(
      [],
    );
  }
});
