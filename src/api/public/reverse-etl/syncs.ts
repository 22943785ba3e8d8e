/**
 * Syncs: started by hand, watched, cancelled; and beyond the vendor's API their failed rows, and sending those again.
 * Promised: a sync that was asked for is found under its id from then on; a cancelled one leaves off within seconds.
 */
import { z } from 'zod';
import { isMillraceError } from '../../../base/errors.ts';
import {
  cancelRequest,
  listRequests,
  type NewRequest,
  requestSync,
  type SyncRequest,
} from '../../../schedule/schedule.ts';
import { cancelSync, listSyncs, type Sync, showSync, syncNote, syncRows } from '../../../sync/sync.ts';
import {
  type Mapping,
  type Model,
  type ResolvedMapping,
  recordAudit,
  type WorkspaceGrant,
} from '../../../workspace/workspace.ts';
import { readBody, text } from '../body.ts';
import {
  allRefusals,
  atField,
  conflict,
  type InputFault,
  inputInvalid,
  isRefusal,
  notFound,
  type PublicRefusal,
} from '../errors.ts';
import { firstCursor, listCursor, type PageWanted, paginationOf, readPagination } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { Query } from '../query.ts';
import { actorOf, type PublicAnswer, type PublicRequest, type PublicRoute } from '../route.ts';
import { destinationAt, jobOf, modelAt, readView, type SourcePower, type View, warehouseAt } from './source-objects.ts';
import { rowBody, syncBody, waitingBody } from './sync-body.ts';

export function syncRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const one = '/reverse-etl-models/:modelId/syncs/:syncId';
  const reading = { versions: ['alpha'], needs: 'source:read' } as const;
  const acting = { versions: ['alpha'], needs: 'source:admin' } as const;
  return [
    {
      ...{ method: 'POST', url: '/reverse-etl-syncs', ...acting, perMinute: 20 },
      handle: (request) => start(deps, request),
    },
    { ...{ method: 'GET', url: one, ...reading, perMinute: 250 }, handle: (request) => show(deps, request) },
    {
      ...{ method: 'GET', url: '/reverse-etl-models/:modelId/subscriptionId/:subscriptionId/syncs', ...reading },
      handle: (request) => list(deps, request),
    },
    { ...{ method: 'POST', url: `${one}/cancel`, ...acting }, handle: (request) => cancel(deps, request) },
    { ...{ method: 'GET', url: `${one}/rows`, ...reading }, handle: (request) => rows(deps, request) },
    {
      ...{ method: 'POST', url: `${one}/retry-failed`, ...acting },
      handle: (request) => again(deps, request, 'retry'),
    },
    { ...{ method: 'POST', url: `${one}/replay`, ...acting }, handle: (request) => again(deps, request, 'replay') },
  ];
}

const wantedSync = z.object({ sourceId: text(), modelId: text(), subscriptionId: text() });

async function start(deps: PublicApiDeps, { body, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const wanted = readBody(wantedSync, body, faults);
  if (wanted === null) return inputInvalid(faults);
  const view = await readView(deps, grant, 'source:admin');
  const source = atField(warehouseAt(view, wanted.sourceId), 'sourceId');
  const model = atField(modelAt(view, wanted.modelId), 'modelId');
  const named = view.workspace.mappings.find(({ id }) => id === wanted.subscriptionId);
  const mapping = atField(named ?? notFound('Subscription', wanted.subscriptionId), 'subscriptionId');
  if (isRefusal(source) || isRefusal(model) || isRefusal(mapping)) {
    return allRefusals([source, model, mapping]) as PublicRefusal;
  }
  const destination = destinationAt(view, mapping.destinationId);
  if (isRefusal(destination)) return destination;
  if (model.sourceId !== source.id) {
    faults.push({ field: 'modelId', message: '"modelId" is no model of this source' });
  }
  if (mapping.modelId !== model.id) {
    faults.push({ field: 'subscriptionId', message: '"subscriptionId" is no subscription with this model' });
  }
  if (faults.length > 0) return inputInvalid(faults);
  return ask(deps, grant, jobOf(view, mapping), 'manual');
}

/** The request and its note in the audit trail commit together. */
async function ask(
  { db, clock }: PublicApiDeps,
  grant: WorkspaceGrant,
  job: ResolvedMapping,
  reason: 'manual' | 'retry' | 'replay',
  options: NewRequest['options'] = {},
): Promise<PublicAnswer> {
  const { syncId, requestedAt } = await db.transaction(async (tx) => {
    const request = await requestSync(tx, job, { reason, requestedBy: grant.tokenId, options }, clock.now());
    await recordAudit(tx, actorOf(grant), [syncNote(reason, { id: request.syncId, mapping: job.mapping.name })]);
    return request;
  });
  return { data: { reverseETLManualSync: { startedAt: requestedAt.toISOString(), syncId } } };
}

/** A sync of a model, begun or waiting. What has begun is there also when its mapping is gone. */
type Found = { readonly view: View; readonly model: Model } & (
  | { readonly sync: Sync; readonly mapping: Mapping | undefined }
  | { readonly request: SyncRequest; readonly mapping: Mapping }
);

async function find(
  deps: PublicApiDeps,
  { params, grant }: PublicRequest,
  power: SourcePower,
): Promise<Found | PublicRefusal> {
  const view = await readView(deps, grant, power);
  const model = modelAt(view, params.modelId as string);
  if (isRefusal(model)) return model;
  const id = params.syncId as string;
  // It may begin between the two looks, or end and its request be gone.
  const found = (await begun(deps, id)) ?? (await waiting(deps, { syncId: id })) ?? (await begun(deps, id));
  const mapping = view.workspace.mappings.find((one) => one.id === found?.mappingId);
  if (found === undefined) return notFound('Sync', id);
  if ('requestedAt' in found) {
    return mapping?.modelId === model.id ? { view, model, mapping, request: found } : notFound('Sync', id);
  }
  // By the model it read: a mapping may have another one by now, and a name may be another model's.
  return found.modelId === model.id ? { view, model, mapping, sync: found } : notFound('Sync', id);
}

async function begun({ db, clock }: PublicApiDeps, syncId: string): Promise<Sync | undefined> {
  try {
    return await showSync(db, syncId, clock);
  } catch (error) {
    if (isMillraceError(error, 'sync_not_found')) return undefined;
    throw error;
  }
}

/** The request whose sync has not begun. */
async function waiting(
  deps: PublicApiDeps,
  which: { readonly mappingId?: string; readonly syncId?: string },
): Promise<SyncRequest | undefined> {
  const [request] = await listRequests(deps.db.pool, which);
  return request === undefined || (await begun(deps, request.syncId)) !== undefined ? undefined : request;
}

function bodyOf(found: Found, now: Date) {
  return 'sync' in found ? syncBody(found.sync, found.model, now) : waitingBody(found.request, found.model);
}

async function show(deps: PublicApiDeps, request: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const found = await find(deps, request, 'source:read');
  if (isRefusal(found)) return found;
  const body = bodyOf(found, deps.clock.now());
  // Clients of two generations: each knows one of the names and ignores the other.
  return { data: { reverseETLSyncStatus: body, reverseETLSync: body } };
}

/* ---- lists ---- */

const usualCount = 10;
const maxCount = 100;
/** The page after a first one that the waiting sync alone has filled. */
const afterWaiting = Buffer.from('1').toString('base64');

async function list(
  deps: PublicApiDeps,
  { params, query, grant }: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const view = await readView(deps, grant, 'source:read');
  const model = modelAt(view, params.modelId as string);
  if (isRefusal(model)) return model;
  const id = params.subscriptionId as string;
  // It may have had the model earlier: then only what it did with that one is here.
  const mapping = view.workspace.mappings.find((one) => one.id === id);
  const isPresent = mapping?.modelId === model.id;
  if (mapping === undefined) return notFound('Subscription', id);
  const count = countOf(query);
  if (count === null) {
    return inputInvalid([{ field: 'count', message: `"count" must be a whole number from 1 to ${maxCount}` }]);
  }
  const current = query.text('cursor') || firstCursor;
  const isFirst = current === firstCursor;
  const next = isFirst || current === afterWaiting ? undefined : current;
  const now = deps.clock.now();
  const first = isFirst && isPresent ? await waiting(deps, { mappingId: mapping.id }) : undefined;
  const ahead = first === undefined ? [] : [waitingBody(first, model)];
  const limit = count - ahead.length;
  try {
    const page =
      limit === 0
        ? { items: [], next: afterWaiting }
        : await listSyncs(
            deps.db,
            { mappingIds: [mapping.id], modelId: model.id },
            { limit, ...(next !== undefined && { next }) },
            deps.clock,
          );
    if (!isPresent && isFirst && page.items.length === 0) return notFound('Subscription', id);
    const syncStatuses = [...ahead, ...page.items.map((sync) => syncBody(sync, model, now))];
    return { data: { syncStatuses, pagination: paginationOf({ count, cursor: current }, page.next) } };
  } catch (error) {
    return cursorRefused(error, 'cursor');
  }
}

function countOf(query: Query): number | null {
  const given = query.text('count');
  if (given === undefined || given === '') return usualCount;
  const count = /^\d{1,3}$/.test(given) ? Number(given) : 0;
  return count >= 1 && count <= maxCount ? count : null;
}

export function cursorRefused(error: unknown, field: string): PublicRefusal {
  if (!isMillraceError(error, 'sync_paging_invalid')) throw error;
  return inputInvalid([{ field, message: `"${field}" is not a cursor of this list` }]);
}

async function rows(deps: PublicApiDeps, request: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const found = await find(deps, request, 'source:read');
  if (isRefusal(found)) return found;
  const faults: InputFault[] = [];
  const wanted = readPagination(request.query, faults);
  const which = request.query.text('kind') ?? 'failed';
  if (which !== 'failed' && which !== 'invalid') {
    faults.push({ field: 'kind', message: '"kind" must be one of failed, invalid' });
  }
  if (faults.length > 0) {
    const looked = 'sync' in found ? await rowPage(deps, found.sync.id, 'failed', { ...wanted, count: 1 }) : null;
    return inputInvalid([...faults, ...(isRefusal(looked) ? cursorFaults : [])]);
  }
  if ('request' in found) return { data: { rows: [], pagination: paginationOf(wanted, null) } };
  return rowPage(deps, found.sync.id, which as 'failed' | 'invalid', wanted);
}

const cursorFaults: readonly InputFault[] = [
  { field: 'pagination.cursor', message: '"pagination.cursor" is not a cursor of this list' },
];

/** Refused only for its cursor. */
async function rowPage(
  { db }: PublicApiDeps,
  syncId: string,
  which: 'failed' | 'invalid',
  wanted: PageWanted,
): Promise<PublicAnswer | PublicRefusal> {
  const next = listCursor(wanted);
  try {
    const page = await syncRows(db, syncId, which, { limit: wanted.count, ...(next !== undefined && { next }) });
    return { data: { rows: page.items.map(rowBody), pagination: paginationOf(wanted, page.next) } };
  } catch (error) {
    if (!isMillraceError(error, 'sync_paging_invalid')) throw error;
    return inputInvalid(cursorFaults);
  }
}

/* ---- what is done with a sync ---- */

/** Why: wrong model, wrong destination, wrong keys, wrong mapping, other. */
const cancelling = z.object({ reasonForCanceling: z.int().min(0).max(4).optional() });

async function cancel(deps: PublicApiDeps, request: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const found = await find(deps, request, 'source:admin');
  if (isRefusal(found)) return found;
  const faults: InputFault[] = [];
  if (readBody(cancelling, request.body, faults) === null) return inputInvalid(faults);
  const { db, clock } = deps;
  const ids = { modelId: found.model.id, syncId: request.params.syncId as string };
  const stops = { data: { ...ids, status: 'CANCELLING' } };
  const actor = actorOf(request.grant);
  if ('request' in found) {
    const job = jobOf(found.view, found.mapping);
    const isCancelled = await db.transaction(async (tx) => {
      const never = await cancelRequest(tx, job, ids.syncId, clock.now());
      if (never) await recordAudit(tx, actor, [syncNote('cancel', { id: ids.syncId, mapping: job.mapping.name })]);
      return never;
    });
    if (isCancelled) return stops;
  }
  try {
    await cancelSync(db, ids.syncId, clock, actor);
    return stops;
  } catch (error) {
    if (isMillraceError(error, 'sync_not_found')) return notFound('Sync', ids.syncId);
    if (!isMillraceError(error, 'sync_not_running')) throw error;
    const { state } = await showSync(db, ids.syncId, clock);
    const [errorCode, errorMessage] =
      state === 'cancelled'
        ? ['SyncAlreadyCanceled', 'sync already canceled']
        : ['SyncFinishedCannotCancel', 'sync already finished'];
    return { data: { ...ids, errorCode, errorMessage } };
  }
}

/** Sends rows of a sync again: those that failed, or all. */
async function again(
  deps: PublicApiDeps,
  request: PublicRequest,
  reason: 'retry' | 'replay',
): Promise<PublicAnswer | PublicRefusal> {
  const found = await find(deps, request, 'source:admin');
  if (isRefusal(found)) return found;
  if ('request' in found || found.sync.finishedAt === null) return conflict('This sync has not ended yet.');
  const { mapping } = found;
  if (mapping === undefined) return conflict('The subscription is gone, so this sync cannot be repeated.');
  if (mapping.modelId !== found.model.id) {
    return conflict('The subscription has another model by now, so this sync cannot be repeated.');
  }
  return ask(deps, request.grant, jobOf(found.view, mapping), reason, { syncId: found.sync.id });
}
