/**
 * What a person says of a computation, checked and completed. In: a name, a query, options. Out: every fault, or what
 * is kept. Pure.
 */
import type { ComputationOptions } from './audience.ts';
import { keyOf } from './keys.ts';
import { compileQuery } from './query/compile.ts';
import type { CompiledQuery, QueryFault, QueryUse } from './query/query.ts';

/** What is left out is completed. */
export interface GivenOptions {
  readonly includeHistoricalData?: boolean | undefined;
  readonly filterByExternalIds?: readonly string[] | undefined;
  /** Adds anonymous ids to the types that count. */
  readonly includeAnonymousUsers?: boolean | undefined;
  readonly backfillDays?: number | undefined;
}

/** A part of a definition that is wrong. */
export interface DefinitionFault {
  readonly where: 'name' | 'query' | 'filterByExternalIds' | 'definition';
  /** What is wrong and what to do. */
  readonly message: string;
}

/** Why a definition is not taken; nothing was written. */
export interface ComputationRefusal {
  readonly kind: 'refused';
  /** It is wrong by itself; it cannot be here; or something that is there is against it, now or for ever. */
  readonly reason: 'invalid' | 'impossible' | 'conflict';
  /** At least one. */
  readonly faults: readonly DefinitionFault[];
}

export function refusal(
  reason: ComputationRefusal['reason'],
  where: DefinitionFault['where'],
  message: string,
): ComputationRefusal {
  return { kind: 'refused', reason, faults: [{ where, message }] };
}

/** Everything that is wrong with a name and a query, each as far as it is there. */
export function definitionFaults(
  use: QueryUse,
  { name, query }: { readonly name?: string | undefined; readonly query?: string | undefined },
): readonly DefinitionFault[] {
  const faults: DefinitionFault[] = [];
  if (name !== undefined && keyOf(name) === '') {
    const message = 'The name needs a letter from a to z or a digit: the key of the trait is made of them.';
    faults.push({ where: 'name', message });
  }
  if (query === undefined) return faults;
  const compiled = compileQuery(query, use);
  return compiled.kind === 'compiled' ? faults : [...faults, ...queryFaults(compiled.faults)];
}

export function queryFaults(faults: readonly QueryFault[]): readonly DefinitionFault[] {
  return faults.map(({ message, line, column }) => ({
    where: 'query',
    message: `Line ${line}, column ${column}: ${message}`,
  }));
}

const usualTypes = ['user_id', 'email', 'android.idfa', 'ios.idfa'];
const anonymous = 'anonymous_id';
const dayMs = 24 * 60 * 60 * 1000;
/** Of an audience whose events have no window. */
const usualBackfillDays = 7;

/** The options that hold, of those that were given (`public-api.md` 4.8.1). */
export function completeOptions(
  { kind, entity }: QueryUse,
  query: CompiledQuery,
  given: GivenOptions,
): ComputationOptions {
  const types = given.filterByExternalIds ?? (entity === 'ACCOUNTS' ? [] : usualTypes);
  const withAnonymous = given.includeAnonymousUsers === true && entity === 'USERS' && !types.includes(anonymous);
  return {
    includeHistoricalData: given.includeHistoricalData ?? true,
    filterByExternalIds: withAnonymous ? [...types, anonymous] : types,
    backfillDays: given.backfillDays ?? (kind === 'audience' ? defaultBackfillDays(query) : null),
  };
}

/** The longest window of the query in whole days; 7 when it has none. Null when it looks at no events. */
export function defaultBackfillDays({ needsEvents, longestWindowMs }: CompiledQuery): number | null {
  if (!needsEvents) return null;
  return longestWindowMs === null ? usualBackfillDays : Math.max(1, Math.ceil(longestWindowMs / dayMs));
}

/** Whether profiles with anonymous ids alone count. */
export function includesAnonymous({ filterByExternalIds }: ComputationOptions): boolean {
  return filterByExternalIds.includes(anonymous);
}
