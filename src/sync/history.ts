/**
 * What happened: syncs and their rows, for people. Reading also finds syncs whose process died (their mapping's lock is
 * free) and ends them, so that none stays "loading" for ever.
 */
import { type Clock, systemClock } from '../base/clock.ts';
import type { ErrorCode } from '../base/error-codes.ts';
import { MillraceError } from '../base/errors.ts';
import { isWrittenTime } from '../base/written-time.ts';
import type { Database, Queryable } from '../db/db.ts';
import { isLeased } from './lease.ts';
import { countAll, type Sync, type SyncRow, type SyncState } from './records.ts';

export interface PageOptions {
  /** At most so many; default 20, at most 1,000. */
  readonly limit?: number;
  /** The `next` of the page before. */
  readonly next?: string;
}

export interface HistoryPage<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

const runningStates = `('extracting', 'loading', 'cancelling')`;

/** Left out: all. */
export interface SyncFilter {
  readonly mappingIds?: readonly string[];
  readonly states?: readonly SyncState[];
  /** Of this model, and of these sources; none that is not known to be. */
  readonly modelId?: string;
  readonly sourceIds?: readonly string[];
}

/** Newest first. */
export async function listSyncs(
  db: Database,
  { mappingIds, states, modelId, sourceIds }: SyncFilter = {},
  paging: PageOptions = {},
  clock: Clock = systemClock,
): Promise<HistoryPage<Sync>> {
  await endDeadSyncs(db.pool, clock.now(), mappingIds);
  const limit = limitOf(paging);
  const after = readCursor(paging.next, [isWrittenTime, syncName]);
  const { rows } = await db.pool.query<StoredSync>(
    `SELECT * FROM syncs
     WHERE ($1::text[] IS NULL OR mapping_id = ANY($1)) AND ($2::text[] IS NULL OR state = ANY($2))
       AND ($3::text IS NULL OR (started_at, id) < ($3::timestamptz, $4::text))
       AND ($6::text IS NULL OR model_id = $6) AND ($7::text[] IS NULL OR source_id = ANY($7))
     ORDER BY started_at DESC, id DESC LIMIT $5`,
    [
      ...[mappingIds ?? null, states ?? null, after?.[0] ?? null, after?.[1] ?? null, limit + 1],
      ...[modelId ?? null, sourceIds ?? null],
    ],
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items: page.map(readSync), next: more ? writeCursor([last.started_at.toISOString(), last.id]) : null };
}

/** One sync. Error `sync_not_found`. */
export async function showSync(db: Database, syncId: string, clock: Clock = systemClock): Promise<Sync> {
  const read = async () => {
    const { rows } = await db.pool.query<StoredSync>('SELECT * FROM syncs WHERE id = $1', [syncId]);
    if (rows[0] === undefined) throw new MillraceError('sync_not_found', `There is no sync ${syncId}.`);
    return readSync(rows[0]);
  };
  const sync = await read();
  if (sync.finishedAt !== null) return sync;
  return (await endDeadSyncs(db.pool, clock.now(), [sync.mappingId])) > 0 ? read() : sync;
}

/** Which of these syncs the history still has, and of what mapping each was, as it was called then. */
export async function knownSyncs(
  db: Queryable,
  ids: readonly string[],
): Promise<ReadonlyMap<string, { readonly mapping: string; readonly mappingId: string }>> {
  if (ids.length === 0) return new Map();
  const { rows } = await db.query<{ id: string; mapping: string; mapping_id: string }>(
    'SELECT id, mapping, mapping_id FROM syncs WHERE id = ANY($1)',
    [ids],
  );
  return new Map(rows.map(({ id, mapping, mapping_id: mappingId }) => [id, { mapping, mappingId }]));
}

/** Rows of a sync that failed, that are invalid, or that a replay found gone, in the order they were met. Error `sync_not_found`. */
export async function syncRows(
  db: Database,
  syncId: string,
  which: 'failed' | 'invalid' | 'gone',
  paging: PageOptions = {},
): Promise<HistoryPage<SyncRow>> {
  await showSync(db, syncId);
  const limit = limitOf(paging);
  const after = readCursor(paging.next, [rowNumber]);
  const { rows } = await db.pool.query<StoredRow>(
    `SELECT no, kind, record_id, rows, code, reason, message FROM sync_rows
     WHERE sync_id = $1 AND CASE WHEN kind IN ('invalid', 'gone') THEN kind ELSE 'failed' END = $2 AND no > $3 ORDER BY no LIMIT $4`,
    [syncId, which, after?.[0] ?? -1, limit + 1],
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items: page.map(readRow), next: more ? writeCursor([last.no]) : null };
}

/** The id of the sync of a mapping that runs by its row. */
export async function runningSync(db: Queryable, mappingId: string): Promise<string | null> {
  const { rows } = await db.query<{ id: string }>(
    `SELECT id FROM syncs WHERE mapping_id = $1 AND state IN ${runningStates} ORDER BY started_at DESC LIMIT 1`,
    [mappingId],
  );
  return rows[0]?.id ?? null;
}

/**
 * Ends syncs that run by their row while nobody holds the lock of their mapping. Waits for a last batch of theirs that
 * Postgres is still committing, so that afterwards their counts and receipts are final. Those that were requested wait for
 * a server to go on with them, unless they were to be cancelled. The holder of a mapping's lock says so with `holder`: then
 * no other sync of it than the holder's own can be alive, or go on. Returns how many there were.
 */
export async function endDeadSyncs(
  db: Queryable,
  now: Date,
  mappingIds?: readonly string[],
  holder?: { readonly syncId: string | null },
): Promise<number> {
  const { rows } = await db.query<{ id: string; mapping_id: string; state: SyncState; requested: boolean }>(
    `SELECT id, mapping_id, state, EXISTS (SELECT FROM sync_requests r WHERE r.sync_id = s.id) AS requested
     FROM syncs s
     WHERE state IN ${runningStates} AND ($1::text[] IS NULL OR mapping_id = ANY($1)) AND id IS DISTINCT FROM $2`,
    [mappingIds ?? null, holder?.syncId ?? null],
  );
  let ended = 0;
  for (const { id, mapping_id, state, requested } of rows) {
    if (holder === undefined && requested && state !== 'cancelling') continue;
    if (holder === undefined && (await isLeased(db, mapping_id))) continue;
    const cancelled = state === 'cancelling';
    const { rowCount } = await db.query(
      `UPDATE syncs SET state = $3, code = $4, reason = $5, help = 'Run it again: it goes on where it stopped.',
         finished_at = $2
       WHERE id = $1 AND state IN ${runningStates}`,
      [
        ...[id, now],
        ...(cancelled
          ? ['cancelled', 'cancelled', 'The sync was cancelled.']
          : ['failed', 'sync_process_ended', 'the process that ran it ended']),
      ],
    );
    ended += rowCount ?? 0;
    if (requested) await db.query('DELETE FROM sync_requests WHERE sync_id = $1', [id]);
  }
  return ended;
}

/** What a sync is of. */
export type SyncParts = Pick<Sync, 'id' | 'mappingId' | 'mapping' | 'model' | 'destination' | 'modelId' | 'sourceId'>;

/** Ends a sync that cannot run, also one that has not begun; one that has ended stays as it is. */
export async function failSync(db: Queryable, sync: SyncParts, error: MillraceError, now: Date): Promise<void> {
  await db.query(
    `INSERT INTO syncs AS s (id, mapping_id, mapping, model, destination, state, code, reason, help, started_at, finished_at,
                             model_id, source_id)
     VALUES ($1, $2, $3, $4, $5, 'failed', $6, $7, $8, $9, $9, $10, $11)
     ON CONFLICT (id) DO UPDATE SET state = 'failed', code = excluded.code, reason = excluded.reason,
       help = excluded.help, finished_at = excluded.finished_at, attempt = s.attempt + 1
     WHERE s.state IN ${runningStates}`,
    [
      ...[sync.id, sync.mappingId, sync.mapping, sync.model, sync.destination],
      ...[error.code, error.message, error.help, now, sync.modelId, sync.sourceId],
    ],
  );
}

/** Records that a sync which was asked for is cancelled before it began; false when it has begun, or nobody asked for it. */
export async function cancelUnbegun(db: Queryable, sync: SyncParts, now: Date): Promise<boolean> {
  const { rowCount } = await db.query(
    `INSERT INTO syncs (id, mapping_id, mapping, model, destination, state, code, reason, started_at, finished_at,
                        model_id, source_id)
     SELECT $1, $2, $3, $4, $5, 'cancelled', 'cancelled', 'The sync was cancelled before it began.', $6, $6, $7, $8
     WHERE EXISTS (SELECT FROM sync_requests WHERE sync_id = $1)
     ON CONFLICT (id) DO NOTHING`,
    [sync.id, sync.mappingId, sync.mapping, sync.model, sync.destination, now, sync.modelId, sync.sourceId],
  );
  return rowCount === 1;
}

/** Forgets syncs that ended so many days ago, and their rows. */
export async function pruneHistory(db: Queryable, now: Date, days: number): Promise<void> {
  await db.query(
    `WITH gone AS (
       DELETE FROM syncs WHERE finished_at < $1::timestamptz - make_interval(days => $2) RETURNING id
     )
     DELETE FROM sync_rows WHERE sync_id IN (SELECT id FROM gone)`,
    [now, days],
  );
}

/** A row of `syncs`, all columns. */
export interface StoredSync {
  readonly id: string;
  readonly mapping_id: string;
  readonly mapping: string;
  readonly model: string;
  readonly destination: string;
  readonly model_id: string | null;
  readonly source_id: string | null;
  readonly state: SyncState;
  readonly code: ErrorCode | null;
  readonly reason: string | null;
  readonly help: string | null;
  readonly warnings: readonly string[];
  readonly started_at: Date;
  readonly loading_at: Date | null;
  readonly finished_at: Date | null;
  readonly replay_of: string | null;
  /** The counts: bigint, which the driver gives as text. */
  readonly [count: string]: unknown;
}

export function readSync(row: StoredSync): Sync {
  const count = (column: string) => Number(row[column]);
  const { started_at: startedAt, loading_at: loadingAt, finished_at: finishedAt } = row;
  return {
    id: row.id,
    mappingId: row.mapping_id,
    mapping: row.mapping,
    model: row.model,
    destination: row.destination,
    modelId: row.model_id,
    sourceId: row.source_id,
    state: row.state,
    code: row.code,
    reason: row.reason,
    help: row.help,
    warnings: row.warnings,
    startedAt,
    finishedAt,
    extractingSeconds: secondsBetween(startedAt, loadingAt ?? finishedAt),
    loadingSeconds: secondsBetween(loadingAt, finishedAt),
    counts: countAll(
      {
        extracted: count('extracted'),
        added: count('added'),
        updated: count('updated'),
        deleted: count('deleted'),
        unchanged: count('unchanged'),
        invalid: count('invalid'),
      },
      {
        delivered: count('delivered'),
        refused: count('refused'),
        skipped: count('skipped'),
        givenUp: count('given_up'),
        retried: count('retried'),
      },
    ),
    effects: {
      profilesCreated: count('profiles_created'),
      accountsCreated: count('accounts_created'),
      merged: count('merged'),
      traitsChanged: count('traits_changed'),
    },
    replay:
      row.replay_of === null
        ? null
        : { syncId: row.replay_of, deliveredAgain: count('replay_again'), gone: count('replay_gone') },
  };
}

function secondsBetween(from: Date | null, to: Date | null): number | null {
  return from === null || to === null ? null : (to.getTime() - from.getTime()) / 1000;
}

interface StoredRow {
  readonly no: string;
  readonly kind: SyncRow['kind'];
  readonly record_id: string | null;
  readonly rows: string;
  readonly code: string;
  readonly reason: string;
  readonly message: string | null;
}

function readRow(row: StoredRow): SyncRow {
  const { kind, code, reason, message } = row;
  return { no: Number(row.no), kind, recordId: row.record_id, rows: Number(row.rows), code, reason, message };
}

function limitOf(paging: PageOptions): number {
  const limit = paging.limit ?? 20;
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
    throw new MillraceError('sync_paging_invalid', `A page has 1 to 1,000 entries, not ${limit}.`);
  }
  return limit;
}

function writeCursor(parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

type PartForm = (part: string) => boolean;

const syncName: PartForm = (part) => /^syn_\w+$/.test(part);
const rowNumber: PartForm = (part) => /^\d{1,18}$/.test(part);

function readCursor(cursor: string | undefined, forms: readonly PartForm[]): readonly string[] | null {
  if (cursor === undefined) return null;
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    const texts = Array.isArray(parts) ? parts.filter((part) => typeof part === 'string') : [];
    if (texts.length === forms.length && forms.every((form, at) => form(texts[at] ?? ''))) return texts;
  } catch {
    // Falls through to the error below.
  }
  throw new MillraceError('sync_paging_invalid', 'The cursor is none that a page of this list gave.');
}
