/**
 * What came in and what was discarded over time (UTC), by source alone, as it is counted when it happens. In: a stretch of time and the
 * parts to divide it into. Out: the counts of each part that the stretch touches, whole. Days are kept with the usage;
 * minutes are folded into hours after three days, and hours forgotten after a month, so that a source has some thousands
 * of rows at most.
 */
import type { Queryable } from '../db/db.ts';

export type CountedPart = 'day' | 'hour' | 'minute';

export interface PartCount {
  readonly sourceId: string;
  /** The first moment of its part. */
  readonly at: Date;
  readonly count: number;
}

export interface Stretch {
  /** Its part is the first. */
  readonly from: Date;
  /** The parts that begin before it. */
  readonly to: Date;
  readonly part: CountedPart;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** A day more than the oldest that a report may ask for: clocks differ, and folding is done now and then. */
export const minutesKept = 3 * dayMs;
export const hoursKept = 31 * dayMs;
const lengths: Readonly<Record<CountedPart, number>> = { minute: minuteMs, hour: hourMs, day: dayMs };

/** The first moments of the first part and of the one after the last: `$1` and `$2` of the statements. */
export function boundsOf({ from, to, part }: Stretch): [Date, Date] {
  const length = lengths[part];
  return [new Date(Math.floor(from.getTime() / length) * length), new Date(Math.ceil(to.getTime() / length) * length)];
}

/** The start of its part, of a moment; parts of a day lie in it whole. */
export function startOfPart(part: CountedPart): string {
  return `date_trunc('${part}', at, 'UTC')`;
}

const startOfDay = `day::timestamp AT TIME ZONE 'UTC'`;
const withinDays = `day >= ($1::timestamptz AT TIME ZONE 'UTC')::date AND day < ($2::timestamptz AT TIME ZONE 'UTC')::date`;

/** Messages that were taken, of all sources: source_id, at, code '', count. */
export function takenRows(part: CountedPart): string {
  return part === 'day'
    ? `SELECT source_id, ${startOfDay} AS at, '' AS code, sum(count) AS count FROM (
         SELECT source_id, day, calls AS count FROM usage_calls WHERE ${withinDays}
         UNION ALL
         SELECT source_id, day, messages FROM usage_exempt WHERE ${withinDays}
       ) AS counted GROUP BY 1, 2`
    : `SELECT source_id, ${startOfPart(part)} AS at, '' AS code, sum(messages) AS count FROM message_counts
       WHERE at >= $1 AND at < $2 AND code = '' GROUP BY 1, 2`;
}

/** Messages that the Tracking API discarded, of all event streams, by reason. */
export function discardedRows(part: CountedPart): string {
  return part === 'day'
    ? `SELECT stream_id AS source_id, ${startOfDay} AS at, code, count FROM stream_discards WHERE ${withinDays}`
    : `SELECT source_id, ${startOfPart(part)} AS at, code, sum(messages) AS count FROM message_counts
       WHERE at >= $1 AND at < $2 AND code <> '' GROUP BY 1, 2, 3`;
}

/** Messages that were taken: those of event streams, and what syncs wrote under the source of a space. */
export async function messagesTaken(db: Queryable, stretch: Stretch): Promise<readonly PartCount[]> {
  const { rows } = await db.query(takenRows(stretch.part), boundsOf(stretch));
  return rows.map((row) => ({ sourceId: row.source_id, at: row.at, count: Number(row.count) }));
}

/**
 * Folds minutes that no report asks for any more into their hours, and forgets old hours. Others may do it at the same
 * time: each minute is taken away once, by whoever adds it to its hour.
 */
export async function foldMessageCounts(db: Queryable, now: Date): Promise<void> {
  await db.query('DELETE FROM message_counts WHERE at < $1', [new Date(now.getTime() - hoursKept)]);
  await db.query(
    `WITH folded AS (
       DELETE FROM message_counts WHERE at < $1 AND at <> date_trunc('hour', at, 'UTC') RETURNING *
     )
     INSERT INTO message_counts AS known (at, source_id, space_no, code, messages)
     SELECT date_trunc('hour', at, 'UTC'), source_id, space_no, code, sum(messages) FROM folded
     GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
     ON CONFLICT (at, source_id, space_no, code) DO UPDATE SET messages = known.messages + excluded.messages`,
    [new Date(Math.floor((now.getTime() - minutesKept) / hourMs) * hourMs)],
  );
}
