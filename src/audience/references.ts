/** Who reads whom: computations whose queries look at the traits that others write. Pure. */
import type { Computation } from './audience.ts';
import { compileQuery } from './query/compile.ts';

export type Referring = Pick<Computation, 'kind' | 'entity' | 'key' | 'query'>;

/** Keys of traits; none of what cannot be read any more. */
export function keysReadBy({ query, kind, entity }: Omit<Referring, 'key'>): ReadonlySet<string> {
  const compiled = compileQuery(query, { kind, entity });
  return compiled.kind === 'compiled' ? compiled.query.traits : new Set();
}

/** Those whose queries look at this key. */
export function readersOf<C extends Referring>(key: string, all: readonly C[]): readonly C[] {
  return all.filter((one) => one.key !== key && keysReadBy(one).has(key));
}

/**
 * The way by which a computation would read itself, as keys: from its own to its own. Null when there is none.
 * `others` are those of the space beside it.
 */
export function circleOf(own: Referring, others: readonly Referring[]): readonly string[] | null {
  const byKey = new Map([...others, own].map((one) => [one.key, one]));
  const seen = new Set<string>();
  const wayFrom = (key: string): readonly string[] | null => {
    const one = byKey.get(key);
    if (one === undefined || seen.has(key)) return null;
    seen.add(key);
    for (const read of keysReadBy(one)) {
      if (read === own.key) return [key, read];
      const way = wayFrom(read);
      if (way !== null) return [key, ...way];
    }
    return null;
  };
  return wayFrom(own.key);
}
