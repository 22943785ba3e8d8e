/**
 * Databases for tests, on the run's one server (`postgres-server.ts`). Each call makes a new one; `close()` (or
 * `await using`) drops it, and throws when a connection was left open, which fails the test. A database that is never
 * closed fails the run.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import pg from 'pg';
import { expect, inject } from 'vitest';
import { createLog, type Log } from '../src/base/log.ts';
import { connect } from '../src/db/connection.ts';
import type { Database } from '../src/db/db.ts';

/** A log for tests: silent, unless the level is given. */
export function testLog(level: 'silent' | 'warn' | 'debug' = 'silent'): Log {
  return createLog({ level, pretty: true });
}

/** The URL of the server's database `postgres`, as its superuser. */
export function testServerUrl(): string {
  return inject('postgresUrl');
}

/** The URL of a test database, e.g. for a child process. Has the password of the test server. */
export function testDatabaseUrl(database: Database): string {
  const url = new URL(testServerUrl());
  url.pathname = `/${databaseName(database)}`;
  return url.href;
}

/** A database with the product's tables. */
export async function testDatabase(options: { poolSize?: number } = {}): Promise<Database> {
  return makeDatabase('millrace_template', options.poolSize);
}

/** A database without tables. */
export async function emptyTestDatabase(options: { poolSize?: number } = {}): Promise<Database> {
  return makeDatabase('template0', options.poolSize);
}

const names = new WeakMap<Database, string>();

function databaseName(database: Database): string {
  const name = names.get(database);
  if (name === undefined) throw new Error('This is not a database of testDatabase().');
  return name;
}

async function makeDatabase(template: string, poolSize: number | undefined): Promise<Database> {
  const file = path
    .basename(expect.getState().testPath ?? 'unknown')
    .replace(/[^a-z0-9]+/gi, '_')
    .slice(0, 30);
  const name = `test_${file}_${randomBytes(4).toString('hex')}`.toLowerCase();
  await onServer((client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`));
  const url = new URL(testServerUrl());
  url.pathname = `/${name}`;
  const opened = await connect({ url: url.href, log: testLog('warn'), poolSize });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= closeAndDrop(opened, name);
    return closing;
  };
  const database: Database = { ...opened, close, [Symbol.asyncDispose]: close };
  names.set(database, name);
  return database;
}

async function closeAndDrop(database: Database, name: string): Promise<void> {
  const { pool } = database;
  const busy = pool.totalCount - pool.idleCount;
  // Ending a pool waits for its busy clients: one that was never released would hang here.
  if (busy === 0) await database.close();
  await onServer(async (client) => {
    const open = busy > 0 ? busy : await connectionsLeft(client, name);
    await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
    if (open > 0) throw new Error(`${open} connection(s) to the test database were left open.`);
  });
}

/** A backend takes a moment to end after its client said goodbye: asked until there is none, for two seconds at most. */
async function connectionsLeft(client: pg.Client, name: string): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    const { rows } = await client.query<{ open: number }>(
      'SELECT count(*)::int AS open FROM pg_stat_activity WHERE datname = $1',
      [name],
    );
    const open = rows[0]?.open ?? 0;
    if (open === 0 || attempt === 40) return open;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function onServer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: testServerUrl() });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
