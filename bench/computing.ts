/**
 * How fast audiences and computed traits are computed, over a space that a sync has filled: a run over all profiles, by
 * the worker that a server has, and how long a person waits from an event to being in an audience. The limit of the run
 * is what the vendor promises of its own: 10,000 profiles a second.
 */
import { createComputation, startComputations } from '../src/audience/audience.ts';
import { systemClock } from '../src/base/clock.ts';
import { createLog } from '../src/base/log.ts';
import type { Database } from '../src/db/db.ts';
import { countMembers, createSpaceReader, createSpaceWriter, type SpaceRef } from '../src/space/space.ts';
import type { BenchResult } from './bench.ts';

const vendorRate = 10_000;
/** Of ten people one did something, so often. */
const eventsEach = 5;
const waits = 200;

const definitions = [
  ['audience', 'Spenders', "event('Order Completed').within(30 days).sum(property('total')) >= 100"],
  ['audience', 'Reachable', "trait('email').exists() AND NOT trait('spenders') = 'true'"],
  ['computed_trait', 'Orders', "event('Order Completed').count()"],
] as const;

export async function benchComputing(
  db: Database,
  space: SpaceRef,
  rows: number,
  say: (sentence: string) => void,
): Promise<BenchResult[]> {
  await addOrders(db, space, rows);
  const audiences: string[] = [];
  for (const [kind, name, query] of definitions) {
    const wanted = { kind, name, query, entity: 'USERS', description: '', enabled: true, options: {} } as const;
    const made = await createComputation({ db, clock: systemClock }, space.no, wanted, 'bench', async () => undefined);
    if (made.kind === 'refused') throw new Error(made.faults.map(({ message }) => message).join(' '));
    audiences.push(made.id);
  }
  const log = createLog({ level: 'error' });
  const began = performance.now();
  await using _worker = startComputations({ db, clock: systemClock, log });
  while (await isRunning(db)) await new Promise((resolve) => setTimeout(resolve, 50));
  const seconds = (performance.now() - began) / 1_000;
  const members = await countMembers(db.pool, space.no, audiences[0] as string);
  if (members === 0) throw new Error('Nobody is in the audience; the numbers would mean nothing.');
  const rate = (rows * definitions.length) / seconds;
  say(`runs of ${definitions.length} computations over ${rows} profiles: ${seconds.toFixed(1)} s; ${members} members`);
  const peakMemoryMB = Math.round(process.resourceUsage().maxRSS / 1024);
  const times = await timeEntries(db, space);
  const [p50Ms, p99Ms] = [at(times, 0.5), at(times, 0.99)];
  say(`from an event to the audience: p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms`);
  const run = { name: 'computing', rows, seconds, rate, limitRate: vendorRate, ratio: rate / vendorRate };
  return [{ ...run, peakMemoryMB, p50Ms, p99Ms }];
}

async function isRunning(db: Database): Promise<boolean> {
  const { rowCount } = await db.pool.query('SELECT FROM computations WHERE run_asked_at IS NOT NULL LIMIT 1');
  return rowCount === 1;
}

async function addOrders(db: Database, space: SpaceRef, rows: number): Promise<void> {
  await using writer = createSpaceWriter({ db });
  const now = Date.now();
  for (let from = 0; from < rows; from += 10_000) {
    const batch = [];
    for (let n = from; n < Math.min(rows, from + 10_000); n += 10) {
      for (let event = 0; event < eventsEach; event += 1) {
        const properties = { total: (n + event) % 60, currency: 'EUR' };
        const timestamp = new Date(now - event * 86_400_000).toISOString();
        const message = { type: 'track', userId: `c-${n}`, event: 'Order Completed', properties, timestamp };
        batch.push({
          message: { ...message, messageId: `o-${n}-${event}` },
          receivedAt: new Date(now),
          sourceId: 'src_bench',
        });
      }
    }
    await writer.write(space, batch);
  }
}

/** One person after the other, who was in no audience of orders. */
async function timeEntries(db: Database, space: SpaceRef): Promise<readonly number[]> {
  await using writer = createSpaceWriter({ db });
  const reader = createSpaceReader({ db });
  const times: number[] = [];
  for (let n = 0; n < waits; n += 1) {
    const userId = `c-${n * 10 + 1}`;
    const message = {
      type: 'track',
      userId,
      event: 'Order Completed',
      properties: { total: 500 },
      messageId: `w-${n}`,
    };
    const began = performance.now();
    await writer.write(space, [{ message, receivedAt: new Date(), sourceId: 'src_bench' }]);
    const key = { kind: 'identifier', type: 'user_id', value: userId } as const;
    for (;;) {
      const profile = await reader.profile(space.no, 'users', key);
      if (profile?.traits.some((trait) => trait.key === 'spenders' && trait.value === true) === true) break;
      if (performance.now() - began > 30_000) throw new Error('Nobody entered the audience within 30 s.');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    times.push(performance.now() - began);
  }
  return times;
}

function at(all: readonly number[], part: number): number {
  const sorted = [...all].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}
