/** The changes of a comparison, each with its decision: the stage between reading and delivery. */
import type { ChangeBatch, ChangeKind, Comparison } from '../diff/diff.ts';
import { type DecidedBatch, decideAll, type FindFailing, skipAll } from './decisions.ts';
import type { CompiledJob } from './rules.ts';
import type { SyncSettings } from './settings.ts';

export interface ChangesOptions {
  /** Record everything as seen. */
  readonly sendNothing: boolean;
  /** Null when the mapping has no failing rows. */
  readonly findFailing: FindFailing | null;
  readonly onNotFinite: (values: number) => void;
  readonly settings: SyncSettings;
  readonly signal: AbortSignal;
}

const allKinds: readonly ChangeKind[] = ['new', 'updated', 'deleted'];

/**
 * Every change once, at most `recordsPerSync` of them. Kinds that the trigger can never match come last, without their
 * rows being looked at: they are only recorded as seen.
 */
export async function* decideChanges(
  comparison: Comparison,
  job: CompiledJob,
  options: ChangesOptions,
): AsyncIterable<DecidedBatch> {
  const { settings, signal } = options;
  const wanted = new Set(allKinds.filter((kind) => !options.sendNothing && job.trigger.kinds.has(kind)));
  const others = new Set(allKinds.filter((kind) => !wanted.has(kind)));
  const stream = { batchSize: settings.batchSize, signal };
  const rules = job.rulesFor(comparison.columns, comparison.at);
  const left = { rows: settings.recordsPerSync };
  if (countOf(comparison, wanted) > 0) {
    const changes = takeFirst(comparison.changes(wanted, stream), left);
    for await (const batch of decideAll(changes, rules, options.findFailing)) {
      options.onNotFinite(batch.notFinite);
      yield batch;
    }
  }
  if (countOf(comparison, others) > 0) yield* skipAll(takeFirst(comparison.changes(others, stream), left));
}

function countOf({ counts }: Comparison, kinds: ReadonlySet<ChangeKind>): number {
  const of = { new: counts.added, updated: counts.updated, deleted: counts.deleted };
  return [...kinds].reduce((sum, kind) => sum + of[kind], 0);
}

async function* takeFirst(batches: AsyncIterable<ChangeBatch>, left: { rows: number }): AsyncIterable<ChangeBatch> {
  if (left.rows === 0) return;
  for await (const batch of batches) {
    const changes = batch.changes.slice(0, left.rows);
    left.rows -= changes.length;
    yield { ...batch, changes };
    if (left.rows === 0) return;
  }
}
