/** DuckDB's SQL, for the statements that `diff/` writes and for models. */
import { readModel } from './model-sql.ts';
import type { SqlLexicon } from './sql-text.ts';
import type { Column, Dialect } from './warehouse.ts';

export const duckdbLexicon: SqlLexicon = {
  engine: 'DuckDB',
  nestedComments: true,
  dollarStrings: true,
  escapeStrings: true,
  readingWords: new Set('select with values table from pivot unpivot show describe summarize'.split(' ')),
  refusedFunctions: new Set([
    ...['current_setting', 'duckdb_settings', 'duckdb_secrets', 'which_secret', 'duckdb_logs', 'duckdb_log_contexts'],
    ...['query', 'query_table', 'json_execute_serialized_sql', 'sql_auto_complete'],
    ...['checkpoint', 'force_checkpoint', 'write_log', 'truncate_duckdb_logs', 'enable_logging', 'disable_logging'],
  ]),
  selectInto: false,
};

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `catalog` is known when the file is open; a schema named like its database needs it. */
export function duckdbDialect(schema: string, catalog: () => string | null): Dialect {
  return {
    identifier,
    string: (value) => `'${value.replaceAll("'", "''")}'`,
    subquery: (model) => `(\n${readModel(model, duckdbLexicon)}\n)`,
    asText: (expression) => `CAST(${expression} AS VARCHAR)`,
    byteLength: (expression, { type }) =>
      type === 'binary' ? `2 * octet_length(${expression})` : `strlen(CAST(${expression} AS VARCHAR))`,
    checksum: (alias, columns) => `md5_number(${hashed(alias, columns)})`,
    checksumType: 'UHUGEINT',
    oneChecksum: (expression) => `any_value(${expression})`,
    checksumText: (expression) => `lower(lpad(hex(${expression}), 32, '0'))`,
    stateTable: (name) =>
      [catalog(), schema, name].flatMap((part) => (part === null ? [] : identifier(part))).join('.'),
  };
}

/**
 * The row as JSON: every type of DuckDB is written exactly, texts are quoted, nulls are `null`. A column that is JSON
 * itself goes in as text, or its null would look like SQL's.
 */
function hashed(alias: string, columns: readonly Column[]): string {
  if (columns.length === 0) return `''`;
  const parts = columns.map((column, index) => {
    const value = `${alias}.${identifier(column.name)}`;
    return `c${index} := ${column.nativeType === 'JSON' ? `CAST(${value} AS VARCHAR)` : value}`;
  });
  return `CAST(to_json(struct_pack(${parts.join(', ')})) AS VARCHAR)`;
}
