/**
 * Watches and sends for as long as a server serves. In: a pause, and how long notices are kept. Out: something to dispose
 * of. Promised: what fails is logged and tried again after the pause; a channel that hangs does not keep anybody from
 * looking; disposing stops what is being sent, which another process then sends again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AlertContext } from './alerts.ts';
import { checkAlerts } from './check.ts';
import { pruneNotices } from './inbox.ts';
import { sendDue } from './outbox.ts';

export interface AlertWorkerOptions extends AlertContext {
  /** The pause between two looks, ms. */
  readonly everyMs: number;
  readonly keepDays: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export function startAlerts({ everyMs, keepDays, ...context }: AlertWorkerOptions): AsyncDisposable {
  const { db, clock, log } = context;
  const stop = new AbortController();
  const { signal } = stop;
  const repeat = async (pause: number, what: string, work: () => Promise<unknown>) => {
    while (!signal.aborted) {
      try {
        await work();
      } catch (error) {
        if (!signal.aborted) log.error({ err: error }, what);
      }
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  };
  const forget = () => pruneNotices(db.pool, new Date(clock.now().getTime() - keepDays * dayMs));
  const working = [
    repeat(everyMs, 'alerts cannot be looked at now', () => checkAlerts(context)),
    repeat(everyMs, 'notices cannot be sent now', () => sendDue(context, signal)),
    repeat(hourMs, 'old notices cannot be dropped now', forget),
  ];
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(working);
    },
  };
}
