/**
 * A sync in a process of its own, so that the APIs stay quick beside it. In: a request. Out: how it ended. Promised: the
 * process has a lower priority, writes its log to ours, and does not outlive us; when it dies the request stays, and goes on.
 */
import { type ChildProcess, fork } from 'node:child_process';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Flags } from '../base/config.ts';
import { MillraceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Outcome, Runner } from '../schedule/schedule.ts';
import type { CliContext } from './context.ts';

/** What the process is told: first what to run, later perhaps to leave it. */
export type ToSyncProcess = { readonly syncId: string; readonly flags: Flags } | { readonly leave: true };
/** What it tells. */
export interface FromSyncProcess {
  readonly outcome: Outcome;
}

/** Longer than a sync waits for what is on its way. */
const leaveMs = 15_000;
const lowPriority = 10;

export function runInOwnProcess({ flags, log }: Pick<CliContext, 'flags' | 'log'>): Runner {
  return ({ syncId }, leave) =>
    new Promise((resolve, reject) => {
      // What it prints is no result of ours.
      const child = fork(entry, { stdio: ['ignore', 2, 2, 'ipc'] });
      lower(child, log);
      log.info({ sync: syncId, pid: child.pid }, 'a process runs a sync');
      let outcome: Outcome | undefined;
      let killing: NodeJS.Timeout | undefined;
      const tell = (message: ToSyncProcess) => {
        if (child.connected) child.send(message, () => undefined);
      };
      const onLeave = () => {
        tell({ leave: true });
        killing = setTimeout(() => child.kill('SIGKILL'), leaveMs);
      };
      const over = () => {
        leave.removeEventListener('abort', onLeave);
        clearTimeout(killing);
      };
      child.on('message', (message) => {
        outcome = (message as FromSyncProcess).outcome;
      });
      child.once('error', (error) => {
        over();
        reject(error);
      });
      child.once('exit', (code, signal) => {
        over();
        if (outcome !== undefined) resolve(outcome);
        else reject(new MillraceError('sync_process_ended', `The process of a sync ended with ${signal ?? code}.`));
      });
      tell({ syncId, flags });
      if (leave.aborted) onLeave();
      else leave.addEventListener('abort', onLeave, { once: true });
    });
}

/** The same kind of file as this one: TypeScript where nothing was built. */
const entry = fileURLToPath(import.meta.url).replace(/sync-process(\.[jt]s)$/, 'sync-process-main$1');

function lower({ pid }: ChildProcess, log: Log): void {
  if (pid === undefined) return;
  try {
    os.setPriority(pid, lowPriority);
  } catch (error) {
    log.debug({ err: error }, 'the priority of a sync cannot be lowered');
  }
}
