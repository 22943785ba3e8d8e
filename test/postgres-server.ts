// One embedded server for the whole test run, with a migrated database for the tests to clone (`database.ts`).
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { createLog } from '../src/base/log.ts';
import { serverAccount } from '../src/db/account.ts';
import { type Cluster, clusterUser, createCluster, startServer, stopServer } from '../src/db/cluster.ts';
import { openDatabase } from '../src/db/db.ts';
import { findPrograms } from '../src/db/programs.ts';
import { safeLogSettings } from '../src/db/settings.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Of the database `postgres` of the test server, as its superuser. */
    readonly postgresUrl: string;
  }
}

/** Speed before durability: this server's data does not outlive the run. The product's own never does this. */
const testSettings = {
  ...safeLogSettings,
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '256MB',
  max_wal_size: '4GB',
  max_connections: '300',
  jit: 'off',
};

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const log = createLog({ level: 'warn', pretty: true });
  const account = await serverAccount(log);
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-test-'));
  await chmod(folder, 0o711);
  const home = path.join(folder, 'server');
  await mkdir(home, { mode: 0o700 });
  if (account !== undefined) await chown(home, account.uid, account.gid);
  const cluster: Cluster = {
    programs: await findPrograms(account, log),
    account,
    folder: path.join(home, 'data'),
    logFile: path.join(home, 'postgres.log'),
  };
  const stop = async () => {
    await stopServer(cluster);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const password = randomBytes(12).toString('hex');
    await createCluster(cluster, password);
    const port = await startServer(cluster, testSettings);
    const url = `postgres://${clusterUser}:${password}@127.0.0.1:${port}/postgres`;
    await makeTemplate(url, folder);
    project.provide('postgresUrl', url);
    return async () => {
      const left = await leftDatabases(url);
      await stop();
      if (left.length === 0) return;
      // An error thrown here is shown, and vitest would still end with 0.
      process.exitCode = 1;
      throw new Error(`Test databases that were never closed: ${left.join(', ')}`);
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function makeTemplate(url: string, dataFolder: string): Promise<void> {
  await statement(url, 'CREATE DATABASE millrace_template');
  const log = createLog({ level: 'warn', pretty: true });
  const database = await openDatabase({ url: withDatabase(url, 'millrace_template'), dataFolder, log });
  await database.close();
}

async function leftDatabases(url: string): Promise<readonly string[]> {
  const rows = await statement(url, `SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%' ORDER BY 1`);
  return rows.map((row) => String(row.datname));
}

async function statement(url: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
