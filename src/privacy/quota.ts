/**
 * How many people regulations named in a calendar month (UTC): those that stay within this server, and those that tell
 * destinations, each for themselves. One that was cancelled does not count.
 */
import { type Clock, systemClock } from '../base/clock.ts';
import type { Queryable } from '../db/db.ts';
import { isForwarded, type RegulationType, regulationTypes } from './privacy.ts';

export interface QuotaState {
  /** User ids of the month so far, of the category of a type. */
  readonly subjects: number;
  /** The first moment of the next month. */
  readonly resetsAt: Date;
}

export async function readQuota(db: Queryable, type: RegulationType, clock: Clock = systemClock): Promise<QuotaState> {
  const now = clock.now();
  const month = (more: number) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + more, 1));
  const category = regulationTypes.filter((other) => isForwarded(other) === isForwarded(type));
  const { rows } = await db.query<{ subjects: string }>(
    `SELECT coalesce(sum(subjects), 0) AS subjects FROM regulations
      WHERE created_at >= $1 AND created_at < $2 AND type = ANY($3)`,
    [month(0), month(1), category],
  );
  return { subjects: Number(rows[0]?.subjects), resetsAt: month(1) };
}
