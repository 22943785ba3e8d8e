/**
 * Reads events of a profile. In: the ids of its tree, and a query. Out: a page of events, whichever of the ids they came
 * with: events are never rewritten by a merge. Only days of arrival that can hold such events are looked at, so an event
 * that was sent more than a day before its own time is not found. A message that was stored twice is one event.
 */
import { MillraceError } from '../../base/errors.ts';
import type { Json, JsonObject } from '../../base/json.ts';
import { storableText } from '../../base/text.ts';
import { isWrittenTime } from '../../base/written-time.ts';
import type { Queryable } from '../../db/db.ts';
import type { Activity, Collection, EventsQuery, Page, Profile, ProfileEvent } from '../space.ts';

interface StoredEvent {
  readonly profile_id: string;
  readonly event_at: Date;
  readonly message_id: string;
  readonly type: ProfileEvent['type'];
  readonly name: string;
  readonly account_id: string | null;
  readonly source_id: string;
  readonly external_ids: readonly (readonly [string, string])[];
  readonly body: JsonObject;
}

const dayMs = 24 * 60 * 60 * 1000;

export async function readEvents(
  db: Queryable,
  spaceNo: number,
  collection: Collection,
  ids: readonly string[],
  query: EventsQuery,
): Promise<Page<ProfileEvent>> {
  const after = query.next === undefined ? null : readCursor(query.next);
  const { rows } = await db.query<StoredEvent>({
    text: statement(collection, query.order, after !== null),
    values: [
      spaceNo,
      ids,
      query.from,
      query.before,
      new Date(query.from.getTime() - dayMs),
      query.include?.map(storedName) ?? null,
      query.exclude?.map(storedName) ?? [],
      query.limit + 1,
      ...(after ?? []),
    ],
  });
  const page = rows.slice(0, query.limit);
  const canonical = await canonicalIds(db, spaceNo, page);
  const last = page.at(-1);
  return {
    items: page.map((row) => eventOf(row, canonical)),
    next: rows.length > page.length && last !== undefined ? writeCursor(last) : null,
  };
}

/** Of what came since the row was written, at most a minute's worth. */
export async function readActivity(db: Queryable, spaceNo: number, profile: Profile): Promise<Activity> {
  const { updatedAt, lastMessageId, lastSourceId, lastEventAt } = profile;
  const { rows } = await db.query<{ received_at: Date; event_at: Date; message_id: string; source_id: string }>({
    text: `SELECT e.* FROM unnest($2::text[]) AS own (id), LATERAL (
        SELECT received_at, event_at, message_id, source_id FROM events
        WHERE space_no = $1 AND ${columnOf(profile.collection)} = own.id AND event_at >= $3 AND received_at > $4
        ORDER BY event_at DESC, message_id DESC LIMIT 1) AS e
      ORDER BY e.event_at DESC, e.message_id COLLATE "C" DESC LIMIT 1`,
    values: [spaceNo, [profile.segmentId, ...profile.mergedSegmentIds], lastEventAt, updatedAt],
  });
  const [newest] = rows;
  if (newest === undefined) return { updatedAt, lastMessageId, lastSourceId };
  const { received_at, message_id, source_id } = newest;
  return { updatedAt: received_at.toISOString(), lastMessageId: message_id, lastSourceId: source_id };
}

function columnOf(collection: Collection): string {
  return collection === 'users' ? 'profile_id' : 'account_id';
}

/** The name of an event as its column holds it: what no database text can hold is replaced, here as in questions. */
export function storedName(name: string): string {
  return name.replace(/[\0\p{Surrogate}]/gu, '\ufffd');
}

/** The name by which an event is asked for (`profile-space.md` 3.5); '' when it has none. */
export function eventName({ type, event }: JsonObject): string {
  if (type === 'page') return 'Page Viewed';
  if (type === 'screen') return 'Screen Viewed';
  return typeof event === 'string' ? storedName(event) : '';
}

/** Each id of the tree gives a page from its index; the best of them are the page. */
function statement(collection: Collection, order: EventsQuery['order'], isLaterPage: boolean): string {
  const column = columnOf(collection);
  const direction = order === 'newest first' ? 'DESC' : 'ASC';
  const beyond = order === 'newest first' ? '<' : '>';
  return `SELECT DISTINCT ON (e.event_at, e.message_id) e.* FROM unnest($2::text[]) AS own (id), LATERAL (
      SELECT DISTINCT ON (event_at, message_id) profile_id, event_at, message_id, type, name, account_id, source_id, external_ids, body FROM events
      WHERE space_no = $1 AND ${column} = own.id AND event_at >= $3 AND event_at < $4 AND received_at >= $5
        AND type IN ('track', 'page', 'screen') AND ($6::text[] IS NULL OR name = ANY($6)) AND name <> ALL($7)
        ${isLaterPage ? `AND (event_at, message_id) ${beyond} ($9, $10)` : ''}
      ORDER BY event_at ${direction}, message_id ${direction} LIMIT $8) AS e
    ORDER BY e.event_at ${direction}, e.message_id ${direction} LIMIT $8`;
}

/** What the profiles of these events are now. */
async function canonicalIds(
  db: Queryable,
  spaceNo: number,
  rows: readonly StoredEvent[],
): Promise<ReadonlyMap<string, string>> {
  const ids = new Set(
    rows.flatMap((row) => (row.account_id === null ? [row.profile_id] : [row.profile_id, row.account_id])),
  );
  if (ids.size === 0) return new Map();
  const { rows: found } = await db.query<{ profile_id: string; canonical: string }>({
    name: 'space-canonical',
    text: `SELECT profile_id, coalesce(merged_into, profile_id) AS canonical FROM profiles
      WHERE space_no = $1 AND profile_id = ANY($2)`,
    values: [spaceNo, [...ids]],
  });
  return new Map(found.map((row) => [row.profile_id, row.canonical]));
}

function eventOf(row: StoredEvent, canonical: ReadonlyMap<string, string>): ProfileEvent {
  return {
    messageId: row.message_id,
    type: row.type,
    name: row.name,
    timestamp: row.event_at.toISOString(),
    sourceId: row.source_id,
    message: row.body,
    externalIds: row.external_ids.map(([type, id]) => ({ type, id })),
    userId: canonical.get(row.profile_id) ?? row.profile_id,
    accountId: row.account_id === null ? null : (canonical.get(row.account_id) ?? row.account_id),
  };
}

function writeCursor({ event_at, message_id }: StoredEvent): string {
  return Buffer.from(JSON.stringify([event_at.toISOString(), message_id])).toString('base64url');
}

function readCursor(next: string): [string, string] {
  try {
    const [at, id, ...more] = JSON.parse(Buffer.from(next, 'base64url').toString()) as Json[];
    if (
      typeof at === 'string' &&
      isWrittenTime(at) &&
      typeof id === 'string' &&
      storableText(id) &&
      more.length === 0
    ) {
      return [at, id];
    }
  } catch {
    // Falls through.
  }
  throw new MillraceError('cursor_invalid', 'The parameter `next` is not a cursor this server has given.');
}
