/**
 * The counting of usage. In: messages that were accepted, inside the transaction that stores them. Out: API calls of the
 * day, and the ids of the month (docs/usage.md says what counts). Promised: what is counted commits with the messages or
 * not at all; the numbers do not depend on which process counted, nor on the order of commits; ids are never stored in
 * clear. Reading is in `usage-reports.ts`.
 */
import { type Clock, systemClock } from '../base/clock.ts';
import type { Transaction } from '../db/db.ts';
import type { IncomingMessage } from '../space/space.ts';
import { gatherUsage, type SeenId } from './usage-ids.ts';
import { createUsageMemory } from './usage-memory.ts';
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
  exempt(tx: Transaction, spaceNo: number, sourceId: string, messages: number): Promise<void>;
}

export interface UsageOptions {
  readonly clock?: Clock;
  /** How many ids this process remembers having written. About 120 bytes each. */
  readonly remembered?: number;
}

const usuallyRemembered = 200_000;

export function createUsage({ clock = systemClock, remembered = usuallyRemembered }: UsageOptions = {}): Usage {
  const memory = createUsageMemory(remembered);
  return {
    async count(tx, spaceNo, messages) {
      const { calls, ids } = gatherUsage(messages);
      const unknown = ids.filter(({ key, day }) => !memory.knows(key, day));
      if (unknown.length > 0) await writeIds(tx, unknown);
      if (calls.length > 0) await addCalls(tx, spaceNo, calls);
      return {
        committed() {
          for (const { key, day } of unknown) memory.remember(key, day);
        },
      };
    },
    async exempt(tx, spaceNo, sourceId, messages) {
      if (messages > 0) await addExempt(tx, spaceNo, sourceId, dayOf(clock.now()), messages);
    },
  };
}

/**
 * The earliest day wins, so that it does not matter in which order processes commit around midnight. In the order of the
 * key: two transactions that write the same ids wait for each other in one direction only.
 */
async function writeIds(tx: Transaction, ids: readonly SeenId[]): Promise<void> {
  await tx.query({
    name: 'usage-ids',
    text: `INSERT INTO usage_ids AS known (month, source_id, kind, id_hash, first_day)
      SELECT month, source_id, kind, id_hash, first_day
      FROM unnest($1::date[], $2::text[], $3::text[], $4::bytea[], $5::date[])
        AS seen (month, source_id, kind, id_hash, first_day)
      ORDER BY month, source_id COLLATE "C", kind COLLATE "C", id_hash
      ON CONFLICT (month, source_id, kind, id_hash)
      DO UPDATE SET first_day = excluded.first_day WHERE known.first_day > excluded.first_day`,
    values: [
      ids.map(({ month }) => month),
      ids.map(({ sourceId }) => sourceId),
      ids.map(({ kind }) => kind),
      ids.map(({ hash }) => Buffer.from(hash, 'latin1')),
      ids.map(({ day }) => day),
    ],
  });
}

interface Calls {
  readonly day: string;
  readonly sourceId: string;
  readonly calls: number;
}

async function addCalls(tx: Transaction, spaceNo: number, calls: readonly Calls[]): Promise<void> {
  await tx.query({
    name: 'usage-calls',
    text: `INSERT INTO usage_calls AS known (day, source_id, space_no, calls)
      SELECT day, source_id, $1, calls
      FROM unnest($2::date[], $3::text[], $4::bigint[]) AS added (day, source_id, calls)
      ORDER BY day, source_id COLLATE "C"
      ON CONFLICT (day, source_id, space_no) DO UPDATE SET calls = known.calls + excluded.calls`,
    values: [
      spaceNo,
      calls.map(({ day }) => day),
      calls.map(({ sourceId }) => sourceId),
      calls.map((added) => added.calls),
    ],
  });
}

async function addExempt(
  tx: Transaction,
  spaceNo: number,
  sourceId: string,
  day: string,
  messages: number,
): Promise<void> {
  await tx.query({
    name: 'usage-exempt',
    text: `INSERT INTO usage_exempt AS known (day, source_id, space_no, messages) VALUES ($1, $2, $3, $4)
      ON CONFLICT (day, source_id, space_no) DO UPDATE SET messages = known.messages + excluded.messages`,
    values: [day, sourceId, spaceNo, messages],
  });
}
