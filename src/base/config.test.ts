import { describe, expect, test } from 'vitest';
import { defaultConfig, flagHelp, loadConfig } from './config.ts';
import { isMillraceError } from './errors.ts';
import { optionNames, options, variableOf } from './options.ts';

function faultsOf(env: Record<string, string>, flags: Record<string, string> = {}): Record<string, string> {
  try {
    loadConfig(env, flags);
  } catch (error) {
    if (!isMillraceError(error, 'config_invalid')) throw error;
    return Object.fromEntries(error.faults.map((fault) => [fault.where, fault.message]));
  }
  return {};
}

describe('the table', () => {
  test('has a variable of its own and a sentence for each option', () => {
    const variables = optionNames.map(variableOf);
    expect(new Set(variables).size).toBe(variables.length);
    for (const [name, entry] of Object.entries(options)) {
      expect(entry.sentence, name).toMatch(/^[A-Z][^\n]{10,118}\.$/);
    }
  });

  test('has defaults that it would take itself', () => {
    const config = defaultConfig();
    for (const name of optionNames) {
      const value = config[name];
      if (value !== undefined) expect(faultsOf({ [variableOf(name)]: String(value) }), name).toEqual({});
    }
  });

  test('has the limits of a model that the format names', () => {
    expect(defaultConfig()).toMatchObject({
      dataFolder: '.millrace',
      port: 8765,
      stateSchema: 'millrace',
      queryLength: 65_535,
      identifierNameLength: 191,
      columnCount: 512,
      columnNameLength: 128,
      recordBytes: 524_288,
      valueBytes: 131_072,
      recordsPerSync: 150_000_000,
      historyDays: 30,
      retryDays: 14,
      retrySyncs: 5,
      profileApiRate: 100,
    });
  });
});

describe('loadConfig', () => {
  test('takes flags before variables before defaults; an empty variable is not set', () => {
    const env = { MILLRACE_PORT: '9000', MILLRACE_HOST: '0.0.0.0', MILLRACE_LOG_LEVEL: '' };
    const config = loadConfig(env, { port: '9001' });
    expect([config.port, config.host, config.logLevel]).toEqual([9001, '0.0.0.0', 'info']);
  });

  test.each([
    ['MILLRACE_DUCKDB_MEMORY', '2GB', 'duckdbMemory', 2e9],
    ['MILLRACE_DUCKDB_MEMORY', '512 MiB', 'duckdbMemory', 512 * 2 ** 20],
    ['MILLRACE_STATEMENT_TIMEOUT', '90s', 'statementTimeout', 90_000],
    ['MILLRACE_STATEMENT_TIMEOUT', '2h', 'statementTimeout', 7_200_000],
    ['MILLRACE_STATEMENT_TIMEOUT', '1500', 'statementTimeout', 1500],
    [
      'DATABASE_URL',
      'postgresql://u:p%40@h/d?sslmode=require',
      'databaseUrl',
      'postgresql://u:p%40@h/d?sslmode=require',
    ],
  ] as const)('%s=%s', (variable, text, name, value) => {
    expect(loadConfig({ [variable]: text })[name]).toBe(value);
  });

  test('lists every fault at once, each under the name it was given by', () => {
    expect(
      faultsOf(
        { MILLRACE_PORT: '70000', MILLRACE_LOG_LEVEL: 'loud', MILLRACE_DUCKDB_MEMORY: 'lots' },
        { batchSize: '0' },
      ),
    ).toEqual({
      MILLRACE_PORT: '"70000" is not between 0 and 65535',
      MILLRACE_LOG_LEVEL: '"loud" is not one of fatal, error, warn, info, debug, trace, silent',
      MILLRACE_DUCKDB_MEMORY: '"lots" is not a size such as 512MiB, 2GB or a number of bytes',
      '--batch-size': '"0" is not between 1 and 50000',
    });
  });

  test.each(['12.5', '1e3', '-1', '0x10', '10MB', 'NaN', '9999999999999999999'])('a port of %s is refused', (text) => {
    expect(faultsOf({ MILLRACE_PORT: text })).toHaveProperty('MILLRACE_PORT');
  });

  test('never shows a secret', () => {
    const faults = faultsOf({ MILLRACE_SECRET_KEY: 'hunter2', DATABASE_URL: 'mysql://root:hunter2@db/x' });
    expect(Object.keys(faults)).toEqual(['DATABASE_URL', 'MILLRACE_SECRET_KEY']);
    expect(JSON.stringify(faults)).not.toContain('hunter2');
  });
});

test('help has a flag for every option that is no secret', () => {
  const help = flagHelp();
  expect(help.find((entry) => entry.name === 'port')).toEqual({
    name: 'port',
    flags: '--port <NUMBER>',
    description: 'Port to listen on; 0 takes a free one. (MILLRACE_PORT; default 8765)',
  });
  expect(help.find((entry) => entry.name === 'statementTimeout')?.description).toContain('default 1h');
  const hidden = optionNames.filter((name) => !help.some((entry) => entry.name === name));
  expect(hidden).toEqual(['databaseUrl', 'secretKey', 'smtpUrl']);
});
