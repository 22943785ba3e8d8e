/**
 * Triggers: which changes a mapping asks for, in Segment's filter language (FQL), as the vendor's library reads it
 * (`base/fql.ts`).
 */
import type { Condition, GroupCondition } from '@segment/destination-subscriptions';
import { MillraceError } from '../base/errors.ts';
import { compileFql, type FqlLeaf, readFql } from '../base/fql.ts';
import type { ChangeKind } from '../diff/diff.ts';
import type { CompiledTrigger } from './mapping.ts';

const changeKinds: readonly ChangeKind[] = ['new', 'updated', 'deleted'];

/** Throws `trigger_invalid`: with the library's message, with what is missing, or when no change could ever match. */
export function parseTrigger(fql: string): CompiledTrigger {
  const read = readFql(fql);
  if ('fault' in read) throw invalid(fql, read.fault);
  const gap = gapIn(fql);
  if (gap !== null) throw invalid(fql, `is incomplete: ${gap}`);
  const { condition, leaves } = read;
  const kinds = changeKinds.filter((kind) => mayMatch(condition, kind));
  if (kinds.length === 0) throw invalid(fql, 'can match no row change');
  return { matches: compileFql(condition), kinds: new Set(kinds), columns: columnsOf(leaves) };
}

function invalid(fql: string, what: string): MillraceError {
  return new MillraceError('trigger_invalid', `The trigger \`${fql}\` ${what}.`);
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
  return compileFql(alone)({ type: 'track', event: kind, properties: {}, context: {} });
}

function columnsOf(leaves: readonly FqlLeaf[]): ReadonlySet<string> | null {
  const columns = new Set<string>();
  for (const leaf of leaves) {
    if (leaf.type !== 'event-property') continue;
    const [column] = leaf.name.split(/[[.\]]+/).filter((step) => step !== '');
    if (column === undefined) return null;
    columns.add(column);
  }
  return columns;
}
