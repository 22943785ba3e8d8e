/**
 * Connections to a Postgres warehouse. In: settings. Out: clients in sessions whose settings make every value print the
 * same way each time. Promised: a failed connection says what was wrong with it; a cancelled statement stops on the server.
 */
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import { GuardedClient } from './postgres-client.ts';
import { connectFailure, postgresReport } from './postgres-errors.ts';
import type { Field } from './postgres-types.ts';
import type { PostgresSettings } from './settings.ts';

/** Anything that runs a statement. */
export type Queryable = Pick<pg.ClientBase, 'query'>;

export interface Connector {
  /** A connection of one's own; end it. */
  connect(): Promise<pg.Client>;
  /** Connections for short work, a few at most. */
  pool(): Promise<pg.Pool>;
  /** Stops what a backend is running. */
  cancel(client: pg.Client): Promise<void>;
  /** The server's major version; null before the first connection. */
  version(): number | null;
  close(): Promise<void>;
}

const poolSize = 3;

export function createConnector(settings: PostgresSettings): Connector {
  let ssl: false | ConnectionOptions | undefined;
  let opened: pg.Pool | undefined;
  let version: number | null = null;

  const config = (withSsl: false | ConnectionOptions): pg.ClientConfig => ({
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: settings.user,
    password: settings.password,
    ssl: withSsl,
    connectionTimeoutMillis: settings.connectTimeoutSeconds * 1000,
    keepAlive: true,
    application_name: 'millrace',
  });

  const open = async (withSsl: false | ConnectionOptions): Promise<pg.Client> => {
    const client = new GuardedClient(config(withSsl));
    // Without a listener, a connection that dies while idle would end the process; the next statement reports it.
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query(sessionSettings(settings));
      version ??= await majorVersion(client);
      return client;
    } catch (error) {
      // A goodbye could wait for ever: a socket whose client certificate the server refused stays half open.
      (client as unknown as { connection: pg.Connection }).connection.stream.destroy();
      throw error;
    }
  };

  const connect = async (): Promise<pg.Client> => {
    try {
      if (ssl !== undefined) return await open(ssl);
      const [wanted, fallback] = sslOptions(settings);
      const client = await open(wanted).catch((error: unknown) => {
        if (fallback === undefined || !/does not support SSL/i.test(postgresReport(error).message)) throw error;
        return open(fallback);
      });
      ssl = (client as unknown as { ssl: false | ConnectionOptions }).ssl;
      return client;
    } catch (error) {
      throw connectFailure(error, settings);
    }
  };

  const pool = async (): Promise<pg.Pool> => {
    if (opened !== undefined) return opened;
    const first = await connect();
    await first.end();
    opened ??= makePool(config(ssl ?? false), settings);
    return opened;
  };

  const cancel = async (client: pg.Client): Promise<void> => {
    const { processID } = client as unknown as { processID: number | null };
    const other = await connect();
    try {
      await other.query('SELECT pg_cancel_backend($1)', [processID]);
    } finally {
      await other.end();
    }
  };

  return { connect, pool, cancel, version: () => version, close: async () => opened?.end() };
}

async function majorVersion(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num');
  return Math.floor(Number(rows[0]?.server_version_num) / 10_000);
}

function makePool(config: pg.ClientConfig, settings: PostgresSettings): pg.Pool {
  const onConnect = async (client: pg.ClientBase) => {
    await client.query(sessionSettings(settings));
  };
  const pool = new pg.Pool({ ...config, Client: GuardedClient, max: poolSize, idleTimeoutMillis: 10_000, onConnect });
  pool.on('error', () => undefined);
  // Nor may a connection end the process that dies while it is in use; its statement fails anyway.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** Checksums are made of printed values, so the way values print must never vary. */
function sessionSettings(settings: PostgresSettings): string {
  return `
    SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 1;
    SET bytea_output = 'hex'; SET xmlbinary = 'base64'; SET standard_conforming_strings = on;
    SET client_encoding = 'UTF8'; SET jit = off; SET idle_in_transaction_session_timeout = 0;
    SET statement_timeout = ${Math.round(settings.statementTimeoutSeconds * 1000)}`;
}

/** What to try, and what to try when the server has no TLS. */
function sslOptions(settings: PostgresSettings): [false | ConnectionOptions, (false | undefined)?] {
  const { ca, cert, key } = settings;
  const files = { ca, cert, key };
  switch (settings.ssl) {
    case 'disable':
      return [false];
    case 'prefer':
      return [{ ...files, rejectUnauthorized: false }, false];
    case 'require':
      return [{ ...files, rejectUnauthorized: false }];
    case 'verify-ca':
      return [{ ...files, rejectUnauthorized: true, checkServerIdentity: () => undefined }];
    case 'verify-full':
      return [{ ...files, rejectUnauthorized: true }];
  }
}

/** Asks the server what a statement would give, without running it. Null when it gives no rows. */
export async function describeStatement(client: pg.ClientBase, sql: string): Promise<readonly Field[] | null> {
  const { promise, resolve, reject } = deferred<readonly Field[] | null>();
  let fields: readonly Field[] | null = null;
  let failed = false;
  client.query({
    submit(connection: pg.Connection) {
      const wire = connection as unknown as Record<'parse' | 'describe' | 'sync', (message?: object) => void>;
      wire.parse({ text: sql, name: '' });
      wire.describe({ type: 'S', name: '' });
      wire.sync();
    },
    handleRowDescription(message: { fields: readonly Field[] }) {
      fields = message.fields;
    },
    handleError(error: Error) {
      failed = true;
      reject(error);
    },
    handleReadyForQuery() {
      if (!failed) resolve(fields);
    },
  } as pg.Submittable);
  return promise;
}

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
