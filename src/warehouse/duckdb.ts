/** DuckDB: a database file, or views over Parquet, CSV and JSON files, inside this process. */
import { type DuckDBConnection, StatementType } from '@duckdb/node-api';
import { MillraceError } from '../base/errors.ts';
import { duckdbColumn } from './duckdb-columns.ts';
import { duckdbDialect, duckdbLexicon } from './duckdb-dialect.ts';
import { duckdbFailure, duckdbModelFault } from './duckdb-errors.ts';
import { type DuckdbFile, openDuckdbFile } from './duckdb-file.ts';
import { DuckdbSnapshot } from './duckdb-snapshot.ts';
import { isEmptyState, prepareDuckdbState, writeDuckdbRecords } from './duckdb-state.ts';
import { readModel, refuseRepeatedNames } from './model-sql.ts';
import { type DuckdbSettings, duckdbSettings } from './settings.ts';
import type { Column, Dialect, OpenEngine, RecordEntry, Snapshot, Warehouse, WarehouseOptions } from './warehouse.ts';

export const openDuckdb: OpenEngine = (settings, options) => new DuckdbWarehouse(duckdbSettings(settings), options);

class DuckdbWarehouse implements Warehouse {
  readonly engine = 'duckdb';
  readonly dialect: Dialect;
  readonly #settings: DuckdbSettings;
  readonly #options: Required<WarehouseOptions>;
  #opening: Promise<DuckdbFile> | undefined;
  #catalog: string | null = null;
  #writer: Promise<DuckDBConnection> | undefined;
  /** The end of the writes that were asked for: one after the other, on one connection. */
  #written: Promise<unknown> = Promise.resolve();
  /** Tables that were empty when we first wrote to them: nobody but us has put entries there since. */
  readonly #appendable = new Set<string>();
  #closed = false;

  constructor(settings: DuckdbSettings, options: Required<WarehouseOptions>) {
    this.#settings = settings;
    this.#options = options;
    this.dialect = duckdbDialect(options.stateSchema, () => this.#catalog);
  }

  async check(): Promise<void> {
    await this.#briefly('Trying the warehouse', (connection) => connection.run('SELECT 1'));
  }

  async describe(sql: string): Promise<readonly Column[]> {
    const model = readModel(sql, duckdbLexicon);
    return this.#briefly('Reading the query', async (connection) => {
      try {
        return await describeModel(connection, model);
      } catch (error) {
        throw duckdbModelFault(error, sql);
      }
    });
  }

  async snapshot(signal?: AbortSignal): Promise<Snapshot> {
    const file = await this.#open();
    return DuckdbSnapshot.begin(await file.connect(), signal);
  }

  async prepareState(table: string): Promise<void> {
    const old = (await this.hasState(table)) && !(await this.marksDeliveries(table));
    await this.#briefly('Preparing the state', (connection) =>
      prepareDuckdbState(connection, this.dialect, table, old),
    );
  }

  hasState(table: string): Promise<boolean> {
    return this.#finds('duckdb_tables()', table, '');
  }

  marksDeliveries(table: string): Promise<boolean> {
    return this.#finds('duckdb_columns()', table, `AND column_name = 'delivered_by'`);
  }

  async writeRecords(table: string, entries: readonly RecordEntry[], fresh: boolean): Promise<void> {
    if (entries.length === 0) return;
    await this.#write(async (connection, catalog) => {
      const place = { catalog, schema: this.#options.stateSchema, name: table, full: this.dialect.stateTable(table) };
      const append = fresh && (this.#appendable.has(table) || (await isEmptyState(connection, place.full)));
      this.#appendable.delete(table);
      await writeDuckdbRecords(connection, place, entries, append);
      // After a write that failed it is not known what is there.
      if (append) this.#appendable.add(table);
    });
  }

  async dropState(table: string): Promise<void> {
    await this.#write(async (connection) => {
      this.#appendable.delete(table);
      if (!(await this.hasState(table))) return;
      await connection.run(`DROP TABLE ${this.dialect.stateTable(table)}`);
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#written;
    const writer = await this.#writer?.catch(() => undefined);
    writer?.closeSync();
    const file = await this.#opening?.catch(() => undefined);
    file?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Opens the file; a failed try is forgotten, so that the next call tries again. */
  async #open(): Promise<DuckdbFile> {
    if (this.#closed) throw new MillraceError('warehouse_lost', 'The warehouse was closed.');
    this.#opening ??= openDuckdbFile(this.#settings, this.#options.create);
    try {
      const file = await this.#opening;
      this.#catalog = file.catalog;
      return file;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  /** Whether a list of DuckDB's has an entry about this table. */
  async #finds(list: string, table: string, condition: string): Promise<boolean> {
    const file = await this.#open();
    const text = this.dialect.string;
    const sql = `SELECT 1 FROM ${list} WHERE database_name = ${text(file.catalog)}
      AND schema_name = ${text(this.#options.stateSchema)} AND table_name = ${text(table)} ${condition}`;
    const found = await this.#briefly('Looking for the state', (connection) => connection.runAndReadAll(sql));
    return found.currentRowCount > 0;
  }

  async #briefly<T>(doing: string, work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
    const file = await this.#open();
    const connection = await file.connect();
    try {
      return await work(connection);
    } catch (error) {
      throw duckdbFailure(error, doing);
    } finally {
      connection.closeSync();
    }
  }

  async #write(work: (connection: DuckDBConnection, catalog: string) => Promise<void>): Promise<void> {
    const file = await this.#open();
    const turn = this.#written.then(async () => {
      this.#writer ??= file.connect();
      try {
        await work(await this.#writer, file.catalog);
      } catch (error) {
        throw duckdbFailure(error, 'Writing the state');
      }
    });
    this.#written = turn.catch(() => undefined);
    await turn;
  }
}

async function describeModel(connection: DuckDBConnection, model: string): Promise<readonly Column[]> {
  const statements = await connection.extractStatements(model);
  if (statements.count !== 1) {
    throw new MillraceError('model_sql_multiple', 'DuckDB makes more than one statement of the query.', {
      help: 'A PIVOT needs IN with the values of its columns.',
    });
  }
  const prepared = await statements.prepare(0);
  try {
    if (prepared.statementType !== StatementType.SELECT) {
      throw new MillraceError('model_sql_writes', 'DuckDB takes the query for a statement other than SELECT.');
    }
    if (prepared.parameterCount > 0) {
      throw new MillraceError('model_sql_faulty', 'The query has parameters; a model takes none.');
    }
    const columns = Array.from({ length: prepared.columnCount }, (_, index) =>
      duckdbColumn(prepared.columnName(index), prepared.columnType(index)),
    );
    refuseRepeatedNames(
      columns.map((column) => column.name),
      false,
    );
    return columns;
  } finally {
    prepared.destroySync();
  }
}
