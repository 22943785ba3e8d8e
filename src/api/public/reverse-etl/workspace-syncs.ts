/**
 * The syncs of the whole workspace, beyond the vendor's API (alpha): what runs, what failed, what was delivered when.
 * Promised: only of mappings whose source the caller may see; those of mappings that are gone are not among them.
 */
import { isMillraceError } from '../../../base/errors.ts';
import { listRequests, type SyncRequest } from '../../../schedule/schedule.ts';
import { listSyncs, type Sync, type SyncState, showSync, syncVolume } from '../../../sync/sync.ts';
import type { Mapping, Model } from '../../../workspace/workspace.ts';
import { type InputFault, inputInvalid, notFound, type PublicRefusal } from '../errors.ts';
import { listCursor, paginationOf, readPagination } from '../pagination.ts';
import { choiceParameter } from '../parameters.ts';
import type { PublicApiDeps } from '../public.ts';
import { day, type LimitsByGranularity, partSeconds, partsOf, readRange } from '../reports/time-range.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import { readView, seenBy, type View } from './source-objects.ts';
import { helpOf, syncBody, waitingBody } from './sync-body.ts';
import { cursorRefused } from './syncs.ts';

export function workspaceSyncRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const reading = { method: 'GET', versions: ['alpha'], needs: 'source:read' } as const;
  return [
    { ...{ ...reading, url: '/reverse-etl-syncs' }, handle: (request) => list(deps, request) },
    { ...{ ...reading, url: '/reverse-etl-syncs/volume' }, handle: (request) => volume(deps, request) },
    { ...{ ...reading, url: '/reverse-etl-syncs/:syncId' }, handle: (request) => show(deps, request) },
  ];
}

/** Mappings that may be seen, with their models, by id. */
type Seen = ReadonlyMap<string, { readonly mapping: Mapping; readonly model: Model }>;

function seenMappings(view: View): Seen {
  const models = new Map(seenBy(view, view.workspace.models).map((model) => [model.id, model]));
  return new Map(
    view.workspace.mappings.flatMap((mapping) => {
      const model = models.get(mapping.modelId);
      return model === undefined ? [] : [[mapping.id, { mapping, model }] as const];
    }),
  );
}

/** Those whose source may be seen: of a mapping that had a model of another source, only what it did with this one. */
function seenSources({ workspace, ...view }: View): { readonly sourceIds?: readonly string[] } {
  const sourceIds = seenBy(
    { workspace, ...view },
    workspace.sources.map((source) => ({ ...source, sourceId: source.id })),
  ).map(({ id }) => id);
  return sourceIds.length === workspace.sources.length ? {} : { sourceIds };
}

/** What people ask for, and the states it means. */
const statesOf = {
  RUNNING: ['extracting', 'loading', 'cancelling'],
  FAILED: ['failed', 'partially succeeded'],
} as const satisfies Record<string, readonly SyncState[]>;

async function list(deps: PublicApiDeps, { query, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const wanted = readPagination(query, faults);
  const status = choiceParameter(query, 'status', ['RUNNING', 'FAILED'], faults);
  if (faults.length > 0) return inputInvalid(faults);
  const view = await readView(deps, grant, 'source:read');
  const seen = seenMappings(view);
  const next = listCursor(wanted);
  const filter = {
    mappingIds: [...seen.keys()],
    ...seenSources(view),
    ...(status !== undefined && { states: statesOf[status] }),
  };
  try {
    const paging = { limit: wanted.count, ...(next !== undefined && { next }) };
    const page = await listSyncs(deps.db, filter, paging, deps.clock);
    const now = deps.clock.now();
    const begun = page.items.map((sync) => wholeBody(sync, seen, now));
    // Those that wait stand ahead of the first page, beside its count.
    const waiting =
      next === undefined && status !== 'FAILED' ? await listRequests(deps.db.pool, { hasNotBegun: true }) : [];
    const ahead = waiting.filter(({ mappingId }) => seen.has(mappingId)).map((request) => askedBody(request, seen));
    return { data: { syncs: [...ahead.reverse(), ...begun], pagination: paginationOf(wanted, page.next) } };
  } catch (error) {
    return cursorRefused(error, 'pagination.cursor');
  }
}

async function show(
  { db, clock, ...deps }: PublicApiDeps,
  { params, grant }: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const view = await readView({ db, ...deps }, grant, 'source:read');
  const seen = seenMappings(view);
  const { sourceIds } = seenSources(view);
  try {
    const sync = await showSync(db, params.syncId as string, clock);
    const isOther = sourceIds !== undefined && !sourceIds.includes(sync.sourceId ?? '');
    if (seen.has(sync.mappingId) && !isOther) return { data: { sync: wholeBody(sync, seen, clock.now()) } };
  } catch (error) {
    if (!isMillraceError(error, 'sync_not_found')) throw error;
    const [request] = await listRequests(db.pool, { syncId: params.syncId as string });
    if (request !== undefined && seen.has(request.mappingId)) return { data: { sync: askedBody(request, seen) } };
  }
  return notFound('Sync', params.syncId as string);
}

type SeenMapping = Seen extends ReadonlyMap<string, infer Entry> ? Entry : never;

/** A sync with everything that is known of it. Counts are numbers here; in the vendor's part they are texts. */
function wholeBody(sync: Sync, seen: Seen, now: Date) {
  const { mapping, model } = seen.get(sync.mappingId) as SeenMapping;
  const { counts, effects, warnings, reason, replay } = sync;
  // As it was when it ran: the mapping may have another model by now.
  const read = { id: sync.modelId ?? model.id, sourceId: sync.sourceId ?? model.sourceId };
  const names = { ...namesOf(mapping, model), ...(read.id !== model.id && { modelName: sync.model }) };
  return { ...syncBody(sync, read, now), ...names, counts, effects, warnings, reason, help: helpOf(sync), replay };
}

/** One that waits for a process to take it: the vendor's form knows no such state. */
function askedBody(request: SyncRequest, seen: Seen) {
  const { mapping, model } = seen.get(request.mappingId) as SeenMapping;
  return { ...waitingBody(request, model), ...namesOf(mapping, model), isWaiting: true };
}

function namesOf(mapping: Mapping, model: Model) {
  const [subscriptionName, modelName] = [mapping.title ?? mapping.name, model.title ?? model.name];
  return { subscriptionId: mapping.id, subscriptionName, destinationId: mapping.destinationId, modelName };
}

const limits: LimitsByGranularity = {
  MINUTE: { longest: day / 6, oldest: 366 * day },
  HOUR: { longest: 14 * day, oldest: 366 * day },
  DAY: { longest: 366 * day, oldest: 366 * day },
};

/** Every part of the time, also those in which nothing ended. */
async function volume(deps: PublicApiDeps, { query, grant }: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const range = readRange(query, limits, deps.clock.now(), faults);
  if (range === undefined) return inputInvalid(faults);
  const { granularity, from, to } = range;
  const seen = seenMappings(await readView(deps, grant, 'source:read'));
  const wanted = { mappingIds: [...seen.keys()], from, to, seconds: partSeconds(granularity) };
  const found = new Map((await syncVolume(deps.db.pool, wanted)).map((part) => [part.at.getTime(), part]));
  const parts = partsOf(range).map((at) => {
    const { delivered = 0, failed = 0, invalid = 0 } = found.get(at) ?? {};
    return { time: new Date(at).toISOString(), delivered, failed, invalid };
  });
  return { data: { volume: parts } };
}
