/** What a sync is to those who read about it: states, counts, rows that went wrong. */
import type { ErrorCode } from '../base/error-codes.ts';
import type { ComparisonCounts } from '../diff/diff.ts';
import type { Effects } from '../space/space.ts';
import type { NotReplayed } from './replay.ts';

export type RunningState = 'extracting' | 'loading' | 'cancelling';
export type EndState = 'succeeded' | 'partially succeeded' | 'failed' | 'cancelled';
export type SyncState = RunningState | EndState;

/** How the changes of a sync ended. */
export interface LoadingCounts {
  readonly delivered: number;
  /** Refused, or not taken now, with a reason. */
  readonly refused: number;
  /** Not asked for by the trigger; recorded as seen. */
  readonly skipped: number;
  /** Failed in too many syncs; not sent until they change. */
  readonly givenUp: number;
  /** Of those tried: how many had failed in an earlier sync. */
  readonly retried: number;
}

export interface SyncCounts extends ComparisonCounts, LoadingCounts {
  /** Changes that nothing was decided about: added + updated + deleted − delivered − refused − skipped − givenUp. */
  readonly remaining: number;
}

/** Changes by their kind. */
export interface KindCounts {
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
}

/** What earlier attempts of a sync settled for good: later ones do not meet it again. */
export interface Kept extends KindCounts {
  readonly delivered: number;
  readonly skipped: number;
  readonly retried: number;
}

/** One run of a mapping. */
export interface Sync {
  readonly id: string;
  readonly mappingId: string;
  /** Names as they were when it ran. */
  readonly mapping: string;
  readonly model: string;
  readonly destination: string;
  /** The model it read and the source of that one, which may be gone by now; null when they are not known. */
  readonly modelId: string | null;
  readonly sourceId: string | null;
  readonly state: SyncState;
  /** Why it ended as it did; null when there is nothing to say. */
  readonly code: ErrorCode | null;
  readonly reason: string | null;
  readonly help: string | null;
  readonly warnings: readonly string[];
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  /** Seconds of each phase; null while it has not ended. */
  readonly extractingSeconds: number | null;
  readonly loadingSeconds: number | null;
  readonly counts: SyncCounts;
  readonly effects: Effects;
  /** The sync that it replays, and what of that one it does not send; null of a usual sync. */
  readonly replay: ({ readonly syncId: string } & NotReplayed) | null;
}

/** A row that went wrong in a sync. */
export interface SyncRow {
  readonly no: number;
  readonly kind: 'invalid' | 'refused' | 'later' | 'given up' | 'gone';
  /** Null when the identifier is null. */
  readonly recordId: string | null;
  /** How many rows of the model it stands for. */
  readonly rows: number;
  readonly code: string;
  readonly reason: string;
  /** The message that was built, as JSON text. */
  readonly message: string | null;
}

export interface Progress {
  readonly phase: 'extracting' | 'loading';
  /** Rows of the model; 0 while extracting. */
  readonly extracted: number;
  /** Changes that are settled: delivered, refused, skipped or given up. */
  readonly settled: number;
  readonly delivered: number;
  /** Changes in all. */
  readonly total: number;
  readonly rowsPerSecond: number;
}

export type OnProgress = (progress: Progress) => void;

export const noLoading: LoadingCounts = { delivered: 0, refused: 0, skipped: 0, givenUp: 0, retried: 0 };
export const noComparison: ComparisonCounts = {
  extracted: 0,
  added: 0,
  updated: 0,
  deleted: 0,
  unchanged: 0,
  invalid: 0,
};
export const noKinds: KindCounts = { added: 0, updated: 0, deleted: 0 };
export const nothingKept: Kept = { ...noKinds, delivered: 0, skipped: 0, retried: 0 };
export const noEffects: Effects = { profilesCreated: 0, accountsCreated: 0, merged: 0, traitsChanged: 0 };

export function countKinds(kinds: Iterable<'new' | 'updated' | 'deleted'>): KindCounts {
  const counts = { added: 0, updated: 0, deleted: 0 };
  for (const kind of kinds) counts[kind === 'new' ? 'added' : kind]++;
  return counts;
}

/** Rows that turn out to have changed, or that changed for an earlier attempt: no longer among the unchanged. */
export function withChanges(counts: ComparisonCounts, found: KindCounts): ComparisonCounts {
  return {
    ...counts,
    added: counts.added + found.added,
    updated: counts.updated + found.updated,
    deleted: counts.deleted + found.deleted,
    // Less than nothing if rows changed once more between two attempts.
    unchanged: Math.max(0, counts.unchanged - found.added - found.updated),
  };
}

/** As if nothing had changed. */
export function withoutChanges({ added, updated, unchanged, ...counts }: ComparisonCounts): ComparisonCounts {
  return { ...counts, ...noKinds, unchanged: unchanged + added + updated };
}

export function addLoading(a: LoadingCounts, b: LoadingCounts): LoadingCounts {
  return {
    delivered: a.delivered + b.delivered,
    refused: a.refused + b.refused,
    skipped: a.skipped + b.skipped,
    givenUp: a.givenUp + b.givenUp,
    retried: a.retried + b.retried,
  };
}

export function addEffects(a: Effects, b: Effects): Effects {
  return {
    profilesCreated: a.profilesCreated + b.profilesCreated,
    accountsCreated: a.accountsCreated + b.accountsCreated,
    merged: a.merged + b.merged,
    traitsChanged: a.traitsChanged + b.traitsChanged,
  };
}

export function countAll(comparison: ComparisonCounts, loading: LoadingCounts): SyncCounts {
  return { ...comparison, ...loading, remaining: changesOf(comparison) - settledOf(loading) };
}

export function changesOf(counts: ComparisonCounts): number {
  return counts.added + counts.updated + counts.deleted;
}

export function settledOf(counts: LoadingCounts): number {
  return counts.delivered + counts.refused + counts.skipped + counts.givenUp;
}
