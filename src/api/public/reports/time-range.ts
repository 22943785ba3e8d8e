/** A stretch of time in equal parts, as a query asks for it. Parts begin at whole minutes, hours and days in UTC. */
import type { CountedPart, Stretch } from '../../../workspace/workspace.ts';
import type { InputFault } from '../errors.ts';
import { choiceParameter, requiredTime } from '../parameters.ts';
import type { Query } from '../query.ts';

export type Granularity = 'MINUTE' | 'HOUR' | 'DAY';

export interface TimeRange {
  readonly granularity: Granularity;
  /** As it was asked for. */
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
}

export interface RangeLimits {
  /** How long it may be, and how long ago it may begin, in milliseconds. */
  readonly longest: number;
  readonly oldest: number;
}

export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;
const parts: Readonly<Record<Granularity, number>> = { MINUTE: minute, HOUR: hour, DAY: day };
const granularities: readonly Granularity[] = ['DAY', 'HOUR', 'MINUTE'];

export type LimitsByGranularity = Readonly<Record<Granularity, RangeLimits>>;

const countedParts: Readonly<Record<Granularity, CountedPart>> = { MINUTE: 'minute', HOUR: 'hour', DAY: 'day' };

/** As messages are counted. */
export function stretchOf({ granularity, from, to }: TimeRange): Stretch {
  return { from, to, part: countedParts[granularity] };
}

export function partSeconds(granularity: Granularity): number {
  return parts[granularity] / 1_000;
}

export function readGranularity(query: Query, faults: InputFault[]): Granularity | undefined {
  return choiceParameter(query, 'granularity', granularities, faults);
}

/** All three are required. */
export function readRange(
  query: Query,
  limits: LimitsByGranularity,
  now: Date,
  faults: InputFault[],
): TimeRange | undefined {
  const before = faults.length;
  const from = requiredTime(query, 'startTime', faults);
  const to = requiredTime(query, 'endTime', faults);
  const known = faults.length;
  const granularity = readGranularity(query, faults);
  if (granularity === undefined && faults.length === known) {
    faults.push({ field: 'granularity', message: '"granularity" is required' });
  }
  if (from === undefined || to === undefined || granularity === undefined) return undefined;
  checkRange({ granularity, from, to }, limits[granularity], now, faults);
  return faults.length === before ? { granularity, from, to } : undefined;
}

export function checkRange(
  { granularity, from, to }: TimeRange,
  { longest, oldest }: RangeLimits,
  now: Date,
  faults: InputFault[],
): void {
  if (to <= from) faults.push({ field: 'endTime', message: '"endTime" must be after "startTime"' });
  if (to.getTime() - from.getTime() > longest) {
    const message = `"endTime" must be at most ${lengthWords(longest)} after "startTime" for ${granularity}`;
    faults.push({ field: 'endTime', message });
  }
  // Who asks for all there is was a moment on the way.
  if (now.getTime() - from.getTime() > oldest + parts[granularity]) {
    const message = `"startTime" must be at most ${lengthWords(oldest)} ago for ${granularity}`;
    faults.push({ field: 'startTime', message });
  }
}

function lengthWords(ms: number): string {
  return ms < 3 * day ? `${ms / hour} hours` : `${ms / day} days`;
}

/** The start of each part. */
export function partsOf({ granularity, from, to }: TimeRange): readonly number[] {
  const length = parts[granularity];
  const first = Math.floor(from.getTime() / length) * length;
  const count = Math.max(0, Math.ceil((to.getTime() - first) / length));
  return Array.from({ length: count }, (_, at) => first + at * length);
}
