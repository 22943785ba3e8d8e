/**
 * Postgres, the only store. In: a URL, or a data folder for the embedded server. Out: a pool, transactions, COPY, at the
 * schema version this program knows. Promised: sessions run in UTC with UTF-8; a server older than 15 and a schema newer
 * than ours are refused with a message that names the versions; many processes may open at once.
 */
import type { Client, ClientBase, Pool } from 'pg';
import type { Log } from '../base/log.ts';
import { connect } from './connection.ts';
import { openEmbedded } from './embedded.ts';
import { migrate } from './migrations.ts';

/** Anything that runs a statement: the pool, or the client of a transaction. */
export type Queryable = Pick<ClientBase, 'query'>;

/** The client of an open transaction. */
export type Transaction = ClientBase;

export interface Database extends AsyncDisposable {
  readonly pool: Pool;
  /** Where it is, for people: host, port and database; never the password. */
  readonly describe: string;
  /** Postgres' major version, e.g. 18. */
  readonly serverVersion: number;
  /**
   * A connection of its own, beside the pool, for what is held long: were it one of the pool's, as many holders as the
   * pool has connections would wait for each other for ever. The caller listens to its errors, and ends it.
   */
  session(): Promise<Client>;
  /** Runs `work` between BEGIN and COMMIT; rolls back when it throws. */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** For the error of a lost or refused connection: why (a full disk, a server that is gone). Others come back as they are. */
  explain(error: unknown): Promise<unknown>;
  /** Ends the pool; stops the embedded server when this was the last process using it. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** A Postgres of one's own; the embedded server in `dataFolder` when left out. */
  readonly url?: string | undefined;
  readonly dataFolder: string;
  readonly log: Log;
  /** Connections of the pool at most; default 10. */
  readonly poolSize?: number | undefined;
}

/** Opens the database and brings its schema to the version this program knows. Errors: `database_…`. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { log, poolSize } = options;
  const embedded = options.url === undefined ? await openEmbedded(options.dataFolder, log) : undefined;
  let database: Database | undefined;
  try {
    database = await connect(
      embedded === undefined
        ? { url: options.url as string, log, poolSize }
        : { url: embedded.url, log, poolSize, onClose: embedded.release, explain: embedded.explain },
    );
    await migrate(database.pool, log);
    return database;
  } catch (error) {
    await (database === undefined ? embedded?.release() : database.close());
    throw error;
  }
}
