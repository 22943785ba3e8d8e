/** What `start` does for syncs: starts those that are due, and runs those that were asked for. */
import type { Database } from '../db/db.ts';
import { startScheduler, startSyncWorker } from '../schedule/schedule.ts';
import type { CliContext } from './context.ts';
import { runInOwnProcess } from './sync-process.ts';

/** Until it is disposed of; what runs then goes on in another server, or in this one after its next start. */
export async function keepSyncing(context: CliContext, db: Database): Promise<AsyncDisposable> {
  const { config, log, clock } = context;
  const [store, sync] = [await context.store(), await context.sync()];
  const scheduler = startScheduler({ db, log, clock, secrets: store.secrets, historyDays: config.historyDays });
  const worker =
    config.syncsAtOnce === 0
      ? null
      : startSyncWorker({
          sync,
          store,
          parallel: config.syncsAtOnce,
          ...(config.syncProcess === 'own' && { runner: runInOwnProcess(context) }),
        });
  return {
    async [Symbol.asyncDispose]() {
      await scheduler[Symbol.asyncDispose]();
      await worker?.[Symbol.asyncDispose]();
    },
  };
}
