/**
 * The tables of the space, read and written for a batch. In: keys, or a delta. Out: a working set, or the rows in their
 * tables. Nothing is looked up row by row: a few statements per batch, whatever its size.
 */
import { newId } from '../base/ids.ts';
import { copyField, copyInto } from '../db/copy.ts';
import type { Queryable, Transaction } from '../db/db.ts';
import type { Delta, LogEntry, NewEvent, NewLink } from './batch.ts';
import { identifiersJson, writesJson } from './row-json.ts';
import type { Collection } from './space.ts';
import type { Overlay, ProfileRow, StoredIdentifier, Traits, TraitWrite, WorkingSet } from './working-set.ts';

/** The names of the tables to work on: the real ones, or those of a plan. */
export interface SpaceTables {
  readonly identifiers: string;
  readonly profiles: string;
  readonly links: string;
  readonly events: string;
  readonly log: string;
}

export const realTables: SpaceTables = {
  identifiers: 'identifiers',
  profiles: 'profiles',
  links: 'links',
  events: 'events',
  log: 'space_log',
};

const profileColumns =
  'profile_id, collection, created_at, updated_at, merged_into, merged_at, merged_by, members, first_message_id,' +
  ' first_source_id, last_message_id, last_source_id, last_event_at, identifiers, traits, writes';

interface StoredProfile {
  readonly profile_id: string;
  readonly collection: Collection;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly merged_into: string | null;
  readonly merged_at: Date | null;
  readonly merged_by: string | null;
  readonly members: readonly string[];
  readonly first_message_id: string | null;
  readonly first_source_id: string;
  readonly last_message_id: string | null;
  readonly last_source_id: string;
  readonly last_event_at: Date;
  readonly identifiers: readonly StoredIdentifier[];
  readonly traits: Traits;
  readonly writes: readonly TraitWrite[];
}

function profileOf(row: StoredProfile): ProfileRow {
  return {
    id: row.profile_id,
    collection: row.collection,
    createdAt: row.created_at.getTime(),
    updatedAt: row.updated_at.getTime(),
    mergedInto: row.merged_into,
    mergedAt: row.merged_at?.getTime() ?? null,
    mergedBy: row.merged_by,
    members: row.members,
    firstMessageId: row.first_message_id,
    firstSourceId: row.first_source_id,
    lastMessageId: row.last_message_id,
    lastSourceId: row.last_source_id,
    lastEventAt: row.last_event_at.getTime(),
    identifiers: row.identifiers,
    traits: row.traits,
    writes: row.writes,
  };
}

/** The owners of these identifier keys, from any of the tables; a later table's answer replaces an earlier one's. */
export async function loadOwners(
  db: Queryable,
  spaceNo: number,
  keys: readonly string[],
  tables: readonly SpaceTables[],
): Promise<Map<string, string>> {
  const owners = new Map<string, string>();
  if (keys.length === 0) return owners;
  for (const { identifiers } of tables) {
    const { rows } = await db.query({
      name: `space-owners-${identifiers}`,
      text: `SELECT key, profile_id FROM ${identifiers} WHERE space_no = $1 AND key = ANY($2)`,
      values: [spaceNo, keys],
      rowMode: 'array',
    });
    for (const [key, profileId] of rows as unknown as [string, string][]) owners.set(key, profileId);
  }
  return owners;
}

/** These profiles and the whole tree around each: what they were merged into, and everything below that. */
export async function loadProfiles(
  db: Queryable,
  spaceNo: number,
  ids: Iterable<string>,
  tables: readonly SpaceTables[],
): Promise<Map<string, ProfileRow>> {
  const profiles = new Map<string, ProfileRow>();
  let missing = [...new Set(ids)];
  while (missing.length > 0) {
    for (const { profiles: table } of tables) {
      const { rows } = await db.query<StoredProfile>({
        name: `space-profiles-${table}`,
        text: `SELECT ${profileColumns} FROM ${table} WHERE space_no = $1 AND profile_id = ANY($2)`,
        values: [spaceNo, missing],
      });
      for (const row of rows) profiles.set(row.profile_id, profileOf(row));
    }
    missing = unseenRelatives(profiles);
  }
  return profiles;
}

function unseenRelatives(profiles: ReadonlyMap<string, ProfileRow>): string[] {
  const unseen = new Set<string>();
  for (const { mergedInto, members } of profiles.values()) {
    if (mergedInto !== null) {
      if (!profiles.has(mergedInto)) unseen.add(mergedInto);
    } else {
      for (const member of members) if (!profiles.has(member)) unseen.add(member);
    }
  }
  return [...unseen];
}

export async function loadWorkingSet(
  db: Queryable,
  spaceNo: number,
  keys: readonly string[],
  tables: readonly SpaceTables[],
): Promise<WorkingSet> {
  const owners = await loadOwners(db, spaceNo, keys, tables);
  const profiles = await loadProfiles(db, spaceNo, owners.values(), tables);
  return { owners, profiles };
}

/** Writes the delta of a batch. Identifiers in key order, so that the index grows evenly. */
export async function writeDelta(tx: Transaction, spaceNo: number, delta: Delta, tables: SpaceTables): Promise<void> {
  const { state } = delta;
  if (state.created.size > 0) {
    const statement = `COPY ${tables.profiles} (space_no, ${profileColumns}) FROM STDIN`;
    await copyInto(tx, statement, profileLines(spaceNo, state, state.created));
  }
  if (state.changed.size > 0) await updateProfiles(tx, spaceNo, state, tables);
  if (state.newKeys.size > 0) {
    const statement = `COPY ${tables.identifiers} (space_no, key, profile_id) FROM STDIN`;
    await copyInto(tx, statement, identifierLines(spaceNo, state));
  }
  if (delta.links.length > 0) await writeLinks(tx, spaceNo, delta.links, state, tables);
  if (delta.events.length > 0) await insertEvents(tx, spaceNo, delta.events, tables);
  if (delta.log.length > 0) await insertLog(tx, spaceNo, delta.log, tables);
}

/** About how much of COPY's input is put together before it is handed over, in characters. */
const chunkSize = 64 * 1024;

function* chunked(lines: Iterable<string>): Generator<string> {
  let chunk = '';
  for (const line of lines) {
    chunk += line;
    if (chunk.length >= chunkSize) {
      yield chunk;
      chunk = '';
    }
  }
  if (chunk !== '') yield chunk;
}

const isoOf = new Map<number, string>();

/** A time as Postgres reads it. Batches repeat few times over and over. */
function timestamp(ms: number): string {
  let text = isoOf.get(ms);
  if (text === undefined) {
    if (isoOf.size > 1000) isoOf.clear();
    text = new Date(ms).toISOString();
    isoOf.set(ms, text);
  }
  return text;
}

function profileLines(spaceNo: number, state: Overlay, ids: Iterable<string>): Generator<string> {
  return chunked(
    (function* () {
      for (const id of ids) yield profileLine(spaceNo, state.get(id));
    })(),
  );
}

function profileLine(spaceNo: number, row: ProfileRow): string {
  const times = `${timestamp(row.createdAt)}\t${timestamp(row.updatedAt)}`;
  const merged = `${copyField(row.mergedInto)}\t${row.mergedAt === null ? '\\N' : timestamp(row.mergedAt)}\t${copyField(row.mergedBy)}`;
  const first = `${copyField(row.firstMessageId)}\t${copyField(row.firstSourceId)}`;
  const last = `${copyField(row.lastMessageId)}\t${copyField(row.lastSourceId)}\t${timestamp(row.lastEventAt)}`;
  const facts = `${escapeJson(identifiersJson(row.identifiers))}\t${escapeJson(JSON.stringify(row.traits))}\t${escapeJson(writesJson(row.writes))}`;
  return `${spaceNo}\t${row.id}\t${row.collection}\t${times}\t${merged}\t{${row.members.join(',')}}\t${first}\t${last}\t${facts}\n`;
}

/** JSON text holds no raw control characters, so only its backslashes need care. */
function escapeJson(text: string): string {
  return text.includes('\\') ? text.replaceAll('\\', '\\\\') : text;
}

function identifierLines(spaceNo: number, state: Overlay): Generator<string> {
  const keys = [...state.newKeys.keys()].sort();
  return chunked(
    (function* () {
      for (const key of keys) yield `${spaceNo}\t${copyField(key)}\t${state.newKeys.get(key)}\n`;
    })(),
  );
}

async function updateProfiles(tx: Transaction, spaceNo: number, state: Overlay, tables: SpaceTables): Promise<void> {
  const rows = [...state.changed].map((id) => state.get(id));
  if (tables !== realTables) {
    await tx.query(`DELETE FROM ${tables.profiles} WHERE space_no = $1 AND profile_id = ANY($2)`, [
      spaceNo,
      rows.map((row) => row.id),
    ]);
    const statement = `COPY ${tables.profiles} (space_no, ${profileColumns}) FROM STDIN`;
    await copyInto(tx, statement, profileLines(spaceNo, state, state.changed));
    return;
  }
  await tx.query({
    name: 'space-update-profiles',
    text: `UPDATE profiles p SET updated_at = d.updated_at, merged_into = d.merged_into, merged_at = d.merged_at,
        merged_by = d.merged_by, members = string_to_array(d.members, ','), last_message_id = d.last_message_id,
        last_source_id = d.last_source_id, last_event_at = d.last_event_at, identifiers = d.identifiers,
        traits = d.traits, writes = d.writes
      FROM unnest($2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::timestamptz[], $11::json[], $12::json[], $13::json[])
        AS d (profile_id, updated_at, merged_into, merged_at, merged_by, members, last_message_id, last_source_id,
          last_event_at, identifiers, traits, writes)
      WHERE p.space_no = $1 AND p.profile_id = d.profile_id`,
    values: [
      spaceNo,
      rows.map((row) => row.id),
      rows.map((row) => timestamp(row.updatedAt)),
      rows.map((row) => row.mergedInto),
      rows.map((row) => (row.mergedAt === null ? null : timestamp(row.mergedAt))),
      rows.map((row) => row.mergedBy),
      rows.map((row) => row.members.join(',')),
      rows.map((row) => row.lastMessageId),
      rows.map((row) => row.lastSourceId),
      rows.map((row) => timestamp(row.lastEventAt)),
      rows.map((row) => identifiersJson(row.identifiers)),
      rows.map((row) => JSON.stringify(row.traits)),
      rows.map((row) => writesJson(row.writes)),
    ],
  });
}

/** Both directions. Links of profiles that are new cannot be there yet, which allows COPY. */
async function writeLinks(
  tx: Transaction,
  spaceNo: number,
  links: readonly NewLink[],
  state: Overlay,
  tables: SpaceTables,
): Promise<void> {
  const fresh = links.filter(({ userId, accountId }) => state.created.has(userId) || state.created.has(accountId));
  if (fresh.length > 0) {
    const statement = `COPY ${tables.links} (space_no, profile_id, to_profile_id, created_at, source_id, message_id) FROM STDIN`;
    await copyInto(tx, statement, chunked(fresh.flatMap((link) => linkLines(spaceNo, link))));
  }
  const others = links.filter(({ userId, accountId }) => !state.created.has(userId) && !state.created.has(accountId));
  if (others.length === 0) return;
  await tx.query({
    name: `space-links-${tables.links}`,
    text: `INSERT INTO ${tables.links} (space_no, profile_id, to_profile_id, created_at, source_id, message_id)
      SELECT $1, pair.a, pair.b, d.created_at, d.source_id, d.message_id
      FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[])
        AS d (user_id, account_id, created_at, source_id, message_id),
        LATERAL (VALUES (d.user_id, d.account_id), (d.account_id, d.user_id)) AS pair (a, b)
      ON CONFLICT DO NOTHING`,
    values: [
      spaceNo,
      others.map((link) => link.userId),
      others.map((link) => link.accountId),
      others.map((link) => timestamp(link.facts.receivedAt)),
      others.map((link) => link.facts.sourceId),
      others.map((link) => link.facts.messageId),
    ],
  });
}

function linkLines(spaceNo: number, { userId, accountId, facts }: NewLink): string[] {
  const rest = `${timestamp(facts.receivedAt)}\t${copyField(facts.sourceId)}\t${copyField(facts.messageId)}`;
  return [`${spaceNo}\t${userId}\t${accountId}\t${rest}\n`, `${spaceNo}\t${accountId}\t${userId}\t${rest}\n`];
}

async function insertEvents(tx: Transaction, spaceNo: number, events: readonly NewEvent[], tables: SpaceTables) {
  await tx.query({
    name: `space-events-${tables.events}`,
    text: `INSERT INTO ${tables.events} (space_no, profile_id, message_id, event_at, received_at, source_id, body)
      SELECT $1, * FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::json[])
      ON CONFLICT DO NOTHING`,
    values: [
      spaceNo,
      events.map((event) => event.profileId),
      events.map((event) => event.facts.messageId ?? newId('msg')),
      events.map((event) => timestamp(event.facts.eventAt)),
      events.map((event) => timestamp(event.facts.receivedAt)),
      events.map((event) => event.facts.sourceId),
      events.map((event) => JSON.stringify(event.body)),
    ],
  });
}

async function insertLog(tx: Transaction, spaceNo: number, log: readonly LogEntry[], tables: SpaceTables) {
  await tx.query({
    name: `space-log-${tables.log}`,
    text: `INSERT INTO ${tables.log} (space_no, entry_id, at, kind, reason, detail, source_id, sync_id, message_id, count)
      SELECT $1, * FROM unnest($2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::int[])`,
    values: [
      spaceNo,
      log.map(() => newId('log')),
      log.map((entry) => timestamp(entry.incoming.receivedAt.getTime())),
      log.map((entry) => entry.kind),
      log.map((entry) => entry.reason),
      log.map((entry) => entry.detail),
      log.map((entry) => entry.incoming.sourceId),
      log.map((entry) => entry.incoming.syncId ?? null),
      log.map((entry) => storable(entry.messageId)),
      log.map((entry) => entry.count),
    ],
  });
}

function storable(text: string | null): string | null {
  return text === null ? null : text.replaceAll('\0', '').slice(0, 200);
}
