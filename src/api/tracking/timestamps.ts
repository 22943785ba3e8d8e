/**
 * The times of a message (`tracking-api.md` section 11). In: what the client says, and when it arrived. Out: the time of
 * the event by our clock. Promised: a client's wrong clock does not count when it said when it sent; what cannot be read
 * stays in `originalTimestamp` as it came.
 */
import type { Json } from '../../base/json.ts';

export interface Times {
  readonly timestamp: string;
  readonly originalTimestamp: Json;
}

export function correctTimes(given: Json | undefined, sentAt: Json | undefined, receivedAt: number): Times {
  const original = readTime(given);
  const receivedText = () => iso(receivedAt);
  if (original === null) {
    return {
      timestamp: receivedText(),
      originalTimestamp: given === undefined || given === null ? receivedText() : given,
    };
  }
  const sent = readTime(sentAt);
  const corrected = sent === null ? original : receivedAt - (sent - original);
  return {
    timestamp: iso(isDate(corrected) ? corrected : original),
    originalTimestamp: typeof given === 'string' ? given : iso(original),
  };
}

/** The range of dates in JavaScript. */
const lastMs = 8.64e15;

function isDate(ms: number): boolean {
  return Math.abs(ms) <= lastMs;
}

let lastIsoMs = Number.NaN;
let lastIso = '';

/** The times of a batch repeat. */
function iso(ms: number): string {
  if (ms !== lastIsoMs) {
    lastIso = new Date(ms).toISOString();
    lastIsoMs = ms;
  }
  return lastIso;
}

/** As SDKs write it. Days from the 29th on are looked at more closely: `Date` takes the 30th of February for a day of March. */
const usual = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

/** One-digit months, days and hours are let through, as is any number of fraction digits. */
const lenient =
  /^([+-]\d{6}|\d{4})-(\d{1,2})-(\d{1,2})(?:[Tt ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d+))?)?\s*([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/;

/** Milliseconds since 1970, whole; null for what is no time. Without an offset it is UTC. */
export function readTime(given: Json | undefined): number | null {
  if (typeof given === 'number') return fromEpoch(given);
  if (typeof given !== 'string') return null;
  if (usual.test(given)) return Date.parse(given);
  const text = given.trim();
  if (/^[+-]?\d+(\.\d+)?$/.test(text)) return fromEpoch(Number(text));
  const parts = lenient.exec(text);
  return parts === null ? null : fromParts(parts);
}

/** Seconds below 1e11, else milliseconds. */
function fromEpoch(value: number): number | null {
  if (!Number.isFinite(value)) return null;
  const ms = Math.floor(Math.abs(value) < 1e11 ? value * 1000 : value);
  return isDate(ms) ? ms : null;
}

function fromParts(parts: RegExpExecArray): number | null {
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const ms = Number(`${parts[7] ?? ''}000`.slice(0, 3));
  const isInRange = month >= 1 && month <= 12 && hour <= 24 && minute < 60 && second <= 60;
  if (hour === 24 && minute + second + ms > 0) return null;
  if (!isInRange || day < 1 || day > daysIn(year, month)) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, ms);
  const time = date.getTime() - offsetMs(parts[8]);
  // An offset that is none is not a number.
  return Number.isNaN(time) || !isDate(time) ? null : time;
}

function daysIn(year: number, month: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month, 0);
  return date.getUTCDate();
}

function offsetMs(offset: string | undefined): number {
  if (offset === undefined || /^z$/i.test(offset)) return 0;
  const digits = offset.slice(1).replace(':', '');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || 0);
  if (Number(digits.slice(2)) > 59 || minutes > 24 * 60) return Number.NaN;
  return (offset.startsWith('-') ? -minutes : minutes) * 60_000;
}
