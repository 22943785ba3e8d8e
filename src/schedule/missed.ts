/** Runs of schedules that could not start: kept with the reason, as long as the history of syncs. */
import { newId } from '../base/ids.ts';
import type { Queryable } from '../db/db.ts';

export interface MissedSchedule {
  readonly id: string;
  readonly mappingId: string;
  /** Its name as it was. */
  readonly mapping: string;
  /** When it should have started. */
  readonly dueAt: Date;
  /** When it was found that it could not. */
  readonly at: Date;
  /** As errors have them: `sync_disabled`, `sync_running`, `schedule_broken`, … */
  readonly code: string;
  readonly reason: string;
}

export interface MissedQuery {
  readonly mappingId?: string;
  /** Those that were found after this time. */
  readonly since?: Date;
  /** Default 100. */
  readonly limit?: number;
}

/** Newest first. */
export async function missedSchedules(db: Queryable, query: MissedQuery = {}): Promise<readonly MissedSchedule[]> {
  const { rows } = await db.query<MissedSchedule>(
    `SELECT id, mapping_id AS "mappingId", mapping, due_at AS "dueAt", at, code, reason FROM missed_schedules
     WHERE ($1::text IS NULL OR mapping_id = $1) AND ($2::timestamptz IS NULL OR at > $2)
     ORDER BY at DESC, id DESC LIMIT $3`,
    [query.mappingId ?? null, query.since ?? null, query.limit ?? 100],
  );
  return rows;
}

export async function recordMissed(db: Queryable, missed: Omit<MissedSchedule, 'id'>): Promise<void> {
  const { mappingId, mapping, dueAt, at, code, reason } = missed;
  await db.query(
    `INSERT INTO missed_schedules (id, mapping_id, mapping, due_at, at, code, reason)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [newId('mis'), mappingId, mapping, dueAt, at, code, reason],
  );
}

export async function pruneMissed(db: Queryable, before: Date): Promise<void> {
  await db.query('DELETE FROM missed_schedules WHERE at < $1', [before]);
}
