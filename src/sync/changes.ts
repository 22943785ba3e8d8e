/** The changes of a comparison, each with its decision: the stage between reading and delivery. */
import type { Change, ChangeBatch, ChangeKind, Comparison } from '../diff/diff.ts';
import {
  type Decided,
  type DecidedBatch,
  decide,
  decideAll,
  decideToSkip,
  type FindFailing,
  type Rules,
} from './decisions.ts';
import type { CompiledJob } from './rules.ts';
import type { SyncSettings } from './settings.ts';

export interface ChangesOptions {
  /** Record everything as seen. */
  readonly sendNothing: boolean;
  /** Null when the mapping has no failing rows. */
  readonly findFailing: FindFailing | null;
  /** Looks up which of these changes are to be decided at all; null: all. */
  readonly select: Select | null;
  readonly onNotFinite: (values: number) => void;
  /** Rows to be sent without some of their members. */
  readonly onMembersLost: (rows: number) => void;
  readonly settings: SyncSettings;
  readonly signal: AbortSignal;
}

/** Some of these changes, in their order. */
export type Select = (changes: readonly Change[]) => Promise<readonly Change[]>;

const allKinds: readonly ChangeKind[] = ['new', 'updated', 'deleted'];

/**
 * Every change once, at most `recordsPerSync` of them, not counting rows that failed before: those come again in every sync,
 * and would keep the others out. Kinds that the trigger can never match come last, without their rows being looked at:
 * they are only recorded as seen.
 */
export async function* decideChanges(
  comparison: Comparison,
  job: CompiledJob,
  options: ChangesOptions,
): AsyncIterable<DecidedBatch> {
  const { settings, findFailing, select, signal } = options;
  const { batchSize } = settings;
  const wanted = new Set(allKinds.filter((kind) => !options.sendNothing && job.trigger.kinds.has(kind)));
  const others = new Set(allKinds.filter((kind) => !wanted.has(kind)));
  const rules = job.rulesFor(comparison.columns, comparison.at);
  let left = settings.recordsPerSync;
  for (const kinds of [wanted, others]) {
    if (countOf(comparison, kinds) === 0 || left === 0) continue;
    // How many have to be read to find so many that count is not known when some do not.
    const limit = findFailing === null && select === null ? { limit: left } : {};
    const found = comparison.changes(kinds, { batchSize, signal, ...limit });
    const changes = ofSize(select === null ? found : selected(found, select), batchSize);
    const decideOne = kinds === wanted ? (change: Change) => decide(change, rules) : decideToSkip;
    for await (const batch of decideAll(changes, decideOne, findFailing)) {
      const taken = { ...batch, decided: upTo(left, batch.decided) };
      left -= taken.decided.filter(({ failedBefore }) => !failedBefore).length;
      if (kinds === wanted) {
        options.onNotFinite(batch.notFinite);
        options.onMembersLost(rowsLosingMembers(taken, rules));
      }
      yield taken;
      if (left === 0 && (findFailing !== null || select !== null)) break;
    }
  }
}

/** Without those that are over the limit. */
function upTo(limit: number, decided: readonly Decided[]): readonly Decided[] {
  if (decided.length <= limit) return decided;
  let left = limit;
  return decided.filter(({ failedBefore }) => failedBefore || left-- > 0);
}

async function* selected(batches: AsyncIterable<ChangeBatch>, select: Select): AsyncIterable<ChangeBatch> {
  for await (const batch of batches) yield { ...batch, changes: await select(batch.changes) };
}

/** Warehouses give batches of about a size; a batch is a transaction, so here they get exactly that size. */
async function* ofSize(batches: AsyncIterable<ChangeBatch>, size: number): AsyncIterable<ChangeBatch> {
  let columns: ChangeBatch['columns'] = [];
  let waiting: Change[] = [];
  let notFinite = 0;
  const take = (count: number): ChangeBatch => {
    const batch = { columns, changes: waiting.slice(0, count), notFinite };
    waiting = waiting.slice(count);
    notFinite = 0;
    return batch;
  };
  for await (const batch of batches) {
    columns = batch.columns;
    notFinite += batch.notFinite;
    waiting = waiting.length === 0 ? [...batch.changes] : [...waiting, ...batch.changes];
    while (waiting.length >= size) yield take(size);
  }
  if (waiting.length > 0) yield take(size);
}

function rowsLosingMembers({ decided }: DecidedBatch, { losesMembers }: Rules): number {
  if (losesMembers === null) return 0;
  const isLosing = ({ change, decision }: Decided) =>
    decision.kind === 'send' && change.kind !== 'deleted' && losesMembers(change.row);
  return decided.filter(isLosing).length;
}

function countOf({ counts }: Comparison, kinds: ReadonlySet<ChangeKind>): number {
  const of = { new: counts.added, updated: counts.updated, deleted: counts.deleted };
  return [...kinds].reduce((sum, kind) => sum + of[kind], 0);
}
