/**
 * One sync of a mapping. In: a mapping, with its model, source and destination. Out: the profiles follow the rows of the
 * warehouse, and a record of what happened. Promised: invariants D1 to D7 of `docs/sync.md`. In short: every change is
 * settled exactly once, its receipt is stored in the transaction that delivers it, and a sync that was killed anywhere
 * goes on where it stopped.
 *
 * This file is the path of the data; each stage takes and gives batches one by one, so that memory stays flat:
 *
 *   compare → (guard) → changes → event, trigger, mapping, action → delivery with receipts → records of the warehouse
 */
import type { Endpoint } from '../delivery/delivery.ts';
import { type Change, type Comparison, compare } from '../diff/diff.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import type { ResolvedMapping } from '../workspace/workspace.ts';
import { isSkippingBackfill, skippedBackfill, startSkippingBackfill } from './backfill.ts';
import { decideChanges, type Select } from './changes.ts';
import { openEndpoint } from './endpoints.ts';
import { anyFailing, findFailing, forgetOthers } from './failures.ts';
import { checkGuard } from './guard.ts';
import { deliverAll } from './loading.ts';
import { applyLeftovers, rememberInWarehouse } from './receipts.ts';
import { changesOf, type Sync, withChanges, withoutChanges } from './records.ts';
import { notReplayed, replayedSync } from './replay.ts';
import { givingNoneUp, selectFailedIn } from './retry.ts';
import { type CompiledJob, compileJob } from './rules.ts';
import { type Run, type RunOptions, runOnce, type SyncContext } from './runner.ts';
import type { SettledBatch } from './settling.ts';

export { syncNote } from './audit-notes.ts';
export { cancelSync } from './cancel.ts';
export { type DeliveryTotals, deliveryTotals, takeEnded } from './ended.ts';
export { excludeSyncs } from './exclude.ts';
export { type Forgotten, forgetPeople, type KnownPeople } from './forget.ts';
export {
  cancelUnbegun,
  endDeadSyncs,
  failSync,
  type HistoryPage,
  knownSyncs,
  listSyncs,
  type PageOptions,
  type SyncFilter,
  showSync,
  syncRows,
} from './history.ts';
export { isLeased, type Lease, takeLease } from './lease.ts';
export {
  type Outcome,
  type OutcomeKind,
  type OutcomeQuery,
  syncOutcomes,
  syncVolume,
  type Volume,
} from './outcomes.ts';
export { type PlanOptions, planSync, type SyncPlan } from './plan.ts';
export { type ModelPreview, modelColumns, previewModel, type TestedMapping, testMapping } from './preview.ts';
export { createPreviewLimits, type LimitPreviews, type PreviewLimits } from './preview-limits.ts';
export type { EndState, OnProgress, Progress, Sync, SyncCounts, SyncRow, SyncState } from './records.ts';
export { checkReplay } from './replay.ts';
export { type ForgetReport, forgetMapping, type ResetReport, resetMapping } from './reset.ts';
export { checkRetry } from './retry.ts';
export type { RunOptions, SyncContext } from './runner.ts';
export { defaultSyncSettings, type SyncSettings } from './settings.ts';
export { type SuggestedMapping, suggestForModel } from './suggest.ts';
export { listTables, type WarehouseTable } from './tables.ts';
export { type SentRecord, sendTestRecord } from './test-record.ts';

/**
 * Runs a sync to its end and says how it went. What goes wrong while it runs is in the answer, not thrown; thrown are
 * `sync_running`, `sync_disabled` and `sync_outdated`, and whatever keeps the end from being recorded.
 */
export function runSync(context: SyncContext, job: ResolvedMapping, options: RunOptions = {}): Promise<Sync> {
  return runOnce(context, job, options, passThrough);
}

async function passThrough(run: Run): Promise<void> {
  const { context, job, memory, settings, journal, tally, signal, replay } = run;
  const { db, clock } = context;
  const compiled = compileJob(job, settings);
  await using endpoint = await openEndpoint(context, job, journal);
  await using warehouse = await context.openWarehouse(job.source);
  await applyLeftovers(db.pool, warehouse, memory, settings.lumpSize);
  const { table } = memory;
  const fresh = !(await warehouse.hasState(table));
  // A table of an earlier version gets its last column before the snapshot reads it.
  if (!fresh && !(await warehouse.marksDeliveries(table))) await warehouse.prepareState(table);

  await using comparison = await compare(warehouse, job.model, {
    table,
    columns: compiled.columns,
    limits: settings.modelLimits,
    signal,
    ...(replay !== null && { replay: replayedSync(replay, compiled.trigger) }),
  });
  const { counts } = comparison;
  const select = run.retryOf === null ? null : await selectFailedIn(db.pool, memory.mappingId, run.retryOf, fresh);
  // With what earlier attempts of this sync did: their changes are none any more.
  const all = withChanges(select === null ? counts : withoutChanges(counts), journal.kept);
  const usual = select === null && replay === null;
  const invalid = await comparison.invalidRows(settings.invalidRowsKept);
  const leftOut =
    replay === null
      ? null
      : {
          ...notReplayed(replay, comparison, journal.kept.delivered),
          goneIds: await comparison.goneRows(settings.invalidRowsKept),
        };
  await journal.compared(all, invalid, clock.now(), leftOut);
  tally.compared(all);
  if (usual) checkGuard(job.mapping, counts);

  const someFailing = await anyFailing(db.pool, memory);
  const skipBackfill = usual && (await isSkippingBackfill(db.pool, job.mapping, fresh));
  if (skipBackfill) await startSkippingBackfill(db.pool, memory);
  if (changesOf(counts) > 0 || skipBackfill) {
    await warehouse.prepareState(table);
    const stages = { comparison, compiled, endpoint, warehouse, fresh, someFailing, skipBackfill, select };
    for await (const batch of loadChanges(run, stages)) {
      if (select !== null) tally.found(batch.kinds);
      tally.settled(batch);
    }
  }
  if (tally.counts.remaining > 0 || !usual) return;
  if (skipBackfill) await skippedBackfill(db.pool, memory);
  if (someFailing) await forgetOthers(db.pool, memory, run.id);
}

interface Stages {
  readonly comparison: Comparison;
  readonly compiled: CompiledJob;
  readonly endpoint: Endpoint;
  readonly warehouse: Warehouse;
  /** Nothing was ever recorded for this mapping. */
  readonly fresh: boolean;
  readonly someFailing: boolean;
  readonly skipBackfill: boolean;
  /** The rows that are asked for; null: all that changed. */
  readonly select: Select | null;
}

/** From the changes to the records of the warehouse: decide, deliver with receipts, remember. */
function loadChanges(run: Run, stages: Stages): AsyncIterable<SettledBatch> {
  const { memory, settings, journal, tally, signal, replay } = run;
  const { db, clock } = run.context;
  const { comparison, compiled, endpoint, warehouse, fresh, select } = stages;
  const failingAmong = async (changes: readonly Change[]) => {
    const failing = await findFailing(db.pool, memory, changes, clock.now(), settings, run.id);
    return select === null && replay === null ? failing : givingNoneUp(failing);
  };
  const decided = decideChanges(comparison, compiled, {
    sendNothing: stages.skipBackfill,
    findFailing: stages.someFailing ? failingAmong : null,
    select,
    onNotFinite: tally.notFinite,
    onMembersLost: tally.membersLost,
    settings,
    signal,
  });
  const settled = deliverAll(decided, {
    endpoint,
    origin: { mappingId: memory.mappingId, syncId: run.id },
    marking: { syncNo: journal.no, replays: replay !== null },
    record: (batch, tx) =>
      tx === undefined
        ? db.transaction((own) => journal.recordBatch(own, batch, clock.now()))
        : journal.recordBatch(tx, batch, clock.now()),
    inFlight: settings.inFlight,
    grace: settings.grace,
    signal,
  });
  return rememberInWarehouse(settled, { db, warehouse, memory, syncId: run.id, lumpSize: settings.lumpSize, fresh });
}
