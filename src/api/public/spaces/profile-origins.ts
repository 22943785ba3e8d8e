/**
 * Where facts of profiles came from, in names. In: ids of sources, mappings and syncs. Out: what the grant may know of them.
 * Promised: read by key; names of sources and mappings that the grant does not reach are left out, their ids are not.
 */
import type { TraitOrigin } from '../../../space/space.ts';
import { knownSyncs } from '../../../sync/sync.ts';
import { may, readOrigins, type WorkspaceGrant } from '../../../workspace/workspace.ts';
import type { PublicApiDeps } from '../public.ts';
import { resourceOf } from '../reverse-etl/source-list.ts';

export interface OriginIds {
  readonly sourceIds: readonly string[];
  readonly mappingIds?: readonly string[];
  readonly syncIds?: readonly string[];
}

export interface NamedOrigins {
  /** `name` is left out when the grant does not reach it, and when it is gone. */
  source(id: string): { readonly id: string; readonly name?: string };
  origin(origin: TraitOrigin): object;
}

/** Of more syncs than people look at, whether they are still in the history is not asked. */
const mostSyncs = 500;

export async function namedOrigins(
  db: PublicApiDeps['db'],
  grant: WorkspaceGrant,
  spaceId: string,
  { sourceIds, mappingIds = [], syncIds = [] }: OriginIds,
): Promise<NamedOrigins> {
  const [{ sources, mappings }, syncs] = await Promise.all([
    readOrigins(db.pool, sourceIds, mappingIds),
    knownSyncs(db.pool, [...new Set(syncIds)].slice(0, mostSyncs)),
  ]);
  const source = (id: string) => {
    const found = sources.get(id);
    const isSeen = found !== undefined && (id === spaceId || may(grant, 'source:read', resourceOf(found)));
    return isSeen ? { id, name: found.name } : { id };
  };
  const mappingOf = (id: string, syncId: string | null) => {
    const found = mappings.get(id);
    if (found !== undefined) {
      if (!may(grant, 'source:read', resourceOf(found.source))) return { id };
      const { name, destinationId, source: warehouse } = found;
      return { id, name, destinationId, source: { id: warehouse.id, name: warehouse.name } };
    }
    // It is gone; its syncs remember what it was called.
    const remembered = syncId === null ? undefined : syncs.get(syncId);
    return remembered !== undefined && may(grant, 'source:read') ? { id, name: remembered.mapping } : { id };
  };
  return {
    source,
    origin({ sourceId, mappingId, syncId, messageId, updatedAt }) {
      return {
        source: source(sourceId),
        ...(mappingId !== null && { mapping: mappingOf(mappingId, syncId) }),
        ...(syncId !== null && { sync: { id: syncId, known: syncs.has(syncId) } }),
        messageId,
        updatedAt,
      };
    },
  };
}
