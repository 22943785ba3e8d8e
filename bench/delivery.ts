/**
 * How fast messages go out over HTTP: batches of 1,500 messages of some 450 bytes through the HTTP endpoint, three calls at
 * a time as a sync makes them, to a server in a process of its own that reads and parses each request. Beside it a bare client
 * that posts the same bodies, prepared before the clock starts, over as many connections. By turns in one run.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../src/base/clock.ts';
import type { JsonObject } from '../src/base/json.ts';
import { createRate, type Delivery, defaultHttpSettings, openHttpEndpoint } from '../src/delivery/delivery.ts';
import { bodyOf, splitIntoRequests } from '../src/delivery/requests.ts';
import { writeMessage } from '../src/delivery/wire-message.ts';
import type { BenchResult } from './bench.ts';

const rounds = 5;
const batchSize = 1_500;
const callsAtOnce = 3;
const writeKey = 'bench';
/** So that what waits to be sent does not count as memory of the endpoint. */
const longestRound = 150_000;

export async function deliveryBench(rows: number, say: (sentence: string) => void): Promise<BenchResult> {
  const server = fork(fileURLToPath(new URL('./delivery-server.mjs', import.meta.url)));
  try {
    const [port] = (await once(server, 'message')) as [number];
    return await measure(`http://127.0.0.1:${port}`, rows, say);
  } finally {
    await stop(server);
  }
}

async function measure(origin: string, rows: number, say: (sentence: string) => void): Promise<BenchResult> {
  const perRound = Math.min(rows, longestRound);
  const [rates, limits]: [number[], number[]] = [[], []];
  let seconds = 0;
  for (let round = 0; round <= rounds; round++) {
    const batches = makeBatches(perRound, round);
    const bodies = batches.flatMap(bodiesOf);
    const bare = await timed(() => postAll(origin, bodies));
    const ours = await timed(() => deliverAll(origin, batches));
    if (round === 0) continue;
    seconds += ours;
    rates.push(perRound / ours);
    limits.push(perRound / bare);
    say(`delivery, round ${round}: ${Math.round(perRound / ours)} rows/s; bare ${Math.round(perRound / bare)}`);
  }
  await expectArrived(origin, 2 * (rounds + 1) * perRound);
  const [rate, limitRate] = [median(rates), median(limits)];
  const peakMemoryMB = Math.round(process.resourceUsage().maxRSS / 1024);
  const ratio = rate / limitRate;
  return { name: 'delivery', rows: rounds * perRound, seconds, rate, limitRate, ratio, peakMemoryMB };
}

async function deliverAll(origin: string, batches: readonly (readonly Delivery[])[]): Promise<void> {
  await using endpoint = await openHttpEndpoint({
    name: 'custom',
    trackingUrl: `${origin}/v1`,
    rate: createRate(0),
    clock: systemClock,
  });
  const about = { mappingId: 'map_bench', syncId: 'syn_bench' };
  await inParallel(callsAtOnce, batches, async (batch) => {
    const receipts = await endpoint.deliver(batch, about, async () => undefined);
    const failed = receipts.find(({ kind }) => kind !== 'delivered');
    if (failed !== undefined) throw new Error(`a message was not delivered: ${JSON.stringify(failed)}`);
  });
}

async function postAll(origin: string, bodies: readonly Buffer[]): Promise<void> {
  const { Pool } = await import('undici');
  const { connections } = defaultHttpSettings;
  const pool = new Pool(origin, { connections });
  const headers = {
    authorization: `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`,
    'content-type': 'application/json',
  };
  await inParallel(connections, bodies, async (body) => {
    const response = await pool.request({ method: 'POST', path: '/v1/batch', headers, body });
    if (response.statusCode !== 200) throw new Error(`answered ${response.statusCode}`);
    await response.body.text();
  });
  await pool.close();
}

function bodiesOf(batch: readonly Delivery[]): readonly Buffer[] {
  const messages = batch.map(({ message }, place) => {
    const written = writeMessage(message, place);
    if (!written.ok) throw new Error(written.receipt.reason);
    return written.wire;
  });
  return splitIntoRequests(messages).map((request) => Buffer.from(bodyOf(request, new Date())));
}

/** As Send Identify makes them. */
function makeBatches(rows: number, round: number): readonly (readonly Delivery[])[] {
  const batches: Delivery[][] = [];
  for (let row = 0; row < rows; row++) {
    if (row % batchSize === 0) batches.push([]);
    batches.at(-1)?.push({ space: writeKey, message: makeMessage(`${round}-${row}`) });
  }
  return batches;
}

function makeMessage(id: string): JsonObject {
  return {
    type: 'identify',
    userId: `u-${id}`,
    messageId: `mr-0123456789abcdef-${id}`,
    traits: {
      email: `person-${id}@example.org`,
      name: `Person ${id}`,
      city: 'Lisbon',
      country: 'PT',
      plan: 'gold',
      orders: 12,
      revenue: 1234.5,
      note: 'Prefers to be called in the morning; reads the newsletter.',
    },
    timestamp: '2026-03-01T09:30:00.000Z',
    integrations: { All: false },
    context: { consent: {} },
  };
}

async function inParallel<T>(workers: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const run = async () => {
    while (next < items.length) await work(items[next++] as T);
  };
  await Promise.all(Array.from({ length: workers }, run));
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

async function expectArrived(origin: string, messages: number): Promise<void> {
  const answer = (await (await fetch(origin)).json()) as { messages: number };
  if (answer.messages !== messages) throw new Error(`${answer.messages} messages arrived instead of ${messages}`);
}

async function stop(server: ChildProcess): Promise<void> {
  const exit = once(server, 'exit');
  server.disconnect();
  await exit;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}
