/**
 * A payload against the fields of an action: what the vendor's core does between mapping and action. Empty values go,
 * unknown fields go, numbers and booleans become text where text is asked for, a list of one text is taken for
 * that text. Reasons are the vendor's: all faults, the missing fields first.
 */
import { isJsonObject, type Json, type JsonObject } from '../base/json.ts';
import type { Field } from './destination.ts';

export type Payload = Readonly<Record<string, Json | undefined>>;

export type CheckedPayload =
  | { readonly ok: true; readonly values: Payload }
  | { readonly ok: false; readonly reason: string };

type Fields = Readonly<Record<string, Field>>;

/** Prepares the check of an action's fields. Fields named in `unchecked` are passed on whatever they hold. */
export function payloadCheck(fields: Fields, unchecked: readonly string[]): (payload: JsonObject) => CheckedPayload {
  const list = Object.entries(fields);
  const free = new Set(unchecked);
  // Most payloads of a sync carry the same time: the last text that was found good.
  let goodTime: Json = null;
  return (payload) => {
    if (!isJsonObject(payload))
      return { ok: false, reason: `The root value must be an object but it was ${kindOf(payload)}.` };
    const values: Record<string, Json> = {};
    let missing = '';
    let faults = '';
    for (const [name, field] of list) {
      const value = payload[name];
      if (value === undefined || value === '' || (value === null && !field.allowNull)) {
        if (field.required) missing += ` The root value is missing the required field '${name}'.`;
        continue;
      }
      if (typeof value === 'string' && (field.type === 'string' || (field.type === 'datetime' && value === goodTime))) {
        values[name] = value;
        continue;
      }
      const coerced = free.has(name) ? { value } : coerce(field, value);
      if ('fault' in coerced) faults += ` ${coerced.fault}`;
      else {
        values[name] = coerced.value;
        if (field.type === 'datetime') goodTime = value;
      }
    }
    const reason = missing + faults;
    return reason === '' ? { ok: true, values } : { ok: false, reason: reason.slice(1) };
  };
}

type Coerced = { readonly value: Json } | { readonly fault: string };

function coerce(field: Field, given: Json): Coerced {
  const listed = Array.isArray(given) && given.length === 1;
  const value = listed ? (given[0] as Json) : given;
  switch (field.type) {
    case 'string':
      if (field.allowNull) return nullableText(field, value, listed);
      return asText(value) ?? typeFault(field, 'a string', value);
    case 'datetime':
      return time(field, value, listed);
    case 'object':
      return isJsonObject(given) ? { value: given } : typeFault(field, 'an object', given);
    case 'boolean':
      return typeof given === 'boolean' ? { value: given } : typeFault(field, 'a boolean', given);
    default:
      return field.type satisfies never;
  }
}

// A field of two types does not take a text out of a list, though numbers and booleans; so Ajv has it.

function nullableText(field: Field, value: Json, listed: boolean): Coerced {
  if (value === null && !listed) return { value };
  const text = listed && typeof value === 'string' ? undefined : asText(value);
  return text ?? typeFault(field, 'a string or null', value);
}

function time(field: Field, value: Json, listed: boolean): Coerced {
  if (typeof value === 'number' && !listed) return { value };
  const text = asText(value);
  const faults: string[] = [];
  if (!text || (listed && typeof value === 'string')) {
    faults.push(`${field.label} must be a string or number but it was ${kindOf(value)}.`);
  }
  if (text && !isDateLike(text.value)) faults.push(`${field.label} must be a valid date-like string but it was not.`);
  return text && faults.length === 0 ? text : { fault: faults.join(' ') };
}

function asText(value: Json): { readonly value: string } | undefined {
  if (value === null) return { value: '' };
  return typeof value === 'object' ? undefined : { value: String(value) };
}

function typeFault(field: Field, expected: string, value: Json): Coerced {
  return { fault: `${field.label} must be ${expected} but it was ${kindOf(value)}.` };
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** `2026`, `2026-3-1 9:30`, `20260301T093000.5`, …: what Day.js, which the vendor uses, reads as a local time. */
const localTime = /^\d{4}[-/]?(\d{1,2})?[-/]?\d{0,2}[Tt\s]*(\d{1,2})?:?(\d{1,2})?:?(\d{1,2})?[.:]?(\d+)?$/;

/** Whether the vendor takes a text for a time: seconds since 1970, a local time as above, or what `Date` reads. */
export function isDateLike(text: string): boolean {
  if (String(Number(text)) === text) return !Number.isNaN(new Date(Number(text) * 1000).getTime());
  return localTime.test(text) || !Number.isNaN(Date.parse(text));
}
