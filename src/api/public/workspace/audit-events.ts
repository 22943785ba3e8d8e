/** `GET /audit-events`: who changed what, newest first; paths that changed are named in `/audit-trail`, not here. */
import { storableText } from '../../../base/text.ts';
import { type AuditEvent, type AuditQuery, readAudit } from '../../../workspace/workspace.ts';
import { type InputFault, inputInvalid, isRefusal, type PublicRefusal } from '../errors.ts';
import { offsetOf, type PageWanted, pageAt, readPagination } from '../pagination.ts';
import { timeParameter } from '../parameters.ts';
import type { PublicApiDeps } from '../public.ts';
import type { Query } from '../query.ts';
import type { PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';

export function auditRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  return [
    {
      ...{ method: 'GET', url: '/audit-events', versions: allVersions, needs: 'workspace:admin' },
      handle: ({ query }) => list(deps, query),
    },
  ];
}

async function list({ db }: PublicApiDeps, query: Query) {
  const asked = readAuditQuery(query);
  if (isRefusal(asked)) return asked;
  const { wanted, offset, filter } = asked;
  const { events, total } = await readAudit(db.pool, filter, { offset, count: wanted.count });
  return { data: { events: events.map(eventBody), pagination: pageAt(wanted, offset, total) } };
}

export interface AuditAsked {
  readonly wanted: PageWanted;
  readonly offset: number;
  readonly filter: AuditQuery;
}

export function readAuditQuery(query: Query): AuditAsked | PublicRefusal {
  const faults: InputFault[] = [];
  const wanted = readPagination(query, faults);
  const offset = offsetOf(wanted.cursor);
  if (offset === null) {
    faults.push({ field: 'pagination.cursor', message: '"pagination.cursor" is not a cursor of this list' });
  }
  const from = timeParameter(query, 'startTime', faults);
  const to = timeParameter(query, 'endTime', faults);
  if (from !== undefined && to !== undefined && from > to) {
    faults.push({ field: 'endTime', message: '"endTime" must not be before "startTime"' });
  }
  const [resourceId, resourceType] = [filter(query, 'resourceId', faults), filter(query, 'resourceType', faults)];
  if (faults.length > 0 || offset === null) return inputInvalid(faults);
  return { wanted, offset, filter: { from, to, resourceId, resourceType } };
}

function filter(query: Query, name: string, faults: InputFault[]): string | undefined {
  const given = query.text(name);
  if (given === undefined || given === '') return undefined;
  if (storableText(given)) return given;
  faults.push({ field: name, message: `"${name}" must be a text without NUL` });
  return undefined;
}

function eventBody({ id, at, type, actor, resourceId, resourceType, resourceName }: AuditEvent) {
  return { id, timestamp: at.toISOString(), type, actor, resourceId, resourceType, resourceName };
}
