/**
 * Changes and deletes computations. In: what shall be other than it is. Out: the computation as it is then, or why not.
 * Promised: what changes nothing writes nothing; a changed query, changed options and enabling make all profiles be looked
 * at again; a deleted computation keeps its key.
 */
import type { Transaction } from '../db/db.ts';
import { startComputing, stopComputing } from '../space/space.ts';
import type { Computation, ComputationOptions, RunReason } from './audience.ts';
import {
  type Alongside,
  changeDefinitions,
  circular,
  type DefinitionContext,
  findComputation,
  listComputations,
  shownName,
} from './computations.ts';
import {
  type ComputationRefusal,
  completeOptions,
  defaultBackfillDays,
  type GivenOptions,
  queryFaults,
  refusal,
} from './definition.ts';
import { compileQuery } from './query/compile.ts';
import type { CompiledQuery } from './query/query.ts';
import { readersOf } from './references.ts';
import { type ComputationRow, computationOf } from './rows.ts';

/** What is left out stays. */
export interface ComputationChange {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly enabled?: boolean | undefined;
  readonly query?: string | undefined;
  readonly options?: GivenOptions | undefined;
}

export interface ChangedComputation {
  readonly kind: 'changed';
  readonly computation: Computation;
  /** Parts that are other than before, e.g. `query`; none when there was nothing to change. */
  readonly changed: readonly string[];
}

/** Null: there is none. */
export async function changeComputation(
  { db, clock }: DefinitionContext,
  { spaceNo, kind, id }: Pick<Computation, 'spaceNo' | 'kind' | 'id'>,
  change: ComputationChange,
  by: string,
  alongside: Alongside<ChangedComputation>,
): Promise<ChangedComputation | ComputationRefusal | null> {
  return changeDefinitions(db, spaceNo, async (tx) => {
    const before = await findComputation(tx, spaceNo, kind, id);
    if (before === null) return null;
    const after = changed(before, change);
    if (after.kind === 'refused') return after;
    const paths = changedPaths(before, after);
    if (paths.length === 0) return { kind: 'changed', computation: before, changed: [] };
    const others = (await listComputations(tx, spaceNo)).filter((one) => one.id !== id);
    const refused = locked(before, after, paths) ?? (paths.includes('query') ? circular(after, others) : null);
    if (refused !== null) return refused;
    if (before.enabled !== after.enabled) await switchSpace(tx, after, others);
    const computation = await write(tx, before, after, runAfter(before, after, paths), { now: clock.now(), by });
    const done: ChangedComputation = { kind: 'changed', computation, changed: paths };
    await alongside(tx, done);
    return done;
  });
}

/** As it would be; a refusal when it cannot. */
function changed(before: Computation, change: ComputationChange): Computation | ComputationRefusal {
  const { name = before.name, description = before.description, enabled = before.enabled } = change;
  const query = change.query ?? before.query;
  const compiled = compileQuery(query, before);
  if (compiled.kind === 'faulty') {
    // One that an older version took can still be renamed and disabled.
    const isStale = change.query === undefined && change.options === undefined && change.enabled !== true;
    if (isStale) return { ...before, name, description, enabled };
    return { kind: 'refused', reason: 'invalid', faults: queryFaults(compiled.faults) };
  }
  if (compiled.query.cadence !== before.cadence) return otherCadence(before);
  const options = changedOptions(before, compiled.query, change.options ?? {});
  return 'reason' in options ? options : { ...before, name, description, enabled, query, options };
}

function otherCadence({ cadence }: Computation): ComputationRefusal {
  const [now, then] =
    cadence === 'REALTIME' ? ['as messages come', 'every few hours'] : ['every few hours', 'as messages come'];
  return refusal(
    'impossible',
    'query',
    `It is computed ${now}, and this query would be computed ${then}. That cannot change: make a new one for this query.`,
  );
}

function changedOptions(
  { kind, entity, query, options }: Computation,
  compiled: CompiledQuery,
  given: GivenOptions,
): ComputationOptions | ComputationRefusal {
  const types = given.filterByExternalIds ?? options.filterByExternalIds;
  const next = completeOptions({ kind, entity }, compiled, {
    includeHistoricalData: given.includeHistoricalData ?? options.includeHistoricalData,
    filterByExternalIds: types,
    includeAnonymousUsers: given.includeAnonymousUsers,
    backfillDays: given.backfillDays ?? chosenBackfill({ kind, entity, query, options }),
  });
  const dropsAnonymous = given.includeAnonymousUsers === false && types.includes('anonymous_id');
  if (dropsAnonymous || !sameTexts(next.filterByExternalIds, options.filterByExternalIds)) {
    return refusal(
      'impossible',
      'filterByExternalIds',
      'Which profiles count is said when it is made, and cannot change: make a new one.',
    );
  }
  return { ...next, filterByExternalIds: options.filterByExternalIds };
}

/** Undefined when it is what comes of the query by itself: then it follows the query. */
function chosenBackfill({ kind, entity, query, options }: Pick<Computation, 'kind' | 'entity' | 'query' | 'options'>) {
  const { backfillDays } = options;
  if (backfillDays === null) return undefined;
  const compiled = compileQuery(query, { kind, entity });
  const isDefault =
    kind === 'audience' && compiled.kind === 'compiled' && defaultBackfillDays(compiled.query) === backfillDays;
  return isDefault ? undefined : backfillDays;
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return new Set(a).size === new Set(b).size && a.every((text) => b.includes(text));
}

function changedPaths(before: Computation, after: Computation): readonly string[] {
  const plain = (['name', 'description', 'enabled', 'query'] as const).filter((path) => before[path] !== after[path]);
  const options = (['includeHistoricalData', 'backfillDays'] as const).filter(
    (path) => before.options[path] !== after.options[path],
  );
  return [...plain, ...options.map((path) => `options.${path}`)];
}

/** While a changed definition is computed it can be disabled, and nothing else. */
function locked(before: Computation, after: Computation, paths: readonly string[]): ComputationRefusal | null {
  if (before.run?.reason !== 'edit') return null;
  if (paths.length === 1 && paths[0] === 'enabled' && !after.enabled) return null;
  return refusal(
    'conflict',
    'definition',
    `${shownName(before)} is locked while its changed definition is computed. Try again when that is done, or disable it.`,
  );
}

/** What becomes of the run over all profiles. */
type RunAfter = { readonly kind: 'stays' | 'ends' } | { readonly kind: 'asked'; readonly reason: RunReason };

function runAfter(before: Computation, after: Computation, paths: readonly string[]): RunAfter {
  if (!after.enabled) return { kind: before.enabled ? 'ends' : 'stays' };
  const isOther = paths.some((path) => path === 'query' || path.startsWith('options.'));
  if (!before.enabled)
    return { kind: 'asked', reason: before.lastRunAt === null ? 'first' : isOther ? 'edit' : 'enabled' };
  return isOther ? { kind: 'asked', reason: 'edit' } : { kind: 'stays' };
}

async function write(
  tx: Transaction,
  before: Computation,
  after: Computation,
  run: RunAfter,
  { now, by }: { readonly now: Date; readonly by: string },
): Promise<Computation> {
  const { rows } = await tx.query<ComputationRow>(
    `UPDATE computations SET name = $3, description = $4, enabled = $5, query = $6, options = $7,
        updated_at = $8, updated_by = $9,
        run_asked_at = CASE $10 WHEN 'stays' THEN run_asked_at ELSE $11::timestamptz END,
        run_cursor = CASE $10 WHEN 'stays' THEN run_cursor WHEN 'asked' THEN '' END,
        run_reason = CASE $10 WHEN 'stays' THEN run_reason ELSE $12::text END,
        next_run_at = CASE $10 WHEN 'ends' THEN NULL ELSE next_run_at END,
        failure = CASE $10 WHEN 'stays' THEN failure END
      WHERE space_no = $1 AND computation_id = $2 RETURNING *`,
    [
      ...[before.spaceNo, before.id, after.name, after.description, after.enabled, after.query],
      ...[JSON.stringify(after.options), now, by, run.kind],
      ...(run.kind === 'asked' ? [askedAfter(before, now), run.reason] : [null, null]),
    ],
  );
  return computationOf(rows[0] as ComputationRow);
}

/** A run is known by when it was asked for: later than the one before. */
function askedAfter({ run }: Computation, now: Date): Date {
  return run === null ? now : new Date(Math.max(now.getTime(), run.askedAt.getTime() + 1));
}

/** Tells the space whether it still computes. */
async function switchSpace(
  tx: Transaction,
  { spaceNo, enabled }: Pick<Computation, 'spaceNo' | 'enabled'>,
  others: readonly Computation[],
): Promise<void> {
  if (enabled) await startComputing(tx, spaceNo);
  else if (!others.some((one) => one.enabled)) await stopComputing(tx, spaceNo);
}

/**
 * Its values become custom traits, in a run that is asked for here. Null: there is none. One that another looks at is
 * not deleted.
 */
export async function deleteComputation(
  { db, clock }: DefinitionContext,
  { spaceNo, kind, id }: Pick<Computation, 'spaceNo' | 'kind' | 'id'>,
  by: string,
  alongside: Alongside<Computation>,
): Promise<Computation | ComputationRefusal | null> {
  return changeDefinitions(db, spaceNo, async (tx) => {
    const before = await findComputation(tx, spaceNo, kind, id);
    if (before === null) return null;
    const others = (await listComputations(tx, spaceNo)).filter((one) => one.id !== id);
    const readers = readersOf(before, others);
    if (readers.length > 0) return inUse(before, readers);
    if (before.enabled) await switchSpace(tx, { spaceNo, enabled: false }, others);
    const now = clock.now();
    await tx.query(
      `UPDATE computations SET enabled = false, query = '', description = '', deleted_at = $3, updated_at = $3,
          updated_by = $4, run_asked_at = $5, run_cursor = '', run_reason = 'delete', next_run_at = NULL, failure = NULL
        WHERE space_no = $1 AND computation_id = $2`,
      [spaceNo, id, now, by, askedAfter(before, now)],
    );
    await alongside(tx, before);
    return before;
  });
}

function inUse(before: Computation, readers: readonly Computation[]): ComputationRefusal {
  const named = readers.map((one) => `"${one.name}" (${one.id})`).join(', ');
  return refusal(
    'conflict',
    'definition',
    `The queries of others look at the key "${before.key}": ${named}. Change or delete them first.`,
  );
}
