import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { testLog } from '../../test/database.ts';
import { createLog } from '../base/log.ts';
import { type Account, serverAccount } from './account.ts';
import { readPidFile } from './cluster.ts';
import { type Database, openDatabase } from './db.ts';
import { isAlive } from './processes.ts';

const script = fileURLToPath(new URL('../../test/open-database.ts', import.meta.url));
const asRoot = process.getuid?.() === 0;
const log = testLog();
const account = asRoot ? await serverAccount(log) : undefined;
/** An ordinary user can run our code only where they can read it. */
const readable = account !== undefined && spawnSync('/bin/sh', ['-c', '[ -r "$0" ]', script], account).status === 0;
if (asRoot && !readable)
  process.stderr.write('embedded.pg.test.ts: as an ordinary user: skipped, this folder is closed to them\n');
let base: string;
let folder: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'millrace-embedded-'));
  await chmod(base, 0o755);
  folder = path.join(base, 'data');
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  const server = await serverOf();
  if (server !== undefined && server !== process.pid && isAlive(server)) process.kill(server, 'SIGQUIT');
  await rm(base, { recursive: true, force: true });
});

/** Opens, and closes again at the end of the test when it did not itself. */
const open = (dataFolder = folder) => openDatabase({ dataFolder, log, poolSize: 2 });

async function clusterFolder(): Promise<string> {
  const { place } = JSON.parse(await readFile(path.join(folder, 'postgres.json'), 'utf8')) as { place: string };
  return path.join(path.resolve(folder, place), 'data');
}

/** The pid in the cluster's pid file. */
async function serverOf(): Promise<number | undefined> {
  return clusterFolder()
    .then(readPidFile)
    .then(
      (file) => file?.pid,
      () => undefined,
    );
}

interface Answer {
  readonly describe?: string;
  readonly code?: string;
  readonly message?: string;
}

/** Starts a process on the folder; resolves with what it says. */
async function otherProcess(as?: Account): Promise<{ child: ChildProcess; answer: Answer }> {
  const child = spawn(process.execPath, ['--import', 'tsx', script, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: fileURLToPath(new URL('../../', import.meta.url)),
    ...(as === undefined ? {} : { uid: as.uid, gid: as.gid }),
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    return { child, answer: JSON.parse(line) as Answer };
  }
  throw new Error('the process ended without a word');
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve));
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function remember(database: Database, word: string): Promise<void> {
  await database.pool.query('CREATE TABLE IF NOT EXISTS words (word text)');
  await database.pool.query('INSERT INTO words VALUES ($1)', [word]);
}

async function words(database: Database): Promise<readonly string[]> {
  return (await database.pool.query<{ word: string }>('SELECT word FROM words ORDER BY word')).rows.map(
    (row) => row.word,
  );
}

describe('one process', () => {
  test('the data are there when it comes back; the server ends with it', async () => {
    const first = await open();
    await remember(first, 'kept');
    const pid = await serverOf();
    await first.close();
    expect(pid).toBeGreaterThan(0);
    // Its pid file goes a moment before the process does.
    await expect.poll(() => isAlive(pid as number), { timeout: 10_000 }).toBe(false);
    expect(await serverOf()).toBeUndefined();
    await using second = await open();
    expect(await words(second)).toEqual(['kept']);
  });

  test('the server is durable, sorts by code point, and listens on loopback only', async () => {
    await using database = await open();
    const { rows } = await database.pool.query<{ name: string; setting: string }>(
      `SELECT name, setting FROM pg_settings WHERE name = ANY($1)`,
      [['fsync', 'synchronous_commit', 'full_page_writes', 'jit', 'listen_addresses', 'server_encoding']],
    );
    expect(Object.fromEntries(rows.map((row) => [row.name, row.setting]))).toEqual({
      fsync: 'on',
      synchronous_commit: 'on',
      full_page_writes: 'on',
      jit: 'off',
      listen_addresses: '127.0.0.1',
      server_encoding: 'UTF8',
    });
    const collation = await database.pool.query(
      'SELECT datcollate FROM pg_database WHERE datname = current_database()',
    );
    expect(collation.rows).toEqual([{ datcollate: 'C' }]);
  });

  test("what statements carry never reaches the server's log", async () => {
    await using database = await open();
    const canary = 'ann@example.com';
    await database.pool.query('CREATE TABLE t (email text UNIQUE)');
    await database.pool.query('INSERT INTO t VALUES ($1)', [canary]);
    await expect(database.pool.query('INSERT INTO t VALUES ($1)', [canary])).rejects.toThrow(/duplicate key/);
    await expect(database.pool.query(`SELECT '${canary}'::int`)).rejects.toThrow(/invalid input/);
    const text = await readFile(path.join(path.dirname(await clusterFolder()), 'server.log'), 'utf8');
    expect(text).not.toContain(canary);
    expect(text).toContain('database system is ready');
  });

  test('a cluster of another Postgres version is refused, and left as it is', async () => {
    await (await open()).close();
    await writeFile(path.join(await clusterFolder(), 'PG_VERSION'), '16\n');
    await expect(open()).rejects.toMatchObject({
      code: 'database_folder_unusable',
      message: expect.stringMatching(/was made by Postgres 16; this program ships Postgres 18/),
    });
  });

  test('a set-up that was cut short is done again', async () => {
    await (await open()).close();
    const cluster = await clusterFolder();
    await rm(cluster, { recursive: true });
    await mkdir(`${cluster}.new/base`, { recursive: true });
    await using database = await open();
    expect(database.serverVersion).toBe(18);
  });

  test('a folder that is a file is refused with its name', async () => {
    await writeFile(folder, '');
    await expect(open()).rejects.toMatchObject({
      code: 'database_folder_unusable',
      message: expect.stringContaining(folder),
    });
  });
});

describe('several processes', () => {
  test('share one server, which the last one stops', async () => {
    const { child, answer } = await otherProcess();
    const database = await open();
    expect(answer.describe).toBe(database.describe);
    await remember(database, 'shared');
    const pid = await serverOf();
    await database.close();
    expect(await serverOf()).toBe(pid);
    const again = await open();
    expect(await words(again)).toEqual(['shared']);
    child.stdin?.end();
    await ended(child);
    expect(await serverOf()).toBe(pid);
    expect(await words(again)).toEqual(['shared']);
    await again.close();
    expect(await serverOf()).toBeUndefined();
  });

  test('that come at the same moment to a new folder set it up once', async () => {
    const all = await Promise.all([otherProcess(), otherProcess(), otherProcess(), open()]);
    const database = all[3];
    const places = all.slice(0, 3).map((one) => (one as { answer: Answer }).answer.describe);
    expect(places).toEqual([database.describe, database.describe, database.describe]);
    for (const one of all.slice(0, 3)) (one as { child: ChildProcess }).child.stdin?.end();
    await Promise.all([...children.map(ended), database.close()]);
    expect(await serverOf()).toBeUndefined();
  });

  test('the server of a killed process is joined', async () => {
    const { child } = await otherProcess();
    const pid = await serverOf();
    child.kill('SIGKILL');
    await ended(child);
    const database = await open();
    expect(await serverOf()).toBe(pid);
    await database.close();
    expect(await serverOf()).toBeUndefined();
  });

  test('a process that is killed while it sets the folder up does not block the next', async () => {
    const script = otherProcess();
    script.catch(() => undefined);
    await until(async () => (await readFile(path.join(folder, 'postgres.lock'), 'utf8').catch(() => '')) !== '');
    children[0]?.kill('SIGKILL');
    await ended(children[0] as ChildProcess);
    await using database = await open();
    expect(database.serverVersion).toBe(18);
  });
});

describe('a server that was not stopped', () => {
  async function leavePidFile(change: (text: string) => string): Promise<void> {
    const first = await open();
    await remember(first, 'kept');
    const cluster = await clusterFolder();
    const pid = (await serverOf()) as number;
    const text = await readFile(path.join(cluster, 'postmaster.pid'), 'utf8');
    process.kill(pid, 'SIGKILL');
    await until(() => !isAlive(pid));
    await first.close();
    await writeFile(path.join(cluster, 'postmaster.pid'), change(text));
  }

  test('is started anew, with its data', async () => {
    await leavePidFile((text) => text);
    await using database = await open();
    expect(await words(database)).toEqual(['kept']);
  });

  test('is started anew when another program has its pid now', async () => {
    await leavePidFile((text) => text.replace(/^\d+/, String(process.pid)));
    await using database = await open();
    expect(await words(database)).toEqual(['kept']);
  });
});

describe('a folder that cannot be joined', () => {
  test('names the server that does not know our password', async () => {
    await using database = await open();
    const pid = await serverOf();
    const file = path.join(folder, 'postgres.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(/"password": "\w+"/, '"password": "another"'));
    await expect(open()).rejects.toMatchObject({
      code: 'database_folder_held',
      message: expect.stringContaining(`pid ${pid}`),
    });
    await writeFile(file, text);
    expect(database.serverVersion).toBe(18);
  });

  test('never gets a new cluster where the old one is out of sight', async () => {
    await (await open()).close();
    await rm(path.dirname(await clusterFolder()), { recursive: true });
    await expect(open()).rejects.toMatchObject({ code: 'database_folder_unusable' });
  });
});

describe.skipIf(!asRoot)('as root', () => {
  test('a data folder below a closed folder: the cluster is kept elsewhere, which is remembered and said', async () => {
    await chmod(base, 0o700);
    const lines: string[] = [];
    const loud = createLog({ level: 'warn', destination: { write: (line) => void lines.push(line) } });
    const first = await openDatabase({ dataFolder: folder, log: loud });
    const place = path.dirname(await clusterFolder());
    try {
      expect(place).toMatch(/^\/var\/lib\/millrace\/data-\w+$/);
      expect(lines.join()).toContain(place);
      expect(await readFile(path.join(place, 'belongs-to'), 'utf8')).toBe(`${folder}\n`);
      await remember(first, 'kept');
      await first.close();
      await using second = await open();
      expect(await words(second)).toEqual(['kept']);
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  });
});

describe.skipIf(!readable)('an ordinary user (skipped where they cannot read this folder)', () => {
  test('runs it as themselves, and root goes on under that account', async () => {
    await mkdir(folder);
    await chown(folder, account?.uid ?? 0, account?.gid ?? 0);
    const { child, answer } = await otherProcess(account);
    expect(answer.message).toBeUndefined();
    await using database = await open();
    expect(database.describe).toBe(answer.describe);
    child.stdin?.end();
    await ended(child);
  });

  test("is told that the folder is another user's", async () => {
    await (await open()).close();
    const { answer } = await otherProcess(account);
    expect(answer).toMatchObject({
      code: 'database_folder_unusable',
      message: expect.stringContaining('permission denied'),
    });
  });
});
