/**
 * Postgres' text forms of arrays, composites and times. In: text as the server prints it in our sessions (ISO, UTC). Out:
 * values. https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO, …/rowtypes.html#ROWTYPES-IO-SYNTAX
 */
import { type Tally, yearText } from './values.ts';
import type { Value } from './warehouse.ts';

export type Parse = (text: string) => Value;

/** `{1,NULL,"a \"b\""}`, nested, with bounds before it (`[0:1]={…}`). */
export function parseArray(text: string, delimiter: string, parse: Parse): Value {
  const first = text.indexOf('{');
  const reader = { text, at: text.startsWith('[') ? first : 0 };
  return readArray(reader, delimiter, parse);
}

interface Reader {
  readonly text: string;
  at: number;
}

function readArray(reader: Reader, delimiter: string, parse: Parse): Value {
  const items: Value[] = [];
  reader.at++;
  while (reader.text[reader.at] !== '}') {
    const char = reader.text[reader.at];
    if (char === delimiter) reader.at++;
    else if (char === '{') items.push(readArray(reader, delimiter, parse));
    else if (char === '"') items.push(parse(readQuoted(reader)));
    else {
      const word = readPlain(reader, `${delimiter}}`);
      items.push(word === 'NULL' ? null : parse(word));
    }
  }
  reader.at++;
  return items;
}

function readPlain(reader: Reader, ends: string): string {
  const start = reader.at;
  while (reader.at < reader.text.length && !ends.includes(reader.text[reader.at] as string)) reader.at++;
  return reader.text.slice(start, reader.at);
}

/** Backslashes escape; in composites a doubled quote is a quote too. */
function readQuoted(reader: Reader): string {
  const { text } = reader;
  let read = '';
  for (reader.at++; reader.at < text.length; reader.at++) {
    const char = text[reader.at];
    if (char === '\\') read += text[++reader.at];
    else if (char !== '"') read += char;
    else if (text[reader.at + 1] === '"') {
      read += '"';
      reader.at++;
    } else break;
  }
  reader.at++;
  return read;
}

/** `(1,,"a ""b""")`: the texts of the fields; nothing at all is null. */
export function parseComposite(text: string): readonly (string | null)[] {
  const fields: (string | null)[] = [];
  const reader = { text, at: 1 };
  while (reader.at < text.length) {
    const quoted = text[reader.at] === '"';
    const field = quoted ? readQuoted(reader) : readPlain(reader, ',)');
    fields.push(!quoted && field === '' ? null : field);
    // The comma, or the closing parenthesis.
    reader.at++;
  }
  return fields;
}

/** `2026-03-01`, `0044-03-15 BC`, `infinity`. */
export function parseDate(text: string, tally: Tally): string | null {
  if (text.length === 10) return text;
  if (text.endsWith('infinity')) {
    tally.notFinite++;
    return null;
  }
  return longDate(text.replace(' BC', ''), text.endsWith(' BC'));
}

/** A date outside the years 1 to 9999. The year before year 1 is 0000. */
function longDate(date: string, beforeChrist: boolean): string {
  const dash = date.indexOf('-');
  const year = Number(date.slice(0, dash));
  return `${yearText(beforeChrist ? 1 - year : year)}${date.slice(dash)}`;
}

/** `2026-03-01 09:30:00`, `2026-03-01 09:30:00.5+00`, with ` BC`, `-infinity`. */
export function parseTimestamp(text: string, tally: Tally): string | null {
  const space = text.indexOf(' ');
  if (space < 0) return parseDate(text, tally);
  const beforeChrist = text.endsWith(' BC');
  const date = text.slice(0, space);
  const shortDate = space === 10 && !beforeChrist ? date : longDate(date, beforeChrist);
  const clock = text.slice(space + 1, space + 9);
  return `${shortDate}T${clock}.${fractionOf(text, space + 9)}Z`;
}

/** Three digits of a second, or six when there are microseconds. */
function fractionOf(text: string, at: number): string {
  if (text[at] !== '.') return '000';
  let end = at + 1;
  while (end < text.length && (text[end] as string) >= '0' && (text[end] as string) <= '9') end++;
  const digits = text.slice(at + 1, end);
  return digits.padEnd(digits.length <= 3 ? 3 : 6, '0');
}
