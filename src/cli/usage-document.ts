/** The usage of a month as one document: the daily reports side by side, cumulative as they are, and day for day. */
import type { Clock } from '../base/clock.ts';
import type { Database, Queryable } from '../db/db.ts';
import {
  apiCallsDaily,
  type DailyApiCalls,
  type DailyExempt,
  type DailyMtu,
  exemptDaily,
  listEventStreams,
  listSpaces,
  mtuDaily,
  trackedUsers,
} from '../workspace/workspace.ts';

/** Since the start of the month. */
export interface UsageNumbers {
  readonly apiCalls: number;
  readonly trackedUsers: number;
  readonly identified: number;
  readonly anonymous: number;
  readonly anonymousIdentified: number;
  readonly neverIdentified: number;
  readonly exempt: number;
}

export interface UsageDay {
  /** `YYYY-MM-DD`, in UTC. */
  readonly day: string;
  /** Of this day alone. */
  readonly apiCalls: number;
  readonly exempt: number;
  readonly soFar: UsageNumbers;
}

export interface UsageMonth {
  /** `YYYY-MM`. */
  readonly month: string;
  /** Those that have begun. */
  readonly days: readonly UsageDay[];
  readonly total: UsageNumbers;
  readonly sources: readonly (UsageNumbers & { readonly sourceId: string; readonly name: string })[];
}

const nothing: UsageNumbers = {
  apiCalls: 0,
  trackedUsers: 0,
  identified: 0,
  anonymous: 0,
  anonymousIdentified: 0,
  neverIdentified: 0,
  exempt: 0,
};

/** @param period `YYYY-MM-01` */
export async function readUsageMonth(db: Database, period: string, clock: Clock): Promise<UsageMonth> {
  // One moment for all reports, so that they have the same days; and one state of the tables.
  const now = clock.now();
  const still: Clock = { now: () => now };
  return db.transaction(async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const whole = await numbersOf(tx, period, false, still);
    const bySource = await numbersOf(tx, period, true, still);
    const names = await sourceNames(tx);
    const days = [...whole.values()].map((one) => one.get('') ?? nothing);
    const sources = [...([...bySource.values()].at(-1) ?? [])].map(([sourceId, numbers]) => ({
      sourceId,
      name: names.get(sourceId) ?? sourceId,
      ...numbers,
    }));
    return {
      month: period.slice(0, 7),
      days: [...whole.keys()].map((timestamp, at) => dayOf(timestamp, days[at] ?? nothing, days[at - 1] ?? nothing)),
      total: days.at(-1) ?? nothing,
      sources: sources.sort((one, other) => (one.name < other.name ? -1 : 1)),
    };
  });
}

function dayOf(timestamp: string, soFar: UsageNumbers, before: UsageNumbers): UsageDay {
  return {
    day: timestamp.slice(0, 10),
    apiCalls: soFar.apiCalls - before.apiCalls,
    exempt: soFar.exempt - before.exempt,
    soFar,
  };
}

/** By day and source; the source is empty where all are taken together. */
async function numbersOf(
  db: Queryable,
  period: string,
  perSource: boolean,
  clock: Clock,
): Promise<ReadonlyMap<string, ReadonlyMap<string, UsageNumbers>>> {
  const days = new Map<string, Map<string, UsageNumbers>>();
  const add = <Row extends DailyApiCalls | DailyMtu | DailyExempt>(
    rows: readonly Row[],
    numbers: (row: Row) => Partial<UsageNumbers>,
  ) => {
    for (const row of rows) {
      const day = days.get(row.timestamp) ?? new Map<string, UsageNumbers>();
      days.set(row.timestamp, day);
      const source = row.sourceId ?? '';
      day.set(source, { ...(day.get(source) ?? nothing), ...numbers(row) });
    }
  };
  add(await apiCallsDaily(db, period, perSource, clock), ({ apiCalls }) => ({ apiCalls: Number(apiCalls) }));
  add(await mtuDaily(db, period, perSource, clock), (row) => ({
    trackedUsers: trackedUsers(row),
    identified: Number(row.identified),
    anonymous: Number(row.anonymous),
    anonymousIdentified: Number(row.anonymousIdentified),
    neverIdentified: Number(row.neverIdentified),
  }));
  add(await exemptDaily(db, period, perSource, clock), ({ messages }) => ({ exempt: Number(messages) }));
  return days;
}

/** A space is the source of what the Segment Profiles destination writes to it. What was removed keeps its id. */
async function sourceNames(db: Queryable): Promise<ReadonlyMap<string, string>> {
  const streams = await listEventStreams(db);
  const spaces = await listSpaces(db);
  return new Map([
    ...streams.map(({ id, name }) => [id, name] as const),
    ...spaces.map(({ id, name }) => [id, `space ${name}`] as const),
  ]);
}
