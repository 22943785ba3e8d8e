/**
 * Tries an audience out: who would be in it, without writing anything about them. In: a preview that was asked for. Out:
 * how many, and some of them. Promised: one that a process died over is done by another, a minute later.
 */
import { breathe } from '../base/breathe.ts';
import type { Clock } from '../base/clock.ts';
import type { Database } from '../db/db.ts';
import { loadSubjects, nextProfiles } from '../space/space.ts';
import type { ComputationOptions } from './audience.ts';
import { listComputations } from './computations.ts';
import { evaluate, isCounted, viewOf } from './evaluate.ts';
import { type Lens, lensOf, wantedSubjects } from './prepare.ts';
import { compileQuery } from './query/compile.ts';
import type { Entity } from './query/query.ts';

interface ClaimedPreview {
  readonly space_no: number;
  readonly preview_id: string;
  readonly entity: Entity;
  readonly query: string;
  readonly options: ComputationOptions;
  readonly created_at: Date;
}

export interface PreviewContext {
  readonly db: Database;
  readonly clock: Clock;
}

const claimMs = 60_000;
/** How many are shown. */
const mostShown = 100;
const profilesAtOnce = 250;

/** Runs the preview that waits longest. Returns whether there was one. */
export async function runPreview(context: PreviewContext, signal: AbortSignal): Promise<boolean> {
  const { db, clock } = context;
  const { rows } = await db.pool.query<ClaimedPreview>(
    `UPDATE audience_previews SET claimed_until = $2 WHERE (space_no, preview_id) = (
        SELECT space_no, preview_id FROM audience_previews
        WHERE status = 'RUNNING' AND (claimed_until IS NULL OR claimed_until < $1)
        ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
      RETURNING space_no, preview_id, entity, query, options, created_at`,
    [clock.now(), new Date(clock.now().getTime() + claimMs)],
  );
  const [preview] = rows;
  if (preview === undefined) return false;
  const compiled = compileQuery(preview.query, { kind: 'audience', entity: preview.entity });
  if (compiled.kind === 'faulty') {
    await end(context, preview, { failure: compiled.faults.map(({ message }) => message).join(' ') });
    return true;
  }
  const lens = lensOf(compiled.query, preview.options, preview.created_at);
  const found = await findMembers(context, preview, lens, signal);
  if (found !== null) await end(context, preview, found);
  return true;
}

interface Failed {
  /** What is shown. */
  readonly failure: string;
}

interface Found {
  readonly results: readonly string[];
  readonly size: number;
}

const tooMuch =
  'A profile has too many events for a query that looks for events from others. Narrow it by within(parent: …).';

/** Null when it was stopped: another process goes on. */
async function findMembers(
  { db, clock }: PreviewContext,
  preview: ClaimedPreview,
  lens: Lens,
  signal: AbortSignal,
): Promise<Found | Failed | null> {
  const { space_no: spaceNo, preview_id: id, entity } = preview;
  const wanted = wantedSubjects([lens], await listComputations(db.pool, spaceNo));
  const results: string[] = [];
  let size = 0;
  let after = '';
  for (;;) {
    if (signal.aborted) {
      await renew(db, spaceNo, id, null);
      return null;
    }
    const ids = await nextProfiles(db.pool, spaceNo, entity === 'USERS' ? 'users' : 'accounts', after, profilesAtOnce);
    const last = ids.at(-1);
    if (last === undefined) return { results, size };
    after = last;
    for await (const { subjects } of loadSubjects(db, spaceNo, ids, wanted)) {
      const now = clock.now().getTime();
      for (const subject of subjects) {
        if (!isCounted(subject, preview)) continue;
        const evaluated = evaluate(viewOf(subject, subject.traits, lens), lens, now);
        if (evaluated === null) return { failure: tooMuch };
        if (evaluated.value !== true) continue;
        size += 1;
        if (results.length < mostShown) results.push(subject.profile.segmentId);
      }
      await renew(db, spaceNo, id, new Date(now + claimMs));
      await breathe();
    }
  }
}

async function renew(db: Database, spaceNo: number, id: string, until: Date | null): Promise<void> {
  await db.pool.query('UPDATE audience_previews SET claimed_until = $3 WHERE space_no = $1 AND preview_id = $2', [
    spaceNo,
    id,
    until,
  ]);
}

async function end(
  { db }: PreviewContext,
  { space_no: spaceNo, preview_id: id }: ClaimedPreview,
  outcome: Found | Failed,
): Promise<void> {
  const values =
    'failure' in outcome ? ['FAILED', null, null, outcome.failure] : ['COMPLETED', outcome.results, outcome.size, null];
  await db.pool.query(
    `UPDATE audience_previews SET status = $3, results = $4, size = $5, failure = $6
      WHERE space_no = $1 AND preview_id = $2`,
    [spaceNo, id, ...values],
  );
}

/** People of the space were deleted, and may be among those it shows; whoever wants to see them asks again. */
export async function forgetPreviews(db: Database, spaceNo: number): Promise<void> {
  await db.pool.query('DELETE FROM audience_previews WHERE space_no = $1', [spaceNo]);
}

/** Those that were asked for before. */
export async function prunePreviews(db: Database, before: Date): Promise<void> {
  await db.pool.query('DELETE FROM audience_previews WHERE created_at < $1', [before]);
}
