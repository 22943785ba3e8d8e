/**
 * The log of what the Tracking API discarded. In: codes, as they happen. Out: counts by stream, day and code, with some
 * message ids, and counts by minute and by event. Promised: noting never waits; what is noted is written within a second, and at the end; what could not be
 * written is kept for the next try; memory is bounded, because only counts are kept,
 * and names of events are few.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { storableText } from '../base/text.ts';
import type { Queryable } from '../db/db.ts';
import { addDiscardedEvents } from './event-counts.ts';
import { type CountedEvent, createNameLimit } from './event-names.ts';

export interface DiscardLog extends AsyncDisposable {
  /** `streamId` is `''` for a write key that nobody has. `event`: as far as it could be read. */
  note(streamId: string, code: string, messageId: string | null, count: number, event?: CountedEvent): void;
}

export interface Discards {
  /** Of the day, UTC: `2026-03-01`. */
  readonly day: string;
  readonly code: string;
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
  /** Ids of messages, 10 at most. */
  readonly samples: readonly string[];
}

interface Counted {
  readonly streamId: string;
  readonly day: string;
  readonly code: string;
  readonly firstAt: Date;
  count: number;
  /** By the start of the minute, in milliseconds. */
  readonly minutes: Map<number, number>;
  /** Those whose event is known, by minute, type and name. */
  readonly events: Map<string, CountedMinute>;
  lastAt: Date;
  readonly samples: string[];
}

interface CountedMinute extends CountedEvent {
  readonly minute: number;
  readonly count: number;
}

const maxSamples = 10;
const maxSampleLength = 100;
const everyMs = 1_000;
const minuteMs = 60_000;

export function createDiscardLog({
  db,
  clock,
  log,
}: {
  readonly db: Queryable;
  readonly clock: Clock;
  readonly log: Log;
}): DiscardLog {
  const names = createNameLimit();
  let waiting = new Map<string, Counted>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const write = async () => {
    timer = undefined;
    const counted = waiting;
    if (counted.size === 0) return;
    waiting = new Map();
    try {
      await upsert(db, [...counted.values()]);
    } catch (error) {
      log.error({ err: error }, 'the log of discarded messages could not be written; trying again');
      // What was noted meanwhile came later.
      for (const each of waiting.values()) add(counted, each);
      waiting = counted;
      schedule();
    }
  };
  const schedule = () => {
    timer ??= setTimeout(() => {
      writing = write();
    }, everyMs);
    timer.unref();
  };
  return {
    note(streamId, code, messageId, count, event) {
      const now = clock.now();
      const samples = messageId === null ? [] : [sampleOf(messageId)];
      const day = now.toISOString().slice(0, 10);
      const minute = Math.floor(now.getTime() / minuteMs) * minuteMs;
      const minutes = new Map([[minute, count]]);
      const events = new Map<string, CountedMinute>();
      if (event !== undefined && event.type !== '' && streamId !== '') {
        putEvent(events, { minute, count, type: event.type, name: names.admit(streamId, now, event) });
      }
      add(waiting, { streamId, day, code, firstAt: now, lastAt: now, count, minutes, events, samples });
      schedule();
    },
    async [Symbol.asyncDispose]() {
      clearTimeout(timer);
      await writing;
      await write();
      clearTimeout(timer);
    },
  };
}

function putEvent(events: Map<string, CountedMinute>, one: CountedMinute): void {
  const key = `${one.minute} ${one.type} ${one.name}`;
  events.set(key, { ...one, count: one.count + (events.get(key)?.count ?? 0) });
}

/** The beginning of an id, as far as the database can hold it. */
function sampleOf(messageId: string): string {
  const start = [...messageId.slice(0, 2 * maxSampleLength)].slice(0, maxSampleLength).join('');
  return storableText(start) ? start : JSON.stringify(start);
}

function add(into: Map<string, Counted>, counted: Counted): void {
  const key = `${counted.streamId} ${counted.day} ${counted.code}`;
  const before = into.get(key);
  if (before === undefined) {
    into.set(key, counted);
    return;
  }
  before.count += counted.count;
  for (const [minute, count] of counted.minutes) before.minutes.set(minute, (before.minutes.get(minute) ?? 0) + count);
  for (const one of counted.events.values()) putEvent(before.events, one);
  if (counted.lastAt > before.lastAt) before.lastAt = counted.lastAt;
  before.samples.push(...counted.samples.slice(0, maxSamples - before.samples.length));
}

/**
 * All or nothing, so that a second try counts nothing twice; in one order, so that processes that write at once do not
 * wait for each other in a circle.
 */
async function upsert(db: Queryable, counted: readonly Counted[]): Promise<void> {
  const sorted = [...counted].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  // No report is about write keys that nobody has.
  const minutes = sorted
    .filter(({ streamId }) => streamId !== '')
    .flatMap(({ streamId, code, minutes: of }) =>
      [...of].map(([at, count]) => ({ at: new Date(at), streamId, code, count })),
    );
  const events = sorted.flatMap(({ streamId, code, events: of }) =>
    [...of.values()].map((one) => ({ ...one, streamId, code })),
  );
  await db.query(
    `WITH minutes AS (
       INSERT INTO message_counts AS known (at, source_id, space_no, code, messages)
       SELECT at, stream_id, 0, code, count
       FROM unnest($8::timestamptz[], $9::text[], $10::text[], $11::bigint[]) AS m (at, stream_id, code, count)
       ON CONFLICT (at, source_id, space_no, code) DO UPDATE SET messages = known.messages + excluded.messages
     ), events AS (${addDiscardedEvents(12)})
     INSERT INTO stream_discards AS d (stream_id, day, code, count, first_at, last_at, samples)
     SELECT stream_id, day, code, count, first_at, last_at, ARRAY(SELECT json_array_elements_text(samples::json))
     FROM unnest($1::text[], $2::date[], $3::text[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::text[])
          AS t (stream_id, day, code, count, first_at, last_at, samples)
     ON CONFLICT (stream_id, day, code) DO UPDATE SET count = d.count + excluded.count,
       first_at = least(d.first_at, excluded.first_at), last_at = greatest(d.last_at, excluded.last_at),
       samples = (excluded.samples || d.samples)[1:${maxSamples}]`,
    [
      sorted.map(({ streamId }) => streamId),
      sorted.map(({ day }) => day),
      sorted.map(({ code }) => code),
      sorted.map(({ count }) => count),
      sorted.map(({ firstAt }) => firstAt),
      sorted.map(({ lastAt }) => lastAt),
      sorted.map(({ samples }) => JSON.stringify(samples)),
      minutes.map(({ at }) => at),
      minutes.map(({ streamId }) => streamId),
      minutes.map(({ code }) => code),
      minutes.map(({ count }) => count),
      events.map(({ minute }) => new Date(minute)),
      events.map(({ streamId }) => streamId),
      events.map(({ type }) => type),
      events.map(({ name }) => name),
      events.map(({ count }) => count),
      events.map(({ code }) => code),
    ],
  );
}

function sortKey({ streamId, day, code }: Counted): string {
  return `${streamId} ${day} ${code}`;
}

/** Newest day first, then the most frequent. `streamId` `''`: of write keys that nobody has. */
export async function readDiscards(db: Queryable, streamId: string): Promise<readonly Discards[]> {
  const { rows } = await db.query(
    `SELECT day::text, code, count, first_at, last_at, samples FROM stream_discards
      WHERE stream_id = $1 ORDER BY day DESC, count DESC, code`,
    [streamId],
  );
  return rows.map((row) => ({
    day: row.day,
    code: row.code,
    count: Number(row.count),
    firstAt: (row.first_at as Date).toISOString(),
    lastAt: (row.last_at as Date).toISOString(),
    samples: row.samples,
  }));
}

/** Forgets days before this one. Returns how many rows. */
export async function pruneDiscards(db: Queryable, before: Date): Promise<number> {
  const { rowCount } = await db.query('DELETE FROM stream_discards WHERE day < $1', [
    before.toISOString().slice(0, 10),
  ]);
  return rowCount ?? 0;
}
