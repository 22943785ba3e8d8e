/**
 * Sending only what failed in one earlier sync. In: changes as a comparison finds them. Out: those whose rows failed there,
 * with their newest contents. A row that was delivered since is no change; one that was given up is tried once more.
 */
import { MillraceError } from '../base/errors.ts';
import type { Queryable } from '../db/db.ts';
import type { Change } from '../diff/diff.ts';
import type { Select } from './changes.ts';
import { type FailingRows, printable } from './failures.ts';

/** Whether the sync is one of the mapping, and rows failed in it. Errors: `sync_not_found`, `sync_retry_void`. */
export async function checkRetry(db: Queryable, mappingId: string, syncId: string): Promise<void> {
  const { rows } = await db.query<{ mapping_id: string; mapping: string; replay_of: string | null; failed: boolean }>(
    `SELECT mapping_id, mapping, replay_of, EXISTS (
        SELECT FROM sync_rows WHERE sync_id = id AND kind <> 'invalid' AND kind <> 'gone') AS failed
      FROM syncs WHERE id = $1`,
    [syncId],
  );
  if (rows[0] === undefined) throw new MillraceError('sync_not_found', `There is no sync ${syncId}.`);
  if (rows[0].mapping_id !== mappingId) {
    throw new MillraceError('sync_retry_void', `The sync ${syncId} was one of another mapping, ${rows[0].mapping}.`);
  }
  const { mapping, replay_of: replayed, failed } = rows[0];
  if (replayed !== null) {
    // What it could not deliver looks as it did when it was delivered before: no comparison finds it.
    throw new MillraceError('sync_retry_void', `The sync ${syncId} was a replay of ${replayed}.`, {
      help: `Replay it again, which sends what did not go out: millrace sync run ${mapping} --replay ${replayed}`,
    });
  }
  if (!failed) {
    throw new MillraceError('sync_retry_void', `No row failed in the sync ${syncId}: there is nothing to retry.`);
  }
}

/** @param fresh nothing was ever recorded for the mapping. Errors: `sync_not_found`, `sync_retry_void`. */
export async function selectFailedIn(
  db: Queryable,
  mappingId: string,
  syncId: string,
  fresh: boolean,
): Promise<Select> {
  await checkRetry(db, mappingId, syncId);
  // Delivering a few of its rows would pass for its first sync.
  if (fresh) throw new MillraceError('sync_retry_void', 'The mapping was reset since, and begins anew.');
  return (changes) => failedAmong(db, syncId, changes);
}

async function failedAmong(db: Queryable, syncId: string, changes: readonly Change[]): Promise<readonly Change[]> {
  const { rows } = await db.query<{ record_id: string }>(
    `SELECT DISTINCT record_id FROM sync_rows
     WHERE sync_id = $1 AND kind <> 'invalid' AND kind <> 'gone' AND record_id = ANY($2::text[])`,
    [syncId, changes.map(({ recordId }) => printable(recordId))],
  );
  const failed = new Set(rows.map(({ record_id }) => record_id));
  return changes.filter(({ recordId }) => failed.has(printable(recordId)));
}

/** They count as tried before, and none as given up. */
export function givingNoneUp(failing: FailingRows): FailingRows {
  return new Map([...failing].map(([id, row]) => [id, { ...row, givenUp: false }]));
}
