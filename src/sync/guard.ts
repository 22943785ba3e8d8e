/** The guard rail of a mapping: a sync that would touch too many known rows stops before it sends anything. */
import { count } from '../base/count.ts';
import { MillraceError } from '../base/errors.ts';
import type { ComparisonCounts } from '../diff/diff.ts';
import type { Mapping } from '../workspace/workspace.ts';

export interface Guard {
  readonly limitPercent: number;
  /** Updated and deleted rows, and their share of the rows that were known before. */
  readonly touched: number;
  readonly known: number;
  readonly percent: number;
  readonly stops: boolean;
}

/** Null when the mapping has no guard, or nothing was known before: a first sync is never stopped. */
export function guardOf(mapping: Mapping, counts: ComparisonCounts): Guard | null {
  const touched = counts.updated + counts.deleted;
  const known = touched + counts.unchanged;
  if (mapping.guardPercent === null || known === 0) return null;
  const percent = (touched / known) * 100;
  return { limitPercent: mapping.guardPercent, touched, known, percent, stops: percent > mapping.guardPercent };
}

/** Throws `sync_guard` with both numbers. */
export function checkGuard(mapping: Mapping, counts: ComparisonCounts): void {
  const guard = guardOf(mapping, counts);
  if (guard === null || !guard.stops) return;
  throw new MillraceError(
    'sync_guard',
    `${count(guard.touched)} of ${count(guard.known)} known rows (${guard.percent.toFixed(1)} %) would be updated or deleted; ` +
      `the guard of ${mapping.name} allows ${guard.limitPercent} %. Nothing was sent.`,
  );
}
