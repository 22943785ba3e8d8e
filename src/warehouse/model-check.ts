/** What can be said of a model's SQL without asking the warehouse, and without loading its engine. */
import { isMillraceError } from '../base/errors.ts';
import { duckdbLexicon } from './duckdb-dialect.ts';
import { readModel } from './model-sql.ts';
import { postgresLexicon } from './postgres-dialect.ts';
import type { SqlLexicon } from './sql-text.ts';

const lexicons: Readonly<Record<string, SqlLexicon>> = { duckdb: duckdbLexicon, postgres: postgresLexicon };

/** What is wrong with the query, in a sentence; null when only the warehouse can find a fault. */
export function checkModelSql(engine: string, query: string): string | null {
  const lexicon = Object.hasOwn(lexicons, engine) ? lexicons[engine] : undefined;
  if (lexicon === undefined) return null;
  try {
    readModel(query, lexicon);
    return null;
  } catch (error) {
    if (isMillraceError(error)) return error.message;
    throw error;
  }
}
