/**
 * The tables of the space, read for a batch. In: identifier keys. Out: a working set. Nothing is looked up row by row: two
 * or three statements per batch, whatever its size.
 */
import type { Queryable } from '../../db/db.ts';
import { type IdentifierJson, identifiersOf, type WriteJson, writesOf } from '../facts/row-json.ts';
import type { Collection, SubscriptionStatus } from '../space.ts';
import { onceMs } from './once.ts';
import type { Consent, Contact, ProfileRow, Traits, Wanted, WorkingSet } from './working-set.ts';

/** The names of the tables to work on: the real ones, or those of a plan. */
export interface SpaceTables {
  readonly identifiers: string;
  readonly profiles: string;
  readonly links: string;
  readonly events: string;
  readonly log: string;
  readonly seen: string;
  readonly subscriptions: string;
}

export const realTables: SpaceTables = {
  identifiers: 'identifiers',
  profiles: 'profiles',
  links: 'links',
  events: 'events',
  log: 'space_log',
  seen: 'seen_messages',
  subscriptions: 'subscriptions',
};

/** As writers write them. What is computed is read beside them. */
export const profileColumns =
  'profile_id, collection, created_at, updated_at, merged_into, merged_at, merged_by, members, first_message_id,' +
  ' first_source_id, last_message_id, last_source_id, last_event_at, identifiers, traits, writes, consent';

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
  readonly identifiers: readonly IdentifierJson[];
  readonly traits: Traits;
  readonly writes: readonly WriteJson[];
  readonly consent: Consent | null;
  readonly computed: ProfileRow['computed'];
}

function profileOf(row: StoredProfile): ProfileRow {
  const first = {
    createdAt: row.created_at.getTime(),
    firstSourceId: row.first_source_id,
    firstMessageId: row.first_message_id,
  };
  return {
    ...first,
    id: row.profile_id,
    collection: row.collection,
    updatedAt: row.updated_at.getTime(),
    mergedInto: row.merged_into,
    mergedAt: row.merged_at?.getTime() ?? null,
    mergedBy: row.merged_by,
    members: row.members,
    lastMessageId: row.last_message_id,
    lastSourceId: row.last_source_id,
    lastEventAt: row.last_event_at.getTime(),
    identifiers: identifiersOf(row.identifiers, first),
    traits: row.traits,
    writes: writesOf(row.writes, first),
    consent: row.consent,
    computed: row.computed,
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

/** Profiles that are read at once: what they hold is parsed in one go. */
const rowsPerRead = 400;

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
      for (let from = 0; from < missing.length; from += rowsPerRead) {
        const { rows } = await db.query<StoredProfile>({
          name: `space-profiles-${table}`,
          text: `SELECT ${profileColumns}, computed FROM ${table} WHERE space_no = $1 AND profile_id = ANY($2)`,
          values: [spaceNo, missing.slice(from, from + rowsPerRead)],
        });
        for (const row of rows) profiles.set(row.profile_id, profileOf(row));
      }
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

/** What is known of these contacts. */
export async function loadContacts(
  db: Queryable,
  spaceNo: number,
  contacts: readonly string[],
  tables: readonly SpaceTables[],
): Promise<Map<string, Contact>> {
  const known = new Map<string, Contact>();
  if (contacts.length === 0) return known;
  for (const { subscriptions } of tables) {
    const { rows } = await db.query<StoredContact>({
      name: `space-contacts-${subscriptions}`,
      text: `SELECT contact, status, at, received, source_id, message_id, groups FROM ${subscriptions}
        WHERE space_no = $1 AND contact = ANY($2)`,
      values: [spaceNo, contacts],
    });
    for (const row of rows) {
      const { contact, status, source_id: sourceId, message_id: messageId, groups } = row;
      const moment = { at: Number(row.at), received: Number(row.received) };
      known.set(contact, { ...moment, status, sourceId, messageId, groups });
    }
  }
  return known;
}

interface StoredContact {
  readonly contact: string;
  readonly status: SubscriptionStatus | null;
  readonly at: string;
  readonly received: string;
  readonly source_id: string;
  readonly message_id: string | null;
  readonly groups: Contact['groups'];
}

/** When these messages arrived, if they did within the time that counts: those that were taken, and the others. */
async function loadSeen(
  db: Queryable,
  spaceNo: number,
  { once, firstReceivedAt }: Wanted,
  tables: readonly SpaceTables[],
): Promise<Pick<WorkingSet, 'seen' | 'counted'>> {
  const seen = new Map<string, number>();
  const counted = new Map<string, number>();
  if (once.length === 0) return { seen, counted };
  for (const table of tables) {
    const { rows } = await db.query({
      name: `space-seen-${table.seen}`,
      text: `SELECT replace(key::text, '-', ''), received_at, only_counted FROM ${table.seen}
        WHERE space_no = $1 AND key = ANY($2::uuid[]) AND received_at > $3`,
      values: [spaceNo, once, new Date(firstReceivedAt - onceMs)],
      rowMode: 'array',
    });
    for (const [hash, at, onlyCounted] of rows as unknown as [string, Date, true | null][]) {
      const found = onlyCounted === null ? seen : counted;
      found.set(hash, Math.max(at.getTime(), found.get(hash) ?? 0));
    }
  }
  return { seen, counted };
}

async function loadSuppressed(db: Queryable, userIds: readonly string[]): Promise<Map<string, string[]>> {
  const suppressed = new Map<string, string[]>();
  const { rows } = await db.query<{ user_id: string; source_id: string }>({
    name: 'space-suppressed',
    text: 'SELECT user_id, source_id FROM suppressions WHERE user_id = ANY($1)',
    values: [userIds],
  });
  for (const { user_id: userId, source_id: sourceId } of rows) {
    suppressed.set(userId, [...(suppressed.get(userId) ?? []), sourceId]);
  }
  return suppressed;
}

/** `suppresses`: whether anybody is suppressed at all. */
export async function loadWorkingSet(
  db: Queryable,
  spaceNo: number,
  wanted: Wanted,
  suppresses: boolean,
  tables: readonly SpaceTables[],
): Promise<WorkingSet> {
  const owners = await loadOwners(db, spaceNo, wanted.keys, tables);
  const profiles = await loadProfiles(db, spaceNo, owners.values(), tables);
  const contacts = await loadContacts(db, spaceNo, wanted.contacts, tables);
  const { seen, counted } = await loadSeen(db, spaceNo, wanted, tables);
  const suppressed = suppresses ? await loadSuppressed(db, wanted.userIds) : new Map<string, string[]>();
  return { owners, profiles, contacts, seen, counted, suppressed };
}
