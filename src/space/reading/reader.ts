/**
 * Reads profiles. In: an identifier or a segment id. Out: the folded profile, its links, or a list. Promised: look-ups
 * made while others are under way travel together, so that the number of statements does not grow with the number of
 * requests; a merged profile answers as its parent.
 */
import { MillraceError } from '../../base/errors.ts';
import { isWrittenTime } from '../../base/written-time.ts';
import type { Database } from '../../db/db.ts';
import { readActivity, readEvents } from '../events/events.ts';
import { contactOf, subscriptionOf } from '../facts/subscriptions.ts';
import { identifierKey } from '../identity/extract.ts';
import type { Collection, Page, ProfileKey, ProfileLink, SpaceReader } from '../space.ts';
import { loadContacts, loadOwners, loadProfiles, realTables } from '../writing/store.ts';
import type { ProfileRow } from '../writing/working-set.ts';
import { isoTime } from './fold.ts';
import { Tree, TreeCache } from './tree-cache.ts';

const maxLinkIdentifiers = 25;

export function createSpaceReader({ db }: { readonly db: Database }): SpaceReader {
  const lookUps = new LookUps(db);
  return {
    async profile(spaceNo, collection, key) {
      const tree = await lookUps.find({ spaceNo, collection, key });
      return tree === null ? null : tree.profile();
    },
    async links(spaceNo, collection, key, limit, next) {
      const tree = await lookUps.find({ spaceNo, collection, key });
      return tree === null ? null : linksOf(db, spaceNo, tree, limit, next);
    },
    activity: (spaceNo, profile) => readActivity(db.pool, spaceNo, profile),
    async events(spaceNo, collection, key, query) {
      const tree = await lookUps.find({ spaceNo, collection, key });
      if (tree === null) return null;
      const ids = [tree.parent.id, ...tree.members.map((member) => member.id)];
      return readEvents(db.pool, spaceNo, collection, ids, query);
    },
    async subscriptions(spaceNo, contacts) {
      const keys = contacts.map(({ channel, key }) => contactOf(channel, key));
      const known = await loadContacts(db.pool, spaceNo, keys, [realTables]);
      return [...known].map(([contact, state]) => subscriptionOf(contact, state));
    },
    list: (spaceNo, collection, limit, next) => listProfiles(db, spaceNo, collection, limit, next),
    async count(spaceNo, collection) {
      const { rows } = await db.pool.query<{ n: string }>(
        'SELECT count(*) AS n FROM profiles WHERE space_no = $1 AND collection = $2 AND merged_into IS NULL',
        [spaceNo, collection],
      );
      return Number(rows[0]?.n ?? 0);
    },
  };
}

interface LookUp {
  readonly spaceNo: number;
  readonly collection: Collection;
  readonly key: ProfileKey;
}

interface Waiting extends LookUp {
  readonly resolve: (tree: Tree | null) => void;
  readonly reject: (error: unknown) => void;
}

/** Gathers look-ups: at most two statements are under way, and whoever asks meanwhile goes together next. */
class LookUps {
  private readonly db: Database;
  private waiting: Waiting[] = [];
  private underWay = 0;
  private readonly caches = new Map<number, TreeCache>();

  constructor(db: Database) {
    this.db = db;
  }

  find(lookUp: LookUp): Promise<Tree | null> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ ...lookUp, resolve, reject });
      if (this.waiting.length === 1) setImmediate(() => this.go());
    });
  }

  private go(): void {
    while (this.waiting.length > 0 && this.underWay < 2) {
      const { spaceNo } = this.waiting[0] as Waiting;
      const together = this.waiting.filter((waiting) => waiting.spaceNo === spaceNo);
      this.waiting = this.waiting.filter((waiting) => waiting.spaceNo !== spaceNo);
      this.underWay += 1;
      this.answer(spaceNo, together)
        .catch((error) => {
          for (const { reject } of together) reject(error);
        })
        .finally(() => {
          this.underWay -= 1;
          this.go();
        });
    }
  }

  private async answer(spaceNo: number, together: readonly Waiting[]): Promise<void> {
    let cache = this.caches.get(spaceNo);
    if (cache === undefined) {
      cache = new TreeCache(spaceNo);
      this.caches.set(spaceNo, cache);
    }
    const seq = await cache.refresh(this.db.pool);
    const misses: Waiting[] = [];
    for (const waiting of together) {
      const id = waiting.key.kind === 'segment_id' ? waiting.key.id : cache.owner(keyOf(waiting, waiting.key));
      const tree = id === undefined ? undefined : cache.tree(id);
      if (tree === undefined) misses.push(waiting);
      else waiting.resolve(tree.parent.collection === waiting.collection ? tree : null);
    }
    if (misses.length > 0) await this.load(spaceNo, misses, cache, seq);
  }

  private async load(
    spaceNo: number,
    together: readonly Waiting[],
    cache: TreeCache,
    seq: bigint | null,
  ): Promise<void> {
    const keys = new Set<string>();
    for (const lookUp of together) if (lookUp.key.kind === 'identifier') keys.add(keyOf(lookUp, lookUp.key));
    const owners = await loadOwners(this.db.pool, spaceNo, [...keys], [realTables]);
    const idOf = (lookUp: LookUp) =>
      lookUp.key.kind === 'segment_id' ? lookUp.key.id : owners.get(keyOf(lookUp, lookUp.key));
    const ids = new Set(together.map(idOf).filter((id) => id !== undefined));
    const profiles = ids.size === 0 ? new Map() : await loadProfiles(this.db.pool, spaceNo, ids, [realTables]);
    const found = together.map((waiting) => treeOf(profiles, idOf(waiting), waiting.collection));
    cache.keep(
      seq,
      owners,
      found.filter((tree) => tree !== null),
    );
    for (const [at, waiting] of together.entries()) waiting.resolve(found[at] ?? null);
  }
}

function keyOf(lookUp: LookUp, key: ProfileKey & { kind: 'identifier' }): string {
  return identifierKey(lookUp.collection, key.type, key.value);
}

function treeOf(
  profiles: ReadonlyMap<string, ProfileRow>,
  id: string | undefined,
  collection: Collection,
): Tree | null {
  const parent = id === undefined ? undefined : canonical(profiles, id);
  if (parent === undefined || parent.collection !== collection) return null;
  const members = parent.members.map((member) => profiles.get(member)).filter((row) => row !== undefined);
  return new Tree(parent, members);
}

function canonical(profiles: ReadonlyMap<string, ProfileRow>, id: string): ProfileRow | undefined {
  let row = profiles.get(id);
  while (row?.mergedInto) row = profiles.get(row.mergedInto);
  return row;
}

interface StoredLink {
  readonly to_profile_id: string;
  readonly created_at: Date;
}

/** Newest first. A profile that is linked more than once, by ids merged since, shows its newest link. */
async function linksOf(
  db: Database,
  spaceNo: number,
  tree: Tree,
  limit: number,
  next: string | undefined,
): Promise<Page<ProfileLink>> {
  const from = [tree.parent.id, ...tree.members.map((member) => member.id)];
  let cursor = next === undefined ? firstPage : readCursor(next);
  const items: ProfileLink[] = [];
  for (;;) {
    const rows = await readLinks(db, spaceNo, from, cursor, limit + 1);
    const profiles = await loadProfiles(db.pool, spaceNo, new Set(rows.map((row) => row.to_profile_id)), [realTables]);
    const newest = await newestLinks(db, spaceNo, from, profiles);
    for (const row of rows) {
      const target = treeOf(profiles, row.to_profile_id, tree.parent.collection === 'users' ? 'accounts' : 'users');
      const at = cursorOf(row.created_at, row.to_profile_id);
      if (target !== null && newest.get(target.parent.id) === at) {
        if (items.length === limit) return { items, next: writeCursor(cursor) };
        items.push(linkOf(target, row.created_at));
      }
      cursor = at;
    }
    if (rows.length <= limit) return { items, next: null };
  }
}

function linkOf(tree: Tree, createdAt: Date): ProfileLink {
  const { collection, segmentId, externalIds } = tree.profile();
  return {
    toCollection: collection,
    segmentId,
    createdAt: createdAt.toISOString(),
    externalIds: externalIds.slice(0, maxLinkIdentifiers),
  };
}

async function readLinks(db: Database, spaceNo: number, from: readonly string[], after: string, limit: number) {
  const [ms, id] = splitCursor(after);
  const { rows } = await db.pool.query<StoredLink>({
    name: 'space-read-links',
    text: `SELECT DISTINCT created_at, to_profile_id FROM links
      WHERE space_no = $1 AND profile_id = ANY($2) AND (created_at, to_profile_id) < ($3, $4)
      ORDER BY created_at DESC, to_profile_id DESC LIMIT $5`,
    values: [spaceNo, from, ms, id, limit],
  });
  return rows;
}

/** For each canonical profile among these the cursor of the newest link that leads to any profile of its tree. */
async function newestLinks(
  db: Database,
  spaceNo: number,
  from: readonly string[],
  profiles: ReadonlyMap<string, ProfileRow>,
): Promise<Map<string, string>> {
  const { rows } = await db.pool.query<StoredLink>({
    name: 'space-newest-links',
    text: `SELECT to_profile_id, max(created_at) AS created_at FROM links
      WHERE space_no = $1 AND profile_id = ANY($2) AND to_profile_id = ANY($3) GROUP BY to_profile_id`,
    values: [spaceNo, from, [...profiles.keys()]],
  });
  const newest = new Map<string, string>();
  for (const row of rows) {
    const target = canonical(profiles, row.to_profile_id);
    if (target === undefined) continue;
    const at = cursorOf(row.created_at, row.to_profile_id);
    const best = newest.get(target.id);
    if (best === undefined || at > best) newest.set(target.id, at);
  }
  return newest;
}

async function listProfiles(
  db: Database,
  spaceNo: number,
  collection: Collection,
  limit: number,
  next: string | undefined,
): Promise<Page<{ segmentId: string; updatedAt: string }>> {
  const [ms, id] = splitCursor(next === undefined || next === '0' ? firstPage : readCursor(next));
  const { rows } = await db.pool.query<{ profile_id: string; updated_at: Date }>({
    name: 'space-list',
    text: `SELECT profile_id, updated_at FROM profiles
      WHERE space_no = $1 AND collection = $2 AND merged_into IS NULL AND (updated_at, profile_id) < ($3, $4)
      ORDER BY updated_at DESC, profile_id DESC LIMIT $5`,
    values: [spaceNo, collection, ms, id, limit + 1],
  });
  const page = rows.slice(0, limit);
  const items = page.map((row) => ({ segmentId: row.profile_id, updatedAt: isoTime(row.updated_at.getTime()) }));
  const last = page.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items, next: more ? writeCursor(cursorOf(last.updated_at, last.profile_id)) : null };
}

/* Cursors: a time and an id, in a form whose text order is their order. */

const firstPage = '9999-12-31T23:59:59.999Z ~';

function cursorOf(at: Date, id: string): string {
  return `${at.toISOString()} ${id}`;
}

function splitCursor(cursor: string): [string, string] {
  return [cursor.slice(0, 24), cursor.slice(25)];
}

function writeCursor(cursor: string): string {
  return Buffer.from(cursor).toString('base64url');
}

function readCursor(next: string): string {
  const cursor = Buffer.from(next, 'base64url').toString();
  const [at, id] = splitCursor(cursor);
  if (isWrittenTime(at) && cursor[24] === ' ' && /^(use|acc)_[0-9A-Za-z]{27}$/.test(id)) return cursor;
  throw new MillraceError('cursor_invalid', 'The parameter `next` is not a cursor this server has given.');
}
