/**
 * A warehouse of the customer. In: connection settings, SQL. Out: batches of typed rows from one consistent snapshot, and
 * the tables of our own state schema kept there. Promised: a model's SQL runs read-only wherever the engine can enforce
 * it; memory does not grow with the number of rows; connection errors say which of host, port, TLS, login, database or
 * permission is at fault; row contents never appear in an error text.
 *
 * One file per engine, loaded only when used (`openWarehouse`); every engine passes `warehouse.conformance.ts`.
 */
import { MillraceError } from '../base/errors.ts';
import type { Json } from '../base/json.ts';

export { checkModelSql } from './model-check.ts';
export { checkSourceSettings, type SslMode } from './settings.ts';

/** The engine-independent type of a column, as `reverse-etl.md` section 2 gives them. */
export type ColumnType =
  | 'string'
  | 'integer'
  | 'number'
  | 'decimal'
  | 'boolean'
  | 'timestamp'
  | 'date'
  | 'time'
  | 'json'
  | 'binary';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** The engine's own name of the type, e.g. `DECIMAL(12,2)`. */
  readonly nativeType: string;
}

/**
 * A value as it enters a mapping: integers and decimals are numbers when the number is exact, else strings; timestamps
 * with and without zone are ISO 8601 in UTC (`2026-03-01T09:30:00.000Z`, microseconds kept when there are any); dates
 * `YYYY-MM-DD`; binary is base64; lists, structs, maps and JSON are arrays and objects; NaN and infinities are null.
 */
export type Value = Json;

/** Values in the order of the columns. */
export type Row = readonly Value[];

export interface RowBatch {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  /** How many NaN or infinite values of this batch became null. */
  readonly notFinite: number;
}

export interface StreamOptions {
  /** Rows per batch, about; default 2,000. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

/** A read-only transaction that sees one consistent state of the warehouse. */
export interface Snapshot extends AsyncDisposable {
  /** When it was taken. */
  readonly at: Date;
  /** A statement with few result rows, e.g. counts. */
  query(sql: string, signal?: AbortSignal): Promise<RowBatch>;
  /** A statement with any number of result rows. */
  stream(sql: string, options?: StreamOptions): AsyncIterable<RowBatch>;
}

/** What `diff/` needs to write its statements once for every engine. All functions return SQL text. */
export interface Dialect {
  /** `"a b"`, with quotes inside doubled. */
  identifier(name: string): string;
  /** `'it''s'`. */
  string(value: string): string;
  /** A model's query where a table may stand. Refuses what `describe` refuses without asking the engine. */
  subquery(model: string): string;
  /** A column as text: the record id. Equal values give equal text in every session. */
  asText(expression: string, column: Column): string;
  /** About how many bytes a value takes as text; null of null. Found without reading it out. */
  byteLength(expression: string, column: Column): string;
  /**
   * A 128-bit checksum, 32 hex digits as text when read, over the given columns of alias `alias`. Injective before hashing: no two different rows
   * have the same input; nulls, empty strings and column borders are told apart. Stable across sessions and versions.
   */
  checksum(alias: string, columns: readonly Column[]): string;
  /** The type a checksum column of the records table has. */
  readonly checksumType: string;
  /** Some checksum of those in a group, as an aggregate. */
  oneChecksum(expression: string): string;
  /** A checksum expression as text of 32 hex digits. */
  checksumText(expression: string): string;
  /** The full name of a table in the state schema. */
  stateTable(name: string): string;
}

/** One entry of a records table. */
export interface RecordEntry {
  readonly recordId: string;
  /** 32 hex digits; null says that the row was deleted, and its deletion delivered. */
  readonly checksum: string | null;
  /** How many times the record has moved. Part of the message id. */
  readonly revision: number;
  /** The number of the sync that delivered it last, as it is now or earlier; null when that is not known, or none did. */
  readonly deliveredBy: number | null;
}

export interface Warehouse extends AsyncDisposable {
  readonly engine: string;
  readonly dialect: Dialect;
  /** Connects and runs a trivial statement. Errors: `warehouse_…`, one per thing that can be wrong. */
  check(): Promise<void>;
  /**
   * The columns of a model, without running it. Refuses text that is not exactly one reading statement
   * (`model_sql_…` errors, with the engine's own message and the position where it gives one).
   */
  describe(sql: string): Promise<readonly Column[]>;
  /** Begins a snapshot. */
  snapshot(signal?: AbortSignal): Promise<Snapshot>;
  /**
   * Creates the state schema and a records table when they are missing, and gives a table of an earlier version the column
   * it lacks. Not while a snapshot of the same process reads the table: adding a column waits for readers. Error `state_schema_denied` gives the exact
   * GRANT statements for the user we are connected as.
   */
  prepareState(table: string): Promise<void>;
  /** True when the records table exists. Never writes. */
  hasState(table: string): Promise<boolean>;
  /** True when the records table exists and says which sync delivered a record; those of earlier versions do not. Never writes. */
  marksDeliveries(table: string): Promise<boolean>;
  /**
   * Stores entries by record id, in one transaction, replacing those of a lower revision; safe to repeat, and without
   * effect when it comes late, from a process that lost its lock. `fresh` promises that none of them is there yet, which
   * engines use to go faster.
   */
  writeRecords(table: string, entries: readonly RecordEntry[], fresh: boolean): Promise<void>;
  /** Removes a records table, if there is one. */
  dropState(table: string): Promise<void>;
  close(): Promise<void>;
}

export interface WarehouseOptions {
  /** The schema of our own tables; default `millrace`. */
  readonly stateSchema?: string;
  /** DuckDB: make the database file when there is none. Default: `warehouse_file_missing`. */
  readonly create?: boolean;
}

/** Loaded when first used, so that nobody pays for an engine they do not have. */
const engines: Readonly<Record<string, () => Promise<OpenEngine>>> = {
  duckdb: async () => (await import('./duckdb.ts')).openDuckdb,
  postgres: async () => (await import('./postgres.ts')).openPostgres,
};

export type OpenEngine = (settings: unknown, options: Required<WarehouseOptions>) => Warehouse;

export const defaultStateSchema = 'millrace';

/**
 * A warehouse by its engine and settings (`settings.ts`). Does not connect: `check()` and every other function do, when
 * called. Errors: `warehouse_engine_unknown`, `warehouse_settings_invalid` with every fault.
 */
export async function openWarehouse(
  engine: string,
  settings: unknown,
  options: WarehouseOptions = {},
): Promise<Warehouse> {
  const load = Object.hasOwn(engines, engine) ? engines[engine] : undefined;
  if (load === undefined) {
    const known = Object.keys(engines).join(', ');
    throw new MillraceError('warehouse_engine_unknown', `There is no engine ${JSON.stringify(engine)}, only ${known}.`);
  }
  const open = await load();
  return open(settings, {
    stateSchema: checkedSchema(options.stateSchema ?? defaultStateSchema),
    create: options.create ?? false,
  });
}

function checkedSchema(name: string): string {
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(name)) return name;
  throw new MillraceError('warehouse_settings_invalid', `${JSON.stringify(name)} is no name for a schema of ours.`, {
    help: 'Use lower-case letters, digits and underscores, at most 63, beginning with a letter or underscore.',
  });
}
