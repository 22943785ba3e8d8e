/**
 * People whose messages nobody takes. In: user ids, and the source they are suppressed for (`''`: all). Out: rows of the
 * table `suppressions`, which writers look at. Promised: once the transaction that changes them has committed, no batch
 * is applied that was computed without them, in any process: every space's counter moves in the same transaction.
 */
import type { Queryable, Transaction } from '../../db/db.ts';

export interface Suppression {
  readonly userId: string;
  /** Null: of all sources. */
  readonly sourceId: string | null;
  readonly createdAt: string;
  readonly regulationId: string;
}

export interface SuppressionChange {
  /** The numbers of all spaces. */
  readonly spaceNos: readonly number[];
  readonly userIds: readonly string[];
  /** `''`: of all sources. */
  readonly sourceId: string;
  /** When it was asked for; no two changes are of the same moment. */
  readonly at: Date;
}

/**
 * Spaces may not be made while the transaction is open: its caller holds the lock of the workspace. Who is suppressed
 * already stays so by the regulation that did it first, unless that is one of `revocable`, which may be taken back: then by
 * this one.
 */
export async function suppress(
  tx: Transaction,
  { spaceNos, userIds, sourceId, at }: SuppressionChange,
  regulationId: string,
  revocable: readonly string[] = [],
): Promise<void> {
  await tx.query(
    `INSERT INTO suppressions (source_id, user_id, created_at, regulation_id)
      SELECT $1, user_id, $3, $4 FROM unnest($2::text[]) AS t (user_id) ORDER BY user_id COLLATE "C"
      ON CONFLICT (user_id, source_id) DO UPDATE SET created_at = excluded.created_at,
        regulation_id = CASE WHEN suppressions.regulation_id = ANY($5) THEN excluded.regulation_id
          ELSE suppressions.regulation_id END`,
    [sourceId, userIds, at, regulationId, revocable],
  );
  await moveCounters(tx, spaceNos);
}

/**
 * Takes back what a regulation suppressed, but for people whom another one (`heirs`: user id → its id) suppresses for the
 * same source. The caller holds the lock of the workspace.
 */
export async function revokeSuppressions(
  tx: Transaction,
  spaceNos: readonly number[],
  regulationId: string,
  heirs: ReadonlyMap<string, string>,
): Promise<void> {
  await tx.query(
    `UPDATE suppressions SET regulation_id = heir.id FROM unnest($2::text[], $3::text[]) AS heir (user_id, id)
      WHERE suppressions.regulation_id = $1 AND suppressions.user_id = heir.user_id`,
    [regulationId, [...heirs.keys()], [...heirs.values()]],
  );
  await tx.query('DELETE FROM suppressions WHERE regulation_id = $1', [regulationId]);
  await moveCounters(tx, spaceNos);
}

/**
 * Ends what was suppressed before `at`. Of one source, only what was suppressed for it; of all, everything. The caller
 * holds the lock of the workspace.
 */
export async function unsuppress(
  tx: Transaction,
  { spaceNos, userIds, sourceId, at }: SuppressionChange,
): Promise<void> {
  await tx.query(
    `DELETE FROM suppressions WHERE user_id = ANY($1) AND ($2 = '' OR source_id = $2) AND created_at < $3`,
    [userIds, sourceId, at],
  );
  await moveCounters(tx, spaceNos);
}

/** What was computed before is computed again, as after a commit of another writer. */
async function moveCounters(tx: Transaction, spaceNos: readonly number[]): Promise<void> {
  await tx.query(
    `INSERT INTO space_heads (space_no, seq)
      SELECT no, 1 FROM (SELECT unnest($1::int[]) AS no UNION SELECT space_no FROM space_heads) AS every ORDER BY no
      ON CONFLICT (space_no) DO UPDATE SET seq = space_heads.seq + 1`,
    [spaceNos],
  );
}

/** Those of these user ids that no source may bring. */
export async function findSuppressed(db: Queryable, userIds: readonly string[]): Promise<ReadonlySet<string>> {
  if (userIds.length === 0) return new Set();
  const { rows } = await db.query<{ user_id: string }>(
    `SELECT user_id FROM suppressions WHERE user_id = ANY($1) AND source_id = ''`,
    [userIds],
  );
  return new Set(rows.map((row) => row.user_id));
}

/** By user id, then source; `after` is the last one of the page before. */
export async function listSuppressions(
  db: Queryable,
  limit: number,
  after: readonly [userId: string, sourceId: string] = ['', ''],
): Promise<{ readonly items: readonly Suppression[]; readonly next: readonly [string, string] | null }> {
  const { rows } = await db.query<{ user_id: string; source_id: string; created_at: Date; regulation_id: string }>(
    `SELECT user_id, source_id, created_at, regulation_id FROM suppressions
      WHERE (user_id, source_id) > ($1, $2) ORDER BY user_id, source_id LIMIT $3`,
    [...after, limit + 1],
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const items = page.map((row) => ({
    userId: row.user_id,
    sourceId: row.source_id === '' ? null : row.source_id,
    createdAt: row.created_at.toISOString(),
    regulationId: row.regulation_id,
  }));
  return {
    items,
    next: rows.length > limit && last !== undefined ? [last.user_id, last.source_id] : null,
  };
}
