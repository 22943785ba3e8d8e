/** The identifier types every space begins with, and the settings of a new space (`profile-space.md` 2.2 and 2.3). */
import type { IdentifierRule, SpaceSettings } from './space.ts';

/** Values that stand for "nobody" in real data; blocked on every type unless switched off. */
export const recommendedBlocked: IdentifierRule['blocked'] = {
  values: ['-1', 'null', 'anonymous'],
  patterns: ['^[0-]*$'],
};

/** The eleven defaults in order of priority: user_id, email, then alphabetically. */
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

/** Settings of a new space: the eleven defaults, recommended values blocked, unknown types of `externalIds` welcome. */
export function defaultSpaceSettings(): SpaceSettings {
  return { identifiers: defaultIdentifierTypes.map(defaultRule), autoRegister: true };
}
