/**
 * What one running sync writes down: its state and counts, and with each batch its receipts. Promised: everything about a
 * batch is written in one transaction, and only while the sync is running by its row; a sync that was taken for dead
 * writes nothing any more (error `sync_lost`).
 */
import type { ErrorCode } from '../base/error-codes.ts';
import { MillraceError } from '../base/errors.ts';
import type { Database, Queryable } from '../db/db.ts';
import type { ComparisonCounts, InvalidRow } from '../diff/diff.ts';
import type { Effects } from '../space/space.ts';
import { keepGivenUp, printable, storeFailed } from './failures.ts';
import type { Memory } from './memory.ts';
import { storePending } from './receipts.ts';
import type { EndState, RunningState } from './records.ts';
import type { SyncSettings } from './settings.ts';
import type { ListedRow, SettledBatch } from './settling.ts';
import { withoutSuppressed } from './suppressed.ts';

export interface SyncNames {
  readonly id: string;
  readonly mapping: string;
  readonly model: string;
  readonly destination: string;
}

/** How a sync ended, and why. */
export interface SyncEnd {
  readonly state: EndState;
  readonly code: ErrorCode | null;
  readonly reason: string | null;
  readonly help: string | null;
  readonly warnings: readonly string[];
}

export interface Journal {
  /** The comparison is done: its counts and invalid rows. The sync is loading from now on. */
  compared(counts: ComparisonCounts, invalid: readonly InvalidRow[], at: Date): Promise<void>;
  /** Everything about a batch, through its transaction. */
  recordBatch(tx: Queryable, batch: SettledBatch, at: Date): Promise<void>;
  recordEffects(tx: Queryable, effects: Effects): Promise<void>;
  /** Ends the sync; its row says so from now on. */
  finish(end: SyncEnd, at: Date): Promise<void>;
}

const running = `('extracting', 'loading', 'cancelling')`;
/** Batches are numbered from 1; a batch's rows follow each other below the next million. */
const rowsPerBatch = 1_000_000;

/** Opens the row of a sync. */
export async function openJournal(
  db: Database,
  memory: Memory,
  sync: SyncNames,
  startedAt: Date,
  settings: SyncSettings,
): Promise<Journal> {
  await db.pool.query(
    `INSERT INTO syncs (id, mapping_id, mapping, model, destination, state, started_at)
     VALUES ($1, $2, $3, $4, $5, 'extracting', $6)`,
    [sync.id, memory.mappingId, sync.mapping, sync.model, sync.destination, startedAt],
  );
  const keepMessage = messageKeeper(settings);
  return {
    compared: (counts, invalid, at) =>
      db.transaction(async (tx) => {
        await recordComparison(tx, sync.id, counts, at);
        await recordRows(tx, sync.id, 0, invalid.map(listInvalid), keepMessage);
      }),
    recordBatch: async (tx, settled, at) => {
      const batch = await withoutSuppressed(tx, settled);
      await recordCounts(tx, sync.id, batch);
      if (batch.entries.length > 0) await storePending(tx, memory, sync.id, batch);
      await recordRows(tx, sync.id, batch.batch, batch.rows, keepMessage);
      await storeFailed(tx, memory, sync.id, batch.failed, at);
      await keepGivenUp(tx, memory, sync.id, batch.givenUp);
    },
    recordEffects: (tx, effects) => recordEffects(tx, sync.id, effects),
    finish: (end, at) => recordEnd(db.pool, sync.id, end, at),
  };
}

type KeepMessage = (row: ListedRow) => string | null;

/** The messages of the first failed rows of a sync, unless they are very long. */
function messageKeeper({ messagesKept, messageLength }: SyncSettings): KeepMessage {
  let left = messagesKept;
  return ({ message }) => {
    if (message === null || left === 0) return null;
    const text = JSON.stringify(message);
    if (text.length > messageLength) return null;
    left--;
    return text;
  };
}

async function recordRows(
  tx: Queryable,
  syncId: string,
  batch: number,
  rows: readonly ListedRow[],
  keepMessage: KeepMessage,
): Promise<void> {
  if (rows.length === 0) return;
  await tx.query(
    `INSERT INTO sync_rows (sync_id, no, kind, record_id, rows, code, reason, message)
     SELECT $1, $2 + at - 1, kind, record_id, rows, code, reason, message
     FROM unnest($3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[])
          WITH ORDINALITY AS t (kind, record_id, rows, code, reason, message, at)`,
    [
      syncId,
      batch * rowsPerBatch,
      rows.map((row) => row.kind),
      rows.map((row) => (row.recordId === null ? null : printable(row.recordId))),
      rows.map((row) => row.rows),
      rows.map((row) => row.code),
      rows.map((row) => printable(row.reason)),
      rows.map(keepMessage),
    ],
  );
}

async function recordComparison(tx: Queryable, syncId: string, counts: ComparisonCounts, at: Date): Promise<void> {
  const { rowCount } = await tx.query(
    `UPDATE syncs SET state = CASE state WHEN 'extracting' THEN 'loading' ELSE state END, loading_at = $2,
       extracted = $3, added = $4, updated = $5, deleted = $6, unchanged = $7, invalid = $8
     WHERE id = $1 AND state IN ${running}`,
    [syncId, at, counts.extracted, counts.added, counts.updated, counts.deleted, counts.unchanged, counts.invalid],
  );
  mustRun(rowCount);
}

async function recordCounts(tx: Queryable, syncId: string, { counts }: SettledBatch): Promise<void> {
  const { rowCount } = await tx.query(
    `UPDATE syncs SET delivered = delivered + $2, refused = refused + $3, skipped = skipped + $4,
       given_up = given_up + $5, retried = retried + $6
     WHERE id = $1 AND state IN ${running}`,
    [syncId, counts.delivered, counts.refused, counts.skipped, counts.givenUp, counts.retried],
  );
  mustRun(rowCount);
}

async function recordEffects(tx: Queryable, syncId: string, effects: Effects): Promise<void> {
  await tx.query(
    `UPDATE syncs SET profiles_created = profiles_created + $2, accounts_created = accounts_created + $3,
       merged = merged + $4, traits_changed = traits_changed + $5 WHERE id = $1`,
    [syncId, effects.profilesCreated, effects.accountsCreated, effects.merged, effects.traitsChanged],
  );
}

async function recordEnd(db: Queryable, syncId: string, end: SyncEnd, at: Date): Promise<void> {
  const { rowCount } = await db.query(
    `UPDATE syncs SET state = $2, code = $3, reason = $4, help = $5, warnings = $6, finished_at = $7
     WHERE id = $1 AND state IN ${running}`,
    [syncId, end.state, end.code, end.reason === null ? null : printable(end.reason), end.help, end.warnings, at],
  );
  mustRun(rowCount);
}

function mustRun(rowCount: number | null): void {
  if (rowCount === 1) return;
  throw new MillraceError('sync_lost', 'This sync was ended by another process, which found its lock free.');
}

/** Asked by another process, or by the one that runs it. False when the sync has ended already. */
export async function recordCancelling(db: Queryable, syncId: string): Promise<boolean> {
  const { rowCount } = await db.query(`UPDATE syncs SET state = 'cancelling' WHERE id = $1 AND state IN ${running}`, [
    syncId,
  ]);
  return rowCount === 1;
}

/** The state of a sync that runs by its row; null when it has ended. */
export async function runningState(db: Queryable, syncId: string): Promise<RunningState | null> {
  const { rows } = await db.query<{ state: RunningState }>(
    `SELECT state FROM syncs WHERE id = $1 AND state IN ${running}`,
    [syncId],
  );
  return rows[0]?.state ?? null;
}

const invalidReasons: Readonly<Record<InvalidRow['reason'], string>> = {
  identifier_null: 'The identifier is null.',
  identifier_duplicate: 'Several rows have this identifier.',
};

function listInvalid(row: InvalidRow): ListedRow {
  return {
    kind: 'invalid',
    recordId: row.recordId,
    rows: row.rows,
    code: row.reason,
    reason: invalidReasons[row.reason],
    message: null,
  };
}
