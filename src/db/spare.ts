/**
 * A connection that nobody else needs now, for work that may wait. In: the pool. Out: one of its connections, or null while
 * taking it could make somebody wait: one more stays free besides.
 */
import type { Pool, PoolClient } from 'pg';

export function takeSpare(pool: Pool): Promise<PoolClient> | null {
  const free = pool.idleCount + (pool.options.max - pool.totalCount) - pool.waitingCount;
  return free >= 2 && !pool.ending ? pool.connect() : null;
}
