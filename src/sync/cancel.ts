/** Cancelling a sync from anywhere: its row says so, and the process that runs it looks there. */
import { type Clock, systemClock } from '../base/clock.ts';
import { MillraceError } from '../base/errors.ts';
import type { Database } from '../db/db.ts';
import { type Actor, commandLine, recordAudit } from '../workspace/workspace.ts';
import { syncNote } from './audit-notes.ts';
import { showSync } from './history.ts';
import { recordCancelling } from './journal.ts';
import type { Sync } from './records.ts';

/** Asks a running sync to stop; it does so within a second. Errors: `sync_not_found`, `sync_not_running`. */
export async function cancelSync(
  db: Database,
  syncId: string,
  clock: Clock = systemClock,
  actor: Actor = commandLine,
): Promise<Sync> {
  const sync = await showSync(db, syncId, clock);
  const isCancelling =
    sync.finishedAt === null &&
    (await db.transaction(async (tx) => {
      const isRunning = await recordCancelling(tx, syncId);
      if (isRunning) await recordAudit(tx, actor, [syncNote('cancel', sync)]);
      return isRunning;
    }));
  if (!isCancelling) {
    const now = await showSync(db, syncId, clock);
    throw new MillraceError('sync_not_running', `The sync ${syncId} has ended already: ${now.state}.`);
  }
  return showSync(db, syncId, clock);
}
