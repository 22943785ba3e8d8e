/**
 * How often a destination is asked. In: a number of requests per second. Out: permission to send, in turn. Promised: not
 * more than that in any second, beside a burst of a fiftieth of it; none while the destination asked for a pause.
 * Shared by all syncs of a destination in this process; where others run elsewhere, it can be told its share.
 */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Rate {
  /** Resolves when a request may go out; early when the signal says so. */
  take(signal?: AbortSignal): Promise<void>;
  /** Nobody gets permission for so long, in milliseconds. */
  pause(ms: number): void;
  /** From now on this part of the rate, above 0 and up to 1, is to be had here: others have the rest. */
  share(part: number): void;
}

/** The rate of each destination, by its id. */
export type RateOf = (destinationId: string) => Rate;

/** `perSecond` 0: no limit. */
export function createRates(perSecond: number): RateOf {
  const rates = new Map<string, Rate>();
  return (destinationId) => {
    const known = rates.get(destinationId);
    if (known !== undefined) return known;
    const made = createRate(perSecond);
    rates.set(destinationId, made);
    return made;
  };
}

export function createRate(perSecond: number, now: () => number = () => performance.now()): Rate {
  const turns = createTurns(perSecond);
  let pausedUntil = Number.NEGATIVE_INFINITY;
  return {
    async take(signal) {
      const turn = turns.next(now());
      for (;;) {
        const wait = Math.max(turn, pausedUntil) - now();
        if (wait <= 0 || signal?.aborted === true) return;
        await sleep(Math.ceil(wait), undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
      }
    },
    share: turns.share,
    pause(ms) {
      pausedUntil = Math.max(pausedUntil, now() + ms);
    },
  };
}

/** When each request may go, in milliseconds. Those who come late may catch up by 20 ms and no more. */
export function createTurns(perSecond: number): { next(now: number): number; share(part: number): void } {
  const whole = perSecond === 0 ? 0 : 1000 / perSecond;
  let interval = whole;
  const catchUp = 20;
  let free = Number.NEGATIVE_INFINITY;
  return {
    next(now) {
      const turn = Math.max(free, now - catchUp);
      free = turn + interval;
      return turn;
    },
    share(part) {
      interval = whole / part;
    },
  };
}
