/** A deletion that dies anywhere is carried to its end by the next run, in any process. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { testDatabaseUrl } from '../../test/database.ts';
import type { Database, Transaction } from '../db/db.ts';
import { changed } from '../sync/sync.test-support.ts';
import { forgetPeople } from '../sync/sync.ts';
import { canary, dumpLines, openPeopledWorld, type PeopledWorld } from './privacy.test-support.ts';
import { createRegulation, getRegulation, runRegulations } from './privacy.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

const create = ({ db }: PeopledWorld) => createRegulation(db, { type: 'DELETE_ONLY', subjectIds: [`${canary}-user`] });

const linesWithCanary = async (db: Database) => (await dumpLines(db)).filter((line) => /c4n4ry/i.test(line));

async function undisturbedDetail(): Promise<object> {
  await using people = await openPeopledWorld();
  const { id } = await create(people);
  await runRegulations(people.world.context, { only: id });
  return withoutIds((await getRegulation(people.db.pool, id)).detail);
}

const withoutIds = (detail: object): object => JSON.parse(JSON.stringify(detail).replace(/"id":"spa_\w+",/g, ''));

test.each(['before', 'after'] as const)('dying %s the commit of each transaction in turn', async (when) => {
  await using people = await openPeopledWorld();
  const { id } = await create(people);
  let [failAt, deaths] = [1, 0];
  for (;;) {
    let transactions = 0;
    const fragile = changed(people.db, {
      transaction: async <T>(work: (tx: Transaction) => Promise<T>) => {
        transactions += 1;
        const dies = transactions === failAt;
        const result = await people.db.transaction(async (tx) => {
          const done = await work(tx);
          if (dies && when === 'before') throw new Error('killed');
          return done;
        });
        if (dies) throw new Error('killed');
        return result;
      },
    });
    const finished = await runRegulations({ ...people.world.context, db: fragile }, { only: id });
    if (finished === 1 || transactions < failAt) break;
    deaths += 1;
    failAt += 1;
    expect(['FAILED', 'FINISHED']).toContain((await getRegulation(people.db.pool, id)).status);
  }
  expect(deaths).toBeGreaterThan(10);
  const regulation = await getRegulation(people.db.pool, id);
  expect(regulation).toMatchObject({ status: 'FINISHED', subjectIds: [] });
  expect(await linesWithCanary(people.db)).toEqual([]);
  // What the tables of a space lost was counted when it was deleted, whoever lived to tell.
  const { spaces } = withoutIds(regulation.detail) as { spaces: object };
  expect({ spaces }).toEqual({ spaces: ((await undisturbedDetail()) as { spaces: object }).spaces });
});

test('SIGKILL in the middle: the profile is gone, its events are not; another process goes on', async () => {
  await using people = await openPeopledWorld();
  const { db, world } = people;
  const { id } = await create(people);
  // The deletion of an event waits for a lock that this test holds.
  await db.pool.query(`CREATE FUNCTION wait_here() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN OLD; END $$`);
  await db.pool.query('CREATE TRIGGER wait_here BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION wait_here()');
  const holder = await db.session();
  await holder.query('SELECT pg_advisory_lock(4711)');
  const program = ['--import', `${root}node_modules/tsx/dist/loader.mjs`, `${root}test/regulation-child.ts`];
  const child = spawn(process.execPath, program, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, TEST_DATABASE: testDatabaseUrl(db) },
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const waits = `SELECT count(*)::int AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
  while ((await db.pool.query<{ n: number }>(waits)).rows[0]?.n === 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // Nobody else runs it meanwhile.
  expect(await runRegulations(world.context)).toBe(0);
  child.kill('SIGKILL');
  await ended;
  expect(await people.segmentIds()).toHaveLength(2);
  expect(await getRegulation(db.pool, id)).toMatchObject({ status: 'RUNNING' });
  await holder.end();
  while ((await runRegulations(world.context)) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await getRegulation(db.pool, id)).toMatchObject({ status: 'FINISHED' });
  expect(await linesWithCanary(db)).toEqual([]);
});

test('rows that a sync is writing while people are forgotten are waited for', async () => {
  await using people = await openPeopledWorld();
  const { db } = people;
  const writing = await db.session();
  await writing.query('BEGIN');
  await writing.query(
    `INSERT INTO sync_rows (sync_id, no, kind, record_id, rows, code, reason, message)
     SELECT sync_id, no + 500, kind, record_id, rows, code, reason, message FROM sync_rows`,
  );
  const known = { userIds: [`${canary}-user`], identifiers: [{ type: 'email', value: `${canary}@example.org` }] };
  const forgetting = forgetPeople(db, known);
  await writing.query('COMMIT');
  await writing.end();
  expect(await forgetting).toEqual({ syncRows: 12, failingRows: 2 });
  expect((await linesWithCanary(db)).filter((line) => /^(sync_rows|failing_rows)\t/.test(line))).toEqual([]);
});
