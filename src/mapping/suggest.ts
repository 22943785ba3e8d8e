/**
 * Suggested mappings. In: the columns of a model, an action. Out: a proposal for every column whose name resembles a field or a
 * common trait, each with the reason; what was left, with the reason; what is still missing. Pure, the same for the same
 * columns; nothing is applied by it. A column stands in one proposal at most, and a field gets one column at most: that whose
 * name is closest.
 */
import type { Json } from '../base/json.ts';
import type { Action } from '../destination/destination.ts';
import type { Column } from '../warehouse/warehouse.ts';
import type { Directives } from './mapping.ts';
import { pathSteps } from './path.ts';
import { frontWords, type Target, targets } from './suggest-names.ts';

export interface Suggestion {
  readonly field: string;
  /** Of an object field: the trait or property. */
  readonly key: string | null;
  readonly column: string;
  readonly directive: Json;
  /** A sentence. */
  readonly why: string;
}

export interface Suggestions {
  /** In the order of the action's fields, then of their keys. */
  readonly proposed: readonly Suggestion[];
  /** Columns that stand in no proposal, in their order. */
  readonly left: readonly { readonly column: string; readonly why: string }[];
  /** Fields that a mapping needs and no column resembles. */
  readonly missing: readonly { readonly field: string; readonly why: string }[];
}

export function suggestMapping(columns: readonly Column[], action: Action, identifierColumn: string): Suggestions {
  const named = bestMatches(columns, action);
  const matches = withIdentifier(named, columns, action, identifierColumn);
  const order = targets[action.slug];
  const proposed = [...matches]
    .sort((a, b) => order.indexOf(a.target) - order.indexOf(b.target))
    .map((match) => suggestionOf(match, identifierColumn));
  const taken = new Map(matches.map((match) => [match.column.name, match]));
  return {
    proposed,
    left: columns
      .filter(({ name }) => !taken.has(name))
      .map((column) => ({ column: column.name, why: whyLeft(column, action, matches) })),
    missing: missingFields(action, new Set(proposed.map(({ field }) => field))),
  };
}

/** The proposals as the `fields` of a mapping. */
export function suggestedFields(proposed: readonly Suggestion[]): Directives {
  const fields: Record<string, Json> = {};
  for (const { field, key, directive } of proposed) {
    fields[field] =
      key === null ? directive : { ...(fields[field] as Readonly<Record<string, Json>>), [key]: directive };
  }
  return fields;
}

interface Match {
  readonly column: Column;
  readonly target: Target;
  /** Lower is closer. */
  readonly rank: number;
  readonly why: string;
}

/** Beyond every list of names. */
const behindFrontWord = 1_000;

/** The closest pairs first; each column and each target once. */
function bestMatches(columns: readonly Column[], action: Action): readonly Match[] {
  const all = columns.flatMap((column) => matchesOf(column, action)).sort((a, b) => a.rank - b.rank);
  const [columnsTaken, targetsTaken] = [new Set<string>(), new Set<Target>()];
  return all.filter(({ column, target }) => {
    if (columnsTaken.has(column.name) || targetsTaken.has(target)) return false;
    if (!target.types.includes(column.type) || pathTo(column.name) === null) return false;
    columnsTaken.add(column.name);
    return targetsTaken.add(target);
  });
}

/** Every target that the name of a column resembles, whatever its type. */
function matchesOf(column: Column, action: Action): readonly Match[] {
  const name = normal(column.name);
  const front = frontWords[action.slug].find((word) => name.startsWith(`${word}_`));
  const rest = front === undefined ? null : name.slice(front.length + 1);
  return targets[action.slug]
    .filter(({ field }) => Object.hasOwn(action.fields, field))
    .flatMap((target) => {
      const at = placeIn(target.names, name);
      if (at >= 0) return [{ column, target, rank: at, why: whyNamed(name, target) }];
      const behind = rest === null ? -1 : placeIn(target.names, rest);
      if (behind < 0) return [];
      const why = `Without "${front}" in front its name is "${rest}", a common name of ${target.what}.`;
      return [{ column, target, rank: behindFrontWord + behind, why }];
    });
}

function whyNamed(name: string, { field, key, what }: Target): string {
  const same = compact(name) === compact(normal(key ?? field));
  return same ? `It is named as the ${key === null ? 'field' : 'key'} is.` : `"${name}" is a common name of ${what}.`;
}

/** `emailAddress`, `E-Mail Address` → `email_address`, `e_mail_address`. */
function normal(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
}

function compact(name: string): string {
  return name.replaceAll('_', '');
}

function placeIn(names: readonly string[], name: string): number {
  const wanted = compact(name);
  return wanted === '' ? -1 : names.findIndex((one) => compact(one) === wanted);
}

/* ---- the identifier of the model ---- */

/** What the rows of a model are about: people, or accounts. Of events nothing follows from their identifier. */
const identified: Readonly<Partial<Record<Action['slug'], string>>> = {
  sendIdentify: 'user_id',
  sendSubscription: 'user_id',
  sendGroup: 'group_id',
};

/** When no column is named like the id of what the rows are about, the identifier stands for it. */
function withIdentifier(
  matches: readonly Match[],
  columns: readonly Column[],
  action: Action,
  identifierColumn: string,
): readonly Match[] {
  const field = identified[action.slug];
  const target = targets[action.slug].find((one) => one.field === field && one.key === null);
  const column = columns.find(({ name }) => name === identifierColumn);
  if (target === undefined || column === undefined || !target.types.includes(column.type)) return matches;
  if (matches.some((match) => match.target === target || match.column === column)) return matches;
  const why = `No column is named like ${target.what}, and this one tells the rows apart.`;
  return [...matches, { column, target, rank: 2 * behindFrontWord, why }];
}

function suggestionOf({ column, target, why }: Match, identifierColumn: string): Suggestion {
  const { field, key } = target;
  const { name } = column;
  // Of a deleted row only this is left.
  const isIdentifier = key === null && name === identifierColumn && field.endsWith('_id');
  const directive = { '@path': isIdentifier ? '$.__segment_id' : (pathTo(name) as string) };
  const also = isIdentifier ? ' It is the identifier, so the one of the row is taken: deleted rows have it too.' : '';
  return { field, key, column: name, directive, why: `${why}${also}` };
}

/** The path of a column; null when no path can name it, e.g. for a dot in its name. */
function pathTo(column: string): string | null {
  const candidates = [`$.properties.${column}`, `$.properties["${column}"]`];
  const isRight = (path: string) => {
    const steps = pathSteps(path);
    return steps.length === 2 && steps[0] === 'properties' && steps[1] === column;
  };
  return candidates.find(isRight) ?? null;
}

/* ---- what is left ---- */

function whyLeft(column: Column, action: Action, taken: readonly Match[]): string {
  const [closest] = [...matchesOf(column, action)].sort((a, b) => a.rank - b.rank);
  if (closest === undefined) return `Its name resembles no field of ${action.title} and no common name.`;
  const { target } = closest;
  const place = placeText(target);
  if (!target.types.includes(column.type)) {
    return `Its name resembles ${place}, but its type, ${column.type}, is not that of ${target.what}.`;
  }
  const winner = taken.find((match) => match.target === target);
  if (winner !== undefined) return `Its name resembles ${place}, which "${winner.column.name}" resembles more.`;
  return `Its name resembles ${place}, but no path can name it. Give it another name in the query, with AS.`;
}

function placeText({ field, key }: Target): string {
  return key === null ? field : `${field}.${key}`;
}

function missingFields(action: Action, given: ReadonlySet<string>): Suggestions['missing'] {
  const required = Object.entries(action.fields)
    .filter(([name, field]) => field.required && field.default === undefined && !given.has(name))
    .map(([field, { label, dynamic }]) => {
      const why = dynamic === true ? 'is chosen by you' : 'is required, and no column is named like one';
      return { field, why: `The ${label} ${why}.` };
    });
  if (given.has('user_id') || given.has('anonymous_id') || action.slug === 'sendSubscription') return required;
  const why = 'A User ID or an Anonymous ID is needed, and no column is named like one.';
  return [...required, { field: 'user_id', why }];
}
