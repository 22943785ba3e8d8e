/**
 * `GET /delivery-overview/{step}`: what became of what a source brought, step by step. In: a source, a stretch of time, and
 * for the steps of a destination the destination. Out: what is really recorded: syncs by the moment they ended, messages
 * of event streams and spaces by the minute they came. A dimension that is not recorded divides nothing, and filtering by it is refused.
 */
import { type OutcomeKind, syncOutcomes } from '../../../sync/sync.ts';
import { type Mapping, messagesByEvent, messagesTaken, type Workspace } from '../../../workspace/workspace.ts';
import { readConfig } from '../config.ts';
import { type InputFault, inputInvalid, isRefusal, notFound, type PublicRefusal } from '../errors.ts';
import { cutRows, offsetOf, readPagination } from '../pagination.ts';
import type { PublicApiDeps } from '../public.ts';
import { type AnySource, allSources, pickSource, readSourceLabels } from '../reverse-etl/source-list.ts';
import type { PublicAnswer, PublicRequest, PublicRoute } from '../route.ts';
import {
  eventTallies,
  type Filter,
  filtered,
  grouped,
  readFilters,
  readGroupBy,
  seriesOf,
  type Tally,
} from './tallies.ts';
import {
  day,
  hour,
  type LimitsByGranularity,
  partSeconds,
  readRange,
  stretchOf,
  type TimeRange,
} from './time-range.ts';

const limits: LimitsByGranularity = {
  MINUTE: { longest: 4 * hour, oldest: 48 * hour },
  HOUR: { longest: 14 * day, oldest: 30 * day },
  DAY: { longest: 30 * day, oldest: 30 * day },
};
const ofEvents = ['eventName', 'eventType', 'appVersion'];
const ofDiscards = [...ofEvents, 'discardReason'];
const ofDestinations = [...ofDiscards, 'subscriptionId', 'activationId', 'audienceId', 'spaceId'];

interface Step {
  readonly path: string;
  readonly dimensions: readonly string[];
  /** About a destination, which the query must name. */
  readonly ofDestination: boolean;
  /** Of a source over a warehouse. */
  readonly outcomes: readonly OutcomeKind[];
  /** Of event streams and spaces. */
  readonly messages: 'taken' | 'discarded' | 'none';
}

const steps: readonly Step[] = [
  {
    ...{ path: 'successfully-received', dimensions: ofEvents, ofDestination: false },
    ...{ outcomes: ['added', 'updated', 'deleted'], messages: 'taken' },
  },
  {
    ...{ path: 'failed-on-ingest', dimensions: ofDiscards, ofDestination: false },
    ...{ outcomes: ['invalid'], messages: 'discarded' },
  },
  // Nothing here has rules at its source.
  {
    ...{ path: 'filtered-at-source', dimensions: ofDiscards, ofDestination: false },
    ...{ outcomes: [], messages: 'none' },
  },
  {
    ...{ path: 'filtered-at-destination', dimensions: ofDestinations, ofDestination: true },
    ...{ outcomes: ['skipped'], messages: 'none' },
  },
  {
    ...{ path: 'failed-delivery', dimensions: ofDestinations, ofDestination: true },
    ...{ outcomes: ['refused', 'given up'], messages: 'none' },
  },
  {
    ...{ path: 'successful-delivery', dimensions: ofDestinations, ofDestination: true },
    ...{ outcomes: ['delivered'], messages: 'none' },
  },
];

export function deliveryOverviewRoutes(deps: PublicApiDeps): readonly PublicRoute[] {
  return steps.map((step) => ({
    method: 'GET',
    url: `/delivery-overview/${step.path}`,
    versions: ['beta', 'alpha'],
    needs: 'source:read',
    handle: (request) => overview(deps, step, request),
  }));
}

async function overview(
  deps: PublicApiDeps,
  step: Step,
  { query, grant }: PublicRequest,
): Promise<PublicAnswer | PublicRefusal> {
  const faults: InputFault[] = [];
  const sourceId = required(query.text('sourceId'), 'sourceId', faults);
  const destinationId = step.ofDestination
    ? required(query.text('destinationConfigId'), 'destinationConfigId', faults)
    : '';
  const wanted = readPagination(query, faults);
  const offset = offsetOf(wanted.cursor);
  if (offset === null) {
    faults.push({ field: 'pagination.cursor', message: '"pagination.cursor" is not a cursor of this list' });
  }
  const range = readRange(query, limits, deps.clock.now(), faults);
  const groupBy = readGroupBy(query, step.dimensions, faults);
  const older = query.list('subscriptionId');
  const filters: Filter[] = [
    ...readFilters(query, 'filter.', step.dimensions),
    ...(step.ofDestination && older !== undefined ? [{ dimension: 'subscriptionId', values: older }] : []),
  ];
  if (faults.length > 0 || range === undefined || offset === null) return inputInvalid(faults);

  const workspace = await readConfig(deps);
  const sources = allSources(workspace, await readSourceLabels(deps.db.pool));
  const source = pickSource(sources, sourceId, grant, 'source:read');
  if (isRefusal(source)) return source;
  if (step.ofDestination) {
    const connected = workspace.destinations.some(({ id, sourceId: of }) => id === destinationId && of === source.id);
    if (!connected) return notFound('Destination', destinationId);
  }
  const recorded = dimensionsOf(step, source);
  const blind = filters.filter(({ dimension }) => !recorded.includes(dimension));
  if (blind.length > 0) {
    return inputInvalid(
      blind.map(({ dimension: name }) => ({ field: `filter.${name}`, message: blindWords(step, name) })),
    );
  }
  const question = { groupBy, filters, range };
  const tallies = await talliesOf(deps, workspace, step, source, destinationId, question);
  const groups = grouped(tallies, groupBy);
  const { items, pagination } = cutRows(groups, wanted, offset);
  const dataset = items.map((group) => ({ ...group.about, total: group.total, series: seriesOf(group, range) }));
  return { data: { total: groups.reduce((sum, { total }) => sum + total, 0), dataset, pagination } };
}

function blindWords({ path }: Step, name: string): string {
  return path === 'successful-delivery' && name === 'discardReason'
    ? '"filter.discardReason" cannot be answered at this step: at which attempt a row was delivered is not recorded; leave it out to get all that were'
    : `"filter.${name}" is not recorded for this source at this step; leave it out`;
}

function required(given: string | undefined, name: string, faults: InputFault[]): string {
  if (given === undefined || given === '') faults.push({ field: name, message: `"${name}" is required` });
  return given ?? '';
}

/** What is known of messages. */
const messageDimensions: Readonly<Record<Step['messages'], readonly string[]>> = {
  taken: ['eventName', 'eventType'],
  discarded: ['eventName', 'eventType', 'discardReason'],
  none: [],
};

interface Question {
  readonly groupBy: readonly string[];
  readonly filters: readonly Filter[];
  readonly range: TimeRange;
}

/** What is known of each count. */
function dimensionsOf(step: Step, source: AnySource): readonly string[] {
  if (step.path === 'filtered-at-source') return step.dimensions;
  if (source.of !== 'warehouse') return messageDimensions[step.messages];
  if (step.path === 'successfully-received') return ['eventName'];
  const ofMapping = step.ofDestination ? ['eventType', 'subscriptionId', 'spaceId'] : [];
  return step.path === 'successful-delivery' ? ofMapping : ['discardReason', ...ofMapping];
}

async function talliesOf(
  { db }: PublicApiDeps,
  workspace: Workspace,
  step: Step,
  source: AnySource,
  destinationId: string,
  question: Question,
): Promise<readonly Tally[]> {
  if (source.of === 'warehouse') {
    const mappings = mappingsOf(workspace, source.id, step.ofDestination ? destinationId : null);
    const tallies = await outcomeTallies(db.pool, workspace, mappings, step.outcomes, question.range);
    return filtered(tallies, question.filters);
  }
  return step.messages === 'none' ? [] : messageTallies(db.pool, source.id, step.messages, question);
}

async function messageTallies(
  db: PublicApiDeps['db']['pool'],
  sourceId: string,
  messages: 'taken' | 'discarded',
  { groupBy, filters, range }: Question,
): Promise<readonly Tally[]> {
  const stretch = stretchOf(range);
  const valuesOf = (name: string) => filters.find(({ dimension }) => dimension === name)?.values;
  const [types, names] = [valuesOf('eventType'), valuesOf('eventName')];
  const [byType, byName] = [groupBy.includes('eventType'), groupBy.includes('eventName')];
  if (messages === 'taken' && !byType && !byName && types === undefined && names === undefined) {
    const counts = (await messagesTaken(db, stretch)).filter((one) => one.sourceId === sourceId);
    return counts.map(({ at, count }) => ({ at, count, about: {} }));
  }
  const counts = await messagesByEvent(db, { stretch, messages, sourceIds: [sourceId], byType, byName, types, names });
  // Of the others it was asked already.
  const ofReasons = filters.filter(({ dimension }) => dimension === 'discardReason');
  return filtered(eventTallies(counts), ofReasons);
}

/** Those that are there now, of a source and, unless null, a destination. */
export function mappingsOf(
  { destinations, mappings }: Workspace,
  sourceId: string,
  destinationId: string | null,
): readonly Mapping[] {
  const ids = destinations
    .filter((destination) => destination.sourceId === sourceId && [null, destination.id].includes(destinationId))
    .map(({ id }) => id);
  return mappings.filter((mapping) => ids.includes(mapping.destinationId));
}

const changeNames: Readonly<Partial<Record<OutcomeKind, string>>> = {
  added: 'new',
  updated: 'updated',
  deleted: 'deleted',
};
const ownReasons: Readonly<Partial<Record<OutcomeKind, string>>> = { skipped: 'skipped', 'given up': 'given_up' };
const eventTypes: Readonly<Record<Mapping['action'], string>> = {
  sendIdentify: 'identify',
  sendSubscription: 'identify',
  sendGroup: 'group',
  sendTrack: 'track',
};

export async function outcomeTallies(
  db: PublicApiDeps['db']['pool'],
  { spaces }: Pick<Workspace, 'spaces'>,
  mappings: readonly Mapping[],
  kinds: readonly OutcomeKind[],
  range: TimeRange,
): Promise<readonly Tally[]> {
  const byId = new Map(mappings.map((mapping) => [mapping.id, mapping]));
  const seconds = partSeconds(range.granularity);
  const outcomes = await syncOutcomes(db, { mappingIds: [...byId.keys()], from: range.from, to: range.to, seconds });
  return outcomes
    .filter(({ kind }) => kinds.includes(kind))
    .map(({ mappingId, kind, at, code, rows }): Tally => {
      const mapping = byId.get(mappingId) as Mapping;
      const named = mapping.fields.engage_space;
      const space = spaces.find(({ id, name, writeKey }) => [id, name, writeKey].some((word) => word === named));
      const eventName = changeNames[kind];
      const discardReason = code ?? ownReasons[kind];
      const about = {
        ...(eventName !== undefined && { eventName }),
        ...(discardReason !== undefined && { discardReason }),
        ...(space !== undefined && { spaceId: space.id }),
        ...{ eventType: eventTypes[mapping.action], subscriptionId: mappingId },
      };
      return { at, count: rows, about };
    });
}
