/** `GET /usage/…`: API calls, tracked users and exempt messages of a month, day by day, of the workspace or by source. */
import { isMillraceError } from '../../../base/errors.ts';
import { type UsageReport, usageReports } from '../../../workspace/workspace.ts';
import { type InputFault, inputInvalid } from '../errors.ts';
import { cutRows, offsetOf, readPagination } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { PublicRequest, PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';

export function usageRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  return usageReports.map((report) => ({
    method: 'GET',
    url: report.path,
    versions: report.isOurs ? ['alpha'] : allVersions,
    needs: 'workspace:admin',
    handle: (request) => readReport(report, request, deps),
  }));
}

async function readReport(report: UsageReport, { query }: PublicRequest, { db, clock }: PublicApiDeps) {
  const faults: InputFault[] = [];
  const wanted = readPagination(query, faults);
  const offset = offsetOf(wanted.cursor);
  if (offset === null) {
    faults.push({ field: 'pagination.cursor', message: '"pagination.cursor" is not a cursor of this list' });
  }
  const rows = await rowsOf(report, query.text('period'), faults, { db, clock });
  if (faults.length > 0 || offset === null) return inputInvalid(faults);
  const { items, pagination } = cutRows(rows, wanted, offset);
  return { data: { [report.key]: items, pagination } };
}

async function rowsOf(
  report: UsageReport,
  period: string | undefined,
  faults: InputFault[],
  { db, clock }: Pick<PublicApiDeps, 'db' | 'clock'>,
) {
  if (period === undefined || period === '') {
    faults.push({ field: 'period', message: '"period" is required' });
    return [];
  }
  try {
    return await report.read(db.pool, period, clock);
  } catch (error) {
    if (!isMillraceError(error, 'period_invalid')) throw error;
    faults.push({ field: 'period', message: '"period" must be the first day of a month, such as 2026-05-01' });
    return [];
  }
}
