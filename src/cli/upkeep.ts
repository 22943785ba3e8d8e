/** What a server does beside serving: forgets what has expired. Any number of processes may do it at once. */
import { prunePreviews } from '../audience/audience.ts';
import type { Database } from '../db/db.ts';
import { expireDays, pruneSpaceLog } from '../space/space.ts';
import {
  foldEventCounts,
  foldMessageCounts,
  forgetGoneNames,
  pruneDiscards,
  pruneOauth,
  pruneSessions,
  pruneSignInFailures,
} from '../workspace/workspace.ts';
import type { CliContext } from './context.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** The log of a space and of discarded messages (`profile-space.md` section 7). */
const logDays = 30;

/** Now, and every hour until it is disposed of. Failures are logged; the next hour tries again. */
export function keepTidy({ clock, config, log }: CliContext, db: Database): AsyncDisposable {
  const tidy = async () => {
    const now = clock.now();
    const { events } = await expireDays(db, now, config.eventDays);
    if (events > 0) log.info({ days: events }, 'expired days of events were dropped');
    const before = new Date(now.getTime() - logDays * dayMs);
    await pruneSpaceLog(db.pool, before);
    await pruneDiscards(db.pool, before);
    await foldMessageCounts(db.pool, now);
    await foldEventCounts(db.pool, now);
    await forgetGoneNames(db.pool);
    await prunePreviews(db, new Date(now.getTime() - dayMs));
    await pruneOauth(db.pool, now);
    await pruneSessions(db.pool, { idleDays: config.sessionIdleDays, longestDays: config.sessionDays }, now);
    await pruneSignInFailures(db.pool, now);
  };
  const run = () => tidy().catch((error: unknown) => log.error({ err: error }, 'expired data could not be dropped'));
  let running = run();
  const timer = setInterval(() => {
    running = running.then(run);
  }, hourMs);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await running;
    },
  };
}
