/** Postgres' SQL, for the statements that `diff/` writes and for models. */
import { readModel } from './model-sql.ts';
import type { SqlLexicon } from './sql-text.ts';
import type { Column, Dialect } from './warehouse.ts';

export const postgresLexicon: SqlLexicon = {
  engine: 'Postgres',
  nestedComments: true,
  dollarStrings: true,
  escapeStrings: true,
  readingWords: new Set(['select', 'with', 'values', 'table']),
  refusedFunctions: new Set([
    ...['set_config', 'pg_reload_conf', 'pg_cancel_backend', 'pg_terminate_backend'],
    ...['dblink', 'dblink_exec', 'dblink_connect', 'lo_import', 'lo_export'],
    ...['pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', 'pg_file_write'],
  ]),
  selectInto: true,
};

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Sessions run with `standard_conforming_strings`: a backslash is a character like any other. */
export function string(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** `version` is the server's major version when a connection was made. */
export function postgresDialect(schema: string, version: () => number | null): Dialect {
  return {
    identifier,
    string,
    subquery: (model) => `(\n${readModel(model, postgresLexicon)}\n)`,
    asText: (expression, column) => `(${plainNumber(expression, column)})::text COLLATE "C"`,
    byteLength,
    checksum: (alias, columns) => `md5(${hashed(alias, columns)})::uuid`,
    checksumType: 'uuid',
    // any_value came with Postgres 16, min(uuid) with 18.
    oneChecksum: (expression) =>
      (version() ?? 0) >= 16 ? `any_value(${expression})` : `min((${expression})::text COLLATE "C")::uuid`,
    checksumText: (expression) => `replace((${expression})::text, '-', '')`,
    stateTable: (name) => `${identifier(schema)}.${identifier(name)}`,
  };
}

/** 1.0 and 1.00 are one identifier. */
function plainNumber(expression: string, column: Column): string {
  return column.nativeType === 'numeric' ? `trim_scale(${expression})` : expression;
}

/** Texts and bytes as they are: a copy as text could be too large for the server itself. */
function byteLength(expression: string, { type, nativeType }: Column): string {
  if (type === 'binary') return `2 * octet_length(${expression})::bigint`;
  const isText = /^(text|character varying)/.test(nativeType);
  return `octet_length(${isText ? expression : `(${expression})::text`})::bigint`;
}

/**
 * The text of a row: nulls are empty, empty texts are `""`, quotes and backslashes are doubled. Types print exactly, with the
 * settings that every session of ours has.
 */
function hashed(alias: string, columns: readonly Column[]): string {
  if (columns.length === 0) return `''`;
  return `ROW(${columns.map((column) => `${alias}.${identifier(column.name)}`).join(', ')})::text`;
}
