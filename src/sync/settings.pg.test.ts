import { expect, test } from 'vitest';
import { commandLine } from '../workspace/workspace.ts';
import { openWorld, peopleTable } from './sync.test-support.ts';
import { planSync, previewModel, resetMapping, runSync } from './sync.ts';

test('the configured limits of models hold in syncs, plans and previews', async () => {
  await using world = await openWorld({ settings: { modelLimits: { columns: 1 } } });
  await world.sql(peopleTable(3));
  const job = await world.job();
  const sync = await runSync(world.context, job);
  expect(sync).toMatchObject({ state: 'failed', code: 'model_too_large' });
  await expect(planSync(world.context, job)).rejects.toMatchObject({ code: 'model_too_large' });
  await expect(previewModel(world.context, job)).rejects.toMatchObject({ code: 'model_too_large' });
});

test('a sync forgets entries of the space log that are older than the history', async () => {
  await using world = await openWorld({ settings: { historyDays: 30 } });
  await world.sql(peopleTable(3));
  const { pool } = world.context.db;
  const insert = `INSERT INTO space_log (space_no, entry_id, at, kind, reason, detail, source_id, count)
    VALUES (7, $1, now() - make_interval(days => $2), 'drop', 'r', 'd', 's', 1)`;
  await pool.query(insert, ['old', 31]);
  await pool.query(insert, ['young', 29]);
  await runSync(world.context, await world.job());
  const { rows } = await pool.query('SELECT entry_id FROM space_log WHERE space_no = 7');
  expect(rows).toEqual([{ entry_id: 'young' }]);
});

test('a mapping that is reset or removed just before its sync begins is not remembered in the old epoch', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(3));
  const job = await world.job();
  await resetMapping(world.context, job, commandLine);
  await expect(runSync(world.context, job)).rejects.toMatchObject({ code: 'sync_outdated' });
  expect(await world.records(job)).toBeNull();
});
