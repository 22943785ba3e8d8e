/**
 * What a writer remembers of a space between batches: profiles that came up lately and the identifiers that led to them,
 * as its last batch left them. It holds as long as nobody else commits to the space, which the space's counter tells. New
 * profiles are not remembered, so that a sync of millions does not fill it.
 */
import { Recent } from '../reading/recent.ts';
import type { Overlay, ProfileRow, WorkingSet } from './working-set.ts';

/** Profiles and identifiers of each kind that are kept at least; twice as many at most. */
const kept = 10_000;

export interface Remembered extends Pick<WorkingSet, 'owners' | 'profiles'> {
  /** Keys that have to be looked up. */
  readonly missing: readonly string[];
}

export class SpaceMemory {
  private readonly owners = new Recent<string>(3 * kept);
  private readonly profiles = new Recent<ProfileRow>(kept);

  clear(): void {
    this.owners.clear();
    this.profiles.clear();
  }

  /** What is known of these identifiers, each profile with its whole tree. */
  find(keys: readonly string[]): Remembered {
    const owners = new Map<string, string>();
    const profiles = new Map<string, ProfileRow>();
    const missing: string[] = [];
    for (const key of keys) {
      const owner = this.owners.get(key);
      if (owner === undefined || !this.collectTree(owner, profiles)) missing.push(key);
      else owners.set(key, owner);
    }
    return { owners, profiles, missing };
  }

  /** Takes over what a batch found and left. */
  learn(state: Overlay, keys: readonly string[]): void {
    for (const key of keys) {
      const owner = state.owners.get(key);
      if (owner !== undefined && !state.created.has(owner)) this.owners.set(key, owner);
    }
    for (const [id, row] of state.profiles) if (!state.created.has(id)) this.profiles.set(id, row);
  }

  private collectTree(id: string, profiles: Map<string, ProfileRow>): boolean {
    if (profiles.has(id)) return true;
    const row = this.profiles.get(id);
    if (row === undefined) return false;
    const root = row.mergedInto === null ? row : this.profiles.get(row.mergedInto);
    if (root === undefined || root.mergedInto !== null) return false;
    const tree = [root];
    for (const member of root.members) {
      const below = this.profiles.get(member);
      if (below === undefined) return false;
      tree.push(below);
    }
    for (const each of tree) profiles.set(each.id, each);
    return true;
  }
}
