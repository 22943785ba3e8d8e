/**
 * The life of one sync: lease, row, watch, end. Promised: however the work ends, the row of the sync says so, with a
 * reason; a sync whose process died is found by its free lock and ended by whoever comes next.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import { count } from '../base/count.ts';
import { errorCodes } from '../base/error-codes.ts';
import { isMillraceError, MillraceError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { describeError, type Log } from '../base/log.ts';
import type { Database } from '../db/db.ts';
import type { Endpoint } from '../delivery/delivery.ts';
import { pruneSpaceLog, type SpaceWriter } from '../space/space.ts';
import type { Warehouse } from '../warehouse/warehouse.ts';
import { type Actor, currentEpoch, type ResolvedMapping, type Source, whyNotRunning } from '../workspace/workspace.ts';
import type { DeliveryOptions } from './endpoints.ts';
import { endDeadSyncs, pruneHistory, runningSync, showSync } from './history.ts';
import { type Journal, openJournal, recordCancelling, runningState, type SyncEnd } from './journal.ts';
import { type Lease, takeLease } from './lease.ts';
import { forgetEpochsBefore, type Memory, memoryOf } from './memory.ts';
import type { OnProgress, Sync } from './records.ts';
import { checkReplay, type ReplayOf } from './replay.ts';
import { checkRetry } from './retry.ts';
import { defaultSyncSettings, type SyncSettings } from './settings.ts';
import { createTally, type Tally } from './tally.ts';

/** What every act of this room needs. */
export interface SyncContext {
  readonly db: Database;
  readonly log: Log;
  readonly clock: Clock;
  /** One for the process: syncs of one space take turns in it. */
  readonly writer: SpaceWriter;
  readonly openWarehouse: (source: Source) => Promise<Warehouse>;
  /** Another endpoint than the destination's settings say. */
  readonly openEndpoint?: (job: ResolvedMapping) => Promise<Endpoint>;
  readonly settings?: Partial<SyncSettings>;
  readonly delivery?: DeliveryOptions;
}

export interface RunOptions {
  readonly onProgress?: OnProgress;
  /** Cancels the sync cleanly. */
  readonly signal?: AbortSignal;
  /** Of a request. A sync that has this id, and whose process is gone, goes on. */
  readonly id?: string;
  /** Stops the sync where it is and leaves it, still running by its row, to be gone on with. Error `sync_left`. */
  readonly leave?: AbortSignal;
  /** Send only what failed in this sync of the mapping, whatever else changed, also rows that are given up. */
  readonly retryOf?: string;
  /** Send again what this sync of the mapping delivered and no later one did, whatever else changed. */
  readonly replayOf?: string;
  /** Who begins it by hand, here and now, for the audit trail. */
  readonly startedBy?: Actor;
}

/** One running sync, as its stages see it. */
export interface Run {
  readonly id: string;
  readonly job: ResolvedMapping;
  readonly memory: Memory;
  readonly context: SyncContext;
  readonly settings: SyncSettings;
  readonly journal: Journal;
  /** Aborted when the sync is cancelled, or lost. */
  readonly signal: AbortSignal;
  readonly tally: Tally;
  readonly retryOf: string | null;
  readonly replay: ReplayOf | null;
}

/** Runs the stages of one sync under the lease of its mapping. Errors before it has a row are thrown; others end it. */
export async function runOnce(
  context: SyncContext,
  job: ResolvedMapping,
  options: RunOptions,
  stages: (run: Run) => Promise<void>,
): Promise<Sync> {
  const { db, log, clock } = context;
  const settings = settingsOf(context);
  options.signal?.throwIfAborted();
  if (options.leave?.aborted === true) throw left();
  checkEnabled(job);
  if (options.retryOf !== undefined) await checkRetry(db.pool, job.mapping.id, options.retryOf);
  const { replayOf = null } = options;
  if (replayOf !== null) await checkReplay(db.pool, job.mapping, replayOf);
  const lease = await leaseOrRefuse(db, clock, job.mapping.id, job.mapping.name);
  try {
    await checkEpoch(db, job);
    const sync = { ...namesOf(job), id: options.id ?? newId('syn') };
    await endDeadSyncs(db.pool, clock.now(), [job.mapping.id], { syncId: sync.id });
    // Now its counts are final, should its process have died.
    const replay = replayOf === null ? null : await checkReplay(db.pool, job.mapping, replayOf);
    await pruneHistory(db.pool, clock.now(), settings.historyDays);
    await pruneSpaceLog(db.pool, new Date(clock.now().getTime() - settings.historyDays * 86_400_000));
    const memory = memoryOf(job.mapping);
    await forgetEpochsBefore(db.pool, memory.mappingId, memory.epoch);
    const { startedBy = null } = options;
    const kind = { finds: options.retryOf !== undefined, replayOf, startedBy };
    const journal = await openJournal(db, memory, sync, clock.now(), settings, kind);
    const { attempt } = journal;
    log.info({ sync: sync.id, mapping: sync.mapping, attempt }, 'sync started');
    const watch = watchSync(db, { id: sync.id, attempt }, lease, settings.watchEvery, options);
    const tally = createTally(clock, options.onProgress, journal.kept);
    let end: SyncEnd;
    try {
      const { signal } = watch;
      const retryOf = options.retryOf ?? null;
      await stages({ id: sync.id, job, memory, context, settings, journal, signal, tally, retryOf, replay });
      end = endOf(tally, job, replay);
    } catch (error) {
      const fault = watch.signal.aborted ? watch.signal.reason : await db.explain(error);
      if (isMillraceError(fault, 'sync_left')) throw fault;
      end = endByError(fault, tally.warnings());
      if (end.state === 'failed') log.error({ sync: sync.id, mapping: sync.mapping, err: error }, 'sync failed');
    } finally {
      await watch.stop();
    }
    await journal.finish({ ...end, help: aboutThis(end.help, sync) }, clock.now());
    const finished = await showSync(db, sync.id);
    log.info({ sync: sync.id, mapping: sync.mapping, state: end.state, counts: finished.counts }, 'sync ended');
    return finished;
  } catch (error) {
    // The end of a sync that lost its database cannot be recorded: the next sync of the mapping does it.
    throw await db.explain(error);
  } finally {
    await lease.release();
  }
}

/** A mapping that was reset or removed before its lease was taken would be remembered in an epoch that is over. */
async function checkEpoch(db: Database, { mapping }: ResolvedMapping): Promise<void> {
  const epoch = await currentEpoch(db.pool, mapping.id);
  if (epoch === mapping.epoch) return;
  const what = epoch === null ? 'removed' : 'reset';
  throw new MillraceError(
    'sync_outdated',
    `The mapping ${mapping.name} was ${what} just before this sync could begin.`,
  );
}

export function settingsOf(context: SyncContext): SyncSettings {
  return { ...defaultSyncSettings, ...context.settings };
}

function namesOf(job: ResolvedMapping) {
  return {
    mapping: job.mapping.name,
    model: job.model.name,
    destination: job.destination.name,
    modelId: job.model.id,
    sourceId: job.model.sourceId,
  };
}

function checkEnabled(job: ResolvedMapping): void {
  const reason = whyNotRunning(job);
  if (reason !== null) throw new MillraceError('sync_disabled', reason);
}

/** Asked a few times within half a second: Postgres takes a moment to notice that the session of a dead process is over. */
export async function leaseOrRefuse(db: Database, clock: Clock, mappingId: string, name: string): Promise<Lease> {
  for (let attempt = 1; ; attempt++) {
    const lease = await takeLease(db, mappingId);
    if (lease !== null) return lease;
    if (attempt === 5) {
      const id = await runningSync(db.pool, mappingId);
      const which = id === null ? '' : `: ${id}, since ${(await showSync(db, id, clock)).startedAt.toISOString()}`;
      throw new MillraceError('sync_running', `A sync of ${name} is running${which}.`);
    }
    await sleep(100);
  }
}

/* ---- watching ---- */

interface Watch {
  readonly signal: AbortSignal;
  stop(): Promise<void>;
}

/** Looks now and then whether somebody cancelled the sync, or ended it; notices the loss of the lease. */
function watchSync(
  db: Database,
  { id: syncId, attempt }: { readonly id: string; readonly attempt: number },
  lease: Lease,
  every: number,
  { signal: cancel, leave }: RunOptions,
): Watch {
  const stopping = new AbortController();
  const over = new AbortController();
  const lost = () => stopping.abort(new MillraceError('sync_lost', 'The lock of this sync was lost.'));
  const cancelled = () => stopping.abort(new MillraceError('cancelled', 'The sync was cancelled.'));
  lease.onLost(lost);
  const onCancel = () => {
    cancelled();
    void recordCancelling(db.pool, syncId).catch(() => undefined);
  };
  const onLeave = () => stopping.abort(left());
  cancel?.addEventListener('abort', onCancel, { once: true });
  leave?.addEventListener('abort', onLeave, { once: true });
  if (cancel?.aborted === true) onCancel();
  if (leave?.aborted === true) onLeave();
  const looking = (async () => {
    while (!over.signal.aborted) {
      const state = await runningState(lease.session, syncId, attempt).catch(() => null);
      if (over.signal.aborted) return;
      if (state === null) lost();
      if (state === 'cancelling') cancelled();
      await sleep(every, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  return {
    signal: stopping.signal,
    async stop() {
      cancel?.removeEventListener('abort', onCancel);
      leave?.removeEventListener('abort', onLeave);
      over.abort();
      await looking;
    },
  };
}

function left(): MillraceError {
  return new MillraceError('sync_left', 'The process that runs this sync is stopping.');
}

/* ---- ending ---- */

/** The help of an error code speaks of some sync of some mapping. */
function aboutThis(
  help: string | null,
  { id, mapping }: { readonly id: string; readonly mapping: string },
): string | null {
  if (help === null) return null;
  return help.replaceAll(/\bMAPPING\b/g, () => mapping).replaceAll(/\bID\b/g, () => id);
}

function endOf(tally: Tally, { destination }: ResolvedMapping, replay: ReplayOf | null): SyncEnd {
  const { counts, notTaken, outage } = tally;
  const refused = counts.refused - notTaken;
  const warnings = tally.warnings();
  const end = (state: SyncEnd['state'], reason: string | null, code: SyncEnd['code'] = null): SyncEnd => ({
    state,
    code,
    reason,
    help: code === null ? null : errorCodes[code].help,
    warnings,
  });
  if (counts.extracted > 0 && counts.invalid === counts.extracted && counts.delivered + counts.skipped === 0) {
    return end('failed', `All ${count(counts.extracted)} rows are invalid.`, 'sync_all_invalid');
  }
  const tried = counts.refused + counts.delivered;
  const next = replay === null ? 'the next' : `another replay of ${replay.syncId}`;
  const undelivered = [
    refused > 0 ? `${count(refused)} of ${count(tried)} rows were refused` : '',
    notTaken > 0 ? `${count(notTaken)} of ${count(tried)} rows could not be delivered now` : '',
  ];
  if (outage !== null && counts.delivered === 0) {
    const away = `The endpoint ${destination.settings.endpoint} takes nothing at present. ${outage.reason}`;
    return end('failed', [away, ...sentences(undelivered)].join(' '), 'endpoint_away');
  }
  if (counts.refused > 0 && counts.delivered === 0) {
    return end('failed', noneOf(refused, notTaken), 'sync_all_refused');
  }
  // With rows in place that are unchanged, the others are a part.
  if (counts.givenUp > 0 && counts.delivered + counts.skipped + counts.unchanged === 0) {
    const one = 'The one row that there is is given up until it changes.';
    const all = `All ${count(counts.givenUp)} rows that there are are given up until they change.`;
    return end('failed', counts.givenUp === 1 ? one : all, 'sync_all_given_up');
  }
  const over = counts.remaining - (outage?.rows ?? 0);
  const parts = [
    ...undelivered,
    outage !== null
      ? `${count(outage.rows)} rows are still to do, since the endpoint was away for some requests: ${withoutStop(outage.reason)}`
      : '',
    counts.givenUp > 0 ? `${count(counts.givenUp)} rows are given up until they change` : '',
    over > 0 ? `${count(over)} changes are over the limit of one sync and wait for ${next}` : '',
  ].filter((part) => part !== '');
  if (parts.length === 0) return end('succeeded', null);
  return end('partially succeeded', `${parts.join('; ')}.`, outage === null ? null : 'endpoint_away');
}

/** Why none of the rows that were tried was delivered. */
function noneOf(refused: number, notTaken: number): string {
  if (refused + notTaken === 1) {
    return `The one row that was tried ${refused === 1 ? 'was refused' : 'could not be delivered now'}.`;
  }
  if (notTaken === 0) return `All ${count(refused)} rows that were tried were refused.`;
  if (refused === 0) return `None of the ${count(notTaken)} rows that were tried could be delivered now.`;
  return `None of the rows that were tried was delivered: ${count(refused)} were refused, ${count(notTaken)} could not be delivered now.`;
}

const sentences = (parts: readonly string[]) => parts.filter((part) => part !== '').map((part) => `${part}.`);

const withoutStop = (text: string) => text.replace(/\.$/, '');

function endByError(error: unknown, warnings: readonly string[]): SyncEnd {
  if (isMillraceError(error)) {
    const state = error.code === 'cancelled' ? 'cancelled' : 'failed';
    return { state, code: error.code, reason: error.message, help: error.help, warnings };
  }
  // Reduced as for the log: a driver's error may quote rows.
  const { message } = describeError(error) as { message?: string };
  const reason = `Something failed that should not: ${message ?? 'no error was given'}`;
  return { state: 'failed', code: 'internal', reason, help: errorCodes.internal.help, warnings };
}
