/**
 * Runs regulations for as long as a server serves. In: a pause. Out: something to dispose of. Promised: what fails is
 * logged and tried again after the pause; disposing stops what runs at its next step, and waits for that.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PrivacyContext } from './privacy.ts';
import { runRegulations } from './run.ts';

export interface RegulationWorkerOptions extends PrivacyContext {
  /** The pause between two looks, ms. */
  readonly everyMs: number;
}

export function startRegulationWorker({ everyMs, ...context }: RegulationWorkerOptions): AsyncDisposable {
  const stop = new AbortController();
  const { signal } = stop;
  const work = async () => {
    while (!signal.aborted) {
      try {
        await runRegulations(context, { signal });
      } catch (error) {
        if (!signal.aborted) context.log.error({ err: error }, 'regulations cannot be run now');
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const working = work();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await working;
    },
  };
}
