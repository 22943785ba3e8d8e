/**
 * The account the embedded server runs under. Postgres refuses to run as root, so root lends it another one: an account
 * `postgres`, or `millrace`, which is created when neither is there. Everybody else runs it as themselves.
 */
import { readFile } from 'node:fs/promises';
import { MillraceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { run } from './run.ts';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const candidates = ['postgres', 'millrace'];

/** Undefined when the server runs as the user we are. Error: `database_account_missing`. */
export async function serverAccount(log: Log): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const found = await findAccount();
  if (found !== undefined) return found;
  const reason = await createAccount('millrace');
  const created = await findAccount();
  if (created === undefined) {
    throw new MillraceError(
      'database_account_missing',
      `Postgres refuses to run as root; there is no account named ${candidates.join(' or ')}, and creating one failed: ${reason}`,
    );
  }
  log.info({ account: created.name }, 'created an account to run the embedded Postgres under');
  return created;
}

/** The account that owns an existing cluster goes on running it. */
export async function accountOf(uid: number, gid: number): Promise<Account> {
  const name = parseAccounts(await readAccounts()).find((account) => account.uid === uid)?.name;
  return { name: name ?? `uid ${uid}`, uid, gid };
}

async function findAccount(): Promise<Account | undefined> {
  const accounts = parseAccounts(await readAccounts());
  for (const name of candidates) {
    const account = accounts.find((entry) => entry.name === name && entry.uid !== 0);
    if (account !== undefined) return account;
  }
  return undefined;
}

/** Why it failed; an empty text when the program said it did not. */
async function createAccount(name: string): Promise<string> {
  const shell = '/bin/false';
  const useradd = [
    '--system',
    '--user-group',
    '--no-create-home',
    '--home-dir',
    '/nonexistent',
    '--shell',
    shell,
    name,
  ];
  const made = await tryProgram('useradd', useradd);
  // Alpine has BusyBox' adduser instead; on Debian a program of that name takes other options.
  if (made === undefined)
    return (await tryProgram('adduser', ['-S', '-D', '-H', '-s', shell, name])) ?? 'there is no useradd';
  return made;
}

/** Undefined when there is no such program. */
async function tryProgram(program: string, args: readonly string[]): Promise<string | undefined> {
  const result = await run(program, args).catch((error: NodeJS.ErrnoException) => error);
  if (result instanceof Error) return result.code === 'ENOENT' ? undefined : `${program}: ${result.message}`;
  return result.code === 0 ? '' : `${program}: ${result.output || `status ${result.code}`}`;
}

/** The lines of an account file. Exported for its test. */
export function parseAccounts(text: string): readonly Account[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    if (!name || !uid || !gid || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return [];
    return [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}

/** `getent` knows accounts of directory services too; the file is enough where it is missing. */
async function readAccounts(): Promise<string> {
  const result = await run('getent', ['passwd']).catch(() => undefined);
  if (result?.code === 0 && result.output !== '') return result.output;
  return readFile('/etc/passwd', 'utf8').catch(() => '');
}
