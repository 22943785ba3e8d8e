/** Requests for syncs: stored, so that any process can carry them out, and none is lost with a process. */
import { MillraceError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Json } from '../base/json.ts';
import type { Queryable } from '../db/db.ts';
import { cancelUnbegun, checkReplay, checkRetry, endDeadSyncs, isLeased } from '../sync/sync.ts';
import { type ResolvedMapping, whyNotRunning } from '../workspace/workspace.ts';

export interface NewRequest {
  readonly reason: 'manual' | 'scheduled' | 'replay' | 'retry';
  /** A token's id, `cli`, or `schedule`. */
  readonly requestedBy: string;
  /**
   * Of a retry: `{ syncId }`, the sync whose failed rows are sent again; of a replay: the sync whose delivered rows are. Of a
   * scheduled one: `{ dueAt }`.
   */
  readonly options?: Readonly<Record<string, Json>>;
}

export interface SyncRequest extends Required<NewRequest> {
  /** The id its sync has, or will have. */
  readonly syncId: string;
  readonly mappingId: string;
  readonly requestedAt: Date;
}

const columns = `sync_id AS "syncId", mapping_id AS "mappingId", reason, requested_by AS "requestedBy",
  requested_at AS "requestedAt", options`;

/**
 * Asks for a sync of a mapping, which begins as soon as a process takes it.
 * Errors: `sync_disabled` when any part of the mapping is disabled; `sync_running` when one runs or waits already; of a
 * retry `sync_not_found`, and `sync_retry_void` when that sync was one of another mapping, or a replay; of a replay
 * `sync_not_found`, and `sync_replay_unknown` when that sync's rows are not known.
 */
export async function requestSync(
  db: Queryable,
  job: ResolvedMapping,
  { reason, requestedBy, options = {} }: NewRequest,
  now: Date,
): Promise<SyncRequest> {
  const { mapping } = job;
  const disabled = whyNotRunning(job);
  if (disabled !== null) throw new MillraceError('sync_disabled', disabled);
  if (reason === 'replay') await checkReplay(db, mapping, String(options.syncId));
  if (reason === 'retry') await checkRetry(db, mapping.id, String(options.syncId));
  // What a dead process left must not stand in the way.
  await endDeadSyncs(db, now, [mapping.id]);
  for (const { syncId } of await listRequests(db, { mappingId: mapping.id })) await removeEnded(db, syncId);
  const { rows } = await db.query<SyncRequest>(
    `INSERT INTO sync_requests (sync_id, mapping_id, reason, requested_by, requested_at, options)
     SELECT $1, $2, $3, $4, $5, $6
     WHERE NOT EXISTS (SELECT 1 FROM syncs WHERE mapping_id = $2 AND state IN ('extracting', 'loading', 'cancelling'))
     ON CONFLICT (mapping_id) DO NOTHING RETURNING ${columns}`,
    [newId('syn'), mapping.id, reason, requestedBy, now, JSON.stringify(options)],
  );
  if (rows[0] === undefined)
    throw new MillraceError('sync_running', `A sync of ${mapping.name} is running or waiting.`);
  return rows[0];
}

/** Left out: all. */
export interface RequestFilter {
  readonly mappingId?: string;
  readonly syncId?: string;
  /** Those whose sync is not in the history yet. */
  readonly hasNotBegun?: boolean;
}

/** Those that wait and those that run, oldest first. */
export async function listRequests(
  db: Queryable,
  { mappingId, syncId, hasNotBegun = false }: RequestFilter = {},
): Promise<readonly SyncRequest[]> {
  const { rows } = await db.query<SyncRequest>(
    `SELECT ${columns} FROM sync_requests
     WHERE ($1::text IS NULL OR mapping_id = $1) AND ($2::text IS NULL OR sync_id = $2)
       AND NOT ($3 AND EXISTS (SELECT FROM syncs s WHERE s.id = sync_id))
     ORDER BY requested_at, sync_id`,
    [mappingId ?? null, syncId ?? null, hasNotBegun],
  );
  return rows;
}

/**
 * Cancels a sync that was asked for and has not begun: its history says so, whoever looks. False when it has begun, or
 * there is none.
 */
export async function cancelRequest(
  db: Queryable,
  { mapping, model, destination }: Omit<ResolvedMapping, 'source'>,
  syncId: string,
  now: Date,
): Promise<boolean> {
  const names = {
    ...{ mappingId: mapping.id, mapping: mapping.name, model: model.name, destination: destination.name },
    ...{ modelId: model.id, sourceId: model.sourceId },
  };
  // A process that begins it now finds that it has ended.
  if (!(await cancelUnbegun(db, { id: syncId, ...names }, now))) return false;
  await removeRequest(db, syncId);
  return true;
}

/* ---- for those who carry them out ---- */

export interface ClaimedRequest extends SyncRequest {
  /** How often a process began it, this one included. */
  readonly begun: number;
}

/**
 * A claim only keeps others from beginning the same sync in vain while this one opens its warehouse: what keeps two syncs
 * apart is the lease, and what shows that a sync is alive too. So a claim runs out by itself. By the clock of the database,
 * which is the same for all; were it set back, the claim is as good as old.
 */
const freeToClaim = `(claimed_at IS NULL OR abs(extract(epoch FROM now() - claimed_at)) > 15)`;

/** Takes at most so many requests that wait, or whose process is gone, oldest first; each for one process. */
export async function claimRequests(
  db: Queryable,
  most: number,
  except: readonly string[],
): Promise<readonly ClaimedRequest[]> {
  const { rows } = await db.query<SyncRequest>(
    `SELECT ${columns} FROM sync_requests WHERE sync_id <> ALL($1) AND ${freeToClaim} ORDER BY requested_at, sync_id`,
    [except],
  );
  const claimed: ClaimedRequest[] = [];
  for (const { syncId, mappingId } of rows) {
    if (claimed.length >= most) break;
    // Its own sync runs elsewhere, or another one of the mapping does: it waits.
    if (await isLeased(db, mappingId)) continue;
    const { rows: taken } = await db.query<ClaimedRequest>(
      `UPDATE sync_requests SET claimed_at = now(), begun = begun + 1 WHERE sync_id = $1 AND ${freeToClaim}
       RETURNING ${columns}, begun`,
      [syncId],
    );
    claimed.push(...taken);
  }
  return claimed;
}

/** Gives a request back to whoever comes first. */
export async function unclaimRequest(db: Queryable, syncId: string): Promise<void> {
  await db.query('UPDATE sync_requests SET claimed_at = NULL, begun = greatest(0, begun - 1) WHERE sync_id = $1', [
    syncId,
  ]);
}

/** Removes a request whose sync has ended by its row; false when it has not. */
export async function removeEnded(db: Queryable, syncId: string): Promise<boolean> {
  const { rowCount } = await db.query(
    'DELETE FROM sync_requests r USING syncs s WHERE r.sync_id = $1 AND s.id = $1 AND s.finished_at IS NOT NULL',
    [syncId],
  );
  return rowCount === 1;
}

/** The sync has ended. */
export async function removeRequest(db: Queryable, syncId: string): Promise<void> {
  await db.query('DELETE FROM sync_requests WHERE sync_id = $1', [syncId]);
}
