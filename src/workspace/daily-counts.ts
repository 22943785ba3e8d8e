/** What came in and what was discarded, day by day (UTC), as it is counted when it happens. */
import type { Queryable } from '../db/db.ts';

export interface DayCount {
  readonly sourceId: string;
  /** Its first moment. */
  readonly day: Date;
  readonly count: number;
}

export interface Days {
  /** Its day is the first. */
  readonly from: Date;
  /** The days that begin before it. */
  readonly to: Date;
}

const dayOf = (time: Date): string => time.toISOString().slice(0, 10);
/** The last day of the stretch: the one of the moment before its end. */
const lastOf = ({ to }: Days): string => dayOf(new Date(to.getTime() - 1));

/** Messages that were taken: those of event streams, and what syncs wrote under the source of a space. */
export async function messagesPerDay(db: Queryable, days: Days): Promise<readonly DayCount[]> {
  const { rows } = await db.query<{ source_id: string; day: string; count: string }>(
    `SELECT source_id, day::text, sum(count) AS count FROM (
       SELECT source_id, day, calls AS count FROM usage_calls WHERE day BETWEEN $1::date AND $2::date
       UNION ALL
       SELECT source_id, day, messages FROM usage_exempt WHERE day BETWEEN $1::date AND $2::date
     ) AS counted GROUP BY 1, 2`,
    [dayOf(days.from), lastOf(days)],
  );
  return rows.map(({ source_id, day, count }) => ({
    sourceId: source_id,
    day: new Date(`${day}T00:00:00Z`),
    count: Number(count),
  }));
}

/** Messages of an event stream that the Tracking API discarded, by reason. */
export async function discardsPerDay(
  db: Queryable,
  streamId: string,
  days: Days,
): Promise<readonly (DayCount & { readonly code: string })[]> {
  const { rows } = await db.query<{ day: string; code: string; count: string }>(
    `SELECT day::text, code, count FROM stream_discards WHERE stream_id = $1 AND day BETWEEN $2::date AND $3::date`,
    [streamId, dayOf(days.from), lastOf(days)],
  );
  return rows.map(({ day, code, count }) => ({
    ...{ sourceId: streamId, code, count: Number(count) },
    day: new Date(`${day}T00:00:00Z`),
  }));
}
