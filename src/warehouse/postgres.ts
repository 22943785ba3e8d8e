/** Postgres 13 or newer: a server of the customer's. */
import type pg from 'pg';
import { MillraceError } from '../base/errors.ts';
import { readModel, refuseRepeatedNames } from './model-sql.ts';
import { type Connector, createConnector, describeStatement } from './postgres-connection.ts';
import { postgresDialect, postgresLexicon } from './postgres-dialect.ts';
import { connectFailure, postgresFailure, postgresModelFault } from './postgres-errors.ts';
import { PostgresSnapshot } from './postgres-snapshot.ts';
import {
  postgresStateExists,
  postgresStateMarks,
  preparePostgresState,
  type StateTable,
  writePostgresRecords,
} from './postgres-state.ts';
import { describeFields, type TypeCatalog } from './postgres-types.ts';
import { type PostgresSettings, postgresSettings } from './settings.ts';
import type { Column, Dialect, OpenEngine, RecordEntry, Snapshot, Warehouse, WarehouseOptions } from './warehouse.ts';

export const openPostgres: OpenEngine = (settings, options) =>
  new PostgresWarehouse(postgresSettings(settings), options);

class PostgresWarehouse implements Warehouse {
  readonly engine = 'postgres';
  readonly dialect: Dialect;
  readonly #settings: PostgresSettings;
  readonly #schema: string;
  readonly #connector: Connector;
  readonly #catalog: TypeCatalog = new Map();
  #closed = false;

  constructor(settings: PostgresSettings, options: Required<WarehouseOptions>) {
    this.#settings = settings;
    this.#schema = options.stateSchema;
    this.#connector = createConnector(settings);
    this.dialect = postgresDialect(options.stateSchema, () => this.#connector.version());
  }

  async check(): Promise<void> {
    await this.#use('Trying the warehouse', (pool) => pool.query('SELECT 1'));
  }

  async describe(sql: string): Promise<readonly Column[]> {
    const model = readModel(sql, postgresLexicon);
    return this.#use('Reading the query', async (pool) => {
      const client = await pool.connect();
      try {
        const fields = await describeStatement(client, model).catch((error: unknown) => {
          throw postgresModelFault(error, sql);
        });
        if (fields === null) throw new MillraceError('model_sql_writes', 'The query gives no rows.');
        refuseRepeatedNames(
          fields.map((field) => field.name),
          true,
        );
        return await describeFields(client, this.#catalog, fields);
      } finally {
        client.release();
      }
    });
  }

  async snapshot(signal?: AbortSignal): Promise<Snapshot> {
    this.#refuseClosed();
    return PostgresSnapshot.begin(this.#connector, this.#catalog, signal);
  }

  async prepareState(table: string): Promise<void> {
    await this.#use('Preparing the state', (pool) => preparePostgresState(pool, this.#table(table)));
  }

  async hasState(table: string): Promise<boolean> {
    return this.#use('Looking for the state', (pool) => postgresStateExists(pool, this.#table(table)));
  }

  async marksDeliveries(table: string): Promise<boolean> {
    return this.#use('Looking for the state', (pool) => postgresStateMarks(pool, this.#table(table)));
  }

  async writeRecords(table: string, entries: readonly RecordEntry[], fresh: boolean): Promise<void> {
    if (entries.length === 0) return;
    await this.#use('Remembering what was delivered', (pool) =>
      writePostgresRecords(pool, this.#table(table), entries, fresh),
    );
  }

  async dropState(table: string): Promise<void> {
    if (!(await this.hasState(table))) return;
    await this.#use('Forgetting the state', (pool) => pool.query(`DROP TABLE IF EXISTS ${this.#table(table).full}`));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#connector.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #table(name: string): StateTable {
    return { schema: this.#schema, name, full: this.dialect.stateTable(name) };
  }

  #refuseClosed(): void {
    if (this.#closed) throw new MillraceError('warehouse_lost', 'The warehouse was closed.');
  }

  /** The pool connects when it likes, so both kinds of error can come out of its statements. */
  async #use<T>(doing: string, work: (pool: pg.Pool) => Promise<T>): Promise<T> {
    this.#refuseClosed();
    const pool = await this.#connector.pool();
    try {
      return await work(pool);
    } catch (error) {
      if (isConnectError(error)) throw connectFailure(error, this.#settings);
      throw postgresFailure(error, doing);
    }
  }
}

function isConnectError(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|28...|3D000)$/.test(code);
}
