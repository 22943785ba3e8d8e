/** The log of a space: messages it dropped and identifiers it did not take, with the reason. Newest first. */
import type { Queryable } from '../db/db.ts';

export interface SpaceLogEntry {
  readonly at: string;
  readonly kind: 'drop' | 'violation';
  /** A drop reason, or one of the codes of `profile-space.md` 2.9. */
  readonly reason: string;
  /** For drops a sentence, for violations the identifier type. Never a value. */
  readonly detail: string;
  readonly sourceId: string;
  readonly syncId: string | null;
  readonly messageId: string | null;
  /** How many messages of one batch it stands for. */
  readonly count: number;
}

/** The limit of what is shown at once. */
export const maxLogEntries = 500;

export async function readSpaceLog(db: Queryable, spaceNo: number, limit = maxLogEntries): Promise<SpaceLogEntry[]> {
  const { rows } = await db.query(
    `SELECT at, kind, reason, detail, source_id, sync_id, message_id, count FROM space_log
      WHERE space_no = $1 ORDER BY at DESC, entry_id DESC LIMIT $2`,
    [spaceNo, Math.min(limit, maxLogEntries)],
  );
  return rows.map((row) => ({
    at: (row.at as Date).toISOString(),
    kind: row.kind,
    reason: row.reason,
    detail: row.detail,
    sourceId: row.source_id,
    syncId: row.sync_id,
    messageId: row.message_id,
    count: row.count,
  }));
}

/** Forgets entries older than this. Returns how many. */
export async function pruneSpaceLog(db: Queryable, before: Date): Promise<number> {
  const { rowCount } = await db.query('DELETE FROM space_log WHERE at < $1', [before]);
  return rowCount ?? 0;
}
