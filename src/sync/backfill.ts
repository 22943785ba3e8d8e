/** A first sync that records the state and sends nothing; should it be killed, the next sync goes on so. */
import type { Queryable } from '../db/db.ts';
import type { Mapping } from '../workspace/workspace.ts';
import type { Memory } from './memory.ts';

/** @param fresh nothing was ever recorded for this mapping */
export async function isSkippingBackfill(db: Queryable, mapping: Mapping, fresh: boolean): Promise<boolean> {
  if (!mapping.skipBackfill || fresh) return mapping.skipBackfill;
  const { rows } = await db.query<{ begun: boolean }>(
    'SELECT EXISTS (SELECT FROM skipped_backfills WHERE mapping_id = $1 AND epoch = $2) AS begun',
    [mapping.id, mapping.epoch],
  );
  return rows[0]?.begun === true;
}

export async function startSkippingBackfill(db: Queryable, memory: Memory): Promise<void> {
  await db.query('INSERT INTO skipped_backfills (mapping_id, epoch) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
    memory.mappingId,
    memory.epoch,
  ]);
}

/** The backfill was skipped to its end. */
export async function skippedBackfill(db: Queryable, memory: Memory): Promise<void> {
  await db.query('DELETE FROM skipped_backfills WHERE mapping_id = $1 AND epoch = $2', [
    memory.mappingId,
    memory.epoch,
  ]);
}
