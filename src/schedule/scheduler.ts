/**
 * Starts syncs when their mappings' schedules say so. In: the schedules of the workspace, read at every look. Out: requests
 * with the reason `scheduled`. Promised: any number of processes may do it, and a due run starts once; what could not start
 * is recorded with the reason; a changed schedule counts from the next look on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import { isMillraceError, MillraceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Database, Queryable, Transaction } from '../db/db.ts';
import { findMapping, type ScheduledMapping, scheduledMappings, type WorkspaceStore } from '../workspace/workspace.ts';
import { pruneMissed, recordMissed } from './missed.ts';
import { requestSync } from './requests.ts';
import { changedTiming, firstTiming, isDue, mendedTiming, passedTiming, startedTiming, type Timing } from './timing.ts';

export interface SchedulerContext {
  readonly db: Database;
  readonly log: Log;
  readonly clock: Clock;
  readonly secrets: WorkspaceStore['secrets'];
  /** Days that runs which could not start are kept. */
  readonly historyDays: number;
}

export interface SchedulerOptions extends SchedulerContext {
  /** The pause between two looks, ms. */
  readonly everyMs?: number;
}

export function startScheduler({ everyMs = 1_000, ...context }: SchedulerOptions): AsyncDisposable {
  const { db, log } = context;
  const stop = new AbortController();
  const { signal } = stop;
  const work = async () => {
    while (!signal.aborted) {
      await lookAtSchedules(context).catch(async (error: unknown) => {
        const fault = await db.explain(error);
        if (!signal.aborted) log.error({ err: isMillraceError(fault) ? fault : error }, 'schedules cannot be read now');
      });
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const working = work();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await working;
    },
  };
}

/** One look: starts what is due. */
export async function lookAtSchedules(context: SchedulerContext): Promise<void> {
  const { pool } = context.db;
  const mappings = await scheduledMappings(pool);
  const timings = await readTimings(pool);
  await forgetOthers(pool, mappings, timings);
  for (const mapping of mappings) {
    const timing = timings.get(mapping.id);
    if (timing === undefined) await store(pool, mapping.id, firstSafely(mapping, context.clock.now()), 'new');
    if (timing === undefined || needsWork(timing, mapping, context.clock.now())) await advance(context, mapping);
  }
}

function needsWork(timing: Timing, mapping: ScheduledMapping, now: Date): boolean {
  if (!isSame(timing.schedule, mapping.schedule)) return true;
  const ready = mapping.enabled && mapping.disabledPart === null;
  return isDue(timing, now, ready) || safely(() => mendedTiming(timing, now)) !== null;
}

/** Under the lock of its row, so that one process does it, and with the row as it is then. */
async function advance(context: SchedulerContext, mapping: ScheduledMapping): Promise<void> {
  await context.db.transaction(async (tx) => {
    const before = (await readTimings(tx, mapping.id)).get(mapping.id);
    if (before === undefined) return;
    const now = context.clock.now();
    const after = await advanced(context, tx, mapping, before, now);
    if (after !== before) await store(tx, mapping.id, after, 'known');
  });
}

async function advanced(
  context: SchedulerContext,
  tx: Transaction,
  mapping: ScheduledMapping,
  before: Timing,
  now: Date,
): Promise<Timing> {
  const ready = mapping.enabled && mapping.disabledPart === null;
  const timings = safely(() => {
    const changed = isSame(before.schedule, mapping.schedule) ? before : changedTiming(before, mapping.schedule, now);
    const timing = mendedTiming(changed, now) ?? changed;
    return { timing, passed: passedTiming(timing, now), started: startedTiming(timing, now) };
  });
  if (timings === null) {
    await miss(context, tx, mapping, before.nextRun ?? now, brokenSchedule(mapping));
    return { ...before, schedule: mapping.schedule, nextRun: null, waitsForFirst: false };
  }
  const { timing, passed, started } = timings;
  if (!isDue(timing, now, ready)) return timing;
  // Off on purpose: that is no run that could not start.
  if (!mapping.enabled) return passed;
  const fault = await start(context, tx, mapping, timing, now);
  if (fault === null) return started;
  await miss(context, tx, mapping, timing.nextRun ?? now, fault);
  return passed;
}

/** Why it could not start; null when it did. */
async function start(
  { secrets }: SchedulerContext,
  tx: Transaction,
  mapping: ScheduledMapping,
  { nextRun: dueAt }: Timing,
  now: Date,
): Promise<MillraceError | null> {
  try {
    const job = await findMapping({ db: tx, secrets }, mapping.id);
    const options = { dueAt: (dueAt ?? now).toISOString() };
    await requestSync(tx, job, { reason: 'scheduled', requestedBy: 'schedule', options }, now);
    return null;
  } catch (error) {
    if (isMillraceError(error)) return error;
    throw error;
  }
}

async function miss(
  { log, clock, historyDays }: SchedulerContext,
  tx: Transaction,
  { id, name }: ScheduledMapping,
  dueAt: Date,
  { code, message }: MillraceError,
): Promise<void> {
  const at = clock.now();
  log.warn({ mapping: name, dueAt, code }, 'a scheduled sync could not start');
  await pruneMissed(tx, new Date(at.getTime() - historyDays * 86_400_000));
  await recordMissed(tx, { mappingId: id, mapping: name, dueAt, at, code, reason: message });
}

/* ---- schedules that mean no time ---- */

/** A schedule is checked when it is stored; a time zone may still be gone after an upgrade, and then this throws. */
function safely<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

/** One that means no time is found out under the lock, and recorded there. */
function firstSafely({ schedule }: ScheduledMapping, now: Date): Timing {
  const first = safely(() => firstTiming(schedule, now));
  return first ?? { schedule, anchor: now, nextRun: now, waitsForFirst: false, lastRun: null };
}

function brokenSchedule({ name }: ScheduledMapping): MillraceError {
  return new MillraceError('schedule_broken', `The schedule of ${name} means no time.`);
}

/* ---- the table ---- */

interface StoredTiming {
  readonly mapping_id: string;
  readonly schedule: Timing['schedule'];
  readonly anchor: Date;
  readonly next_run: Date | null;
  readonly waits_for_first: boolean;
  readonly last_run: Date | null;
}

/** Where the schedules stand, by the ids of mappings. With one, its row stays locked until the transaction ends. */
export async function readTimings(db: Queryable, mappingId?: string): Promise<ReadonlyMap<string, Timing>> {
  const { rows } = await db.query<StoredTiming>(
    `SELECT * FROM mapping_schedules WHERE $1::text IS NULL OR mapping_id = $1
     ${mappingId === undefined ? '' : 'FOR UPDATE SKIP LOCKED'}`,
    [mappingId ?? null],
  );
  return new Map(
    rows.map(({ mapping_id, schedule, anchor, next_run: nextRun, waits_for_first, last_run: lastRun }) => [
      mapping_id,
      { schedule, anchor, nextRun, waitsForFirst: waits_for_first, lastRun },
    ]),
  );
}

async function store(db: Queryable, mappingId: string, timing: Timing, row: 'new' | 'known'): Promise<void> {
  const { schedule, anchor, nextRun, waitsForFirst, lastRun } = timing;
  await db.query(
    `INSERT INTO mapping_schedules (mapping_id, schedule, anchor, next_run, waits_for_first, last_run)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (mapping_id) DO ${
       row === 'new'
         ? 'NOTHING'
         : `UPDATE SET schedule = excluded.schedule, anchor = excluded.anchor, next_run = excluded.next_run,
              waits_for_first = excluded.waits_for_first, last_run = excluded.last_run`
     }`,
    [mappingId, JSON.stringify(schedule), anchor, nextRun, waitsForFirst, lastRun],
  );
}

/** Mappings that are gone, or have no schedule any more. */
async function forgetOthers(
  db: Queryable,
  mappings: readonly ScheduledMapping[],
  timings: ReadonlyMap<string, Timing>,
): Promise<void> {
  const scheduled = new Set(mappings.map(({ id }) => id));
  const gone = [...timings.keys()].filter((id) => !scheduled.has(id));
  if (gone.length === 0) return;
  await db.query(
    `DELETE FROM mapping_schedules s WHERE mapping_id = ANY($1)
       AND NOT EXISTS (SELECT FROM mappings m WHERE m.id = s.mapping_id AND m.schedule IS NOT NULL)`,
    [gone],
  );
}

/** Both come from jsonb, which orders the keys. */
function isSame(one: Timing['schedule'], other: Timing['schedule']): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
