/** Sources of the kind "event stream": who may send messages to which spaces, by a write key. */
import { MillraceError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Queryable } from '../db/db.ts';
import { notFound } from './lookup.ts';
import { checkName } from './names.ts';
import { type SpaceRecord, spaceOf } from './records.ts';
import { newWriteKey } from './spaces.ts';
import type { EventStream } from './workspace.ts';

export interface NewEventStream {
  readonly name: string;
  /** Ids. */
  readonly spaceIds: readonly string[];
  readonly clientSide: boolean;
  /** An existing key, so that SDKs need no change. Default: a new one. */
  readonly writeKey?: string | undefined;
}

interface StreamRow {
  readonly id: string;
  readonly name: string;
  readonly write_key: string;
  readonly enabled: boolean;
  readonly client_side: boolean;
  readonly spaces: readonly SpaceRecord[];
}

const select = `SELECT e.id, e.name, e.write_key, e.enabled, e.client_side,
    (SELECT coalesce(json_agg(json_build_object('id', s.id, 'no', s.no, 'name', s.name, 'settings', s.settings,
        'write_key', s.write_key) ORDER BY s.no), '[]') FROM spaces s WHERE s.id = ANY(e.space_ids)) AS spaces
  FROM event_streams e`;

function streamOf(row: StreamRow): EventStream {
  const { id, name, enabled } = row;
  return { id, name, writeKey: row.write_key, spaces: row.spaces.map(spaceOf), enabled, clientSide: row.client_side };
}

const keyForm = /^[A-Za-z0-9_-]{1,200}$/;

/** Errors: `name_invalid`, `name_taken`, `write_key_invalid`, `write_key_taken`. */
export async function createEventStream(db: Queryable, stream: NewEventStream): Promise<EventStream> {
  const { name, spaceIds, clientSide, writeKey = newWriteKey() } = stream;
  checkName('event stream', name);
  if (!keyForm.test(writeKey)) {
    throw new MillraceError('write_key_invalid', 'A write key is 1 to 200 letters, digits, _ and -.');
  }
  const id = newId('evs');
  const { rows } = await db.query<{ id: string | null; key_taken: boolean }>(
    `WITH taken AS (SELECT EXISTS (SELECT FROM event_streams WHERE write_key = $3)
         OR EXISTS (SELECT FROM spaces WHERE write_key = $3) AS key_taken),
       made AS (INSERT INTO event_streams (id, name, write_key, space_ids, enabled, client_side, created_at, updated_at)
         SELECT $1, $2, $3, $4, true, $5, now(), now() FROM taken WHERE NOT key_taken
         ON CONFLICT (name) DO NOTHING RETURNING id)
     SELECT key_taken, (SELECT id FROM made) AS id FROM taken`,
    [id, name, writeKey, spaceIds, clientSide],
  );
  if (rows[0]?.key_taken === true) {
    throw new MillraceError('write_key_taken', 'Another event stream or a space has this write key already.');
  }
  if (rows[0]?.id == null) throw new MillraceError('name_taken', `There is an event stream "${name}" already.`);
  return findEventStream(db, id);
}

export async function listEventStreams(db: Queryable): Promise<readonly EventStream[]> {
  const { rows } = await db.query<StreamRow>(`${select} ORDER BY e.name`);
  return rows.map(streamOf);
}

/** Error: `not_found`. */
export async function findEventStream(db: Queryable, nameOrIdOrWriteKey: string): Promise<EventStream> {
  const asked = nameOrIdOrWriteKey.includes('\0') ? '' : nameOrIdOrWriteKey;
  const { rows } = await db.query<StreamRow>(
    `${select} WHERE e.id = $1 OR e.name = $1 OR e.write_key = $1 ORDER BY e.id = $1 DESC, e.name = $1 DESC LIMIT 1`,
    [asked],
  );
  if (rows[0] !== undefined) return streamOf(rows[0]);
  const { rows: names } = await db.query<{ name: string }>('SELECT name FROM event_streams');
  throw notFound(
    'event stream',
    nameOrIdOrWriteKey,
    names.map(({ name }) => name),
  );
}

/** One look-up by the index of write keys; null when nobody has it. */
export async function findStreamByWriteKey(db: Queryable, writeKey: string): Promise<EventStream | null> {
  if (!keyForm.test(writeKey)) return null;
  const { rows } = await db.query<StreamRow>({
    name: 'workspace-stream-by-key',
    text: `${select} WHERE e.write_key = $1`,
    values: [writeKey],
  });
  return rows[0] === undefined ? null : streamOf(rows[0]);
}

/** Error: `not_found`. */
export async function setEventStreamEnabled(db: Queryable, id: string, enabled: boolean): Promise<void> {
  const { rowCount } = await db.query('UPDATE event_streams SET enabled = $2, updated_at = now() WHERE id = $1', [
    id,
    enabled,
  ]);
  if (rowCount !== 1) throw notFound('event stream', id, []);
}

/** Error: `not_found`. */
export async function removeEventStream(db: Queryable, id: string): Promise<void> {
  const { rowCount } = await db.query('DELETE FROM event_streams WHERE id = $1', [id]);
  if (rowCount !== 1) throw notFound('event stream', id, []);
}
