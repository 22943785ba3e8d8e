/** Looks into warehouses that take long, or that nobody waits for any more. */
import { expect, test } from 'vitest';
import { previewModel, testMapping } from './preview.ts';
import { createPreviewLimits } from './preview-limits.ts';
import { openWorld, type World } from './sync.test-support.ts';

const limits = { atOnce: 2, waiting: 1, longestMs: 60_000 };

const slowQuery = (mark: string) => `SELECT pg_sleep(600)::text AS email, 1 AS id, '${mark}' AS name`;

/** How many statements with these words run in the warehouse, asked until it is so many. */
async function untilRunning(world: World, mark: string, wanted: number): Promise<void> {
  for (;;) {
    const { rows } = await world.db.pool.query<{ count: number }>(
      `SELECT count(*)::int FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep%' || $1 || '%'
         AND pid <> pg_backend_pid()`,
      [mark],
    );
    if (rows[0]?.count === wanted) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('one that takes too long is ended, in the warehouse too, and says so', async () => {
  await using world = await openWorld({ engine: 'postgres' });
  const limited = createPreviewLimits({ ...limits, longestMs: 300 });
  const job = await world.job({ query: slowQuery('mark-late') });
  const looks = [
    (signal: AbortSignal): Promise<unknown> => previewModel(world.context, job, signal),
    (signal: AbortSignal): Promise<unknown> => testMapping(world.context, job, undefined, signal),
  ];
  for (const look of looks) await expect(limited(look)).rejects.toMatchObject({ code: 'preview_too_slow' });
  await untilRunning(world, 'mark-late', 0);
});

test('only a few run at once; one that nobody waits for makes room, and one too many is refused', async () => {
  await using world = await openWorld({ engine: 'postgres' });
  const limited = createPreviewLimits(limits);
  const job = await world.job({ query: slowQuery('mark-many') });
  const callers = [new AbortController(), new AbortController(), new AbortController()];
  const looks = callers.map(({ signal }) =>
    limited((both) => previewModel(world.context, job, both), signal).catch((error: { code: string }) => error.code),
  );
  await untilRunning(world, 'mark-many', 2);
  await expect(limited(async () => 'never')).rejects.toMatchObject({ code: 'preview_busy' });
  callers[2]?.abort();
  expect(await looks[2]).toBe('cancelled');
  const waiting = limited(async () => 'its turn');
  callers[0]?.abort();
  expect(await looks[0]).toBe('cancelled');
  expect(await waiting).toBe('its turn');
  await untilRunning(world, 'mark-many', 1);
  callers[1]?.abort();
  expect(await looks[1]).toBe('cancelled');
  await untilRunning(world, 'mark-many', 0);
});
