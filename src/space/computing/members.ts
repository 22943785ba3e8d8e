/** Who is in an audience: read from the profiles themselves. */
import type { Queryable } from '../../db/db.ts';

/** Segment ids in their order, those after `after`. */
export async function listMembers(
  db: Queryable,
  spaceNo: number,
  computationId: string,
  limit: number,
  after = '',
): Promise<readonly string[]> {
  const { rows } = await db.query<{ profile_id: string }>(
    `SELECT profile_id FROM profiles
      WHERE space_no = $1 AND member_of @> ARRAY[$2] AND member_of IS NOT NULL AND merged_into IS NULL AND profile_id > $3
      ORDER BY profile_id LIMIT $4`,
    [spaceNo, computationId, after, limit],
  );
  return rows.map((row) => row.profile_id);
}

export async function countMembers(db: Queryable, spaceNo: number, computationId: string): Promise<number> {
  const { rows } = await db.query<{ n: string }>(
    `SELECT count(*) AS n FROM profiles
      WHERE space_no = $1 AND member_of @> ARRAY[$2] AND member_of IS NOT NULL AND merged_into IS NULL`,
    [spaceNo, computationId],
  );
  return Number(rows[0]?.n ?? 0);
}
