/**
 * Reading the usage. In: a month, by its first day. Out: a row for each of its days that has begun (and each source that
 * was used in it), with numbers that are cumulative since the start of the month, in the shape of the Reporting API.
 * Errors: `period_invalid`.
 */
import { type Clock, systemClock } from '../base/clock.ts';
import type { Queryable } from '../db/db.ts';
import type { IdKind } from './usage-ids.ts';
import { dayOf, type Period, readPeriod } from './usage-period.ts';

interface Daily {
  /** In reports per source. */
  readonly sourceId?: string;
  /** The first moment of the day whose end, or whose state now, the row is about. */
  readonly timestamp: string;
}

export interface DailyApiCalls extends Daily {
  readonly apiCalls: string;
}

/** Numbers of ids. The tracked users are `identified` + `neverIdentified`. */
export interface DailyMtu extends Daily {
  /** Seconds since 1970; the end is the start of the next month. */
  readonly periodStart: number;
  readonly periodEnd: number;
  /** All anonymousIds: the sum of the next but one and the last. */
  readonly anonymous: string;
  /** AnonymousIds that came together with a userId. */
  readonly anonymousIdentified: string;
  /** UserIds. */
  readonly identified: string;
  /** AnonymousIds that did not. */
  readonly neverIdentified: string;
}

export interface DailyExempt extends Daily {
  readonly messages: string;
}

/** API calls; per source, or of the workspace. */
export async function apiCallsDaily(
  db: Queryable,
  period: string,
  perSource: boolean,
  clock: Clock = systemClock,
): Promise<readonly DailyApiCalls[]> {
  const days = readPeriod(period, clock.now());
  const found = await sumsOf(db, 'usage_calls', 'calls', days);
  return dailyRows(days, perSource, found, ['calls'], ({ calls }) => ({ apiCalls: String(calls) }));
}

/** What the Segment Profiles destination wrote; it is not part of the other numbers. */
export async function exemptDaily(
  db: Queryable,
  period: string,
  perSource: boolean,
  clock: Clock = systemClock,
): Promise<readonly DailyExempt[]> {
  const days = readPeriod(period, clock.now());
  const found = await sumsOf(db, 'usage_exempt', 'messages', days);
  return dailyRows(days, perSource, found, ['messages'], ({ messages }) => ({ messages: String(messages) }));
}

/** Tracked users. An id that several sources brought is one of the workspace, so the numbers of sources do not add up. */
export async function mtuDaily(
  db: Queryable,
  period: string,
  perSource: boolean,
  clock: Clock = systemClock,
): Promise<readonly DailyMtu[]> {
  const days = readPeriod(period, clock.now());
  const seconds = { periodStart: days.start.getTime() / 1000, periodEnd: days.end.getTime() / 1000 };
  const found = await newIdsOf(db, perSource, days);
  return dailyRows(days, perSource, found, ['u', 'a', 'linked'], ({ u, a, linked }) => ({
    ...seconds,
    anonymous: String(a),
    anonymousIdentified: String(linked),
    identified: String(u),
    neverIdentified: String(a - linked),
  }));
}

/** The number of tracked users in a row: people who are known, and those who never were. */
export function trackedUsers({ identified, neverIdentified }: DailyMtu): number {
  return Number(identified) + Number(neverIdentified);
}

/** In place of a source, where sources are taken together. */
const whole = '';

/** How much something grew on one day. */
interface Growth<Name extends string> {
  readonly source: string;
  /** The day's place in the month, from 0. */
  readonly at: number;
  readonly name: Name;
  /** Postgres' bigint and numeric. */
  readonly amount: string;
}

async function sumsOf<Name extends string>(
  db: Queryable,
  table: 'usage_calls' | 'usage_exempt',
  column: Name,
  { start, end }: Period,
): Promise<readonly Growth<Name>[]> {
  const { rows } = await db.query<Growth<Name>>(
    `SELECT source_id AS source, day - $1::date AS at, $3::text AS name, sum(${column}) AS amount
     FROM ${table} WHERE day >= $1::date AND day < $2::date GROUP BY 1, 2`,
    [dayOf(start), dayOf(end), column],
  );
  return rows;
}

/** New ids by kind, and newly linked anonymousIds. */
async function newIdsOf(
  db: Queryable,
  perSource: boolean,
  { start }: Period,
): Promise<readonly Growth<IdKind | 'linked'>[]> {
  const ofSources = 'SELECT source_id AS source, kind, first_day, linked_day FROM usage_ids WHERE month = $1::date';
  const ofWorkspace = `SELECT '${whole}' AS source, kind, min(first_day) AS first_day, min(linked_day) AS linked_day
    FROM usage_ids WHERE month = $1::date GROUP BY kind, id_hash`;
  const { rows } = await db.query<Growth<IdKind> & { readonly linkedAt: number | null }>(
    `SELECT source, kind AS name, first_day - $1::date AS at, linked_day - $1::date AS "linkedAt", count(*) AS amount
     FROM (${perSource ? ofSources : ofWorkspace}) AS seen GROUP BY 1, 2, 3, 4`,
    [dayOf(start)],
  );
  return rows.flatMap(({ linkedAt, ...seen }) =>
    linkedAt === null ? [seen] : [seen, { ...seen, name: 'linked' as const, at: linkedAt }],
  );
}

/** Adds up day by day; the rows of a day stand together. */
function dailyRows<Name extends string, Row>(
  { days }: Period,
  perSource: boolean,
  growth: readonly Growth<Name>[],
  names: readonly Name[],
  row: (soFar: Readonly<Record<Name, number>>) => Row,
): readonly (Row & Daily)[] {
  const sources = perSource ? [...new Set(growth.map(({ source }) => source))].sort() : [whole];
  const zero = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  const sums = new Map(sources.map((source) => [source, { ...zero }]));
  const byDay = days.map((): Growth<Name>[] => []);
  for (const grown of growth) byDay[grown.at]?.push(grown);
  return days.flatMap((day, at) => {
    for (const { source, name, amount } of byDay[at] ?? []) {
      const soFar = sums.get(perSource ? source : whole);
      if (soFar !== undefined) soFar[name] += Number(amount);
    }
    const timestamp = day.toISOString();
    return [...sums].map(([sourceId, soFar]) => ({ ...(perSource ? { sourceId } : {}), ...row(soFar), timestamp }));
  });
}
