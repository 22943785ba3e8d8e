/** Forgetting what was delivered: the next sync of the mapping sends every row as new. */
import { type Actor, bumpEpoch, commandLine, type ResolvedMapping, recordAudit } from '../workspace/workspace.ts';
import { mappingNote } from './audit-notes.ts';
import { endDeadSyncs } from './history.ts';
import { type Forgotten, forgetEpochsBefore, memoryOf } from './memory.ts';
import { leaseOrRefuse, type SyncContext } from './runner.ts';

export interface ForgetReport extends Forgotten {
  /** Whether there was a records table in the warehouse to drop. */
  readonly hadState: boolean;
}

export interface ResetReport extends ForgetReport {
  /** The message ids of the next sync differ from all before. */
  readonly epoch: number;
}

/**
 * Begins a new epoch of the mapping and removes what is remembered of this one; its history stays. When the warehouse
 * cannot be reached the error says so; the reset has happened all the same, and the old records table is left there.
 * It is in the audit trail. Error `sync_running`.
 */
export async function resetMapping(
  context: SyncContext,
  job: ResolvedMapping,
  actor: Actor = commandLine,
): Promise<ResetReport> {
  return holdingLease(context, job, async () => {
    const { epoch, forgotten } = await context.db.transaction(async (tx) => {
      const next = await bumpEpoch(tx, job.mapping.id);
      await recordAudit(tx, actor, [mappingNote('reset', job.mapping)]);
      return { epoch: next, forgotten: await forgetEpochsBefore(tx, job.mapping.id, next) };
    });
    return { epoch, ...forgotten, hadState: await dropRecords(context, job) };
  });
}

/**
 * Removes what is remembered of a mapping as it was: of one that is gone, or in a new epoch since. Error `sync_running`.
 */
export async function forgetMapping(context: SyncContext, formerly: ResolvedMapping): Promise<ForgetReport> {
  const { id, epoch } = formerly.mapping;
  return holdingLease(context, formerly, async () => {
    const forgotten = await forgetEpochsBefore(context.db.pool, id, epoch + 1);
    return { ...forgotten, hadState: await dropRecords(context, formerly) };
  });
}

async function holdingLease<T>(context: SyncContext, { mapping }: ResolvedMapping, work: () => Promise<T>): Promise<T> {
  const { db, clock } = context;
  const lease = await leaseOrRefuse(db, clock, mapping.id, mapping.name);
  try {
    await endDeadSyncs(db.pool, clock.now(), [mapping.id], { syncId: null });
    return await work();
  } finally {
    await lease.release();
  }
}

async function dropRecords(context: SyncContext, { mapping, source }: ResolvedMapping): Promise<boolean> {
  const { table } = memoryOf(mapping);
  await using warehouse = await context.openWarehouse(source);
  const hadState = await warehouse.hasState(table);
  if (hadState) await warehouse.dropState(table);
  return hadState;
}
