/**
 * The embedded server: Postgres from an npm package, in a data folder. In: the folder. Out: a URL of its database, and
 * `release`. Promised: any number of processes share one server; the first starts it, the last one stops it; a server
 * whose owner was killed is joined; whoever holds the folder and cannot be joined is named.
 */
import { chown, mkdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { MillraceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import {
  type Cluster,
  clusterUser,
  createCluster,
  disownPidFile,
  logTail,
  readPidFile,
  saysDiskFull,
  sizeOf,
  startServer,
  stopServer,
} from './cluster.ts';
import { isLoss } from './connection-errors.ts';
import { type DataFolder, explained, locateCluster, prepareFolder } from './data-folder.ts';
import { withFolderLock } from './folder-lock.ts';
import { isAlive, servesFolder } from './processes.ts';
import { findPrograms } from './programs.ts';
import { serverSettings } from './settings.ts';

export interface EmbeddedServer {
  readonly url: string;
  /** Stops the server when no other process uses it. */
  release(): Promise<void>;
  /** An error of the server's own making in place of a lost connection, e.g. a full disk. */
  explain(error: unknown): Promise<unknown>;
}

/** The database in our clusters. */
const databaseName = 'millrace';
/**
 * Each process holds one session of this name for as long as it uses the server: pools may be empty for a while, and the
 * sessions of a process that died end with it.
 */
const presenceName = 'millrace presence';

/** Errors: `database_…`. */
export async function openEmbedded(dataFolder: string, log: Log): Promise<EmbeddedServer> {
  const folder = await prepareFolder(dataFolder);
  const lock = path.join(folder, 'postgres.lock');
  return explained(folder, () =>
    withFolderLock(lock, async () => {
      const data = await locateCluster(folder, log);
      const cluster: Cluster = {
        programs: await findPrograms(data.account, log),
        account: data.account,
        folder: path.join(data.place, 'data'),
        logFile: path.join(data.place, 'server.log'),
      };
      await makeCluster(cluster, data, log);
      const port = (await findRunning(cluster, data, log)) ?? (await start(cluster, log));
      const presence = await connectPresence(data, port, log);
      const logged = await sizeOf(cluster.logFile);
      return {
        url: urlOf(data, port, databaseName),
        release: () => explained(folder, () => withFolderLock(lock, () => leave(cluster, presence, log))),
        explain: (error) => explainLoss(cluster, logged, error),
      };
    }),
  );
}

/** A cluster appears whole: what a killed process left half made is thrown away. */
async function makeCluster(cluster: Cluster, data: DataFolder, log: Log): Promise<void> {
  const version = await readFile(path.join(cluster.folder, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version !== undefined) {
    if (Number(version) === cluster.programs.version) return;
    throw new MillraceError(
      'database_folder_unusable',
      `The data folder ${data.folder} was made by Postgres ${version.trim()}; this program ships Postgres ${cluster.programs.version}.`,
      { help: 'Use the version of Millrace that made it, or move the data with pg_dump and pg_restore.' },
    );
  }
  const draft = `${cluster.folder}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  if (data.account !== undefined) await chown(draft, data.account.uid, data.account.gid);
  try {
    await createCluster({ ...cluster, folder: draft }, data.password);
    await rename(draft, cluster.folder);
  } catch (error) {
    // On a full disk this is what makes room for the next try.
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
  log.info({ folder: cluster.folder, account: data.account?.name }, 'set up the embedded Postgres');
}

async function start(cluster: Cluster, log: Log): Promise<number> {
  const port = await startServer(cluster, await serverSettings(cluster.folder));
  log.info({ port, folder: cluster.folder }, 'started the embedded Postgres');
  return port;
}

/** The port of a server that runs on the cluster already; undefined when there is none. */
async function findRunning(cluster: Cluster, data: DataFolder, log: Log): Promise<number | undefined> {
  let refusals = 0;
  for (let waited = 0; ; waited++) {
    const found = await readPidFile(cluster.folder);
    if (found === undefined) return undefined;
    if (!isAlive(found.pid) || servesFolder(found.pid, cluster.folder) === false) {
      log.info({ pid: found.pid }, 'the embedded Postgres was not stopped last time');
      await disownPidFile(cluster.folder);
      return undefined;
    }
    const answer = found.port === 0 ? 'not now' : await tryLogin(data, found.port);
    if (answer === 'yes') {
      log.info({ port: found.port, pid: found.pid }, 'joined the embedded Postgres that is running');
      return found.port;
    }
    if (answer === 'refused') refusals = found.status === 'ready' ? refusals + 1 : 0;
    if (answer === 'stranger' || refusals > 20) throw heldBy(found.pid, data.folder, answer);
    // Recovery after a crash takes as long as it takes; the process is alive.
    if (waited > 0 && waited % 50 === 0)
      log.info({ pid: found.pid, status: found.status }, 'waiting for the embedded Postgres');
    if (waited > 6000) throw heldBy(found.pid, data.folder, answer);
    await sleep(100);
  }
}

type LoginAnswer = 'yes' | 'not now' | 'refused' | 'stranger';

async function tryLogin(data: DataFolder, port: number): Promise<LoginAnswer> {
  const client = new pg.Client({ connectionString: urlOf(data, port, 'postgres'), connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return 'yes';
  } catch (error) {
    const code = (error as { code?: string }).code ?? '';
    if (code.startsWith('28')) return 'stranger';
    return code === 'ECONNREFUSED' ? 'refused' : 'not now';
  } finally {
    await client.end().catch(() => undefined);
  }
}

function heldBy(pid: number, folder: string, answer: LoginAnswer): MillraceError {
  const why = answer === 'stranger' ? 'which does not know our password' : 'which does not answer';
  return new MillraceError(
    'database_folder_held',
    `The data folder ${folder} is held by the Postgres server with pid ${pid}, ${why}.`,
  );
}

/** Makes the database on first use, under the lock, and stays connected. */
async function connectPresence(data: DataFolder, port: number, log: Log): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: urlOf(data, port, 'postgres'), application_name: presenceName });
  client.on('error', (err) => log.error({ err }, 'the embedded Postgres went away'));
  await client.connect();
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [databaseName]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${databaseName} TEMPLATE template0`);
  return client;
}

async function leave(cluster: Cluster, presence: pg.Client, log: Log): Promise<void> {
  const others = await presence
    .query<{ others: number }>(
      `SELECT count(*)::int AS others FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()`,
      [presenceName],
    )
    .then(
      ({ rows }) => rows[0]?.others ?? 0,
      () => undefined,
    );
  await presence.end().catch(() => undefined);
  // Undefined: the server is gone, or was restarted by another process, whose business it then is.
  if (others !== 0) return;
  await stopServer(cluster);
  log.info({ folder: cluster.folder }, 'stopped the embedded Postgres');
}

async function explainLoss(cluster: Cluster, logged: number, error: unknown): Promise<unknown> {
  if (!isLoss(error)) return error;
  const tail = await logTail(cluster.logFile, logged);
  if (!saysDiskFull(tail)) return error;
  return new MillraceError('database_disk_full', `The embedded Postgres in ${cluster.folder} ran out of disk space.`, {
    cause: error,
  });
}

function urlOf(data: DataFolder, port: number, database: string): string {
  return `postgres://${clusterUser}:${data.password}@127.0.0.1:${port}/${database}`;
}
