/**
 * The computations of a space, ready to be evaluated. In: their definitions. Out: compiled, each after those whose keys it
 * reads, with what all of them look at. What cannot be compiled any more is told apart.
 */
import { partsOfBoth, type WantedParts, type WantedSubjects } from '../space/space.ts';
import type { Computation, ComputationOptions } from './audience.ts';
import { compileQuery } from './query/compile.ts';
import type { CompiledQuery } from './query/query.ts';

/** A query and the events that count for it. */
export interface Lens {
  readonly query: CompiledQuery;
  /** Events count from this moment of their own on, ms; null: all. */
  readonly from: number | null;
  /** Events count when they arrived from this moment on, ms; null: all. */
  readonly receivedFrom: number | null;
}

export interface Prepared extends Lens {
  readonly computation: Computation;
}

export interface PreparedSpace {
  readonly ordered: readonly Prepared[];
  readonly faulty: readonly { readonly computation: Computation; readonly message: string }[];
}

/** Compiles each definition once, as long as it is asked for. */
export function createPreparer(): (computations: readonly Computation[]) => PreparedSpace {
  let kept = new Map<string, ReturnType<typeof compileQuery>>();
  return (computations) => {
    const next: typeof kept = new Map();
    const ready: Prepared[] = [];
    const faulty: PreparedSpace['faulty'][number][] = [];
    for (const computation of computations) {
      const { kind, entity, query } = computation;
      const key = JSON.stringify([kind, entity, query]);
      const compiled = kept.get(key) ?? compileQuery(query, { kind, entity });
      next.set(key, compiled);
      if (compiled.kind === 'compiled')
        ready.push({ computation, ...lensOf(compiled.query, computation.options, computation.createdAt) });
      else faulty.push({ computation, message: compiled.faults.map(({ message }) => message).join(' ') });
    }
    kept = new Map([...[...kept].slice(-200), ...next]);
    return { ordered: inOrder(ready), faulty };
  };
}

const dayMs = 24 * 60 * 60 * 1000;

/** Batch computations look at all that is kept (`activation.md` section 4). */
export function lensOf(query: CompiledQuery, { backfillDays, ...options }: ComputationOptions, madeAt: Date): Lens {
  const made = madeAt.getTime();
  if (query.cadence === 'BATCH') return { query, from: null, receivedFrom: null };
  if (!options.includeHistoricalData) return { query, from: null, receivedFrom: made };
  return { query, from: backfillDays === null ? null : made - backfillDays * dayMs, receivedFrom: null };
}

/** Those that others read come first. There are no circles: they are refused when a definition is taken. */
function inOrder(all: readonly Prepared[]): readonly Prepared[] {
  const byKey = new Map(all.map((one) => [one.computation.key, one]));
  const ordered = new Set<Prepared>();
  const begun = new Set<Prepared>();
  const visit = (one: Prepared) => {
    if (begun.has(one)) return;
    begun.add(one);
    for (const key of [...one.query.traits, ...one.query.personTraits]) {
      const read = byKey.get(key);
      if (read !== undefined) visit(read);
    }
    ordered.add(one);
  };
  for (const one of all) visit(one);
  return [...ordered];
}

/** What these look at, of all the computations of their space. */
export function wantedSubjects(all: readonly Lens[], others: readonly AudienceOfSpace[]): WantedSubjects {
  const names = new Map<string, WantedParts>();
  let since: number | null = Number.POSITIVE_INFINITY;
  for (const { query, from } of all) {
    if (query.events.size === 0) continue;
    since = since === null || from === null ? null : Math.min(since, from);
    for (const [name, reads] of query.events) {
      const before = names.get(name);
      names.set(name, before === undefined ? reads : partsOfBoth(before, reads));
    }
  }
  return {
    names,
    since: since === null || since === Number.POSITIVE_INFINITY ? null : new Date(since),
    accountAudiences: accountAudiencesReadBy(all, others),
  };
}

type AudienceOfSpace = Pick<Computation, 'id' | 'key' | 'kind' | 'entity'>;

/** Id → key. A person asks of them by their keys, as of its own audiences. */
function accountAudiencesReadBy(all: readonly Lens[], others: readonly AudienceOfSpace[]): ReadonlyMap<string, string> {
  const isRead = (key: string) => all.some(({ query }) => query.traits.has(key) || query.personTraits.has(key));
  const ofAccounts = others.filter(({ kind, entity }) => kind === 'audience' && entity === 'ACCOUNTS');
  return new Map(ofAccounts.filter(({ key }) => isRead(key)).map(({ id, key }) => [id, key]));
}

/** Ids of the audiences of accounts that messages about people are held against. */
export function audiencesOfInterest(all: readonly Prepared[]): ReadonlySet<string> {
  const ofPeople = all.filter(({ computation: { entity, enabled } }) => enabled && entity === 'USERS');
  return new Set(
    accountAudiencesReadBy(
      ofPeople,
      all.map(({ computation }) => computation),
    ).keys(),
  );
}
