/**
 * Two people at one form. In: what it was when one of them opened it, what that one wants, and what is stored by now. Out: what
 * to store, so that each keeps what they changed. Promised: where both changed the same, it is what is wanted here.
 */
import type { JsonObject, JsonValue } from '../../api/json.ts';

/** Objects are gone through key by key; anything else, a function too, is one whole. Undefined is what is not there. */
export function bothChanges(
  opened: JsonValue | undefined,
  wanted: JsonValue | undefined,
  stored: JsonValue | undefined,
): JsonValue | undefined {
  if (isSame(wanted, opened)) return stored;
  if (!isPlain(opened) || !isPlain(wanted) || !isPlain(stored)) return wanted;
  const keys = new Set([...Object.keys(stored), ...Object.keys(wanted)]);
  const kept = [...keys].map((key) => [key, bothChanges(opened[key], wanted[key], stored[key])] as const);
  return Object.fromEntries(kept.filter(([, value]) => value !== undefined)) as JsonObject;
}

/** The same for a list in which order and repetition mean nothing. */
export function bothLists(opened: readonly string[], wanted: readonly string[], stored: readonly string[]) {
  const added = wanted.filter((one) => !opened.includes(one) && !stored.includes(one));
  const isRemoved = (one: string) => opened.includes(one) && !wanted.includes(one);
  return [...stored.filter((one) => !isRemoved(one)), ...added];
}

export function isSame(one: JsonValue | undefined, other: JsonValue | undefined): boolean {
  if (!isObject(one) || !isObject(other)) return JSON.stringify(one) === JSON.stringify(other);
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].every((key) => key in one && key in other && isSame(one[key], other[key]));
}

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isPlain = (value: JsonValue | undefined): value is JsonObject =>
  isObject(value) && !Object.keys(value).some((key) => key.startsWith('@'));
