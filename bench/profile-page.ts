/**
 * How long the web app waits for a profile: the requests of its page, as a person who is signed in sends them, over a space
 * that a sync has filled. Each page is of another profile, so nothing is remembered of it; some have events, an account and
 * subscriptions, as the others of a space have. The limit is what a person takes for at once.
 */
import { tmpdir } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { buildApi } from '../src/api/api.ts';
import { systemClock } from '../src/base/clock.ts';
import { createLog } from '../src/base/log.ts';
import { workspaceChecks } from '../src/cli/workspace-checks.ts';
import type { Database } from '../src/db/db.ts';
import { listProfileSpaces, segmentProfiles, testConnection } from '../src/destination/destination.ts';
import { createSpaceReader, createSpaceWriter, deleteIdentifier } from '../src/space/space.ts';
import { excludeSyncs, planSync, type SyncContext } from '../src/sync/sync.ts';
import { openWarehouse } from '../src/warehouse/warehouse.ts';
import {
  createWorkspaceToken,
  findSpace,
  listSpaces,
  openSecrets,
  type Space,
  verifyToken,
  verifyWorkspaceToken,
} from '../src/workspace/workspace.ts';
import type { BenchResult } from './bench.ts';

/** A page that opens within this opens at once. */
const limitMs = 150;
const pages = 300;
const eventsEach = 200;

/** What each step of somebody who looks a person up asks for. */
type Step = 'recent list' | 'find by e-mail' | 'page, first tab' | 'events' | 'links';

export async function benchProfilePage(
  db: Database,
  space: Space,
  rows: number,
  say: (sentence: string) => void,
): Promise<BenchResult> {
  const step = Math.max(1, Math.floor(rows / pages));
  const numbers = Array.from({ length: Math.min(pages, rows) }, (_, n) => n * step);
  await addActivity(db, space, numbers);
  const { secret } = await createWorkspaceToken(db.pool, 'bench');
  const app = await appOver(db);
  const times = new Map<Step, number[]>();
  const began = performance.now();
  try {
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    const ask = async (name: Step, path: string) => {
      const start = performance.now();
      const answer = await fetch(`${url}/public-api/spaces/${space.id}/profiles${path}`, {
        headers: { authorization: `Bearer ${secret}` },
      });
      const { data } = (await answer.json()) as { data: { profiles?: readonly { id: string }[] } };
      if (answer.status !== 200)
        throw new Error(`${name} was answered ${answer.status}; the numbers would mean nothing.`);
      times.set(name, [...(times.get(name) ?? []), performance.now() - start]);
      return data;
    };
    for (const n of numbers) {
      await ask('recent list', '?pagination[count]=50');
      const { profiles = [] } = await ask('find by e-mail', `?find=user${n}@example.com`);
      const [profile] = profiles;
      if (profile === undefined) throw new Error('A profile was not found; the numbers would mean nothing.');
      // Written to meanwhile, so that the page reads it anew.
      await db.pool.query(`UPDATE space_heads SET seq = seq + 2000 WHERE space_no = $1`, [space.no]);
      await ask('page, first tab', `/${profile.id}`);
      await ask('events', `/${profile.id}/events?pagination[count]=50`);
      await ask('links', `/${profile.id}/links?pagination[count]=50`);
    }
  } finally {
    await app.close();
  }
  const seconds = (performance.now() - began) / 1_000;
  for (const [name, all] of times) {
    say(
      `${name}: p50 ${at(all, 0.5).toFixed(1)} ms, p99 ${at(all, 0.99).toFixed(1)} ms, max ${at(all, 1).toFixed(1)} ms`,
    );
  }
  const page = times.get('page, first tab') ?? [];
  const [p50Ms, p99Ms] = [at(page, 0.5), at(page, 0.99)];
  const [rate, limitRate] = [1_000 / p50Ms, 1_000 / limitMs];
  const peakMemoryMB = Math.round(process.resourceUsage().maxRSS / 1024);
  return { name: 'profile-page', rows, seconds, rate, limitRate, ratio: rate / limitRate, peakMemoryMB, p50Ms, p99Ms };
}

function at(all: readonly number[], part: number): number {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

/** Events over two weeks, an account of many, and a subscription, for each of these. */
async function addActivity(db: Database, space: Space, numbers: readonly number[]): Promise<void> {
  await using writer = createSpaceWriter({ db });
  const now = Date.now();
  for (const n of numbers) {
    const [userId, key] = [`c-${n}`, `user${n}@example.com`];
    const context = { messaging_subscriptions: [{ key, type: 'EMAIL', status: 'SUBSCRIBED' }] };
    const events = Array.from({ length: eventsEach }, (_, event) => ({
      ...{ type: 'track', userId, event: 'Product Viewed', properties: { sku: `sku-${event}`, price: event / 4 } },
      timestamp: new Date(now - event * 6_000_000).toISOString(),
    }));
    const messages = [
      { type: 'identify', userId, traits: {}, context },
      { type: 'group', userId, groupId: `g-${n % 20}`, traits: { name: `Company ${n % 20}` } },
      ...events,
    ];
    await writer.write(
      space,
      messages.map((message, at) => ({
        ...{ message: { ...message, messageId: `bench-${n}-${at}` }, sourceId: 'src_bench' },
        // A day's partition for each of the last weeks, as a server has.
        receivedAt: new Date(now - Math.max(0, at - 2) * 6_000_000),
      })),
    );
  }
}

async function appOver(db: Database): Promise<FastifyInstance> {
  const log = createLog({ level: 'error' });
  await using writer = createSpaceWriter({ db });
  const secrets = await openSecrets({ key: '0'.repeat(64), dataFolder: tmpdir() });
  const sync: SyncContext = {
    ...{ db, log, clock: systemClock, writer },
    openWarehouse: (source) => openWarehouse(source.engine, source.settings),
  };
  return buildApi({
    reader: createSpaceReader({ db }),
    deleteIdentifier: (spaceNo, identifier) => deleteIdentifier(db, spaceNo, identifier),
    verifyToken: (token) => verifyToken(db.pool, token),
    findSpace: (name) => findSpace(db.pool, name),
    publicApi: {
      ...{ db, secrets, checks: workspaceChecks, destination: segmentProfiles, excludeSyncs, fileFolders: [] },
      verifyWorkspaceToken: (token) => verifyWorkspaceToken(db.pool, token),
      spaceHasProfiles: async () => true,
      forgetMapping: async () => undefined,
      planMapping: (mapping, options) => planSync(sync, mapping, options),
      sync,
      region: {
        testConnection: (settings) => testConnection(settings),
        profileSpaces: (settings) => listProfileSpaces(settings, { localSpaces: () => listSpaces(db.pool) }),
      },
    },
    log,
    clock: systemClock,
    limits: { profileRequestsPerSecond: 0 },
    ready: async () => true,
  });
}
