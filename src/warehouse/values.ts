/**
 * Values that both engines give in the same form (`Value` in `warehouse.ts`). In: an engine's numbers and texts. Out:
 * JSON. Promised: nothing is rounded silently.
 */
import type { Json } from '../base/json.ts';

/** Counts what became null because it was NaN or infinite. */
export interface Tally {
  notFinite: number;
}

export function integer(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

/** An integer as text, e.g. of a Postgres bigint. */
export function integerText(text: string): number | string {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

/**
 * A decimal: a number when its text, without the zeros at the end of its fraction, is the text of the number too; else
 * that text. Whole numbers beyond 2^53 are always text.
 */
export function decimalText(text: string): number | string {
  const short = withoutEndZeros(text);
  const number = Number(short);
  return String(number) === short && (Math.abs(number) <= Number.MAX_SAFE_INTEGER || short.includes('.'))
    ? number
    : short;
}

function withoutEndZeros(text: string): string {
  if (!text.includes('.')) return text;
  let end = text.length;
  while (text[end - 1] === '0') end--;
  if (text[end - 1] === '.') end--;
  const short = text.slice(0, end);
  return short === '-0' ? '0' : short;
}

/** `value` · 10^-`scale`. */
export function scaledDecimal(value: bigint, scale: number): number | string {
  const small = Number(value);
  // Both sides of the division are exact, so its result is the number nearest to the decimal.
  if (Math.abs(small) < 1e15 && scale <= 15) {
    const number = small / 10 ** scale;
    if (Math.abs(number) >= 1e-6 || small === 0) return number;
  }
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const point = digits.length - scale;
  const text = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
  return decimalText(value < 0n ? `-${text}` : text);
}

export function finite(value: number, tally: Tally): number | null {
  if (Number.isFinite(value)) return value;
  tally.notFinite++;
  return null;
}

/** A 4-byte float as the shortest decimal that is read back as the same float: 0.1, not 0.10000000149011612. */
export function singleFloat(value: number, tally: Tally): number | null {
  if (!Number.isFinite(value)) return finite(value, tally);
  if (Number.isInteger(value)) return value;
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

const riskyNumber = /[\d.]{16}|\d[eE]/;
const jsonToken = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;

/** JSON text as a value; numbers that a double cannot hold exactly become strings. Text that is no JSON stays text. */
export function jsonText(text: string): Json {
  try {
    return JSON.parse(riskyNumber.test(text) ? text.replace(jsonToken, exactToken) : text) as Json;
  } catch {
    return text;
  }
}

function exactToken(token: string): string {
  if (token.startsWith('"')) return token;
  const value = /[eE]/.test(token) ? exponentNumber(token) : decimalText(token);
  return typeof value === 'string' ? JSON.stringify(value) : token;
}

function exponentNumber(token: string): number | string {
  const number = Number(token);
  const digits = token.replace(/[eE].*/, '').replace(/\D/g, '').length;
  return digits <= 15 && Number.isFinite(number) && (number !== 0 || /^[-0.]+[eE]/.test(token)) ? number : token;
}

/** An object from pairs; `__proto__` is a key like any other. */
export function objectOf(entries: Iterable<readonly [string, Json]>): Json {
  return Object.fromEntries(entries);
}

/* ---- dates and times ---- */

const microsPerDay = 86_400_000_000;

/** `YYYY-MM-DD` of days since 1970-01-01, Gregorian in both directions; years outside 0000–9999 as ISO 8601 extends them. */
export function dateText(days: number): string {
  // Howard Hinnant's civil_from_days, http://howardhinnant.github.io/date_algorithms.html
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${yearText(year)}-${pad(month, 2)}-${pad(day, 2)}`;
}

export function yearText(year: number): string {
  if (year >= 0 && year <= 9999) return pad(year, 4);
  return `${year < 0 ? '-' : '+'}${pad(Math.abs(year), 6)}`;
}

function pad(value: number, length: number): string {
  return String(value).padStart(length, '0');
}

/** `dateText` that remembers the days it met: a column has few. */
export function dateWriter(): (days: number) => string {
  const known = new Map<number, string>();
  return (days) => {
    let text = known.get(days);
    if (text === undefined) {
      if (known.size > 20_000) known.clear();
      text = dateText(days);
      known.set(days, text);
    }
    return text;
  };
}

export type WriteTimestamp = (micros: bigint) => string;

/** Writes microseconds since 1970 as `2026-03-01T09:30:00.000Z`. */
export function timestampWriter(): WriteTimestamp {
  const twoDigits = Array.from({ length: 60 }, (_, value) => pad(value, 2));
  const date = dateWriter();
  return (micros) => {
    const exact = Number(micros);
    const day = Number.isSafeInteger(exact)
      ? Math.floor(exact / microsPerDay)
      : Number((micros - modulo(micros, BigInt(microsPerDay))) / BigInt(microsPerDay));
    const rest = Number.isSafeInteger(exact)
      ? exact - day * microsPerDay
      : Number(modulo(micros, BigInt(microsPerDay)));
    const seconds = Math.floor(rest / 1_000_000);
    const minutes = Math.floor(seconds / 60);
    const hours = Math.floor(minutes / 60);
    const clock = `${twoDigits[hours]}:${twoDigits[minutes - hours * 60]}:${twoDigits[seconds - minutes * 60]}`;
    return `${date(day)}T${clock}.${fraction(rest - seconds * 1_000_000)}Z`;
  };
}

function modulo(value: bigint, by: bigint): bigint {
  const rest = value % by;
  return rest < 0n ? rest + by : rest;
}

/** Three digits of a second, or six when there are microseconds. */
function fraction(micros: number): string {
  if (micros === 0) return '000';
  return micros % 1000 === 0 ? pad(micros / 1000, 3) : pad(micros, 6);
}

/** Nanoseconds since 1970; nine digits only when the last three count. */
export function nanosecondsText(nanos: bigint, write: WriteTimestamp): string {
  const rest = modulo(nanos, 1000n);
  const text = write((nanos - rest) / 1000n);
  if (rest === 0n) return text;
  return `${text.slice(0, 20)}${text.slice(20, -1).padEnd(6, '0')}${pad(Number(rest), 3)}Z`;
}

/** `HH:MM:SS` and as many digits of a second as there are. */
export function timeText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000);
  const rest = micros - seconds * 1_000_000;
  const clock = `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}`;
  return rest === 0 ? clock : `${clock}.${pad(rest, 6).replace(/0+$/, '')}`;
}

/** ISO 8601 as Postgres writes it: every part with its own sign. */
export function intervalText(months: number, days: number, micros: bigint): string {
  const parts: [number | string, string][] = [
    [Math.trunc(months / 12), 'Y'],
    [months % 12, 'M'],
    [days, 'D'],
  ];
  const seconds = micros / 1_000_000n;
  const fractionMicros = micros % 1_000_000n;
  const lastSeconds = seconds % 60n;
  const clock: [number | string, string][] = [
    [Number(seconds / 3600n), 'H'],
    [Number((seconds / 60n) % 60n), 'M'],
    [secondsText(lastSeconds, fractionMicros), 'S'],
  ];
  const written = (list: [number | string, string][]) =>
    list.map(([value, unit]) => (value === 0 || value === '0' ? '' : `${value}${unit}`)).join('');
  const [date, time] = [written(parts), written(clock)];
  return date === '' && time === '' ? 'PT0S' : `P${date}${time === '' ? '' : `T${time}`}`;
}

function secondsText(seconds: bigint, micros: bigint): string {
  if (micros === 0n) return seconds.toString();
  const sign = micros < 0n ? '-' : '';
  const digits = (micros < 0n ? -micros : micros).toString().padStart(6, '0').replace(/0+$/, '');
  return `${sign}${seconds < 0n ? -seconds : seconds}.${digits}`;
}
