/** A pool of sessions on one Postgres database, checked to be one we can use. */
import type { Socket } from 'node:net';
import pg from 'pg';
import { MillraceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { explainConnection, isLoss, placeOf } from './connection-errors.ts';
import type { Database, Transaction } from './db.ts';

export interface ConnectOptions {
  readonly url: string;
  readonly log: Log;
  readonly poolSize?: number | undefined;
  /** Runs after the pool has ended. */
  readonly onClose?: () => Promise<void>;
  /** A better error in place of one that a transaction met. */
  readonly explain?: (error: unknown) => Promise<unknown>;
}

export const oldestServer = 15;

/** Opens the pool and looks at the server. Errors: `database_…`. */
export async function connect(options: ConnectOptions): Promise<Database> {
  const { log } = options;
  const place = placeOf(options.url);
  const sessionConfig = { connectionString: sessionUrl(options.url), keepAlive: true };
  const pool = new pg.Pool({
    ...sessionConfig,
    max: options.poolSize ?? 10,
    Client: SessionClient as new () => pg.ClientBase,
  });
  pool.on('error', (err) => log.warn({ err }, 'an idle database connection was lost'));
  // Without a listener, losing a connection that is in use would end the process; its statement fails anyway.
  pool.on('connect', (client) => client.on('error', () => undefined));
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= pool.end().then(() => options.onClose?.());
    return closing;
  };
  try {
    const { rows } = await pool.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
    return {
      pool,
      describe: `${place.host}:${place.port}/${place.database || place.user}`,
      serverVersion: usableVersion(rows[0]?.version ?? ''),
      session: () => openSession(sessionConfig, place),
      transaction: (work) => inTransaction(pool, work, options.explain),
      explain: async (error) => {
        const better = await betterError(error, options.explain);
        return isLoss(better) ? explainConnection(better, place) : better;
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await pool.end();
    throw explainConnection(error, place);
  }
}

async function openSession(config: pg.ClientConfig, place: ReturnType<typeof placeOf>): Promise<pg.Client> {
  const client = new SessionClient(config);
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw explainConnection(error, place);
  }
}

/**
 * The time limit is the client's, for connecting; the pool's would also be for waiting until another is done. And the
 * driver leaves the socket open when it gives a login up itself (no password): such a half-open session holds up every
 * CREATE and DROP DATABASE of the server for a minute.
 */
class SessionClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super({ ...config, connectionTimeoutMillis: 20_000 });
  }

  override connect(): Promise<this>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: Error) => void): Promise<this> | undefined {
    if (callback === undefined) return super.connect() as Promise<this>;
    super.connect((error: Error | undefined) => {
      if (error) (this as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
      callback(error as Error);
    });
    return undefined;
  }
}

/** The major version of `server_version`, e.g. `16.3 (Debian 16.3-1)`. Error: `database_too_old`. */
export function usableVersion(text: string): number {
  const major = Number.parseInt(text, 10);
  if (major >= oldestServer) return major;
  throw new MillraceError(
    'database_too_old',
    `The Postgres server has version ${text}; Millrace needs ${oldestServer} or newer.`,
  );
}

/** The URL with what every session of ours has; parameters of a URL win over those given beside it. */
function sessionUrl(text: string): string {
  const url = new URL(text);
  const { searchParams } = url;
  searchParams.set('application_name', 'millrace');
  searchParams.set('options', `${searchParams.get('options') ?? ''} ${sessionSettings}`.trim());
  // sslmode as psql understands it: `require` encrypts, `verify-full` also looks at the certificate.
  if (searchParams.has('sslmode') && !searchParams.has('uselibpqcompat')) searchParams.set('uselibpqcompat', 'true');
  return url.href;
}

async function inTransaction<T>(
  pool: pg.Pool,
  work: (tx: Transaction) => Promise<T>,
  explain: ConnectOptions['explain'],
): Promise<T> {
  let client: pg.PoolClient | undefined;
  let broken: Error | undefined;
  try {
    client = await pool.connect();
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // A connection whose rollback fails is thrown away: its state is unknown.
    await client?.query('ROLLBACK').catch((fault: Error) => {
      broken = fault;
    });
    throw await betterError(error, explain);
  } finally {
    client?.release(broken);
  }
}

async function betterError(error: unknown, explain: ConnectOptions['explain']): Promise<unknown> {
  if ((error as { code?: unknown }).code === '53100') {
    return new MillraceError('database_disk_full', 'The disk of the Postgres server is full.', { cause: error });
  }
  return explain === undefined ? error : explain(error).catch(() => error);
}

/**
 * A plan made for the thousands of values of an `= ANY($1)` prefers reading the whole table, and is made anew for each
 * of the first runs of a statement; the generic plan takes the index.
 */
const sessionSettings = '-c TimeZone=UTC -c client_encoding=UTF8 -c plan_cache_mode=force_generic_plan';
