/** Ctrl-C, cancelling from elsewhere, two syncs at once, a lost database: on the real program, in the middle of real syncs. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase, testDatabaseUrl } from '../../test/database.ts';
import type { Database } from '../db/db.ts';
import { type Ended, inDuckdb, programIn, type Started, type StartProgram, until } from './cli.test-support.ts';

const rows = 30_000;
const workspace = `
spaces: { main: {} }
sources: { shop: { engine: duckdb, path: ./shop.duckdb } }
models: { people: { source: shop, identifier: id, query: SELECT id FROM people } }
destinations: { profiles: { source: shop } }
mappings:
  people:
    destination: profiles
    model: people
    action: sendIdentify
    fields: { engage_space: main, user_id: { '@path': $.properties.id } }
`;

let db: Database;
let folder: string;
let start: StartProgram;

beforeAll(async () => {
  db = await testDatabase();
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-cli-'));
  start = programIn(folder, { DATABASE_URL: testDatabaseUrl(db), MILLRACE_DATA_FOLDER: path.join(folder, 'data') });
  await writeFile(path.join(folder, 'shop.yaml'), workspace);
  await inDuckdb(
    path.join(folder, 'shop.duckdb'),
    `CREATE TABLE people AS SELECT 'p' || i AS id FROM range(${rows}) t (i)`,
  );
  expect((await start(['apply', 'shop.yaml', '--yes']).ended).code).toBe(0);
});

afterAll(async () => {
  await db.close();
  await rm(folder, { recursive: true, force: true });
});

/** Batches this small take long enough to come between. */
const slowly = ['sync', 'run', 'people', '--json', '--batch-size', '5'];

/** The running sync, once it has delivered something. */
async function deliveringSync(): Promise<string> {
  let id = '';
  await until(async () => {
    const { rows: found } = await db.pool.query(`SELECT id FROM syncs WHERE state = 'loading' AND delivered > 0`);
    id = String(found[0]?.id ?? '');
    return id !== '';
  });
  return id;
}

test('a second sync is refused while one runs, which can be cancelled from elsewhere', async () => {
  const first = start(slowly);
  const id = await deliveringSync();
  const second = await start(slowly).ended;
  expect(second.code).toBe(3);
  expect(JSON.parse(second.stdout).error).toMatchObject({ code: 'sync_running', message: expect.stringContaining(id) });
  const cancel = await start(['sync', 'cancel', id]).ended;
  expect(cancel.code).toBe(0);
  expect(cancel.stdout).toContain(`The sync ${id} of people is cancel`);
  const ended = await first.ended;
  expect(ended.code).toBe(130);
  expect(JSON.parse(ended.stdout).sync).toMatchObject({ id, state: 'cancelled', code: 'cancelled' });
});

test('Ctrl-C cancels a sync cleanly; the next one goes on where it stopped', async () => {
  const first = start(slowly);
  const id = await deliveringSync();
  await until(() => /^Syncing people: [\d,]+ of [\d,]+ changes \(\d+ %\), [\d,]+ rows\/s/m.test(first.stderr()));
  first.child.kill('SIGINT');
  const ended = await first.ended;
  expect(ended.code).toBe(130);
  expect(ended.stderr).toContain('Stopping');
  const { sync } = JSON.parse(ended.stdout);
  expect(sync).toMatchObject({ id, state: 'cancelled' });
  expect(sync.counts.delivered).toBeGreaterThan(0);
  expect(sync.counts.remaining).toBe(sync.counts.added - sync.counts.delivered);
  expect((await db.pool.query('SELECT state FROM syncs WHERE id = $1', [id])).rows).toEqual([{ state: 'cancelled' }]);

  const last = await start(['sync', 'run', 'people', '--json']).ended;
  expect(last.code).toBe(0);
  expect(JSON.parse(last.stdout).sync.counts).toMatchObject({
    extracted: rows,
    unchanged: rows - sync.counts.remaining,
    added: sync.counts.remaining,
    delivered: sync.counts.remaining,
  });
});

test('apply does not take a mapping from under its sync', async () => {
  await writeFile(path.join(folder, 'other.yaml'), workspace.replace('\n  people:\n', '\n  persons:\n'));
  await start(['mapping', 'reset', 'people']).ended;
  const first = start(slowly);
  const id = await deliveringSync();
  const apply = await start(['apply', 'other.yaml', '--yes', '--json']).ended;
  expect(JSON.parse(apply.stdout).error).toMatchObject({
    code: 'sync_running',
    message: `A sync of people (${id}) is running.`,
    help: expect.stringContaining(`millrace sync cancel ${id}`),
  });
  expect(apply.code).toBe(3);
  expect((await db.pool.query('SELECT name FROM mappings')).rows).toEqual([{ name: 'people' }]);
  first.child.kill('SIGINT');
  expect((await first.ended).code).toBe(130);
  expect((await start(['apply', 'other.yaml', '--yes']).ended).code).toBe(0);
  expect((await start(['apply', 'shop.yaml', '--yes']).ended).code).toBe(0);
});

/** Those of this database; other tests share the server. */
const waitingLocks = `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
  WHERE NOT granted AND d.datname = current_database()`;

/** Runs a command that waits for a table which nobody lets go of until `work` is done. */
async function whileWaiting(words: readonly string[], work: (waiting: Started) => Promise<void>): Promise<Ended> {
  const client = await db.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('LOCK TABLE spaces');
    const waiting = start(words);
    await until(async () => (await db.pool.query(waitingLocks)).rowCount === 1);
    waiting.child.kill('SIGINT');
    await until(() => waiting.stderr().includes('Stopping'));
    await work(waiting);
    await client.query('ROLLBACK');
    return await waiting.ended;
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

test('Ctrl-C ends a command that does nothing lasting', async () => {
  const { code, stdout } = await whileWaiting(['space', 'log', 'main', '--json'], async () => undefined);
  expect(code).toBe(130);
  expect(JSON.parse(stdout).error).toMatchObject({
    code: 'cancelled',
    message: 'millrace space log was cancelled.',
    help: 'Run it again; it begins from the start.',
  });
});

test('Ctrl-C in a plan names the command, not what was going on inside of it', async () => {
  const { code, stdout } = await whileWaiting(['sync', 'plan', 'people', '--json'], async () => undefined);
  expect(code).toBe(130);
  expect(JSON.parse(stdout).error).toMatchObject({ code: 'cancelled', message: 'millrace sync plan was cancelled.' });
});

// A prompt needs a terminal, which this program of most systems gives.
test.runIf(existsSync('/usr/bin/script'))('Ctrl-C at a question says that nothing was changed', async () => {
  await writeFile(path.join(folder, 'more.yaml'), `${workspace}    guard_percent: 5\n`);
  const asking = start(['apply', 'more.yaml'], {}, ['/usr/bin/script', '-qefc']);
  await until(() => asking.stdout().includes('Apply these changes? [y/N]'));
  asking.child.stdin?.write('\u0003');
  const { code, stdout } = await asking.ended;
  expect(stdout).toContain('Cancelled at the question; nothing was changed.');
  expect(stdout).not.toContain('where it stopped');
  expect(code).toBe(130);
});

test('a second Ctrl-C quits at once', async () => {
  const { code } = await whileWaiting(['space', 'log', 'main'], async ({ child, ended }) => {
    // What comes within a quarter of a second is taken for the same key.
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(child.exitCode).toBeNull();
    child.kill('SIGINT');
    await ended;
  });
  expect(code).toBe(130);
});

test.each([
  ['space', 'log', 'main'],
  ['apply', 'shop.yaml', '--yes'],
  ['profile', 'show', '--space', 'main', 'user_id:p1'],
  ['sync', 'plan', 'people'],
  ['sync', 'list'],
])('%s %s says that the database was lost in the middle', async (...words) => {
  const client = await db.pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('LOCK TABLE spaces, identifiers, syncs');
    const waiting = start([...words, '--json']);
    await until(async () => (await db.pool.query(waitingLocks)).rowCount === 1);
    await db.pool.query(waitingLocks.replace('SELECT', 'SELECT pg_terminate_backend(l.pid)'));
    const { code, stdout, stderr } = await waiting.ended;
    expect(JSON.parse(stdout).error).toMatchObject({ code: 'database_unreachable' });
    expect(code).toBe(3);
    expect(stderr).not.toContain('internal');
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});

test('a full disk of the database is named, also outside of a transaction', async () => {
  await db.pool.query(`
    CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER disk_full BEFORE INSERT ON tokens EXECUTE FUNCTION disk_full()`);
  const { code, stdout } = await start(['token', 'create', '--space', 'main', 'website', '--json']).ended;
  expect(JSON.parse(stdout).error).toMatchObject({ code: 'database_disk_full' });
  expect(code).toBe(3);
});
