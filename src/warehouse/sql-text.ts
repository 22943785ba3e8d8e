/**
 * SQL as tokens, so that nothing is ever decided by searching in text. In: SQL and the lexical rules of an engine. Out:
 * tokens without blanks and comments, or the place where the text ends in the middle of something.
 */

/** How an engine reads text; the rest is common to those we know. */
export interface SqlLexicon {
  readonly engine: string;
  /** Block comments may hold others. */
  readonly nestedComments: boolean;
  /** `$$ … $$` and `$tag$ … $tag$`. */
  readonly dollarStrings: boolean;
  /** `E'…'` knows backslashes. */
  readonly escapeStrings: boolean;
  /** Words a reading statement can begin with. */
  readonly readingWords: ReadonlySet<string>;
  /** Functions a model may not call: they change the session, run text as SQL or show settings. */
  readonly refusedFunctions: ReadonlySet<string>;
  /** `SELECT … INTO` makes a table. */
  readonly selectInto: boolean;
}

export type TokenKind = 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'symbol';

export interface Token {
  readonly kind: TokenKind;
  /** Words in lower case, quoted identifiers without their quotes, the rest as written. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export type Tokens =
  | { readonly ok: true; readonly tokens: readonly Token[] }
  | { readonly ok: false; readonly what: string; readonly position: number };

/** A line and column (both from 1) of a position in a text. */
export function lineAndColumn(text: string, position: number): string {
  const before = text.slice(0, position);
  const line = before.split('\n').length;
  return `${line}:${position - before.lastIndexOf('\n')}`;
}

const wordStart = /[A-Za-z_\u0080-\uffff]/;
const wordRest = /[\w$\u0080-\uffff]*/y;
const numberRest = /[\w.]*/y;
const parameterRest = /\w+/y;
const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const blanks = /\s*/y;

/** The end of a sticky pattern that matches at `from`; `from` itself when it does not. */
function endOf(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : from;
}

export function tokenise(sql: string, lexicon: SqlLexicon): Tokens {
  const tokens: Token[] = [];
  let at = endOf(blanks, sql, 0);
  while (at < sql.length) {
    const comment = commentEnd(sql, at, lexicon);
    const found: Scanned = comment === null ? scan(sql, at, lexicon, tokens) : { end: comment };
    if (found.end < 0) return { ok: false, what: found.what ?? 'comment', position: at };
    if (found.kind !== undefined) tokens.push(token(sql, found.kind, at, found.end));
    at = endOf(blanks, sql, found.end);
  }
  return { ok: true, tokens };
}

function token(sql: string, kind: TokenKind, start: number, end: number): Token {
  const raw = sql.slice(start, end);
  const text = kind === 'word' ? raw.toLowerCase() : kind === 'quoted' ? raw.slice(1, -1).replaceAll('""', '"') : raw;
  return { kind, text, start, end };
}

/** Where a comment ends; -1 when it does not; null when there is none. */
function commentEnd(sql: string, at: number, lexicon: SqlLexicon): number | null {
  if (sql.startsWith('--', at)) {
    const end = sql.slice(at).search(/[\n\r]/);
    return end < 0 ? sql.length : at + end;
  }
  if (!sql.startsWith('/*', at)) return null;
  let depth = 1;
  for (let from = at + 2; ; ) {
    const close = sql.indexOf('*/', from);
    if (close < 0) return -1;
    const open = lexicon.nestedComments ? sql.indexOf('/*', from) : -1;
    if (open >= 0 && open < close) {
      depth++;
      from = open + 2;
    } else if (--depth === 0) {
      return close + 2;
    } else {
      from = close + 2;
    }
  }
}

interface Scanned {
  readonly kind?: TokenKind;
  /** -1 when the text ends before the token does. */
  readonly end: number;
  readonly what?: string;
}

function scan(sql: string, at: number, lexicon: SqlLexicon, before: readonly Token[]): Scanned {
  const char = sql[at] as string;
  if (char === "'") {
    const escapes = lexicon.escapeStrings && followsEscapeString(sql, at, before);
    return { kind: 'string', end: stringEnd(sql, at, "'", escapes), what: 'string' };
  }
  if (char === '"') return { kind: 'quoted', end: stringEnd(sql, at, '"', false), what: 'quoted identifier' };
  if (char === '$') return dollar(sql, at, lexicon);
  if (char >= '0' && char <= '9') return { kind: 'number', end: endOf(numberRest, sql, at) };
  if (!wordStart.test(char)) return { kind: 'symbol', end: at + 1 };
  if (lexicon.escapeStrings && (char === 'e' || char === 'E') && sql[at + 1] === "'") {
    return { kind: 'string', end: stringEnd(sql, at + 1, "'", true), what: 'string' };
  }
  return { kind: 'word', end: endOf(wordRest, sql, at) };
}

/** `E'a'` goes on in a string on another line, with the same rules. */
function followsEscapeString(sql: string, at: number, before: readonly Token[]): boolean {
  let index = before.length - 1;
  let next = at;
  for (let last = before[index]; last?.kind === 'string'; last = before[--index]) {
    if (!sql.slice(last.end, next).includes('\n')) return false;
    if (/^e/i.test(last.text)) return true;
    next = last.start;
  }
  return false;
}

/** After the closing quote; -1 when there is none. A doubled quote is a quote. */
function stringEnd(sql: string, at: number, quote: string, escapes: boolean): number {
  for (let index = at + 1; index < sql.length; index++) {
    if (escapes && sql[index] === '\\') index++;
    else if (sql[index] === quote) {
      if (sql[index + 1] !== quote) return index + 1;
      index++;
    }
  }
  return -1;
}

function dollar(sql: string, at: number, lexicon: SqlLexicon): Scanned {
  const open = lexicon.dollarStrings ? endOf(dollarTag, sql, at) : at;
  if (open > at) {
    const close = sql.indexOf(sql.slice(at, open), open);
    return { kind: 'string', end: close < 0 ? -1 : close + open - at, what: 'dollar-quoted string' };
  }
  const end = endOf(parameterRest, sql, at + 1);
  return end > at + 1 ? { kind: 'parameter', end } : { kind: 'symbol', end: at + 1 };
}
