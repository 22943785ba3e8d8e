/**
 * What has ended, for those who tell people. Promised: each end is given to one transaction that commits; none is lost with
 * a process, and none is given twice.
 */
import type { Queryable, Transaction } from '../db/db.ts';
import { readSync, type StoredSync } from './history.ts';
import type { Sync } from './records.ts';

/** Ends that no committed transaction took yet, oldest first, so many at most. */
export async function takeEnded(tx: Transaction, limit: number): Promise<readonly Sync[]> {
  const { rows } = await tx.query<StoredSync>(
    `UPDATE syncs SET alerts_told = true WHERE id IN (
       SELECT id FROM syncs WHERE NOT alerts_told AND finished_at IS NOT NULL
       ORDER BY finished_at, id LIMIT $1 FOR UPDATE SKIP LOCKED
     ) RETURNING *`,
    [limit],
  );
  const time = (sync: Sync) => sync.finishedAt?.getTime() ?? 0;
  return rows.map(readSync).sort((a, b) => time(a) - time(b) || (a.id < b.id ? -1 : 1));
}

/** What the syncs of a mapping that ended within some time did with the rows they tried. */
export interface DeliveryTotals {
  readonly mappingId: string;
  readonly delivered: number;
  readonly refused: number;
}

/** Of every mapping that tried a row in a sync that ended after `since`. */
export async function deliveryTotals(db: Queryable, since: Date): Promise<readonly DeliveryTotals[]> {
  const { rows } = await db.query<{ mapping_id: string; delivered: string; refused: string }>(
    `SELECT mapping_id, sum(delivered) AS delivered, sum(refused) AS refused FROM syncs
     WHERE finished_at > $1 GROUP BY mapping_id HAVING sum(delivered + refused) > 0`,
    [since],
  );
  return rows.map((row) => ({
    mappingId: row.mapping_id,
    delivered: Number(row.delivered),
    refused: Number(row.refused),
  }));
}
