/**
 * A lock that processes of one data folder share: a file with the holder's name. In: the file. Out: an exclusive hold,
 * kept for as long as the work runs. Promised: the lock of a process that died is taken over; while a living one holds
 * it, waiting ends with an error that names its pid. Held for seconds: while a server is made, started or stopped.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '../base/errors.ts';
import { isAlive, startOf } from './processes.ts';

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process began, as the system counts it; tells a reused pid from the old one. Null when unknown. */
  readonly started: string | null;
  readonly token: string;
}

export interface LockTimes {
  /** How long to wait for a living holder. */
  readonly patience: number;
  /** The holder touches the file this often … */
  readonly touchEvery: number;
  /** … and one on another machine, whose processes cannot be seen, is given up after so long without a touch. */
  readonly silence: number;
}

const usualTimes: LockTimes = { patience: 120_000, touchEvery: 5_000, silence: 60_000 };

/** Runs `work` while holding the lock. Errors: `database_folder_held`, and what `work` throws. */
export async function withFolderLock<T>(file: string, work: () => Promise<T>, times = usualTimes): Promise<T> {
  const token = randomBytes(8).toString('hex');
  await acquire(file, token, times);
  const touching = setInterval(() => touch(file), times.touchEvery);
  touching.unref();
  try {
    return await work();
  } finally {
    clearInterval(touching);
    if (readHolder(file)?.token === token) rmSync(file, { force: true });
  }
}

async function acquire(file: string, token: string, times: LockTimes): Promise<void> {
  const draft = `${file}.${token}`;
  const holder: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid), token };
  writeFileSync(draft, JSON.stringify(holder));
  try {
    const end = Date.now() + times.patience;
    while (!claim(file, draft)) {
      const current = readHolder(file);
      if (current !== undefined) {
        if (!isGone(current, file, times)) {
          if (Date.now() > end) throw heldBy(current, file);
        } else if (await takeOver(file, draft, token, times)) {
          return;
        }
      }
      await sleep(25 + Math.random() * 50);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** A link never replaces: exactly one of several wins. */
function claim(file: string, draft: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Replaces the lock of a holder that is gone. Looking and replacing happen without a pause between them; when several
 * processes do so at once the last one's name stays, which each sees after a moment.
 */
async function takeOver(file: string, draft: string, token: string, times: LockTimes): Promise<boolean> {
  const current = readHolder(file);
  if (current === undefined || !isGone(current, file, times)) return false;
  try {
    // The draft stays for another try when somebody else's name wins.
    const copy = `${draft}.over`;
    linkSync(draft, copy);
    renameSync(copy, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  await sleep(200);
  return readHolder(file)?.token === token;
}

function isGone(holder: Holder, file: string, times: LockTimes): boolean {
  if (holder.host !== hostname()) return age(file) > times.silence;
  if (!isAlive(holder.pid)) return true;
  const started = startOf(holder.pid);
  return holder.started !== null && started !== null && holder.started !== started;
}

/** Undefined when there is no lock. One that cannot be read, as after a power cut, belongs to nobody. */
function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (error instanceof SyntaxError) return { pid: 0, host: hostname(), started: null, token: '' };
    throw error;
  }
}

function touch(file: string): void {
  try {
    const now = new Date();
    utimesSync(file, now, now);
  } catch {
    // Taken over or removed by hand: the end of the work finds out.
  }
}

function age(file: string): number {
  try {
    return Date.now() - statSync(file).mtimeMs;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function heldBy(holder: Holder, file: string): MillraceError {
  const where = holder.host === hostname() ? `process ${holder.pid}` : `process ${holder.pid} on ${holder.host}`;
  return new MillraceError(
    'database_folder_held',
    `The data folder is being set up or shut down by ${where} (${file}).`,
  );
}
