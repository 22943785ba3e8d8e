/** `GET /audit-trail`, beyond the vendor's API (alpha): the audit events with names, and the paths that changed. */
import { readAudit } from '../../../workspace/workspace.ts';
import { isRefusal } from '../errors.ts';
import { pageAt } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { PublicRoute } from '../route.ts';
import { readAuditQuery } from './audit-events.ts';

export function auditTrailRoutes({ db }: PublicApiDeps): readonly PublicRoute[] {
  return [
    {
      ...{ method: 'GET', url: '/audit-trail', versions: ['alpha'], needs: 'workspace:admin' },
      async handle({ query }) {
        const asked = readAuditQuery(query);
        if (isRefusal(asked)) return asked;
        const { wanted, offset, filter } = asked;
        const { events, total } = await readAudit(db.pool, filter, { offset, count: wanted.count });
        const entries = events.map(({ at, ...event }) => ({ ...event, timestamp: at.toISOString() }));
        return { data: { entries, pagination: pageAt(wanted, offset, total) } };
      },
    },
  ];
}
