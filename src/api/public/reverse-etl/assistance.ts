/**
 * Help while something is configured, beyond the vendor's API (alpha): is a warehouse reached, what is in it, the first
 * rows of a query, which spaces there are, which fields a model suggests, what a row becomes. Nothing is changed, but by a
 * test record that is sent.
 */
import { z } from 'zod';
import { isMillraceError } from '../../../base/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../base/json.ts';
import {
  createPreviewLimits,
  type LimitPreviews,
  listTables,
  previewModel,
  sendTestRecord,
  suggestForModel,
  testMapping,
} from '../../../sync/sync.ts';
import {
  type Destination,
  type Model,
  type ResolvedMapping,
  type Source,
  type Workspace,
  type WorkspaceGrant,
  whyNotRunning,
} from '../../../workspace/workspace.ts';
import { map, readBody, text } from '../body.ts';
import { readConfig } from '../config.ts';
import {
  answered,
  badRequest,
  type InputFault,
  inputInvalid,
  isRefusal,
  notFound,
  type PublicRefusal,
  settled,
} from '../errors.ts';
import { isMask } from '../masks.ts';
import type { PublicApiDeps } from '../public.ts';
import { actorOf, type PublicAnswer, type PublicRequest, type PublicRoute } from '../route.ts';
import { actionOfId } from './catalog.ts';
import { destinationSecretFaults } from './receivers.ts';
import { allSources, pickSource, readSourceLabels } from './source-list.ts';
import { destinationAt, readView, type View, warehouseAt } from './source-objects.ts';
import { mayConnect, withoutWriteKeys } from './space-access.ts';
import { draftMapping } from './subscriptions.ts';

export function assistanceRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const limited = createPreviewLimits(deps.previews);
  const reading = { versions: ['alpha'], needs: 'source:read' } as const;
  const acting = { versions: ['alpha'], needs: 'source:admin' } as const;
  return [
    {
      ...{ method: 'POST', url: '/sources/:sourceId/test', ...acting },
      handle: (request) => testSource(deps, request),
    },
    {
      ...{ method: 'GET', url: '/sources/:sourceId/tables', ...reading },
      handle: (request) =>
        withSource(deps, request, 'source:read', async (source) => ({ tables: await listTables(deps.sync, source) })),
    },
    {
      ...{ method: 'POST', url: '/sources/:sourceId/preview', ...acting },
      handle: (request) => previewQuery(deps, limited, request),
    },
    {
      ...{ method: 'GET', url: '/reverse-etl-models/:modelId/preview', ...reading },
      handle: (request) =>
        withModel(deps, request, 'source:read', (model, source) =>
          limited((signal) => preview(deps, model, source, signal), request.signal),
        ),
    },
    {
      ...{ method: 'POST', url: '/reverse-etl-models/:modelId/suggested-mappings', ...reading },
      handle: (request) => suggest(deps, request),
    },
    {
      ...{ method: 'POST', url: '/destinations/:destinationId/test', ...acting },
      handle: (request) => testDestination(deps, request),
    },
    {
      ...{ method: 'GET', url: '/destinations/:destinationId/profile-spaces', ...acting },
      handle: (request) =>
        withDestination(deps, request, ({ settings }, _, viewer) =>
          deps.region.profileSpaces(settings, (spaceId) => mayConnect(viewer, spaceId)),
        ),
    },
    {
      ...{ method: 'POST', url: '/destinations/:destinationId/subscriptions/:id/test', ...acting },
      handle: (request) => testRecord(deps, limited, request),
    },
    {
      ...{ method: 'POST', url: '/destinations/:destinationId/subscriptions/test', ...acting },
      handle: (request) => testDraft(deps, limited, request),
    },
  ];
}

type Power = 'source:read' | 'source:admin';

async function sourceFor(deps: PublicApiDeps, workspace: Workspace, id: string, grant: WorkspaceGrant, power: Power) {
  const found = pickSource(allSources(workspace, await readSourceLabels(deps.db.pool)), id, grant, power);
  if (isRefusal(found)) return found;
  return found.of === 'warehouse' ? found.object : badRequest('This source is no warehouse.');
}

async function withSource(
  deps: PublicApiDeps,
  { params, grant }: PublicRequest,
  power: Power,
  work: (source: Source) => Promise<object>,
): Promise<PublicAnswer | PublicRefusal> {
  const source = await sourceFor(deps, await readConfig(deps), params.sourceId as string, grant, power);
  return isRefusal(source) ? source : answered(() => work(source));
}

async function withModel(
  deps: PublicApiDeps,
  { params, grant }: PublicRequest,
  power: Power,
  work: (model: Model, source: Source) => Promise<object | PublicRefusal>,
): Promise<PublicAnswer | PublicRefusal> {
  const workspace = await readConfig(deps);
  const id = params.modelId as string;
  const model = workspace.models.find((one) => one.id === id);
  if (model === undefined) return notFound('Model', id);
  const source = await sourceFor(deps, workspace, model.sourceId, grant, power);
  return isRefusal(source) ? source : answered(() => work(model, source));
}

async function withDestination(
  deps: PublicApiDeps,
  { params, grant }: PublicRequest,
  work: (destination: Destination, source: Source, view: View) => Promise<object | PublicRefusal>,
): Promise<PublicAnswer | PublicRefusal> {
  const view = await readView(deps, grant, 'source:admin');
  const destination = destinationAt(view, params.destinationId as string);
  if (isRefusal(destination)) return destination;
  const source = warehouseAt(view, destination.sourceId);
  return isRefusal(source) ? source : answered(() => work(destination, source, view));
}

/** Opening it and looking at one row shows what the settings are worth. */
function testSource(deps: PublicApiDeps, request: PublicRequest) {
  return withSource(deps, request, 'source:admin', async (source) => {
    try {
      await using warehouse = await deps.sync.openWarehouse(source);
      await warehouse.describe('SELECT 1 AS one');
      return { ok: true };
    } catch (error) {
      if (!isMillraceError(error)) throw error;
      return { ok: false, code: error.code, message: error.message, help: error.helpInApp };
    }
  });
}

const unsaved = z.object({
  query: text(65_535),
  /** Left out while it is not chosen yet: any column does. */
  queryIdentifierColumn: text(191).optional(),
});

async function previewQuery(
  deps: PublicApiDeps,
  limited: LimitPreviews,
  request: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const { params, grant, body } = request;
  // Who may not is told so first.
  const source = await sourceFor(deps, await readConfig(deps), params.sourceId as string, grant, 'source:admin');
  if (isRefusal(source)) return source;
  const faults: InputFault[] = [];
  const given = readBody(unsaved, body, faults);
  if (given === null) return inputInvalid(faults);
  return answered(async () => {
    const { query } = given;
    const identifierColumn = given.queryIdentifierColumn ?? (await firstColumn(deps, source, query));
    const model: Model = {
      ...{ id: 'unsaved', name: 'unsaved', title: null, sourceId: source.id, description: '', query, identifierColumn },
      ...{ enabled: true, schedule: null, createdAt: deps.clock.now() },
    };
    return limited((signal) => preview(deps, model, source, signal), request.signal);
  });
}

async function firstColumn({ sync }: PublicApiDeps, source: Source, query: string): Promise<string> {
  await using warehouse = await sync.openWarehouse(source);
  return (await warehouse.describe(query))[0]?.name ?? '';
}

async function preview(deps: PublicApiDeps, model: Model, source: Source, signal: AbortSignal): Promise<object> {
  const { columns, rows } = await previewModel(deps.sync, { model, source }, signal);
  return {
    columns: columns.map(({ name, type, nativeType }) => ({ name, type, nativeType })),
    rows: rows.map((row) => row.map(plain)),
  };
}

/** As JSON has it: whole numbers too large for it, times and bytes as text. */
function plain(value: unknown): Json {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return value as Json;
}

const wantedAction = z.object({ actionId: text() });

function suggest(deps: PublicApiDeps, request: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  return withModel(deps, request, 'source:read', async (model, source) => {
    const faults: InputFault[] = [];
    const given = readBody(wantedAction, request.body, faults);
    if (given === null) return inputInvalid(faults);
    const action = actionOfId(given.actionId);
    if (action === null) {
      return inputInvalid([{ field: 'actionId', message: '"actionId" is no action of the catalog' }]);
    }
    const { columns, fields, proposed } = await suggestForModel(deps.sync, { model, source }, action);
    return { columns: columns.map(({ name, type }) => ({ name, type })), settings: fields, proposed };
  });
}

const connection = z.object({ settings: map.optional() });

function testDestination(deps: PublicApiDeps, request: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  return withDestination(deps, request, async ({ settings }) => {
    const faults: InputFault[] = [];
    const given = readBody(connection, request.body, faults);
    if (given === null) return inputInvalid(faults);
    const wanted = given.settings ?? {};
    const tested = { ...settings, ...unmasked(wanted) };
    const leaks = destinationSecretFaults(settings, tested, wanted);
    return leaks.length > 0 ? inputInvalid(leaks) : deps.region.testConnection(tested);
  });
}

/** What the app shows in the place of a secret is no new one. */
function unmasked(settings: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => !isMask(value)));
}

/** The same of a mapping that is not saved yet. */
function testDraft(
  deps: PublicApiDeps,
  limited: LimitPreviews,
  request: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  return settled(() =>
    withDestination(deps, request, async (destination, source, view) => {
      const { recordId, send, ...body }: JsonObject = isJsonObject(request.body) ? request.body : {};
      const faults: InputFault[] = [];
      const given = readBody(
        record,
        { ...(recordId !== undefined && { recordId }), ...(send !== undefined && { send }) },
        faults,
      );
      if (given === null) return inputInvalid(faults);
      const job = { ...draftMapping(deps, view, destination, body), source, destination };
      return tried(deps, limited, request, view, job, given);
    }),
  );
}

const record = z.object({ recordId: z.string().optional(), send: z.boolean().default(false) });

function testRecord(
  deps: PublicApiDeps,
  limited: LimitPreviews,
  request: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const id = request.params.id as string;
  return withDestination(deps, request, async (destination, source, view) => {
    const { workspace } = view;
    const faults: InputFault[] = [];
    const given = readBody(record, request.body, faults);
    if (given === null) return inputInvalid(faults);
    const mapping = workspace.mappings.find((one) => one.id === id && one.destinationId === destination.id);
    const model = workspace.models.find((one) => one.id === mapping?.modelId);
    if (mapping === undefined || model === undefined) return notFound('Subscription', id);
    const job = { mapping, model, source, destination };
    return await tried(deps, limited, request, view, job, given);
  });
}

async function tried(
  deps: PublicApiDeps,
  limited: LimitPreviews,
  { grant, signal }: PublicRequest,
  view: View,
  job: ResolvedMapping,
  { recordId, send }: z.output<typeof record>,
) {
  const test = (left: AbortSignal) =>
    send ? sendTestRecord(deps.sync, job, recordId, left, actorOf(grant)) : testMapping(deps.sync, job, recordId, left);
  const tested = await limited(test, signal);
  const [payload, result] = [withoutWriteKeys(view, tested.payload), withoutWriteKeys(view, tested.result)];
  return { ...tested, payload, result, notRunning: whyNotRunning(job) };
}
