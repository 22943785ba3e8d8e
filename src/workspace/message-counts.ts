/**
 * What came in and what was discarded over time (UTC), as it is counted when it happens. In: a stretch of time and the
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

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** A day more than the oldest that a report may ask for: clocks differ, and folding is done now and then. */
const minutesKept = 3 * dayMs;
const hoursKept = 31 * dayMs;

const dayOf = (time: Date): string => time.toISOString().slice(0, 10);
/** The last day of the stretch: the one of the moment before its end. */
const lastOf = ({ to }: Stretch): string => dayOf(new Date(to.getTime() - 1));

/** Messages that were taken: those of event streams, and what syncs wrote under the source of a space. */
export async function messagesTaken(db: Queryable, stretch: Stretch): Promise<readonly PartCount[]> {
  const { from, part } = stretch;
  const { rows } =
    part === 'day'
      ? await db.query(
          `SELECT source_id, ${startOfDay} AS at, sum(count) AS count FROM (
             SELECT source_id, day, calls AS count FROM usage_calls WHERE day BETWEEN $1::date AND $2::date
             UNION ALL
             SELECT source_id, day, messages FROM usage_exempt WHERE day BETWEEN $1::date AND $2::date
           ) AS counted GROUP BY 1, 2`,
          [dayOf(from), lastOf(stretch)],
        )
      : await db.query(
          `SELECT source_id, ${startOfPart} AS at, sum(messages) AS count FROM message_counts
           WHERE at >= date_trunc($3, $1::timestamptz, 'UTC') AND at < $2 AND code = ''
           GROUP BY 1, 2`,
          [from, endOf(stretch), part],
        );
  return rows.map((row) => ({ sourceId: row.source_id, at: row.at, count: Number(row.count) }));
}

/** Messages of an event stream that the Tracking API discarded, by reason. */
export async function messagesDiscarded(
  db: Queryable,
  streamId: string,
  stretch: Stretch,
): Promise<readonly (PartCount & { readonly code: string })[]> {
  const { from, part } = stretch;
  const { rows } =
    part === 'day'
      ? await db.query(
          `SELECT ${startOfDay} AS at, code, count FROM stream_discards
           WHERE stream_id = $1 AND day BETWEEN $2::date AND $3::date`,
          [streamId, dayOf(from), lastOf(stretch)],
        )
      : await db.query(
          `SELECT ${startOfPart} AS at, code, sum(messages) AS count FROM message_counts
           WHERE at >= date_trunc($3, $1::timestamptz, 'UTC') AND at < $2 AND source_id = $4 AND code <> ''
           GROUP BY 1, 2`,
          [from, endOf(stretch), part, streamId],
        );
  return rows.map((row) => ({ sourceId: streamId, at: row.at, code: row.code, count: Number(row.count) }));
}

const startOfDay = `day::timestamp AT TIME ZONE 'UTC'`;
const startOfPart = `date_trunc($3, at, 'UTC')`;

/** The end of the last part. */
function endOf({ to, part }: Stretch): Date {
  const length = part === 'minute' ? 60_000 : hourMs;
  return new Date(Math.ceil(to.getTime() / length) * length);
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
