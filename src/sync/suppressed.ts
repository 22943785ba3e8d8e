/**
 * Keeps suppressed people out of what a sync writes down. In: a batch that is about to be recorded. Out: the same batch,
 * its counts unchanged, in which rows of suppressed people have neither a record id nor a message, and do not count as
 * failing: they are refused in every sync, and go out in the first one after the suppression has ended.
 */
import type { Queryable } from '../db/db.ts';
import { findSuppressed, normalizeValue } from '../space/space.ts';
import type { ListedRow, SettledBatch } from './settling.ts';

export async function withoutSuppressed(tx: Queryable, batch: SettledBatch): Promise<SettledBatch> {
  const userIds = new Set(batch.rows.flatMap((row) => userIdOf(row) ?? []));
  if (userIds.size === 0 && !batch.rows.some(isSuppressed)) return batch;
  // A deletion waits for those who write to the table: so it sees what they write, or they see that it suppresses.
  await tx.query('LOCK TABLE sync_rows IN ROW EXCLUSIVE MODE');
  const suppressed = await findSuppressed(tx, [...userIds]);
  const hidden = new Set(
    batch.rows.filter((row) => isSuppressed(row) || suppressed.has(userIdOf(row) ?? '')).map((row) => row.recordId),
  );
  if (hidden.size === 0) return batch;
  return {
    ...batch,
    rows: batch.rows.map((row) => (hidden.has(row.recordId) ? { ...row, recordId: null, message: null } : row)),
    failed: batch.failed.filter((row) => !hidden.has(row.recordId)),
  };
}

/** The space said so. */
function isSuppressed({ code }: ListedRow): boolean {
  return code === 'suppressed';
}

function userIdOf({ message }: ListedRow): string | null {
  const value = normalizeValue('user_id', message?.userId);
  return value === null || value.includes('\0') ? null : value;
}
