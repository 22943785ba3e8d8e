/** The roles of a token or a person, as `token create`, `person invite` and `person roles` take them. In: words. Out: what the token allows. Errors: `usage`, `not_found`. */
import { MillraceError } from '../base/errors.ts';
import {
  findSpace,
  type Grant,
  isRole,
  type LabelRef,
  listLabels,
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

/** What can follow a role. */
export const placeWords = 'ROLE@label:KEY=VALUE holds at the sources of a label';

export interface RoleWords {
  /** None: the owner's. `source-admin@label:team=web` holds at the sources of a label. */
  readonly roles: readonly string[];
  /** Ids or names; none: all. */
  readonly sources: readonly string[];
  readonly spaces: readonly string[];
}

export async function grantOf(store: WorkspaceStore, words: RoleWords): Promise<Grant> {
  const wanted = words.roles.filter((word) => word !== ownerWord && word !== 'workspace-owner').map(readWord);
  const isOwner = words.roles.length === 0 || wanted.length < words.roles.length;
  if (isOwner && wanted.length > 0) throw usage('An owner may do everything; other roles add nothing to it.');
  const scopes = new Set<'SOURCE' | 'SPACE' | null>(wanted.map(({ role }) => roles[role].scope));
  if (words.sources.length > 0 && !scopes.has('SOURCE')) throw usage('--source narrows roles about sources; give one.');
  if (words.spaces.length > 0 && !scopes.has('SPACE')) throw usage('--space narrows roles about spaces; give one.');
  if (isOwner) return { role: 'owner', permissions: [] };
  await checkLabels(store, wanted);
  const sources = await sourcesOf(store, words.sources);
  const spaces = await Promise.all(words.spaces.map(async (name) => ({ id: (await findSpace(store.db, name)).id })));
  const resourcesOf = ({ role, label }: RoleWord): Permission['resources'] => {
    if (label !== null) return [{ labels: [label] }];
    const listed = { SOURCE: sources, SPACE: spaces, none: [] }[roles[role].scope ?? 'none'];
    return listed.length === 0 ? 'all' : listed;
  };
  const permissions = wanted.map((word): Permission => ({ role: word.role, resources: resourcesOf(word) }));
  return { role: 'member', permissions };
}

interface RoleWord {
  readonly role: RoleSlug;
  readonly label: LabelRef | null;
}

/** `source-admin`, or `source-admin@label:team=web`. */
function readWord(word: string): RoleWord {
  const at = word.indexOf('@');
  if (at < 0) return { role: slugOf(word), label: null };
  const role = slugOf(word.slice(0, at));
  const [, key, value] = /^label:([^=]+)=(.+)$/.exec(word.slice(at + 1)) ?? [];
  if (key === undefined || value === undefined) {
    throw usage(`What follows @ in ${JSON.stringify(printable(word))} is no label: ${placeWords}.`);
  }
  if (roles[role].scope !== 'SOURCE') throw usage(`Sources have labels, and ${role} is not about sources.`);
  return { role, label: { key, value } };
}

async function checkLabels({ db }: WorkspaceStore, words: readonly RoleWord[]): Promise<void> {
  if (words.every(({ label }) => label === null)) return;
  const known = await listLabels(db);
  for (const { label } of words) {
    if (label === null || known.some(({ key, value }) => key === label.key && value === label.value)) continue;
    const name = printable(`${label.key}=${label.value}`);
    throw new MillraceError('not_found', `There is no label "${name}".`, {
      help: 'Labels are made over the Public API: POST /labels.',
    });
  }
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
