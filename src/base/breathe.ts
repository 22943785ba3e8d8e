/**
 * Lets everything else that waits in this process go on: for loops that compute for long. Whoever waits for an answer of
 * the database or a request gets its turn in between.
 */
export function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** How many rows of a sync are worked on between two breaths: about a millisecond. */
export const rowsPerBreath = 50;

/** Breathes when it was called long after the last breath: for loops whose steps take very different times. */
export function createBreather(everyMs = 10): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < everyMs) return undefined;
    return breathe().then(() => {
      last = performance.now();
    });
  };
}
