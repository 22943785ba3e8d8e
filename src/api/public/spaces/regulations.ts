/**
 * `/regulations` and `/suppressions`: deleting and suppressing people (`docs/privacy.md`). A regulation of a source
 * suppresses what that source brings; a deletion always takes the whole person.
 */
import { isMillraceError } from '../../../base/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../base/json.ts';
import {
  cancelRegulation,
  createRegulation,
  getRegulation,
  listRegulations,
  type QuotaState,
  type Regulation,
  type RegulationType,
  readQuota,
  readSuppressions,
  regulationFaults,
  regulationStatuses,
  regulationTypes,
} from '../../../privacy/privacy.ts';
import { findEventStream, type Workspace, type WorkspaceGrant } from '../../../workspace/workspace.ts';
import { readConfig } from '../config.ts';
import {
  badRequest,
  type InputFault,
  inputInvalid,
  isRefusal,
  notFound,
  type Problem,
  type PublicRefusal,
  refusalOfStatus,
} from '../errors.ts';
import { listCursor, paginationOf, readPagination } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { Query } from '../query.ts';
import { actorOf, type PublicAnswer, type PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';
import { workspaceId } from '../workspace/workspace.ts';
import { spaceOfPath } from './find-space.ts';

/** Statuses that regulations of other servers have; none of ours ever does. */
const otherStatuses = ['INVALID', 'NOT_SUPPORTED', 'PARTIAL_SUCCESS'] as const;
/** A type of other servers: it deletes from their archive of messages, which this one does not have. */
const archiveOnly = 'DELETE_ARCHIVE_ONLY';

/** User ids in a calendar month, for each of the two categories of types. */
const monthlyQuota = 110_000;

export function regulationRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const { db } = deps;
  const common = { versions: allVersions, needs: 'privacy:admin' } as const;
  const limited = { ...common, perMinute: 600 } as const;
  return [
    {
      ...{ method: 'POST', url: '/regulations', ...limited },
      handle: ({ body, grant }) => create(deps, grant, body, undefined),
    },
    {
      ...{ method: 'POST', url: '/regulations/sources/:sourceId', ...limited },
      async handle({ params, body, grant }) {
        const sourceId = await sourceOrRefusal(deps, params.sourceId as string);
        return isRefusal(sourceId) ? sourceId : create(deps, grant, body, sourceId);
      },
    },
    {
      ...{ method: 'GET', url: '/regulations', ...limited },
      handle: ({ query }) => list(deps, query, null),
    },
    {
      ...{ method: 'GET', url: '/regulations/sources/:sourceId', ...limited },
      async handle({ params, query }) {
        const sourceId = await sourceOrRefusal(deps, params.sourceId as string);
        return isRefusal(sourceId) ? sourceId : list(deps, query, sourceId);
      },
    },
    {
      ...{ method: 'GET', url: '/regulations/:regulateId', ...common },
      async handle({ params }) {
        const id = params.regulateId as string;
        try {
          const regulation = await getRegulation(db.pool, id);
          return { data: { regulation: regulationBody(regulation, await readConfig(deps)) } };
        } catch (error) {
          if (isMillraceError(error, 'regulation_not_found')) return notFound('Regulation', id);
          throw error;
        }
      },
    },
    {
      ...{ method: 'DELETE', url: '/regulations/:regulateId', ...common },
      async handle({ params, grant }) {
        const id = params.regulateId as string;
        try {
          await cancelRegulation(db, id, actorOf(grant));
          return { data: { status: 'SUCCESS' } };
        } catch (error) {
          if (isMillraceError(error, 'regulation_not_found')) return notFound('Regulation', id);
          if (isMillraceError(error, 'regulation_begun')) return badRequest(error.message);
          throw error;
        }
      },
    },
    {
      ...{ method: 'GET', url: '/suppressions', ...common },
      async handle({ query }) {
        const faults: InputFault[] = [];
        const wanted = readPagination(query, faults);
        if (faults.length > 0) return inputInvalid(faults);
        const { items, next } = await readSuppressions(db.pool, { limit: wanted.count, next: listCursor(wanted) });
        const subjectIds = [...new Set(items.map(({ userId }) => userId))];
        const suppressed = subjectIds.length === 0 ? [] : [{ subjectType: 'USER_ID', subjectIds }];
        return { data: { suppressed, pagination: paginationOf(wanted, next) } };
      },
    },
  ];
}

/** `sourceId` null: those of the workspace. */
async function list({ db, clock }: PublicApiDeps, query: Query, sourceId: string | null) {
  const faults: InputFault[] = [];
  const wanted = readPagination(query, faults);
  const knownTypes = [...regulationTypes, archiveOnly];
  const asked = readChoices(query.list('regulationTypes'), knownTypes, 'regulationTypes', faults);
  const types = asked?.flatMap((name) => regulationTypes.find((type) => type === name) ?? []);
  const given = query.text('status');
  const known = [...regulationStatuses, ...otherStatuses];
  readChoices(given === undefined ? undefined : [given], known, 'status', faults);
  if (faults.length > 0) return inputInvalid(faults);
  const status = regulationStatuses.find((one) => one === given);
  const page =
    given !== undefined && status === undefined
      ? { items: [], next: null }
      : await listRegulations(
          db.pool,
          { status, types, sourceId, limit: wanted.count, next: listCursor(wanted) },
          clock,
        );
  const regulations = page.items.map(entryBody);
  // The list of a source has no pagination in its answer.
  return { data: sourceId === null ? { regulations, pagination: paginationOf(wanted, page.next) } : { regulations } };
}

function readChoices<T extends string>(
  given: readonly string[] | undefined,
  choices: readonly T[],
  field: string,
  faults: InputFault[],
): readonly T[] | undefined {
  if (given === undefined) return undefined;
  const known = given.flatMap((text) => choices.find((choice) => choice === text) ?? []);
  if (known.length < given.length) {
    faults.push({ field, message: `"${field}" must be one of ${choices.join(', ')}` });
  }
  return known;
}

/** The id of an event stream or a space, as suppressions have it. */
async function sourceOrRefusal(deps: PublicApiDeps, id: string): Promise<string | PublicRefusal> {
  const db = deps.db.pool;
  try {
    const stream = await findEventStream(db, id);
    if (stream.id === id) return id;
  } catch (error) {
    if (!isMillraceError(error, 'not_found')) throw error;
  }
  const space = await spaceOfPath(db, id);
  if (!isRefusal(space) && space.id === id) return id;
  const { sources } = await readConfig(deps);
  if (!sources.some((source) => source.id === id)) return notFound('Source', id);
  return badRequest(
    'What a warehouse brings belongs to the profile spaces that it is written to: give the id of such a space, or leave the source out, which takes all.',
    'sourceId',
  );
}

async function create(
  { db, clock }: PublicApiDeps,
  grant: WorkspaceGrant,
  body: Json | undefined,
  sourceId: string | undefined,
): Promise<PublicAnswer | PublicRefusal> {
  const given: JsonObject = isJsonObject(body) ? body : {};
  const faults: InputFault[] = [];
  for (const name of ['regulationType', 'subjectType', 'subjectIds']) {
    if (given[name] === undefined || given[name] === null)
      faults.push({ field: name, message: `"${name}" is required` });
  }
  const isMissing = (name: string) => faults.some(({ field }) => field === name);
  const isArchiveOnly = given.regulationType === archiveOnly;
  if (isArchiveOnly) {
    faults.push({
      field: 'regulationType',
      message: `"regulationType" cannot be ${archiveOnly}: this server keeps no archive beside its profiles; DELETE_INTERNAL deletes all there is`,
    });
  }
  if (!isMissing('subjectType') && given.subjectType !== 'USER_ID' && !isArchiveOnly) {
    faults.push({
      field: 'subjectType',
      message: '"subjectType" must be USER_ID: people are known by their user ids here',
    });
  }
  const { subjectIds } = given;
  const isList = Array.isArray(subjectIds);
  if (!isMissing('subjectIds') && !isList) {
    faults.push({ field: 'subjectIds', message: '"subjectIds" must be an array' });
  }
  // What is missing has been told: in its place stands what nothing is wrong with.
  const request = {
    type: isMissing('regulationType') || isArchiveOnly ? 'SUPPRESS_ONLY' : String(given.regulationType),
    subjectIds: (isList ? subjectIds : ['x']) as readonly string[],
    sourceId,
  };
  for (const { where, message } of regulationFaults(request)) {
    const field = where === 'type' ? 'regulationType' : where.replace(/\[(\d+)\]$/, '.$1');
    faults.push({ field, message });
  }
  if (faults.length > 0) return inputInvalid(faults);
  // Without faults it is one of the types.
  const type = request.type as RegulationType;
  try {
    const { id } = await createRegulation(db, request, clock, monthlyQuota, actorOf(grant));
    return { data: { regulateId: id }, headers: quotaHeaders(await readQuota(db.pool, type, clock)) };
  } catch (error) {
    if (!isMillraceError(error, 'regulation_quota_exceeded')) throw error;
    return quotaExceeded(await readQuota(db.pool, type, clock), clock.now());
  }
}

function quotaHeaders({ subjects, resetsAt }: QuotaState) {
  return {
    'X-RateLimit-Consumed': String(subjects),
    'X-RateLimit-Remaining': String(Math.max(0, monthlyQuota - subjects)),
    'X-RateLimit-Reset': resetsAt.toUTCString(),
  };
}

function quotaExceeded(state: QuotaState, now: Date): PublicRefusal {
  const answer = refusalOfStatus(429, 'Too many requests', quotaHeaders(state));
  const data = {
    remainingPoints: Math.max(0, monthlyQuota - state.subjects),
    msBeforeNext: state.resetsAt.getTime() - now.getTime(),
    consumedPoints: state.subjects,
  };
  // Both are the vendor's.
  const problem: Problem = { ...answer.problems[0], type: 'RequestError', data };
  return { ...answer, problems: [problem] };
}

const finished = (at: Date | null) => (at === null ? {} : { finishedAt: at.toISOString() });

/** The ids are gone once it is finished. */
function entryBody({ id, type, subjectIds, status, createdAt, finishedAt }: Regulation): {
  readonly regulationType: RegulationType;
} {
  return {
    ...{ id, subjectType: 'USER_ID', subjects: subjectIds, status, createdAt: createdAt.toISOString() },
    ...{ regulationType: type, ...finished(finishedAt) },
  };
}

/** An item for each source, with the destinations that are connected to it. */
function regulationBody(
  { id, status, sourceId, detail, createdAt, finishedAt }: Regulation,
  { sources, eventStreams, spaces, destinations }: Workspace,
) {
  const ids = sourceId === null ? [...sources, ...eventStreams, ...spaces].map((one) => one.id) : [sourceId];
  const told = (detail.destinations ?? []).map((destination) => ({
    // One that is gone by now was connected to some source.
    of: destinations.find((one) => one.id === destination.id)?.sourceId ?? workspaceId,
    status: {
      ...{ name: destination.name, id: destination.id, status: destination.status },
      ...{
        errString: 'This server cannot tell it; delete there by hand.',
        finishedAt: finishedAt?.toISOString() ?? '',
      },
    },
  }));
  const streamStatus = [...new Set([...ids, ...told.map(({ of }) => of)])].map((source) => ({
    id: source,
    destinationStatus: told.filter(({ of }) => of === source).map((one) => one.status),
  }));
  return {
    ...{ id, workspaceId, overallStatus: status, createdAt: createdAt.toISOString(), ...finished(finishedAt) },
    streamStatus,
  };
}
