/**
 * Order where it matters. In: pieces of work with the names each touches, in the order they are asked for. Out: their
 * results. Promised: work that shares a name with earlier work begins when that is over; other work begins at once.
 */
export interface Lanes {
  /** `space` keeps names of different spaces apart. */
  run<T>(space: string, names: ReadonlySet<string>, work: () => Promise<T>): Promise<T>;
}

interface Running {
  readonly names: ReadonlySet<string>;
  readonly over: Promise<unknown>;
}

export function createLanes(): Lanes {
  /**
   * What is not over, of each space. Few and large: looking into each of them costs less than keeping one table of names, of
   * which every name would have to be taken out again.
   */
  const spaces = new Map<string, Set<Running>>();
  return {
    run(space, names, work) {
      const running = spaces.get(space) ?? new Set<Running>();
      spaces.set(space, running);
      const earlier = [...running].filter((other) => shareName(names, other.names)).map(({ over }) => over);
      const over = earlier.length === 0 ? work() : Promise.allSettled(earlier).then(work);
      const own: Running = { names, over };
      running.add(own);
      const leave = () => {
        running.delete(own);
        if (running.size === 0 && spaces.get(space) === running) spaces.delete(space);
      };
      over.then(leave, leave);
      return over;
    },
  };
}

function shareName(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  const [few, many] = a.size < b.size ? [a, b] : [b, a];
  for (const name of few) if (many.has(name)) return true;
  return false;
}
