/**
 * Text for a terminal. In: values, also from rows and messages. Out: text whose columns line up and that cannot move the
 * cursor, change colours or turn the direction of writing.
 */
import stringWidth from 'string-width';
import { count } from '../base/count.ts';

/** Control characters, what turns the direction of writing, line separators, lone surrogates. */
const unsafe = /[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029\ufeff]/gu;

/** The text with everything unsafe written as an escape, `\u001b`; line breaks too. */
export function printable(text: string): string {
  return text.replace(unsafe, (character) => {
    const short = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character];
    return short ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Lines stay lines; everything else unsafe is escaped. For texts that are ours but may quote a name. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** A JSON value on one line, texts without quotes where that is unambiguous. */
export function printableValue(value: unknown): string {
  if (value === undefined) return '';
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}

/** The text in at most `width` columns of a terminal, its end replaced by `…` when it is longer. */
export function shorten(text: string, width: number): string {
  if (text.length <= width && stringWidth(text) <= width) return text;
  let short = '';
  let used = 0;
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(
    text.slice(0, width * 16),
  )) {
    const next = stringWidth(segment);
    if (used + next > width - 1) break;
    short += segment;
    used += next;
  }
  return `${short}…`;
}

export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Wider cells are shortened. */
  readonly most?: number;
}

const gap = '  ';

/** An aligned table, with a line of titles when any column has one. Cells are made printable here. */
export function table(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string {
  const titled = columns.some(({ title }) => title !== '');
  const cells = rows.map((row) =>
    columns.map(({ most }, index) => {
      const text = printable(row[index] ?? '');
      return most === undefined ? text : shorten(text, most);
    }),
  );
  const all = titled ? [columns.map(({ title }) => title), ...cells] : cells;
  const widths = columns.map((_, index) => Math.max(0, ...all.map((row) => stringWidth(row[index] ?? ''))));
  return all.map((row) => tableLine(columns, row, widths)).join('\n');
}

function tableLine(columns: readonly TableColumn[], row: readonly string[], widths: readonly number[]): string {
  const padded = columns.map(({ align }, index) => {
    const text = row[index] ?? '';
    const room = ' '.repeat(Math.max(0, (widths[index] ?? 0) - stringWidth(text)));
    return align === 'right' ? room + text : text + room;
  });
  return padded.join(gap).trimEnd();
}

/** A text made printable and exactly so many columns wide, for tables whose later rows are not known yet. */
export function column(text: string, width: number): string {
  const shown = shorten(printable(text), width);
  return shown + ' '.repeat(Math.max(0, width - stringWidth(shown)));
}

/** Names and values, one a line, values under each other. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  return table([{ title: '' }, { title: '' }], pairs);
}

/** `Next:` and the commands one may want now, each with what it does; empty when there are none. */
export function nextSteps(steps: readonly (readonly [string, string])[]): string {
  return steps.length === 0 ? '' : `Next:\n${indent(facts(steps))}`;
}

export function indent(text: string, by = '  '): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? line : by + line))
    .join('\n');
}

/** Paragraphs, those that say nothing left out. */
export function paragraphs(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n');
}

/* ---- numbers and times ---- */

/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${count(Math.floor(whole / 3600))} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** `412 MiB`, `1.8 GiB`. */
export function bytes(size: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = size;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Local time with UTC: `2026-03-01 10:30:05 (09:30:05 UTC)`; the date again when it is another one there. */
export function time(at: Date): string {
  if (Number.isNaN(at.getTime())) return 'never';
  const utc = at.toISOString();
  const [utcDate, utcTime] = [utc.slice(0, 10), utc.slice(11, 19)];
  const shifted = new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString();
  const [date, clock] = [shifted.slice(0, 10), shifted.slice(11, 19)];
  if (date === utcDate && clock === utcTime) return `${date} ${clock} UTC`;
  return `${date} ${clock} (${date === utcDate ? '' : `${utcDate} `}${utcTime} UTC)`;
}
