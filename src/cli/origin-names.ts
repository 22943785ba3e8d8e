/** The names behind the ids of a trait's origin, as far as the history of syncs still knows them. */
import { isMillraceError } from '../base/errors.ts';
import type { Database } from '../db/db.ts';
import type { ProfileTrait, TraitOrigin } from '../space/space.ts';
import { showSync } from '../sync/sync.ts';

export interface OriginNames {
  /** The mapping, as it was called when the sync ran. */
  readonly mapping: string | null;
}

const mostSyncs = 50;

/** Traits of more syncs than a reader wants to know are left with their ids. */
export async function originNames(
  db: Database,
  traits: readonly ProfileTrait[],
): Promise<(origin: TraitOrigin) => OriginNames> {
  const syncIds = [...new Set(traits.flatMap(({ origin }) => (origin.syncId === null ? [] : [origin.syncId])))];
  const byMapping = new Map<string, string>();
  const bySync = new Map<string, string>();
  for (const syncId of syncIds.slice(0, mostSyncs)) {
    try {
      const { mapping, mappingId } = await showSync(db, syncId);
      bySync.set(syncId, mapping);
      byMapping.set(mappingId, mapping);
    } catch (error) {
      if (!isMillraceError(error, 'sync_not_found')) throw error;
    }
  }
  return ({ syncId, mappingId }) => ({ mapping: bySync.get(syncId ?? '') ?? byMapping.get(mappingId ?? '') ?? null });
}
