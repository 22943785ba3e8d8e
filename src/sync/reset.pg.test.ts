import { expect, test } from 'vitest';
import { bumpEpoch, commandLine } from '../workspace/workspace.ts';
import { forgetMapping, resetMapping } from './reset.ts';
import { fakeEndpoint, openWorld, peopleTable, refused } from './sync.test-support.ts';
import { runSync } from './sync.ts';

test('after a reset every row is new again, with other message ids', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(5));
  const job = await world.job();
  const endpoint = fakeEndpoint(({ message }) => (message.userId === '5' ? refused : { kind: 'delivered' }));
  const context = world.withEndpoint(endpoint);
  await runSync(context, job);
  expect(await resetMapping(context, job, commandLine)).toEqual({
    epoch: 2,
    hadState: true,
    pendingBatches: 0,
    failingRows: 1,
  });
  expect(await world.records(job)).toBeNull();
  const next = { ...job, mapping: { ...job.mapping, epoch: 2 } };
  expect((await runSync(context, next)).counts).toMatchObject({ added: 5, delivered: 4, retried: 0 });
  expect(new Set(endpoint.given.map(({ message }) => message.messageId)).size).toBe(10);
});

test('resetting a mapping that never ran is no fault', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(1));
  const report = await resetMapping(world.context, await world.job(), commandLine);
  expect(report).toEqual({ epoch: 2, hadState: false, pendingBatches: 0, failingRows: 0 });
});

test('the state of a mapping that is gone can be removed', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(3));
  const [gone, stays] = [await world.job(), await world.job()];
  await runSync(world.context, gone);
  await runSync(world.context, stays);
  await world.db.pool.query('DELETE FROM mappings WHERE id = $1', [gone.mapping.id]);
  expect(await forgetMapping(world.context, gone)).toMatchObject({ hadState: true });
  expect(await world.records(gone)).toBeNull();
  expect((await runSync(world.context, stays)).counts).toMatchObject({ unchanged: 3, delivered: 0 });
});

test('what an earlier epoch left behind is void', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(3));
  const job = await world.job();
  await runSync(world.withEndpoint(fakeEndpoint(() => refused)), job);
  // A new epoch that nobody cleaned up after, as when a process dies between the two.
  const epoch = await world.db.transaction((tx) => bumpEpoch(tx, job.mapping.id));
  const next = { ...job, mapping: { ...job.mapping, epoch } };
  const sync = await runSync(world.withEndpoint(fakeEndpoint()), next);
  expect(sync.counts).toMatchObject({ added: 3, delivered: 3, retried: 0 });
  const { rows } = await world.db.pool.query('SELECT FROM failing_rows');
  expect(rows).toEqual([]);
});
