/**
 * How fast the Profile API answers. In: an app or the address of a running one, paths, a token; the rate limit is off.
 * Out: its requests per second beside those of a constant JSON route of a bare Fastify app, measured in the same run by
 * turns (medians), and the latencies at half of its load. The load generator is a thread of this process.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import autocannon from 'autocannon';
import Fastify, { type FastifyInstance } from 'fastify';

export interface ProfileApiBenchOptions {
  /** What makes an app that does not listen yet (it is closed at the end), or the base URL of a server, without a slash at the end. */
  readonly target: string | (() => Promise<FastifyInstance>);
  /** Of `/traits` requests; many different profiles, so that answers cannot be shared. */
  readonly paths: readonly string[];
  readonly token: string;
  readonly connections?: number;
  /** Rounds of each of the two. */
  readonly rounds?: number;
  readonly secondsPerRound?: number;
  readonly onProgress?: (sentence: string) => void;
}

export interface ProfileApiResult {
  readonly name: 'profile-api';
  /** Requests that were answered. */
  readonly rows: number;
  readonly seconds: number;
  /** Requests per second. */
  readonly rate: number;
  /** Of the constant route. */
  readonly limitRate: number;
  readonly ratio: number;
  /** Of this process, the load generator included. */
  readonly peakMemoryMB: number;
  /** At half of `rate`. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const constantBody = {
  traits: { 'Plan Tier': 'gold', city: 'Lyon', lifetime_orders: 12, vip_buyers: true },
  cursor: { url: '', has_more: false, next: '', limit: 10 },
};

interface Load {
  readonly url: string;
  readonly paths: readonly string[];
  readonly token: string;
  readonly connections: number;
  readonly seconds: number;
}

/** Error: any answer but 200, so that a server that refuses is not called fast. */
async function fire(load: Load): Promise<autocannon.Result> {
  const result = await autocannon({
    url: load.url,
    connections: load.connections,
    duration: load.seconds,
    workers: 1,
    headers: headersOf(load.token),
    requests: load.paths.map((path) => ({ method: 'GET', path })),
    // With workers this is the path of a module, which the type does not know.
    setupClient: fileURLToPath(new URL('./rotate-requests.cjs', import.meta.url)) as never,
  });
  const bad = result.errors + result.timeouts + result.non2xx;
  if (bad > 0)
    throw new Error(
      `${result.errors} errors, ${result.timeouts} timeouts, ${result.non2xx} other answers: ${bad} of the requests to ${load.url} failed; the numbers would mean nothing.`,
    );
  return result;
}

function headersOf(token: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${token}:`).toString('base64')}` };
}

interface Latencies {
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
}

export interface PacedRequest {
  readonly method: string;
  readonly path: string;
  /** JSON text. */
  readonly body?: string;
}

/** Without headers: those of the Profile API. */
type PacedLoad = Omit<Load, 'paths'> & {
  readonly requests: readonly PacedRequest[];
  readonly headers?: Readonly<Record<string, string>>;
};

/** At a steady rate, in requests per second. */
export async function firePaced({ token, ...load }: PacedLoad, rate: number): Promise<Latencies> {
  const workerData = { headers: headersOf(token), ...load, rate };
  const worker = new Worker(new URL('./paced-load.mjs', import.meta.url), { workerData });
  const [latencies] = (await once(worker, 'message')) as [Latencies];
  if (latencies.failed > 0) throw new Error(`${latencies.failed} of the paced requests to ${load.url} failed.`);
  return latencies;
}

export const gets = (paths: readonly string[]): readonly PacedRequest[] =>
  paths.map((path) => ({ method: 'GET', path }));

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

async function listen(app: FastifyInstance): Promise<string> {
  return app.listen({ host: '127.0.0.1', port: 0 });
}

export async function profileApiBench(options: ProfileApiBenchOptions): Promise<ProfileApiResult> {
  const { target, paths, token, connections = 50, rounds = 5, secondsPerRound = 3 } = options;
  const say = options.onProgress ?? (() => {});
  const constant = Fastify();
  constant.get('/constant', async () => constantBody);
  const app = typeof target === 'string' ? null : await target();
  try {
    const limit = { url: await listen(constant), paths: ['/constant'], token, connections };
    const profile = { url: app === null ? String(target) : await listen(app), paths, token, connections };
    for (const warm of [limit, profile]) await fire({ ...warm, seconds: 1 });
    const rates: number[] = [];
    const limitRates: number[] = [];
    let rows = 0;
    let seconds = 0;
    for (let round = 1; round <= rounds; round += 1) {
      limitRates.push((await fire({ ...limit, seconds: secondsPerRound })).requests.average);
      const result = await fire({ ...profile, seconds: secondsPerRound });
      rates.push(result.requests.average);
      rows += result.requests.total;
      seconds += result.duration;
      say(`round ${round}: ${rates.at(-1)} requests/s, constant route ${limitRates.at(-1)}`);
    }
    const rate = median(rates);
    const limitRate = median(limitRates);
    const half = await firePaced({ ...profile, requests: gets(paths), seconds: secondsPerRound }, rate / 2);
    return {
      name: 'profile-api',
      rows,
      seconds,
      rate,
      limitRate,
      ratio: rate / limitRate,
      peakMemoryMB: Math.round(process.resourceUsage().maxRSS / 1024),
      p50Ms: half.p50,
      p99Ms: half.p99,
    };
  } finally {
    await Promise.all([constant.close(), app?.close()]);
  }
}
