/** The log of a space: messages it dropped and identifiers it did not take, with the reason. Newest first. */
import { MillraceError } from '../base/errors.ts';
import { isWrittenTime } from '../base/written-time.ts';
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
  const { entries } = await pageSpaceLog(db, spaceNo, { limit: Math.min(limit, maxLogEntries) });
  return [...entries];
}

export interface SpaceLogQuery {
  readonly reason?: string | undefined;
  readonly kind?: SpaceLogEntry['kind'] | undefined;
  readonly limit: number;
  /** As the page before gave it. */
  readonly next?: string | undefined;
}

/** A page of the whole log. Error: `cursor_invalid`. */
export async function pageSpaceLog(
  db: Queryable,
  spaceNo: number,
  { reason, kind, limit, next }: SpaceLogQuery,
): Promise<{ readonly entries: readonly SpaceLogEntry[]; readonly next: string | null }> {
  const [at, id] = next === undefined ? [null, null] : readCursor(next);
  const { rows } = await db.query(
    `SELECT entry_id, at, kind, reason, detail, source_id, sync_id, message_id, count FROM space_log
      WHERE space_no = $1 AND ($2::text IS NULL OR reason = $2) AND ($3::text IS NULL OR kind = $3)
        AND ($4::timestamptz IS NULL OR (at, entry_id) < ($4, $5))
      ORDER BY at DESC, entry_id DESC LIMIT $6`,
    [spaceNo, reason ?? null, kind ?? null, at, id, limit + 1],
  );
  const entries = rows.slice(0, limit).map((row) => ({
    at: (row.at as Date).toISOString(),
    kind: row.kind,
    reason: row.reason,
    detail: row.detail,
    sourceId: row.source_id,
    syncId: row.sync_id,
    messageId: row.message_id,
    count: row.count,
  }));
  const last = rows[limit - 1];
  return { entries, next: rows.length > limit ? writeCursor(last?.at as Date, last?.entry_id) : null };
}

/* Cursors: where an entry stands in the order. */

function writeCursor(at: Date, id: string): string {
  return Buffer.from(`${at.toISOString()} ${id}`).toString('base64url');
}

function readCursor(next: string): readonly [string, string] {
  const [at = '', id = '', more] = Buffer.from(next, 'base64url').toString().split(' ');
  if (isWrittenTime(at) && id !== '' && !id.includes('\0') && more === undefined) return [at, id];
  throw new MillraceError('cursor_invalid', 'This is not a cursor that the log of a space has given.');
}

/** Forgets entries older than this. Returns how many. */
export async function pruneSpaceLog(db: Queryable, before: Date): Promise<number> {
  const { rowCount } = await db.query('DELETE FROM space_log WHERE at < $1', [before]);
  return rowCount ?? 0;
}
