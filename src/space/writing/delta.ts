/**
 * The tables of the space, written for a batch. In: a delta. Out: the statements that store it, with their data ready to
 * be sent, so that nothing is left to compute while the space is locked. New rows go in by COPY.
 */
import type { QueryConfig } from 'pg';
import { breathe, rowsPerBreath } from '../../base/breathe.ts';
import { newId } from '../../base/ids.ts';
import { copyField, copyInto } from '../../db/copy.ts';
import type { Transaction } from '../../db/db.ts';
import { eventName } from '../events/events.ts';
import { identifiersJson, writesJson } from '../facts/row-json.ts';
import type { Delta, LogEntry, NewEvent, NewLink } from './batch.ts';
import { hashOf } from './once.ts';
import { profileColumns, realTables, type SpaceTables } from './store.ts';
import type { Contact, Overlay, ProfileRow } from './working-set.ts';

export type DeltaStatement =
  | { readonly kind: 'copy'; readonly statement: string; readonly data: readonly Buffer[] }
  | { readonly kind: 'query'; readonly query: QueryConfig };

export async function renderDelta(spaceNo: number, delta: Delta, tables: SpaceTables): Promise<DeltaStatement[]> {
  const { state } = delta;
  const statements: DeltaStatement[] = [];
  const rows = (ids: ReadonlySet<string>) => mapped(ids, (id) => profileLine(spaceNo, state.get(id)));
  if (state.created.size > 0) statements.push(await copyProfiles(rows(state.created), tables));
  if (state.changed.size > 0) {
    if (tables === realTables) statements.push(...(await updateProfiles(spaceNo, state)));
    else statements.push(forgetProfiles(spaceNo, state, tables), await copyProfiles(rows(state.changed), tables));
  }
  if (state.newKeys.length > 0) statements.push(await copyIdentifiers(spaceNo, state, tables));
  if (delta.links.length > 0) statements.push(...(await writeLinks(spaceNo, delta.links, state, tables)));
  if (state.changedContacts.size > 0) statements.push(upsertContacts(spaceNo, state, tables));
  if (state.taken.size > 0) statements.push(await copySeen(spaceNo, state, tables));
  if (state.countedApart.size > 0) statements.push(upsertCounted(spaceNo, state, tables));
  if (delta.events.length > 0) statements.push(await copyEvents(spaceNo, delta.events, tables));
  if (delta.log.length > 0) statements.push(insertLog(spaceNo, delta.log, tables));
  return statements;
}

export async function writeDelta(tx: Transaction, statements: readonly DeltaStatement[]): Promise<void> {
  for (const each of statements) {
    if (each.kind === 'copy') await copyInto(tx, each.statement, each.data);
    else await tx.query(each.query);
  }
}

function* mapped<T>(items: Iterable<T>, lineOf: (item: T) => string): Generator<string> {
  for (const item of items) yield lineOf(item);
}

/** About how much of COPY's input is put into one message, in characters. */
const messageSize = 512 * 1024;

async function copy(statement: string, lines: Iterable<string>): Promise<DeltaStatement> {
  const data: Buffer[] = [];
  let text = '';
  let count = 0;
  for (const line of lines) {
    text += line;
    count += 1;
    if (count % rowsPerBreath === 0) await breathe();
    if (text.length < messageSize) continue;
    data.push(Buffer.from(text));
    text = '';
  }
  if (text !== '') data.push(Buffer.from(text));
  return { kind: 'copy', statement, data };
}

function copyProfiles(lines: Iterable<string>, tables: SpaceTables): Promise<DeltaStatement> {
  return copy(`COPY ${tables.profiles} (space_no, ${profileColumns}) FROM STDIN`, lines);
}

/** In key order, so that the index grows evenly. */
function copyIdentifiers(spaceNo: number, state: Overlay, tables: SpaceTables): Promise<DeltaStatement> {
  const keys = state.newKeys.sort();
  const lines = mapped(keys, (key) => `${spaceNo}\t${copyField(key)}\t${state.owners.get(key)}\n`);
  return copy(`COPY ${tables.identifiers} (space_no, key, profile_id) FROM STDIN`, lines);
}

const isoOf = new Map<number, string>();

/** Later years have more than four digits in ISO 8601, which Postgres does not read. */
const lastTime = Date.parse('9999-12-31T23:59:59.999Z');

/** A time as Postgres reads it. Batches repeat few times over and over. */
function timestamp(ms: number): string {
  let text = isoOf.get(ms);
  if (text === undefined) {
    if (isoOf.size > 1000) isoOf.clear();
    text = new Date(Math.min(ms, lastTime)).toISOString();
    isoOf.set(ms, text);
  }
  return text;
}

function profileLine(spaceNo: number, row: ProfileRow): string {
  const times = `${timestamp(row.createdAt)}\t${timestamp(row.updatedAt)}`;
  const merged = `${copyField(row.mergedInto)}\t${row.mergedAt === null ? '\\N' : timestamp(row.mergedAt)}\t${copyField(row.mergedBy)}`;
  const first = `${copyField(row.firstMessageId)}\t${copyField(row.firstSourceId)}`;
  const last = `${copyField(row.lastMessageId)}\t${copyField(row.lastSourceId)}\t${timestamp(row.lastEventAt)}`;
  const facts = `${escapeJson(identifiersJson(row.identifiers, row))}\t${escapeJson(JSON.stringify(row.traits))}\t${escapeJson(writesJson(row.writes, row))}\t${row.consent === null ? '\\N' : escapeJson(JSON.stringify(row.consent))}`;
  return `${spaceNo}\t${row.id}\t${row.collection}\t${times}\t${merged}\t{${row.members.join(',')}}\t${first}\t${last}\t${facts}\n`;
}

/** JSON text holds no raw control characters, so only its backslashes need care. */
function escapeJson(text: string): string {
  return text.includes('\\') ? text.replaceAll('\\', '\\\\') : text;
}

function forgetProfiles(spaceNo: number, state: Overlay, tables: SpaceTables): DeltaStatement {
  const text = `DELETE FROM ${tables.profiles} WHERE space_no = $1 AND profile_id = ANY($2)`;
  return { kind: 'query', query: { text, values: [spaceNo, [...state.changed]] } };
}

/** Rows that one statement updates: making it and sending it takes a few milliseconds, in which nobody else is served. */
const rowsPerUpdate = 200;

async function updateProfiles(spaceNo: number, state: Overlay): Promise<DeltaStatement[]> {
  // In the order of their ids, as identifiers and links in that of theirs: writers that meet then wait in one direction.
  const ids = [...state.changed].sort();
  const statements: DeltaStatement[] = [];
  for (let from = 0; from < ids.length; from += rowsPerUpdate) {
    if (from > 0) await breathe();
    statements.push(
      updateRows(
        spaceNo,
        ids.slice(from, from + rowsPerUpdate).map((id) => state.get(id)),
      ),
    );
  }
  return statements;
}

function updateRows(spaceNo: number, rows: readonly ProfileRow[]): DeltaStatement {
  return query({
    name: 'space-update-profiles',
    text: `UPDATE profiles p SET updated_at = d.updated_at, merged_into = d.merged_into, merged_at = d.merged_at,
        merged_by = d.merged_by, members = string_to_array(d.members, ','), last_message_id = d.last_message_id,
        last_source_id = d.last_source_id, last_event_at = d.last_event_at, identifiers = d.identifiers,
        traits = d.traits, writes = d.writes, consent = d.consent
      FROM unnest($2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::timestamptz[], $11::json[], $12::json[], $13::json[], $14::json[])
        AS d (profile_id, updated_at, merged_into, merged_at, merged_by, members, last_message_id, last_source_id,
          last_event_at, identifiers, traits, writes, consent)
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
      rows.map((row) => identifiersJson(row.identifiers, row)),
      rows.map((row) => JSON.stringify(row.traits)),
      rows.map((row) => writesJson(row.writes, row)),
      rows.map((row) => (row.consent === null ? null : JSON.stringify(row.consent))),
    ],
  });
}

/** Both directions. Links of profiles that are new cannot be there yet, which allows COPY. */
async function writeLinks(
  spaceNo: number,
  links: readonly NewLink[],
  state: Overlay,
  tables: SpaceTables,
): Promise<DeltaStatement[]> {
  const statements: DeltaStatement[] = [];
  const isFresh = ({ userId, accountId }: NewLink) => state.created.has(userId) || state.created.has(accountId);
  const fresh = links.filter(isFresh);
  if (fresh.length > 0) {
    const columns = 'space_no, profile_id, to_profile_id, created_at, source_id, message_id';
    statements.push(await copy(`COPY ${tables.links} (${columns}) FROM STDIN`, linkLines(spaceNo, fresh)));
  }
  const others = links.filter((link) => !isFresh(link));
  if (others.length > 0) statements.push(insertLinks(spaceNo, others, tables));
  return statements;
}

function insertLinks(spaceNo: number, others: readonly NewLink[], tables: SpaceTables): DeltaStatement {
  return query({
    name: `space-links-${tables.links}`,
    text: `INSERT INTO ${tables.links} (space_no, profile_id, to_profile_id, created_at, source_id, message_id)
      SELECT $1, pair.a, pair.b, d.created_at, d.source_id, d.message_id
      FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[])
        AS d (user_id, account_id, created_at, source_id, message_id),
        LATERAL (VALUES (d.user_id, d.account_id), (d.account_id, d.user_id)) AS pair (a, b)
      ORDER BY pair.a COLLATE "C", pair.b COLLATE "C"
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

function* linkLines(spaceNo: number, links: readonly NewLink[]): Generator<string> {
  for (const { userId, accountId, facts } of links) {
    const rest = `${timestamp(facts.receivedAt)}\t${copyField(facts.sourceId)}\t${copyField(facts.messageId)}`;
    yield `${spaceNo}\t${userId}\t${accountId}\t${rest}\n${spaceNo}\t${accountId}\t${userId}\t${rest}\n`;
  }
}

function upsertContacts(spaceNo: number, state: Overlay, tables: SpaceTables): DeltaStatement {
  const rows = [...state.changedContacts].map((contact) => [contact, state.contacts.get(contact) as Contact] as const);
  return query(contactsStatement(spaceNo, rows, tables));
}

/** Writes contacts, in their order, as updateProfiles in that of profiles. */
export function contactsStatement(
  spaceNo: number,
  contacts: readonly (readonly [contact: string, Contact])[],
  tables: SpaceTables,
): QueryConfig {
  const rows = [...contacts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([contact, state]) => ({ contact, ...state }));
  return {
    name: `space-contacts-write-${tables.subscriptions}`,
    text: `INSERT INTO ${tables.subscriptions} (space_no, contact, status, at, received, source_id, message_id, groups)
      SELECT $1, * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::json[])
      ON CONFLICT (space_no, contact) DO UPDATE SET status = excluded.status, at = excluded.at,
        received = excluded.received, source_id = excluded.source_id, message_id = excluded.message_id,
        groups = excluded.groups`,
    values: [
      spaceNo,
      rows.map((row) => row.contact),
      rows.map((row) => row.status),
      rows.map((row) => row.at),
      rows.map((row) => row.received),
      rows.map((row) => row.sourceId),
      rows.map((row) => row.messageId),
      rows.map((row) => JSON.stringify(row.groups)),
    ],
  };
}

function copySeen(spaceNo: number, state: Overlay, tables: SpaceTables): Promise<DeltaStatement> {
  const rows = [...state.taken].sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = mapped(rows, ([hash, at]) => `${spaceNo}\t${hash}\t${timestamp(at)}\n`);
  return copy(`COPY ${tables.seen} (space_no, key, received_at) FROM STDIN`, lines);
}

/** One that is taken may have been counted in the same millisecond: then it is the same row. */
function upsertCounted(spaceNo: number, state: Overlay, tables: SpaceTables): DeltaStatement {
  const rows = [...state.countedApart].sort(([a], [b]) => (a < b ? -1 : 1));
  return query({
    name: `space-counted-${tables.seen}`,
    text: `INSERT INTO ${tables.seen} (space_no, key, received_at, only_counted)
      SELECT $1, key, received_at, CASE WHEN NOT is_taken THEN true END
      FROM unnest($2::uuid[], $3::timestamptz[], $4::boolean[]) AS d (key, received_at, is_taken)
      ON CONFLICT (space_no, key, received_at) DO UPDATE SET only_counted = excluded.only_counted`,
    values: [
      spaceNo,
      rows.map(([hash]) => hash),
      rows.map(([, { receivedAt }]) => timestamp(receivedAt)),
      rows.map(([, { isTaken }]) => isTaken),
    ],
  });
}

const eventColumns =
  'space_no, profile_id, received_at, event_at, message_id, type, name, account_id, source_id, external_ids, body';

function copyEvents(spaceNo: number, events: readonly NewEvent[], tables: SpaceTables): Promise<DeltaStatement> {
  const lines = mapped(events, (event) => eventLine(spaceNo, event));
  return copy(`COPY ${tables.events} (${eventColumns}) FROM STDIN`, lines);
}

function eventLine(spaceNo: number, { profileId, accountId, facts, ids, incoming }: NewEvent): string {
  const { message } = incoming;
  const type = String(message.type);
  const times = `${timestamp(facts.receivedAt)}\t${timestamp(facts.eventAt)}`;
  const what = `${copyField(facts.messageId ?? newId('msg'))}\t${type}\t${copyField(eventName(message))}`;
  const body = escapeJson(incoming.text ?? JSON.stringify(message));
  const externalIds = escapeJson(JSON.stringify(ids.map(({ rule, value }) => [rule.type, value])));
  return `${spaceNo}\t${profileId}\t${times}\t${what}\t${copyField(accountId)}\t${copyField(facts.sourceId)}\t${externalIds}\t${body}\n`;
}

function insertLog(spaceNo: number, log: readonly LogEntry[], tables: SpaceTables): DeltaStatement {
  return query({
    name: `space-log-${tables.log}`,
    text: `INSERT INTO ${tables.log} (space_no, entry_id, at, kind, reason, detail, source_id, sync_id, message_id, count, user_hash)
      SELECT $1, * FROM unnest($2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::int[], $11::uuid[])`,
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
      log.map((entry) => (entry.userId === null ? null : hashOf(entry.userId))),
    ],
  });
}

function storable(text: string | null): string | null {
  return text === null ? null : text.replaceAll('\0', '').slice(0, 200);
}

function query(config: QueryConfig): DeltaStatement {
  return { kind: 'query', query: config };
}
