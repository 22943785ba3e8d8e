/** The program of a process that runs one sync, or plans one, for a server: see `sync-process.ts`. Nobody starts it by hand. */
import { processEnvironment } from '../base/config.ts';
import { isMillraceError } from '../base/errors.ts';
import { describeError } from '../base/log.ts';
import { runRequestOf } from '../schedule/schedule.ts';
import { planSync } from '../sync/sync.ts';
import { findMapping } from '../workspace/workspace.ts';
import { type CliContext, openContext } from './context.ts';
import { openOutput } from './output.ts';
import type { FromSyncProcess, Task, ToSyncProcess } from './sync-process.ts';

const leaving = new AbortController();
// Ctrl-C in a terminal reaches every process of the group; what it means is up to the server.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
// The server is gone: another one goes on from what is stored.
process.on('disconnect', () => process.exit(1));
process.on('message', (message: ToSyncProcess) => {
  if ('leave' in message) leaving.abort();
  else void run(message).catch(fail);
});

async function run({ task, flags }: Extract<ToSyncProcess, { task: Task }>): Promise<void> {
  const interrupts = {
    signal: new AbortController().signal,
    interrupt: () => undefined,
    meaning: () => ({ [Symbol.dispose]: () => undefined }),
    [Symbol.dispose]: () => undefined,
  };
  const context = openContext({
    ...{ env: processEnvironment(), flags, interrupts },
    output: openOutput(true),
    keepsLog: true,
  });
  try {
    await tell('syncId' in task ? await runAsked(context, task.syncId) : await planAsked(context, task));
  } finally {
    await context[Symbol.asyncDispose]();
  }
  process.exit(0);
}

async function runAsked(context: CliContext, syncId: string): Promise<FromSyncProcess> {
  const [sync, store] = [await context.sync(), await context.store()];
  return { outcome: await runRequestOf({ sync, store }, syncId, leaving.signal) };
}

async function planAsked(
  context: CliContext,
  { mappingId, options }: Extract<Task, { mappingId: string }>,
): Promise<FromSyncProcess> {
  try {
    const job = await findMapping(await context.store(), mappingId);
    return { plan: await planSync(await context.sync(), job, { ...options, signal: leaving.signal }) };
  } catch (error) {
    if (!isMillraceError(error)) throw error;
    return { error: { code: error.code, message: error.message, help: error.help, helpInApp: error.helpInApp } };
  }
}

/** Resolves once it is on its way: the process ends right after. */
function tell(message: FromSyncProcess): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, () => resolve());
  });
}

function fail(error: unknown): void {
  process.stderr.write(
    `${JSON.stringify({ level: 'error', msg: 'a sync cannot be run', err: describeError(error) })}\n`,
  );
  process.exit(1);
}
