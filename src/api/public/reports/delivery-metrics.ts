/** `GET /destinations/{destinationId}/delivery-metrics`: what a destination took, refused and was not asked to take. */
import type { OutcomeKind } from '../../../sync/sync.ts';
import { readConfig } from '../config.ts';
import { type InputFault, inputInvalid, isRefusal, notFound, type PublicRefusal } from '../errors.ts';
import { timeParameter } from '../parameters.ts';
import type { PublicApiDeps } from '../public.ts';
import type { Query } from '../query.ts';
import { destinationMetadata } from '../reverse-etl/catalog.ts';
import { allSources, pickSource, readSourceLabels } from '../reverse-etl/source-list.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import { mappingsOf, outcomeTallies } from './delivery-overview.ts';
import type { Tally } from './tallies.ts';
import {
  checkRange,
  day,
  type Granularity,
  hour,
  type LimitsByGranularity,
  readGranularity,
  type TimeRange,
} from './time-range.ts';

const limits: LimitsByGranularity = {
  MINUTE: { longest: 4 * hour, oldest: 48 * hour },
  HOUR: { longest: 7 * day, oldest: 7 * day },
  DAY: { longest: 14 * day, oldest: 14 * day },
};
/** When one end is left out; the vendor's 30 days would be over its own limit. */
const usualLength: Readonly<Record<Granularity, number>> = { MINUTE: hour, HOUR: 7 * day, DAY: 14 * day };

const metrics: readonly { readonly metricName: string; readonly kinds: readonly OutcomeKind[] }[] = [
  { metricName: 'successes', kinds: ['delivered'] },
  { metricName: 'failures', kinds: ['refused', 'given up'] },
  { metricName: 'discarded', kinds: ['skipped'] },
];

export function deliveryMetricsRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  return [
    {
      method: 'GET',
      url: '/destinations/:destinationId/delivery-metrics',
      versions: ['beta', 'alpha'],
      needs: 'source:read',
      handle: (request) => summary(deps, request),
    },
  ];
}

async function summary(
  deps: PublicApiDeps,
  { params, query, grant }: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const sourceId = query.text('sourceId') ?? '';
  if (sourceId === '') faults.push({ field: 'sourceId', message: '"sourceId" is required' });
  const range = rangeOf(query, deps.clock.now(), faults);
  if (faults.length > 0) return inputInvalid(faults);
  const workspace = await readConfig(deps);
  const sources = allSources(workspace, await readSourceLabels(deps.db.pool));
  const source = pickSource(sources, sourceId, grant, 'source:read');
  if (isRefusal(source)) return source;
  const id = params.destinationId as string;
  if (!workspace.destinations.some((one) => one.id === id && one.sourceId === source.id)) {
    return notFound('Destination', id);
  }
  const mappings = mappingsOf(workspace, source.id, id);
  const tallies = await Promise.all(
    metrics.map((metric) => outcomeTallies(deps.db.pool, workspace, mappings, metric.kinds, range)),
  );
  const deliveryMetricsSummary = {
    sourceId: source.id,
    destinationMetadataId: destinationMetadata(deps.destination).id,
    metrics: metrics.map(({ metricName }, at) => metricOf(metricName, tallies[at] ?? [])),
  };
  return { data: { deliveryMetricsSummary } };
}

function rangeOf(query: Query, now: Date, faults: InputFault[]): TimeRange {
  const granularity = readGranularity(query, faults) ?? 'MINUTE';
  const length = usualLength[granularity];
  const start = timeParameter(query, 'startTime', faults);
  const to = timeParameter(query, 'endTime', faults) ?? now;
  const from = start ?? new Date(to.getTime() - length);
  const range = { granularity, from, to };
  checkRange(range, limits[granularity], now, faults);
  return range;
}

function metricOf(metricName: string, tallies: readonly Tally[]) {
  const reasons = new Map<string, number>();
  for (const { about, count } of tallies) {
    const { discardReason: reason } = about;
    if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  }
  const breakdown = [...reasons]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ metricName: name, value }));
  const total = tallies.reduce((sum, { count }) => sum + count, 0);
  return breakdown.length === 0 ? { metricName, total } : { metricName, total, breakdown };
}
