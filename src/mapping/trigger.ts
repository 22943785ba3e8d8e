/**
 * Triggers: which changes a mapping asks for, in Segment's filter language (FQL). Parsed and run by the vendor's own
 * library, with its habits: one level of parentheses, and the last `and` or `or` of a level counts for the whole level.
 */
import subscriptions, { type Condition, type GroupCondition } from '@segment/destination-subscriptions';
import { MillraceError } from '../base/errors.ts';
import type { ChangeKind } from '../diff/diff.ts';
import type { CompiledTrigger } from './mapping.ts';

const changeKinds: readonly ChangeKind[] = ['new', 'updated', 'deleted'];

const operators: ReadonlySet<string> = new Set([
  ...['=', '!=', '<', '<=', '>', '>=', 'number_equals', 'number_not_equals', 'exists', 'not_exists', 'is_true'],
  ...['is_false', 'contains', 'not_contains', 'starts_with', 'not_starts_with', 'ends_with', 'not_ends_with'],
]);

/** Throws `trigger_invalid`: with the library's message, with what is missing, or when no change could ever match. */
export function parseTrigger(fql: string): CompiledTrigger {
  const ast = subscriptions.parseFql(fql);
  if ('error' in ast) throw invalid(fql, `cannot be understood: ${wordsOf(ast.error)}`);
  if (!isWhole(ast)) throw invalid(fql, `cannot be understood: ${incomplete}`);
  const gap = gapIn(fql);
  if (gap !== null) throw invalid(fql, `is incomplete: ${gap}`);
  const leaves = leavesOf(ast);
  const odd = leaves.find((leaf) => !operators.has(leaf.operator));
  if (odd) throw invalid(fql, `has no comparison where one should be: found \`${odd.operator}\``);
  const kinds = changeKinds.filter((kind) => mayMatch(ast, kind));
  if (kinds.length === 0) throw invalid(fql, 'can match no row change');
  return {
    matches: (event) => subscriptions.validate(ast, event),
    kinds: new Set(kinds),
    columns: columnsOf(leaves),
  };
}

function invalid(fql: string, what: string): MillraceError {
  return new MillraceError('trigger_invalid', `The trigger \`${fql}\` ${what}.`);
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

/**
 * What is missing, in words. The library takes whatever comes next for a value, the end of the text too, and passes over
 * an `and` or `or` that joins nothing.
 */
function gapIn(fql: string): string | null {
  const text = fql.replace(/"[^"]*"/g, '""');
  const comparison = /([<>]=?|!?=)\s*(?:$|\)|(?:and|or)(?![\w.]))/.exec(text)?.[1];
  if (comparison !== undefined) return `there is no value after \`${comparison}\``;
  const word = /(?:^|\()\s*(and|or)(?![\w.])|(?<![\w.])(and|or)\s*(?:$|\))/.exec(text);
  if (word !== null) return `there is a condition on one side of \`${word[1] ?? word[2]}\` only`;
  const called = /(?<![\w.])(contains|match)\s*\((?:\s*|[^,()]+,?\s*)\)/.exec(text)?.[1];
  return called === undefined
    ? null
    : `\`${called}\` takes a place and a text, e.g. ${called}(properties.email, "*@example.org")`;
}

type Leaf = Exclude<Condition, GroupCondition>;

function leavesOf(condition: Condition): Leaf[] {
  return condition.type === 'group' ? condition.children.flatMap(leavesOf) : [condition];
}

/**
 * Whether any change of a kind can match: a condition on a column may or may not hold, except for a deletion, whose
 * columns are all null; everything else of the event is known.
 */
function mayMatch(condition: Condition, kind: ChangeKind): boolean {
  if (condition.type === 'group') {
    const may = (child: Condition) => mayMatch(child, kind);
    return condition.operator === 'or' ? condition.children.some(may) : condition.children.every(may);
  }
  if (condition.type === 'event-property' && kind !== 'deleted') return true;
  const alone: GroupCondition = { type: 'group', operator: 'and', children: [condition] };
  return subscriptions.validate(alone, { type: 'track', event: kind, properties: {}, context: {} });
}

function columnsOf(leaves: readonly Leaf[]): ReadonlySet<string> | null {
  const columns = new Set<string>();
  for (const leaf of leaves) {
    if (leaf.type !== 'event-property') continue;
    const [column] = leaf.name.split(/[[.\]]+/).filter((step) => step !== '');
    if (column === undefined) return null;
    columns.add(column);
  }
  return columns;
}
