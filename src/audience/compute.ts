/**
 * Computes what is due. In: a space with its computations. Out: values on profiles. Three kinds of steps, each small and
 * complete by itself: profiles that are due; the next part of a run over all profiles; the next part of a deletion.
 * Promised: a step that was cut off is done again and gives the same.
 */
import { createBreather } from '../base/breathe.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Database, Transaction } from '../db/db.ts';
import {
  findDue,
  loadSubjects,
  nextProfiles,
  releaseComputed,
  type SpaceSubject,
  writeComputed,
} from '../space/space.ts';
import type { Computation } from './audience.ts';
import { withoutContents } from './errors.ts';
import { type EvaluatedSubject, evaluateSubject } from './evaluate.ts';
import { holdLease, keepLease, LeaseLost, takeLease } from './lease.ts';
import { audiencesOfInterest, type Prepared, wantedSubjects } from './prepare.ts';

export interface ComputeContext {
  readonly db: Database;
  readonly clock: Clock;
  /** The process, in leases. */
  readonly holder: string;
  readonly log: Log;
}

/** Profiles of one step: few enough that look-ups beside it do not wait. */
const peopleAtOnce = 250;
/** An account brings all its people. */
const accountsAtOnce = 20;
const releasedAtOnce = 500;

/** Profiles that are due. Returns how many were. */
export async function computeDue(context: ComputeContext, spaceNo: number, all: readonly Prepared[]): Promise<number> {
  const ids = await findDue(context.db.pool, spaceNo, context.clock.now(), peopleAtOnce);
  if (ids.length === 0) return 0;
  const live = all.filter(({ computation }) => computation.enabled && computation.cadence === 'REALTIME');
  await computeProfiles(context, spaceNo, ids, live, all);
  return ids.length;
}

/**
 * The next part of runs; at their end, the end. Those of people go together, and so do those of accounts: whoever is behind
 * goes first, and takes along those whom it reaches.
 */
export async function computeRunStep(
  context: ComputeContext,
  running: readonly RunningComputation[],
  all: readonly Prepared[],
): Promise<void> {
  const cursor = running.map(({ run }) => run.cursor).reduce(lesser);
  const behind = running.filter(({ run }) => run.cursor === cursor);
  const ahead = running.map(({ run }) => run.cursor).filter((other) => other > cursor);
  const [first] = behind;
  if (first === undefined) return;
  const { spaceNo, entity } = first;
  const [collection, limit] =
    entity === 'USERS' ? (['users', peopleAtOnce] as const) : (['accounts', accountsAtOnce] as const);
  const next = await nextProfiles(context.db.pool, spaceNo, collection, cursor, limit);
  const end = ahead.length === 0 ? undefined : ahead.reduce(lesser);
  const ids = end === undefined ? next : next.filter((id) => id <= end);
  const last = ids.length < next.length ? end : ids.at(-1);
  if (last === undefined) {
    for (const computation of behind) {
      await endRun(context, computation, null);
      if (computation.run.reason === 'first') await computeReaders(context, computation, all);
    }
    return;
  }
  // With all that messages decide, so that it is known when each profile is due next.
  const runs = new Set(behind.map(({ id }) => id));
  const together = all.filter(({ computation: { id, enabled, cadence, ...one } }) => {
    return runs.has(id) || (enabled && cadence === 'REALTIME' && one.entity === entity);
  });
  await computeProfiles(context, spaceNo, ids, together, all, async (tx) => {
    for (const computation of behind) await advance(tx, computation, last);
  });
}

export type RunningComputation = Computation & { readonly run: NonNullable<Computation['run']> };

export function isRunning(computation: Computation): computation is RunningComputation {
  return computation.run !== null;
}

const lesser = (a: string, b: string) => (a < b ? a : b);

/** The next part of a deletion: values become custom traits. */
export async function releaseStep(context: ComputeContext, computation: Computation): Promise<void> {
  const { spaceNo, run } = computation;
  const last = await releaseComputed(context.db, spaceNo, computation, run?.cursor ?? '', releasedAtOnce);
  if (last === null) await endRun(context, computation, null);
  else await context.db.transaction((tx) => advance(tx, computation, last));
}

/** `computed`: those that are computed now, of all that are there. */
async function computeProfiles(
  context: ComputeContext,
  spaceNo: number,
  ids: readonly string[],
  computed: readonly Prepared[],
  all: readonly Prepared[],
  alongside?: (tx: Transaction) => Promise<void>,
): Promise<void> {
  const { db, clock, holder } = context;
  const hold = (tx: Transaction) => holdLease(tx, spaceNo, holder);
  const audiences = all.map(({ computation }) => computation);
  const ofInterest = audiencesOfInterest(all);
  const pause = createBreather();
  using _ = keepLease(context, spaceNo);
  for await (const { seq, subjects, missing } of loadSubjects(db, spaceNo, ids, wantedSubjects(computed, audiences))) {
    const now = clock.now();
    // The parts of a step may take long together.
    if (!(await takeLease(db.pool, spaceNo, holder, now))) throw new LeaseLost();
    const evaluations: EvaluatedSubject[] = [];
    const accounts: string[] = [];
    for (const subject of subjects) {
      const evaluated = await evaluateSubject(subject, computed, now.getTime(), pause);
      evaluations.push(evaluated);
      if (concernsPeople(subject, evaluated, ofInterest)) accounts.push(evaluated.profileId, ...evaluated.memberIds);
    }
    tellOfPassedOver(context, evaluations);
    await writeComputed(db, spaceNo, { seq, evaluations, missing, accounts }, hold);
  }
  if (alongside === undefined) return;
  await db.transaction(async (tx) => {
    await hold(tx);
    await alongside(tx);
  });
}

/** Whether an account entered or left an audience that its people are asked about. */
function concernsPeople(
  { profile, computed: before, hasRemains }: SpaceSubject,
  { computed: after }: EvaluatedSubject,
  ofInterest: ReadonlySet<string>,
): boolean {
  if (profile.collection !== 'accounts' || after === undefined || ofInterest.size === 0) return false;
  // What its people were told was that of one of the accounts it was merged of.
  if (hasRemains) return true;
  const isIn = (held: SpaceSubject['computed'], id: string) =>
    Object.values(held).some(({ by, value }) => by === id && value === true);
  return [...ofInterest].some((id) => isIn(before, id) !== isIn(after, id));
}

const tooMuch =
  'a profile has too many events for a query that compares them with each other, and keeps what it held: narrow it by within(parent: …)';

/** One line for each computation and step, with one of the profiles. */
function tellOfPassedOver({ log }: ComputeContext, evaluations: readonly EvaluatedSubject[]): void {
  const all = evaluations.flatMap(({ profileId, passedOver }) => passedOver.map((one) => ({ profileId, ...one })));
  const told = new Set<string>();
  for (const { computationId: computation, profileId: profile, error } of all) {
    if (told.has(computation)) continue;
    told.add(computation);
    const which = { computation, profile, profiles: all.filter((one) => one.computationId === computation).length };
    if (error === null) log.warn(which, tooMuch);
    else log.error({ ...which, err: withoutContents(error) }, 'a query failed for a profile, which keeps what it held');
  }
}

/** A run that was asked for again meanwhile begins anew. */
async function advance(tx: Transaction, { spaceNo, id, run }: Computation, cursor: string): Promise<void> {
  await tx.query({
    name: 'computation-run-advance',
    text: `UPDATE computations SET run_cursor = $4
      WHERE space_no = $1 AND computation_id = $2 AND run_asked_at = $3`,
    values: [spaceNo, id, run?.askedAt, cursor],
  });
}

/** How often batch computations run (`activation.md` section 1). */
export const batchEveryMs = 8 * 60 * 60 * 1000;

/** `failure`: why it did not work, in words. */
export async function endRun(
  { db, clock }: ComputeContext,
  { spaceNo, id, run, cadence, deletedAt }: Computation,
  failure: string | null,
): Promise<void> {
  const now = clock.now();
  const next = cadence === 'BATCH' && deletedAt === null ? new Date(now.getTime() + batchEveryMs) : null;
  await db.pool.query(
    `UPDATE computations SET run_asked_at = NULL, run_cursor = NULL, run_reason = NULL, last_run_at = $4,
        next_run_at = $5, failure = $6
      WHERE space_no = $1 AND computation_id = $2 AND run_asked_at = $3`,
    [spaceNo, id, run?.askedAt, now, next, failure],
  );
}

/** People of a space were deleted: what was computed of their accounts is computed again. */
export async function computeAccountsAgain(db: Database, spaceNo: number, now: Date): Promise<void> {
  await db.pool.query(
    `UPDATE computations SET run_asked_at = greatest($2, run_asked_at + interval '1 millisecond'), run_cursor = '',
        run_reason = coalesce(run_reason, 'schedule')
      WHERE space_no = $1 AND entity = 'ACCOUNTS' AND enabled AND deleted_at IS NULL`,
    [spaceNo, now],
  );
}

/** An audience of accounts is there from now on: for all people with an account its key means something else than before. */
async function computeReaders(
  { db, clock }: ComputeContext,
  { spaceNo, key, kind, entity }: Computation,
  all: readonly Prepared[],
): Promise<void> {
  if (kind !== 'audience' || entity !== 'ACCOUNTS') return;
  const readers = all.filter(({ query, computation }) => computation.entity === 'USERS' && query.traits.has(key));
  await db.pool.query(
    `UPDATE computations SET run_asked_at = greatest($3, run_asked_at + interval '1 millisecond'), run_cursor = '',
        run_reason = coalesce(run_reason, 'schedule')
      WHERE space_no = $1 AND computation_id = ANY($2) AND enabled AND deleted_at IS NULL`,
    [spaceNo, readers.map(({ computation }) => computation.id), clock.now()],
  );
}

/** Batch computations whose time has come. */
export async function askScheduledRuns(db: Database, now: Date): Promise<void> {
  await db.pool.query(
    `UPDATE computations SET run_asked_at = $1, run_cursor = '', run_reason = 'schedule'
      WHERE enabled AND deleted_at IS NULL AND run_asked_at IS NULL AND next_run_at <= $1`,
    [now],
  );
}
