/** The table of computations, read. In: its rows. Out: computations. */
import type { Queryable } from '../db/db.ts';
import type { Computation, ComputationOptions, RunReason } from './audience.ts';
import type { Cadence, ComputationKind, Entity } from './query/query.ts';

export interface ComputationRow {
  readonly space_no: number;
  readonly computation_id: string;
  readonly kind: ComputationKind;
  readonly name: string;
  readonly key: string;
  readonly description: string;
  readonly entity: Entity;
  readonly enabled: boolean;
  readonly query: string;
  readonly options: ComputationOptions;
  readonly cadence: Cadence;
  readonly created_at: Date;
  readonly created_by: string;
  readonly updated_at: Date;
  readonly updated_by: string;
  readonly deleted_at: Date | null;
  readonly run_asked_at: Date | null;
  readonly run_cursor: string | null;
  readonly run_reason: RunReason | null;
  readonly last_run_at: Date | null;
  readonly next_run_at: Date | null;
  readonly failure: string | null;
  readonly size: string | null;
}

export function computationOf(row: ComputationRow): Computation {
  return {
    id: row.computation_id,
    spaceNo: row.space_no,
    kind: row.kind,
    name: row.name,
    key: row.key,
    description: row.description,
    entity: row.entity,
    enabled: row.enabled,
    query: row.query,
    options: row.options,
    cadence: row.cadence,
    createdAt: row.created_at,
    createdBy: row.created_by,
    updatedAt: row.updated_at,
    updatedBy: row.updated_by,
    deletedAt: row.deleted_at,
    run:
      row.run_asked_at === null
        ? null
        : { reason: row.run_reason ?? 'first', askedAt: row.run_asked_at, cursor: row.run_cursor ?? '' },
    lastRunAt: row.last_run_at,
    nextRunAt: row.next_run_at,
    failure: row.failure,
    size: row.size === null ? null : Number(row.size),
  };
}

/**
 * Those that compute, or still have something to do, in all spaces that are there; and audiences of accounts that are
 * switched off, since people may be asked whether their account is in one.
 */
export async function readWorking(db: Queryable): Promise<readonly Computation[]> {
  const { rows } = await db.query<ComputationRow>({
    name: 'computations-working',
    text: `SELECT c.* FROM computations c JOIN spaces s ON s.no = c.space_no
      WHERE (c.enabled AND c.deleted_at IS NULL) OR c.run_asked_at IS NOT NULL
        OR (c.kind = 'audience' AND c.entity = 'ACCOUNTS' AND c.deleted_at IS NULL AND EXISTS (
          SELECT FROM computations o WHERE o.space_no = c.space_no AND o.entity = 'USERS' AND o.enabled))
      ORDER BY c.space_no, c.created_at, c.computation_id`,
  });
  return rows.map(computationOf);
}
