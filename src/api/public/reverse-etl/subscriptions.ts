/**
 * `/destinations/…/subscriptions`: mappings. Promised: `settings` are read back as they were given; every fault is told at
 * once, with its place.
 */
import { z } from 'zod';
import { newId } from '../../../base/ids.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../base/json.ts';
import {
  type Destination,
  type Draft,
  fieldFaults,
  type Mapping,
  type Model,
  type Schedule,
  type Space,
  skipNullFault,
  triggerFault,
} from '../../../workspace/workspace.ts';
import { map, readBody, text } from '../body.ts';
import { editConfig } from '../config.ts';
import {
  badRequest,
  type InputFault,
  inputInvalid,
  isRefusal,
  type PublicRefusal,
  refused,
  settled,
} from '../errors.ts';
import { listPage } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import { actionIdOf, actionOfId } from './catalog.ts';
import { readSchedule, writeSchedule } from './schedule-wire.ts';
import {
  destinationAt,
  draftView,
  given,
  inOrder,
  mappingAt,
  modelAt,
  namesFor,
  readView,
  type View,
} from './source-objects.ts';
import { refuseForeignSpace, shownSpace, withStoredSpace } from './space-access.ts';
import { isStrangeSpace } from './strange-space.ts';

export function subscriptionRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const all = '/destinations/:destinationId/subscriptions';
  const one = `${all}/:id`;
  const reading = { versions: ['alpha'], needs: 'source:read' } as const;
  const changing = { versions: ['alpha'], needs: 'source:admin', perMinute: 5 } as const;
  return [
    { ...{ method: 'POST', url: all, ...changing }, handle: (request) => create(deps, request) },
    {
      ...{ method: 'GET', url: all, ...reading },
      async handle({ params, query, grant }) {
        const view = await readView(deps, grant, 'source:read');
        const destination = destinationAt(view, params.destinationId as string);
        if (isRefusal(destination)) return destination;
        const ours = view.workspace.mappings.filter(({ destinationId }) => destinationId === destination.id);
        return listPage(
          'subscriptions',
          inOrder(ours).map((mapping) => subscriptionBody(mapping, view)),
          query,
        );
      },
    },
    {
      ...{ method: 'GET', url: one, ...reading },
      async handle({ params, grant }) {
        const view = await readView(deps, grant, 'source:read');
        const mapping = mappingAt(view, params.destinationId as string, params.id as string);
        return isRefusal(mapping) ? mapping : { data: { subscription: subscriptionBody(mapping, view) } };
      },
    },
    { ...{ method: 'PATCH', url: one, ...changing }, handle: (request) => update(deps, request) },
    { ...{ method: 'DELETE', url: one, ...changing }, handle: (request) => remove(deps, request) },
  ];
}

function subscriptionBody(mapping: Mapping, view: View) {
  const { id, name, title, action, destinationId, modelId, enabled, trigger, schedule, skipNulls } = mapping;
  const { engage_space } = mapping.fields;
  const fields =
    engage_space === undefined
      ? mapping.fields
      : { ...mapping.fields, engage_space: shownSpace(view, destinationId, engage_space) };
  return {
    ...{ id, name: title ?? name, actionId: actionIdOf(action), actionSlug: action, destinationId, modelId, enabled },
    ...{ trigger, settings: fields, reverseETLSchedule: writeSchedule(schedule), skipNulls },
  };
}

const trigger = text(65_535);
const schedule = z.object({ strategy: text(), config: map.nullish() });
/** Ours: optional fields whose nulls are left out instead of sent. */
const skipNulls = z.array(z.string().max(255)).max(100);
const noModel = 'is required: this server sends rows of models alone';

const newSubscription = z.object({
  name: text(),
  actionId: text(),
  trigger,
  enabled: z.boolean(),
  settings: map.default({}),
  modelId: z
    .string()
    .max(255)
    .default('')
    .refine((id) => id !== '', { error: noModel }),
  reverseETLSchedule: schedule.nullish(),
  skipNulls: skipNulls.default([]),
});
const changedSubscription = z.object({
  input: z.object({
    name: text().optional(),
    trigger: trigger.optional(),
    enabled: z.boolean().optional(),
    settings: map.optional(),
    actionId: text().optional(),
    reverseETLModelId: text().optional(),
    reverseETLSchedule: schedule.nullish(),
    skipNulls: skipNulls.optional(),
  }),
});

/** The parts that can be looked into, also when others have the wrong shape. */
const parts = z.object({
  actionId: z.string().optional().catch(undefined),
  trigger: trigger.optional().catch(undefined),
  settings: map.optional().catch(undefined),
  reverseETLSchedule: schedule.nullish().catch(undefined),
  skipNulls: skipNulls.optional().catch(undefined),
});
type Parts = z.output<typeof parts>;

function partsOf(body: Json | undefined): Parts {
  return parts.parse(isJsonObject(body) ? body : {});
}

/** Adds what is wrong with the parts that are there. Undefined: nothing is said about the schedule. */
function checkParts(
  { checks }: PublicApiDeps,
  { trigger, settings, reverseETLSchedule, skipNulls = [] }: Parts,
  action: Mapping['action'] | null,
  destination: Destination,
  spaces: readonly Space[],
  within: readonly string[],
  faults: InputFault[],
): Schedule | null | undefined {
  const say = (path: readonly string[], message: string, sign = ':') => {
    const field = [...within, ...path].filter((part) => part !== '').join('.');
    if (faults.some((fault) => fault.field === field)) return;
    faults.push({ field, message: `"${field}"${sign} ${message}` });
  };
  const wrong = trigger === undefined ? null : triggerFault(trigger, checks);
  if (wrong !== null) say(['trigger'], wrong);
  if (settings !== undefined) {
    const fields = settings as Mapping['fields'];
    const found = action === null ? checks.checkMapping(fields) : fieldFaults(checks.actions[action], fields, checks);
    for (const { where, message } of found) say(['settings', where], message);
    if (isStrangeSpace(settings, destination.settings, spaces)) {
      const message = 'is no profile space of this server: give the write key of the source that stands for it';
      say(['settings', 'engage_space'], message, '');
    }
  }
  for (const [at, field] of skipNulls.entries()) {
    const why = action === null ? null : skipNullFault(field, checks.actions[action].fields);
    if (why !== null) say(['skipNulls', String(at)], why);
  }
  if (reverseETLSchedule === undefined || reverseETLSchedule === null) return reverseETLSchedule;
  const at = [...within, 'reverseETLSchedule'];
  const places = { strategy: [...at, 'strategy'], config: [...at, 'config'] };
  const { strategy, config } = reverseETLSchedule;
  const read = readSchedule(strategy, config ?? undefined, places, checks.scheduleLimits, faults);
  if (isRefusal(read)) throw refused(faults.length > 0 ? inputInvalid(faults) : read);
  return read;
}

/** The model that a mapping of the destination is to send rows of. */
function modelFor(view: View, destination: Destination, id: string, field: string): Model {
  const model = given(modelAt(view, id));
  if (model.sourceId !== destination.sourceId) {
    throw refused(badRequest('The model reads another source than the one the destination is connected to.', field));
  }
  return model;
}

/** Throws a refusal with every fault. */
function checkedNew(deps: PublicApiDeps, view: View, destination: Destination, body: Json | undefined) {
  const faults: InputFault[] = [];
  const wanted = readBody(newSubscription, body, faults);
  const seen = partsOf(body);
  const action = seen.actionId === undefined ? null : actionOfId(seen.actionId);
  if (seen.actionId !== undefined && seen.actionId !== '' && action === null) {
    faults.push({ field: 'actionId', message: '"actionId" is no action of this destination' });
  }
  const checked = wanted === null ? seen : { ...seen, settings: wanted.settings };
  const schedule = checkParts(deps, checked, action, destination, view.workspace.spaces, [], faults);
  if (wanted === null || action === null || faults.length > 0) throw refused(inputInvalid(faults));
  const model = modelFor(view, destination, wanted.modelId, 'modelId');
  refuseForeignSpace(view, { fields: wanted.settings, settings: destination.settings }, null);
  return { wanted, action, model, schedule };
}

/** A mapping as somebody is about to make it, checked as if it were made. Throws a refusal with every fault. */
export function draftMapping(
  deps: PublicApiDeps,
  view: View,
  destination: Destination,
  body: JsonObject,
): { readonly mapping: Mapping; readonly model: Model } {
  // It has perhaps no name yet.
  const { wanted, action, model } = checkedNew(deps, view, destination, { name: 'new', enabled: false, ...body });
  const mapping: Mapping = {
    ...{ id: newId('mpg'), name: wanted.name, title: null, destinationId: destination.id, modelId: model.id, action },
    ...{ trigger: wanted.trigger, fields: wanted.settings as Mapping['fields'], skipNulls: wanted.skipNulls },
    ...{ enabled: wanted.enabled, epoch: 1, skipBackfill: false, guardPercent: null, schedule: null },
    createdAt: deps.clock.now(),
  };
  return { mapping, model };
}

async function create(
  deps: PublicApiDeps,
  { params, body, grant }: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  return settled(async () => {
    const { value, workspace } = await editConfig(deps, grant, async (draft) => {
      const view = await draftView(draft, grant);
      const destination = given(destinationAt(view, params.destinationId as string));
      const { wanted, action, model, schedule } = checkedNew(deps, view, destination, body);
      refuseTooMany(deps, draft, destination);
      const names = namesFor(draft, 'mapping', wanted.name);
      draft.put('mapping', {
        ...{ ...names, destination: destination.name, model: model.name, action, trigger: wanted.trigger },
        fields: wanted.settings as Mapping['fields'],
        ...{
          skipNulls: [...new Set(wanted.skipNulls)],
          skipBackfill: false,
          guardPercent: null,
          enabled: wanted.enabled,
        },
        schedule: schedule === undefined ? scheduleOf(model) : schedule,
      });
      return { name: names.name, view };
    });
    const made = workspace.mappings.find((mapping) => mapping.name === value.name) as Mapping;
    return { data: { destinationSubscription: subscriptionBody(made, value.view) } };
  });
}

/** For a subscription that came without its own. */
function scheduleOf({ schedule }: Model): Schedule | null {
  return schedule === null || schedule.kind === 'manual' ? null : schedule;
}

function refuseTooMany({ checks }: PublicApiDeps, { before }: Draft, { id }: Destination): void {
  if (before.mappings.filter(({ destinationId }) => destinationId === id).length < checks.mostMappings) return;
  const message = `A destination can have ${checks.mostMappings} subscriptions, and this one has. Add a second destination.`;
  throw refused(badRequest(message));
}

async function update(
  deps: PublicApiDeps,
  { params, body, grant }: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const id = params.id as string;
  const within = ['input'];
  return settled(async () => {
    const { value: view, workspace } = await editConfig(deps, grant, async (draft) => {
      const view = await draftView(draft, grant);
      const mapping = given(mappingAt(view, params.destinationId as string, id));
      const destination = given(destinationAt(view, mapping.destinationId));
      const faults: InputFault[] = [];
      const read = readBody(changedSubscription, body, faults);
      const seen = partsOf(isJsonObject(body) ? body.input : undefined);
      const schedule = checkParts(deps, seen, mapping.action, destination, draft.before.spaces, within, faults);
      if (read === null || faults.length > 0) throw refused(inputInvalid(faults));
      const wanted = read.input;
      if (wanted.actionId !== undefined && wanted.actionId !== actionIdOf(mapping.action)) {
        throw refused(
          badRequest('The action of a subscription cannot be changed; make another one.', 'input.actionId'),
        );
      }
      const { reverseETLModelId: modelId } = wanted;
      const model = modelId === undefined ? null : modelFor(view, destination, modelId, 'input.reverseETLModelId');
      const before = draft.definition('mapping', mapping.name);
      const fields =
        wanted.settings === undefined ? before.fields : withStoredSpace(view, wanted.settings, before.fields);
      const { settings } = destination;
      refuseForeignSpace(view, { fields, settings }, { fields: before.fields, settings });
      draft.put('mapping', {
        ...before,
        title: wanted.name ?? before.title,
        trigger: wanted.trigger ?? before.trigger,
        enabled: wanted.enabled ?? before.enabled,
        skipNulls: wanted.skipNulls === undefined ? before.skipNulls : [...new Set(wanted.skipNulls)],
        fields: fields as Mapping['fields'],
        model: model?.name ?? before.model,
        schedule: schedule === undefined ? before.schedule : schedule,
      });
      return view;
    });
    const changed = workspace.mappings.find((mapping) => mapping.id === id) as Mapping;
    return { data: { subscription: subscriptionBody(changed, view) } };
  });
}

async function remove(deps: PublicApiDeps, { params, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  return settled(async () => {
    await editConfig(deps, grant, async (draft) => {
      const view = await draftView(draft, grant);
      draft.remove('mapping', given(mappingAt(view, params.destinationId as string, params.id as string)).name);
    });
    return { data: { status: 'SUCCESS' } };
  });
}
