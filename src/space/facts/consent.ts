/**
 * Consent: what a person allows, by category. In: the state of a profile and a message. Out: the new state. The newest
 * message decides about every category that is known; two profiles that become one and differ are in conflict until the
 * next message. Source: `profile-space.md` 5.1.
 */
import { isJsonObject, type JsonObject } from '../../base/json.ts';
import type { ConsentValue } from '../space.ts';
import type { Consent, Moment } from '../writing/working-set.ts';
import { isNewer } from './traits.ts';

export type Preferences = Readonly<Record<string, boolean>>;

/** What a message says: null when it says nothing, `invalid` when a category is neither true nor false. */
export function preferencesOf(message: JsonObject): Preferences | null | 'invalid' {
  const consent = isJsonObject(message.context) ? message.context.consent : undefined;
  const preferences = isJsonObject(consent) ? consent.categoryPreferences : undefined;
  if (preferences === undefined || preferences === null) return null;
  if (!isJsonObject(preferences)) return 'invalid';
  for (const key of Object.keys(preferences)) if (typeof preferences[key] !== 'boolean') return 'invalid';
  return preferences as Preferences;
}

/** Categories that the message does not mention become false. */
export function withPreferences(known: Consent | null, said: Preferences, moment: Moment): Consent {
  if (known !== null && !isNewer(moment, known)) return known;
  const categories = emptyCategories();
  for (const key of Object.keys(known?.categories ?? {})) categories[key] = false;
  for (const key of Object.keys(said)) categories[key] = said[key] as boolean;
  return { ...moment, categories };
}

/** A category that one of the two does not know counts as false there. */
export function mergedConsent(parent: Consent | null, child: Consent | null): Consent | null {
  if (parent === null && child === null) return null;
  const ours = parent?.categories ?? {};
  const theirs = child?.categories ?? {};
  const categories = emptyCategories();
  for (const key of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const [a, b] = [categoryIn(ours, key), categoryIn(theirs, key)];
    categories[key] = a === b ? a : 'conflict';
  }
  const newest = parent === null || (child !== null && isNewer(child, parent)) ? (child as Consent) : parent;
  return { at: newest.at, received: newest.received, categories };
}

/** Only what the object holds itself: every object inherits a `constructor`. */
function categoryIn(categories: Consent['categories'], key: string): ConsentValue {
  return Object.hasOwn(categories, key) ? (categories[key] as ConsentValue) : false;
}

/** Without a prototype, so that keys such as `__proto__` are keys like any other. */
function emptyCategories(): Record<string, ConsentValue> {
  return Object.create(null) as Record<string, ConsentValue>;
}
