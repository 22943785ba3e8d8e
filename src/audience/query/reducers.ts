/**
 * From events to one value. In: events by time, and how a property of each is read. Out: a value; undefined when there is
 * none. Values that are missing are passed over.
 */
import type { Json } from '../../base/json.ts';
import { compareText } from '../../base/text-order.ts';
import type { SubjectEvent } from './query.ts';
import { isMissing, numberOf, textOf, type Value } from './values.ts';

/** The values of an event: none, one, or those of a list. */
export type ReadValues = (event: SubjectEvent) => readonly Json[];

/** The most values of a list; further ones are not taken. */
const longestList = 50;

function* allValues(events: readonly SubjectEvent[], read: ReadValues): Generator<Json> {
  for (const event of events) for (const value of read(event)) if (!isMissing(value)) yield value;
}

function* numbers(events: readonly SubjectEvent[], read: ReadValues): Generator<number> {
  for (const value of allValues(events, read)) {
    const number = numberOf(value);
    // What is beyond numbers cannot be written.
    if (Number.isFinite(number)) yield number;
  }
}

export function sum(events: readonly SubjectEvent[], read: ReadValues): Value {
  let total: number | undefined;
  for (const number of numbers(events, read)) total = (total ?? 0) + number;
  return finite(total);
}

export function average(events: readonly SubjectEvent[], read: ReadValues): Value {
  let total = 0;
  let count = 0;
  for (const number of numbers(events, read)) {
    total += number;
    count += 1;
  }
  return count === 0 ? undefined : finite(total / count);
}

/** What is beyond numbers cannot be written. */
function finite(number: number | undefined): Value {
  return number === undefined || Number.isFinite(number) ? number : undefined;
}

/** @param sign 1 for the greatest, -1 for the least */
export function extreme(events: readonly SubjectEvent[], read: ReadValues, sign: 1 | -1, asText: boolean): Value {
  if (!asText) {
    let best: number | undefined;
    for (const number of numbers(events, read)) if (best === undefined || (number - best) * sign > 0) best = number;
    return best;
  }
  let best: string | undefined;
  for (const value of allValues(events, read)) {
    const text = textOf(value);
    if (best === undefined || compareText(text, best) * sign > 0) best = text;
  }
  return best;
}

export function first(events: readonly SubjectEvent[], read: ReadValues): Value {
  for (const value of allValues(events, read)) return value;
  return undefined;
}

export function last(events: readonly SubjectEvent[], read: ReadValues): Value {
  for (let at = events.length - 1; at >= 0; at -= 1) {
    const found = read(events[at] as SubjectEvent).find((value) => !isMissing(value));
    if (found !== undefined) return found;
  }
  return undefined;
}

export type ModeAs = 'number' | 'string' | 'array';

/** The value that is there most often, at least `least` times; of several the first by alphabet, or the least number. */
export function mode(events: readonly SubjectEvent[], read: ReadValues, as: ModeAs, least: number): Value {
  const counts = new Map<string | number, number>();
  for (const value of allValues(events, read)) {
    // Each element counts by itself, unless the list is asked for as a whole.
    for (const one of Array.isArray(value) && as !== 'array' ? (value as readonly Json[]) : [value]) {
      if (isMissing(one)) continue;
      const key = as === 'number' ? numberOf(one) : textOf(one);
      if (typeof key === 'string' || Number.isFinite(key)) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  let best: string | number | undefined;
  let most = least - 1;
  for (const [key, count] of counts) {
    if (count > most || (count === most && best !== undefined && isBefore(key, best))) {
      best = key;
      most = count;
    }
  }
  return best;
}

function isBefore(a: string | number, b: string | number): boolean {
  return typeof a === 'number' && typeof b === 'number' ? a < b : compareText(String(a), String(b)) < 0;
}

/** Distinct values in the order in which they came. */
function distinct(events: readonly SubjectEvent[], read: ReadValues): ReadonlyMap<string, Json> {
  const found = new Map<string, Json>();
  for (const value of allValues(events, read)) {
    for (const one of Array.isArray(value) ? (value as readonly Json[]) : [value]) {
      if (isMissing(one)) continue;
      const key = textOf(one);
      if (!found.has(key)) found.set(key, typeof one === 'object' ? key : one);
    }
  }
  return found;
}

export function uniqueList(events: readonly SubjectEvent[], read: ReadValues): readonly Json[] {
  const list = [...distinct(events, read)].slice(0, longestList);
  return list.sort(([a], [b]) => compareText(a, b)).map(([, value]) => value);
}

export function uniqueCount(events: readonly SubjectEvent[], read: ReadValues): number {
  return distinct(events, read).size;
}
