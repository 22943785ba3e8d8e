/**
 * `/regulations` and `/suppressions`: deleting and suppressing people (`docs/privacy.md`). A regulation of a source
 * suppresses what that source brings; a deletion always takes the whole person.
 */
import { isMillraceError } from '../../base/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../base/json.ts';
import type { Queryable } from '../../db/db.ts';
import {
  createRegulation,
  getRegulation,
  listRegulations,
  type Regulation,
  type RegulationType,
  readSuppressions,
  regulationFaults,
  regulationStatuses,
  regulationTypes,
} from '../../privacy/privacy.ts';
import { findEventStream } from '../../workspace/workspace.ts';
import { type InputFault, inputInvalid, isRefusal, notFound, type PublicRefusal } from './errors.ts';
import { spaceOfPath } from './find-space.ts';
import { listCursor, paginationOf, readPagination } from './pagination.ts';
import type { PublicApiDeps } from './public.ts';
import type { Query } from './query.ts';
import type { PublicRoute } from './route.ts';
import { allVersions } from './versions.ts';
import { workspaceId } from './workspace.ts';

/** Statuses that regulations of other servers have; none of ours ever does. */
const otherStatuses = ['INVALID', 'NOT_SUPPORTED', 'PARTIAL_SUCCESS'] as const;

export function regulationRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const { db } = deps;
  const common = { versions: allVersions, needs: 'privacy:admin' } as const;
  const limited = { ...common, perMinute: 600 } as const;
  return [
    {
      ...{ method: 'POST', url: '/regulations', ...limited },
      handle: ({ body }) => create(deps, body, undefined),
    },
    {
      ...{ method: 'POST', url: '/regulations/sources/:sourceId', ...limited },
      async handle({ params, body }) {
        const sourceId = await sourceOrRefusal(db.pool, params.sourceId as string);
        return isRefusal(sourceId) ? sourceId : create(deps, body, sourceId);
      },
    },
    {
      ...{ method: 'GET', url: '/regulations', ...limited },
      handle: ({ query }) => list(deps, query, null),
    },
    {
      ...{ method: 'GET', url: '/regulations/sources/:sourceId', ...limited },
      async handle({ params, query }) {
        const sourceId = await sourceOrRefusal(db.pool, params.sourceId as string);
        return isRefusal(sourceId) ? sourceId : list(deps, query, sourceId);
      },
    },
    {
      ...{ method: 'GET', url: '/regulations/:regulateId', ...common },
      async handle({ params }) {
        const id = params.regulateId as string;
        try {
          return { data: { regulation: regulationBody(await getRegulation(db.pool, id)) } };
        } catch (error) {
          if (isMillraceError(error, 'regulation_not_found')) return notFound('Regulation', id);
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
  const types = readChoices(query.list('regulationTypes'), regulationTypes, 'regulationTypes', faults);
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
async function sourceOrRefusal(db: Queryable, id: string): Promise<string | PublicRefusal> {
  try {
    const stream = await findEventStream(db, id);
    if (stream.id === id) return id;
  } catch (error) {
    if (!isMillraceError(error, 'not_found')) throw error;
  }
  const space = await spaceOfPath(db, id);
  return !isRefusal(space) && space.id === id ? id : notFound('Source', id);
}

async function create(
  { db, clock }: PublicApiDeps,
  body: Json | undefined,
  sourceId: string | undefined,
): Promise<{ readonly data: { readonly regulateId: string } } | PublicRefusal> {
  const given: JsonObject = isJsonObject(body) ? body : {};
  const faults: InputFault[] = [];
  for (const name of ['regulationType', 'subjectType', 'subjectIds']) {
    if (given[name] === undefined || given[name] === null)
      faults.push({ field: name, message: `"${name}" is required` });
  }
  const isMissing = (name: string) => faults.some(({ field }) => field === name);
  if (!isMissing('subjectType') && given.subjectType !== 'USER_ID') {
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
    type: isMissing('regulationType') ? 'SUPPRESS_ONLY' : String(given.regulationType),
    subjectIds: (isList ? subjectIds : ['x']) as readonly string[],
    sourceId,
  };
  for (const { where, message } of regulationFaults(request)) {
    const field = where === 'type' ? 'regulationType' : where.replace(/\[(\d+)\]$/, '.$1');
    faults.push({ field, message });
  }
  if (faults.length > 0) return inputInvalid(faults);
  const { id } = await createRegulation(db, request, clock);
  return { data: { regulateId: id } };
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

function regulationBody({ id, status, sourceId, detail, createdAt, finishedAt }: Regulation) {
  const destinationStatus = (detail.destinations ?? []).map((destination) => ({
    ...{ name: destination.name, id: destination.id, status: destination.status },
    ...{ errString: 'This server cannot tell it; delete there by hand.', finishedAt: finishedAt?.toISOString() ?? '' },
  }));
  return {
    ...{ id, workspaceId, overallStatus: status, createdAt: createdAt.toISOString(), ...finished(finishedAt) },
    streamStatus: destinationStatus.length === 0 ? [] : [{ id: sourceId ?? workspaceId, destinationStatus }],
  };
}
