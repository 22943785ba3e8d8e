/**
 * Audiences and computed traits, together computations. In: definitions, and profiles as they change. Out: memberships
 * and values on the profiles. Promised: what a profile holds equals what is computed from its facts alone, whatever its
 * history, within about a second of its last message, or since the last run of a batch computation; a key is never given
 * twice in a space.
 */
import type { Cadence, ComputationKind, Entity } from './query/query.ts';

export {
  type ChangedComputation,
  type ComputationChange,
  changeComputation,
  deleteComputation,
} from './change.ts';
export {
  createComputation,
  findComputation,
  listComputations,
  listReaders,
  type NewComputation,
  namesOfComputations,
} from './computations.ts';
export { computeAccountsAgain } from './compute.ts';
export {
  type ComputationRefusal,
  type DefinitionFault,
  definitionFaults,
  type GivenOptions,
  includesAnonymous,
} from './definition.ts';
export { type AudiencePreview, createPreview, findPreview } from './preview-store.ts';
export { forgetPreviews, prunePreviews } from './previews.ts';
export type { Cadence, ComputationKind, Entity } from './query/query.ts';
export { statusOf } from './status.ts';
export { type ComputationWorkerOptions, startComputations } from './worker.ts';

export interface ComputationOptions {
  /** Whether messages that came before the computation was made count. Batch ones always look at all. */
  readonly includeHistoricalData: boolean;
  /** A profile counts only when it has an identifier of one of these types. Empty: every account. */
  readonly filterByExternalIds: readonly string[];
  /** How many days before its making events count; null: all that are kept. */
  readonly backfillDays: number | null;
}

/** Why all profiles are looked at again. */
export type RunReason = 'first' | 'edit' | 'enabled' | 'schedule' | 'delete';

export interface Computation {
  /** `aud_…` of audiences, `tra_…` of computed traits. */
  readonly id: string;
  readonly spaceNo: number;
  readonly kind: ComputationKind;
  readonly name: string;
  /** The trait it writes. */
  readonly key: string;
  readonly description: string;
  readonly entity: Entity;
  readonly enabled: boolean;
  readonly query: string;
  readonly options: ComputationOptions;
  readonly cadence: Cadence;
  readonly createdAt: Date;
  /** The name of the token, or the e-mail address of the person, as the audit trail writes it. */
  readonly createdBy: string;
  readonly updatedAt: Date;
  readonly updatedBy: string;
  /** Set: deleted; its values stay as custom traits, and its key is never given again. */
  readonly deletedAt: Date | null;
  /** A run over all profiles that is asked for or under way. */
  readonly run: { readonly reason: RunReason; readonly askedAt: Date; readonly cursor: string } | null;
  readonly lastRunAt: Date | null;
  readonly nextRunAt: Date | null;
  /** Why the last run failed, in words. */
  readonly failure: string | null;
  /** How many are in it, counted lately; null: not yet, or a computed trait. */
  readonly size: number | null;
}
