/** `/destinations`: the instances of the destination, each connected to one warehouse. */
import { z } from 'zod';
import type { Json, JsonObject } from '../../../base/json.ts';
import type { Destination, Draft } from '../../../workspace/workspace.ts';
import { map, readBody, readParts, text } from '../body.ts';
import { editConfig } from '../config.ts';
import {
  allRefusals,
  atField,
  badRequest,
  type InputFault,
  inputInvalid,
  isRefusal,
  type PublicRefusal,
  refused,
  settled,
} from '../errors.ts';
import { isMask } from '../masks.ts';
import { listPage } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';
import { destinationBody } from './destination-body.ts';
import { destinationSecretFaults } from './receivers.ts';
import { destinationAt, draftView, given, namesFor, readView, seenBy, warehouseAt } from './source-objects.ts';
import { refuseForeignSpace } from './space-access.ts';
import { isStrangeSpace } from './strange-space.ts';

export function destinationRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const [all, one] = ['/destinations', '/destinations/:destinationId'];
  const reading = { versions: allVersions, needs: 'source:read' } as const;
  const changing = { versions: allVersions, needs: 'source:admin' } as const;
  return [
    { ...{ method: 'POST', url: all, ...changing }, handle: (request) => create(deps, request) },
    {
      ...{ method: 'GET', url: all, ...reading },
      async handle({ query, grant }) {
        const view = await readView(deps, grant, 'source:read');
        const bodies = seenBy(view, view.workspace.destinations).map((one) => destinationBody(deps.destination, one));
        return listPage('destinations', bodies, query);
      },
    },
    {
      ...{ method: 'GET', url: one, ...reading },
      async handle({ params, grant }) {
        const found = destinationAt(await readView(deps, grant, 'source:read'), params.destinationId as string);
        return isRefusal(found) ? found : answerOf(deps, found);
      },
    },
    { ...{ method: 'PATCH', url: one, ...changing }, handle: (request) => update(deps, request) },
    { ...{ method: 'DELETE', url: one, ...changing }, handle: (request) => remove(deps, request) },
  ];
}

function answerOf({ destination: facts }: PublicApiDeps, destination: Destination): PublicAnswer {
  return { data: { destination: destinationBody(facts, destination) } };
}

const newDestination = z.object({
  sourceId: text(),
  metadataId: text(),
  settings: map,
  enabled: z.boolean().default(true),
  name: text().nullish(),
});
const changedDestination = z.object({
  name: text().nullish(),
  enabled: z.boolean().optional(),
  settings: map.optional(),
});

async function create(deps: PublicApiDeps, { body, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const { destination: facts } = deps;
  const faults: InputFault[] = [];
  const wanted = readBody(newDestination, body, faults);
  const seen = wanted ?? readParts(newDestination, body);
  if (seen.metadataId !== undefined && seen.metadataId !== facts.metadataId) {
    faults.push({ field: 'metadataId', message: '"metadataId" is no destination of the catalog' });
  }
  return settled(async () => {
    const { value: name, workspace } = await editConfig(deps, grant, async (draft) => {
      const view = await draftView(draft, grant);
      const found = seen.sourceId === undefined ? null : atField(warehouseAt(view, seen.sourceId), 'sourceId');
      if (isRefusal(found)) {
        throw refused(allRefusals([faults.length > 0 ? inputInvalid(faults) : null, found]) ?? found);
      }
      const source = found;
      const settings = checkedSettings(deps, {}, seen.settings, faults);
      if (wanted === null || source === null) throw refused(inputInvalid(faults));
      const named = wanted.name ?? null;
      const names =
        named === null
          ? { name: draft.nameFor('destination', facts.name), title: null }
          : namesFor(draft, 'destination', named);
      draft.put('destination', {
        ...{ ...names, source: source.name, slug: facts.slug, settings, enabled: wanted.enabled },
      });
      return names.name;
    });
    return answerOf(deps, workspace.destinations.find((one) => one.name === name) as Destination);
  });
}

/** The settings after a change by key: null takes one away, a text with • keeps what is stored. Throws every fault. */
function checkedSettings(
  { checks }: PublicApiDeps,
  before: JsonObject,
  wanted: JsonObject | undefined,
  faults: readonly InputFault[],
): JsonObject {
  if (wanted === undefined) {
    if (faults.length > 0) throw refused(inputInvalid(faults));
    return before;
  }
  const settings: Record<string, Json> = { ...(before as Record<string, Json>) };
  for (const [key, value] of Object.entries(wanted)) {
    if (value === undefined || isMask(value)) continue;
    if (value === null) delete settings[key];
    else settings[key] = value;
  }
  const wrong = checks.checkDestinationSettings(settings).map(({ where, message }): InputFault => {
    const field = `settings.${where}`;
    return { field, message: `"${field}": ${message}` };
  });
  const found = [...faults, ...wrong, ...destinationSecretFaults(before, settings, wanted)];
  if (found.length > 0) throw refused(inputInvalid(found));
  return settings;
}

async function update(
  deps: PublicApiDeps,
  { params, body, grant }: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const wanted = readBody(changedDestination, body, faults);
  const seen = wanted ?? readParts(changedDestination, body);
  const id = params.destinationId as string;
  return settled(async () => {
    const { workspace } = await editConfig(deps, grant, async (draft) => {
      const view = await draftView(draft, grant);
      const { name } = given(destinationAt(view, id));
      const before = draft.definition('destination', name);
      const settings = checkedSettings(deps, before.settings, seen.settings, faults);
      if (wanted === null) throw refused(inputInvalid(faults));
      refuseStrangeSpaces(draft, id, settings);
      for (const { fields } of draft.before.mappings.filter(({ destinationId }) => destinationId === id)) {
        refuseForeignSpace(view, { fields, settings }, { fields, settings: before.settings });
      }
      draft.put('destination', {
        ...before,
        title: wanted.name === undefined ? before.title : wanted.name,
        enabled: wanted.enabled ?? before.enabled,
        settings,
      });
    });
    return answerOf(deps, workspace.destinations.find((one) => one.id === id) as Destination);
  });
}

/** Its mappings may name spaces of another server, which are none of this one. */
function refuseStrangeSpaces({ before }: Draft, destinationId: string, settings: JsonObject): void {
  const strange = before.mappings.filter(
    (mapping) => mapping.destinationId === destinationId && isStrangeSpace(mapping.fields, settings, before.spaces),
  );
  if (strange.length === 0) return;
  const names = strange.map(({ name, title }) => title ?? name).join(', ');
  const message = `Subscriptions name a profile space that this server does not have: ${names}. Change them first.`;
  throw refused(badRequest(message, 'settings.endpoint'));
}

async function remove(deps: PublicApiDeps, { params, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  return settled(async () => {
    await editConfig(deps, grant, async (draft) => {
      const destination = given(destinationAt(await draftView(draft, grant), params.destinationId as string));
      const ours = draft.before.mappings.filter(({ destinationId }) => destinationId === destination.id);
      for (const { name } of ours) draft.remove('mapping', name);
      draft.remove('destination', destination.name);
    });
    return { data: { status: 'SUCCESS' } };
  });
}
