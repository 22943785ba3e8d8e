/**
 * `GET /events/volume`: how many messages came over time, of all sources the token may see or by source. Messages are
 * counted by time and source alone: names and types of events divide nothing here, and cannot narrow it down.
 */
import { may, messagesTaken } from '../../../workspace/workspace.ts';
import { readConfig } from '../config.ts';
import { type InputFault, inputInvalid } from '../errors.ts';
import { cutRows, offsetOf, readPagination } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import { allSources, readSourceLabels, resourceOf } from '../reverse-etl/source-list.ts';
import type { PublicRequest, PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';
import { workspaceId } from '../workspace/workspace.ts';
import { grouped, readFilters, readGroupBy, type Tally } from './tallies.ts';
import { day, hour, type LimitsByGranularity, readRange, stretchOf } from './time-range.ts';

const path = '/events/volume';
const limits: LimitsByGranularity = {
  MINUTE: { longest: 4 * hour, oldest: 48 * hour },
  HOUR: { longest: 14 * day, oldest: 30 * day },
  DAY: { longest: 366 * day, oldest: 36_500 * day },
};
const dimensions = ['eventName', 'eventType', 'source'];
const unknown = ['eventName', 'eventType', 'appVersion'];
const mostRows = 5_000;

export function eventsVolumeRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  return [
    {
      ...{ method: 'GET', url: path, versions: allVersions, needs: 'source:read', perMinute: 60 },
      handle: (request) => volume(deps, request),
    },
  ];
}

async function volume(deps: PublicApiDeps, { query, grant }: PublicRequest) {
  const faults: InputFault[] = [];
  const wanted = readPagination(query, faults);
  const offset = offsetOf(wanted.cursor);
  if (offset === null) {
    faults.push({ field: 'pagination.cursor', message: '"pagination.cursor" is not a cursor of this list' });
  }
  const range = readRange(query, limits, deps.clock.now(), faults);
  const groupBy = readGroupBy(query, dimensions, faults);
  for (const { dimension } of readFilters(query, '', unknown)) {
    faults.push({ field: dimension, message: `"${dimension}" is not counted by this server` });
  }
  if (faults.length > 0 || range === undefined || offset === null) return inputInvalid(faults);

  const ids = query.list('sourceId');
  const all = allSources(await readConfig(deps), await readSourceLabels(deps.db.pool));
  const seen = new Map(
    all
      .filter((source) => may(grant, 'source:read', resourceOf(source)) && (ids?.includes(source.id) ?? true))
      .map((source) => [source.id, source]),
  );
  const counts = await messagesTaken(deps.db.pool, stretchOf(range));
  const tallies = counts
    .filter(({ sourceId }) => seen.has(sourceId))
    .map(({ sourceId, at, count }): Tally => ({ at, count, about: { source: sourceId } }));
  const rows = grouped(tallies, groupBy, range)
    .slice(0, mostRows)
    .map(({ about: { source: id }, total, series }) => {
      const source = id === undefined ? undefined : seen.get(id);
      const named = source === undefined ? {} : { source: { id, name: source.name, slug: source.slug } };
      return { ...named, total, series };
    });
  const { items, pagination } = cutRows(rows, wanted, offset);
  const asked = {
    ...{ workspaceId, granularity: range.granularity },
    ...{ startTime: range.from.toISOString(), endTime: range.to.toISOString() },
    ...(groupBy.length > 0 && { groupBy }),
    ...(ids !== undefined && { sourceId: ids }),
  };
  return { data: { path, query: asked, result: items, pagination } };
}
