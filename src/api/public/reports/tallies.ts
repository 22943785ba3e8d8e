/**
 * Counts over time as reports show them. In: counts with what is known of each (its dimensions). Out: a row for each group,
 * and for each row a number for every part of the time, zeros too.
 */
import type { EventCount } from '../../../workspace/workspace.ts';
import type { InputFault } from '../errors.ts';
import type { Query } from '../query.ts';
import { partsOf, type TimeRange } from './time-range.ts';

export interface Tally {
  /** The start of its part of the time. */
  readonly at: Date;
  readonly count: number;
  /** What it is about, e.g. `discardReason`; what is not known is not there. */
  readonly about: Readonly<Record<string, string>>;
}

export interface GroupedTally {
  /** The dimensions that were asked for and are known. */
  readonly about: Readonly<Record<string, string>>;
  readonly total: number;
  /** By the start of the part; those without any are not there. */
  readonly counts: ReadonlyMap<number, number>;
}

/** The largest group first. Without any count there is one row of zeros when nothing divides them. */
export function grouped(tallies: readonly Tally[], dimensions: readonly string[]): readonly GroupedTally[] {
  const groups = new Map<string, { about: Record<string, string>; counts: Map<number, number>; total: number }>();
  const groupOf = (about: Record<string, string>) => {
    const key = JSON.stringify(dimensions.map((dimension) => about[dimension] ?? null));
    const group = groups.get(key) ?? { about, counts: new Map<number, number>(), total: 0 };
    groups.set(key, group);
    return group;
  };
  if (dimensions.length === 0) groupOf({});
  for (const { at, count, about } of tallies) {
    const group = groupOf(picked(about, dimensions));
    group.counts.set(at.getTime(), (group.counts.get(at.getTime()) ?? 0) + count);
    group.total += count;
  }
  return [...groups]
    .sort(([a, { total }], [b, other]) => other.total - total || (a < b ? -1 : 1))
    .map(([, group]) => group);
}

/** A number for every part of the time. To be made for the rows that are shown: there may be many groups. */
export function seriesOf({ counts }: GroupedTally, range: TimeRange) {
  return partsOf(range).map((part) => ({ time: new Date(part).toISOString(), count: counts.get(part) ?? 0 }));
}

function picked(about: Tally['about'], dimensions: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    dimensions.flatMap((dimension) => {
      const value = about[dimension];
      return value === undefined ? [] : [[dimension, value]];
    }),
  );
}

/** `groupBy`: some of these. Clients write some with a blank (`event Name`). */
export function readGroupBy(query: Query, possible: readonly string[], faults: InputFault[]): readonly string[] {
  const given = (query.list('groupBy') ?? []).map((name) => name.replaceAll(' ', ''));
  if (given.every((name) => possible.includes(name))) return [...new Set(given)];
  faults.push({ field: 'groupBy', message: `"groupBy" must be some of ${possible.join(', ')}` });
  return [];
}

export interface Filter {
  readonly dimension: string;
  readonly values: readonly string[];
}

/** The filters that are given for these dimensions, e.g. at `filter.eventName`. */
export function readFilters(query: Query, prefix: string, possible: readonly string[]): readonly Filter[] {
  return possible.flatMap((dimension) => {
    const values = query.list(`${prefix}${dimension}`);
    return values === undefined || values.length === 0 ? [] : [{ dimension, values }];
  });
}

/** Those that pass every filter. */
export function filtered(tallies: readonly Tally[], filters: readonly Filter[]): readonly Tally[] {
  return tallies.filter(({ about }) =>
    filters.every(({ dimension, values }) => {
      const value = about[dimension];
      return value !== undefined && values.includes(value);
    }),
  );
}

/** As messages are counted: the type and the name of their event, and why they were discarded, as far as each is known. */
export function eventTallies(counts: readonly EventCount[]): readonly Tally[] {
  return counts.map(({ sourceId, at, count, code, type, name }) => ({
    ...{ at, count },
    about: {
      source: sourceId,
      ...(code !== '' && { discardReason: code }),
      ...(type !== '' && { eventType: type }),
      ...(name !== '' && { eventName: name }),
    },
  }));
}
