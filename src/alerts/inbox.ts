/** The list of notices that every alert has, and what is open. */
import { MillraceError } from '../base/errors.ts';
import { isWrittenTime } from '../base/written-time.ts';
import type { Queryable } from '../db/db.ts';
import type { AlertEvent } from '../workspace/workspace.ts';
import { type Notice, noticeColumns, sendsOf } from './notices.ts';

export interface NoticePage {
  readonly items: readonly Notice[];
  /** For the page after this one; null when there is none. */
  readonly next: string | null;
}

export interface NoticeQuery {
  readonly unreadOnly?: boolean;
  /** 1 to 1,000; default 20. */
  readonly limit?: number;
  /** The `next` of the page before. */
  readonly next?: string | undefined;
  /** Only notices about these; null or left out: all. */
  readonly mappingIds?: readonly string[] | null;
}

/** Newest first. Error `alert_paging_invalid`. */
export async function listNotices(db: Queryable, query: NoticeQuery = {}): Promise<NoticePage> {
  const { unreadOnly = false, limit = 20, mappingIds = null } = query;
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
    throw new MillraceError('alert_paging_invalid', `A page has 1 to 1,000 notices, not ${limit}.`);
  }
  const [at = null, id = null] = cursorOf(query.next);
  const { rows } = await db.query<Omit<Notice, 'sends'>>(
    `SELECT ${noticeColumns} FROM alert_notices n
     WHERE (NOT $1 OR read_at IS NULL)
       AND ($2::text IS NULL OR (created_at, id) < ($2::timestamptz, $3::text))
       AND ($5::text[] IS NULL OR mapping_id = ANY ($5))
     ORDER BY created_at DESC, id DESC LIMIT $4`,
    [unreadOnly, at, id, limit + 1, mappingIds],
  );
  const page = rows.slice(0, limit);
  const sends = await sendsOf(
    db,
    page.map((notice) => notice.id),
  );
  const last = page.at(-1);
  const more = rows.length > limit && last !== undefined;
  return {
    items: page.map((notice) => ({ ...notice, sends: sends.get(notice.id) ?? [] })),
    next: more ? `${last.createdAt.toISOString()}~${last.id}` : null,
  };
}

function cursorOf(next: string | undefined): readonly string[] {
  if (next === undefined) return [];
  const [at = '', id = '', ...more] = next.split('~');
  if (isWrittenTime(at) && /^not_\w+$/.test(id) && more.length === 0) return [at, id];
  throw new MillraceError('alert_paging_invalid', 'The cursor is none that a page of notices gave.');
}

/** @param mappingIds only notices about these; null: all */
export async function countUnread(db: Queryable, mappingIds: readonly string[] | null = null): Promise<number> {
  const { rows } = await db.query<{ unread: number }>(
    `SELECT count(*)::int AS unread FROM alert_notices
     WHERE read_at IS NULL AND ($1::text[] IS NULL OR mapping_id = ANY ($1))`,
    [mappingIds],
  );
  return rows[0]?.unread ?? 0;
}

/**
 * Marks these notices as read, or all that are there. Returns how many were unread.
 * @param mappingIds only notices about these; null: all
 */
export async function markRead(
  db: Queryable,
  ids: readonly string[] | 'all',
  now: Date,
  mappingIds: readonly string[] | null = null,
): Promise<number> {
  const { rowCount } = await db.query(
    `UPDATE alert_notices SET read_at = $2 WHERE read_at IS NULL AND ($1::text[] IS NULL OR id = ANY($1))
       AND ($3::text[] IS NULL OR mapping_id = ANY ($3))`,
    [ids === 'all' ? null : ids, now, mappingIds],
  );
  return rowCount ?? 0;
}

export interface OpenAlert {
  readonly alertId: string;
  readonly mappingId: string;
  readonly event: AlertEvent;
  readonly openedAt: Date;
}

/** What is wrong now, oldest first. */
export async function openAlerts(db: Queryable): Promise<readonly OpenAlert[]> {
  const { rows } = await db.query<OpenAlert>(
    `SELECT alert_id AS "alertId", mapping_id AS "mappingId", event, opened_at AS "openedAt" FROM open_alerts
     ORDER BY opened_at, alert_id, mapping_id, event`,
  );
  return rows;
}

/** Forgets notices that were made before, and what was sent of them. */
export async function pruneNotices(db: Queryable, before: Date): Promise<void> {
  await db.query('DELETE FROM alert_notices WHERE created_at < $1', [before]);
}
