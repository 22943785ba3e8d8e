/** `GET /spaces/{spaceId}/log`: messages a space dropped and identifiers it did not take, with the reasons, newest first. */
import { storableText } from '../../../base/text.ts';
import { pageSpaceLog, type SpaceLogEntry } from '../../../space/space.ts';
import { type InputFault, inputInvalid, isRefusal, type PublicRefusal } from '../errors.ts';
import { listCursor, paginationOf, readPagination } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import { spaceOrRefusal } from './find-space.ts';

export function spaceLogRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  return [
    {
      ...{ method: 'GET', url: '/spaces/:spaceId/log', versions: ['alpha'], needs: 'space:read' },
      handle: (request) => list(deps, request),
    },
  ];
}

async function list({ db }: PublicApiDeps, request: PublicRequest): Promise<PublicAnswer | PublicRefusal> {
  const { params, query, grant } = request;
  const space = await spaceOrRefusal(db.pool, params.spaceId as string, grant, 'space:read');
  if (isRefusal(space)) return space;
  const faults: InputFault[] = [];
  const wanted = readPagination(query, faults);
  const kind = query.text('kind');
  if (!isKind(kind)) faults.push({ field: 'kind', message: '"kind" must be one of drop, violation' });
  const reason = query.text('reason');
  if (reason !== undefined && !storableText(reason)) {
    faults.push({ field: 'reason', message: '"reason" must be a text without NUL' });
  }
  if (faults.length > 0 || !isKind(kind)) return inputInvalid(faults);
  const asked = { limit: wanted.count, next: listCursor(wanted), kind, reason };
  const { entries, next } = await pageSpaceLog(db.pool, space.no, asked);
  return { data: { entries, pagination: paginationOf(wanted, next) } };
}

function isKind(text: string | undefined): text is SpaceLogEntry['kind'] | undefined {
  return text === undefined || text === 'drop' || text === 'violation';
}
