/**
 * Event streams as they are configured: sources whose messages come over HTTP, under a write key. In: definitions. Out:
 * streams with their spaces. Promised: a change and its note in the audit trail commit together; every space a stream names is there; a write key stands for one thing.
 */
import { MillraceError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Database, Queryable, Transaction } from '../db/db.ts';
import { type Actor, commandLine, recordAudit } from './audit.ts';
import { changeWorkspace } from './lock.ts';
import { namesOf, notFound } from './lookup.ts';
import { checkName } from './names.ts';
import { type EventStreamRecord, eventStreamOf, type SpaceRecord } from './records.ts';
import { findSpace } from './spaces.ts';
import type { EventStream } from './workspace.ts';
import { checkWriteKey, isWriteKey, newWriteKey } from './write-keys.ts';

export interface NewEventStream {
  readonly name: string;
  /** By name, id or write key; at least one. */
  readonly spaces: readonly string[];
  readonly clientSide: boolean;
  /** Whether senders also need an access token; default: no. */
  readonly oauthEnforced?: boolean | undefined;
  /** One that senders have already; made when left out. */
  readonly writeKey?: string | undefined;
}

type FoundStream = Omit<EventStreamRecord, 'space_ids'> & { readonly spaces: readonly SpaceRecord[] };

/** Streams with their spaces, in the order they were named. */
const select = `
  SELECT e.id, e.name, e.title, e.write_key, e.more_write_keys, e.enabled, e.client_side, e.oauth_enforced, e.created_at, (
    SELECT coalesce(jsonb_agg(to_jsonb(s) - 'updated_at' ORDER BY array_position(e.space_ids, s.id)), '[]')
    FROM spaces s WHERE s.id = ANY (e.space_ids)
  ) AS spaces
  FROM event_streams e`;

const toStream = ({ spaces, ...record }: FoundStream): EventStream => eventStreamOf(record, spaces);

/**
 * Errors: `name_invalid`, `name_taken`, `write_key_invalid`, `write_key_taken`, `event_stream_without_space`, `not_found`
 * (a space).
 */
export async function createEventStream(
  db: Database,
  wanted: NewEventStream,
  actor: Actor = commandLine,
): Promise<EventStream> {
  const { name, clientSide, oauthEnforced = false, writeKey = newWriteKey() } = wanted;
  checkName('event stream', name);
  checkWriteKey(writeKey);
  if (wanted.spaces.length === 0) {
    throw new MillraceError('event_stream_without_space', `The event stream "${name}" names no space.`);
  }
  return changeWorkspace(db, async (tx) => {
    const spaceIds = new Set<string>();
    for (const space of wanted.spaces) spaceIds.add((await findSpace(tx, space)).id);
    await refuseTaken(tx, name, writeKey);
    const id = newId('evs');
    await tx.query(
      `INSERT INTO event_streams (id, name, write_key, space_ids, enabled, client_side, oauth_enforced, created_at, updated_at)
       VALUES ($1, $2, $3, $4, true, $5, $6, now(), now())`,
      [id, name, writeKey, [...spaceIds], clientSide, oauthEnforced],
    );
    await note(tx, actor, 'Source Created', { id, name });
    return findEventStream(tx, id);
  });
}

/** The vendor's word for a stream is source. */
async function note(
  tx: Transaction,
  actor: Actor,
  type: string,
  { id, name }: { readonly id: string; readonly name: string },
  changed: readonly string[] = [],
): Promise<void> {
  await recordAudit(tx, actor, [{ type, resourceType: 'source', resourceId: id, resourceName: name, changed }]);
}

async function refuseTaken(tx: Transaction, name: string, writeKey: string): Promise<void> {
  const { rows } = await tx.query<{ kind: string; name: string }>(
    `SELECT 'event stream' AS kind, name FROM event_streams
     WHERE name = $1 OR write_key = $2 OR more_write_keys @> ARRAY[$2::text]
     UNION ALL SELECT 'space', name FROM spaces WHERE write_key = $2`,
    [name, writeKey],
  );
  const [taken] = rows;
  if (taken === undefined) return;
  if (rows.some((row) => row.kind === 'event stream' && row.name === name)) {
    throw new MillraceError('name_taken', `There is an event stream "${name}" already.`);
  }
  throw new MillraceError('write_key_taken', `The ${taken.kind} "${taken.name}" has this write key.`);
}

/** In the order of names. */
export async function listEventStreams(db: Queryable): Promise<readonly EventStream[]> {
  const { rows } = await db.query<FoundStream>(`${select} ORDER BY e.name`);
  return rows.map(toStream);
}

/** An id goes before a name, a name before a write key, which may be any word. Error: `not_found`. */
export async function findEventStream(db: Queryable, nameOrIdOrWriteKey: string): Promise<EventStream> {
  // Names, ids and write keys are all of these characters; Postgres cannot take NUL in a text.
  const { rows } = await db.query<FoundStream>(
    `${select} WHERE e.id = $1 OR e.name = $1 OR e.write_key = $1 OR e.more_write_keys @> ARRAY[$1::text]
     ORDER BY e.id = $1 DESC, e.name = $1 DESC LIMIT 1`,
    [isWriteKey(nameOrIdOrWriteKey) ? nameOrIdOrWriteKey : ''],
  );
  if (rows[0] === undefined) throw notFound('event stream', nameOrIdOrWriteKey, await namesOf(db, 'event_streams'));
  return toStream(rows[0]);
}

const byWriteKey = {
  name: 'workspace-stream-by-write-key',
  text: `${select} WHERE e.write_key = $1 OR e.more_write_keys @> ARRAY[$1::text]`,
};

/** Who sends under a write key, enabled or not; null when nobody does. One look-up by the index of write keys. */
export async function findStreamByWriteKey(db: Queryable, writeKey: string): Promise<EventStream | null> {
  if (!isWriteKey(writeKey)) return null;
  const { rows } = await db.query<FoundStream>({ ...byWriteKey, values: [writeKey] });
  return rows[0] === undefined ? null : toStream(rows[0]);
}

/** Messages under its write key are discarded from then on. Error: `not_found`. */
export async function removeEventStream(db: Database, id: string, actor: Actor = commandLine): Promise<void> {
  await changeWorkspace(db, async (tx) => {
    const { rows } = await tx.query<{ name: string }>('DELETE FROM event_streams WHERE id = $1 RETURNING name', [id]);
    if (rows[0] === undefined) throw notFound('event stream', id, await namesOf(tx, 'event_streams'));
    await note(tx, actor, 'Source Deleted', { id, name: rows[0].name });
  });
}

/** Messages to a stream that is not enabled are discarded. Repeating it changes nothing. Error: `not_found`. */
export async function setEventStreamEnabled(
  db: Database,
  id: string,
  enabled: boolean,
  actor: Actor = commandLine,
): Promise<EventStream> {
  return changeWorkspace(db, async (tx) => {
    const { rowCount } = await tx.query(
      'UPDATE event_streams SET enabled = $2, updated_at = now() WHERE id = $1 AND enabled <> $2',
      [id, enabled],
    );
    const stream = await findEventStream(tx, id);
    if (rowCount === 1) await note(tx, actor, `Source ${enabled ? 'Enabled' : 'Disabled'}`, stream, ['enabled']);
    return stream;
  });
}
