/** The program of a process that runs one sync for a server: see `sync-process.ts`. Nobody starts it by hand. */
import { processEnvironment } from '../base/config.ts';
import { describeError } from '../base/log.ts';
import { runRequestOf } from '../schedule/schedule.ts';
import { openContext } from './context.ts';
import { openOutput } from './output.ts';
import type { FromSyncProcess, ToSyncProcess } from './sync-process.ts';

const leaving = new AbortController();
// Ctrl-C in a terminal reaches every process of the group; what it means is up to the server.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
// The server is gone: another one goes on from what is stored.
process.on('disconnect', () => process.exit(1));
process.on('message', (message: ToSyncProcess) => {
  if ('leave' in message) leaving.abort();
  else void run(message).catch(fail);
});

async function run({ syncId, flags }: Extract<ToSyncProcess, { syncId: string }>): Promise<void> {
  const { signal } = leaving;
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
    const [sync, store] = [await context.sync(), await context.store()];
    const outcome = await runRequestOf({ sync, store }, syncId, signal);
    process.send?.({ outcome } satisfies FromSyncProcess);
  } finally {
    await context[Symbol.asyncDispose]();
  }
  process.exit(0);
}

function fail(error: unknown): void {
  process.stderr.write(
    `${JSON.stringify({ level: 'error', msg: 'a sync cannot be run', err: describeError(error) })}\n`,
  );
  process.exit(1);
}
