/**
 * The records tables in a DuckDB file. In: entries. Out: one transaction each. No primary key: its index has to be in
 * memory and doubles the cost of a row, while entries are merged by a hash join anyway.
 */
import { type DuckDBConnection, DuckDBDataChunk, INTEGER, UHUGEINT, VARCHAR } from '@duckdb/node-api';
import { MillraceError } from '../base/errors.ts';
import { duckdbFailure, duckdbReport } from './duckdb-errors.ts';
import type { Dialect, RecordEntry } from './warehouse.ts';

const chunkRows = 2048;
const staging = 'millrace_staging';
const columns = 'record_id VARCHAR NOT NULL, checksum UHUGEINT, revision INTEGER NOT NULL, delivered_by INTEGER';

/** @param old the table is there, from a version before its last column */
export async function prepareDuckdbState(
  connection: DuckDBConnection,
  dialect: Dialect,
  table: string,
  old: boolean,
): Promise<void> {
  const name = dialect.stateTable(table);
  const schema = name.slice(0, name.length - dialect.identifier(table).length - 1);
  const statements = [
    `CREATE SCHEMA IF NOT EXISTS ${schema}`,
    `CREATE TABLE IF NOT EXISTS ${name} (${columns})`,
    ...(old ? [`ALTER TABLE ${name} ADD COLUMN IF NOT EXISTS delivered_by INTEGER`] : []),
  ];
  try {
    for (const statement of statements) await runAgain(connection, statement);
  } catch (error) {
    const { type, message } = duckdbReport(error);
    if (!/read-only|permission/i.test(`${type} ${message}`)) throw duckdbFailure(error, 'Preparing the state');
    throw new MillraceError('state_schema_denied', `The state cannot be kept in this DuckDB file: ${message}`, {
      help: `Make the file writable, or run in it: ${statements.join('; ')};`,
    });
  }
}

/** Two mappings may make the schema at the same moment; DuckDB then refuses the later one. */
async function runAgain(connection: DuckDBConnection, statement: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await connection.run(statement);
      return;
    } catch (error) {
      if (attempt === 10 || !/conflict/i.test(duckdbReport(error).message)) throw error;
      await new Promise((resolve) => setTimeout(resolve, attempt * 5));
    }
  }
}

export async function isEmptyState(connection: DuckDBConnection, table: string): Promise<boolean> {
  return (await connection.runAndReadAll(`SELECT 1 FROM ${table} LIMIT 1`)).currentRowCount === 0;
}

export interface DuckdbStateTable {
  readonly catalog: string;
  readonly schema: string;
  readonly name: string;
  /** Quoted, with all before it. */
  readonly full: string;
}

/** Entries are merged by record id, an older one never over a newer; `append`: they are known not to be there, and merging is saved. */
export async function writeDuckdbRecords(
  connection: DuckDBConnection,
  table: DuckdbStateTable,
  entries: readonly RecordEntry[],
  append: boolean,
): Promise<void> {
  const last = [...new Map(entries.map((entry) => [entry.recordId, entry])).values()];
  await connection.run(`CREATE TEMP TABLE IF NOT EXISTS ${staging} (${columns})`);
  await connection.run('BEGIN TRANSACTION');
  try {
    if (append) {
      await appendEntries(connection, last, table.name, table.schema, table.catalog);
    } else {
      await connection.run(`TRUNCATE ${staging}`);
      await appendEntries(connection, last, staging, null, 'temp');
      await connection.run(merge(table.full));
    }
    await connection.run('COMMIT');
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => undefined);
    throw duckdbFailure(error, 'Remembering what was delivered');
  }
}

function merge(table: string): string {
  return `
    MERGE INTO ${table} AS kept USING temp.${staging} AS entry ON kept.record_id = entry.record_id
    WHEN MATCHED AND kept.revision < entry.revision THEN UPDATE SET
      checksum = entry.checksum, revision = entry.revision, delivered_by = entry.delivered_by
    WHEN NOT MATCHED THEN INSERT (record_id, checksum, revision, delivered_by)
      VALUES (entry.record_id, entry.checksum, entry.revision, entry.delivered_by)`;
}

async function appendEntries(
  connection: DuckDBConnection,
  entries: readonly RecordEntry[],
  table: string,
  schema: string | null,
  catalog: string,
): Promise<void> {
  const appender = await connection.createAppender(table, schema, catalog);
  try {
    for (let from = 0; from < entries.length; from += chunkRows) {
      const part = entries.slice(from, from + chunkRows);
      const chunk = DuckDBDataChunk.create([VARCHAR, UHUGEINT, INTEGER, INTEGER], part.length);
      chunk.setColumns([
        part.map((entry) => entry.recordId),
        part.map((entry) => (entry.checksum === null ? null : BigInt(`0x${entry.checksum}`))),
        part.map((entry) => entry.revision),
        part.map((entry) => entry.deliveredBy),
      ]);
      appender.appendDataChunk(chunk);
    }
    appender.flushSync();
  } finally {
    appender.closeSync();
  }
}
