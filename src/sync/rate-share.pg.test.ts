/** The rate of a destination between processes: each has rates of its own, and the same Postgres. */
import { expect, test } from 'vitest';
import { openFakeEndpoint } from '../../test/fake-endpoint.ts';
import type { Rate } from '../delivery/delivery.ts';
import type { ResolvedMapping } from '../workspace/workspace.ts';
import { openWorld, peopleTable, type World } from './sync.test-support.ts';
import { runSync } from './sync.ts';

/** A rate that tells which shares it got; a process of its own. */
function process(world: World) {
  const shares: number[] = [];
  const rate: Rate = { take: async () => undefined, pause: () => undefined, share: (part) => void shares.push(part) };
  const http = { backoff: { attempts: 1, firstMs: 1, longestMs: 1 } };
  return { shares, context: { ...world.context, delivery: { rateOf: () => rate, http } } };
}

const until = async (question: () => boolean) => {
  while (!question()) await new Promise((resolve) => setTimeout(resolve, 20));
};

test('syncs of one destination share its rate, also between processes; those of others take nothing of it', async () => {
  await using fake = await openFakeEndpoint();
  await using world = await openWorld();
  await world.sql(peopleTable(3));
  const jobs: ResolvedMapping[] = [];
  for (let no = 0; no < 3; no++) jobs.push(await world.job({ trackingUrl: fake.url }));
  const [first, second, other] = jobs as [ResolvedMapping, ResolvedMapping, ResolvedMapping];
  const { destination } = first;
  await world.db.pool.query('UPDATE mappings SET destination_id = $1 WHERE id = $2', [
    destination.id,
    second.mapping.id,
  ]);
  const [one, two, three] = [process(world), process(world), process(world)];
  // Held until they are told to go: each finds a request of its own unanswered.
  fake.script.push({ kind: 'accept, then hang' }, { kind: 'accept, then hang' }, { kind: 'accept, then hang' });
  const stop = [new AbortController(), new AbortController(), new AbortController()];
  const runs = [
    runSync(one.context, first, { signal: (stop[0] as AbortController).signal }),
    runSync(two.context, { ...second, destination }, { signal: (stop[1] as AbortController).signal }),
    runSync(three.context, other, { signal: (stop[2] as AbortController).signal }),
  ];
  await until(() => one.shares.at(-1) === 1 / 2 && two.shares.at(-1) === 1 / 2);
  stop[0]?.abort();
  expect((await runs[0])?.state).toBe('cancelled');
  await until(() => two.shares.at(-1) === 1);
  expect(new Set(three.shares)).toEqual(new Set([1]));
  for (const one of stop) one.abort();
  await Promise.all(runs);
});

test('two syncs in one process have its whole share', async () => {
  await using fake = await openFakeEndpoint();
  await using world = await openWorld();
  await world.sql(peopleTable(3));
  const first = await world.job({ trackingUrl: fake.url });
  const second = await world.job({ trackingUrl: fake.url });
  const { destination } = first;
  await world.db.pool.query('UPDATE mappings SET destination_id = $1 WHERE id = $2', [
    destination.id,
    second.mapping.id,
  ]);
  const both = process(world);
  fake.script.push({ kind: 'accept, then hang' }, { kind: 'accept, then hang' });
  const stop = new AbortController();
  const runs = [first, { ...second, destination }].map((job) => runSync(both.context, job, { signal: stop.signal }));
  await until(() => fake.arrived.length === 2);
  const seen = both.shares.length;
  await until(() => both.shares.length > seen + 1);
  expect(both.shares.at(-1)).toBe(1);
  stop.abort();
  await Promise.all(runs);
});
