/** The counts of a running sync, in memory, and what is told of them while it runs. */

import type { Clock } from '../base/clock.ts';
import { count } from '../base/count.ts';
import type { ComparisonCounts } from '../diff/diff.ts';
import {
  addLoading,
  changesOf,
  countAll,
  type Kept,
  type KindCounts,
  noComparison,
  noLoading,
  nothingKept,
  type OnProgress,
  type SyncCounts,
  settledOf,
  withChanges,
} from './records.ts';
import type { Outage, SettledBatch } from './settling.ts';

export interface Tally {
  readonly counts: SyncCounts;
  compared(counts: ComparisonCounts): void;
  /** Changes that the comparison was not said to have. */
  found(kinds: KindCounts): void;
  settled(batch: Pick<SettledBatch, 'counts' | 'rows' | 'outage'>): void;
  /** Of the rows that count as refused: those that the endpoint did not refuse, and could not take now. */
  readonly notTaken: number;
  /** Rows that are still to do because the endpoint was away. */
  readonly outage: Outage | null;
  /** Values that were NaN or infinite and became null. */
  notFinite(values: number): void;
  /** Rows that were sent without their members named `__proto__`. */
  membersLost(rows: number): void;
  /** What a person should know although the sync went on. */
  warnings(): readonly string[];
}

const lostMember =
  'what is named __proto__ is left out of the objects that hold it: a mapping cannot pass this name on. ' +
  'Give it another one in the query of the model.';

/** @param kept what earlier attempts of the sync settled; the counts of a comparison have it in them */
export function createTally(
  clock: Clock,
  onProgress: OnProgress = () => undefined,
  { delivered, skipped, retried }: Kept = nothingKept,
): Tally {
  let comparison = noComparison;
  let loading = { ...noLoading, delivered, skipped, retried };
  let loadingSince: number | null = null;
  let notFinite = 0;
  let membersLost = 0;
  let notTaken = 0;
  let outage: Outage | null = null;
  const tell = () => {
    const settled = settledOf(loading);
    const seconds = loadingSince === null ? 0 : (clock.now().getTime() - loadingSince) / 1000;
    onProgress({
      phase: loadingSince === null ? 'extracting' : 'loading',
      extracted: comparison.extracted,
      settled,
      delivered: loading.delivered,
      total: changesOf(comparison),
      rowsPerSecond: seconds > 0 ? settled / seconds : 0,
    });
  };
  tell();
  return {
    get counts() {
      return countAll(comparison, loading);
    },
    compared(counts) {
      comparison = counts;
      loadingSince = clock.now().getTime();
      tell();
    },
    found(kinds) {
      comparison = withChanges(comparison, kinds);
    },
    get notTaken() {
      return notTaken;
    },
    get outage() {
      return outage;
    },
    settled({ counts, rows, outage: met }) {
      loading = addLoading(loading, counts);
      notTaken += rows.filter(({ kind }) => kind === 'later').length;
      if (met !== null) outage = { ...met, rows: met.rows + (outage?.rows ?? 0) };
      tell();
    },
    notFinite(values) {
      notFinite += values;
    },
    membersLost(rows) {
      membersLost += rows;
    },
    warnings: () => [
      ...(notFinite === 0 ? [] : [`${notFinite} values were NaN or infinite and were taken as null.`]),
      ...(membersLost === 0 ? [] : [`In ${count(membersLost)} rows, ${lostMember}`]),
    ],
  };
}
