/**
 * Deletion and suppression of people. In: user ids. Out: a regulation with its status. Promised: a suppression holds from
 * the moment its regulation is stored, in every process; a deletion that was accepted is carried out to its end, whatever
 * dies meanwhile; when it is finished nothing of these people is left in the database but the list of the suppressed.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../db/db.ts';
import type { DeletionCounts } from '../space/space.ts';

export { cancelRegulation } from './cancel.ts';
export { createRegulation, regulationFaults } from './create.ts';
export { getRegulation, listRegulations, readSuppressions } from './list.ts';
export { type QuotaState, readQuota } from './quota.ts';
export { runRegulations } from './run.ts';
export { startRegulationWorker } from './worker.ts';

export const regulationTypes = [
  'SUPPRESS_ONLY',
  'UNSUPPRESS',
  'DELETE_INTERNAL',
  'SUPPRESS_WITH_DELETE_INTERNAL',
  'DELETE_ONLY',
  'SUPPRESS_WITH_DELETE',
] as const;
export type RegulationType = (typeof regulationTypes)[number];

export const regulationStatuses = ['INITIALIZED', 'RUNNING', 'FINISHED', 'FAILED'] as const;
/** A failed one is tried again by itself. */
export type RegulationStatus = (typeof regulationStatuses)[number];

export interface Regulation {
  /** `reg_…`. */
  readonly id: string;
  readonly type: RegulationType;
  /** Null: of the whole workspace. */
  readonly sourceId: string | null;
  /** How many user ids. */
  readonly subjects: number;
  /** Empty once it is finished. */
  readonly subjectIds: readonly string[];
  readonly status: RegulationStatus;
  readonly detail: RegulationDetail;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

/** What became of it; nothing personal. */
export interface RegulationDetail {
  /** What was deleted from each space. */
  readonly spaces?: readonly ({ readonly id: string; readonly name: string } & DeletionCounts)[];
  /** Rows of sync histories that were deleted, and counts of failures. */
  readonly syncRows?: number;
  readonly failingRows?: number;
  /** Destinations outside this database, which could not be told. */
  readonly destinations?: readonly { readonly id: string; readonly name: string; readonly status: 'NOT_SUPPORTED' }[];
  /** Why the last try failed. */
  readonly reason?: string;
}

export interface RegulationRequest {
  readonly type: string;
  /** User ids, as messages carry them. */
  readonly subjectIds: readonly string[];
  /** Left out: the whole workspace. A deletion always takes the whole person. */
  readonly sourceId?: string | undefined;
}

export interface PrivacyContext {
  readonly db: Database;
  readonly log: Log;
  readonly clock: Clock;
}

export function suppresses(type: RegulationType): boolean {
  return type === 'SUPPRESS_ONLY' || type === 'SUPPRESS_WITH_DELETE' || type === 'SUPPRESS_WITH_DELETE_INTERNAL';
}

export function deletes(type: RegulationType): boolean {
  return type !== 'SUPPRESS_ONLY' && type !== 'UNSUPPRESS';
}

/** Whether destinations outside this database are to be told. */
export function isForwarded(type: RegulationType): boolean {
  return type === 'DELETE_ONLY' || type === 'SUPPRESS_WITH_DELETE';
}
