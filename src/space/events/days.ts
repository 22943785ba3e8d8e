/**
 * The days of events and of seen messages: partitions by day of arrival (UTC). In: messages about to be written, or a
 * day before which everything expires. Out: tables for their days; expired days dropped as a whole. Promised: any number
 * of processes may make and drop days at once; nobody who writes or reads is kept waiting.
 */
import type { Database, Queryable } from '../../db/db.ts';
import type { IncomingMessage } from '../space.ts';

const dayMs = 24 * 60 * 60 * 1000;
const tables = ['events', 'seen_messages'] as const;
type DayTable = (typeof tables)[number];

export interface Days {
  /** Makes the days of these messages, and the one after the last, so that midnight keeps nobody waiting. */
  prepare(messages: readonly IncomingMessage[]): Promise<void>;
}

export function createDays(db: Database): Days {
  /** Days that are there, as numbers since 1970. */
  const there = new Map<number, Promise<void>>();
  const ensure = (day: number): Promise<void> => {
    const known = there.get(day);
    if (known !== undefined) return known;
    const making = makeDay(db, day);
    there.set(day, making);
    making.catch(() => there.delete(day));
    return making;
  };
  return {
    async prepare(messages) {
      const days = new Set<number>();
      for (const { receivedAt } of messages) days.add(Math.floor(receivedAt.getTime() / dayMs));
      for (const day of days) await ensure(day);
      const last = messages.at(-1);
      if (last !== undefined) await ensure(Math.floor(last.receivedAt.getTime() / dayMs) + 1);
    },
  };
}

/** Any number, the same in all our processes. */
const advisoryLock = 0x6d696c646179;

function nameOf(table: DayTable, day: number): string {
  return `${table}_${isoDay(day).replaceAll('-', '')}`;
}

function isoDay(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10);
}

/** Made beside the table and then attached: attaching does not wait for readers and writers. */
async function makeDay(db: Database, day: number): Promise<void> {
  const names = tables.map((table) => nameOf(table, day));
  const { rows } = await db.pool.query<{ there: number }>(
    'SELECT count(*)::int AS there FROM pg_class WHERE relname = ANY($1) AND relispartition AND pg_table_is_visible(oid)',
    [names],
  );
  if (rows[0]?.there === tables.length) return;
  await db.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [advisoryLock]);
    for (const table of tables) {
      const name = nameOf(table, day);
      const found = await tx.query('SELECT to_regclass($1) IS NOT NULL AS there', [name]);
      if (found.rows[0]?.there === true) continue;
      await tx.query(`CREATE TABLE ${name} (LIKE ${table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)`);
      await tx.query(
        `ALTER TABLE ${table} ATTACH PARTITION ${name}
         FOR VALUES FROM ('${isoDay(day)} 00:00+00') TO ('${isoDay(day + 1)} 00:00+00')`,
      );
    }
  });
}

/** The days of a table that are there, oldest first. */
async function daysOf(db: Queryable, table: DayTable): Promise<number[]> {
  const { rows } = await db.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = $1::regclass ORDER BY c.relname`,
    [table],
  );
  return rows.flatMap(({ name }) => {
    const digits = /_(\d{4})(\d\d)(\d\d)$/.exec(name);
    return digits === null ? [] : [Date.parse(`${digits[1]}-${digits[2]}-${digits[3]}`) / dayMs];
  });
}

/** From when to when (exclusive) each day of events is, oldest first. */
export async function daysOfEvents(db: Queryable): Promise<readonly { readonly from: Date; readonly before: Date }[]> {
  const days = await daysOf(db, 'events');
  return days.map((day) => ({ from: new Date(day * dayMs), before: new Date((day + 1) * dayMs) }));
}

/** Drops the days that end before `before`. Returns how many. */
async function dropDays(db: Database, table: DayTable, before: Date): Promise<number> {
  const expired = (await daysOf(db.pool, table)).filter((day) => (day + 1) * dayMs <= before.getTime());
  for (const day of expired) {
    // Waits for those who read the day, and makes those who come later wait: so not for long.
    await db.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock($1)', [advisoryLock]);
      await tx.query(`SET LOCAL lock_timeout = '5s'`);
      await tx.query(`DROP TABLE IF EXISTS ${nameOf(table, day)}`);
    });
  }
  return expired.length;
}

/** Forgets events that arrived more than `eventDays` ago, and messages that no longer count as seen. */
export async function expireDays(db: Database, now: Date, eventDays: number): Promise<{ readonly events: number }> {
  await dropDays(db, 'seen_messages', new Date(now.getTime() - dayMs));
  return { events: await dropDays(db, 'events', new Date(now.getTime() - eventDays * dayMs)) };
}
