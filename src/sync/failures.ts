/**
 * Rows that failed, across syncs. The records table holds what was delivered, so a failed row differs by itself and is
 * tried again; this memory only sets the end of it: after so many syncs or days a row is given up until it changes.
 */
import { hash } from 'node:crypto';
import type { Queryable } from '../db/db.ts';
import type { Change } from '../diff/diff.ts';
import type { Memory } from './memory.ts';
import type { SyncSettings } from './settings.ts';

/** What earlier syncs know of a row that failed with its present contents. */
export interface Failing {
  readonly attempts: number;
  readonly firstFailedAt: Date;
  readonly reason: string;
  readonly givenUp: boolean;
}

/** The failing rows among some changes, by record id. */
export type FailingRows = ReadonlyMap<string, Failing>;

export const noneFailing: FailingRows = new Map();

/** An index of Postgres takes keys of some 2,700 bytes; longer ids are known by their hash. */
const longestKey = 500;

/** Postgres stores no NUL; backslashes are doubled so that different ids stay different. */
export function recordKey(recordId: string): string {
  if (recordId.length > longestKey) return `\\#${hash('sha256', recordId, 'base64url')}`;
  return /[\\\0]/.test(recordId) ? recordId.replaceAll('\\', '\\\\').replaceAll('\0', '\\0') : recordId;
}

/** Postgres stores no NUL; it is shown as the character that stands for it. */
export function printable(text: string): string {
  return text.replaceAll('\0', '\u2400');
}

export async function anyFailing(db: Queryable, memory: Memory): Promise<boolean> {
  const { rows } = await db.query<{ any: boolean }>(
    'SELECT EXISTS (SELECT FROM failing_rows WHERE mapping_id = $1 AND epoch = $2) AS any',
    [memory.mappingId, memory.epoch],
  );
  return rows[0]?.any === true;
}

/**
 * Looks the changes up. A row that changed since it failed is not among the answers: it starts anew. Failures in an earlier
 * attempt of this very sync do not count.
 */
export async function findFailing(
  db: Queryable,
  memory: Memory,
  changes: readonly Change[],
  now: Date,
  settings: SyncSettings,
  syncId?: string,
): Promise<FailingRows> {
  const { rows } = await db.query<{
    record_key: string;
    checksum: string | null;
    attempts: number;
    first_failed_at: Date;
    reason: string;
    counted_in: string;
  }>(
    `SELECT record_key, checksum, attempts, first_failed_at, reason, counted_in FROM failing_rows
     WHERE mapping_id = $1 AND epoch = $2 AND record_key = ANY($3::text[])`,
    [memory.mappingId, memory.epoch, changes.map((change) => recordKey(change.recordId))],
  );
  if (rows.length === 0) return noneFailing;
  const byKey = new Map(rows.map((row) => [row.record_key, row]));
  const oldest = now.getTime() - settings.retryDays * 86_400_000;
  const found = new Map<string, Failing>();
  for (const change of changes) {
    const row = byKey.get(recordKey(change.recordId));
    if (row === undefined || row.checksum !== change.checksum) continue;
    const attempts = row.counted_in === syncId ? row.attempts - 1 : row.attempts;
    if (attempts === 0) continue;
    found.set(change.recordId, {
      attempts,
      firstFailedAt: row.first_failed_at,
      reason: row.reason,
      givenUp: attempts >= settings.retrySyncs || row.first_failed_at.getTime() <= oldest,
    });
  }
  return found;
}

export interface FailedRow {
  readonly recordId: string;
  readonly checksum: string | null;
  readonly reason: string;
}

/** Counts one more failure of each row, once for a sync; a row with other contents than before starts at one. */
export async function storeFailed(
  tx: Queryable,
  memory: Memory,
  syncId: string,
  failed: readonly FailedRow[],
  now: Date,
): Promise<void> {
  if (failed.length === 0) return;
  await tx.query(
    `INSERT INTO failing_rows AS f (mapping_id, epoch, record_key, checksum, attempts, first_failed_at, reason,
                                     sync_id, counted_in)
     SELECT $1, $2, k, c, 1, $3, r, $4, $4 FROM unnest($5::text[], $6::text[], $7::text[]) AS t (k, c, r)
     ON CONFLICT (mapping_id, epoch, record_key) DO UPDATE SET
       attempts = CASE WHEN f.checksum IS NOT DISTINCT FROM excluded.checksum THEN f.attempts + (f.counted_in <> excluded.counted_in)::int ELSE 1 END,
       first_failed_at = CASE WHEN f.checksum IS NOT DISTINCT FROM excluded.checksum
                              THEN f.first_failed_at ELSE excluded.first_failed_at END,
       checksum = excluded.checksum, reason = excluded.reason, sync_id = excluded.sync_id,
       counted_in = excluded.counted_in`,
    [
      memory.mappingId,
      memory.epoch,
      now,
      syncId,
      failed.map((row) => recordKey(row.recordId)),
      failed.map((row) => row.checksum),
      failed.map((row) => printable(row.reason)),
    ],
  );
}

/** Says that this sync met rows that are given up, so that they are remembered. */
export async function keepGivenUp(
  tx: Queryable,
  memory: Memory,
  syncId: string,
  recordIds: readonly string[],
): Promise<void> {
  if (recordIds.length === 0) return;
  await tx.query(
    'UPDATE failing_rows SET sync_id = $1 WHERE mapping_id = $2 AND epoch = $3 AND record_key = ANY($4::text[])',
    [syncId, memory.mappingId, memory.epoch, recordIds.map(recordKey)],
  );
}

/** After a complete sync: what it did not meet was delivered, changed back, or is gone. */
export async function forgetOthers(tx: Queryable, memory: Memory, syncId: string): Promise<void> {
  await tx.query('DELETE FROM failing_rows WHERE mapping_id = $1 AND epoch = $2 AND sync_id <> $3', [
    memory.mappingId,
    memory.epoch,
    syncId,
  ]);
}
