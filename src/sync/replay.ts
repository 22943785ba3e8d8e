/**
 * Sending again what one earlier sync delivered. In: the id of that sync. Out: its number, by which the records table knows
 * the rows that no later sync delivered. A replay offers them as they are now, under the next revision, so that each gets a
 * new message id: as updates, or as new rows to a mapping that takes no updates. A row that it could not deliver keeps its
 * mark, and the next replay offers it again.
 */
import { MillraceError } from '../base/errors.ts';
import type { Queryable } from '../db/db.ts';
import type { Comparison, ReplayedSync } from '../diff/diff.ts';
import type { CompiledTrigger } from '../mapping/mapping.ts';
import type { Mapping } from '../workspace/workspace.ts';

export interface ReplayOf {
  readonly syncId: string;
  /** Its number among the syncs of its mapping. */
  readonly no: number;
  /** How many changes it delivered. */
  readonly delivered: number;
}

/** What of the replayed sync is not sent again. */
export interface NotReplayed {
  /** Went out again since, with later syncs; or their deletion did. */
  readonly deliveredAgain: number;
  /** Rows that are gone from the model; the next usual sync offers their deletion. */
  readonly gone: number;
}

/** Whether the rows of this sync are known. Errors: `sync_not_found`, `sync_replay_unknown`. */
export async function checkReplay(
  db: Queryable,
  mapping: Pick<Mapping, 'id' | 'name' | 'epoch'>,
  syncId: string,
): Promise<ReplayOf> {
  const { rows } = await db.query<{
    mapping_id: string;
    mapping: string;
    no: number | null;
    epoch: number | null;
    delivered: string;
  }>('SELECT mapping_id, mapping, no, epoch, delivered FROM syncs WHERE id = $1', [syncId]);
  const sync = rows[0];
  if (sync === undefined) throw new MillraceError('sync_not_found', `There is no sync ${syncId}.`);
  if (sync.mapping_id !== mapping.id) throw unknown(`The sync ${syncId} was one of another mapping, ${sync.mapping}.`);
  if (sync.no === null) {
    throw unknown(`The sync ${syncId} never began, or ran in a version that did not keep which rows it delivered.`);
  }
  if (sync.epoch !== mapping.epoch) {
    throw unknown(`The mapping ${mapping.name} was reset after the sync ${syncId}, so its rows are forgotten.`);
  }
  return { syncId, no: sync.no, delivered: Number(sync.delivered) };
}

function unknown(why: string): MillraceError {
  return new MillraceError('sync_replay_unknown', why);
}

/** A row that was delivered as new is an update by now, but to a trigger that can match no update it stays what it was. */
export function replayedSync({ no }: ReplayOf, { kinds }: CompiledTrigger): ReplayedSync {
  return { no, as: kinds.has('new') && !kinds.has('updated') ? 'new' : 'updated' };
}

/** @param before what earlier attempts of the same replay delivered */
export function notReplayed(of: ReplayOf, { replayed }: Comparison, before: number): NotReplayed {
  const { known, gone } = replayed ?? { known: 0, gone: 0 };
  return { deliveredAgain: Math.max(0, of.delivered - known - before), gone };
}
