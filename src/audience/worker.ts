/**
 * Computes for as long as a server serves. In: a pause. Out: something to dispose of. Promised: who is touched by a message
 * is computed within about a second of its commit, while the machine keeps up; each space by one process at a time; what
 * fails is logged and tried again; disposing stops at the next step, and lets another process go on at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import { newId } from '../base/ids.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../db/db.ts';
import type { Computation } from './audience.ts';
import {
  askScheduledRuns,
  type ComputeContext,
  computeDue,
  computeRunStep,
  endRun,
  isRunning,
  type RunningComputation,
  releaseStep,
} from './compute.ts';
import { LeaseLost, releaseLeases, takeLease } from './lease.ts';
import { createPreparer } from './prepare.ts';
import { runPreview } from './previews.ts';
import { readWorking } from './rows.ts';
import { countSize } from './sizes.ts';

export interface ComputationWorkerOptions {
  readonly db: Database;
  readonly log: Log;
  readonly clock: Clock;
  /** The pause between two looks, ms. */
  readonly everyMs?: number;
}

export function startComputations({ everyMs = 250, ...options }: ComputationWorkerOptions): AsyncDisposable {
  const { db, log } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const holder = newId('cmp');
  const look = createLook({ ...options, holder }, signal);
  const repeat = async (what: string, work: () => Promise<boolean>) => {
    while (!signal.aborted) {
      const isMore = await work().catch((error: unknown) => {
        if (!signal.aborted && !(error instanceof LeaseLost)) log.error({ err: error }, what);
        return false;
      });
      if (!isMore) await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const working = Promise.all([
    repeat('audiences and computed traits cannot be computed now', look),
    repeat('previews of audiences cannot be computed now', () => runPreview(options, signal)),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await working;
      await releaseLeases(db.pool, holder).catch(() => undefined);
    },
  };
}

/** One look: a step in each space that has something to do. Returns whether there may be more at once. */
export function createLook(context: ComputeContext, signal: AbortSignal) {
  const { db, clock, holder, log } = context;
  const prepare = createPreparer();
  /** Audiences that may have other members than when they were counted. */
  const uncounted = new Map<string, Computation>();
  const seen = new Set<string>();
  /** Spaces that failed: not looked at before this moment, ms. */
  const restsUntil = new Map<number, number>();
  /** Since when the run that comes next fails, by its computation; ms. */
  const failsSince = new Map<string, number>();
  const tellOfFaults = createFaultTeller(log);
  const lookAt = async (spaceNo: number, computations: readonly Computation[]): Promise<boolean> => {
    if (!(await takeLease(db.pool, spaceNo, holder, clock.now()))) return false;
    const { ordered, faulty } = prepare(computations.filter(({ deletedAt }) => deletedAt === null));
    for (const { computation, message } of faulty) {
      tellOfFaults(computation);
      if (computation.run !== null) await endRun(context, computation, message);
    }
    const done = await computeDue(context, spaceNo, ordered);
    const unreadable = new Set(faulty.map(({ computation }) => computation.id));
    const running = computations.filter(isRunning).filter(({ id }) => !unreadable.has(id));
    await nextStep(context, running, ordered, failsSince);
    const hadWork = done > 0 || running.length > 0;
    for (const one of computations) if (hadWork || !seen.has(one.id)) uncounted.set(one.id, one);
    for (const { id } of computations) seen.add(id);
    return hadWork;
  };
  return async (): Promise<boolean> => {
    await askScheduledRuns(db, clock.now());
    let isMore = false;
    for (const [spaceNo, computations] of bySpace(await readWorking(db.pool))) {
      if (signal.aborted) return false;
      if (clock.now().getTime() < (restsUntil.get(spaceNo) ?? 0)) continue;
      // What fails in one space does not stop the others.
      const hadWork = await lookAt(spaceNo, computations).catch((error: unknown) => {
        if (signal.aborted || error instanceof LeaseLost) return false;
        restsUntil.set(spaceNo, clock.now().getTime() + restMs);
        log.error({ err: error, space: spaceNo }, 'audiences and computed traits of a space cannot be computed now');
        return false;
      });
      if (hadWork) isMore = true;
    }
    if (!isMore) await countAll(db, clock.now(), uncounted);
    return isMore;
  };
}

/** After a failure, before a space is looked at again. */
const restMs = 5_000;
/** A run that fails so long is ended, so that others come. */
const longestFailureMs = 5 * 60_000;

/** Of what was deleted, of people, or of accounts: whichever was asked for first. */
async function nextStep(
  context: ComputeContext,
  running: readonly RunningComputation[],
  ordered: Parameters<typeof computeRunStep>[2],
  failsSince: Map<string, number>,
): Promise<void> {
  const [first] = [...running].sort((a, b) => a.run.askedAt.getTime() - b.run.askedAt.getTime());
  if (first === undefined) return;
  const isAlike = ({ deletedAt, entity }: Computation) => deletedAt === null && entity === first.entity;
  const together = first.deletedAt !== null ? [first] : running.filter(isAlike);
  try {
    if (first.deletedAt !== null) await releaseStep(context, first);
    else await computeRunStep(context, together, ordered);
    failsSince.delete(first.id);
  } catch (error) {
    if (error instanceof LeaseLost) throw error;
    const now = context.clock.now().getTime();
    const since = failsSince.get(first.id) ?? now;
    failsSince.set(first.id, since);
    // What was deleted must become custom traits, however long that takes.
    if (now - since >= longestFailureMs && first.deletedAt === null) {
      for (const one of together)
        await endRun(context, one, 'It could not be computed; the log of the server says why.');
      failsSince.delete(first.id);
    }
    throw error;
  }
}

async function countAll(db: Database, now: Date, uncounted: Map<string, Computation>): Promise<void> {
  for (const [id, one] of uncounted) {
    const isAudience = one.kind === 'audience' && one.deletedAt === null;
    if (!isAudience || (await countSize(db, now, one))) uncounted.delete(id);
  }
}

function bySpace(all: readonly Computation[]): ReadonlyMap<number, readonly Computation[]> {
  const spaces = new Map<number, Computation[]>();
  for (const one of all) spaces.set(one.spaceNo, [...(spaces.get(one.spaceNo) ?? []), one]);
  return spaces;
}

/** Says once of each definition that it cannot be read. Not its text, which may name people. */
function createFaultTeller(log: Log): (computation: Computation) => void {
  const told = new Set<string>();
  return ({ id, query }) => {
    const which = `${id} ${query}`;
    if (told.has(which)) return;
    told.add(which);
    log.warn({ computation: id }, 'a computation cannot be read by this version, and computes nothing');
  };
}
