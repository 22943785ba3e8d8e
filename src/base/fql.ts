/**
 * Segment's filter language (FQL): conditions over a message. In: text. Out: a condition that can be asked. Parsed and run
 * by the vendor's own library, with its habits: one level of parentheses, the last `and` or `or` of a level counts for the
 * whole level, and what it does not know is left out without a word. `readFql` takes all that; `parseFql` refuses
 * whatever the library would read in another way than it is written.
 */
import subscriptions, { type Condition, type GroupCondition } from '@segment/destination-subscriptions';
import { MillraceError } from './errors.ts';
import { fqlFault } from './fql-check.ts';
import type { JsonObject } from './json.ts';

export type FqlLeaf = Exclude<Condition, GroupCondition>;

/** A condition as the library reads it, or what is wrong with it: the end of a sentence, without the stop. */
export type ReadFql =
  | { readonly condition: GroupCondition; readonly leaves: readonly FqlLeaf[] }
  | { readonly fault: string };

/** A condition that means what it says. */
export interface Fql {
  readonly matches: (message: JsonObject) => boolean;
}

const operators: ReadonlySet<string> = new Set([
  ...['=', '!=', '<', '<=', '>', '>=', 'number_equals', 'number_not_equals', 'exists', 'not_exists', 'is_true'],
  ...['is_false', 'contains', 'not_contains', 'starts_with', 'not_starts_with', 'ends_with', 'not_ends_with'],
]);

/** Error: `fql_invalid`. */
export function parseFql(fql: string): Fql {
  // Our own words first: they are clearer than the library's.
  const fault = fqlFault(fql);
  const read = fault === null ? readFql(fql) : { fault };
  if ('fault' in read) throw new MillraceError('fql_invalid', `The condition \`${fql}\` ${read.fault}.`);
  return { matches: compileFql(read.condition) };
}

/** The condition as the library understands it. */
export function readFql(fql: string): ReadFql {
  const condition = subscriptions.parseFql(fql);
  if ('error' in condition) return { fault: `cannot be understood: ${wordsOf(condition.error)}` };
  if (!isWhole(condition)) return { fault: `cannot be understood: ${incomplete}` };
  const leaves = leavesOf(condition);
  const odd = leaves.find((leaf) => !operators.has(leaf.operator));
  if (odd) return { fault: `has no comparison where one should be: found \`${odd.operator}\`` };
  return { condition, leaves };
}

/**
 * Tells whether a message meets the condition. Never throws for a condition that `parseFql` took. The library would also
 * find what every object inherits (`properties.constructor`): so it is handed the values, found as a message's own.
 */
export function compileFql(condition: GroupCondition): (message: JsonObject) => boolean {
  const places: Place[] = [];
  const flat = flattened(condition, places);
  return (message) => {
    const { type, event, name, userId } = message;
    const properties: Record<string, unknown> = {};
    for (const { key, map, steps } of places) properties[key] = valueAt(message[map], steps);
    return subscriptions.validate(flat as GroupCondition, { type, event, name, userId, properties });
  };
}

const mapOf = { 'event-property': 'properties', 'event-trait': 'traits', 'event-context': 'context' } as const;

/** A value that a condition looks at, and the key under which the library gets it. */
interface Place {
  readonly key: string;
  readonly map: (typeof mapOf)[keyof typeof mapOf];
  readonly steps: readonly string[];
}

/** The condition with a plain key for each place within `properties`, `traits` and `context`. */
function flattened(condition: Condition, places: Place[]): Condition {
  switch (condition.type) {
    case 'group':
      return { ...condition, children: condition.children.map((child) => flattened(child, places)) };
    case 'event-property':
    case 'event-trait':
    case 'event-context': {
      const key = `at${places.length}`;
      // As the library divides a name.
      places.push({ key, map: mapOf[condition.type], steps: condition.name.match(/[^[.\]]+/g) ?? [] });
      return { ...condition, type: 'event-property', name: key };
    }
    default:
      return condition;
  }
}

/** As the library walks, which stops at what is empty; but only along members that are there themselves. */
function valueAt(map: unknown, steps: readonly string[]): unknown {
  let value = steps.length === 0 ? undefined : map;
  for (const step of steps) {
    if (!value) return value;
    value = Object.hasOwn(Object(value), step) ? (value as Record<string, unknown>)[step] : undefined;
  }
  return value;
}

const incomplete = 'it is not a complete condition, or has parentheses within parentheses';

/** The library's message, unless it is only the stumbling of its parser. */
function wordsOf(error: Error): string {
  return error instanceof TypeError ? incomplete : error.message;
}

/** The parser leaves holes where it finds nothing between parentheses. */
function isWhole(condition: Condition | undefined): boolean {
  return condition !== undefined && (condition.type !== 'group' || condition.children.every(isWhole));
}

function leavesOf(condition: Condition): FqlLeaf[] {
  return condition.type === 'group' ? condition.children.flatMap(leavesOf) : [condition];
}
