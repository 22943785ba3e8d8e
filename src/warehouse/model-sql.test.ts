import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { duckdbLexicon } from './duckdb-dialect.ts';
import { readModel } from './model-sql.ts';
import { postgresLexicon } from './postgres-dialect.ts';
import { tokenise } from './sql-text.ts';

/** Pieces that must each be read as one token or none, whatever stands in them. */
const blank = fc.constantFrom(' ', '\n', '\t', ' -- line; comment\n', ' /* a; /* b */ c */ ', '');
const piece = fc.constantFrom(
  'abc',
  'a$b',
  'ümlaut',
  '"quoted;""x"""',
  "'text; -- '' /* '",
  "E'\\'; \\\\'",
  "$$ ; ' $$",
  '$tag$ $$ ; $tag$',
  '12.5e10',
  '+',
  '(',
);

describe('tokens', () => {
  test('are the pieces that were put together', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(blank, piece)), blank, (pieces, end) => {
        const sql = pieces.map(([before, text]) => `${before} ${text}`).join('') + end;
        const read = tokenise(sql, postgresLexicon);
        if (!read.ok) throw new Error(read.what);
        expect(read.tokens.map((token) => sql.slice(token.start, token.end))).toStrictEqual(
          pieces.map(([, text]) => text),
        );
      }),
      { numRuns: 300 },
    );
  });

  test('any text at all is read to its end', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'aE\'"$/*-;\\ \n(1.é😀') }), (sql) => {
        const read = tokenise(sql, duckdbLexicon);
        if (!read.ok) expect(read.position).toBeLessThan(sql.length);
        else for (const token of read.tokens) expect(token.end).toBeGreaterThan(token.start);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a model', () => {
  test('loses its last semicolon and what follows, and keeps the rest', () => {
    expect(readModel(' -- a\nSELECT 1 ; -- end;', duckdbLexicon)).toBe(' -- a\nSELECT 1');
    expect(readModel("SELECT E'a'\n'\\'; b' ;", postgresLexicon)).toBe("SELECT E'a'\n'\\'; b'");
  });

  test.each([
    'SELECT (delete) FROM t',
    'SELECT a.update, "insert" FROM t AS a (update)',
    'WITH x AS (SELECT 1), delete AS (SELECT 2) SELECT * FROM delete',
    'WITH x (a) AS NOT MATERIALIZED (SELECT 1) (SELECT a FROM x)',
    "SELECT 'set_config(' AS a",
    'SELECT set_config FROM t',
    'SELECT a FROM t WHERE a ? b',
    'TABLE t',
    '((SELECT 1))',
    'WITH RECURSIVE t(n) AS (SELECT 1) SEARCH DEPTH FIRST BY n SET o SELECT * FROM t',
  ])('%s is taken', (sql) => expect(readModel(sql, postgresLexicon)).toBe(sql));

  test.each([
    ['WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x', 'model_sql_writes'],
    ['WITH x AS MATERIALIZED (UPDATE t SET a = 1 RETURNING a) SELECT * FROM x', 'model_sql_writes'],
    ['WITH RECURSIVE t(n) AS (SELECT 1) MERGE INTO a USING b ON c', 'model_sql_writes'],
    ['SELECT a INTO b FROM c', 'model_sql_writes'],
    ['SELECT 1 FOR KEY SHARE', 'model_sql_writes'],
    ['(DELETE FROM t)', 'model_sql_writes'],
    ['"select" 1', 'model_sql_writes'],
    ['SELECT pg_catalog . set_config (1)', 'model_sql_forbidden'],
    ['SELECT $2', 'model_sql_faulty'],
    ['; SELECT 1', 'model_sql_multiple'],
  ])('%s is refused', (sql, code) =>
    expect(() => readModel(sql, postgresLexicon)).toThrow(expect.objectContaining({ code })),
  );

  test('what is no SELECT is named, with its place', () =>
    expect(() => readModel('\n  EXPLAIN SELECT 1', postgresLexicon)).toThrow(
      'The query must be a SELECT; this is EXPLAIN (at 2:3).',
    ));
});
