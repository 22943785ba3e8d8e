/** The identifier types every space begins with, and the settings of a new space (`profile-space.md` 2.2 and 2.3). */
import type { IdentifierRule, LimitWindow, SpaceSettings } from '../space.ts';

/** Values that stand for "nobody" in real data; blocked on every type unless switched off. */
export const recommendedBlocked: IdentifierRule['blocked'] = {
  values: ['-1', 'null', 'anonymous'],
  patterns: ['^[0-]*$'],
};

/** The eleven defaults in the order of priority that they have among themselves: user_id, email, then alphabetically. */
export const defaultIdentifierTypes = [
  'user_id',
  'email',
  'android.id',
  'android.idfa',
  'android.push_token',
  'anonymous_id',
  'ga_client_id',
  'group_id',
  'ios.id',
  'ios.idfa',
  'ios.push_token',
] as const;

export function isDefaultIdentifier(type: string): boolean {
  return (defaultIdentifierTypes as readonly string[]).includes(type);
}

/** The rule a type has when nothing is said about it. */
export function defaultRule(type: string): IdentifierRule {
  return {
    type,
    collection: type === 'group_id' ? 'accounts' : 'users',
    limit: type === 'user_id' ? 1 : 5,
    window: 'ever',
    blocked: recommendedBlocked,
    custom: !isDefaultIdentifier(type),
  };
}

/**
 * Rules that suit most: one user id for good, what a device gives counts for a while, and the weakest, `anonymous_id`, last
 * (`profile-space.md` 2.3).
 */
export function recommendedIdentifiers(): readonly IdentifierRule[] {
  return recommended.map(([type, limit, window]) => ({ ...defaultRule(type), limit, window }));
}

const recommended: readonly (readonly [type: (typeof defaultIdentifierTypes)[number], number, LimitWindow])[] = [
  ['user_id', 1, 'ever'],
  ['email', 5, 'annually'],
  ['android.id', 2, 'annually'],
  ['android.idfa', 2, 'annually'],
  ['android.push_token', 5, 'ever'],
  ['ga_client_id', 5, 'ever'],
  ['group_id', 5, 'annually'],
  ['ios.id', 2, 'annually'],
  ['ios.idfa', 2, 'weekly'],
  ['ios.push_token', 5, 'ever'],
  ['anonymous_id', 5, 'weekly'],
];

/** Settings of a new space: the eleven defaults, recommended values blocked, unknown types of `externalIds` welcome. */
export function defaultSpaceSettings(): SpaceSettings {
  return { identifiers: defaultIdentifierTypes.map(defaultRule), autoRegister: true };
}

/**
 * How many identifiers of a list stand in an order that somebody gave them; the rest are defaults that nobody spoke of, among
 * which new types take their place. Where the settings do not say it, the end of the list tells: defaults as they are made, in their
 * own order.
 */
export function orderedIdentifiers({ identifiers, ordered }: SpaceSettings): number {
  if (ordered !== undefined) return ordered;
  let first = identifiers.length;
  let before: number = defaultIdentifierTypes.length;
  while (first > 0) {
    const rule = identifiers[first - 1] as IdentifierRule;
    const place = (defaultIdentifierTypes as readonly string[]).indexOf(rule.type);
    if (place < 0 || place >= before || !isAsMade(rule)) break;
    before = place;
    first -= 1;
  }
  return first;
}

function isAsMade(rule: IdentifierRule): boolean {
  const usual = defaultRule(rule.type);
  return (
    rule.collection === usual.collection &&
    rule.limit === usual.limit &&
    rule.window === usual.window &&
    rule.custom === usual.custom &&
    sameTexts(rule.blocked.values, usual.blocked.values) &&
    sameTexts(rule.blocked.patterns, usual.blocked.patterns)
  );
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, at) => text === b[at]);
}
