/**
 * How fast the Tracking API takes messages: batches of 100 messages of 1 KB into profiles that are there, each message an
 * event on its profile, durable when it is answered. Beside it the least that any such server has to do: the same requests
 * through Fastify, parsed, and each batch stored by COPY as rows of text without an index. Both by turns in one run.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import Fastify, { type FastifyInstance } from 'fastify';
import { from as copyFrom } from 'pg-copy-streams';
import { buildApi } from '../src/api/api.ts';
import { systemClock } from '../src/base/clock.ts';
import { createLog } from '../src/base/log.ts';
import type { Database } from '../src/db/db.ts';
import {
  createInlet,
  createLiveFeed,
  createSpaceReader,
  createSpaceWriter,
  deleteIdentifier,
} from '../src/space/space.ts';
import {
  countCalls,
  createDiscardLog,
  createEventStream,
  createSpace,
  createUsage,
  findSpace,
  findStreamByWriteKey,
  verifyToken,
} from '../src/workspace/workspace.ts';
import type { BenchResult } from './bench.ts';

const messagesPerRequest = 100;
const users = 10_000;
const connections = 32;
const rounds = 5;

interface Load {
  readonly bytes: number;
  readonly p50: number;
  readonly p99: number;
  readonly seconds: number;
}

export async function trackingBench(db: Database, say: (sentence: string) => void): Promise<BenchResult> {
  const log = createLog({ level: 'error' });
  const space = await createSpace(db.pool, 'bench-tracking');
  const stream = await createEventStream(db, { name: 'bench', spaces: [space.id], clientSide: false });
  const feed = createLiveFeed({ db, log });
  const writer = createSpaceWriter({ db, onWritten: feed.show.bind(feed) });
  const usage = createUsage();
  const inlet = createInlet({
    writer,
    maxWaitingBytes: 256e6,
    onTaken: (tx, taken, messages, outcomes) => countCalls(usage, tx, taken, messages, outcomes),
  });
  const discards = createDiscardLog({ db: db.pool, clock: systemClock, log });
  const ours = await buildApi({
    reader: createSpaceReader({ db }),
    deleteIdentifier: (spaceNo, identifier) => deleteIdentifier(db, spaceNo, identifier),
    verifyToken: (token) => verifyToken(db.pool, token),
    findSpace: (name) => findSpace(db.pool, name),
    log,
    clock: systemClock,
    limits: { profileRequestsPerSecond: 0 },
    ready: async () => true,
    tracking: {
      findStream: (writeKey) => findStreamByWriteKey(db.pool, writeKey),
      inlet,
      discards,
      requestsPerSecond: 0,
      strictItemSize: false,
      rejectUnknownWriteKey: false,
    },
  });
  const bare = await bareServer(db);
  try {
    const oursAt = await ours.listen({ host: '127.0.0.1', port: 0 });
    const bareAt = await bare.listen({ host: '127.0.0.1', port: 0 });
    const fireOurs = (requests: number, prefix: string) => fire(oursAt, stream.writeKey, requests, prefix);
    const fireBare = (requests: number, prefix: string) => fire(bareAt, stream.writeKey, requests, prefix);
    await fireOurs(400, 'warm');
    await fireBare(100, 'warm');
    const requests = 600;
    const rates: number[] = [];
    const limits: number[] = [];
    let seconds = 0;
    for (let round = 1; round <= rounds; round += 1) {
      const limit = await fireBare(requests, `b${round}`);
      const load = await fireOurs(requests, `o${round}`);
      seconds += load.seconds;
      rates.push((requests * messagesPerRequest) / load.seconds);
      limits.push((requests * messagesPerRequest) / limit.seconds);
      say(
        `tracking, round ${round}: ${Math.round(rates.at(-1) ?? 0)} messages/s of ${Math.round(load.bytes / requests / messagesPerRequest)} bytes, ` +
          `answers p50 ${load.p50.toFixed(0)} ms, p99 ${load.p99.toFixed(0)} ms; bare ${Math.round(limits.at(-1) ?? 0)}`,
      );
    }
    await expectStored(db, space.no, (400 + rounds * requests) * messagesPerRequest);
    const [rate, limitRate] = [median(rates), median(limits)];
    const rows = rounds * requests * messagesPerRequest;
    const peakMemoryMB = Math.round(process.resourceUsage().maxRSS / 1024);
    return { name: 'tracking', rows, seconds, rate, limitRate, ratio: rate / limitRate, peakMemoryMB };
  } finally {
    await Promise.all([ours.close(), bare.close()]);
    await inlet[Symbol.asyncDispose]();
    await writer[Symbol.asyncDispose]();
    await feed[Symbol.asyncDispose]();
    await discards[Symbol.asyncDispose]();
  }
}

async function bareServer(db: Database): Promise<FastifyInstance> {
  await db.pool.query('CREATE TABLE bench_raw (body text NOT NULL)');
  const app = Fastify({ bodyLimit: 1024 * 1024 });
  app.post('/v1/batch', async (request) => {
    const { batch } = request.body as { batch: readonly unknown[] };
    const lines = batch.map((message) => `${JSON.stringify(message).replaceAll('\\', '\\\\')}\n`).join('');
    const client = await db.pool.connect();
    try {
      const copy = client.query(copyFrom('COPY bench_raw FROM STDIN'));
      copy.end(lines);
      await once(copy, 'finish');
    } finally {
      client.release();
    }
    return { success: true };
  });
  return app;
}

async function fire(url: string, writeKey: string, requests: number, prefix: string): Promise<Load> {
  const workerData = {
    url,
    path: '/v1/batch',
    writeKey,
    connections,
    requests,
    messages: messagesPerRequest,
    users,
    prefix,
  };
  const started = performance.now();
  const worker = new Worker(new URL('./batch-load.mjs', import.meta.url), { workerData });
  const [message] = (await once(worker, 'message')) as [Omit<Load, 'seconds'> & { error?: string }];
  const seconds = (performance.now() - started) / 1000;
  await worker.terminate();
  if (message.error !== undefined) throw new Error(`the load on ${url} failed: ${message.error}`);
  return { ...message, seconds };
}

/** Everything that was answered is an event on a profile. */
async function expectStored(db: Database, spaceNo: number, messages: number): Promise<void> {
  const { rows } = await db.pool.query('SELECT count(*)::int AS n FROM events WHERE space_no = $1', [spaceNo]);
  if (rows[0].n !== messages) throw new Error(`${rows[0].n} events are stored instead of ${messages}`);
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
