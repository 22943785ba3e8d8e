/**
 * `/spaces`: the profile spaces a token may see, and beyond the vendor's API making, changing and removing them. Promised:
 * a space takes over the rules a workspace file would give it; one that holds profiles, or that something sends to, is not
 * removed.
 */
import { z } from 'zod';
import {
  defaultSpaceSettings,
  recommendedIdentifiers,
  type SpaceSettings,
  unreadableFilters,
} from '../../../space/space.ts';
import {
  type Draft,
  listSpaces,
  may,
  namedSpace,
  nameFrom,
  powers,
  type Space,
  settingsOfInput,
  shownSettings,
  spaceInput,
  type Workspace,
  type WorkspaceGrant,
} from '../../../workspace/workspace.ts';
import { readBody, text } from '../body.ts';
import { editConfig, readConfig } from '../config.ts';
import {
  badRequest,
  conflict,
  type InputFault,
  inputInvalid,
  isRefusal,
  notAllowed,
  notFound,
  type Problem,
  type PublicRefusal,
  refused,
  settled,
} from '../errors.ts';
import { listPage } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import { allSources, readSourceLabels, resourceOf } from '../reverse-etl/source-list.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import { spaceOrRefusal } from './find-space.ts';

export function spaceRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const one = '/spaces/:spaceId';
  const reading = { method: 'GET', versions: ['alpha'], needs: 'space:read' } as const;
  const changing = { versions: ['alpha'], needs: 'space:admin' } as const;
  return [
    {
      ...{ ...reading, url: '/spaces' },
      async handle({ query, grant }) {
        const spaces = [...(await listSpaces(deps.db.pool))].sort(byCreation);
        const seen = spaces.filter(({ id }) => may(grant, 'space:read', { type: 'SPACE', id }));
        return listPage('spaces', seen.map(spaceBody), query);
      },
    },
    { ...{ method: 'POST', url: '/spaces', ...changing, status: 201 }, handle: (request) => create(deps, request) },
    {
      ...{ ...reading, url: one },
      async handle({ params, grant }) {
        const space = await spaceOrRefusal(deps.db.pool, params.spaceId as string, grant, 'space:read');
        return isRefusal(space) ? space : answerOf(deps, space.name, grant);
      },
    },
    { ...{ method: 'PATCH', url: one, ...changing }, handle: (request) => update(deps, request) },
    { ...{ method: 'DELETE', url: one, ...changing }, handle: (request) => remove(deps, request) },
  ];
}

function byCreation(a: Space, b: Space): number {
  return a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1);
}

function spaceBody({ id, name, title }: Pick<Space, 'id' | 'name' | 'title'>) {
  return { id, slug: name, name: title ?? name };
}

/** One space, with its settings and what sends to it, as far as the grant may see that. */
async function answerOf(
  deps: PublicApiDeps,
  name: string,
  grant: WorkspaceGrant,
): Promise<PublicAnswer | PublicRefusal> {
  const workspace = await readConfig(deps);
  const space = workspace.spaces.find((other) => other.name === name);
  // Removed since it was found.
  if (space === undefined) return notFound('Space', name);
  const { sources, mappings } = await sendersSeen(deps, workspace, space, grant);
  const body = {
    ...spaceBody(space),
    createdAt: space.createdAt.toISOString(),
    ...shownSettings(space.settings),
    unreadableFilters: unreadableFilters(space.settings),
    hasProfiles: await deps.spaceHasProfiles(deps.db.pool, space.no),
    ...{ sources, mappings },
  };
  return { data: { space: body } };
}

/* ---- what sends to a space ---- */

async function sendersSeen(deps: PublicApiDeps, workspace: Workspace, space: Space, grant: WorkspaceGrant) {
  const all = allSources(workspace, await readSourceLabels(deps.db.pool));
  const seen = new Set(all.filter((source) => may(grant, 'source:read', resourceOf(source))).map(({ id }) => id));
  const { streams, mappings } = sendersTo(workspace, space);
  const sourceOf = new Map(workspace.destinations.map(({ id, sourceId }) => [id, sourceId]));
  const named = ({ id, name, title }: Pick<Space, 'id' | 'name' | 'title'>) => ({ id, name: title ?? name });
  return {
    sources: streams.filter(({ id }) => seen.has(id)).map(named),
    mappings: mappings
      .filter(({ destinationId }) => seen.has(sourceOf.get(destinationId) ?? ''))
      .map(({ destinationId, ...mapping }) => ({ ...named(mapping), destinationId })),
  };
}

/** Event streams that are connected to it, and mappings that name it outright and stay here. */
function sendersTo({ eventStreams, mappings, destinations }: Workspace, { id, name, writeKey }: Space) {
  const isLocal = new Set(
    destinations.filter(({ settings }) => (settings.endpoint ?? 'local') === 'local').map((one) => one.id),
  );
  return {
    streams: eventStreams.filter(({ spaces }) => spaces.some((space) => space.id === id)),
    mappings: mappings.filter(({ destinationId, fields }) => {
      const named = namedSpace(fields.engage_space);
      return isLocal.has(destinationId) && named !== null && [id, name, writeKey].includes(named);
    }),
  };
}

/* ---- making and changing ---- */

const slug = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,99}$/, {
  error: 'must be lower-case letters, digits, _ and -, up to 100 characters',
});
/** What names a space for ever is not made up. */
const slugless: InputFault = {
  field: 'slug',
  message: '"slug" is required when the name has none of the letters a to z and no digit',
};
const newSpace = spaceInput.extend({
  name: text(),
  slug: slug.optional(),
  /** Where its identity rules come from. Left out, the members beside it tell. */
  identity: z.enum(['recommended', 'own', 'import']).optional(),
  importFrom: text().optional(),
});
const changedSpace = spaceInput.extend({ name: text().optional(), slug: text().optional() });
type NewSpace = z.output<typeof newSpace>;

async function create(deps: PublicApiDeps, { body, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  if (!may(grant, 'space:admin')) return notAllowed(`${powers['space:admin']}, for all spaces`);
  const faults: InputFault[] = [];
  const given = readBody(newSpace, body, faults);
  if (given === null) return inputInvalid(faults);
  if (given.slug === undefined && nameFrom(given.name) === null) faults.push(slugless);
  return settled(async () => {
    const { value: name } = await editConfig(deps, grant, (draft) => {
      const settings = settingsOfInput(given, startingSettings(given, draft.before.spaces, faults), (field, message) =>
        faults.push({ field, message }),
      );
      if (faults.length > 0) throw refused(inputInvalid(faults));
      if (draft.before.spaces.some((space) => space.name === given.slug)) {
        throw refused(conflict('A space with this slug is there already.', 'slug'));
      }
      const made = given.slug ?? draft.nameFor('space', given.name);
      draft.put('space', { name: made, title: given.name === made ? null : given.name, settings });
      return made;
    });
    return answerOf(deps, name, grant);
  });
}

/** What the members that are given are put upon. */
function startingSettings(given: NewSpace, spaces: readonly Space[], faults: InputFault[]): SpaceSettings {
  const { identifiers, importFrom } = given;
  const identity =
    given.identity ?? (identifiers !== undefined ? 'own' : importFrom !== undefined ? 'import' : 'recommended');
  const refuse = (field: string, message: string) => void faults.push({ field, message: `"${field}" ${message}` });
  if (identity !== 'own' && identifiers !== undefined) refuse('identifiers', 'is for "identity": "own" alone');
  if (identity !== 'import' && importFrom !== undefined) refuse('importFrom', 'is for "identity": "import" alone');
  if (identity === 'own' && identifiers === undefined) refuse('identifiers', 'is required for "identity": "own"');
  const usual = defaultSpaceSettings();
  if (identity === 'recommended') return { ...usual, identifiers: recommendedIdentifiers() };
  if (identity === 'own') return usual;
  if (importFrom === undefined) refuse('importFrom', 'is required for "identity": "import"');
  const other = spaces.find(({ id }) => id === importFrom) ?? spaces.find(({ name }) => name === importFrom);
  if (other === undefined) {
    if (importFrom !== undefined) refuse('importFrom', 'is the id of no space that is here');
    return usual;
  }
  const { identifiers: rules, ordered, autoRegister } = other.settings;
  return { identifiers: rules, ...(ordered !== undefined && { ordered }), autoRegister };
}

/** The space of the path in a draft: it may have been removed since it was found. */
function spaceInDraft(draft: Draft, { id }: Space): Space {
  const found = draft.before.spaces.find((space) => space.id === id);
  if (found === undefined) throw refused(notFound('Space', id));
  return found;
}

async function update(
  deps: PublicApiDeps,
  { params, body, grant }: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const space = await spaceOrRefusal(deps.db.pool, params.spaceId as string, grant, 'space:admin');
  if (isRefusal(space)) return space;
  const faults: InputFault[] = [];
  const given = readBody(changedSpace, body, faults);
  if (given === null) return inputInvalid(faults);
  if (given.slug !== undefined && given.slug !== space.name) {
    return badRequest('The slug of a space names it in workspace files and cannot be changed.', 'slug');
  }
  return settled(async () => {
    await editConfig(deps, grant, (draft) => {
      const before = spaceInDraft(draft, space);
      const settings = settingsOfInput(given, before.settings, (field, message) => faults.push({ field, message }));
      if (faults.length > 0) throw refused(inputInvalid(faults));
      const title = given.name === undefined ? before.title : given.name === before.name ? null : given.name;
      draft.put('space', { name: before.name, title, settings });
    });
    return answerOf(deps, space.name, grant);
  });
}

/* ---- removing ---- */

async function remove(deps: PublicApiDeps, { params, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const space = await spaceOrRefusal(deps.db.pool, params.spaceId as string, grant, 'space:admin');
  if (isRefusal(space)) return space;
  return settled(async () => {
    await editConfig(deps, grant, async (draft) => {
      const before = spaceInDraft(draft, space);
      const reasons = await reasonsToStay(deps, draft, before, grant);
      const [first, ...others] = reasons.map((message) => conflict(message));
      if (first !== undefined) {
        const problems = [first, ...others].flatMap((refusal) => refusal.problems);
        throw refused({ ...first, problems: problems as [Problem, ...Problem[]] });
      }
      draft.remove('space', before.name);
    });
    return { data: { status: 'SUCCESS' } };
  });
}

/** Every one of them; those who send are named as far as the grant may see them. */
async function reasonsToStay(
  deps: PublicApiDeps,
  { tx, before }: Draft,
  space: Space,
  grant: WorkspaceGrant,
): Promise<readonly string[]> {
  const { streams, mappings } = sendersTo(before, space);
  const seen = await sendersSeen(deps, before, space, grant);
  const reasons: string[] = [];
  if (await deps.spaceHasProfiles(tx, space.no)) {
    reasons.push(
      'The space has profiles, and a space with profiles is kept. Its people can be deleted by regulations.',
    );
  }
  if (mappings.length > 0) {
    reasons.push(
      `Mappings send to it${listed(mappings.length, seen.mappings)}. Delete them, or let them name another space.`,
    );
  }
  if (streams.length > 0) {
    reasons.push(
      `Event streams send to it${listed(streams.length, seen.sources)}. Delete them, or connect them to another.`,
    );
  }
  return reasons;
}

/** ` (2): a, b`. */
function listed(count: number, seen: readonly { readonly name: string }[]): string {
  const others = count > seen.length && seen.length > 0 ? ' and others' : '';
  return ` (${count})${seen.length === 0 ? '' : `: ${seen.map(({ name }) => name).join(', ')}${others}`}`;
}
