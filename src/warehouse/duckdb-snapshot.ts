/** A read-only transaction of DuckDB, and the rows of its statements. */
import type { DuckDBConnection, DuckDBDataChunk, DuckDBResult } from '@duckdb/node-api';
import { MillraceError } from '../base/errors.ts';
import { columnReader, duckdbColumn, type ReadColumn } from './duckdb-columns.ts';
import { duckdbFailure } from './duckdb-errors.ts';
import type { Tally } from './values.ts';
import type { Column, Row, RowBatch, Snapshot, StreamOptions, Value } from './warehouse.ts';

const usualBatch = 2000;

/** A stream that fails after its first chunks ends as if it were complete: only its transaction, then aborted, tells. */
const endedEarly =
  'Reading the warehouse failed: DuckDB met an error after some of the rows and does not say which. ' +
  'Running the query in DuckDB itself shows it.';

export class DuckdbSnapshot implements Snapshot {
  readonly at: Date;
  readonly #connection: DuckDBConnection;
  /** A second statement on a connection would silently end the first one's stream. */
  #busy = false;
  #closed = false;
  /** Results that were not read to their end. */
  readonly #unread = new Set<DuckDBResult>();

  private constructor(connection: DuckDBConnection, at: Date) {
    this.#connection = connection;
    this.at = at;
  }

  static async begin(connection: DuckDBConnection, signal?: AbortSignal): Promise<DuckdbSnapshot> {
    try {
      if (signal?.aborted) throw new MillraceError('cancelled', 'The snapshot was cancelled.');
      const at = new Date();
      await connection.run('BEGIN TRANSACTION READ ONLY');
      // DuckDB fixes what a transaction sees of a database when it first looks at it.
      await connection.run('SELECT count(*) FROM duckdb_schemas()');
      return new DuckdbSnapshot(connection, at);
    } catch (error) {
      connection.closeSync();
      throw duckdbFailure(error, 'Beginning a snapshot');
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
    if (this.#unread.size > 0) this.#connection.interrupt();
    await this.#readRest();
    await this.#connection.run('ROLLBACK').catch(() => undefined);
    this.#connection.closeSync();
  }

  /** Batches of about a size; at least one, so that columns are known. */
  async *#read(sql: string, size: number, signal: AbortSignal | undefined): AsyncGenerator<RowBatch> {
    this.#begin(signal);
    const stop = () => this.#connection.interrupt();
    signal?.addEventListener('abort', stop);
    let next: Promise<DuckDBDataChunk | null> | undefined;
    try {
      await this.#readRest();
      const result = await this.#connection.stream(sql);
      this.#unread.add(result);
      const reader = new ResultReader(result);
      next = result.fetchChunk();
      for (let chunk = await next; chunk !== null && chunk.rowCount > 0; chunk = await next) {
        next = result.fetchChunk();
        next.catch(() => undefined);
        reader.add(chunk);
        if (reader.rows >= size) yield reader.take();
        if (signal?.aborted) throw new MillraceError('cancelled', 'Reading the warehouse was cancelled.');
      }
      this.#unread.delete(result);
      // An interrupted stream can end as if it were complete.
      if (signal?.aborted) throw new MillraceError('cancelled', 'Reading the warehouse was cancelled.');
      await this.#connection.run('SELECT 1').catch(() => {
        throw new MillraceError('warehouse_query_failed', endedEarly);
      });
      yield reader.take();
    } catch (error) {
      throw duckdbFailure(error, 'Reading the warehouse');
    } finally {
      signal?.removeEventListener('abort', stop);
      await next?.catch(() => undefined);
      this.#busy = false;
    }
  }

  /**
   * Until its end is reached a result keeps the file open, even after its connection is closed, and whoever opens the
   * file next waits until it is garbage. Interrupting instead would end the transaction too.
   */
  async #readRest(): Promise<void> {
    for (const result of this.#unread) {
      this.#unread.delete(result);
      try {
        let chunk = await result.fetchChunk();
        while (chunk !== null && chunk.rowCount > 0) chunk = await result.fetchChunk();
      } catch {
        // Interrupted: that is an end as well.
      }
    }
  }

  #begin(signal: AbortSignal | undefined): void {
    if (signal?.aborted) throw new MillraceError('cancelled', 'Reading the warehouse was cancelled.');
    if (this.#closed) throw new MillraceError('internal', 'A statement was run on a snapshot that is closed.');
    if (this.#busy) throw new MillraceError('internal', 'A snapshot runs one statement at a time.');
    this.#busy = true;
  }
}

/** Gathers chunks into batches of rows. */
class ResultReader {
  readonly #columns: readonly Column[];
  readonly #readers: readonly ReadColumn[];
  readonly #tally: Tally = { notFinite: 0 };
  #gathered: Row[] = [];

  constructor(result: DuckDBResult) {
    const types = result.columnTypes();
    this.#columns = result.columnNames().map((name, index) => duckdbColumn(name, types[index] as (typeof types)[0]));
    this.#readers = types.map(columnReader);
  }

  get rows(): number {
    return this.#gathered.length;
  }

  add(chunk: DuckDBDataChunk): void {
    const columns = this.#readers.map((read, index) => read(chunk, index, this.#tally));
    const width = columns.length;
    const count = chunk.rowCount;
    for (let index = 0; index < count; index++) {
      const row: Value[] = new Array(width);
      for (let column = 0; column < width; column++) row[column] = (columns[column] as Value[])[index] as Value;
      this.#gathered.push(row);
    }
  }

  take(): RowBatch {
    const batch = { columns: this.#columns, rows: this.#gathered, notFinite: this.#tally.notFinite };
    this.#gathered = [];
    this.#tally.notFinite = 0;
    return batch;
  }
}
