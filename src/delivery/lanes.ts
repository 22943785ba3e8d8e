/**
 * Order where it matters. In: pieces of work with the names each touches, in the order they are asked for. Out: their
 * results. Promised: work that shares a name with earlier work begins when that is over; other work begins at once.
 */
export interface Lanes {
  /** `space` keeps names of different spaces apart. */
  run<T>(space: string, names: Iterable<string>, work: () => Promise<T>): Promise<T>;
}

type Running = Promise<unknown>;

export function createLanes(): Lanes {
  /** The last work of each name that is not over; so never more than what is on its way. */
  const spaces = new Map<string, Map<string, Running>>();
  return {
    run(space, names, work) {
      const lanes = spaces.get(space) ?? new Map<string, Running>();
      spaces.set(space, lanes);
      const own = new Set(names);
      const earlier = new Set<Running>();
      for (const name of own) {
        const running = lanes.get(name);
        if (running !== undefined) earlier.add(running);
      }
      const result = earlier.size === 0 ? work() : Promise.allSettled(earlier).then(work);
      const leave = () => {
        for (const name of own) if (lanes.get(name) === result) lanes.delete(name);
        if (lanes.size === 0 && spaces.get(space) === lanes) spaces.delete(space);
      };
      for (const name of own) lanes.set(name, result);
      result.then(leave, leave);
      return result;
    },
  };
}
