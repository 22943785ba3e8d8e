/**
 * What syncs came to, over time. In: mappings, a stretch of time and the length of its parts. Out: how many rows went which
 * way, by mapping and part. A sync counts where it ended; one that runs does not count yet.
 */
import type { Queryable } from '../db/db.ts';

export type OutcomeKind =
  | 'added'
  | 'updated'
  | 'deleted'
  | 'invalid'
  | 'delivered'
  | 'refused'
  | 'given up'
  | 'skipped';

export interface Outcome {
  readonly mappingId: string;
  readonly kind: OutcomeKind;
  /** The start of the part. */
  readonly at: Date;
  /** Why, for rows that were invalid or refused; `unlisted` for those whose reason is not kept. */
  readonly code: string | null;
  readonly rows: number;
}

export interface OutcomeQuery {
  readonly mappingIds: readonly string[];
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
  /** Of each part; the parts are counted from 1970. */
  readonly seconds: number;
}

export async function syncOutcomes(db: Queryable, query: OutcomeQuery): Promise<readonly Outcome[]> {
  const { mappingIds, from, to, seconds } = query;
  const { rows } = await db.query<{ mapping_id: string; kind: OutcomeKind; at: string; code: string; rows: string }>(
    `WITH ended AS (
       SELECT id, mapping_id, floor(extract(epoch FROM finished_at) / $4) * $4 AS at,
              added, updated, deleted, invalid, delivered, refused, given_up, skipped
       FROM syncs WHERE mapping_id = ANY($1::text[]) AND finished_at >= $2 AND finished_at < $3
     ), sums AS (
       SELECT mapping_id, at, kind, sum(count) AS rows
       FROM ended CROSS JOIN LATERAL (VALUES
         ('added', added), ('updated', updated), ('deleted', deleted), ('invalid', invalid), ('delivered', delivered),
         ('refused', refused), ('given up', given_up), ('skipped', skipped)) AS counted (kind, count)
       WHERE count > 0 GROUP BY 1, 2, 3
     ), reasons AS (
       SELECT mapping_id, at, CASE kind WHEN 'later' THEN 'refused' ELSE kind END AS kind, code, sum(r.rows) AS rows
       FROM ended JOIN sync_rows r ON r.sync_id = ended.id WHERE kind IN ('invalid', 'refused', 'later')
       GROUP BY 1, 2, 3, 4
     ), listed AS (
       SELECT mapping_id, at, kind, sum(rows) AS rows FROM reasons GROUP BY 1, 2, 3
     )
     SELECT mapping_id, kind, at, code, rows FROM reasons
     UNION ALL
     SELECT mapping_id, kind, at, CASE WHEN kind IN ('invalid', 'refused') THEN 'unlisted' END,
            sums.rows - coalesce(listed.rows, 0)
     FROM sums LEFT JOIN listed USING (mapping_id, at, kind) WHERE sums.rows > coalesce(listed.rows, 0)`,
    [mappingIds, from, to, seconds],
  );
  return rows.map(({ mapping_id, kind, at, code, rows: count }) => ({
    mappingId: mapping_id,
    kind,
    at: new Date(Number(at) * 1_000),
    code,
    rows: Number(count),
  }));
}

/** Rows that syncs settled in one part of the time. */
export interface Volume {
  /** The start of the part. */
  readonly at: Date;
  readonly delivered: number;
  /** Refused or given up. */
  readonly failed: number;
  readonly invalid: number;
}

/** The parts in which something happened, earliest first. */
export async function syncVolume(db: Queryable, query: OutcomeQuery): Promise<readonly Volume[]> {
  const { mappingIds, from, to, seconds } = query;
  const { rows } = await db.query<{ at: string; delivered: string; failed: string; invalid: string }>(
    `SELECT floor(extract(epoch FROM finished_at) / $4) * $4 AS at, sum(delivered) AS delivered,
            sum(refused + given_up) AS failed, sum(invalid) AS invalid
     FROM syncs WHERE mapping_id = ANY($1::text[]) AND finished_at >= $2 AND finished_at < $3
     GROUP BY 1 ORDER BY 1`,
    [mappingIds, from, to, seconds],
  );
  return rows.map(({ at, delivered, failed, invalid }) => ({
    at: new Date(Number(at) * 1_000),
    delivered: Number(delivered),
    failed: Number(failed),
    invalid: Number(invalid),
  }));
}
