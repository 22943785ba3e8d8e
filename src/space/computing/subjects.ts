/**
 * What computations look at. In: ids of profiles, and what is of interest. Out: the profiles that stand for them, each with
 * its events and, of an account, its people; in parts that hold so many events at most, or one profile. Promised: people are
 * not looked up one by one; events that came with merged ids are there; others have their turn in between.
 */
import { breathe } from '../../base/breathe.ts';
import type { Json } from '../../base/json.ts';
import type { Database, Queryable } from '../../db/db.ts';
import { customTraits } from '../reading/fold.ts';
import { Tree } from '../reading/tree-cache.ts';
import type { Collection, Profile } from '../space.ts';
import { loadProfiles, realTables } from '../writing/store.ts';
import { readHead } from '../writing/turns.ts';
import type { ProfileRow } from '../writing/working-set.ts';
import type { ComputedValues } from './computed.ts';
import { type Memberships, peopleOf, readMemberships } from './memberships.ts';
import {
  countSubjectEvents,
  type EventsByName,
  readSubjectEvents,
  type SpaceSubjectEvent,
  type WantedEvents,
} from './subject-events.ts';

export interface WantedSubjects extends WantedEvents {
  /** Audiences of accounts of which people want to know whether one of their accounts is in it: id → key. */
  readonly accountAudiences: ReadonlyMap<string, string>;
}

export interface SpaceSubject {
  readonly profile: Profile;
  /** What it has, computed ones too; of a person also whether one of its accounts is in an audience that is asked for. */
  readonly traits: ReadonlyMap<string, Json>;
  /** What messages said: also of keys before which something that is computed stands. */
  readonly custom: ReadonlyMap<string, Json>;
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
/** People of an account that are put together between two breaths. */
const peoplePerBreath = 250;

export async function* loadSubjects(
  db: Database,
  spaceNo: number,
  ids: readonly string[],
  wanted: WantedSubjects,
): AsyncGenerator<LoadedSubjects> {
  const { seq } = await readHead(db.pool, spaceNo);
  const rows = await loadProfiles(db.pool, spaceNo, ids, [realTables]);
  const trees = treesOf(rows);
  const missing = ids.filter((id) => !rows.has(id));
  if (missing.length > 0) yield { seq, subjects: [], missing };
  const people = trees.filter(({ parent }) => parent.collection === 'users');
  for (const part of await partsOf(db, spaceNo, people, wanted)) {
    yield { seq, subjects: [...(await loadPeople(db, spaceNo, part, wanted)).values()], missing: [] };
  }
  for (const account of trees) {
    if (account.parent.collection !== 'accounts') continue;
    yield { seq, subjects: [await loadAccount(db, spaceNo, account, wanted)], missing: [] };
  }
}

/** Profiles that are looked at together. */
interface Part {
  readonly trees: Tree[];
  events: number;
}

async function partsOf(db: Database, spaceNo: number, trees: readonly Tree[], wanted: WantedSubjects) {
  const counts = await countSubjectEvents(db, spaceNo, [...parentsOf(trees).keys()], wanted);
  const parts: Part[] = [];
  let last: Part | undefined;
  for (const tree of trees) {
    const own = [tree.parent, ...tree.members].reduce((sum, { id }) => sum + (counts.get(id) ?? 0), 0);
    if (last === undefined || (last.events > 0 && last.events + own > eventsAtOnce)) {
      last = { trees: [], events: 0 };
      parts.push(last);
    }
    last.trees.push(tree);
    last.events += own;
  }
  return parts;
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

/** By the id of each parent. */
async function loadPeople(
  db: Database,
  spaceNo: number,
  { trees, events: expected }: Part,
  wanted: WantedSubjects,
): Promise<ReadonlyMap<string, SpaceSubject>> {
  const subjects = parentsOf(trees);
  const memberships = await readMemberships(db.pool, spaceNo, subjects, wanted.accountAudiences);
  const people = new Map<string, LoadingSubject>();
  for (const tree of trees) people.set(tree.parent.id, subjectOf(tree, memberships.get(tree.parent.id)));
  await readSubjectEvents(db, spaceNo, { ...wanted, subjects, expected }, (id, name, event) => {
    listOf((people.get(id) as LoadingSubject).events, name).push(event);
  });
  return people;
}

type LoadingSubject = SpaceSubject & { readonly events: EventsByName };

function subjectOf(
  tree: Tree,
  memberships: Memberships = new Map(),
  users: SpaceSubject['users'] = [],
): LoadingSubject {
  const { parent, members } = tree;
  const all = [parent, ...members].toReversed().flatMap((row) => Object.entries(row.computed ?? {}));
  const custom = new Map(customTraits(parent, members).map(({ key, value }) => [key, value] as const));
  return {
    profile: tree.profile(),
    traits: new Map([...custom, ...all.map(([key, { value }]) => [key, value] as const), ...memberships]),
    custom,
    computed: Object.fromEntries(all),
    hasRemains: members.some((row) => row.computed !== null),
    events: new Map(),
    users,
  };
}

function listOf<T>(lists: Map<string, T[]>, key: string): T[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}

/** An account with the people linked to it, and what those did. */
async function loadAccount(
  db: Database,
  spaceNo: number,
  account: Tree,
  wanted: WantedSubjects,
): Promise<SpaceSubject> {
  const linked = await peopleOf(db.pool, spaceNo, [...parentsOf([account]).keys()]);
  const trees = treesOf(await loadProfiles(db.pool, spaceNo, linked, [realTables]));
  const subjects = parentsOf(trees);
  const memberships = await readMemberships(db.pool, spaceNo, subjects, wanted.accountAudiences);
  const people = new Map<string, LoadingSubject>();
  for (const [at, tree] of trees.entries()) {
    people.set(tree.parent.id, subjectOf(tree, memberships.get(tree.parent.id)));
    if (at % peoplePerBreath === 0) await breathe();
  }
  const own = subjectOf(account, undefined, [...people.values()]);
  const counts = await countSubjectEvents(db, spaceNo, [...subjects.keys()], wanted);
  const expected = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const actors = new Map([...people].map(([id, { traits }]) => [id, traits]));
  await readSubjectEvents(db, spaceNo, { ...wanted, subjects, expected, actors }, (id, name, event) => {
    listOf((people.get(id) as LoadingSubject).events, name).push(event);
    // All that these people did, by time.
    listOf(own.events, name).push(event);
  });
  return own;
}
