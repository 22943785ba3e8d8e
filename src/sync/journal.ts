/**
 * What one running sync writes down: its state and counts, and with each batch its receipts. Promised: everything about a
 * batch is written in one transaction, and only while the sync is running by its row; a sync that was taken for dead
 * writes nothing any more (error `sync_lost`). Another process may go on with the sync of a dead one, as its next attempt.
 */
import type { ErrorCode } from '../base/error-codes.ts';
import { MillraceError } from '../base/errors.ts';
import type { Database, Queryable } from '../db/db.ts';
import type { ComparisonCounts, InvalidRow } from '../diff/diff.ts';
import type { Effects } from '../space/space.ts';
import { type Actor, recordAudit } from '../workspace/workspace.ts';
import { syncNote } from './audit-notes.ts';
import { keepGivenUp, printable, storeFailed } from './failures.ts';
import type { Memory } from './memory.ts';
import { storePending } from './receipts.ts';
import { type EndState, type Kept, noKinds, nothingKept, type RunningState } from './records.ts';
import type { NotReplayed } from './replay.ts';
import type { SyncSettings } from './settings.ts';
import type { ListedRow, SettledBatch } from './settling.ts';
import { withoutSuppressed } from './suppressed.ts';

export interface SyncNames {
  readonly id: string;
  readonly mapping: string;
  readonly model: string;
  readonly destination: string;
  readonly modelId: string;
  readonly sourceId: string;
}

/** How a sync ended, and why. */
export interface SyncEnd {
  readonly state: EndState;
  readonly code: ErrorCode | null;
  readonly reason: string | null;
  readonly help: string | null;
  readonly warnings: readonly string[];
}

/** What a replay leaves out, and the ids of the first rows that are gone. */
export interface LeftOut extends NotReplayed {
  readonly goneIds: readonly string[];
}

export interface Journal {
  readonly attempt: number;
  /** The number of the sync; null when it began before there were numbers. */
  readonly no: number | null;
  /** By earlier attempts; a comparison that is recorded has it in its counts. */
  readonly kept: Kept;
  /** The comparison is done: its counts, its invalid rows, and what a replay leaves out. The sync is loading from now on. */
  compared(counts: ComparisonCounts, invalid: readonly InvalidRow[], at: Date, leftOut: LeftOut | null): Promise<void>;
  /** Everything about a batch, through its transaction. Its changes become known with it when `finds` says so. */
  recordBatch(tx: Queryable, batch: SettledBatch, at: Date): Promise<void>;
  recordEffects(tx: Queryable, effects: Effects): Promise<void>;
  /** Ends the sync; its row says so from now on. */
  finish(end: SyncEnd, at: Date): Promise<void>;
}

const running = `('extracting', 'loading', 'cancelling')`;
/** Batches are numbered from 1; a batch's rows follow each other below the next million. */
const rowsPerBatch = 1_000_000;

/** What kind of a sync it is, where it is not a usual one. */
export interface SyncKind {
  /** Which of its rows are changes is found out row by row. */
  readonly finds: boolean;
  /** The sync that it replays. */
  readonly replayOf: string | null;
  /** Who begins it by hand, for the audit trail; null when somebody asked for it before, or a schedule did. */
  readonly startedBy: Actor | null;
}

/**
 * Opens the row of a sync, or goes on with it when it is there. To be called by the holder of the mapping's lease.
 * Error `sync_lost` when the sync has ended.
 */
export async function openJournal(
  db: Database,
  memory: Memory,
  sync: SyncNames,
  startedAt: Date,
  settings: SyncSettings,
  { finds, replayOf, startedBy }: SyncKind,
): Promise<Journal> {
  // A number that finds its sync begun already is left out.
  const begin = `WITH given AS (
       INSERT INTO sync_numbers AS n (mapping_id, last) VALUES ($2, 1)
       ON CONFLICT (mapping_id) DO UPDATE SET last = n.last + 1 RETURNING last
     )
     INSERT INTO syncs (id, mapping_id, mapping, model, destination, state, started_at, no, epoch, replay_of,
                        model_id, source_id)
     SELECT $1, $2, $3, $4, $5, 'extracting', $6, last, $7, $8, $9, $10 FROM given
     ON CONFLICT (id) DO NOTHING RETURNING no`;
  const values = [
    sync.id,
    memory.mappingId,
    sync.mapping,
    sync.model,
    sync.destination,
    startedAt,
    memory.epoch,
    replayOf,
    sync.modelId,
    sync.sourceId,
  ];
  const what = replayOf !== null ? 'replay' : finds ? 'retry' : 'manual';
  const rows = await db.transaction(async (tx) => {
    const inserted = await tx.query<{ no: number }>(begin, values);
    if (startedBy !== null && inserted.rows.length > 0) await recordAudit(tx, startedBy, [syncNote(what, sync)]);
    return inserted.rows;
  });
  const begun = rows[0] === undefined ? await goOn(db, sync.id) : { attempt: 1, no: rows[0].no, kept: nothingKept };
  const writing = { id: sync.id, attempt: begun.attempt };
  const keepMessage = messageKeeper(settings);
  return {
    ...begun,
    compared: (counts, invalid, at, leftOut) =>
      db.transaction(async (tx) => {
        await recordComparison(tx, writing, counts, at, leftOut ?? { deliveredAgain: 0, gone: 0 });
        const gone = (leftOut?.goneIds ?? []).map(listGone);
        await recordRows(tx, sync.id, 0, [...invalid.map(listInvalid), ...gone], keepMessage);
      }),
    recordBatch: async (tx, settled, at) => {
      const batch = await withoutSuppressed(tx, settled);
      await recordCounts(tx, writing, batch, finds);
      if (batch.entries.length > 0) await storePending(tx, memory, sync.id, batch);
      await recordRows(tx, sync.id, batch.batch, batch.rows, keepMessage);
      await storeFailed(tx, memory, sync.id, batch.failed, at);
      await keepGivenUp(tx, memory, sync.id, batch.givenUp);
    },
    recordEffects: (tx, effects) => recordEffects(tx, sync.id, effects),
    finish: (end, at) => recordEnd(db.pool, writing, end, at),
  };
}

/** What another process may have taken over says which of its attempts writes. */
interface Writing {
  readonly id: string;
  readonly attempt: number;
}

/**
 * The next attempt of a sync whose process is gone. What that one settled for good stays counted; what it could not deliver
 * is tried again, and forgotten until then; and so is what a replay skipped, since it records nothing of that. Waits for a last batch that Postgres is still committing.
 */
async function goOn(db: Database, syncId: string): Promise<Pick<Journal, 'attempt' | 'no' | 'kept'>> {
  return db.transaction(async (tx) => {
    const { rows } = await tx.query<{ [column: string]: unknown; attempt: number; no: number | null }>(
      `UPDATE syncs SET attempt = attempt + 1, loading_at = NULL, refused = 0, given_up = 0, retried = kept_retried,
         skipped = CASE WHEN replay_of IS NULL THEN skipped ELSE 0 END,
         state = CASE state WHEN 'cancelling' THEN state ELSE 'extracting' END
       WHERE id = $1 AND state IN ${running}
       RETURNING attempt, no, kept_added AS added, kept_updated AS updated, kept_deleted AS deleted, delivered, skipped, retried`,
      [syncId],
    );
    const row = rows[0];
    if (row === undefined) throw lost();
    await tx.query('DELETE FROM sync_rows WHERE sync_id = $1', [syncId]);
    const count = (column: keyof Kept) => Number(row[column]);
    const kept: Kept = {
      added: count('added'),
      updated: count('updated'),
      deleted: count('deleted'),
      delivered: count('delivered'),
      skipped: count('skipped'),
      retried: count('retried'),
    };
    return { attempt: row.attempt, no: row.no, kept };
  });
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

async function recordComparison(
  tx: Queryable,
  { id, attempt }: Writing,
  counts: ComparisonCounts,
  at: Date,
  { deliveredAgain, gone }: NotReplayed,
): Promise<void> {
  const { rowCount } = await tx.query(
    `UPDATE syncs SET state = CASE state WHEN 'extracting' THEN 'loading' ELSE state END, loading_at = $2,
       extracted = $3, added = $4, updated = $5, deleted = $6, unchanged = $7, invalid = $8,
       replay_again = $10, replay_gone = $11
     WHERE id = $1 AND attempt = $9 AND state IN ${running}`,
    [
      ...[id, at, counts.extracted, counts.added, counts.updated, counts.deleted, counts.unchanged, counts.invalid],
      ...[attempt, deliveredAgain, gone],
    ],
  );
  mustRun(rowCount);
}

async function recordCounts(
  tx: Queryable,
  { id, attempt }: Writing,
  { counts, kept, kinds }: SettledBatch,
  finds: boolean,
): Promise<void> {
  const found = finds ? kinds : noKinds;
  const { rowCount } = await tx.query(
    `UPDATE syncs SET delivered = delivered + $2, refused = refused + $3, skipped = skipped + $4,
       given_up = given_up + $5, retried = retried + $6,
       kept_added = kept_added + $7, kept_updated = kept_updated + $8, kept_deleted = kept_deleted + $9,
       kept_retried = kept_retried + $10, added = added + $11, updated = updated + $12, deleted = deleted + $13,
       unchanged = greatest(0, unchanged - $11 - $12)
     WHERE id = $1 AND attempt = $14 AND state IN ${running}`,
    [
      ...[id, counts.delivered, counts.refused, counts.skipped, counts.givenUp, counts.retried],
      ...[kept.added, kept.updated, kept.deleted, kept.retried, found.added, found.updated, found.deleted, attempt],
    ],
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

async function recordEnd(db: Queryable, { id, attempt }: Writing, end: SyncEnd, at: Date): Promise<void> {
  const { rowCount } = await db.query(
    `UPDATE syncs SET state = $2, code = $3, reason = $4, help = $5, warnings = $6, finished_at = $7
     WHERE id = $1 AND attempt = $8 AND state IN ${running}`,
    [
      ...[id, end.state, end.code, end.reason === null ? null : printable(end.reason), end.help, end.warnings, at],
      attempt,
    ],
  );
  mustRun(rowCount);
}

function mustRun(rowCount: number | null): void {
  if (rowCount === 1) return;
  throw lost();
}

function lost(): MillraceError {
  return new MillraceError(
    'sync_lost',
    'This sync was ended or taken over by another process, which found its lock free.',
  );
}

/** Asked by another process, or by the one that runs it. False when the sync has ended already. */
export async function recordCancelling(db: Queryable, syncId: string): Promise<boolean> {
  const { rowCount } = await db.query(`UPDATE syncs SET state = 'cancelling' WHERE id = $1 AND state IN ${running}`, [
    syncId,
  ]);
  return rowCount === 1;
}

/** The state of a sync that runs by its row; null when it has ended, or another attempt of it runs. */
export async function runningState(db: Queryable, syncId: string, attempt: number): Promise<RunningState | null> {
  const { rows } = await db.query<{ state: RunningState }>(
    `SELECT state FROM syncs WHERE id = $1 AND attempt = $2 AND state IN ${running}`,
    [syncId, attempt],
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

function listGone(recordId: string): ListedRow {
  return {
    kind: 'gone',
    recordId,
    rows: 1,
    code: 'row_gone',
    reason: 'The row is no longer in the model. The next usual sync offers its deletion.',
    message: null,
  };
}
