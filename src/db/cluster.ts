/**
 * One Postgres data directory: create it, start its server, stop it. In: programs, an account, a folder. Out: a running
 * server on 127.0.0.1, or an error with the cause and the end of the server's log. Locks and who may stop it are
 * `embedded.ts`' business.
 */
import { appendFile, chown, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '../base/errors.ts';
import type { Account } from './account.ts';
import { isListed } from './processes.ts';
import type { Programs } from './programs.ts';
import { run } from './run.ts';

export interface Cluster {
  readonly programs: Programs;
  readonly account: Account | undefined;
  /** The data directory. */
  readonly folder: string;
  readonly logFile: string;
}

/** The superuser of our clusters. */
export const clusterUser = 'millrace';

export type ServerSettings = Readonly<Record<string, string>>;

/** Makes the data directory; `folder` must be empty or missing, in a folder the account may write to. */
export async function createCluster(cluster: Cluster, password: string): Promise<void> {
  const passwordFile = `${cluster.folder}.password`;
  await writeFile(passwordFile, password, { mode: 0o600 });
  try {
    if (cluster.account !== undefined) await chown(passwordFile, cluster.account.uid, cluster.account.gid);
    const result = await run(
      cluster.programs.initdb,
      [
        '-D',
        cluster.folder,
        '-U',
        clusterUser,
        '-A',
        'scram-sha-256',
        `--pwfile=${passwordFile}`,
        '--no-locale',
        '-E',
        'UTF8',
      ],
      { account: cluster.account },
    );
    if (result.code !== 0) throw startFault('The embedded Postgres could not be set up', cluster, result.output);
    await appendFile(path.join(cluster.folder, 'postgresql.conf'), "\ninclude_if_exists = 'millrace.conf'\n");
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** Starts the server and returns its port. Writes the settings first. */
export async function startServer(cluster: Cluster, settings: ServerSettings): Promise<number> {
  const file = path.join(cluster.folder, 'millrace.conf');
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
  await writeFile(
    file,
    `# Written by Millrace at every start. Settings of your own go into postgresql.auto.conf.\n${lines.join('')}`,
  );
  if (cluster.account !== undefined) await chown(file, cluster.account.uid, cluster.account.gid);
  await keepLogShort(cluster.logFile);
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const logged = await sizeOf(cluster.logFile);
    const result = await run(
      cluster.programs.pgCtl,
      ['start', '-w', '-t', '600', '-D', cluster.folder, '-l', cluster.logFile, '-o', `-p ${port} -h 127.0.0.1 -k ''`],
      { account: cluster.account },
    );
    if (result.code === 0) return port;
    const tail = await logTail(cluster.logFile, logged);
    // Another program may have taken the port since we looked; and the last workers of a killed server need a moment.
    if (attempt < 10 && /Address already in use|pre-existing shared memory block/.test(tail)) {
      await sleep(500);
      continue;
    }
    throw startFault('The embedded Postgres did not start', cluster, tail || result.output);
  }
}

/** `fast` rolls open transactions back and writes a checkpoint. Waits until the server is gone. */
export async function stopServer(cluster: Cluster): Promise<void> {
  const result = await run(cluster.programs.pgCtl, ['stop', '-w', '-t', '600', '-m', 'fast', '-D', cluster.folder], {
    account: cluster.account,
  });
  if (result.code !== 0 && !/PID file .* does not exist|no server running/i.test(result.output)) {
    throw startFault('The embedded Postgres could not be stopped', cluster, result.output);
  }
}

/** True for server output that has a full disk as its cause. */
export function saysDiskFull(output: string): boolean {
  return /No space left on device|Disk quota exceeded|could not extend file/i.test(output);
}

function startFault(what: string, cluster: Cluster, output: string): MillraceError {
  const where = `${what} in ${cluster.folder}:\n${output}`;
  if (saysDiskFull(output)) return new MillraceError('database_disk_full', where);
  return new MillraceError('database_start_failed', where);
}

/** The last lines of the server's log after `from` bytes; its settings keep row contents out of it. */
export async function logTail(file: string, from = 0, lines = 15): Promise<string> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return '';
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.min(Math.max(0, size - from), 16_384));
    await handle.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').trim().split('\n').slice(-lines).join('\n');
  } finally {
    await handle.close();
  }
}

async function keepLogShort(file: string): Promise<void> {
  if ((await sizeOf(file)) > 10_000_000) await rename(file, `${file}.old`);
}

/** Zero for a file that is not there. */
export async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    (found) => found.size,
    () => 0,
  );
}

/** A port of 127.0.0.1 that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new MillraceError('internal', 'No free port was found.');
  return address.port;
}

/**
 * Makes the pid file of a dead server name a process that does not exist. Postgres would refuse to start while any
 * process has the number: another program that got it since, or the dead server itself where nobody collected it. The
 * rest of the file stays, because Postgres finds workers of the dead server that are still at it by it.
 */
export async function disownPidFile(folder: string): Promise<void> {
  const file = path.join(folder, 'postmaster.pid');
  const text = await readFile(file, 'utf8');
  let pid = 4_194_303;
  while (isListed(pid)) pid--;
  await writeFile(file, text.replace(/^-?\d+/, String(pid)));
}

/** The data directory's `postmaster.pid`, as far as it is written; undefined when there is none. */
export async function readPidFile(
  folder: string,
): Promise<{ readonly pid: number; readonly port: number; readonly status: string } | undefined> {
  const text = await readFile(path.join(folder, 'postmaster.pid'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.split('\n').map((line) => line.trim());
  return { pid: Math.abs(Number(lines[0])) || 0, port: Number(lines[3]) || 0, status: lines[7] ?? '' };
}
