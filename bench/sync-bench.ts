/**
 * Syncs of a table of ten columns, each beside its limit: the first against COPY of the finished rows into the same
 * tables, one without changes against the bare SQL comparison, one with 1 % changed against that comparison plus the 1 %
 * at the speed of the first.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { systemClock } from '../src/base/clock.ts';
import { createLog } from '../src/base/log.ts';
import { runInOwnProcess } from '../src/cli/sync-process.ts';
import { workspaceChecks } from '../src/cli/workspace-checks.ts';
import type { Database } from '../src/db/db.ts';
import { requestSync } from '../src/schedule/schedule.ts';
import { createSpaceWriter } from '../src/space/space.ts';
import { excludeSyncs, resetMapping, runSync, type Sync, type SyncContext, showSync } from '../src/sync/sync.ts';
import { type Column, openWarehouse } from '../src/warehouse/warehouse.ts';
import {
  commandLine,
  findMapping,
  findSpace,
  openSecrets,
  parseWorkspaceFile,
  planApply,
  type ResolvedMapping,
  runApply,
  type Space,
} from '../src/workspace/workspace.ts';
import type { BenchResult } from './bench.ts';

export interface SyncBenchOptions {
  readonly db: Database;
  readonly folder: string;
  readonly engine: 'duckdb' | 'postgres';
  readonly rows: number;
  readonly say: (sentence: string) => void;
}

export interface SyncBench {
  readonly space: Space;
  firstSync(): Promise<BenchResult>;
  unchanged(): Promise<BenchResult>;
  onePercent(): Promise<BenchResult>;
  /**
   * The mapping begins anew: every row is written to its profile again, by a process of its own as in a server. Resolves
   * with rows per second once it has ended; `begun` is called when the first rows are written.
   */
  everythingAgain(begun: () => void): Promise<number>;
}

const columns = `'c-' || i AS customer_id, 'user' || i || '@example.com' AS email, 'Name ' || (i % 977) AS first_name,
  'Last ' || (i % 1009) AS last_name, 'plan' || (i % 4) AS plan, 'City ' || (i % 503) AS city, i % 90 AS age,
  i % 2 = 0 AS active, CAST(i % 100000 AS double precision) / 8 AS lifetime_value,
  CAST('2026-01-01 00:00:00' AS timestamp) AS created_at`;

export async function openSyncBench({ db, folder, engine, rows, say }: SyncBenchOptions): Promise<SyncBench> {
  const warehouse = engine === 'duckdb' ? await duckdbTable(folder, rows) : await postgresTable(db, rows);
  const store = await applyWorkspace(db, folder, warehouse.source);
  const job = await findMapping(store, 'customers-identify');
  const space = await findSpace(db.pool, 'bench');
  await using writer = createSpaceWriter({ db });
  const context: SyncContext = {
    db,
    log: createLog({ level: 'error' }),
    clock: systemClock,
    writer,
    openWarehouse: (source) => openWarehouse(source.engine, source.settings, { stateSchema: 'millrace' }),
  };
  let firstRate = 0;
  return {
    space,
    async firstSync() {
      await db.pool.query('CHECKPOINT');
      const before = peakMemoryMB();
      const { sync, seconds } = await timed(() => syncOf(context, job));
      expectDelivered(sync, rows);
      const memory = peakMemoryMB();
      say(
        `first sync from ${engine}: ${Math.round(rows / seconds)} rows/s; memory ${before} → ${memory} MB; ${phases(sync)}`,
      );
      const limit = await copySeconds(db, folder);
      firstRate = rows / seconds;
      return result(`first-sync-${engine}`, rows, seconds, rows / limit, memory);
    },
    async unchanged() {
      const ours: number[] = [];
      const bare: number[] = [];
      for (let round = 0; round < 5; round += 1) {
        bare.push(await bareComparison(context, job, say));
        const { sync, seconds } = await timed(() => syncOf(context, job));
        expectDelivered(sync, 0);
        ours.push(seconds);
      }
      say(`unchanged: ours ${ours.map(short).join(' ')} s, bare ${bare.map(short).join(' ')} s`);
      return result('resync-unchanged', rows, median(ours), rows / median(bare), peakMemoryMB());
    },
    async everythingAgain(begun) {
      await resetMapping(context, job, commandLine);
      const again = await findMapping(store, 'customers-identify');
      const wanted = { reason: 'manual', requestedBy: 'bench' } as const;
      const request = await requestSync(db.pool, again, wanted, new Date());
      const run = runInOwnProcess({
        flags: { dataFolder: folder, logLevel: 'error' },
        log: createLog({ level: 'error' }),
      });
      const ended = run({ ...request, begun: 0 }, new AbortController().signal);
      while (await isNotLoading(db, request.syncId)) await sleep(20);
      begun();
      await ended;
      const sync = await showSync(db, request.syncId);
      if (sync.state !== 'succeeded') throw new Error(`the sync ended as ${sync.state}: ${sync.reason}`);
      expectDelivered(sync, rows);
      return rows / (sync.loadingSeconds ?? Number.NaN);
    },
    async onePercent() {
      const comparison = await bareComparison(context, job, say);
      await warehouse.change();
      const { sync, seconds } = await timed(() => syncOf(context, job));
      const changed = Math.ceil(rows / 100);
      expectDelivered(sync, changed);
      const limit = comparison + changed / (firstRate || 30_000);
      return result('resync-1-percent', rows, seconds, rows / limit, peakMemoryMB());
    },
  };
}

async function isNotLoading(db: Database, syncId: string): Promise<boolean> {
  const { rows } = await db.pool.query('SELECT state FROM syncs WHERE id = $1', [syncId]);
  return rows[0] === undefined || rows[0].state === 'extracting';
}

function phases({ extractingSeconds, loadingSeconds }: Sync): string {
  return `comparing ${short(extractingSeconds ?? 0)} s, loading ${short(loadingSeconds ?? 0)} s`;
}

function short(seconds: number): string {
  return seconds.toFixed(2);
}

async function syncOf(context: SyncContext, job: ResolvedMapping): Promise<Sync> {
  const sync = await runSync(context, job);
  if (sync.state !== 'succeeded') throw new Error(`the sync ended as ${sync.state}: ${sync.reason}`);
  return sync;
}

function expectDelivered(sync: Sync, rows: number): void {
  if (sync.counts.delivered !== rows) throw new Error(`delivered ${sync.counts.delivered} rows instead of ${rows}`);
}

async function timed(work: () => Promise<Sync>): Promise<{ sync: Sync; seconds: number }> {
  const started = performance.now();
  const sync = await work();
  return { sync, seconds: (performance.now() - started) / 1000 };
}

function result(name: string, rows: number, seconds: number, limitRate: number, peakMemory: number): BenchResult {
  const rate = rows / seconds;
  return { name, rows, seconds, rate, limitRate, ratio: rate / limitRate, peakMemoryMB: peakMemory };
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function peakMemoryMB(): number {
  return Math.round(process.resourceUsage().maxRSS / 1024);
}

/* ---- the warehouses ---- */

interface BenchWarehouse {
  readonly source: string;
  /** Changes 1 % of the rows. */
  change(): Promise<void>;
}

async function duckdbTable(folder: string, rows: number): Promise<BenchWarehouse> {
  const file = path.join(folder, 'bench.duckdb');
  const run = async (sql: string) => {
    const instance = await DuckDBInstance.create(file);
    const connection = await instance.connect();
    await connection.run(sql);
    connection.closeSync();
    instance.closeSync();
  };
  await run(`CREATE TABLE customers AS SELECT ${columns} FROM range(${rows}) AS r(i)`);
  return {
    source: `{ engine: duckdb, path: ${file} }`,
    change: () => run(`UPDATE customers SET plan = 'changed' WHERE rowid % 100 = 0`),
  };
}

async function postgresTable(db: Database, rows: number): Promise<BenchWarehouse> {
  const { host, port, user, password } = db.pool.options as pg.PoolConfig & { connectionString?: string };
  const url = new URL(
    (db.pool.options as { connectionString?: string }).connectionString ??
      `postgres://${user}:${password}@${host}:${port}/postgres`,
  );
  await db.pool.query('CREATE DATABASE bench_warehouse');
  url.pathname = '/bench_warehouse';
  const run = async (sql: string) => {
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  await run(`CREATE TABLE customers AS SELECT ${columns} FROM generate_series(0, ${rows - 1}) AS r(i)`);
  await run('VACUUM ANALYZE customers');
  process.env.BENCH_WAREHOUSE_URL = url.href;
  return {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the workspace file fills it in
    source: '{ engine: postgres, url: "${BENCH_WAREHOUSE_URL}" }',
    change: () => run(`UPDATE customers SET plan = 'changed' WHERE age % 90 = 0`),
  };
}

async function applyWorkspace(db: Database, folder: string, source: string) {
  const text = `
spaces: { bench: {} }
sources: { shop: ${source} }
models:
  customers:
    source: shop
    identifier: customer_id
    query: SELECT customer_id, email, first_name, last_name, plan, city, age, active, lifetime_value, created_at FROM customers
destinations: { profiles: { source: shop, settings: { endpoint: local } } }
mappings:
  customers-identify:
    destination: profiles
    model: customers
    action: sendIdentify
    fields:
      engage_space: bench
      user_id: { '@path': $.properties.customer_id }
      traits:
${['email', 'first_name', 'last_name', 'plan', 'city', 'age', 'active', 'lifetime_value', 'created_at'].map((name) => `        ${name}: { '@path': $.properties.${name} }`).join('\n')}
`;
  const secrets = await openSecrets({ key: undefined, dataFolder: folder });
  const store = { db: db.pool, secrets };
  const file = await parseWorkspaceFile(text, {
    fileName: 'bench.yaml',
    env: process.env,
    baseFolder: folder,
    checks: workspaceChecks,
  });
  const plan = await planApply(store, file, { spaceHasProfiles: async () => false, excludeSyncs });
  await runApply({ db, secrets }, plan);
  return store;
}

/* ---- the limits ---- */

/** The rows that the sync left in the space, put into empty copies of their tables by COPY, one after the other. */
async function copySeconds(db: Database, folder: string): Promise<number> {
  const tables = ['profiles', 'identifiers'];
  const fileOf = (table: string) => path.join(folder, `${table}.copy`);
  const client = await db.pool.connect();
  try {
    for (const table of tables) {
      await pipeline(client.query(copyTo(`COPY ${table} TO STDOUT`)), createWriteStream(fileOf(table)));
      await client.query(`CREATE TABLE copy_${table} (LIKE ${table} INCLUDING ALL)`);
    }
    await client.query('CHECKPOINT');
    const started = performance.now();
    for (const table of tables) {
      await pipeline(
        createReadStream(fileOf(table), { highWaterMark: 256 * 1024 }),
        client.query(copyFrom(`COPY copy_${table} FROM STDIN`)),
      );
    }
    const seconds = (performance.now() - started) / 1000;
    for (const table of tables) {
      await client.query(`DROP TABLE copy_${table}`);
      await rm(fileOf(table));
    }
    return seconds;
  } finally {
    client.release();
  }
}

/**
 * The least that finding changes takes in the same engine: the checksum of every row joined with the records table, and
 * the counts. In seconds.
 */
async function bareComparison(
  context: SyncContext,
  job: ResolvedMapping,
  say: (sentence: string) => void,
): Promise<number> {
  await using warehouse = await context.openWarehouse(job.source);
  const { dialect } = warehouse;
  const model = await warehouse.describe(job.model.query);
  await using snapshot = await warehouse.snapshot();
  const { rows: tables } = await snapshot.query(
    "SELECT table_schema, table_name FROM information_schema.tables WHERE table_name LIKE 'records_%'",
  );
  const [schema, table] = tables[0] as [string, string];
  const sql = `SELECT count(*), count(*) FILTER (WHERE r.record_id IS NULL), count(*) FILTER (WHERE m.id IS NULL),
      count(*) FILTER (WHERE r.checksum <> m.sum)
    FROM (SELECT ${dialect.asText('q.customer_id', model[0] as Column)} AS id, ${dialect.checksum('q', model)} AS sum FROM (${job.model.query}) AS q) AS m
    FULL JOIN ${schema}.${table} AS r ON r.record_id = m.id`;
  const started = performance.now();
  const { rows } = await snapshot.query(sql);
  const seconds = (performance.now() - started) / 1000;
  if (Number(rows[0]?.[0]) === 0) say('the bare comparison found no rows');
  return seconds;
}
