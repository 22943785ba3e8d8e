/**
 * Previews as they are asked for and read; `previews.ts` runs them. In: an audience that is not made. Out: its id, and
 * what was found so far. Promised: what is previewed leaves nothing on profiles.
 */
import { newId } from '../base/ids.ts';
import type { Queryable, Transaction } from '../db/db.ts';
import type { ComputationOptions, Entity } from './audience.ts';
import type { DefinitionContext } from './computations.ts';
import { type ComputationRefusal, completeOptions, type GivenOptions, queryFaults } from './definition.ts';
import { compileQuery } from './query/compile.ts';

export interface NewPreview {
  readonly entity: Entity;
  readonly query: string;
  readonly options: GivenOptions;
}

export interface AudiencePreview {
  /** `pvw_…`. */
  readonly id: string;
  readonly entity: Entity;
  readonly query: string;
  readonly options: ComputationOptions;
  readonly status: 'RUNNING' | 'COMPLETED' | 'FAILED';
  /** Segment ids of some of them; null until it is completed. */
  readonly results: readonly string[] | null;
  readonly size: number | null;
  /** Why it failed, in words. */
  readonly failure: string | null;
}

export async function createPreview(
  { db, clock }: DefinitionContext,
  spaceNo: number,
  { entity, query, options }: NewPreview,
  alongside: (tx: Transaction, id: string) => Promise<void>,
): Promise<{ readonly kind: 'made'; readonly id: string } | ComputationRefusal> {
  const use = { kind: 'audience', entity } as const;
  const compiled = compileQuery(query, use);
  if (compiled.kind === 'faulty') return { kind: 'refused', reason: 'invalid', faults: queryFaults(compiled.faults) };
  // It is made now and never computed again: without history nobody would be in it.
  const complete = completeOptions(use, compiled.query, { ...options, includeHistoricalData: true });
  const id = newId('pvw');
  await db.transaction(async (tx) => {
    await tx.query(
      `INSERT INTO audience_previews (space_no, preview_id, entity, query, options, created_at, status)
        VALUES ($1, $2, $3, $4, $5, $6, 'RUNNING')`,
      [spaceNo, id, entity, query, JSON.stringify(complete), clock.now()],
    );
    await alongside(tx, id);
  });
  return { kind: 'made', id };
}

interface PreviewRow extends Omit<AudiencePreview, 'id' | 'size'> {
  readonly preview_id: string;
  readonly size: string | null;
}

/** Null when there is none, or none any more. */
export async function findPreview(db: Queryable, spaceNo: number, id: string): Promise<AudiencePreview | null> {
  if (id.includes('\0')) return null;
  const { rows } = await db.query<PreviewRow>(
    `SELECT preview_id, entity, query, options, status, results, size, failure FROM audience_previews
      WHERE space_no = $1 AND preview_id = $2`,
    [spaceNo, id],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { preview_id, size, ...preview } = row;
  return { ...preview, id: preview_id, size: size === null ? null : Number(size) };
}
