/** The Profile API over a space that a sync has filled. */

import { buildApi } from '../src/api/api.ts';
import { systemClock } from '../src/base/clock.ts';
import { createLog } from '../src/base/log.ts';
import type { Database } from '../src/db/db.ts';
import { createSpaceReader, deleteIdentifier } from '../src/space/space.ts';
import { createToken, findSpace, type Space, verifyToken } from '../src/workspace/workspace.ts';
import type { BenchResult } from './bench.ts';
import { firePaced, gets, median, profileApiBench } from './profile-api.ts';

interface Reading {
  readonly paths: readonly string[];
  readonly token: string;
  readonly app: () => ReturnType<typeof buildApi>;
}

async function readingOf(db: Database, space: Space, rows: number): Promise<Reading> {
  const { secret } = await createToken(db.pool, space.id, 'bench');
  // Each of the 50 connections prepares all of them before it begins.
  const profiles = Math.min(rows, 2_000);
  const step = Math.floor(rows / profiles);
  const paths = Array.from(
    { length: profiles },
    (_, n) => `/v1/spaces/${space.id}/collections/users/profiles/user_id:c-${n * step}/traits`,
  );
  const app = () =>
    buildApi({
      reader: createSpaceReader({ db }),
      deleteIdentifier: (spaceNo, identifier) => deleteIdentifier(db, spaceNo, identifier),
      verifyToken: (token) => verifyToken(db.pool, token),
      findSpace: (name) => findSpace(db.pool, name),
      log: createLog({ level: 'error' }),
      clock: systemClock,
      limits: { profileRequestsPerSecond: 0 },
      ready: async () => true,
    });
  return { paths, token: secret, app };
}

export async function benchProfileApi(db: Database, space: Space, rows: number, say: (sentence: string) => void) {
  const { paths, token, app } = await readingOf(db, space, rows);
  return profileApiBench({ target: app, paths, token, onProgress: say });
}

/** Requests per second while the sync runs: what a busy web shop asks for. */
const pace = 1_000;
/** Medians of rounds, as a checkpoint of the database may fall into one of them. */
const rounds = 3;
const secondsPerRound = 4;

/** Latencies at a steady pace while a sync in its own process writes to every profile; the limit is the pace itself. */
export async function benchProfileApiDuringSync(
  db: Database,
  space: Space,
  rows: number,
  sync: (begun: () => void) => Promise<number>,
  say: (sentence: string) => void,
): Promise<BenchResult> {
  const { paths, token, app: make } = await readingOf(db, space, rows);
  const app = await make();
  try {
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    const load = { url, requests: gets(paths), token, connections: 50, seconds: secondsPerRound };
    let begun: () => void = () => undefined;
    const loading = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const running = sync(begun);
    await Promise.race([loading, running]);
    const measured: { readonly p50: number; readonly p99: number }[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const { p50, p99 } = await firePaced(load, pace);
      say(`round ${round}: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
      measured.push({ p50, p99 });
    }
    const stillRunning = Symbol('running');
    if ((await Promise.race([running, Promise.resolve(stillRunning)])) !== stillRunning) {
      throw new Error('The sync ended before the measurement did: take more rows.');
    }
    say(`the sync beside it: ${Math.round(await running)} rows/s`);
    const peakMemoryMB = Math.round(process.resourceUsage().maxRSS / 1024);
    const name = 'profile-api-during-sync';
    return {
      name,
      rows: pace * rounds * secondsPerRound,
      seconds: rounds * secondsPerRound,
      rate: pace,
      limitRate: pace,
      ratio: 1,
      peakMemoryMB,
      p50Ms: median(measured.map(({ p50 }) => p50)),
      p99Ms: median(measured.map(({ p99 }) => p99)),
    };
  } finally {
    await app.close();
  }
}
