/** A pool of sessions on one Postgres database, checked to be one we can use. */
import pg from 'pg';
import type { Log } from '../base/log.ts';
import type { Database, Transaction } from './db.ts';

export interface ConnectOptions {
  readonly url: string;
  readonly log: Log;
  readonly poolSize?: number | undefined;
  /** Runs after the pool has ended. */
  readonly onClose?: () => Promise<void>;
}

export async function connect(options: ConnectOptions): Promise<Database> {
  const { log } = options;
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize ?? 10,
    application_name: 'millrace',
    options: '-c TimeZone=UTC -c client_encoding=UTF8',
    connectionTimeoutMillis: 20_000,
    allowExitOnIdle: false,
  });
  pool.on('error', (err) => log.warn({ err }, 'an idle database connection was lost'));
  // Without a listener, losing a connection that is in use would end the process; its statement fails anyway.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const { rows } = await pool.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int AS version`,
  );
  const place = new URL(options.url);
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= pool.end().then(() => options.onClose?.());
    return closing;
  };
  return {
    pool,
    describe: `${place.hostname}:${place.port || '5432'}${place.pathname}`,
    serverVersion: Math.floor((rows[0]?.version ?? 0) / 10_000),
    transaction: (work) => inTransaction(pool, work),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function inTransaction<T>(pool: pg.Pool, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // A connection whose rollback fails is thrown away: its state is unknown.
    await client.query('ROLLBACK').catch((fault: Error) => {
      broken = fault;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
