/**
 * The rate of a destination, shared by its syncs in all processes. In: the rate of this process. Out: something to dispose of
 * when the sync is over. Promised: about every second each process takes as much of the rate as it has of the syncs that run;
 * while Postgres cannot be asked, the share stays as it was.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Queryable } from '../db/db.ts';
import type { Rate } from '../delivery/delivery.ts';

/** How many syncs of this process use a rate. */
const users = new WeakMap<Rate, number>();

export async function shareRate(
  db: Queryable,
  destinationId: string,
  rate: Rate,
  everyMs = 1_000,
): Promise<AsyncDisposable> {
  const over = new AbortController();
  users.set(rate, (users.get(rate) ?? 0) + 1);
  const look = async () => {
    const all = await runningSyncs(db, destinationId).catch(() => null);
    const own = users.get(rate) ?? 0;
    if (all !== null && own > 0) rate.share(own / Math.max(own, all));
  };
  await look();
  const looking = (async () => {
    while (!over.signal.aborted) {
      await sleep(everyMs, undefined, { signal: over.signal }).catch(() => undefined);
      if (!over.signal.aborted) await look();
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      over.abort();
      users.set(rate, (users.get(rate) ?? 1) - 1);
      await looking;
    },
  };
}

/** Of all mappings of the destination, in all processes. */
async function runningSyncs(db: Queryable, destinationId: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `SELECT count(*)::int FROM syncs s JOIN mappings m ON m.id = s.mapping_id
     WHERE m.destination_id = $1 AND s.state IN ('extracting', 'loading', 'cancelling')`,
    [destinationId],
  );
  return rows[0]?.count ?? 0;
}
