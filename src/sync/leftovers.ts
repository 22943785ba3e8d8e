/**
 * A comparison as it would be if the receipts that a crash left behind were in the warehouse already: for plans, which may
 * not write them there. A record that was delivered and then changed back, or removed, since the crash is still counted
 * as it stands in the warehouse; the next sync gets it right.
 */
import type { Change, ChangeBatch, ChangeKind, Comparison, ComparisonCounts } from '../diff/diff.ts';
import type { RecordEntry } from '../warehouse/warehouse.ts';

const countNames = { new: 'added', updated: 'updated', deleted: 'deleted' } as const satisfies Record<
  ChangeKind,
  keyof ComparisonCounts
>;

/** The counts are right when the changes have been read. */
export function overlayLeftovers(comparison: Comparison, leftovers: ReadonlyMap<string, RecordEntry>): Comparison {
  if (leftovers.size === 0) return comparison;
  const moved = { added: 0, updated: 0, deleted: 0, unchanged: 0 };
  const correct = (change: Change): readonly Change[] => {
    const entry = leftovers.get(change.recordId);
    if (entry === undefined) return [change];
    moved[countNames[change.kind]]--;
    if (entry.checksum === change.checksum) {
      // A deletion that was delivered is no row of the model any more.
      if (change.checksum !== null) moved.unchanged++;
      return [];
    }
    const kind = change.kind === 'deleted' ? 'deleted' : entry.checksum === null ? 'new' : 'updated';
    moved[countNames[kind]]++;
    return [{ ...change, kind, revision: entry.revision, deliveredBy: entry.deliveredBy }];
  };
  return {
    at: comparison.at,
    columns: comparison.columns,
    replayed: comparison.replayed,
    get counts() {
      const { counts } = comparison;
      return {
        ...counts,
        added: counts.added + moved.added,
        updated: counts.updated + moved.updated,
        deleted: counts.deleted + moved.deleted,
        unchanged: counts.unchanged + moved.unchanged,
      };
    },
    changes: (kinds, options) => correctAll(comparison.changes(kinds, options), correct),
    invalidRows: (limit) => comparison.invalidRows(limit),
    goneRows: (limit) => comparison.goneRows(limit),
    [Symbol.asyncDispose]: () => comparison[Symbol.asyncDispose](),
  };
}

async function* correctAll(
  batches: AsyncIterable<ChangeBatch>,
  correct: (change: Change) => readonly Change[],
): AsyncIterable<ChangeBatch> {
  for await (const batch of batches) yield { ...batch, changes: batch.changes.flatMap(correct) };
}
