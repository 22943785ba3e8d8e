/** Values as queries compare them (`activation.md` section 3, `public-api.md` 5.3). Pure. */
import { isJsonObject, type Json } from '../../base/json.ts';

export type Value = Json | undefined;

/** Of no value there is nothing to compare. */
export function isMissing(value: Value): value is null | undefined {
  return value === null || value === undefined;
}

const numeral = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/** A number, or a text that is one; NaN otherwise. */
export function numberOf(value: Value): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && numeral.test(value) ? Number(value) : Number.NaN;
}

/** As it is compared with texts: lists and objects as JSON. */
export function textOf(value: Json): string {
  return typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const iso = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:?\d\d)$/;

/** Ms since 1970 of a full ISO 8601 time with its zone; NaN of all else, a day without a time included. */
export function timeOf(value: Value): number {
  return typeof value === 'string' && iso.test(value) ? calendarMs(value) : Number.NaN;
}

/** Ms since 1970 of an ISO 8601 day or time; NaN when its month has no such day, which `Date.parse` takes for a later one. */
export function calendarMs(text: string): number {
  const [year, month, day] = text.slice(0, 10).split('-').map(Number) as [number, number, number];
  const midnight = new Date(0);
  midnight.setUTCFullYear(year, month - 1, day);
  return midnight.getUTCMonth() === month - 1 && midnight.getUTCDate() === day ? Date.parse(text) : Number.NaN;
}

export function sameValue(a: Json, b: Json): boolean {
  const [x, y] = [numberOf(a), numberOf(b)];
  // Long numbers are told apart by their digits, as ids are.
  const isExact = Math.abs(x) <= Number.MAX_SAFE_INTEGER && Math.abs(y) <= Number.MAX_SAFE_INTEGER;
  return isExact ? x === y : textOf(a) === textOf(b);
}

/** Below 0, 0, above 0: by number, or by time; NaN when they have no order. */
export function orderOf(a: Json, b: Json): number {
  const byNumber = numberOf(a) - numberOf(b);
  return Number.isNaN(byNumber) ? timeOf(a) - timeOf(b) : byNumber;
}

/** The way to a value: names of members, `$` for each element of a list. */
export interface Path {
  readonly steps: readonly string[];
  /** Whether it can lead to several values. */
  readonly isMany: boolean;
}

/** Dots go into objects; a backslash takes a dot's meaning away. Null when a step is empty. */
export function pathOf(text: string): Path | null {
  const steps: string[] = [];
  let step = '';
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at] as string;
    const next = text[at + 1];
    if (sign === '\\' && (next === '.' || next === '\\')) {
      step += next;
      at += 1;
    } else if (sign === '.') {
      steps.push(step);
      step = '';
    } else step += sign;
  }
  steps.push(step);
  return steps.includes('') ? null : { steps, isMany: steps.includes('$') };
}

/** The value at the end of `steps` from `at` on. Of a path through lists an array of all values that are there. */
export function valueAt(from: Value, { steps, isMany }: Path, at = 0): Value {
  if (isMany) {
    const found: Json[] = [];
    collect(from, steps, at, found);
    return found;
  }
  let value = from;
  for (let step = at; step < steps.length && value !== undefined; step += 1)
    value = member(value, steps[step] as string);
  return value;
}

function member(value: Value, name: string): Value {
  if (Array.isArray(value)) return /^\d{1,9}$/.test(name) ? (value[Number(name)] as Value) : undefined;
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function collect(value: Value, steps: readonly string[], at: number, found: Json[]): void {
  if (isMissing(value)) return;
  const step = steps[at];
  if (step === undefined) found.push(value);
  else if (step !== '$') collect(member(value, step), steps, at + 1, found);
  else if (Array.isArray(value)) for (const element of value as readonly Json[]) collect(element, steps, at + 1, found);
}
