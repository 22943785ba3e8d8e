/** Syncs as JSON documents. */

import { errorCodes } from '../base/error-codes.ts';
import type { Database } from '../db/db.ts';
import { type Sync, syncRows } from '../sync/sync.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { doneRows, type Reason, rateOf, reasonsOf } from './sync-report.ts';

/** Seconds of the whole run so far. */
export function secondsOf({ startedAt, finishedAt }: Sync, now: Date): number {
  return ((finishedAt ?? now).getTime() - startedAt.getTime()) / 1000;
}

export function syncDocument(sync: Sync, now: Date): object {
  const seconds = secondsOf(sync, now);
  return { ...sync, seconds, rowsPerSecond: rateOf(doneRows(sync.counts), seconds) };
}

const rowsLookedAt = 1_000;

/** The reasons among the first failed rows of a sync. */
export async function failureReasons(db: Database, sync: Sync): Promise<readonly Reason[]> {
  if (sync.counts.refused + sync.counts.givenUp === 0) return [];
  return reasonsOf((await syncRows(db, sync.id, 'failed', { limit: rowsLookedAt })).items);
}

/** Of a failed sync its error's, so that an unreachable warehouse is told from refused rows. */
export function exitOf(sync: Sync): ExitCode {
  switch (sync.state) {
    case 'partially succeeded':
      return exitCodes.failures;
    case 'failed':
      return sync.code === null ? exitCodes.failures : errorCodes[sync.code].exit;
    case 'cancelled':
      return exitCodes.cancelled;
    default:
      return exitCodes.ok;
  }
}
