/** Requests for syncs: stored, so that any process can carry them out, and none is lost with a process. */
import { MillraceError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Json } from '../base/json.ts';
import type { Queryable } from '../db/db.ts';
import type { ResolvedMapping } from '../workspace/workspace.ts';

export interface NewRequest {
  readonly reason: 'manual' | 'scheduled' | 'replay' | 'retry';
  /** A token's id, `cli`, or `schedule`. */
  readonly requestedBy: string;
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
 * Errors: `sync_disabled` when any part of the mapping is disabled; `sync_running` when one runs or waits already.
 */
export async function requestSync(
  db: Queryable,
  { mapping, model, source, destination }: ResolvedMapping,
  { reason, requestedBy, options = {} }: NewRequest,
  now: Date,
): Promise<SyncRequest> {
  const parts = { mapping, model, source, destination };
  for (const [kind, part] of Object.entries(parts)) {
    if (part.enabled) continue;
    throw new MillraceError('sync_disabled', `The ${kind} ${part.name} is disabled, so ${mapping.name} cannot run.`);
  }
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

/** Those that wait and those that run, oldest first. */
export async function listRequests(
  db: Queryable,
  { mappingId, syncId }: { readonly mappingId?: string; readonly syncId?: string } = {},
): Promise<readonly SyncRequest[]> {
  const { rows } = await db.query<SyncRequest>(
    `SELECT ${columns} FROM sync_requests
     WHERE ($1::text IS NULL OR mapping_id = $1) AND ($2::text IS NULL OR sync_id = $2) ORDER BY requested_at, sync_id`,
    [mappingId ?? null, syncId ?? null],
  );
  return rows;
}

/** Takes a request back whose sync has not begun; false when it has, or there is none. */
export async function withdrawRequest(db: Queryable, syncId: string): Promise<boolean> {
  const { rowCount } = await db.query(
    'DELETE FROM sync_requests WHERE sync_id = $1 AND NOT EXISTS (SELECT 1 FROM syncs WHERE id = $1)',
    [syncId],
  );
  return rowCount === 1;
}
