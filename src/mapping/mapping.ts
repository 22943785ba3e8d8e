/**
 * Mapping. In: directives and a trigger, as configured. Out: compiled functions from a change to a payload. Promised:
 * output equal to the reference implementation (`@segment/actions-core`), key by key; pure; a fault in a mapping is found
 * when it is compiled, with its path.
 */
import { type Fault, MillraceError } from '../base/errors.ts';
import type { Json, JsonObject } from '../base/json.ts';
import { deepestNesting, isDeeperThan, unstorableReasons } from '../base/text.ts';
import type { Change, ChangeKind } from '../diff/diff.ts';
import type { Column } from '../warehouse/warehouse.ts';
import { makeChangeEvents } from './change-event.ts';
import { mappingFaults } from './check.ts';
import { columnsOf } from './columns.ts';
import { compileMappingNode, hopelessParts } from './compile.ts';
import { MappingFailure } from './node.ts';
import { parseTrigger } from './trigger.ts';

export { lostMembers } from './lost-members.ts';
export { type Suggestion, type Suggestions, suggestedFields, suggestMapping } from './suggest.ts';

/** What a mapping sees of one row change (`reverse-etl.md` section 3). A type, not an interface, so that it is a `JsonObject`. */
export type ChangeEvent = {
  readonly type: 'track';
  readonly event: ChangeKind;
  readonly messageId: string;
  readonly timestamp: string;
  readonly properties: JsonObject;
  readonly __segment_id: string;
  readonly context: JsonObject;
};

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

/** Field id → directive or literal. */
export type Directives = Readonly<Record<string, Json>>;

/** Which changes people choose between (`reverse-etl.md` section 3), as triggers. */
export const changeTriggers = {
  added: 'event = "new"',
  updated: 'event = "updated"',
  'added or updated': 'event = "new" or event = "updated"',
  deleted: 'event = "deleted"',
} as const;

/**
 * The faults of a mapping, each with the path of its place, e.g. `traits.email.@path`: those the reference refuses, and
 * parts that would fail for every row, such as a Liquid template that cannot be parsed.
 */
export function checkMapping(directives: Directives): readonly Fault[] {
  const entries = Object.entries(directives);
  const isDeep = ([, value]: readonly [string, Json]) => isDeeperThan(value, deepestNesting);
  const deep = entries.filter(isDeep).map(([where]) => ({ where, message: unstorableReasons.too_deep }));
  return deep.length === 0 ? faultsInside(directives) : [...deep, ...faultsInside(withoutDeep(directives, deep))];
}

function withoutDeep(directives: Directives, deep: readonly Fault[]): Directives {
  const names = new Set(deep.map(({ where }) => where));
  return Object.fromEntries(Object.entries(directives).filter(([name]) => !names.has(name)));
}

/** Of parts that are not too deep to be walked through. */
function faultsInside(directives: Directives): readonly Fault[] {
  const faults = mappingFaults(directives);
  const hopeless = hopelessParts(directives).filter(({ where }) => !faults.some((fault) => isSame(fault.where, where)));
  return [...faults, ...hopeless];
}

/** What is faulty cannot be compiled either: in the same place, inside of it, or as the directive it is an option of. */
function isSame(fault: string, hopeless: string): boolean {
  const optionOf = fault.slice(0, Math.max(0, fault.lastIndexOf('.')));
  return fault === '' || hopeless === fault || hopeless.startsWith(`${fault}.`) || hopeless === optionOf;
}

/**
 * Compiles a mapping. Throws `mapping_invalid` with all faults. The payload shares values with the event and constants
 * with other payloads, so it is not to be written to.
 * @param options.skipNulls fields whose nulls are left out; of an object field, its null members
 */
export function compileMapping(
  directives: Directives,
  options: { readonly skipNulls?: readonly string[] } = {},
): Transform {
  const faults = mappingFaults(directives);
  if (faults.length > 0) {
    const list = faults.map((fault) => (fault.where === '' ? fault.message : `${fault.where}: ${fault.message}`));
    throw new MillraceError('mapping_invalid', `The mapping has faults. ${list.join('; ')}`, { faults });
  }
  const payloadOf = compileMappingNode(withSkippedNulls(directives, options.skipNulls ?? [])).clean;
  return (event) => {
    try {
      return payloadOf(event) as JsonObject;
    } catch (error) {
      throw failed(error);
    }
  };
}

function withSkippedNulls(directives: Directives, fields: readonly string[]): Directives {
  const present = fields.filter((field) => Object.hasOwn(directives, field));
  if (present.length === 0) return directives;
  const wrapped = present.map((field) => [field, { '@excludeWhenNull': directives[field] ?? null }] as const);
  return { ...directives, ...Object.fromEntries(wrapped) };
}

/** Texts of other errors may quote values of the row; only ours are passed on. */
function failed(error: unknown): MillraceError {
  if (error instanceof MappingFailure) {
    return new MillraceError('mapping_failed', error.at === '' ? error.message : `${error.at}: ${error.message}`);
  }
  const name = error instanceof Error ? error.name : 'error';
  return new MillraceError('mapping_failed', `a value of the row cannot be used where the mapping puts it (${name})`);
}

/**
 * The columns of `$.properties` that a mapping and its trigger can look at; null when that cannot be told, then all.
 */
export function usedColumns(directives: Directives, trigger: CompiledTrigger): ReadonlySet<string> | null {
  const columns = columnsOf(directives);
  if (columns === null || trigger.columns === null) return null;
  return new Set([...columns, ...trigger.columns]);
}

/** Compiles FQL. Throws `trigger_invalid` when it cannot be understood, or can match no change. */
export function compileTrigger(fql: string): CompiledTrigger {
  return parseTrigger(fql);
}

/** Changes as events: see `change-event.ts`. */
export const changeEvents: MakeEventOf = makeChangeEvents;
