/** The roles of a token, as `token create` takes them. In: words. Out: what the token allows. Errors: `usage`, `not_found`. */
import { MillraceError } from '../base/errors.ts';
import {
  findSpace,
  type Grant,
  isRole,
  type Permission,
  type ResourceRef,
  type RoleSlug,
  readWorkspace,
  roles,
  type WorkspaceStore,
} from '../workspace/workspace.ts';
import { printable } from './text.ts';

export const ownerWord = 'owner';
export const roleWords: readonly string[] = [
  ownerWord,
  ...Object.keys(roles).filter((slug) => slug !== 'workspace-owner'),
];

export interface RoleWords {
  /** None: the owner's. */
  readonly roles: readonly string[];
  /** Ids or names; none: all. */
  readonly sources: readonly string[];
  readonly spaces: readonly string[];
}

export async function grantOf(store: WorkspaceStore, words: RoleWords): Promise<Grant> {
  const slugs = words.roles.filter((word) => word !== ownerWord && word !== 'workspace-owner').map(slugOf);
  const isOwner = words.roles.length === 0 || slugs.length < words.roles.length;
  if (isOwner && slugs.length > 0) throw usage('An owner may do everything; other roles add nothing to it.');
  const scopes = new Set<'SOURCE' | 'SPACE' | null>(slugs.map((slug) => roles[slug].scope));
  if (words.sources.length > 0 && !scopes.has('SOURCE')) throw usage('--source narrows roles about sources; give one.');
  if (words.spaces.length > 0 && !scopes.has('SPACE')) throw usage('--space narrows roles about spaces; give one.');
  if (isOwner) return { role: 'owner', permissions: [] };
  const sources = await sourcesOf(store, words.sources);
  const spaces = await Promise.all(words.spaces.map(async (name) => ({ id: (await findSpace(store.db, name)).id })));
  const resourcesOf = (slug: RoleSlug): Permission['resources'] => {
    const listed = { SOURCE: sources, SPACE: spaces, none: [] }[roles[slug].scope ?? 'none'];
    return listed.length === 0 ? 'all' : listed;
  };
  return { role: 'member', permissions: slugs.map((role) => ({ role, resources: resourcesOf(role) })) };
}

function usage(message: string): MillraceError {
  return new MillraceError('usage', message, { help: `Roles: ${roleWords.join(', ')}.` });
}

function slugOf(word: string): RoleSlug {
  if (isRole(word)) return word;
  throw usage(`There is no role ${JSON.stringify(printable(word))}.`);
}

async function sourcesOf(store: WorkspaceStore, names: readonly string[]): Promise<readonly ResourceRef[]> {
  if (names.length === 0) return [];
  const workspace = await readWorkspace(store);
  const known: readonly { readonly id: string; readonly name: string }[] = [
    ...workspace.sources,
    ...workspace.eventStreams,
    ...workspace.spaces.map(({ id }) => ({ id, name: id })),
  ];
  return names.map((given) => {
    const [first, second] = known.filter(({ id, name }) => id === given || name === given);
    if (first === undefined) {
      throw new MillraceError('not_found', `There is no source "${printable(given)}".`, {
        help: 'Give the name or the id of a warehouse or an event stream, or the id of a space for its own source.',
      });
    }
    if (second !== undefined) {
      throw usage(`Two sources are called "${printable(given)}": ${first.id} and ${second.id}; give an id.`);
    }
    return { id: first.id };
  });
}

/** `owner`, or `source-admin at src_…`. */
export function grantText({ role, permissions }: Grant): string {
  if (role === 'owner') return ownerWord;
  return permissions
    .map(({ role: slug, resources }) =>
      resources === 'all' ? slug : `${slug} at ${resources.map(resourceText).join(', ')}`,
    )
    .join('; ');
}

function resourceText({ id, labels = [] }: ResourceRef): string {
  return id ?? labels.map(({ key, value }) => `${key}:${value}`).join(', ');
}
