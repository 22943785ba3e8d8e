/** The plan of an apply, in lines: `+` creates, `~` changes, `-` removes, `=` keeps. */
import type { Json } from '../base/json.ts';
import type { ApplyPlan, PlanChange, PlanEntry } from '../workspace/workspace.ts';
import { indent, paragraphs, printable, printableValue, shorten } from './text.ts';

const signs = { create: '+', change: '~', remove: '-', keep: '=', same: ' ' } as const;

export interface PlanTotals {
  readonly created: number;
  readonly changed: number;
  readonly removed: number;
  readonly unchanged: number;
}

export function planTotals({ entries }: ApplyPlan): PlanTotals {
  const count = (...actions: readonly PlanEntry['action'][]) =>
    entries.filter(({ action }) => actions.includes(action)).length;
  return {
    created: count('create'),
    changed: count('change'),
    removed: count('remove'),
    unchanged: count('same', 'keep'),
  };
}

/** @param shown.unchanged whether to end with the totals */
export function planText(plan: ApplyPlan, shown: { readonly unchanged: boolean } = { unchanged: true }): string {
  const entries = plan.entries.filter(({ action }) => action !== 'same');
  const { created, changed, removed, unchanged } = planTotals(plan);
  const width = Math.max(11, ...entries.map(({ kind }) => kind.length));
  return paragraphs(
    entries.map((entry) => entryText(entry, width)).join('\n'),
    shown.unchanged ? `${created} to create, ${changed} to change, ${removed} to remove, ${unchanged} unchanged.` : '',
  );
}

function entryText({ action, kind, name, changes, notes }: PlanEntry, width: number): string {
  const head = `${signs[action]} ${action.padEnd(6)} ${kind.padEnd(width)} ${printable(name)}`;
  return [head, ...changes.map(changeText), ...notes.map((note) => `    ${printable(note)}`)].join('\n');
}

const longestValue = 160;

function changeText({ path, from, to }: PlanChange): string {
  const name = `    ${printable(path)}:`;
  if (isLong(from) || isLong(to)) return [name, ...linesOf('- ', from, to), ...linesOf('+ ', to, from)].join('\n');
  if (from === undefined) return `${name} ${value(to)} (was not set)`;
  return to === undefined ? `${name} no longer set (was ${value(from)})` : `${name} ${value(from)} → ${value(to)}`;
}

function isLong(given: Json | undefined): boolean {
  return typeof given === 'string' && given.trimEnd().includes('\n');
}

/** The lines of a text that are not at the beginning and the end of the other one too. */
function linesOf(sign: string, given: Json | undefined, other: Json | undefined): readonly string[] {
  if (given === undefined) return [];
  const [lines, others] = [textLines(given), other === undefined ? [] : textLines(other)];
  const most = Math.min(lines.length, others.length);
  let start = 0;
  while (start < most && lines[start] === others[start]) start++;
  let end = 0;
  while (end < most - start && lines[lines.length - 1 - end] === others[others.length - 1 - end]) end++;
  return lines.slice(start, lines.length - end).map((line) => indent(`${sign}${printable(line)}`, '      '));
}

function textLines(given: Json): readonly string[] {
  return typeof given === 'string' ? given.trimEnd().split('\n') : [JSON.stringify(given)];
}

function value(given: Json | undefined): string {
  return shorten(given === '' ? '""' : printableValue(given), longestValue);
}
