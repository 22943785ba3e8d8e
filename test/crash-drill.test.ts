/**
 * D2 of `docs/sync.md`: a sync that is killed with SIGKILL at any moment and run again leaves profiles, state and counts
 * as if it had not been killed. Thirty kills at random moments, over several data sets, in a first sync and in one of
 * changes; often several in a row.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { listSyncs } from '../src/sync/history.ts';
import type { Sync } from '../src/sync/records.ts';
import { openWorld, type World } from '../src/sync/sync.test-support.ts';
import type { ResolvedMapping } from '../src/workspace/workspace.ts';
import { testDatabaseUrl } from './database.ts';

const child = fileURLToPath(new URL('./crash-drill-child.ts', import.meta.url));
const rows = 50_000;
/** In the sync of the changes there are fewer than in the first. */
const changedRows = 30_000;
const dataSets = 3;
const killsPerSync = 5;

/** Shared e-mails make profiles merge or be told apart; companies are shared by many. */
const fields = {
  user_id: { '@path': '$.__segment_id' },
  group_id: { '@path': '$.properties.company' },
  traits: { email: { '@path': '$.properties.email' }, name: { '@path': '$.properties.name' } },
};
const query = 'SELECT id, email, name, company FROM people';
const firstData = [
  `CREATE TABLE people AS
   SELECT i AS id, 'p' || (CASE WHEN i % 50 = 0 THEN i - 1 ELSE i END) || '@example.org' AS email,
          'Person ' || i AS name, 'c' || (i % 400) AS company
   FROM generate_series(1, ${rows}) AS t (i)`,
];
const changes = [
  `UPDATE people SET name = 'Changed ' || id WHERE id % 2 = 0`,
  'DELETE FROM people WHERE id % 25 = 3',
  `INSERT INTO people SELECT i, 'p' || i || '@example.org', 'Late ' || i, 'c1'
   FROM generate_series(${rows + 1}, ${rows + 5_000}) AS t (i)`,
];

interface Outcome {
  readonly afterFirst: string;
  readonly afterChanges: string;
}

test('thirty kills leave no trace', { timeout: 600_000 }, async () => {
  const random = seeded(20_260_301);
  const expected = await drill(runChild);
  let kills = 0;
  for (let set = 0; set < dataSets; set++) {
    const outcome = await drill(async (world, job) => {
      for (const moment of moments(random)) {
        if (await killChild(world, job, moment)) kills++;
      }
      await runChild(world, job);
    });
    expect(outcome).toEqual(expected);
  }
  // A sync may end in the moment between its last batch and the signal; most must have been at work.
  expect(kills).toBeGreaterThanOrEqual(dataSets * killsPerSync * 2 - 4);
});

test('a replay that is killed, and run again, sends every row once', { timeout: 600_000 }, async () => {
  const random = seeded(20_260_302);
  await using world = await openWorld();
  await world.sql(...firstData);
  const job = await world.job({ query, fields });
  await runChild(world, job);
  const [first] = (await listSyncs(world.db, { mappingIds: [job.mapping.id] })).items;
  const before = await profilesOf(world);
  let kills = 0;
  for (const moment of moments(random)) if (await killChild(world, job, moment, first?.id)) kills++;
  await runChild(world, job, first?.id);
  expect(kills).toBeGreaterThanOrEqual(killsPerSync - 1);
  const { items } = await listSyncs(world.db, { mappingIds: [job.mapping.id] });
  const replays = items.filter(({ replay }) => replay !== null);
  expect(sumOf(replays)).toMatchObject({ delivered: rows, refused: 0, skipped: 0, profilesCreated: 0, merged: 0 });
  // A second delivery would have moved a record once more.
  const records = Object.values((await world.records(job)) ?? {});
  expect(records.filter((record) => record.endsWith('@2'))).toHaveLength(rows);
  expect((await world.db.pool.query('SELECT FROM sync_receipts')).rowCount).toBe(0);
  expect(await profilesOf(world)).toEqual(before);
});

/** When to kill: so many changes after the sync began to load, or (none) after it began at all; and a little later. */
interface Moment {
  readonly settled: number;
  readonly milliseconds: number;
}

/** Spread over the work of one sync; each run goes on where the one before was killed. */
function moments(random: () => number): readonly Moment[] {
  const points = Array.from({ length: killsPerSync - 1 }, () => random() * 0.7 * changedRows).sort((a, b) => a - b);
  const gaps = points.map((point, at) => ({
    settled: Math.max(1, Math.floor(point - (points[at - 1] ?? 0))),
    milliseconds: random() * 60,
  }));
  gaps.splice(Math.floor(random() * killsPerSync), 0, { settled: 0, milliseconds: random() * 400 });
  return gaps;
}

/** First data, sync, changes, sync; `run` brings each sync to its end somehow. */
async function drill(run: (world: World, job: ResolvedMapping) => Promise<void>): Promise<Outcome> {
  await using world = await openWorld();
  await world.sql(...firstData);
  const job = await world.job({ query, fields });
  await run(world, job);
  const afterFirst = await stateOf(world, job);
  await world.sql(...changes);
  await run(world, job);
  return { afterFirst, afterChanges: await stateOf(world, job) };
}

/* ---- the process ---- */

async function start(world: World, job: ResolvedMapping, replayOf?: string): Promise<ChildProcess> {
  const file = path.join(path.dirname(String(job.source.settings.path)), 'task.json');
  await writeFile(file, JSON.stringify({ url: testDatabaseUrl(world.db), job, replayOf }));
  return spawn('node', ['--import', 'tsx', child, file], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function runChild(world: World, job: ResolvedMapping, replayOf?: string): Promise<void> {
  const process = await start(world, job, replayOf);
  process.stdout?.resume();
  const [code] = await once(process, 'exit');
  expect(code).toBe(0);
}

/** True when the process was still at work when it was killed. */
async function killChild(world: World, job: ResolvedMapping, moment: Moment, replayOf?: string): Promise<boolean> {
  const process = await start(world, job, replayOf);
  const exit = once(process, 'exit');
  await Promise.race([exit, reached(process, moment.settled)]);
  await Promise.race([exit, new Promise((resolve) => setTimeout(resolve, moment.milliseconds))]);
  process.kill('SIGKILL');
  const [, signal] = await exit;
  return signal === 'SIGKILL';
}

/** Each line of the process is the number of changes it has settled so far. */
async function reached({ stdout }: ChildProcess, settled: number): Promise<void> {
  for await (const line of createInterface({ input: stdout as NodeJS.ReadableStream })) {
    if (Number(line) >= settled) return;
  }
}

/* ---- what must be equal ---- */

/** Profiles without times and ids, the records table, and the sums of all counts, as lines that a difference shows in. */
async function stateOf(world: World, job: ResolvedMapping): Promise<string> {
  const { items } = await listSyncs(world.db, { mappingIds: [job.mapping.id] }, { limit: 1_000 });
  const left = await world.db.pool.query('SELECT FROM sync_receipts');
  return JSON.stringify({
    counts: sumOf(items),
    remaining: items[0]?.counts.remaining,
    state: items[0]?.state,
    pending: left.rowCount,
    records: await world.records(job),
    profiles: await profilesOf(world),
    links: await linksOf(world),
  });
}

function sumOf(syncs: readonly Sync[]) {
  const sum = (pick: (sync: Sync) => number) => syncs.reduce((total, sync) => total + pick(sync), 0);
  return {
    delivered: sum(({ counts }) => counts.delivered),
    refused: sum(({ counts }) => counts.refused),
    skipped: sum(({ counts }) => counts.skipped),
    profilesCreated: sum(({ effects }) => effects.profilesCreated),
    accountsCreated: sum(({ effects }) => effects.accountsCreated),
    merged: sum(({ effects }) => effects.merged),
    traitsChanged: sum(({ effects }) => effects.traitsChanged),
  };
}

async function profilesOf({ db }: World): Promise<readonly string[]> {
  const { rows: found } = await db.pool.query<{ line: string }>(
    `SELECT concat_ws(' | ', p.collection, p.merged_into IS NOT NULL,
              (SELECT string_agg(i ->> 'type' || '=' || (i ->> 'value'), ',' ORDER BY i ->> 'type', i ->> 'value')
                 FROM json_array_elements(p.identifiers) i),
              p.traits::jsonb::text) AS line
     FROM profiles p ORDER BY 1`,
  );
  return found.map(({ line }) => line);
}

async function linksOf({ db }: World): Promise<readonly string[]> {
  const { rows: found } = await db.pool.query<{ line: string }>(
    `SELECT (SELECT string_agg(i ->> 'value', ',' ORDER BY i ->> 'value') FROM json_array_elements(a.identifiers) i)
            || ' > ' ||
            (SELECT string_agg(i ->> 'value', ',' ORDER BY i ->> 'value') FROM json_array_elements(b.identifiers) i) AS line
     FROM links l JOIN profiles a ON a.profile_id = l.profile_id JOIN profiles b ON b.profile_id = l.to_profile_id
     ORDER BY 1`,
  );
  return found.map(({ line }) => line);
}

/** A small generator of random numbers (mulberry32), so that a failure can be repeated. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
