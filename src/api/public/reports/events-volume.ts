/**
 * `GET /events/volume`: how many messages came over time, of all sources the token may see; by source, and by type and
 * name of the event. Versions of apps are not counted: they divide nothing here, and cannot narrow it down.
 */
import { type EventQuestion, may, messagesByEvent, messagesTaken } from '../../../workspace/workspace.ts';
import { readConfig } from '../config.ts';
import { type InputFault, inputInvalid } from '../errors.ts';
import { cutRows, offsetOf, readPagination } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import type { Query } from '../query.ts';
import { allSources, readSourceLabels, resourceOf } from '../reverse-etl/source-list.ts';
import type { PublicRequest, PublicRoute } from '../route.ts';
import { allVersions } from '../versions.ts';
import { workspaceId } from '../workspace/workspace.ts';
import { eventTallies, grouped, readFilters, readGroupBy, seriesOf, type Tally } from './tallies.ts';
import { day, hour, type LimitsByGranularity, readRange, stretchOf } from './time-range.ts';

const path = '/events/volume';
const limits: LimitsByGranularity = {
  MINUTE: { longest: 4 * hour, oldest: 48 * hour },
  HOUR: { longest: 14 * day, oldest: 30 * day },
  DAY: { longest: 366 * day, oldest: 36_500 * day },
};
const dimensions = ['eventName', 'eventType', 'source'];
const unknown = ['appVersion'];
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
  const [names, types] = [given(query, 'eventName'), given(query, 'eventType')];
  const tallies = await talliesOf(deps, {
    ...{ stretch: stretchOf(range), sourceIds: [...seen.keys()], names, types },
    ...{ byType: groupBy.includes('eventType'), byName: groupBy.includes('eventName') },
  });
  const { items, pagination } = cutRows(grouped(tallies, groupBy).slice(0, mostRows), wanted, offset);
  const result = items.map((group) => {
    const { source: id, ...about } = group.about;
    const source = id === undefined ? undefined : seen.get(id);
    const named = source === undefined ? {} : { source: { id, name: source.name, slug: source.slug } };
    return { ...named, ...about, total: group.total, series: seriesOf(group, range) };
  });
  const asked = {
    ...{ workspaceId, granularity: range.granularity },
    ...{ startTime: range.from.toISOString(), endTime: range.to.toISOString() },
    ...(groupBy.length > 0 && { groupBy }),
    ...(ids !== undefined && { sourceId: ids }),
    ...(names !== undefined && { eventName: names }),
    ...(types !== undefined && { eventType: types }),
  };
  return { data: { path, query: asked, result, pagination } };
}

/** A list without anything narrows nothing down. */
function given(query: Query, name: string): readonly string[] | undefined {
  const values = query.list(name);
  return values === undefined || values.length === 0 ? undefined : values;
}

/** Sources alone are counted in fewer rows. */
async function talliesOf({ db }: PublicApiDeps, question: Omit<EventQuestion, 'messages'>): Promise<readonly Tally[]> {
  const { byType, byName, types, names, stretch, sourceIds } = question;
  if (byType || byName || types !== undefined || names !== undefined) {
    return eventTallies(await messagesByEvent(db.pool, { ...question, messages: 'taken' }));
  }
  const counts = await messagesTaken(db.pool, stretch);
  return counts
    .filter(({ sourceId }) => sourceIds.includes(sourceId))
    .map(({ sourceId, at, count }): Tally => ({ at, count, about: { source: sourceId } }));
}
