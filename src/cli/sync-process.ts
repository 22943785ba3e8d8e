/**
 * A sync, or the plan of one, in a process of its own, so that the APIs stay quick beside it. In: a request. Out: how it
 * ended. Promised: the process has a lower priority, writes its log to ours, and does not outlive us; when it dies, what
 * was asked for stays, and goes on.
 */
import { type ChildProcess, fork } from 'node:child_process';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Flags } from '../base/config.ts';
import type { ErrorCode } from '../base/error-codes.ts';
import { MillraceError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { Outcome, Runner } from '../schedule/schedule.ts';
import type { PlanOptions, SyncPlan } from '../sync/sync.ts';
import type { ResolvedMapping } from '../workspace/workspace.ts';
import type { CliContext } from './context.ts';

/** A sync that was asked for, or the plan of a mapping. */
export type Task =
  | { readonly syncId: string }
  | { readonly mappingId: string; readonly options: Pick<PlanOptions, 'replayOf' | 'rowsListed'> };
/** What the process is told: first what to run, later perhaps to leave it. */
export type ToSyncProcess = { readonly task: Task; readonly flags: Flags } | { readonly leave: true };
/** What it tells. */
export type FromSyncProcess =
  | { readonly outcome: Outcome }
  | { readonly plan: SyncPlan }
  | {
      readonly error: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly help: string;
        readonly helpInApp: string;
      };
    };

/** Longer than a sync waits for what is on its way. */
const leaveMs = 15_000;
const lowPriority = 10;

type Context = Pick<CliContext, 'flags' | 'log'>;

export function runInOwnProcess(context: Context): Runner {
  return async ({ syncId }, leave) => {
    const told = await runTask(context, { syncId }, leave);
    if ('outcome' in told) return told.outcome;
    throw errorOf(told);
  };
}

/** Errors as `planSync`. */
export async function planInOwnProcess(
  context: Context,
  { mapping }: ResolvedMapping,
  { signal = new AbortController().signal, replayOf, rowsListed }: PlanOptions,
): Promise<SyncPlan> {
  const options = { ...(replayOf !== undefined && { replayOf }), ...(rowsListed !== undefined && { rowsListed }) };
  const told = await runTask(context, { mappingId: mapping.id, options }, signal);
  if ('plan' in told) return told.plan;
  throw errorOf(told);
}

function errorOf(told: FromSyncProcess): Error {
  if (!('error' in told)) return new Error('The process of a sync answered something else than was asked for.');
  const { code, message, ...helps } = told.error;
  return new MillraceError(code, message, helps);
}

function runTask({ flags, log }: Context, task: Task, leave: AbortSignal): Promise<FromSyncProcess> {
  return new Promise((resolve, reject) => {
    // What it prints is no result of ours.
    const child = fork(entry, { stdio: ['ignore', 2, 2, 'ipc'] });
    lower(child, log);
    const [what, words] =
      'syncId' in task
        ? [{ sync: task.syncId }, 'a process runs a sync']
        : [{ mapping: task.mappingId }, 'a process plans a sync'];
    log.info({ ...what, pid: child.pid }, words);
    let told: FromSyncProcess | undefined;
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
      told = message as FromSyncProcess;
    });
    child.once('error', (error) => {
      over();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      over();
      if (told !== undefined) resolve(told);
      else reject(new MillraceError('sync_process_ended', `The process of a sync ended with ${signal ?? code}.`));
    });
    tell({ task, flags });
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
