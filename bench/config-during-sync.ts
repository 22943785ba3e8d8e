/**
 * Configuration requests at a steady pace while a sync runs: the real program serves, and runs the sync in a process of its
 * own. Nine of ten requests read, one changes something. The rate is that of the sync beside them, the limit its rate alone.
 */
import type { Database } from '../src/db/db.ts';
import { createWorkspaceToken } from '../src/workspace/workspace.ts';
import type { BenchResult } from './bench.ts';
import { firePaced, type PacedRequest } from './profile-api.ts';
import { startProgram } from './program.ts';

/** Requests per second. */
const pace = 200;
const seconds = 60;

export async function benchConfigDuringSync(
  db: Database,
  folder: string,
  rows: number,
  say: (sentence: string) => void,
): Promise<BenchResult> {
  const { secret: token } = await createWorkspaceToken(db.pool, 'bench');
  const server = await startProgram(folder);
  try {
    const { url } = server;
    const ask = askerOf(url, token);
    const job = await readJob(ask);
    // Each sync writes every profile again, in turn alone and beside the requests.
    const alone = [await syncRate(ask, job, rows)];
    say(`alone: ${Math.round(alone[0] ?? 0)} rows/s`);
    const headers = { authorization: `Bearer ${token}` };
    const running = syncRate(ask, job, rows);
    const { p50, p99 } = await firePaced(
      { url, token, headers, connections: 20, seconds, requests: requestsOf(job) },
      pace,
    );
    const beside = await running;
    say(`beside ${pace} requests/s: ${Math.round(beside)} rows/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
    alone.push(await syncRate(ask, job, rows));
    say(`alone: ${Math.round(alone[1] ?? 0)} rows/s`);
    const limitRate = alone.reduce((sum, rate) => sum + rate, 0) / alone.length;
    const peakMemoryMB = Math.round(process.resourceUsage().maxRSS / 1024);
    return {
      name: 'config-during-sync',
      ...{ rows, seconds: rows / beside, rate: beside, limitRate, ratio: beside / limitRate, peakMemoryMB },
      ...{ p50Ms: p50, p99Ms: p99 },
    };
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

type Ask = (method: 'GET' | 'POST', path: string, body?: object) => Promise<Record<string, never>>;

function askerOf(url: string, token: string): Ask {
  return async (method, path, body) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`${url}/public-api${path}`, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${await answer.text()}`);
    return ((await answer.json()) as { data: Record<string, never> }).data;
  };
}

interface Job {
  readonly sourceId: string;
  readonly modelId: string;
  readonly destinationId: string;
  readonly subscriptionId: string;
}

async function readJob(ask: Ask): Promise<Job> {
  const first = async (path: string, key: string) => {
    const [found] = (await ask('GET', path))[key] as unknown as { id: string; sourceId: string }[];
    if (found === undefined) throw new Error(`There is nothing at ${path}.`);
    return found;
  };
  const destination = await first('/destinations', 'destinations');
  const model = await first('/reverse-etl-models', 'models');
  const subscription = await first(`/destinations/${destination.id}/subscriptions`, 'subscriptions');
  return {
    ...{ sourceId: model.sourceId, modelId: model.id },
    ...{ destinationId: destination.id, subscriptionId: subscription.id },
  };
}

/** Rows per second of a sync that sends everything again, while it delivers. */
async function syncRate(ask: Ask, job: Job, rows: number): Promise<number> {
  const { destinationId, subscriptionId, modelId, sourceId } = job;
  await ask('POST', `/destinations/${destinationId}/subscriptions/${subscriptionId}/reset`);
  const asked = await ask('POST', '/reverse-etl-syncs', { sourceId, modelId, subscriptionId });
  const { syncId } = asked.reverseETLManualSync as unknown as { syncId: string };
  for (;;) {
    const { sync } = (await ask('GET', `/reverse-etl-syncs/${syncId}`)) as unknown as { sync: Ended };
    if (sync.finishedAt !== undefined) {
      if (sync.counts.delivered !== rows)
        throw new Error(`The sync delivered ${sync.counts.delivered} of ${rows} rows.`);
      return rows / ((Date.parse(sync.loadPhase.finishedAt) - Date.parse(sync.loadPhase.startedAt)) / 1_000);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

interface Ended {
  readonly finishedAt?: string;
  readonly counts: { readonly delivered: number };
  readonly loadPhase: { readonly startedAt: string; readonly finishedAt: string };
}

/** What a page of settings and a script of deployments ask for. */
function requestsOf({ sourceId, modelId, destinationId, subscriptionId }: Job): readonly PacedRequest[] {
  const reads = [
    ...['/sources', `/sources/${sourceId}`, '/reverse-etl-models', `/reverse-etl-models/${modelId}`, '/destinations'],
    ...[
      `/destinations/${destinationId}`,
      `/destinations/${destinationId}/subscriptions`,
      '/reverse-etl-syncs?status=RUNNING',
    ],
    `/reverse-etl-models/${modelId}/subscriptionId/${subscriptionId}/syncs`,
  ].map((path) => ({ method: 'GET', path: `/public-api${path}` }));
  const names = Array.from({ length: 100 }, (_, no) => JSON.stringify({ name: `Destination ${no}` }));
  // Nine reads to each change; each change is one, as the next one gives another name.
  return names.flatMap((body) => [
    ...reads,
    { method: 'PATCH', path: `/public-api/destinations/${destinationId}`, body },
  ]);
}
