/** `/reverse-etl-models`: queries over a source and the column that tells their rows apart. */
import { z } from 'zod';
import type { Mapping, Model, ModelSchedule } from '../../../workspace/workspace.ts';
import { map, readBody, readParts, text } from '../body.ts';
import { editConfig } from '../config.ts';
import {
  badRequest,
  conflict,
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
import { readSchedule, writeSchedule } from './schedule-wire.ts';
import { draftView, given, modelAt, namesFor, readView, seenBy, warehouseAt } from './source-objects.ts';

export function modelRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const [all, one] = ['/reverse-etl-models', '/reverse-etl-models/:modelId'];
  const reading = { versions: ['alpha'], needs: 'source:read' } as const;
  const changing = { versions: ['alpha'], needs: 'source:admin' } as const;
  return [
    { ...{ method: 'POST', url: all, ...changing, status: 201 }, handle: (request) => create(deps, request) },
    {
      ...{ method: 'GET', url: all, ...reading },
      async handle({ query, grant }) {
        const view = await readView(deps, grant, 'source:read');
        return listPage('models', seenBy(view, view.workspace.models).map(modelBody), query);
      },
    },
    {
      ...{ method: 'GET', url: one, ...reading },
      async handle({ params, grant }) {
        const model = modelAt(await readView(deps, grant, 'source:read'), params.modelId as string);
        return isRefusal(model) ? model : { data: { reverseEtlModel: modelBody(model) } };
      },
    },
    { ...{ method: 'PATCH', url: one, ...changing }, handle: (request) => update(deps, request) },
    { ...{ method: 'DELETE', url: one, ...changing }, handle: (request) => remove(deps, request) },
  ];
}

/** As the API shows it. Its own schedule is that of an older generation of clients: shown to whoever gave it. */
function modelBody({ id, sourceId, name, title, description, enabled, query, identifierColumn, schedule }: Model) {
  const { strategy, config } = writeSchedule(schedule);
  return {
    ...{ id, sourceId, name: title ?? name, description, enabled, query, queryIdentifierColumn: identifierColumn },
    ...(schedule !== null && { scheduleStrategy: strategy, scheduleConfig: config ?? {} }),
  };
}

const shape = {
  name: text(),
  description: z.string().max(2000),
  enabled: z.boolean(),
  query: text(65_535),
  queryIdentifierColumn: text(191),
};
const ofSchedule = { scheduleStrategy: z.string().optional(), scheduleConfig: map.optional() };
const newModel = z.object({ sourceId: text(), ...shape, ...ofSchedule });
const changedModel = z.object({ ...shape, ...ofSchedule, sourceId: text() }).partial();

/** Undefined: the request says nothing about it. A config alone goes with the strategy there was before. */
function scheduleOf(
  deps: PublicApiDeps,
  { scheduleStrategy, scheduleConfig }: { readonly [K in keyof typeof ofSchedule]?: z.output<(typeof ofSchedule)[K]> },
  faults: InputFault[],
  before: ModelSchedule | null = null,
): ModelSchedule | undefined | PublicRefusal {
  if (scheduleStrategy === undefined || scheduleStrategy === '') {
    if (scheduleConfig === undefined || Object.keys(scheduleConfig).length === 0) return undefined;
    if (before === null) {
      faults.push({ field: 'scheduleStrategy', message: '"scheduleStrategy" is required beside "scheduleConfig"' });
      return undefined;
    }
    return scheduleOf(deps, { scheduleStrategy: writeSchedule(before).strategy, scheduleConfig }, faults);
  }
  const places = { strategy: ['scheduleStrategy'], config: ['scheduleConfig'] };
  const read = readSchedule(scheduleStrategy, scheduleConfig, places, deps.checks.scheduleLimits, faults);
  return read ?? { kind: 'manual' };
}

async function create(deps: PublicApiDeps, { body, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const wanted = readBody(newModel, body, faults);
  const seen = wanted ?? readParts(newModel, body);
  const schedule = scheduleOf(deps, seen, faults);
  if (isRefusal(schedule)) return faults.length > 0 ? inputInvalid(faults) : schedule;
  return settled(async () => {
    const { value: name, workspace } = await editConfig(deps, grant, async (draft) => {
      const view = await draftView(draft, grant);
      const source = seen.sourceId === undefined ? null : given(warehouseAt(view, seen.sourceId));
      checkQuery(deps, source?.engine, seen.query, faults);
      if (wanted === null || source === null) throw refused(inputInvalid(faults));
      const names = namesFor(draft, 'model', wanted.name);
      const { description, query, queryIdentifierColumn: identifierColumn, enabled } = wanted;
      draft.put('model', {
        ...{ ...names, source: source.name, description, query, identifierColumn, enabled },
        schedule: schedule ?? null,
      });
      return names.name;
    });
    return answerOf(workspace.models.find((model) => model.name === name) as Model);
  });
}

/** Throws every fault found so far, and this one. */
function checkQuery(
  { checks }: PublicApiDeps,
  engine: string | undefined,
  query: string | undefined,
  faults: readonly InputFault[],
): void {
  const message = query === undefined || engine === undefined ? null : checks.checkModelSql(engine, query);
  const found = message === null ? faults : [...faults, { field: 'query', message: `"query": ${message}` }];
  if (found.length > 0) throw refused(inputInvalid(found));
}

async function update(
  deps: PublicApiDeps,
  { params, body, grant }: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const wanted = readBody(changedModel, body, faults);
  const seen = wanted ?? readParts(changedModel, body);
  const id = params.modelId as string;
  return settled(async () => {
    const { workspace } = await editConfig(deps, grant, async (draft) => {
      const view = await draftView(draft, grant);
      const model = given(modelAt(view, id));
      const schedule = scheduleOf(deps, seen, faults, model.schedule);
      if (isRefusal(schedule)) throw refused(faults.length > 0 ? inputInvalid(faults) : schedule);
      checkQuery(deps, given(warehouseAt(view, model.sourceId)).engine, seen.query, faults);
      if (wanted === null) throw refused(inputInvalid(faults));
      if (wanted.sourceId !== undefined && wanted.sourceId !== model.sourceId) {
        throw refused(badRequest('The source of a model cannot be changed; make another model.', 'sourceId'));
      }
      const before = draft.definition('model', model.name);
      draft.put('model', {
        ...before,
        title: wanted.name ?? before.title,
        description: wanted.description ?? before.description,
        enabled: wanted.enabled ?? before.enabled,
        query: wanted.query ?? before.query,
        identifierColumn: wanted.queryIdentifierColumn ?? before.identifierColumn,
        schedule: schedule === undefined ? before.schedule : schedule,
      });
    });
    return answerOf(workspace.models.find((model) => model.id === id) as Model);
  });
}

async function remove(deps: PublicApiDeps, { params, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  return settled(async () => {
    await editConfig(deps, grant, async (draft) => {
      const model = given(modelAt(await draftView(draft, grant), params.modelId as string));
      const users = draft.before.mappings.filter(({ modelId }) => modelId === model.id);
      if (users.length > 0) {
        throw refused(
          conflict(`Subscriptions use this model: ${someOf(users)}. Delete them, or give them another model, first.`),
        );
      }
      draft.remove('model', model.name);
    });
    return { data: { status: 'SUCCESS' } };
  });
}

const mostNamed = 5;

/** Names alone may be the same. */
function someOf(mappings: readonly Pick<Mapping, 'id' | 'name' | 'title'>[]): string {
  const named = mappings.slice(0, mostNamed).map(({ id, name, title }) => `${title ?? name} (${id})`);
  const more = mappings.length - named.length;
  return more > 0 ? `${named.join(', ')} and ${more} more` : named.join(', ');
}

function answerOf(model: Model): PublicAnswer {
  return { data: { reverseEtlModel: modelBody(model) } };
}
