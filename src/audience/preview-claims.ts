/**
 * Which process works on a preview. In: a process that has the time. Out: a preview that is its own for a while. Promised:
 * a claim is renewed by a timer, so a live process keeps it however long a step takes; one that died is replaced a quarter
 * of a minute later; whoever lost a claim writes nothing; what fails makes way for what waits, and is given up in the end.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Database } from '../db/db.ts';
import type { ComputationOptions } from './audience.ts';
import type { Entity } from './query/query.ts';

export interface PreviewContext {
  readonly db: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** How often a claim is renewed, ms. */
  readonly renewEveryMs?: number;
}

export interface ClaimedPreview {
  readonly space_no: number;
  readonly preview_id: string;
  readonly entity: Entity;
  readonly query: string;
  readonly options: ComputationOptions;
  readonly created_at: Date;
  /** With this one; each claim has another, so that it tells them apart. */
  readonly tries: number;
}

export interface Found {
  readonly results: readonly string[];
  readonly size: number;
}

const claimMs = 15_000;
/** After it failed. */
const restMs = 5_000;
const mostTries = 3;

/** The one that waits longest, of those that were tried least. */
export async function claimPreview({ db, clock }: PreviewContext): Promise<ClaimedPreview | undefined> {
  const { rows } = await db.pool.query<ClaimedPreview>(
    `UPDATE audience_previews SET claimed_until = $2, tries = tries + 1 WHERE (space_no, preview_id) = (
        SELECT space_no, preview_id FROM audience_previews
        WHERE status = 'RUNNING' AND (claimed_until IS NULL OR claimed_until < $1)
        ORDER BY tries, created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
      RETURNING space_no, preview_id, entity, query, options, created_at, tries`,
    [clock.now(), after(clock, claimMs)],
  );
  return rows[0];
}

/** Whether so many processes died over it that nobody should try again. */
export function isHopeless({ tries }: ClaimedPreview): boolean {
  return tries > mostTries;
}

/** Keeps the claim while `work` goes on. `isOver` tells the work that the claim was lost. */
export async function whileClaimed<T>(
  context: PreviewContext,
  preview: ClaimedPreview,
  work: (isOver: () => boolean) => Promise<T>,
): Promise<T> {
  const { clock, log, renewEveryMs = 4_000 } = context;
  const done = new AbortController();
  let isLost = false;
  const keep = async () => {
    while (!done.signal.aborted && !isLost) {
      await sleep(renewEveryMs, undefined, { signal: done.signal }).catch(() => undefined);
      if (done.signal.aborted) return;
      try {
        isLost = !(await change(context, preview, 'claimed_until = $4', [after(clock, claimMs)]));
      } catch (error) {
        log.debug({ err: error, preview: preview.preview_id }, 'a claim could not be renewed, and is tried again');
      }
    }
  };
  const keeping = keep();
  try {
    return await work(() => isLost);
  } finally {
    done.abort();
    await keeping;
  }
}

/** Another process goes on with it at once. That it was tried here does not count. */
export async function handOn(context: PreviewContext, preview: ClaimedPreview): Promise<void> {
  await change(context, preview, 'claimed_until = NULL, tries = tries - 1', []);
}

/** Tries it again a little later, or gives it up. */
export async function putBack(context: PreviewContext, preview: ClaimedPreview): Promise<void> {
  if (preview.tries >= mostTries)
    await giveUp(context, preview, 'It could not be computed; the log of the server says why.');
  else await change(context, preview, 'claimed_until = $4', [after(context.clock, restMs)]);
}

export async function giveUp(context: PreviewContext, preview: ClaimedPreview, failure: string): Promise<void> {
  await change(context, preview, "status = 'FAILED', failure = $4", [failure]);
}

export async function complete(
  context: PreviewContext,
  preview: ClaimedPreview,
  { results, size }: Found,
): Promise<void> {
  await change(context, preview, "status = 'COMPLETED', results = $4, size = $5", [results, size]);
}

/** Returns whether it was still claimed: false when another process has it by now, or it was deleted. */
async function change(
  { db }: PreviewContext,
  { space_no: spaceNo, preview_id: id, tries }: ClaimedPreview,
  set: string,
  values: readonly unknown[],
): Promise<boolean> {
  const { rowCount } = await db.pool.query(
    `UPDATE audience_previews SET ${set}
      WHERE space_no = $1 AND preview_id = $2 AND tries = $3 AND status = 'RUNNING'`,
    [spaceNo, id, tries, ...values],
  );
  return rowCount === 1;
}

function after(clock: Clock, ms: number): Date {
  return new Date(clock.now().getTime() + ms);
}
