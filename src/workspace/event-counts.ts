/**
 * What came in and what was discarded over time (UTC), by type and name of the event. In: events as they are counted; a
 * question. Out: the counts of each part of a stretch. Promised: over all types and names they add up to what
 * `message-counts.ts` counts by source alone. What has neither type nor name there is what was counted before there were
 * any, or what only its source is known of. Minutes and hours are kept as those are, days as long as the usage.
 */
import type { Queryable } from '../db/db.ts';
import { type CountedEvent, countedName, eventTypes, type MinuteEvents, mostNames, otherNames } from './event-names.ts';
import {
  boundsOf,
  discardedRows,
  hoursKept,
  minutesKept,
  type PartCount,
  type Stretch,
  startOfPart,
  takenRows,
} from './message-counts.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export interface EventCount extends PartCount, CountedEvent {
  /** Why they were discarded; '' of what was taken. */
  readonly code: string;
}

export interface EventQuestion {
  readonly stretch: Stretch;
  readonly messages: 'taken' | 'discarded';
  readonly sourceIds: readonly string[];
  /** What is told apart; what is not is '' in the counts. */
  readonly byType: boolean;
  readonly byName: boolean;
  /** Of these alone. */
  readonly types?: readonly string[] | undefined;
  readonly names?: readonly string[] | undefined;
}

const key = 'is_day, at, source_id, space_no, code, type, name';
const inOrder = 'ORDER BY 1, 2, 3, 4, 5, 6, 7';
const add = `ON CONFLICT (${key}) DO UPDATE SET messages = known.messages + excluded.messages`;

/** A statement that adds taken events to their minutes and days. `$1` is the space; `eventValues` begin at `first`. */
export function addEvents(first: number): string {
  const [minute, source, type, name, messages] = placesFrom(first);
  return adding(`SELECT minute, source_id, $1::integer AS space_no, '' AS code, type, name, messages
    FROM unnest(${minute}::timestamptz[], ${source}::text[], ${type}::text[], ${name}::text[], ${messages}::bigint[])
      AS given (minute, source_id, type, name, messages)`);
}

/** The same of discarded ones; after the values of `addEvents` come the reasons. */
export function addDiscardedEvents(first: number): string {
  const [minute, source, type, name, messages, code] = placesFrom(first);
  return adding(`SELECT minute, source_id, 0 AS space_no, code, type, name, messages
    FROM unnest(${minute}::timestamptz[], ${source}::text[], ${type}::text[], ${name}::text[], ${messages}::bigint[],
      ${code}::text[]) AS given (minute, source_id, type, name, messages, code)`);
}

function placesFrom(first: number): readonly string[] {
  return Array.from({ length: 6 }, (_, at) => `$${first + at}`);
}

/** In the order of the key, so that processes that write at once do not wait for each other in a circle. */
function adding(given: string): string {
  return `INSERT INTO event_counts AS known (${key}, messages)
    SELECT is_day, CASE WHEN is_day THEN date_trunc('day', minute, 'UTC') ELSE minute END, source_id, space_no, code, type,
      name, sum(messages)
    FROM (${given}) AS seen, unnest('{f,t}'::boolean[]) AS kind (is_day)
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    ORDER BY 1, 2, source_id COLLATE "C", space_no, code COLLATE "C", type COLLATE "C", name COLLATE "C" ${add}`;
}

export function eventValues(events: readonly MinuteEvents[]): readonly unknown[] {
  return [
    events.map(({ minute }) => minute),
    events.map(({ sourceId }) => sourceId),
    events.map(({ type }) => type),
    events.map(({ name }) => name),
    events.map(({ messages }) => messages),
  ];
}

/** What is asked for, as one moment knows it. */
export async function messagesByEvent(db: Queryable, question: EventQuestion): Promise<readonly EventCount[]> {
  const { stretch, messages, sourceIds, byType, byName, types = null, names = null } = question;
  const { part } = stretch;
  const { rows } = await db.query(
    `WITH whole AS (
       SELECT * FROM (${messages === 'taken' ? takenRows(part) : discardedRows(part)}) AS w WHERE source_id = ANY($4)
     ), named AS (
       SELECT source_id, ${startOfPart(part)} AS at, code, type, name, sum(messages) AS count FROM event_counts
       WHERE is_day = $3 AND at >= $1 AND at < $2 AND source_id = ANY($4) AND (code = '') = $5 GROUP BY 1, 2, 3, 4, 5
     ), known AS (
       SELECT n.* FROM named n JOIN whole USING (source_id, at, code)
     ), found AS (
       SELECT * FROM known WHERE ($6::text[] IS NULL OR type = ANY($6)) AND ($7::text[] IS NULL OR name = ANY($7))
       UNION ALL
       SELECT source_id, at, code, '', '', w.count - coalesce(k.count, 0) FROM whole w
       LEFT JOIN (SELECT source_id, at, code, sum(count) AS count FROM known GROUP BY 1, 2, 3) AS k
         USING (source_id, at, code)
       WHERE w.count > coalesce(k.count, 0) AND $6::text[] IS NULL AND $7::text[] IS NULL
     )
     SELECT source_id, at, code, CASE WHEN $8 THEN type ELSE '' END AS type, CASE WHEN $9 THEN name ELSE '' END AS name,
       sum(count) AS count
     FROM found GROUP BY 1, 2, 3, 4, 5`,
    [
      ...boundsOf(stretch),
      ...[part === 'day', sourceIds, messages === 'taken'],
      ...[types?.filter((type) => eventTypes.includes(type)) ?? null, names?.map(countedName) ?? null, byType, byName],
    ],
  );
  return rows.map((row) => ({
    ...{ sourceId: row.source_id, at: row.at, code: row.code, type: row.type, name: row.name },
    count: Number(row.count),
  }));
}

/** As `foldMessageCounts` does: others may do it at the same time. */
export async function foldEventCounts(db: Queryable, now: Date, most: number = mostNames): Promise<void> {
  await db.query("DELETE FROM event_counts WHERE at < $1 AND (NOT is_day OR code <> '')", [
    new Date(now.getTime() - hoursKept),
  ]);
  await db.query(
    `WITH folded AS (
       DELETE FROM event_counts WHERE NOT is_day AND at < $1 AND at <> date_trunc('hour', at, 'UTC') RETURNING *
     )
     INSERT INTO event_counts AS known (${key}, messages)
     SELECT is_day, date_trunc('hour', at, 'UTC'), source_id, space_no, code, type, name, sum(messages) FROM folded
     GROUP BY 1, 2, 3, 4, 5, 6, 7 ${inOrder} ${add}`,
    [new Date(Math.floor((now.getTime() - minutesKept) / hourMs) * hourMs)],
  );
  await keepMostFrequent(db, now, most);
}

/**
 * Of each source and day that is over, this many names of tracks stay: a day has many hours, and processes may have
 * known different names. Days that ended just now are left alone, because messages are still on their way to them.
 */
async function keepMostFrequent(db: Queryable, now: Date, most: number): Promise<void> {
  await db.query(
    `WITH named AS (
       SELECT at, source_id, name, row_number() OVER (PARTITION BY at, source_id ORDER BY sum(messages) DESC, name) AS place
       FROM event_counts WHERE is_day AND at >= $1 AND at < $2 AND type = 'track' AND name <> $4 GROUP BY 1, 2, 3
     ), surplus AS (
       DELETE FROM event_counts e USING named n
       WHERE e.is_day AND e.type = 'track' AND n.place > $3
         AND e.at = n.at AND e.source_id = n.source_id AND e.name = n.name
       RETURNING e.*
     )
     INSERT INTO event_counts AS known (${key}, messages)
     SELECT is_day, at, source_id, space_no, code, type, $4, sum(messages) FROM surplus
     GROUP BY 1, 2, 3, 4, 5, 6 ${inOrder} ${add}`,
    [
      new Date(now.getTime() - hoursKept),
      new Date(Math.floor((now.getTime() - hourMs) / dayMs) * dayMs),
      most,
      otherNames,
    ],
  );
}

/** Names of events of event streams and spaces that are gone. Their numbers stay, by source. */
export async function forgetGoneNames(db: Queryable): Promise<void> {
  await db.query(
    `DELETE FROM event_counts WHERE source_id = ANY (ARRAY(
       SELECT DISTINCT source_id FROM event_counts
       EXCEPT (SELECT id FROM event_streams UNION ALL SELECT id FROM spaces)))`,
  );
}
