/** A read-only, repeatable transaction of Postgres, and the rows of its statements, read through a cursor. */
import type pg from 'pg';
import Cursor from 'pg-cursor';
import { MillraceError } from '../base/errors.ts';
import { type Connector, describeStatement } from './postgres-connection.ts';
import { postgresFailure } from './postgres-errors.ts';
import { describeFields, type TypeCatalog, typeParser } from './postgres-types.ts';
import type { Column, Row, RowBatch, Snapshot, StreamOptions } from './warehouse.ts';

const usualBatch = 2000;

/** Joins and groups of whole tables want more than the default of 4 MB; a server that has more keeps it. */
const moreMemory = `
  SELECT set_config('work_mem', '64MB', true) WHERE pg_size_bytes(current_setting('work_mem')) < 64 * 1024 * 1024`;

export class PostgresSnapshot implements Snapshot {
  readonly at: Date;
  readonly #client: pg.Client;
  readonly #connector: Connector;
  readonly #catalog: TypeCatalog;
  #busy = false;
  #closed = false;

  private constructor(client: pg.Client, connector: Connector, catalog: TypeCatalog, at: Date) {
    this.#client = client;
    this.#connector = connector;
    this.#catalog = catalog;
    this.at = at;
  }

  static async begin(connector: Connector, catalog: TypeCatalog, signal?: AbortSignal): Promise<PostgresSnapshot> {
    if (signal?.aborted) throw new MillraceError('cancelled', 'The snapshot was cancelled.');
    const client = await connector.connect();
    try {
      const at = new Date();
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      // The first statement takes the snapshot.
      await client.query(moreMemory);
      return new PostgresSnapshot(client, connector, catalog, at);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw postgresFailure(error, 'Beginning a snapshot');
    }
  }

  async query(sql: string, signal?: AbortSignal): Promise<RowBatch> {
    const rows: Row[] = [];
    let columns: readonly Column[] = [];
    let notFinite = 0;
    for await (const batch of this.#read(sql, usualBatch, signal)) {
      columns = batch.columns;
      notFinite += batch.notFinite;
      rows.push(...batch.rows);
    }
    return { columns, rows, notFinite };
  }

  async *stream(sql: string, options: StreamOptions = {}): AsyncIterable<RowBatch> {
    for await (const batch of this.#read(sql, options.batchSize ?? usualBatch, options.signal)) {
      if (batch.rows.length > 0) yield batch;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#client.end().catch(() => undefined);
  }

  /** Batches of a size; at least one, so that columns are known. The next one is fetched while one is in use. */
  async *#read(sql: string, size: number, signal: AbortSignal | undefined): AsyncGenerator<RowBatch> {
    this.#begin(signal);
    const stop = () => void this.#connector.cancel(this.#client).catch(() => undefined);
    signal?.addEventListener('abort', stop);
    let cursor: Cursor<Row> | undefined;
    let next: Promise<Row[]> | undefined;
    try {
      const fields = (await describeStatement(this.#client, sql)) ?? [];
      const columns = await describeFields(this.#client, this.#catalog, fields);
      const tally = { notFinite: 0 };
      const getTypeParser = (oid: number) => typeParser(this.#catalog, oid, tally);
      cursor = this.#client.query(
        new Cursor<Row>(sql, [], { rowMode: 'array', types: { getTypeParser } as pg.CustomTypesConfig }),
      );
      next = cursor.read(size);
      for (let rows = await next; ; rows = await next) {
        const batch = { columns, rows, notFinite: tally.notFinite };
        tally.notFinite = 0;
        const last = rows.length < size;
        if (!last) {
          next = cursor.read(size);
          next.catch(() => undefined);
        }
        yield batch;
        if (signal?.aborted) throw new MillraceError('cancelled', 'Reading the warehouse was cancelled.');
        if (last) break;
      }
      cursor = undefined;
    } catch (error) {
      if (signal?.aborted) throw new MillraceError('cancelled', 'Reading the warehouse was cancelled.');
      throw postgresFailure(error, 'Reading the warehouse');
    } finally {
      signal?.removeEventListener('abort', stop);
      if (cursor !== undefined) await endCursor(cursor, next);
      this.#busy = false;
    }
  }

  #begin(signal: AbortSignal | undefined): void {
    if (signal?.aborted) throw new MillraceError('cancelled', 'Reading the warehouse was cancelled.');
    if (this.#closed) throw new MillraceError('internal', 'A statement was run on a snapshot that is closed.');
    if (this.#busy) throw new MillraceError('internal', 'A snapshot runs one statement at a time.');
    this.#busy = true;
  }
}

/** After the rows under way have come; a cursor that failed is closed by the server. */
async function endCursor(cursor: Cursor<Row>, next: Promise<Row[]> | undefined): Promise<void> {
  const failed = await next?.then(
    () => false,
    () => true,
  );
  if (failed === false) await cursor.close().catch(() => undefined);
}
