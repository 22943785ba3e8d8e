/**
 * Ctrl-C. The first asks the work to stop cleanly, through a signal; a second one within five seconds quits at once.
 * SIGTERM and SIGHUP count as the same.
 */
import { MillraceError } from '../base/errors.ts';
import { exitCodes } from './exit-codes.ts';

export interface Interrupts extends Disposable {
  /** Aborted by the first interrupt, with an error `cancelled` as the reason. */
  readonly signal: AbortSignal;
  /** What Ctrl-C does, for a prompt that takes the key for itself. */
  interrupt(): void;
  /** What an interrupt means for as long as the answer is not disposed of, in place of what it means for the command. */
  meaning(reason: MillraceError): Disposable;
}

/** `npm run` passes the terminal's signal on once more: what comes this soon is the same key. */
const sameKeyMs = 250;
const secondKeyMs = 5_000;

/** @param command its name, `sync plan` */
export function watchInterrupts(note: (text: string) => void, command: string): Interrupts {
  const controller = new AbortController();
  const usual = new MillraceError('cancelled', `millrace ${command} was cancelled.`, {
    help: 'Run it again; it begins from the start.',
  });
  let reason = usual;
  let last = Number.NEGATIVE_INFINITY;
  const interrupt = () => {
    const now = performance.now();
    const since = now - last;
    if (since < sameKeyMs) return;
    if (since < secondKeyMs) process.exit(exitCodes.cancelled);
    last = now;
    note('Stopping … (press Ctrl-C again within 5 seconds to quit at once)');
    controller.abort(reason);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, interrupt);
  return {
    signal: controller.signal,
    interrupt,
    meaning: (other) => {
      reason = other;
      return {
        [Symbol.dispose]: () => {
          reason = usual;
        },
      };
    },
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, interrupt);
    },
  };
}

export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
