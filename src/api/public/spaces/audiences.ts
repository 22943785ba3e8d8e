/**
 * `/spaces/{spaceId}/audiences`: definitions, who looks at whom, and beyond the vendor's API who is in them.
 */
import { type Computation, listComputations, listReaders } from '../../../audience/audience.ts';
import { listMembers } from '../../../space/space.ts';
import type { Space } from '../../../workspace/workspace.ts';
import { type InputFault, inputInvalid, isRefusal, type PublicRefusal } from '../errors.ts';
import { javaGeneration } from '../generations.ts';
import { listCursor, listPage, paginationOf, readPagination } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { Query } from '../query.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';
import { matchesSearch, readSearch, sortedAs } from './audience-search.ts';
import { changeOne, createOne, deleteOne, type Family, findOne } from './computation-acts.ts';
import { audienceBody, changedAudienceBody } from './computation-bodies.ts';
import { spaceOrRefusal } from './find-space.ts';

const audiences: Family = {
  ...{ kind: 'audience', key: 'audience', one: { error: 'Audience', audit: 'Audience' } },
  body(space, computation, { headers }) {
    const agent = headers['user-agent'];
    const isStrict = typeof agent === 'string' && javaGeneration(agent) !== null;
    return isStrict ? changedAudienceBody(space, computation) : audienceBody(space, computation);
  },
};

export function audienceRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  const url = '/spaces/:spaceId/audiences';
  const reading = { method: 'GET', versions: allVersions, needs: 'space:read' } as const;
  const changing = { versions: allVersions, needs: 'audience:admin', perMinute: 50 } as const;
  return [
    { ...{ ...changing, method: 'POST', url }, handle: (request) => createOne(deps, audiences, request) },
    { ...{ ...reading, url, perMinute: 60 }, handle: (request) => list(deps, request) },
    { ...{ ...reading, url: `${url}/:id`, perMinute: 100 }, handle: (request) => get(deps, request) },
    {
      ...{ ...changing, method: 'PATCH', url: `${url}/:id` },
      handle: (request) => changeOne(deps, audiences, request),
    },
    {
      ...{ ...changing, method: 'DELETE', url: `${url}/:id` },
      handle: (request) => deleteOne(deps, audiences, request),
    },
    { ...{ ...reading, url: `${url}/:id/audience-references` }, handle: (request) => listReferences(deps, request) },
    {
      ...{ ...reading, url: `${url}/:id/members`, versions: ['alpha'] },
      handle: (request) => listIn(deps, request),
    },
  ];
}

async function list({ db }: PublicApiDeps, { params, query, grant }: PublicRequest) {
  const space = await spaceOrRefusal(db.pool, params.spaceId as string, grant, 'space:read');
  if (isRefusal(space)) return space;
  return page(space, query, await listComputations(db.pool, space.no, 'audience'));
}

/** Those of a list that are searched for, in the order that is asked for. */
function page(space: Space, query: Query, all: readonly Computation[]): PublicAnswer | PublicRefusal {
  const faults: InputFault[] = [];
  const search = readSearch(query, faults);
  const withSchedules = includesSchedules(query, faults);
  const sorted = sortedAs(query, all, faults);
  const rows = sorted
    .filter((one) => search === null || matchesSearch(search, one))
    .map((one) => audienceWith(space, one, withSchedules));
  const answer = listPage('audiences', rows, query);
  if (faults.length === 0) return answer;
  const ofPage = isRefusal(answer) ? answer.problems.map(({ field = '', message }) => ({ field, message })) : [];
  return inputInvalid([...faults, ...ofPage]);
}

async function get(deps: PublicApiDeps, request: PublicRequest) {
  const found = await findOne(deps, audiences, request, 'space:read');
  if (isRefusal(found)) return found;
  const faults: InputFault[] = [];
  const withSchedules = includesSchedules(request.query, faults);
  if (faults.length > 0) return inputInvalid(faults);
  return { data: { audience: audienceWith(found.space, found.computation, withSchedules) } };
}

/** Only audiences of warehouses have schedules of their own, and those are not here. */
function includesSchedules(query: Query, faults: InputFault[]): boolean {
  const wanted = query.list('include') ?? [];
  if (wanted.some((name) => name !== 'schedules')) {
    faults.push({ field: 'include', message: '"include" must be one of schedules' });
  }
  return wanted.includes('schedules');
}

function audienceWith(space: Space, computation: Computation, withSchedules: boolean) {
  return { ...audienceBody(space, computation), ...(withSchedules && { schedules: [] }) };
}

/** The audiences whose queries look at this one. */
async function listReferences(deps: PublicApiDeps, request: PublicRequest) {
  const found = await findOne(deps, audiences, request, 'space:read');
  if (isRefusal(found)) return found;
  const readers = await listReaders(deps.db.pool, found.computation);
  return page(
    found.space,
    request.query,
    readers.filter(({ kind }) => kind === 'audience'),
  );
}

/** Segment ids of those who are in it, in their order. */
async function listIn(deps: PublicApiDeps, request: PublicRequest) {
  const found = await findOne(deps, audiences, request, 'space:read');
  if (isRefusal(found)) return found;
  const faults: InputFault[] = [];
  const wanted = readPagination(request.query, faults);
  const after = memberOf(listCursor(wanted), faults);
  if (faults.length > 0) return inputInvalid(faults);
  const { spaceNo, id } = found.computation;
  const ids = await listMembers(deps.db.pool, spaceNo, id, wanted.count + 1, after);
  const members = ids.slice(0, wanted.count);
  const last = members.at(-1);
  const next = ids.length > wanted.count && last !== undefined ? Buffer.from(last).toString('base64url') : null;
  return { data: { members: members.map((one) => ({ id: one })), pagination: paginationOf(wanted, next) } };
}

/** The segment id in a cursor, after which a page begins. */
function memberOf(cursor: string | undefined, faults: InputFault[]): string | undefined {
  if (cursor === undefined) return undefined;
  const id = Buffer.from(cursor, 'base64url').toString('latin1');
  if (/^[a-z]+_\w+$/.test(id)) return id;
  faults.push({ field: 'pagination.cursor', message: '"pagination.cursor" is not a cursor of this list' });
  return undefined;
}
