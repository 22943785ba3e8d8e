/**
 * Which ids this process has written already, so that most batches write none. Bounded: two generations, of which the
 * older is forgotten when the younger is full; what is asked for moves to the younger. What is forgotten is written again,
 * to no effect.
 */
export interface UsageMemory {
  /** Whether the id is stored with this day or an earlier one. */
  knows(key: string, day: string): boolean;
  remember(key: string, day: string): void;
}

/** @param most entries of both generations together */
export function createUsageMemory(most: number): UsageMemory {
  let young = new Map<string, string>();
  let old = new Map<string, string>();
  const put = (key: string, day: string) => {
    young.set(key, day);
    if (young.size < most / 2) return;
    old = young;
    young = new Map();
  };
  const dayOf = (key: string): string | undefined => {
    const here = young.get(key);
    if (here !== undefined) return here;
    const before = old.get(key);
    if (before !== undefined) put(key, before);
    return before;
  };
  return {
    knows(key, day) {
      const known = dayOf(key);
      return known !== undefined && known <= day;
    },
    remember(key, day) {
      const known = dayOf(key);
      if (known === undefined || known > day) put(key, day);
    },
  };
}
