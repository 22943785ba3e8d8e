/**
 * The events that computations look at. In: profiles and names. Out: each event once, by time and message id, with as much
 * of its message as is read of it. Promised: however many there are, others have their turn in between.
 */
import { breathe } from '../../base/breathe.ts';
import { isJsonObject, type Json, type JsonObject } from '../../base/json.ts';
import type { Database } from '../../db/db.ts';
import { readInParts } from '../../db/parts.ts';
import { storedName } from '../events/events.ts';

/** Members of the properties and of the context of a message; of its type and name nothing need be said. */
export interface WantedParts {
  readonly properties: ReadonlySet<string>;
  readonly context: ReadonlySet<string>;
}

export interface WantedEvents {
  /** By name. */
  readonly names: ReadonlyMap<string, WantedParts>;
  /** From here on; null: all that are kept. */
  readonly since: Date | null;
}

/** An event as computations look at it. */
export interface SpaceSubjectEvent {
  readonly messageId: string;
  readonly at: number;
  readonly receivedAt: number;
  readonly sourceId: string;
  /** What is read of it; undefined: nothing. */
  readonly message: JsonObject | undefined;
  /** Of an event of an account: the traits of who did it. */
  readonly actor: ReadonlyMap<string, Json> | undefined;
}

/** Events by name. */
export type EventsByName = Map<string, SpaceSubjectEvent[]>;

/** How many events of these names are kept, by profile. */
export async function countSubjectEvents(
  { pool }: Database,
  spaceNo: number,
  ids: readonly string[],
  { names }: WantedEvents,
): Promise<ReadonlyMap<string, number>> {
  if (names.size === 0 || ids.length === 0) return new Map();
  const { rows } = await pool.query<{ profile_id: string; n: string }>({
    name: 'space-count-subject-events',
    text: `SELECT profile_id, count(*) AS n FROM events
      WHERE space_no = $1 AND profile_id = ANY($2) AND name = ANY($3) GROUP BY profile_id`,
    values: [spaceNo, ids, [...names.keys()].map(storedName)],
  });
  return new Map(rows.map((row) => [row.profile_id, Number(row.n)]));
}

export interface SubjectEventsQuery extends WantedEvents {
  /** The id of each profile → that of the subject it belongs to. */
  readonly subjects: ReadonlyMap<string, string>;
  /** How many there are, about. */
  readonly expected: number;
  /** Of subjects that are people of an account: their traits. */
  readonly actors?: ReadonlyMap<string, ReadonlyMap<string, Json>>;
}

/** Takes an event of a subject. */
type Take = (subjectId: string, name: string, event: SpaceSubjectEvent) => void;

interface StoredEvent {
  readonly profile_id: string;
  readonly name: string;
  readonly event_at: Date;
  readonly received_at: Date;
  readonly message_id: string;
  readonly source_id: string;
  readonly body: JsonObject | null;
}

const dayMs = 24 * 60 * 60 * 1000;
/** As many are read at once, with whole messages; more come in parts. */
const mostAtOnce = 5_000;

/** Takes them in the order of time and message id. */
export async function readSubjectEvents(
  db: Database,
  spaceNo: number,
  query: SubjectEventsQuery,
  take: Take,
): Promise<void> {
  const { subjects, names, since, expected, actors } = query;
  if (names.size === 0 || subjects.size === 0) return;
  const stored = byStoredName(names);
  const statement = {
    text: `SELECT DISTINCT ON (event_at, message_id, profile_id) profile_id, name, event_at, received_at, message_id, source_id,
        CASE WHEN name = ANY($4) THEN body END AS body
      FROM events
      WHERE space_no = $1 AND profile_id = ANY($2) AND name = ANY($3) AND type IN ('track', 'page', 'screen')
        AND event_at >= $5 AND received_at >= $6
      ORDER BY event_at, message_id, profile_id`,
    values: [
      spaceNo,
      [...subjects.keys()],
      [...stored.keys()],
      [...stored].flatMap(([name, { parts }]) => (parts === null ? [] : [name])),
      since ?? new Date(0),
      new Date(Math.max(0, (since?.getTime() ?? 0) - dayMs)),
    ],
  };
  const last = new Map<string, string>();
  const takeRow = (row: StoredEvent) => {
    const subjectId = subjects.get(row.profile_id) as string;
    const wanted = stored.get(row.name) as StoredNames;
    const event = eventOf(row, wanted.parts, actors?.get(subjectId));
    // A message that came twice, to profiles that are one now.
    const which = `${event.at} ${event.messageId}`;
    if (last.get(subjectId) === which) return;
    last.set(subjectId, which);
    for (const name of wanted.names) take(subjectId, name, event);
  };
  if (expected <= mostAtOnce) {
    const { rows } = await db.pool.query<StoredEvent>({ name: 'space-subject-events', ...statement });
    rows.forEach(takeRow);
    return;
  }
  for await (const rows of readInParts<StoredEvent>(db, statement)) {
    rows.forEach(takeRow);
    await breathe();
  }
}

/** Names that are stored alike, and what is read of such events; null: nothing. */
interface StoredNames {
  readonly names: string[];
  readonly parts: WantedParts | null;
}

function byStoredName(names: WantedEvents['names']): ReadonlyMap<string, StoredNames> {
  const stored = new Map<string, StoredNames>();
  for (const [name, parts] of names) {
    const as = storedName(name);
    const before = stored.get(as);
    const isNothing = parts.properties.size === 0 && parts.context.size === 0;
    const both = isNothing ? null : parts;
    stored.set(as, {
      names: [...(before?.names ?? []), name],
      parts: before?.parts && both ? partsOfBoth(before.parts, both) : (before?.parts ?? both),
    });
  }
  return stored;
}

export function partsOfBoth(a: WantedParts, b: WantedParts): WantedParts {
  return {
    properties: new Set([...a.properties, ...b.properties]),
    context: new Set([...a.context, ...b.context]),
  };
}

function eventOf(row: StoredEvent, parts: WantedParts | null, actor: SpaceSubjectEvent['actor']): SpaceSubjectEvent {
  return {
    messageId: row.message_id,
    at: row.event_at.getTime(),
    receivedAt: row.received_at.getTime(),
    sourceId: row.source_id,
    message: row.body === null || parts === null ? undefined : readParts(row.body, parts),
    actor,
  };
}

/** The rest is not kept in memory. */
function readParts({ type, name, properties, context }: JsonObject, parts: WantedParts): JsonObject {
  const message: Record<string, Json> = { properties: members(properties, parts.properties) };
  if (parts.context.size > 0) message.context = members(context, parts.context);
  if (type !== undefined) message.type = type;
  if (name !== undefined) message.name = name;
  return message;
}

function members(of: Json | undefined, wanted: ReadonlySet<string>): JsonObject {
  if (!isJsonObject(of)) return {};
  const found: [string, Json][] = [];
  for (const key of wanted) if (Object.hasOwn(of, key)) found.push([key, of[key] as Json]);
  // As a whole, so that no name has a meaning of its own.
  return Object.fromEntries(found);
}
