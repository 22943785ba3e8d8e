/**
 * Carries requests out for as long as a server serves. In: how many at once, and who runs one. Out: something to dispose
 * of. Promised: a request begins within about a second while there is room; a sync whose process died goes on here, half
 * a minute later at the most; disposing leaves what runs to other processes, where it goes on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isMillraceError } from '../base/errors.ts';
import { type ClaimedRequest, claimRequests } from './requests.ts';
import { giveUp, mostBeginnings, type Outcome, type RunContext, runRequest } from './run.ts';

/** Runs one request; rejects when whatever ran it died. */
export type Runner = (request: ClaimedRequest, leave: AbortSignal) => Promise<Outcome>;

export interface SyncWorkerOptions extends RunContext {
  /** Syncs that run at once. */
  readonly parallel: number;
  /** Another way to run a request than in this process. */
  readonly runner?: Runner;
  /** The pause between two looks, ms. */
  readonly everyMs?: number;
}

export function startSyncWorker(options: SyncWorkerOptions): AsyncDisposable {
  const { sync, parallel, everyMs = 1_000 } = options;
  const { db, log } = sync;
  const run: Runner = options.runner ?? ((request, leave) => runRequest(options, request, leave));
  const stop = new AbortController();
  const { signal } = stop;
  const running = new Map<string, Promise<void>>();
  const begin = (request: ClaimedRequest) => {
    const { syncId } = request;
    const work = request.begun > mostBeginnings ? giveUp(options, request) : run(request, signal);
    const done = Promise.resolve<unknown>(work)
      .catch((error: unknown) => log.error({ sync: syncId, err: error }, 'a sync cannot be run now'))
      .then(() => void running.delete(syncId));
    running.set(syncId, done);
  };
  const look = async () => {
    const room = parallel - running.size;
    if (room > 0) for (const request of await claimRequests(db.pool, room, [...running.keys()])) begin(request);
  };
  const work = async () => {
    while (!signal.aborted) {
      await look().catch(async (error: unknown) => {
        const fault = await db.explain(error);
        if (!signal.aborted) log.error({ err: isMillraceError(fault) ? fault : error }, 'requests cannot be read now');
      });
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const working = work();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await working;
      await Promise.all(running.values());
    },
  };
}
