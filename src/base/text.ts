/**
 * Which text Postgres can store: everything except NUL and halves of surrogate pairs. Rows and messages with anything
 * else are refused one by one, with the place, instead of failing the batch they travel in.
 */
import type { Json, JsonObject } from './json.ts';

/** Almost every text passes this; the two questions below are asked of the rest. */
const suspicious = /[\0\ud800-\udfff]/;
const loneSurrogate = /\p{Surrogate}/u;

export type UnstorableKind = 'nul' | 'lone_surrogate' | 'too_deep';

export interface Unstorable {
  /** `$` is the value itself; then `.key` and `[index]`; keys that are no plain names are written as JSON strings. */
  readonly path: string;
  readonly what: UnstorableKind;
}

/** Levels of nesting; beyond it neither our JSON nor Postgres' is sure to work. */
export const deepestNesting = 500;

/** Whether a value has more levels than that; a plain value has none, a list or an object one more than its parts. */
export function isDeeperThan(value: Json | undefined, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels <= 0) return true;
  if (Array.isArray(value)) {
    for (const part of value) if (isDeeperThan(part, levels - 1)) return true;
    return false;
  }
  for (const key in value as JsonObject) if (isDeeperThan((value as JsonObject)[key], levels - 1)) return true;
  return false;
}

const surrogate = /[\ud800-\udfff]/;

/** How many characters a text has, of whatever script; its `length` counts some of them twice. */
export function charactersOf(text: string): number {
  if (!surrogate.test(text)) return text.length;
  let characters = 0;
  for (const _ of text) characters += 1;
  return characters;
}

export function storableText(text: string): boolean {
  return textFault(text) === null;
}

function textFault(text: string): UnstorableKind | null {
  if (!suspicious.test(text)) return null;
  if (text.includes('\0')) return 'nul';
  return loneSurrogate.test(text) ? 'lone_surrogate' : null;
}

/** The first thing in a JSON value, keys included, that cannot be stored; null when all of it can. */
export function findUnstorable(value: Json | undefined): Unstorable | null {
  const found = search(value, 0);
  return found === null ? null : { path: `$${found.path}`, what: found.what };
}

/** The path is put together on the way back, so that values without a fault cost no text. */
function search(value: Json | undefined, depth: number): Unstorable | null {
  if (typeof value === 'string') {
    const what = textFault(value);
    return what === null ? null : { path: '', what };
  }
  if (typeof value !== 'object' || value === null) return null;
  if (depth >= deepestNesting) return { path: '', what: 'too_deep' };
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const found = search(value[index], depth + 1);
      if (found !== null) return { path: `[${index}]${found.path}`, what: found.what };
    }
    return null;
  }
  for (const [key, part] of Object.entries(value)) {
    const what = textFault(key);
    const found = what === null ? search(part, depth + 1) : { path: '', what };
    if (found !== null) return { path: `${step(key)}${found.path}`, what: found.what };
  }
  return null;
}

function step(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** What is wrong, for people: follows the place in a sentence (`$.name` …). */
export const unstorableReasons: Readonly<Record<UnstorableKind, string>> = {
  nul: 'holds a NUL character, which cannot be stored',
  lone_surrogate: 'holds half of a surrogate pair, which is not text',
  too_deep: `is nested deeper than ${deepestNesting} levels`,
};
