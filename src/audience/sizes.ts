/** How many are in each audience: counted from the profiles, now and then, as counting takes a while. */
import type { Database } from '../db/db.ts';
import { countMembers } from '../space/space.ts';
import type { Computation } from './audience.ts';

/** Between two counts of an audience, at least; ms. */
const countEveryMs = 15_000;

/** Counts the members of an audience, unless that was done a moment ago. Returns whether it was. */
export async function countSize(db: Database, now: Date, { spaceNo, id }: Computation): Promise<boolean> {
  const claimed = await db.pool.query(
    `UPDATE computations SET size_at = $3
      WHERE space_no = $1 AND computation_id = $2 AND (size_at IS NULL OR size_at <= $4)`,
    [spaceNo, id, now, new Date(now.getTime() - countEveryMs)],
  );
  if (claimed.rowCount === 0) return false;
  const size = await countMembers(db.pool, spaceNo, id);
  await db.pool.query('UPDATE computations SET size = $3 WHERE space_no = $1 AND computation_id = $2', [
    spaceNo,
    id,
    size,
  ]);
  return true;
}
