/** What can be told about other processes of this machine. */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync, realpathSync } from 'node:fs';

/** False for a dead process, collected by its parent or not. */
export function isAlive(pid: number): boolean {
  return pid > 0 && isListed(pid) && !isZombie(pid);
}

/** True when the number is taken. */
export function isListed(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // There, but somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process began, in a form that only compares; null where the system does not say. */
export function startOf(pid: number): string | null {
  return statFields(pid)?.[19] ?? null;
}

/** Where no parent collects dead children (a container's first process often does not), they stay listed. */
function isZombie(pid: number): boolean {
  return statFields(pid)?.[0] === 'Z';
}

/** The fields of `/proc/<pid>/stat` after the command's name: the state first. */
function statFields(pid: number): readonly string[] | undefined {
  const text = readFile(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** True when the process is a Postgres server of this data directory; undefined when that cannot be told. */
export function servesFolder(pid: number, folder: string): boolean | undefined {
  const name = readFile(`/proc/${pid}/comm`)?.trim() ?? commandFromPs(pid);
  if (name === undefined) return undefined;
  if (!/postgres|postmaster/.test(name)) return false;
  try {
    // A Postgres server's working directory is its data directory.
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(folder);
  } catch {
    return undefined;
  }
}

function commandFromPs(pid: number): string | undefined {
  if (process.platform === 'win32' || process.platform === 'linux') return undefined;
  try {
    return execFileSync('ps', ['-p', String(pid), '-o', 'comm='], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

function readFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
