/**
 * Which ids this process has written already, so that most batches write none, nor hash any. Bounded: two generations, of
 * which the older is forgotten when the younger is full; what is asked for moves to the younger. What is forgotten is
 * written again, to no effect. The ids are in clear, as in the messages this process holds; they go nowhere from here.
 */
export interface UsageMemory {
  /** Whether an id is stored in a scope (month, source, kind) with this day or an earlier one. */
  knows(scope: string, id: string, day: string): boolean;
  remember(scope: string, id: string, day: string): void;
}

type Generation = Map<string, Map<string, string>>;

/** Longer ones are not remembered: a bound on the number would not be a bound on the bytes. */
const longestId = 200;

/** @param most ids of both generations together; half of it is remembered in any case */
export function createUsageMemory(most: number): UsageMemory {
  let young: Generation = new Map();
  let old: Generation = new Map();
  let size = 0;
  const put = (scope: string, id: string, day: string) => {
    const days = young.get(scope) ?? new Map<string, string>();
    if (days.size === 0) young.set(scope, days);
    if (!days.has(id)) size += 1;
    days.set(id, day);
    if (size < most / 2) return;
    old = young;
    young = new Map();
    size = 0;
  };
  const dayOf = (scope: string, id: string): string | undefined => {
    const here = young.get(scope)?.get(id);
    if (here !== undefined) return here;
    const before = old.get(scope)?.get(id);
    if (before !== undefined) put(scope, id, before);
    return before;
  };
  return {
    knows(scope, id, day) {
      const known = dayOf(scope, id);
      return known !== undefined && known <= day;
    },
    remember(scope, id, day) {
      if (id.length > longestId) return;
      const known = dayOf(scope, id);
      if (known === undefined || known > day) put(scope, id, day);
    },
  };
}
