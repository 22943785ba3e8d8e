/**
 * The memory of what was delivered for a mapping, in one of its epochs. A reset begins a new epoch, which has an empty
 * memory of its own; so a reset is done when the epoch has moved, whatever else could be cleaned up.
 */
import type { Queryable } from '../db/db.ts';
import type { Mapping } from '../workspace/workspace.ts';

export interface Memory {
  readonly mappingId: string;
  readonly epoch: number;
  /** The name of the records table in the warehouse. */
  readonly table: string;
}

export function memoryOf({ id, epoch }: Pick<Mapping, 'id' | 'epoch'>): Memory {
  return { mappingId: id, epoch, table: `records_${id}_${epoch}` };
}

export interface Forgotten {
  /** Batches of receipts that the warehouse did not know yet. */
  readonly pendingBatches: number;
  readonly failingRows: number;
}

/** Removes what our database remembers of a mapping's epochs before this one. */
export async function forgetEpochsBefore(tx: Queryable, mappingId: string, epoch: number): Promise<Forgotten> {
  const remove = async (table: string) => {
    const { rowCount } = await tx.query(`DELETE FROM ${table} WHERE mapping_id = $1 AND epoch < $2`, [
      mappingId,
      epoch,
    ]);
    return rowCount ?? 0;
  };
  const pendingBatches = await remove('sync_receipts');
  const failingRows = await remove('failing_rows');
  await remove('skipped_backfills');
  return { pendingBatches, failingRows };
}
