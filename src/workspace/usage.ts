/**
 * The counting of usage. In: messages that were accepted, inside the transaction that stores them. Out: API calls of the
 * day and of the minute, also by type and name of the event, and the ids of the month (docs/usage.md says what counts).
 * Promised: what is counted commits with the messages or not at all; the numbers do not depend on which process counted, nor on the order of commits; ids are never stored in
 * clear. Reading is in `usage-reports.ts`.
 */
import { type Clock, systemClock } from '../base/clock.ts';
import type { JsonObject } from '../base/json.ts';
import type { Transaction } from '../db/db.ts';
import type { IncomingMessage, Outcome } from '../space/space.ts';
import { addEvents, eventValues } from './event-counts.ts';
import { createNameLimit, gatherEvents, type MinuteEvents } from './event-names.ts';
import { gatherUsage, hashId, type IdKind, type MinuteCalls, type SeenIds } from './usage-ids.ts';
import { createUsageMemory, type UsageMemory } from './usage-memory.ts';
import { dayOf } from './usage-period.ts';

/** A message as a space takes it; the day it counts for is that of `receivedAt`. */
export type CountedMessage = Pick<IncomingMessage, 'message' | 'receivedAt' | 'sourceId'>;

export interface Counting {
  /**
   * To be called after the transaction has committed, and only then: this process will not write the same ids again.
   * Leaving it out costs time; calling it for a transaction that was rolled back would lose its ids.
   */
  committed(): void;
}

export interface Usage {
  /**
   * Counts messages, of any number of sources, that were accepted: neither discarded, duplicate nor suppressed. Each
   * message once, although it may go to several spaces: the caller picks one of them. To be called once in a transaction,
   * and as its last act, since others may wait for the counters until it ends.
   */
  count(tx: Transaction, spaceNo: number, messages: readonly CountedMessage[]): Promise<Counting>;
  /** Counts what the Segment Profiles destination wrote to a space, apart from everything else; now. */
  exempt(tx: Transaction, spaceNo: number, sourceId: string, messages: readonly JsonObject[]): Promise<void>;
}

export interface UsageOptions {
  readonly clock?: Clock;
  /** How many ids this process remembers having written. Some 120 bytes each, with ids of the usual length. */
  readonly remembered?: number;
  /** How many names of tracks are told apart for a source in an hour. */
  readonly namesPerHour?: number;
}

const usuallyRemembered = 200_000;

export function createUsage({
  clock = systemClock,
  remembered = usuallyRemembered,
  namesPerHour,
}: UsageOptions = {}): Usage {
  const memory = createUsageMemory(remembered);
  const names = createNameLimit(namesPerHour);
  return {
    async count(tx, spaceNo, messages) {
      const { calls, seen } = gatherUsage(messages);
      const unknown = seen.flatMap((ids) => unknownIds(ids, memory));
      if (unknown.length > 0) await writeIds(tx, unknown);
      if (calls.length > 0) await addCalls(tx, spaceNo, calls, gatherEvents(messages, names));
      return {
        committed() {
          for (const one of unknown) {
            memory.remember(scopeOf(one.kind, one), one.id, one.day);
            if (one.linkedDay !== null) memory.remember(scopeOf('linked', one), one.id, one.linkedDay);
          }
        },
      };
    },
    async exempt(tx, spaceNo, sourceId, messages) {
      if (messages.length === 0) return;
      const receivedAt = clock.now();
      const counted = messages.map((message) => ({ message, receivedAt, sourceId }));
      const events = gatherEvents(counted, names);
      await addExempt(tx, spaceNo, sourceId, receivedAt, messages.length, events);
    },
  };
}

/** Counts a batch of event streams: an `OnTaken` of a space's inlet. */
export async function countCalls(
  usage: Usage,
  tx: Transaction,
  space: { readonly no: number },
  messages: readonly IncomingMessage[],
  outcomes: readonly Outcome[],
): Promise<() => void> {
  const isAccepted = (outcome: Outcome | undefined) =>
    outcome?.isRepeat !== true &&
    (outcome?.kind !== 'dropped' || (outcome.reason !== 'duplicate' && outcome.reason !== 'suppressed'));
  const counted = messages.filter(({ isCounted }, at) => isCounted === true && isAccepted(outcomes[at]));
  const counting = await usage.count(tx, space.no, counted);
  return () => counting.committed();
}

interface UnknownId extends Pick<SeenIds, 'month' | 'sourceId'> {
  readonly kind: IdKind;
  readonly id: string;
  readonly day: string;
  readonly linkedDay: string | null;
}

/** What the memory tells apart. */
function scopeOf(what: IdKind | 'linked', { month, sourceId }: Pick<SeenIds, 'month' | 'sourceId'>): string {
  return `${month} ${what} ${sourceId}`;
}

/** The ids of which something is not known to be stored. */
function unknownIds(ids: SeenIds, memory: UsageMemory): readonly UnknownId[] {
  const { month, sourceId, users, anonymous, linked } = ids;
  const [userScope, anonymousScope, linkedScope] = [scopeOf('u', ids), scopeOf('a', ids), scopeOf('linked', ids)];
  const unknown: UnknownId[] = [];
  for (const [id, day] of users) {
    if (!memory.knows(userScope, id, day)) unknown.push({ month, sourceId, kind: 'u', id, day, linkedDay: null });
  }
  for (const [id, day] of anonymous) {
    const linkedDay = linked.get(id) ?? null;
    const known = memory.knows(anonymousScope, id, day);
    if (known && (linkedDay === null || memory.knows(linkedScope, id, linkedDay))) continue;
    unknown.push({ month, sourceId, kind: 'a', id, day, linkedDay });
  }
  return unknown;
}

/**
 * The earliest days win, so that it does not matter in which order processes commit around midnight. In the order of the
 * key: two transactions that write the same ids wait for each other in one direction only.
 */
async function writeIds(tx: Transaction, ids: readonly UnknownId[]): Promise<void> {
  await tx.query({
    name: 'usage-ids',
    text: `INSERT INTO usage_ids AS known (month, source_id, kind, id_hash, first_day, linked_day)
      SELECT month, source_id, kind, id_hash, first_day, linked_day
      FROM unnest($1::date[], $2::text[], $3::text[], $4::uuid[], $5::date[], $6::date[])
        AS seen (month, source_id, kind, id_hash, first_day, linked_day)
      ORDER BY month, source_id COLLATE "C", kind COLLATE "C", id_hash
      ON CONFLICT (month, source_id, kind, id_hash) DO UPDATE SET
        first_day = least(known.first_day, excluded.first_day),
        linked_day = least(known.linked_day, excluded.linked_day)
      WHERE excluded.first_day < known.first_day
        OR excluded.linked_day < coalesce(known.linked_day, 'infinity')`,
    values: [
      ids.map(({ month }) => month),
      ids.map(({ sourceId }) => sourceId),
      ids.map(({ kind }) => kind),
      ids.map(({ month, id }) => hashId(month, id)),
      ids.map(({ day }) => day),
      ids.map(({ linkedDay }) => linkedDay),
    ],
  });
}

/** By day and by minute, in one statement. A batch usually comes in one minute. */
async function addCalls(
  tx: Transaction,
  spaceNo: number,
  calls: readonly MinuteCalls[],
  events: readonly MinuteEvents[],
): Promise<void> {
  await tx.query({
    name: 'usage-calls',
    text: `WITH added AS (
        SELECT * FROM unnest($2::timestamptz[], $3::date[], $4::text[], $5::bigint[])
          AS added (minute, day, source_id, calls)
      ), minutes AS (
        INSERT INTO message_counts AS known (at, source_id, space_no, code, messages)
        SELECT minute, source_id, $1, '', calls FROM added ORDER BY minute, source_id COLLATE "C"
        ON CONFLICT (at, source_id, space_no, code) DO UPDATE SET messages = known.messages + excluded.messages
      ), events AS (${addEvents(6)})
      INSERT INTO usage_calls AS known (day, source_id, space_no, calls)
      SELECT day, source_id, $1, sum(calls) FROM added GROUP BY 1, 2 ORDER BY day, source_id COLLATE "C"
      ON CONFLICT (day, source_id, space_no) DO UPDATE SET calls = known.calls + excluded.calls`,
    values: [
      spaceNo,
      calls.map(({ minute }) => minute),
      calls.map(({ day }) => day),
      calls.map(({ sourceId }) => sourceId),
      calls.map((added) => added.calls),
      ...eventValues(events),
    ],
  });
}

async function addExempt(
  tx: Transaction,
  spaceNo: number,
  sourceId: string,
  at: Date,
  messages: number,
  events: readonly MinuteEvents[],
): Promise<void> {
  await tx.query({
    name: 'usage-exempt',
    text: `WITH minutes AS (
        INSERT INTO message_counts AS known (at, source_id, space_no, code, messages)
        VALUES (date_trunc('minute', $5::timestamptz, 'UTC'), $3, $1, '', $4)
        ON CONFLICT (at, source_id, space_no, code) DO UPDATE SET messages = known.messages + excluded.messages
      ), events AS (${addEvents(6)})
      INSERT INTO usage_exempt AS known (day, source_id, space_no, messages) VALUES ($2, $3, $1, $4)
      ON CONFLICT (day, source_id, space_no) DO UPDATE SET messages = known.messages + excluded.messages`,
    values: [spaceNo, dayOf(at), sourceId, messages, at, ...eventValues(events)],
  });
}
