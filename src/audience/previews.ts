/**
 * Tries an audience out: who would be in it, without writing anything about them. In: a preview that was asked for. Out:
 * how many, and some of them; or that it failed. Promised: one that a process died over is done by another; one that
 * fails is logged, tried again twice, and then told to have failed; the others do not wait for it.
 */
import { breathe } from '../base/breathe.ts';
import type { Database } from '../db/db.ts';
import { loadSubjects, nextProfiles } from '../space/space.ts';
import { listComputations } from './computations.ts';
import { withoutContents } from './errors.ts';
import { isCounted, viewOf } from './evaluate.ts';
import { lensOf, wantedSubjects } from './prepare.ts';
import {
  type ClaimedPreview,
  claimPreview,
  complete,
  type Found,
  giveUp,
  handOn,
  isHopeless,
  type PreviewContext,
  putBack,
  whileClaimed,
} from './preview-claims.ts';
import { compileQuery } from './query/compile.ts';
import type { CompiledQuery } from './query/query.ts';
import { TooMuch } from './query/run.ts';

/** How many are shown. */
const mostShown = 100;
const profilesAtOnce = 250;

/** Runs the preview that waits longest. Returns whether there was one. */
export async function runPreview(context: PreviewContext, signal: AbortSignal): Promise<boolean> {
  const preview = await claimPreview(context);
  if (preview === undefined) return false;
  const { space_no: space, preview_id: id, tries } = preview;
  if (isHopeless(preview)) {
    context.log.error({ space, preview: id }, 'a preview is given up: each process that worked on it died or hung');
    await putBack(context, preview);
    return true;
  }
  try {
    await tryPreview(context, preview, signal);
  } catch (error) {
    if (signal.aborted) {
      await handOn(context, preview);
      return true;
    }
    context.log.error({ err: withoutContents(error), space, preview: id, try: tries }, 'a preview cannot be computed');
    await putBack(context, preview);
  }
  return true;
}

async function tryPreview(context: PreviewContext, preview: ClaimedPreview, signal: AbortSignal): Promise<void> {
  const compiled = compileQuery(preview.query, { kind: 'audience', entity: preview.entity });
  if (compiled.kind === 'faulty') {
    await giveUp(context, preview, compiled.faults.map(({ message }) => message).join(' '));
    return;
  }
  const found = await whileClaimed(context, preview, (isLost) =>
    findMembers(context, preview, compiled.query, () => signal.aborted || isLost()).catch((error: unknown) => {
      if (error instanceof TooMuch) return 'too much' as const;
      throw error;
    }),
  );
  if (found === null) await handOn(context, preview);
  else if (found === 'too much') await giveUp(context, preview, tooMuch);
  else await complete(context, preview, found);
}

const tooMuch =
  'A profile has too many events for this query, which compares them with each other. Narrow it by within(parent: …).';

/** Null when it was over before the end. */
async function findMembers(
  { db, clock }: PreviewContext,
  preview: ClaimedPreview,
  query: CompiledQuery,
  isOver: () => boolean,
): Promise<Found | null> {
  const { space_no: spaceNo, entity } = preview;
  const lens = lensOf(query, preview.options, preview.created_at);
  const wanted = wantedSubjects([lens], await listComputations(db.pool, spaceNo));
  const results: string[] = [];
  let size = 0;
  let after = '';
  for (;;) {
    if (isOver()) return null;
    const ids = await nextProfiles(db.pool, spaceNo, entity === 'USERS' ? 'users' : 'accounts', after, profilesAtOnce);
    const last = ids.at(-1);
    if (last === undefined) return { results, size };
    after = last;
    for await (const { subjects } of loadSubjects(db, spaceNo, ids, wanted)) {
      const now = clock.now().getTime();
      for (const subject of subjects) {
        // Also for the timer that renews the claim: a profile may have very many events.
        await breathe();
        if (isOver()) return null;
        if (!isCounted(subject, preview)) continue;
        if (lens.query.evaluate(viewOf(subject, subject.traits, lens), now).value !== true) continue;
        size += 1;
        if (results.length < mostShown) results.push(subject.profile.segmentId);
      }
    }
  }
}

/** People of the space were deleted, and may be among those it shows; whoever wants to see them asks again. */
export async function forgetPreviews(db: Database, spaceNo: number): Promise<void> {
  await db.pool.query('DELETE FROM audience_previews WHERE space_no = $1', [spaceNo]);
}

/** Those that were asked for before. */
export async function prunePreviews(db: Database, before: Date): Promise<void> {
  await db.pool.query('DELETE FROM audience_previews WHERE created_at < $1', [before]);
}
