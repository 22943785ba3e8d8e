/**
 * Mapping. In: directives and a trigger, as configured. Out: compiled functions from a change to a payload. Promised:
 * output equal to the reference implementation (`@segment/actions-core`), key by key; pure; a fault in a mapping is found
 * when it is compiled, with its path.
 */
import type { JsonObject } from '../base/json.ts';
import type { Change, ChangeKind } from '../diff/diff.ts';
import type { Column } from '../warehouse/warehouse.ts';

/** What a mapping sees of one row change (`reverse-etl.md` section 3). */
export interface ChangeEvent {
  readonly type: 'track';
  readonly event: ChangeKind;
  readonly messageId: string;
  readonly timestamp: string;
  readonly properties: JsonObject;
  readonly __segment_id: string;
  readonly context: JsonObject;
}

/** Turns one change of a batch into the event its mapping sees. */
export type EventOf = (change: Change) => ChangeEvent;
export type MakeEventOf = (
  columns: readonly Column[],
  about: { readonly mappingId: string; readonly epoch: number; readonly identifierColumn: string; readonly at: Date },
) => EventOf;

/** Compiled directives. Throws a `MillraceError` `mapping_failed` for an input the directives cannot take. */
export type Transform = (event: JsonObject) => JsonObject;

export interface CompiledTrigger {
  /** True when the change is asked for. */
  readonly matches: (event: JsonObject) => boolean;
  /** The kinds of change that can match at all, so that the others need not be read. */
  readonly kinds: ReadonlySet<ChangeKind>;
  /** The columns it looks at; null when that cannot be told (then all). */
  readonly columns: ReadonlySet<string> | null;
}
