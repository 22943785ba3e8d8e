/**
 * What is to be done about each change: event, trigger, mapping, action, in this order. Pure. A fault of one row is a
 * decision about that row, never an error of the sync.
 */
import { breathe, rowsPerBreath } from '../base/breathe.ts';
import { isMillraceError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { Delivery } from '../delivery/delivery.ts';
import type { Action } from '../destination/destination.ts';
import type { Change, ChangeBatch } from '../diff/diff.ts';
import type { CompiledTrigger, EventOf, Transform } from '../mapping/mapping.ts';
import type { Row } from '../warehouse/warehouse.ts';
import { type FailingRows, noneFailing } from './failures.ts';

export type Decision =
  /** Not asked for: recorded as seen. */
  | { readonly kind: 'skip' }
  | { readonly kind: 'send'; readonly delivery: Delivery }
  /** Final for the row as it is; tried again in the next sync. */
  | { readonly kind: 'refuse'; readonly code: string; readonly reason: string; readonly message: JsonObject | null }
  /** Failed too often; not tried until it changes. */
  | { readonly kind: 'give up'; readonly reason: string };

export interface Decided {
  readonly change: Change;
  readonly decision: Decision;
  /** The same contents failed in an earlier sync. */
  readonly failedBefore: boolean;
}

export interface DecidedBatch {
  readonly decided: readonly Decided[];
  readonly notFinite: number;
}

/** A mapping, compiled for the columns of its model. */
export interface Rules {
  readonly eventOf: EventOf;
  readonly trigger: CompiledTrigger;
  /** From the event to the payload, defaults of fields and the null policy included. */
  readonly payloadOf: Transform;
  readonly action: Action;
  readonly endpoint: string;
  /** Why a row is too large to be sent; null when it is not. */
  readonly tooLarge: (change: Change) => string | null;
  /** Whether a row has members that the mapping cannot pass on; null when none can. */
  readonly losesMembers: ((row: Row) => boolean) | null;
}

/** Looks up which of these changes failed in earlier syncs. */
export type FindFailing = (changes: readonly Change[]) => Promise<FailingRows>;

const skip: Decision = { kind: 'skip' };

/** Bytes of an identifier: an index of Postgres takes some 2,700, and a warehouse of ours may be Postgres. */
const longestIdentifier = 2_000;

/** Decides about batch after batch. `findFailing` is null when the mapping has no failing rows. */
export async function* decideAll(
  batches: AsyncIterable<ChangeBatch>,
  decideOne: (change: Change) => Decision,
  findFailing: FindFailing | null,
): AsyncIterable<DecidedBatch> {
  for await (const batch of batches) {
    const failing = findFailing === null ? noneFailing : await findFailing(batch.changes);
    const decided: Decided[] = [];
    for (const [at, change] of batch.changes.entries()) {
      if (at % rowsPerBreath === rowsPerBreath - 1) await breathe();
      const before = failing.get(change.recordId);
      const decision: Decision =
        before?.givenUp === true
          ? { kind: 'give up', reason: `Failed in ${before.attempts} syncs, the last time with: ${before.reason}` }
          : decideOne(change);
      decided.push({ change, decision, failedBefore: before !== undefined });
    }
    yield { decided, notFinite: batch.notFinite };
  }
}

/** Marks a change as seen, without sending it: a first sync without backfill, and kinds that no trigger matches. */
export function decideToSkip(change: Change): Decision {
  return refuseLongIdentifier(change) ?? skip;
}

/** What cannot be remembered would be offered, and sent, again and again. */
function refuseLongIdentifier({ recordId }: Change): Decision | null {
  // No character has more than three bytes per code unit.
  if (recordId.length * 3 <= longestIdentifier) return null;
  const bytes = Buffer.byteLength(recordId);
  if (bytes <= longestIdentifier) return null;
  const reason = `The identifier has ${bytes} bytes; the limit is ${longestIdentifier}.`;
  return { kind: 'refuse', code: 'identifier_too_long', reason, message: null };
}

export function decide(change: Change, rules: Rules): Decision {
  const tooLong = refuseLongIdentifier(change);
  if (tooLong !== null) return tooLong;
  if (!rules.trigger.kinds.has(change.kind)) return skip;
  const size = rules.tooLarge(change);
  if (size !== null) return { kind: 'refuse', code: 'row_too_large', reason: size, message: null };
  try {
    const event = rules.eventOf(change);
    if (!rules.trigger.matches(event)) return skip;
    const built = rules.action.build(rules.payloadOf(event), { endpoint: rules.endpoint });
    return built.ok
      ? { kind: 'send', delivery: { space: built.space, message: built.message } }
      : { kind: 'refuse', code: built.code, reason: built.reason, message: null };
  } catch (error) {
    if (isMillraceError(error)) return { kind: 'refuse', code: error.code, reason: error.message, message: null };
    // Its text may quote the row; the kind of error has to do.
    const name = error instanceof Error ? error.name : typeof error;
    return {
      kind: 'refuse',
      code: 'mapping_failed',
      reason: `The mapping failed on this row (${name}).`,
      message: null,
    };
  }
}
