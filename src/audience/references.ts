/** Who reads whom: computations whose queries look at the traits that others write. Pure. */
import type { Computation } from './audience.ts';
import { compileQuery } from './query/compile.ts';

export type Referring = Pick<Computation, 'kind' | 'entity' | 'key' | 'query'>;

/** Tells of others whether the query of this one looks at what they write. One that cannot be read any more looks at nothing. */
function looksOf({ query, kind, entity }: Referring): (other: Referring) => boolean {
  const compiled = compileQuery(query, { kind, entity });
  if (compiled.kind === 'faulty') return () => false;
  const { traits, personTraits } = compiled.query;
  return (other) => {
    // People have traits of their own, and are asked about audiences of their accounts.
    const isOfPeople = other.entity === 'USERS' || other.kind === 'audience';
    return traits.has(other.key) || (isOfPeople && personTraits.has(other.key));
  };
}

/** Those whose queries look at what this one writes. */
export function readersOf<C extends Referring>(written: Referring, all: readonly C[]): readonly C[] {
  return all.filter((one) => one.key !== written.key && looksOf(one)(written));
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
    const looksAt = looksOf(one);
    for (const other of byKey.values()) {
      if (!looksAt(other)) continue;
      if (other.key === own.key) return [key, other.key];
      const way = wayFrom(other.key);
      if (way !== null) return [key, ...way];
    }
    return null;
  };
  return wayFrom(own.key);
}
