/**
 * Who may do what. In: what somebody was given. Out: yes or no. Pure. An owner may do everything; a member what its
 * permissions add up to. Names and meanings of the roles are the vendor's (`public-api.md` section 2.4).
 */

/**
 * What an act needs, in words that end "a role that may …". Those of `source` and `space` are about one of them, or about
 * all when none is named.
 */
export const powers = {
  'workspace:read': 'see the workspace, its catalog and its labels',
  'workspace:admin': 'see usage and the audit trail, see and change people, tokens and labels',
  'source:read': 'see sources, models, destinations, mappings, syncs and alerts',
  'source:admin':
    'add and change sources, models, destinations, mappings and alerts, see write keys, start and cancel syncs',
  'space:read': 'see spaces, their profiles, audiences and computed traits',
  'space:admin': 'add and change spaces and the subscriptions in them',
  'audience:admin': 'change audiences and computed traits',
  'privacy:admin': 'delete and suppress people',
} as const satisfies Record<string, string>;
export type Power = keyof typeof powers;

interface Role {
  /** The vendor's where it is published. */
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** Null: of the whole workspace. */
  readonly scope: 'SOURCE' | 'SPACE' | null;
  readonly powers: readonly Power[];
}

const everything = Object.keys(powers) as Power[];

export const roles = {
  'workspace-owner': {
    id: '1WDUuRLxv84rrfCNUwvkrRtkxnS',
    name: 'Workspace Owner',
    description: 'Full access to everything.',
    scope: null,
    powers: everything,
  },
  'minimal-access': {
    id: '1aEWAcU0fArxScocwH9xxLgW7r3',
    name: 'Minimal Workspace Access',
    description: 'Sees that the workspace is there, and nothing in it; other roles add to it.',
    scope: null,
    powers: ['workspace:read'],
  },
  'source-admin': {
    id: 'rol_source_admin',
    name: 'Source Admin',
    description: 'Edits sources, their models, destinations and mappings; sees write keys.',
    scope: 'SOURCE',
    powers: ['workspace:read', 'source:read', 'source:admin'],
  },
  'source-read-only': {
    id: 'rol_source_read_only',
    name: 'Source Read-only',
    description: 'Sees sources, their models, destinations and mappings; no write keys.',
    scope: 'SOURCE',
    powers: ['workspace:read', 'source:read'],
  },
  'unify-and-engage-admin': {
    id: 'rol_unify_and_engage_admin',
    name: 'Unify and Engage Admin',
    description: 'Edits spaces, their audiences and computed traits.',
    scope: 'SPACE',
    powers: ['workspace:read', 'space:read', 'space:admin', 'audience:admin'],
  },
  'unify-and-engage-read-only': {
    id: 'rol_unify_and_engage_read_only',
    name: 'Unify and Engage Read-only',
    description: 'Sees spaces, their audiences and computed traits.',
    scope: 'SPACE',
    powers: ['workspace:read', 'space:read'],
  },
  'unify-read-only-engage-user': {
    id: 'rol_unify_read_only_engage_user',
    name: 'Unify Read-only, Engage User',
    description: 'Sees spaces; edits their audiences and computed traits.',
    scope: 'SPACE',
    powers: ['workspace:read', 'space:read', 'audience:admin'],
  },
  'end-user-privacy-admin': {
    id: 'rol_end_user_privacy_admin',
    name: 'End User Privacy Admin',
    description: 'Deletes and suppresses people.',
    scope: null,
    powers: ['workspace:read', 'privacy:admin'],
  },
} as const satisfies Record<string, Role>;
export type RoleSlug = keyof typeof roles;

export function isRole(slug: string): slug is RoleSlug {
  return Object.hasOwn(roles, slug);
}

export interface LabelRef {
  readonly key: string;
  readonly value: string;
}

/** Where a role holds: at these sources or spaces, or at sources with one of these labels. */
export interface ResourceRef {
  readonly id?: string;
  readonly labels?: readonly LabelRef[];
}

export interface Permission {
  readonly role: RoleSlug;
  readonly resources: 'all' | readonly ResourceRef[];
}

/** What a token, or a person, was given. */
export interface Grant {
  readonly role: 'owner' | 'member';
  readonly permissions: readonly Permission[];
}

/** What an act is about. */
export interface Resource {
  readonly type: 'SOURCE' | 'SPACE';
  readonly id: string;
  readonly labels?: readonly LabelRef[];
}

/** Without a resource: everywhere. */
export function may({ role, permissions }: Grant, power: Power, resource?: Resource): boolean {
  // Whoever has a token sees that the workspace is there.
  if (role === 'owner' || power === 'workspace:read') return true;
  return permissions.some((permission) => {
    const { scope, powers: given }: Role = roles[permission.role];
    if (!given.includes(power)) return false;
    if (scope === null || permission.resources === 'all') return true;
    return resource !== undefined && scope === resource.type && permission.resources.some((ref) => isAt(ref, resource));
  });
}

/** Whether it may do so somewhere: a list is then shown, cut to what it may see. */
export function mayAnywhere({ role, permissions }: Grant, power: Power): boolean {
  if (role === 'owner' || power === 'workspace:read') return true;
  return permissions.some(({ role: slug }) => (roles[slug] as Role).powers.includes(power));
}

/**
 * Whether somebody may give this to another: nobody gives, changes or takes what they may not do themselves. What an owner
 * is, owners alone decide. A place is reached as a permission names it: an id by the same id, a label by the same label.
 */
export function mayGive(giver: Grant, given: Grant): boolean {
  if (giver.role === 'owner') return true;
  if (given.role === 'owner') return false;
  return given.permissions.every(({ role, resources }) => {
    if (role === 'workspace-owner') return false;
    return roles[role].powers.every((power) => holdsAt(giver, power, roles[role].scope, resources));
  });
}

function holdsAt(giver: Grant, power: Power, scope: Role['scope'], wanted: Permission['resources']): boolean {
  if (may(giver, power)) return true;
  if (wanted === 'all') return false;
  const given = giver.permissions
    .filter(({ role }) => (roles[role] as Role).powers.includes(power) && roles[role].scope === scope)
    .flatMap(({ resources }) => (resources === 'all' ? [] : resources));
  const hasLabel = (label: LabelRef) =>
    given.some(({ labels = [] }) => labels.some(({ key, value }) => key === label.key && value === label.value));
  return wanted.every(({ id, labels = [] }) =>
    id === undefined ? labels.length > 0 && labels.every(hasLabel) : given.some((ref) => ref.id === id),
  );
}

function isAt({ id, labels = [] }: ResourceRef, resource: Resource): boolean {
  if (id !== undefined) return id === resource.id;
  const has = (wanted: LabelRef) =>
    (resource.labels ?? []).some(({ key, value }) => key === wanted.key && value === wanted.value);
  return labels.some(has);
}
