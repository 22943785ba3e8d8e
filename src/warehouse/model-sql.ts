/**
 * The SQL of a model, before an engine sees it. In: text as people write it. Out: the statement without its trailing
 * semicolon and comments, or an error that names the place. Promised: positions are those of the text that came in; what
 * is returned can stand between parentheses on lines of its own.
 */
import { MillraceError } from '../base/errors.ts';
import { lineAndColumn, type SqlLexicon, type Token, tokenise } from './sql-text.ts';

/** The one reading statement of a model. Throws `model_sql_…`. */
export function readModel(sql: string, lexicon: SqlLexicon): string {
  const read = tokenise(sql, lexicon);
  if (!read.ok) {
    const where = lineAndColumn(sql, read.position);
    throw new MillraceError('model_sql_faulty', `The ${read.what} that begins at ${where} of the query has no end.`);
  }
  const tokens = withoutLastSemicolon(read.tokens);
  const last = tokens.at(-1);
  if (last === undefined) throw new MillraceError('model_sql_empty', 'The query has no statement.');
  refuseSecondStatement(sql, tokens);
  refuseWriting(sql, tokens, lexicon);
  refuseParameters(sql, tokens);
  refuseFunctions(sql, tokens, lexicon);
  return sql.slice(0, last.end);
}

/** The names that occur more than once. */
export function repeatedNames(names: readonly string[], sameCase: boolean): readonly string[] {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const name of names) {
    const key = sameCase ? name : name.toLowerCase();
    if (seen.has(key)) repeated.add(name);
    seen.add(key);
  }
  return [...repeated];
}

/** Throws `model_columns_duplicate` when two columns have one name. */
export function refuseRepeatedNames(names: readonly string[], sameCase: boolean): void {
  const repeated = repeatedNames(names, sameCase);
  if (repeated.length === 0) return;
  const list = repeated.map((name) => JSON.stringify(name)).join(', ');
  throw new MillraceError('model_columns_duplicate', `The query gives more than one column named ${list}.`);
}

function withoutLastSemicolon(tokens: readonly Token[]): readonly Token[] {
  const last = tokens.at(-1);
  return last !== undefined && isSymbol(last, ';') ? tokens.slice(0, -1) : tokens;
}

function isSymbol(token: Token | undefined, text: string): boolean {
  return token?.kind === 'symbol' && token.text === text;
}

function isWord(token: Token | undefined, ...words: string[]): boolean {
  return token?.kind === 'word' && words.includes(token.text);
}

function refuseSecondStatement(sql: string, tokens: readonly Token[]): void {
  const semicolon = tokens.findIndex((token) => isSymbol(token, ';'));
  if (semicolon < 0) return;
  const next = tokens[semicolon + 1] ?? (tokens[semicolon] as Token);
  throw new MillraceError(
    'model_sql_multiple',
    `The query has a second statement at ${lineAndColumn(sql, next.start)}; it must be one SELECT.`,
  );
}

function refuseWriting(sql: string, tokens: readonly Token[], lexicon: SqlLexicon): void {
  const verb = mainVerb(tokens);
  if (verb === undefined) return;
  if (verb.kind !== 'word' || !lexicon.readingWords.has(verb.text)) {
    const what = verb.kind === 'word' ? verb.text.toUpperCase() : 'something else';
    refuse(sql, verb, `The query must be a SELECT; this is ${what}`);
  }
  const change = tokens.find((token, index) => changesData(tokens, index, token));
  if (change !== undefined) refuse(sql, change, `${change.text.toUpperCase()} inside WITH changes data`);
  const into = lexicon.selectInto ? tokens.find((token) => isWord(token, 'into')) : undefined;
  if (into !== undefined) refuse(sql, into, 'SELECT … INTO makes a table');
  const locking = tokens.find((token, index) => isWord(token, 'for') && locksRows(tokens, index + 1));
  if (locking !== undefined) refuse(sql, locking, 'A model is read without locks; take the FOR clause away');
}

function refuse(sql: string, token: Token, what: string): never {
  throw new MillraceError('model_sql_writes', `${what} (at ${lineAndColumn(sql, token.start)}).`);
}

/** The word that says what the statement does: after opening parentheses and after a WITH list. */
function mainVerb(tokens: readonly Token[]): Token | undefined {
  let first = 0;
  while (isSymbol(tokens[first], '(')) first++;
  if (!isWord(tokens[first], 'with')) return tokens[first];
  let depth = 0;
  for (let index = first + 1; index < tokens.length; index++) {
    const token = tokens[index] as Token;
    if (isSymbol(token, '(')) depth++;
    if (isSymbol(token, ')')) depth--;
    if (depth === 0 && isSymbol(tokens[index - 1], ')') && statementWords.has(token.text) && token.kind === 'word') {
      return token;
    }
  }
  return tokens[first];
}

const statementWords: ReadonlySet<string> = new Set(
  'select values table from pivot unpivot show describe summarize insert update delete merge'.split(' '),
);

/** `AS (DELETE …`, `AS MATERIALIZED (INSERT …`. */
function changesData(tokens: readonly Token[], index: number, token: Token): boolean {
  return (
    isWord(token, 'insert', 'update', 'delete', 'merge') &&
    isSymbol(tokens[index - 1], '(') &&
    isWord(tokens[index - 2], 'as', 'materialized')
  );
}

function locksRows(tokens: readonly Token[], at: number): boolean {
  if (isWord(tokens[at], 'update', 'share')) return true;
  return isWord(tokens[at], 'no', 'key') && isWord(tokens[at + 1], 'key', 'share');
}

function refuseParameters(sql: string, tokens: readonly Token[]): void {
  const parameter = tokens.find((token) => token.kind === 'parameter');
  if (parameter === undefined) return;
  const where = lineAndColumn(sql, parameter.start);
  throw new MillraceError('model_sql_faulty', `The query has a parameter, ${parameter.text}, at ${where}.`, {
    help: 'Write the value itself; a model takes no parameters.',
  });
}

function refuseFunctions(sql: string, tokens: readonly Token[], lexicon: SqlLexicon): void {
  const call = tokens.find(
    (token, index) =>
      (token.kind === 'word' || token.kind === 'quoted') &&
      lexicon.refusedFunctions.has(token.text.toLowerCase()) &&
      isSymbol(tokens[index + 1], '('),
  );
  if (call === undefined) return;
  const where = lineAndColumn(sql, call.start);
  throw new MillraceError('model_sql_forbidden', `A model may not call ${call.text} (at ${where}).`);
}
