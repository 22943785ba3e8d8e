/**
 * The identity settings of a space, prepared for use. In: `SpaceSettings`. Out: for every identifier type its rule,
 * priority and test for blocked values. Source: `profile-space.md` 2.2 and 2.3.
 */
import { isMillraceError } from '../../base/errors.ts';
import { parseFql } from '../../base/fql.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Collection, IdentifierRule, LimitWindow, SpaceSettings } from '../space.ts';
import type { Drop } from '../writing/drops.ts';
import { defaultRule, orderedIdentifiers } from './default-settings.ts';

export const maxMerges = 100;
export const maxIdentifiersPerProfile = 1000;
export const maxIdentifierLength = 500;

const typeName = /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/;
const dayMs = 24 * 60 * 60 * 1000;
/** How long back values count. */
export const windowMs: Readonly<Record<LimitWindow, number>> = {
  ever: Number.POSITIVE_INFINITY,
  annually: 365 * dayMs,
  monthly: 30 * dayMs,
  weekly: 7 * dayMs,
  daily: dayMs,
};

export interface TypeRule {
  readonly type: string;
  readonly collection: Collection;
  readonly limit: number;
  /** How long a value counts towards the limit, ms; infinite for `ever`. */
  readonly windowMs: number;
  /** Its place in the order of priority; infinite for those that follow alphabetically. */
  readonly rank: number;
  readonly custom: boolean;
  /** The camelCase spelling that is read beside the type itself; null when it is the same. */
  readonly camelCase: string | null;
  blocks(value: string): boolean;
}

export interface SpaceRules {
  readonly users: ReadonlyMap<string, TypeRule>;
  readonly accounts: ReadonlyMap<string, TypeRule>;
  /** Configured types that are read from traits and properties. */
  readonly custom: readonly TypeRule[];
  /** The rule of a type, made up on first sight when the space allows it; null when the type cannot be used. */
  ruleOf(collection: Collection, type: string): TypeRule | null;
  /** The filter that keeps a message out; null when none does. */
  dropOf(message: JsonObject): Drop | null;
  /** Filters that are left out. */
  readonly unreadable: readonly UnreadableFilter[];
  readonly subscriptionGroups: ReadonlySet<string>;
}

export interface UnreadableFilter {
  readonly name: string;
  /** Why it cannot be read. */
  readonly message: string;
}

export function compileRules(settings: SpaceSettings): SpaceRules {
  const users = new Map<string, TypeRule>();
  const accounts = new Map<string, TypeRule>();
  const of = (collection: Collection) => (collection === 'users' ? users : accounts);
  const ordered = orderedIdentifiers(settings);
  for (const [at, rule] of settings.identifiers.entries()) {
    const rank = at < ordered ? at : ordered + restRank(rule.type);
    of(rule.collection).set(rule.type, compileRule(rule, rank));
  }
  const custom = [...users.values()].filter((rule) => rule.custom);
  const { filters, unreadable } = compileFilters(settings);
  return {
    users,
    accounts,
    custom,
    unreadable,
    subscriptionGroups: new Set(settings.subscriptionGroups),
    dropOf(message) {
      for (const { matches, drop } of filters) if (matches(message)) return drop;
      return null;
    },
    ruleOf(collection, type) {
      const known = of(collection).get(type);
      if (known !== undefined) return known;
      if (!settings.autoRegister || type.length > 100 || !typeName.test(type)) return null;
      const rule = registeredRule(collection, type);
      of(collection).set(type, rule);
      return rule;
    },
  };
}

/** Among the types that nobody ordered. */
function restRank(type: string): number {
  return type === 'user_id' ? 0 : type === 'email' ? 1 : Number.POSITIVE_INFINITY;
}

/**
 * A filter that was stored is one that could be read then; if it no longer can, messages are taken without it, rather than
 * none at all.
 */
function compileFilters(settings: SpaceSettings) {
  const filters: { readonly matches: (message: JsonObject) => boolean; readonly drop: Drop }[] = [];
  const unreadable: UnreadableFilter[] = [];
  for (const { name, enabled, if: condition } of settings.filters ?? []) {
    if (!enabled) continue;
    try {
      const { matches } = parseFql(condition);
      filters.push({ matches, drop: { reason: 'filtered', detail: `The filter "${name}" keeps it out.` } });
    } catch (error) {
      if (!isMillraceError(error, 'fql_invalid')) throw error;
      unreadable.push({ name, message: error.message });
    }
  }
  return { filters, unreadable };
}

/** Filters of a space that keep nothing out, because they cannot be read any more. */
export function unreadableFilters(settings: SpaceSettings): readonly UnreadableFilter[] {
  return compileFilters(settings).unreadable;
}

/** The rule of a type that nobody configured: known from `externalIds` only, in its place among those nobody ordered. */
function registeredRule(collection: Collection, type: string): TypeRule {
  return compileRule({ ...defaultRule(type), collection, custom: false }, Number.POSITIVE_INFINITY);
}

function compileRule(rule: IdentifierRule, rank: number): TypeRule {
  const values = new Set(rule.blocked.values);
  const patterns = rule.blocked.patterns.map((pattern) => new RegExp(pattern));
  const camelCase = rule.type.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return {
    type: rule.type,
    collection: rule.collection,
    limit: rule.limit,
    windowMs: windowMs[rule.window],
    rank,
    custom: rule.custom,
    camelCase: camelCase === rule.type ? null : camelCase,
    blocks: (value) => values.has(value) || patterns.some((pattern) => pattern.test(value)),
  };
}

/** Orders types by priority, highest first: those somebody ordered, user_id, email, then the others alphabetically. */
export function byPriority(a: TypeRule, b: TypeRule): number {
  if (a.rank !== b.rank) return a.rank < b.rank ? -1 : 1;
  return a.type < b.type ? -1 : a.type > b.type ? 1 : 0;
}
