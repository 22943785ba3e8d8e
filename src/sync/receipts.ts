/**
 * What a batch settled, on its way to the records table of the warehouse. In the transaction of the batch a row of
 * pending receipts is stored; the entries follow into the warehouse in larger lumps beside the loading, and the pending
 * row is deleted when they are there. After a crash the leftovers are applied before anything is compared: receipts win.
 */
import type { Database, Queryable } from '../db/db.ts';
import type { RecordEntry, Warehouse } from '../warehouse/warehouse.ts';
import type { Memory } from './memory.ts';

/** Entries of one batch, stored in Postgres and not yet in the warehouse. */
export interface PendingBatch {
  readonly batch: number;
  readonly entries: readonly RecordEntry[];
}

interface StoredEntries {
  readonly ids: readonly string[];
  readonly checksums: readonly (string | null)[];
  readonly revisions: readonly number[];
  /** The numbers of syncs; versions before there were any did not write them. */
  readonly deliveredBy?: readonly (number | null)[];
}

export async function storePending(
  tx: Queryable,
  memory: Memory,
  syncId: string,
  pending: PendingBatch,
): Promise<void> {
  const stored: StoredEntries = {
    ids: pending.entries.map((entry) => entry.recordId),
    checksums: pending.entries.map((entry) => entry.checksum),
    revisions: pending.entries.map((entry) => entry.revision),
    deliveredBy: pending.entries.map((entry) => entry.deliveredBy),
  };
  await tx.query('INSERT INTO sync_receipts (mapping_id, epoch, sync_id, batch, entries) VALUES ($1, $2, $3, $4, $5)', [
    memory.mappingId,
    memory.epoch,
    syncId,
    pending.batch,
    JSON.stringify(stored),
  ]);
}

export interface FollowOptions {
  readonly db: Database;
  readonly warehouse: Warehouse;
  readonly memory: Memory;
  readonly syncId: string;
  readonly lumpSize: number;
  /** No entry of this sync is in the records table yet. */
  readonly fresh: boolean;
}

/**
 * Passes batches on, writing their entries to the warehouse beside it: at most one lump is being written while the next
 * gathers, so that memory stays flat. An error of the warehouse comes out at the next batch. At the end of the batches
 * everything is written.
 */
export async function* rememberInWarehouse<T extends PendingBatch>(
  batches: AsyncIterable<T>,
  options: FollowOptions,
): AsyncIterable<T> {
  let gathered: PendingBatch[] = [];
  let size = 0;
  let writing: Promise<unknown> = Promise.resolve();
  const writeGathered = async () => {
    await writing;
    const lump = gathered;
    gathered = [];
    size = 0;
    writing = writeLump(lump, options);
    // Looked at with the next lump; until then it must not count as unhandled.
    writing.catch(() => undefined);
  };
  try {
    for await (const batch of batches) {
      if (batch.entries.length > 0) {
        gathered.push(batch);
        size += batch.entries.length;
        if (size >= options.lumpSize) await writeGathered();
      }
      yield batch;
    }
    await writeGathered();
    await writing;
  } finally {
    await writing.catch(() => undefined);
  }
}

async function writeLump(lump: readonly PendingBatch[], options: FollowOptions): Promise<void> {
  if (lump.length === 0) return;
  const { mappingId, epoch, table } = options.memory;
  const entries = lump.flatMap((batch) => batch.entries);
  await options.warehouse.writeRecords(table, entries, options.fresh);
  await options.db.pool.query(
    'DELETE FROM sync_receipts WHERE mapping_id = $1 AND epoch = $2 AND sync_id = $3 AND batch = ANY($4::int[])',
    [mappingId, epoch, options.syncId, lump.map((batch) => batch.batch)],
  );
}

/**
 * Applies leftover receipts of a mapping to its records table. To be called by the holder of the mapping's lease.
 * Returns how many entries there were.
 */
export async function applyLeftovers(
  db: Queryable,
  warehouse: Warehouse,
  memory: Memory,
  lumpSize: number,
): Promise<number> {
  let applied = 0;
  let prepared = false;
  for (;;) {
    const lump = await readLump(db, memory, lumpSize);
    if (lump.keys.length === 0) return applied;
    if (!prepared) await warehouse.prepareState(memory.table);
    prepared = true;
    await warehouse.writeRecords(memory.table, [...lump.entries.values()], false);
    await db.query(
      `DELETE FROM sync_receipts WHERE mapping_id = $1 AND epoch = $2
         AND (sync_id, batch) IN (SELECT * FROM unnest($3::text[], $4::int[]))`,
      [memory.mappingId, memory.epoch, lump.keys.map((key) => key.syncId), lump.keys.map((key) => key.batch)],
    );
    applied += lump.entries.size;
  }
}

/** The entries that the records table does not know yet, newest per record. Few: the loading waits for the warehouse. */
export async function readLeftovers(db: Queryable, memory: Memory): Promise<ReadonlyMap<string, RecordEntry>> {
  return (await readLump(db, memory, Number.MAX_SAFE_INTEGER)).entries;
}

interface Lump {
  readonly keys: readonly { readonly syncId: string; readonly batch: number }[];
  readonly entries: ReadonlyMap<string, RecordEntry>;
}

async function readLump(db: Queryable, memory: Memory, lumpSize: number): Promise<Lump> {
  const keys: { syncId: string; batch: number }[] = [];
  const entries = new Map<string, RecordEntry>();
  const pageSize = 10;
  let after: { syncId: string; batch: number } = { syncId: '', batch: -1 };
  while (entries.size < lumpSize) {
    const { rows } = await db.query<{ sync_id: string; batch: number; entries: string }>(
      `SELECT sync_id, batch, entries FROM sync_receipts 
       WHERE mapping_id = $1 AND epoch = $2 AND (sync_id, batch) > ($3, $4)
       ORDER BY sync_id, batch LIMIT ${pageSize}`,
      [memory.mappingId, memory.epoch, after.syncId, after.batch],
    );
    for (const row of rows) {
      after = { syncId: row.sync_id, batch: row.batch };
      keys.push(after);
      for (const entry of readEntries(row.entries)) {
        entries.delete(entry.recordId);
        entries.set(entry.recordId, entry);
      }
    }
    if (rows.length < pageSize) break;
  }
  return { keys, entries };
}

function readEntries(text: string): readonly RecordEntry[] {
  const stored = JSON.parse(text) as StoredEntries;
  return stored.ids.map((recordId, at) => ({
    recordId,
    checksum: stored.checksums[at] ?? null,
    revision: stored.revisions[at] as number,
    deliveredBy: stored.deliveredBy?.[at] ?? null,
  }));
}
