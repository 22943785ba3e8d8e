/** Consent as messages carry it. */
import { isJsonObject, type Json, type JsonObject } from '../base/json.ts';

/**
 * The consent given, when it is an object whose `categoryPreferences` is an object of booleans; else an empty object.
 * Anything else counts as no consent given and never refuses the message (the vendor fails on a non-object).
 */
export function consentOf(consent: Json | undefined): JsonObject {
  if (!isJsonObject(consent)) return {};
  const preferences = consent.categoryPreferences;
  if (!isJsonObject(preferences)) return {};
  return Object.values(preferences).every((value) => typeof value === 'boolean') ? consent : {};
}
