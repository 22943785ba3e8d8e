/**
 * The rate limit of the Tracking API: so many requests a second flow in, and a second's worth may come at once. Who comes
 * too early waits for a place, in order; only when that would take too long is it refused. Zero switches it off.
 */
export interface Gate {
  /** Milliseconds to wait before going on; `refused` with the seconds after which it is worth another try. */
  enter(nowMs: number): { readonly waitMs: number } | { readonly refused: number };
}

/** So long a request may wait for its place; clients give up after ten seconds. */
const longestWaitMs = 2_000;

export function createGate(perSecond: number): Gate {
  const step = 1000 / perSecond;
  /** When the next place is free. */
  let next = Number.NEGATIVE_INFINITY;
  return {
    enter(nowMs) {
      if (perSecond <= 0) return { waitMs: 0 };
      const place = Math.max(next, nowMs - 1000);
      const waitMs = place - nowMs;
      if (waitMs > longestWaitMs) return { refused: Math.ceil((waitMs - longestWaitMs) / 1000) };
      next = place + step;
      return { waitMs: Math.max(0, waitMs) };
    },
  };
}
