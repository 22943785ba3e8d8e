/** `/sources/…`: warehouses, event streams and the sources of spaces. */
import path from 'node:path';
import { z } from 'zod';
import type { Json, JsonObject } from '../../../base/json.ts';
import {
  type Draft,
  isWriteKey,
  may,
  newWriteKey,
  powers,
  recordAudit,
  type WorkspaceGrant,
} from '../../../workspace/workspace.ts';
import { map, readBody, readParts, text } from '../body.ts';
import { editConfig, readConfig } from '../config.ts';
import {
  badRequest,
  conflict,
  type InputFault,
  inputInvalid,
  isRefusal,
  notAllowed,
  notFound,
  type PublicRefusal,
  refusalOfStatus,
  refused,
  settled,
} from '../errors.ts';
import { listPage } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import { actorOf, type PublicAnswer, type PublicRequest, type PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';
import { sourceCatalog } from './catalog.ts';
import { destinationBody } from './destination-body.ts';
import { changedSettings, faultsOfSettings, type SplitSettings } from './engines.ts';
import { sourceSecretFaults } from './receivers.ts';
import { type AnySource, allSources, pickSource, readSourceLabels, resourceOf, sourceBody } from './source-list.ts';

export function sourceRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const one = '/sources/:sourceId';
  const stable = { versions: allVersions, needs: 'source:read' } as const;
  const changing = { versions: allVersions, needs: 'source:admin' } as const;
  const alpha = { versions: ['alpha'], needs: 'source:admin' } as const;
  return [
    { ...{ method: 'POST', url: '/sources', ...changing, status: 201 }, handle: (request) => create(deps, request) },
    {
      ...{ method: 'GET', url: '/sources', ...stable },
      async handle({ query, grant }) {
        const seen = (await readSources(deps)).filter((source) => may(grant, 'source:read', resourceOf(source)));
        const bodies = seen.map((source) => sourceBody(source, grant));
        return listPage('sources', bodies, query);
      },
    },
    {
      ...{ method: 'GET', url: one, ...stable },
      async handle({ params, grant }) {
        const source = pickSource(await readSources(deps), params.sourceId as string, grant, 'source:read');
        return isRefusal(source) ? source : { data: { source: sourceBody(source, grant), trackingPlanId: null } };
      },
    },
    { ...{ method: 'PATCH', url: one, ...changing }, handle: (request) => update(deps, request) },
    { ...{ method: 'DELETE', url: one, ...changing }, handle: (request) => remove(deps, request) },
    { ...{ method: 'POST', url: `${one}/writekey`, ...alpha }, handle: (request) => addWriteKey(deps, request) },
    {
      ...{ method: 'DELETE', url: `${one}/writekey/:writeKey`, ...alpha },
      handle: (request) => removeWriteKey(deps, request),
    },
    {
      ...{ method: 'GET', url: `${one}/connected-destinations`, ...stable },
      async handle({ params, query, grant }) {
        const workspace = await readConfig(deps);
        const sources = allSources(workspace, await readSourceLabels(deps.db.pool));
        const source = pickSource(sources, params.sourceId as string, grant, 'source:read');
        if (isRefusal(source)) return source;
        const connected = workspace.destinations.filter(({ sourceId }) => sourceId === source.id);
        return listPage(
          'destinations',
          connected.map((destination) => destinationBody(deps.destination, destination)),
          query,
        );
      },
    },
    {
      ...{ method: 'GET', url: `${one}/connected-warehouses`, ...stable },
      async handle({ params, query, grant }) {
        const source = pickSource(await readSources(deps), params.sourceId as string, grant, 'source:read');
        return isRefusal(source) ? source : listPage('warehouses', [], query);
      },
    },
    {
      // Nothing here has a tracking plan, whose settings these are.
      ...{ method: 'GET', url: `${one}/settings`, ...stable },
      async handle({ params, grant }) {
        const source = pickSource(await readSources(deps), params.sourceId as string, grant, 'source:read');
        return isRefusal(source) ? source : { data: { sourceId: source.id, settings: {} } };
      },
    },
    {
      ...{ method: 'PATCH', url: `${one}/settings`, ...changing },
      async handle({ params, grant }) {
        const source = pickSource(await readSources(deps), params.sourceId as string, grant, 'source:admin');
        return isRefusal(source) ? source : badRequest('The source has no tracking plan, whose settings these are.');
      },
    },
  ];
}

async function readSources(deps: PublicApiDeps): Promise<readonly AnySource[]> {
  return allSources(await readConfig(deps), await readSourceLabels(deps.db.pool));
}

/** The source a draft is about, when the grant may change it. */
async function sourceInDraft(draft: Draft, id: string, grant: WorkspaceGrant): Promise<AnySource> {
  const found = pickSource(allSources(draft.before, await readSourceLabels(draft.tx)), id, grant, 'source:admin');
  if (isRefusal(found)) throw refused(found);
  return found;
}

async function answerOf(deps: PublicApiDeps, sourceId: string, grant: WorkspaceGrant): Promise<PublicAnswer> {
  const found = (await readSources(deps)).find(({ id }) => id === sourceId);
  if (found === undefined) throw refused(notFound('Source', sourceId));
  return { data: { source: sourceBody(found, grant) } };
}

const slug = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,99}$/, {
  error: 'must be lower-case letters, digits, _ and -, up to 100 characters',
});
const newSource = z.object({ slug, enabled: z.boolean(), metadataId: text(), settings: map.optional() });
const changedSource = z.object({
  name: text().optional(),
  enabled: z.boolean().optional(),
  slug: slug.optional(),
  settings: map.optional(),
});

async function create(deps: PublicApiDeps, { body, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  if (!may(grant, 'source:admin')) return notAllowed(`${powers['source:admin']}, for all sources`);
  const faults: InputFault[] = [];
  const given = readBody(newSource, body, faults);
  const seen = given ?? readParts(newSource, body);
  const entry = sourceCatalog.find(({ metadata }) => metadata.id === seen.metadataId);
  if (entry === undefined) {
    // Which settings there are depends on it.
    if (seen.metadataId !== undefined) {
      faults.push({ field: 'metadataId', message: '"metadataId" is no source of the catalog' });
    }
    return inputInvalid(faults);
  }
  const { kind, metadata } = entry;
  if (kind.of === 'nothing') return badRequest(`${metadata.name} cannot be read by this server yet.`, 'metadataId');
  if (kind.of === 'space') {
    return badRequest('The source of a space comes with its space, and is not made by itself.', 'metadataId');
  }
  return settled(async () => {
    const { value: name, workspace } = await editConfig(deps, grant, (draft) => {
      const taken = isTakenSlug(draft, seen.slug);
      const engine = kind.of === 'warehouse' ? kind.engine : null;
      const settings = engine === null ? noSettings : changedSettings(engine, noSettings, seen.settings ?? {});
      if (engine !== null) faults.push(...settingFaults(deps, engine, settings));
      if (given === null || faults.length > 0) {
        throw refused(inputInvalid(taken ? [...faults, { field: 'slug', message: `"slug": ${slugTaken}` }] : faults));
      }
      if (taken) throw refused(conflict(slugTaken, 'slug'));
      if (kind.of === 'warehouse') {
        draft.put('source', {
          name: given.slug,
          title: null,
          engine: kind.engine,
          enabled: given.enabled,
          ...settings,
        });
      } else {
        const spaces = spacesOfStream(draft, given.settings) ?? draft.before.spaces.map((space) => space.name);
        if (spaces.length === 0) throw refused(badRequest('There is no space yet that its messages could go to.'));
        const { clientSide } = kind;
        const stream = {
          name: given.slug,
          title: null,
          spaces,
          clientSide,
          oauthEnforced: false,
          writeKey: null,
          enabled: given.enabled,
        };
        draft.put('event stream', stream);
      }
      return given.slug;
    });
    const made = [...workspace.sources, ...workspace.eventStreams].find((source) => source.name === name);
    return answerOf(deps, made?.id ?? '', grant);
  });
}

/** The names of those that the setting `spaces` of an event stream lists by id or name; null when there is none. */
function spacesOfStream({ before }: Draft, settings: JsonObject = {}): readonly string[] | null {
  const { spaces: given } = settings;
  if (given === undefined) return null;
  const faults: InputFault[] = [];
  const list = Array.isArray(given) ? given : [];
  if (list.length === 0) {
    faults.push({ field: 'settings.spaces', message: '"settings.spaces" must be a list of one space or more' });
  }
  const names = list.map((wanted, at) => {
    const found = before.spaces.find(({ id }) => id === wanted) ?? before.spaces.find((space) => space.name === wanted);
    const field = `settings.spaces.${at}`;
    if (found === undefined) faults.push({ field, message: `"${field}" is the id of no space that is here` });
    return found?.name ?? '';
  });
  if (faults.length > 0) throw refused(inputInvalid(faults));
  return [...new Set(names)];
}

const noSettings = { settings: {}, extraSettings: {} };
const slugTaken = 'A source of this name is there already. Choose another name.';

function isTakenSlug({ before }: Draft, wanted: string | undefined): boolean {
  return [...before.sources, ...before.eventStreams].some(({ name }) => name === wanted);
}

type Engine = Parameters<typeof changedSettings>[0];

function settingFaults(deps: PublicApiDeps, engine: Engine, settings: SplitSettings): readonly InputFault[] {
  const faults = faultsOfSettings(engine, settings, deps.checks.checkSourceSettings);
  const files = engine === 'duckdb' ? faultsOfFiles(settings.settings, deps.fileFolders) : [];
  // What is no list of files or folders is not looked for.
  return [...faults, ...files.filter(({ field }) => !faults.some((fault) => fault.field === field))];
}

/** Throws every fault, also those found before. */
function settingsAfter(
  deps: PublicApiDeps,
  before: SplitSettings & { readonly engine: Engine },
  given: JsonObject | undefined,
  faults: readonly InputFault[],
): SplitSettings {
  const { engine } = before;
  const after = changedSettings(engine, before, given ?? {});
  const found = given === undefined ? [] : settingFaults(deps, engine, after);
  const all = [...faults, ...sourceSecretFaults(engine, before.settings, after.settings, given ?? {}), ...found];
  if (all.length > 0) throw refused(inputInvalid(all));
  return after;
}

/** Whoever may change sources over the network must not read every file of the machine thereby. */
function faultsOfFiles(settings: JsonObject, folders: readonly string[]): readonly InputFault[] {
  const allowed =
    folders.length === 0
      ? 'none is open. Start the server with --source-folders DIR, or make this source in a workspace file'
      : `${folders.join(', ')}. Whoever runs the server adds others with --source-folders`;
  const isInside = (file: string) =>
    folders.some((folder) => {
      const relative = path.relative(path.resolve(folder), path.resolve(file));
      return relative === '' || (!relative.startsWith('..') && !path.isAbsolute(relative));
    });
  return ['path', 'files', 'statePath', 'readFrom'].flatMap((name) => {
    const outside = textsIn(settings[name]).filter((file) => /^[a-z][a-z0-9+.-]+:/i.test(file) || !isInside(file));
    const message = `"settings.${name}" is outside of the folders that sources made here may read: ${allowed}`;
    return outside.length === 0 ? [] : [{ field: `settings.${name}`, message }];
  });
}

function textsIn(value: Json | undefined): readonly string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value as JsonObject).flatMap(textsIn) : [];
}

async function update(
  deps: PublicApiDeps,
  { params, body, grant }: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const given = readBody(changedSource, body, faults);
  const seen = given ?? readParts(changedSource, body);
  const id = params.sourceId as string;
  return settled(async () => {
    await editConfig(deps, grant, async (draft) => {
      const source = await sourceInDraft(draft, id, grant);
      if (source.of === 'warehouse') {
        settingsAfter(deps, draft.definition('source', source.slug), seen.settings, faults);
      }
      if (given === null) throw refused(inputInvalid(faults));
      if (given.slug !== undefined && given.slug !== source.slug) {
        throw refused(badRequest('The slug of a source names it in workspace files and cannot be changed.', 'slug'));
      }
      if (source.of === 'space') {
        throw refused(badRequest('The source of a space follows its space, and is not changed by itself.'));
      }
      const enabled = given.enabled ?? source.enabled;
      const title = given.name ?? source.object.title;
      if (source.of === 'event stream') {
        const stream = draft.definition('event stream', source.slug);
        const spaces = spacesOfStream(draft, given.settings) ?? stream.spaces;
        draft.put('event stream', { ...stream, title, enabled, spaces });
        return;
      }
      const before = draft.definition('source', source.slug);
      const settings = settingsAfter(deps, before, given.settings, []);
      draft.put('source', { ...before, title, enabled, ...settings });
    });
    return answerOf(deps, id, grant);
  });
}

async function remove(deps: PublicApiDeps, { params, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const id = params.sourceId as string;
  return settled(async () => {
    await editConfig(deps, grant, async (draft) => {
      const source = await sourceInDraft(draft, id, grant);
      if (source.of === 'space') throw refused(badRequest('The source of a space is removed with its space.'));
      if (source.of === 'event stream') return draft.remove('event stream', source.slug);
      const { models, destinations, mappings } = draft.before;
      const ours = <T extends { readonly sourceId: string }>(list: readonly T[]) =>
        list.filter(({ sourceId }) => sourceId === id);
      const connected = new Set(ours(destinations).map((destination) => destination.id));
      for (const { name } of mappings.filter(({ destinationId }) => connected.has(destinationId))) {
        draft.remove('mapping', name);
      }
      for (const { name } of ours(destinations)) draft.remove('destination', name);
      for (const { name } of ours(models)) draft.remove('model', name);
      return draft.remove('source', source.slug);
    });
    return { data: { status: 'SUCCESS' } };
  });
}

/* ---- write keys ---- */

async function addWriteKey(
  deps: PublicApiDeps,
  { params, grant }: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const id = params.sourceId as string;
  return changeWriteKeys(
    deps,
    id,
    grant,
    'Write Key Created',
    (keys) => [...keys, newWriteKey()],
    () => answerOf(deps, id, grant),
  );
}

async function removeWriteKey(
  deps: PublicApiDeps,
  { params, grant }: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const key = params.writeKey as string;
  const without = (keys: readonly string[]) => {
    if (!keys.includes(key)) throw refused(refusalOfStatus(404, 'This source has no such write key.'));
    return keys.filter((one) => one !== key);
  };
  return changeWriteKeys(deps, params.sourceId as string, grant, 'Write Key Deleted', without, async () => ({
    data: { status: 'SUCCESS' },
  }));
}

function changeWriteKeys(
  deps: PublicApiDeps,
  id: string,
  grant: WorkspaceGrant,
  type: string,
  change: (keys: readonly string[]) => readonly string[],
  answer: () => Promise<PublicAnswer>,
): Promise<PublicAnswer | PublicRefusal> {
  return settled(async () => {
    await editConfig(deps, grant, async ({ tx, ...draft }) => {
      const source = await sourceInDraft({ tx, ...draft }, id, grant);
      if (source.of === 'space') throw refused(badRequest('The write key of a space names it in mappings, and stays.'));
      const keys = change(source.writeKeys);
      if (source.of === 'warehouse') await tx.query('UPDATE sources SET write_keys = $2 WHERE id = $1', [id, keys]);
      else {
        // A stream without a key keeps a word in its place that is none.
        const [first = `(none) ${id}`, ...more] = keys.filter(isWriteKey);
        await tx.query('UPDATE event_streams SET write_key = $2, more_write_keys = $3 WHERE id = $1', [
          id,
          first,
          more,
        ]);
      }
      await recordAudit(tx, actorOf(grant), [
        { type, resourceType: 'source', resourceId: id, resourceName: source.slug },
      ]);
    });
    return answer();
  });
}
