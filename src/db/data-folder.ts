/**
 * The data folder of the embedded server. In: its path. Out: where the cluster lives, and under which account. Usually
 * that is `postgres/` inside it. As root, when the account that runs Postgres cannot get there (a parent folder with mode
 * 700, say), the cluster goes below `/var/lib/millrace`, and `postgres.json` in the data folder remembers the place.
 */
import { randomBytes } from 'node:crypto';
import { chmod, chown, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MillraceError } from '../base/errors.ts';
import { makeFolder } from '../base/folders.ts';
import type { Log } from '../base/log.ts';
import { type Account, accountOf, serverAccount } from './account.ts';
import { systemFolder } from './programs.ts';
import { run } from './run.ts';

export interface DataFolder {
  readonly folder: string;
  /** Owned by the account; holds the cluster (`data`) and its log. */
  readonly place: string;
  readonly account: Account | undefined;
  readonly password: string;
}

interface Remembered {
  readonly place: string;
  readonly password: string;
}

/** Makes the folder when it is missing. Returns its real, absolute path. */
export async function prepareFolder(dataFolder: string): Promise<string> {
  return explained(dataFolder, async () => {
    // The account must be able to pass through; what is secret in the folder has mode 600.
    await makeFolder(dataFolder, process.getuid?.() === 0 ? 0o711 : 0o700);
    return realpath(dataFolder);
  });
}

/** Finds the cluster's place, or chooses one. To be called under the folder's lock. */
export async function locateCluster(folder: string, log: Log): Promise<DataFolder> {
  return explained(folder, async () => {
    const remembered = await readRemembered(folder);
    if (remembered !== undefined) return { folder, ...remembered, account: await ownerOf(remembered.place, folder) };
    const account = await serverAccount(log);
    const place = await choosePlace(folder, account, log);
    const password = randomBytes(24).toString('hex');
    const draft = memoryFile(`${folder}`, '.new');
    const content = { place: path.relative(folder, place), password };
    if (!place.startsWith(`${folder}${path.sep}`)) content.place = place;
    await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flush: true });
    await rename(draft, memoryFile(folder));
    return { folder, place, account, password };
  });
}

/** Runs `work`; failures of the file system become errors that name the folder. */
export async function explained<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, path: at } = error as NodeJS.ErrnoException;
    if (error instanceof MillraceError || code === undefined) throw error;
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new MillraceError('database_disk_full', `There is no space left for the data folder ${folder}.`, {
        cause: error,
      });
    }
    const reasons: Readonly<Record<string, string>> = {
      EACCES: 'permission denied',
      EPERM: 'operation not permitted',
      EROFS: 'the file system is read-only',
      ENOTDIR: 'a part of the path is a file',
      EEXIST: 'it is a file, or a link that leads nowhere',
      ENOENT: 'it is not there and cannot be made',
    };
    const reason = reasons[code] ?? code;
    throw new MillraceError(
      'database_folder_unusable',
      `The data folder ${folder} cannot be used: ${at ?? folder}: ${reason}.`,
      {
        cause: error,
      },
    );
  }
}

function memoryFile(folder: string, suffix = ''): string {
  return path.join(folder, `postgres.json${suffix}`);
}

async function readRemembered(folder: string): Promise<Remembered | undefined> {
  const file = memoryFile(folder);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const { place, password } = JSON.parse(text) as Remembered;
    return { place: path.resolve(folder, place), password };
  } catch (error) {
    throw new MillraceError('database_folder_unusable', `The file ${file} is damaged.`, {
      help: 'Restore it from a backup: it holds the password of the embedded Postgres.',
      cause: error,
    });
  }
}

/** Never makes a new cluster where an old one is missing: its data may only be out of sight. */
async function ownerOf(place: string, folder: string): Promise<Account | undefined> {
  const found = await stat(place).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new MillraceError(
      'database_folder_unusable',
      `The data folder ${folder} keeps its Postgres in ${place}, which is not there.`,
      { help: `Bring ${place} back, or begin anew with another data folder.` },
    );
  });
  const us = process.getuid?.();
  if (us === undefined || us === found.uid) return undefined;
  if (us === 0) return accountOf(found.uid, found.gid);
  throw new MillraceError(
    'database_folder_unusable',
    `The data folder ${folder} belongs to another user (uid ${found.uid}; this process runs as uid ${us}).`,
  );
}

async function choosePlace(folder: string, account: Account | undefined, log: Log): Promise<string> {
  const inside = path.join(folder, 'postgres');
  if (await makePlace(inside, account)) return inside;
  const outside = path.join(systemFolder, `data-${randomBytes(6).toString('hex')}`);
  await makeFolder(systemFolder, 0o755);
  if (!(await makePlace(outside, account))) {
    throw new MillraceError(
      'database_folder_unusable',
      `The account ${account?.name} that runs Postgres can reach neither the data folder ${folder} nor ${systemFolder}.`,
      { help: 'Open the folders above one of them to it (chmod o+x), run as an ordinary user, or set DATABASE_URL.' },
    );
  }
  await writeFile(path.join(outside, 'belongs-to'), `${folder}\n`);
  log.warn(
    { account: account?.name, dataFolder: folder, place: outside },
    'the account that runs Postgres cannot reach the data folder; its files are kept elsewhere',
  );
  return outside;
}

/** Makes a folder of the account's own. False, and nothing left, when the account cannot work in it. */
async function makePlace(place: string, account: Account | undefined): Promise<boolean> {
  await makeFolder(place, 0o700);
  if (account === undefined) return true;
  try {
    await chown(place, account.uid, account.gid);
    await chmod(place, 0o700);
    // Tried, not computed: mode bits do not know about access lists and mounts.
    const tried = await run('/bin/sh', ['-c', 'cd "$0" && : > probe && rm probe', place], { account });
    if (tried.code === 0) return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
  }
  await rm(place, { recursive: true, force: true });
  return false;
}
