/**
 * What computations look at. In: ids of profiles, and which events are of interest. Out: the profiles that stand for
 * them, each with its events and, of an account, its people; in parts that hold so many events at most, or one profile.
 * Promised: people are not looked up one by one; events that came with merged ids are there, each message once, by time
 * and message id.
 */
import type { JsonObject } from '../../base/json.ts';
import type { Queryable } from '../../db/db.ts';
import { storedName } from '../events/events.ts';
import { Tree } from '../reading/tree-cache.ts';
import type { Collection, Profile } from '../space.ts';
import { loadProfiles, realTables } from '../writing/store.ts';
import { readHead } from '../writing/turns.ts';
import type { ProfileRow } from '../writing/working-set.ts';
import type { ComputedValues } from './computed.ts';

export interface WantedEvents {
  /** Names, and whether more than name and time is read. */
  readonly names: ReadonlyMap<string, { readonly readsMessage: boolean }>;
  /** From here on; null: all that are kept. */
  readonly since: Date | null;
}

/** An event as computations look at it. */
export interface SpaceSubjectEvent {
  readonly messageId: string;
  readonly at: number;
  readonly receivedAt: number;
  readonly sourceId: string;
  readonly message: JsonObject | undefined;
}

export interface SpaceSubject {
  readonly profile: Profile;
  /** What it holds, as stored; after a merge that of the merged ones too, where the parent has none. */
  readonly computed: ComputedValues;
  /** Whether profiles merged into it still hold something. */
  readonly hasRemains: boolean;
  /** By name. */
  readonly events: ReadonlyMap<string, readonly SpaceSubjectEvent[]>;
  /** Of an account: the people linked to it. */
  readonly users: readonly SpaceSubject[];
}

export interface LoadedSubjects {
  /** The counter of the space before anything was read. */
  readonly seq: bigint;
  readonly subjects: readonly SpaceSubject[];
  /** Ids of which nothing is there. */
  readonly missing: readonly string[];
}

/** Events that are in memory at once, when no profile has more by itself. */
const eventsAtOnce = 20_000;

export async function* loadSubjects(
  db: Queryable,
  spaceNo: number,
  ids: readonly string[],
  wanted: WantedEvents,
): AsyncGenerator<LoadedSubjects> {
  const { seq } = await readHead(db, spaceNo);
  const rows = await loadProfiles(db, spaceNo, ids, [realTables]);
  const trees = treesOf(rows);
  const missing = ids.filter((id) => !rows.has(id));
  if (missing.length > 0) yield { seq, subjects: [], missing };
  const people = trees.filter(({ parent }) => parent.collection === 'users');
  for (const part of await partsOf(db, spaceNo, people, wanted)) {
    yield { seq, subjects: [...(await withEvents(db, spaceNo, part, wanted)).values()], missing: [] };
  }
  for (const account of trees) {
    if (account.parent.collection !== 'accounts') continue;
    yield { seq, subjects: await withPeople(db, spaceNo, [account], wanted), missing: [] };
  }
}

async function partsOf(db: Queryable, spaceNo: number, trees: readonly Tree[], wanted: WantedEvents) {
  if (trees.length === 0) return [];
  const counts = await countEvents(db, spaceNo, [...parentsOf(trees).keys()], wanted);
  const parts: Tree[][] = [[]];
  let held = 0;
  for (const tree of trees) {
    const own = [tree.parent, ...tree.members].reduce((sum, { id }) => sum + (counts.get(id) ?? 0), 0);
    if (held > 0 && held + own > eventsAtOnce) {
      parts.push([]);
      held = 0;
    }
    parts.at(-1)?.push(tree);
    held += own;
  }
  return parts;
}

async function countEvents(
  db: Queryable,
  spaceNo: number,
  ids: readonly string[],
  { names }: WantedEvents,
): Promise<ReadonlyMap<string, number>> {
  if (names.size === 0) return new Map();
  const { rows } = await db.query<{ profile_id: string; n: string }>({
    name: 'space-count-subject-events',
    text: `SELECT profile_id, count(*) AS n FROM events
      WHERE space_no = $1 AND profile_id = ANY($2) AND name = ANY($3) GROUP BY profile_id`,
    values: [spaceNo, ids, [...names.keys()].map(storedName)],
  });
  return new Map(rows.map((row) => [row.profile_id, Number(row.n)]));
}

/** The id of each profile of the trees → its parent's. */
function parentsOf(trees: readonly Tree[]): Map<string, string> {
  const parents = new Map<string, string>();
  for (const { parent, members } of trees) for (const { id } of [parent, ...members]) parents.set(id, parent.id);
  return parents;
}

/** The next profiles of a space in the order of their ids, merged ones left out. */
export async function nextProfiles(
  db: Queryable,
  spaceNo: number,
  collection: Collection,
  after: string,
  limit: number,
): Promise<readonly string[]> {
  const first = collection === 'users' ? 'use_' : 'acc_';
  const { rows } = await db.query<{ profile_id: string }>({
    name: 'space-next-profiles',
    // By their ids alone: any other condition tempts the planner to sort all profiles for each page.
    text: `SELECT profile_id FROM profiles
      WHERE space_no = $1 AND profile_id > $2 AND profile_id < $3 AND coalesce(merged_into, '') = ''
      ORDER BY profile_id LIMIT $4`,
    values: [spaceNo, after > first ? after : first, `${first}~`, limit],
  });
  return rows.map((row) => row.profile_id);
}

function treesOf(rows: ReadonlyMap<string, ProfileRow>): Tree[] {
  const trees: Tree[] = [];
  for (const row of rows.values()) {
    if (row.mergedInto !== null) continue;
    const members = row.members.map((member) => rows.get(member)).filter((member) => member !== undefined);
    trees.push(new Tree(row, members));
  }
  return trees;
}

/** By the id of each profile of the trees. */
async function withEvents(
  db: Queryable,
  spaceNo: number,
  trees: readonly Tree[],
  wanted: WantedEvents,
): Promise<ReadonlyMap<string, SpaceSubject>> {
  const events = await readSubjectEvents(db, spaceNo, parentsOf(trees), wanted);
  return new Map(
    trees.map((tree) => [tree.parent.id, subjectOf(tree, events.get(tree.parent.id) ?? new Map(), [])] as const),
  );
}

function subjectOf(tree: Tree, events: SpaceSubject['events'], users: readonly SpaceSubject[]): SpaceSubject {
  const { parent, members } = tree;
  const all = [parent, ...members].toReversed().flatMap((row) => Object.entries(row.computed ?? {}));
  return {
    profile: tree.profile(),
    computed: Object.fromEntries(all),
    hasRemains: members.some((row) => row.computed !== null),
    events,
    users,
  };
}

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

async function readSubjectEvents(
  db: Queryable,
  spaceNo: number,
  parents: ReadonlyMap<string, string>,
  { names, since }: WantedEvents,
): Promise<ReadonlyMap<string, Map<string, SpaceSubjectEvent[]>>> {
  const byParent = new Map<string, Map<string, SpaceSubjectEvent[]>>();
  if (names.size === 0 || parents.size === 0) return byParent;
  const namesOf = new Map<string, string[]>();
  for (const name of names.keys()) namesOf.set(storedName(name), [...(namesOf.get(storedName(name)) ?? []), name]);
  const read = [...names].flatMap(([name, { readsMessage }]) => (readsMessage ? [storedName(name)] : []));
  const { rows } = await db.query<StoredEvent>({
    name: 'space-subject-events',
    text: `SELECT DISTINCT ON (event_at, message_id, profile_id) profile_id, name, event_at, received_at, message_id, source_id,
        CASE WHEN name = ANY($4) THEN body END AS body
      FROM events
      WHERE space_no = $1 AND profile_id = ANY($2) AND name = ANY($3) AND type IN ('track', 'page', 'screen')
        AND event_at >= $5 AND received_at >= $6
      ORDER BY event_at, message_id, profile_id`,
    values: [
      spaceNo,
      [...parents.keys()],
      [...namesOf.keys()],
      read,
      since ?? new Date(0),
      new Date(Math.max(0, (since?.getTime() ?? 0) - dayMs)),
    ],
  });
  const last = new Map<string, string>();
  for (const row of rows) {
    const parent = parents.get(row.profile_id) as string;
    const event = eventOf(row);
    // A message that came twice, to profiles that are one now.
    const which = `${event.at} ${event.messageId}`;
    if (last.get(parent) === which) continue;
    last.set(parent, which);
    const own = byParent.get(parent) ?? new Map<string, SpaceSubjectEvent[]>();
    byParent.set(parent, own);
    for (const name of namesOf.get(row.name) ?? []) listOf(own, name).push(event);
  }
  return byParent;
}

function listOf<T>(lists: Map<string, T[]>, key: string): T[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

function eventOf(row: StoredEvent): SpaceSubjectEvent {
  return {
    messageId: row.message_id,
    at: row.event_at.getTime(),
    receivedAt: row.received_at.getTime(),
    sourceId: row.source_id,
    message: row.body ?? undefined,
  };
}

/** Accounts with the people linked to them, and what those did. */
async function withPeople(
  db: Queryable,
  spaceNo: number,
  accounts: readonly Tree[],
  wanted: WantedEvents,
): Promise<readonly SpaceSubject[]> {
  const accountOf = parentsOf(accounts);
  const { rows: links } = await db.query<{ profile_id: string; to_profile_id: string }>({
    name: 'space-people-of-accounts',
    text: 'SELECT profile_id, to_profile_id FROM links WHERE space_no = $1 AND profile_id = ANY($2)',
    values: [spaceNo, [...accountOf.keys()]],
  });
  const rows = await loadProfiles(
    db,
    spaceNo,
    links.map((link) => link.to_profile_id),
    [realTables],
  );
  const people = await withEvents(db, spaceNo, treesOf(rows), wanted);
  const usersOf = new Map<string, Map<string, SpaceSubject>>();
  for (const { profile_id, to_profile_id } of links) {
    const row = rows.get(to_profile_id);
    const person = row && people.get(row.mergedInto ?? row.id);
    if (person === undefined) continue;
    const account = accountOf.get(profile_id) as string;
    usersOf.set(account, (usersOf.get(account) ?? new Map()).set(person.profile.segmentId, person));
  }
  return accounts.map((tree) => {
    const users = [...(usersOf.get(tree.parent.id)?.values() ?? [])];
    return subjectOf(tree, eventsOfAll(users), users);
  });
}

/** All that these people did, by time. */
function eventsOfAll(users: readonly SpaceSubject[]): SpaceSubject['events'] {
  const all = new Map<string, SpaceSubjectEvent[]>();
  for (const { events } of users) {
    for (const [name, own] of events) for (const event of own) listOf(all, name).push(event);
  }
  for (const own of all.values()) own.sort((a, b) => a.at - b.at || (a.messageId < b.messageId ? -1 : 1));
  return all;
}
