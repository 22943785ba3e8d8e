/** Runs a program to its end, as another account when one is given. */
import { spawn } from 'node:child_process';
import type { Account } from './account.ts';

export interface RunResult {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly output: string;
}

export interface RunOptions {
  readonly account?: Account | undefined;
  readonly cwd?: string;
}

/** Standard output and error come back together. Rejects only when the program cannot be started. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: options.cwd ?? '/',
      // A fixed environment: settings of the shell (PGPORT, PGDATA, LANG …) must not reach the server.
      ...(process.platform === 'win32'
        ? {}
        : { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', TZ: 'UTC' } }),
      ...(options.account === undefined ? {} : { uid: options.account.uid, gid: options.account.gid }),
    });
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.stderr.on('data', (part: Buffer) => parts.push(part));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output: Buffer.concat(parts).toString('utf8').trim() }));
  });
}
