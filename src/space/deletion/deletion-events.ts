/**
 * Events and log entries of people who are deleted. In: a day of events, the profiles or the user ids. Out: they are gone,
 * with the log entries that name their messages. A day is a partition of its own, so each statement looks at one.
 */
import type { Json } from '../../base/json.ts';
import type { Queryable, Transaction } from '../../db/db.ts';
import { normalizeValue } from '../identity/extract.ts';
import type { DeletionCounts } from '../space.ts';
import type { TellingMessages } from './scrub.ts';

export interface Day {
  readonly from: Date;
  readonly before: Date;
}

/** An event that carries the user id of somebody whose profile it did not come to, as its own or as an alias' former one. */
export interface StrayEvent {
  readonly profileId: string;
  readonly accountId: string | null;
  readonly messageId: string;
  readonly eventAt: Date;
}

/** All events of these profiles, or of them only those given; and what the log says of the same messages. */
export async function deleteEvents(
  tx: Transaction,
  spaceNo: number,
  { from, before }: Day,
  profileIds: readonly string[],
  only?: readonly StrayEvent[],
): Promise<Pick<DeletionCounts, 'events' | 'logEntries'>> {
  if (profileIds.length === 0) return { events: 0, logEntries: 0 };
  const which =
    only === undefined
      ? ''
      : 'AND (profile_id, event_at, message_id) IN (SELECT * FROM unnest($5::text[], $6::timestamptz[], $7::text[]))';
  const { rows } = await tx.query<{ events: number; log: number }>(
    `WITH gone AS (
       DELETE FROM events WHERE space_no = $1 AND received_at >= $2 AND received_at < $3 AND profile_id = ANY($4) ${which}
       RETURNING message_id
     ), log AS (
       DELETE FROM space_log WHERE space_no = $1 AND message_id IN (SELECT message_id FROM gone) RETURNING 1
     )
     SELECT (SELECT count(*)::int FROM gone) AS events, (SELECT count(*)::int FROM log) AS log`,
    [
      ...[spaceNo, from, before, profileIds],
      ...(only === undefined
        ? []
        : [only.map((each) => each.profileId), only.map((each) => each.eventAt), only.map((each) => each.messageId)]),
    ],
  );
  return { events: rows[0]?.events ?? 0, logEntries: rows[0]?.log ?? 0 };
}

const pageSize = 500;

/** What is trimmed from ids; those of them that JSON writes as escapes are looked at apart. */
const blanks =
  ' \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff';

/** Whether the text may hold one of the ids behind the key. One with escaped blanks around it is found whatever it is. */
function mayHold(key: 'userId' | 'previousId'): string {
  return `EXISTS (
    SELECT FROM unnest((string_to_array(body::text, '"${key}":"'))[2:]) AS rest,
      LATERAL (SELECT btrim(split_part(rest, '"', 1), $6) AS id) AS written
    WHERE id = ANY($4) OR (strpos(id, '\\') > 0 AND id ~ '^\\\\[tnfru]|\\\\([tnfr]|u000b)$'))`;
}

/**
 * Messages of the day with one of these user ids, page by page. Their text is searched: it is compact JSON, so a user id
 * stands right behind its key. What is found so is read to be sure, as properties may have such a key too.
 */
export async function* findStrayEvents(
  db: Queryable,
  spaceNo: number,
  { from, before }: Day,
  userIds: readonly string[],
): AsyncGenerator<readonly StrayEvent[]> {
  const wanted = new Set(userIds);
  let after: readonly [string, Date, string] | null = null;
  for (;;) {
    const { rows }: { rows: StoredEvent[] } = await db.query<StoredEvent>(
      `SELECT profile_id, account_id, event_at, message_id, type, body FROM events
        WHERE space_no = $1 AND received_at >= $2 AND received_at < $3
          AND (${mayHold('userId')} OR (type = 'alias' AND ${mayHold('previousId')}))
          ${after === null ? '' : 'AND (profile_id, event_at, message_id) > ($7, $8, $9)'}
        ORDER BY profile_id, event_at, message_id LIMIT $5`,
      [spaceNo, from, before, userIds.map(asWritten), pageSize, blanks, ...(after ?? [])],
    );
    const isTheirs = (id: Json | undefined) => wanted.has(normalizeValue('user_id', id) ?? '');
    const strays = rows.filter(
      ({ type, body }) => isTheirs(body.userId) || (type === 'alias' && isTheirs(body.previousId)),
    );
    if (strays.length > 0) yield strays.map(strayOf);
    const last = rows.at(-1);
    if (rows.length < pageSize || last === undefined) return;
    after = [last.profile_id, last.event_at, last.message_id];
  }
}

interface StoredEvent {
  readonly profile_id: string;
  readonly account_id: string | null;
  readonly event_at: Date;
  readonly message_id: string;
  readonly type: string;
  readonly body: { readonly userId?: Json; readonly previousId?: Json };
}

function strayOf(row: StoredEvent): StrayEvent {
  return {
    profileId: row.profile_id,
    accountId: row.account_id,
    messageId: row.message_id,
    eventAt: row.event_at,
  };
}

/** How a user id begins in JSON, up to a quote that it holds. */
function asWritten(userId: string): string {
  return JSON.stringify(userId).slice(1, -1).split('"', 1)[0] as string;
}

/** Entries of these people, and those that name a message of theirs. Returns how many. */
export async function deleteLogEntries(
  tx: Transaction,
  spaceNo: number,
  userHashes: readonly string[],
  { messageIds, values }: TellingMessages,
): Promise<number> {
  const { rowCount } = await tx.query(
    `DELETE FROM space_log WHERE space_no = $1 AND (user_hash = ANY($2::uuid[]) OR message_id = ANY($3)
       OR EXISTS (SELECT FROM unnest($4::text[]) AS t (value) WHERE strpos(lower(message_id COLLATE "C"), value) > 0))`,
    [spaceNo, userHashes, messageIds, values],
  );
  return rowCount ?? 0;
}
