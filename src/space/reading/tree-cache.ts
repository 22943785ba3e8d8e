/**
 * Profiles that were read lately, for readers. In: look-ups. Out: the tree of a profile as it is stored now. Promised:
 * never older than the last commit before it was asked for: each use begins by asking which profiles were changed since,
 * in one statement for all who ask together; memory is bounded.
 */
import type { Queryable } from '../../db/db.ts';
import type { Profile } from '../space.ts';
import { keptChanges } from '../writing/turns.ts';
import type { ProfileRow } from '../writing/working-set.ts';
import { foldProfile } from './fold.ts';
import { Recent } from './recent.ts';

/** A profile's row and those merged into it. */
export class Tree {
  readonly parent: ProfileRow;
  readonly members: readonly ProfileRow[];
  private folded: Profile | undefined;

  constructor(parent: ProfileRow, members: readonly ProfileRow[]) {
    this.parent = parent;
    this.members = members;
  }

  profile(): Profile {
    this.folded ??= foldProfile(this.parent, this.members);
    return this.folded;
  }
}

/** Profiles of a space that are kept at least; twice as many at most. */
const kept = 5_000;

/** Later than every commit. */
const never = 2n ** 63n - 1n;

export class TreeCache {
  private readonly spaceNo: number;
  /** By the id of each profile of the tree. */
  private readonly trees = new Recent<Tree>(kept);
  /** Identifier key → the profile it was added to. */
  private readonly owners = new Recent<string>(2 * kept);
  private seq: bigint | null = null;

  constructor(spaceNo: number) {
    this.spaceNo = spaceNo;
  }

  /** Forgets what has changed. Returns the state it has then, for `keep`. */
  async refresh(db: Queryable): Promise<bigint | null> {
    const { rows } = await db.query<{ seq: string; changed: string | null; profile_ids: readonly string[] | null }>({
      name: 'space-changes',
      text: `SELECT h.seq, c.seq AS changed, c.profile_ids FROM space_heads h
        LEFT JOIN space_changes c ON c.space_no = h.space_no AND c.seq > $2
        WHERE h.space_no = $1`,
      values: [this.spaceNo, (this.seq ?? never).toString()],
    });
    const head = rows[0] === undefined ? null : BigInt(rows[0].seq);
    // Another call may have gone further meanwhile.
    if (head !== null && this.seq !== null && head <= this.seq) return this.seq;
    const isTooOld = this.seq === null || head === null || head - this.seq > BigInt(keptChanges);
    if (isTooOld || rows.some((row) => row.changed !== null && row.profile_ids === null)) this.clear();
    else for (const row of rows) for (const id of row.profile_ids ?? []) this.forget(id);
    this.seq = head;
    return head;
  }

  owner(key: string): string | undefined {
    return this.owners.get(key);
  }

  tree(id: string): Tree | undefined {
    return this.trees.get(id);
  }

  /** Keeps what was read, if nothing was forgotten since `seq`. */
  keep(seq: bigint | null, owners: ReadonlyMap<string, string>, trees: Iterable<Tree>): void {
    if (seq === null || seq !== this.seq) return;
    for (const [key, owner] of owners) this.owners.set(key, owner);
    for (const tree of trees) for (const { id } of [tree.parent, ...tree.members]) this.trees.set(id, tree);
  }

  private forget(id: string): void {
    const tree = this.trees.get(id);
    if (tree !== undefined) for (const row of [tree.parent, ...tree.members]) this.trees.delete(row.id);
  }

  private clear(): void {
    this.owners.clear();
    this.trees.clear();
  }
}
