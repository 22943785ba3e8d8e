/**
 * Two servers on one Postgres. What runs a sync is killed with SIGKILL: the whole server, or the sync's own process. The sync
 * goes on under its id, within half a minute, and nothing is lost or delivered twice.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { inDuckdb, programIn, type Started, type StartProgram, until } from '../src/cli/cli.test-support.ts';
import type { Database } from '../src/db/db.ts';
import { testDatabase, testDatabaseUrl } from './database.ts';

const rows = 20_000;
const promisedMs = 30_000;

let db: Database;
let folder: string;
let start: StartProgram;
const servers: Started[] = [];

beforeEach(async () => {
  db = await testDatabase();
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-two-'));
  await inDuckdb(
    path.join(folder, 'shop.duckdb'),
    `CREATE TABLE people AS SELECT i AS id, 'p' || i || '@example.org' AS email FROM range(${rows}) t (i)`,
  );
  await writeFile(path.join(folder, 'shop.yaml'), workspace);
  start = programIn(folder, {
    DATABASE_URL: testDatabaseUrl(db),
    MILLRACE_PORT: '0',
    MILLRACE_LOG_FORMAT: 'json',
    // Many small batches, so that the kill meets it at work.
    MILLRACE_BATCH_SIZE: '25',
  });
});

afterEach(async () => {
  for (const { child } of servers) if (child.exitCode === null) child.kill('SIGTERM');
  await Promise.all(servers.map(({ ended }) => ended));
  servers.length = 0;
  await until(async () => (await sessions()) === 0);
  await db.close();
  await rm(folder, { recursive: true, force: true });
});

const workspace = `
spaces: { main: {} }
sources: { shop: { engine: duckdb, path: ./shop.duckdb } }
models: { people: { source: shop, identifier: id, query: 'select id, email from people' } }
destinations: { profiles: { source: shop } }
mappings:
  identify:
    destination: profiles
    model: people
    action: sendIdentify
    fields: { engage_space: main, user_id: { '@path': $.properties.id }, traits: { email: { '@path': $.properties.email } } }
    schedule: { every: 1h }
`;

interface Row {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
  readonly added: number;
  readonly delivered: number;
  readonly created: number;
}

async function syncs(): Promise<readonly Row[]> {
  const { rows: found } = await db.pool.query<Row>(
    `SELECT id, state, attempt, added::int, delivered::int, profiles_created::int AS created FROM syncs ORDER BY started_at`,
  );
  return found;
}

async function sessions(): Promise<number> {
  const { rows: found } = await db.pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'millrace%'`,
  );
  return found[0]?.count ?? 0;
}

async function serve(): Promise<Started> {
  const server = start(['start', '--json']);
  servers.push(server);
  await until(() => server.stderr().includes('"listening"') || server.child.exitCode !== null);
  expect(server.child.exitCode, server.stderr()).toBeNull();
  return server;
}

/** The process of the sync that a server began last. */
function syncProcess(server: Started): number | undefined {
  const pids = [...server.stderr().matchAll(/"pid":(\d+),"msg":"a process runs a sync"/g)];
  return pids.length === 0 ? undefined : Number(pids.at(-1)?.[1]);
}

const isAtWork = async () => {
  const [sync] = await syncs();
  return sync !== undefined && sync.delivered > 500;
};

async function expectComplete(killedAt: number): Promise<void> {
  await until(async () => (await syncs())[0]?.attempt === 2);
  expect(Date.now() - killedAt).toBeLessThan(promisedMs);
  await until(async () => (await syncs())[0]?.state === 'succeeded');
  // One sync, every row in it once, every profile made once.
  expect(await syncs()).toMatchObject([{ attempt: 2, added: rows, delivered: rows, created: rows }]);
  await until(async () => (await db.pool.query('SELECT FROM sync_requests')).rowCount === 0);
  const again = await start(['sync', 'run', 'identify', '--json']).ended;
  const counts = (JSON.parse(again.stdout) as { sync: { counts: Record<string, number> } }).sync.counts;
  expect(counts).toMatchObject({ unchanged: rows, delivered: 0, added: 0, updated: 0 });
}

test('a server is killed while it runs a sync: the other one goes on with it', { timeout: 120_000 }, async () => {
  expect((await start(['apply', 'shop.yaml', '--yes']).ended).code).toBe(0);
  const both = [await serve(), await serve()];
  await until(isAtWork);
  const running = both.find((server) => syncProcess(server) !== undefined);
  const orphan = syncProcess(running as Started) as number;
  running?.child.kill('SIGKILL');
  const killedAt = Date.now();
  await running?.ended;
  await expectComplete(killedAt);
  // Its process did not outlive it.
  expect(() => process.kill(orphan, 0)).toThrow();
});

test('the process of a sync is killed: its server goes on with it, and serves on', { timeout: 120_000 }, async () => {
  expect((await start(['apply', 'shop.yaml', '--yes']).ended).code).toBe(0);
  const server = await serve();
  await until(isAtWork);
  const first = syncProcess(server) as number;
  expect(first).not.toBe(server.child.pid);
  process.kill(first, 'SIGKILL');
  await expectComplete(Date.now());
  expect(syncProcess(server)).not.toBe(first);
  expect(server.child.exitCode).toBeNull();
});

test('a server that is told to stop leaves its sync, which goes on in the next one', { timeout: 120_000 }, async () => {
  expect((await start(['apply', 'shop.yaml', '--yes']).ended).code).toBe(0);
  const server = await serve();
  await until(isAtWork);
  server.child.kill('SIGTERM');
  expect((await server.ended).code).toBe(0);
  expect((await syncs())[0]?.state).toBe('loading');
  await serve();
  await expectComplete(Date.now());
});
