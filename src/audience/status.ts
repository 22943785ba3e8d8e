/** What a computation is doing, in the words of the Public API. Pure. */
import type { Computation } from './audience.ts';

export type ComputationStatus = 'Backfilling' | 'Locked' | 'Computing' | 'Failed' | 'Disabled' | 'Live';

/** `Locked`: a changed definition is being computed, and cannot be changed meanwhile. */
export function statusOf({
  run,
  enabled,
  failure,
}: Pick<Computation, 'run' | 'enabled' | 'failure'>): ComputationStatus {
  if (run?.reason === 'first') return 'Backfilling';
  if (run?.reason === 'edit') return 'Locked';
  if (run !== null) return 'Computing';
  if (!enabled) return 'Disabled';
  return failure === null ? 'Live' : 'Failed';
}
