import { expect, test } from 'vitest';
import { isMillraceError } from '../base/errors.ts';
import { cancelSync } from './cancel.ts';
import { listSyncs, runningSync, showSync, syncRows } from './history.ts';
import { takeLease } from './lease.ts';
import { type FakeEndpoint, fakeEndpoint, openWorld, peopleTable, type World } from './sync.test-support.ts';
import { planSync, runSync } from './sync.ts';

/** An endpoint that stops before its n-th delivery until it is let go. */
function gatedEndpoint(stopAt: number) {
  let count = 0;
  let open = () => {};
  let arrive = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const endpoint: FakeEndpoint = fakeEndpoint(async () => {
    if (++count === stopAt) {
      arrive();
      await gate;
    }
    return { kind: 'delivered' };
  });
  return { endpoint, arrived, open };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isMillraceError(error)) throw error;
  return `${error.code}: ${error.message}`;
}

async function backendOf(world: World, query: string): Promise<void> {
  await world.db.pool.query(query);
}

test('two syncs of one mapping never overlap; the refusal names the running one', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(3));
  const job = await world.job();
  const { endpoint, arrived, open } = gatedEndpoint(1);
  const first = runSync(world.withEndpoint(endpoint), job);
  await arrived;
  const id = await runningSync(world.db.pool, job.mapping.id);
  expect(id).not.toBeNull();
  expect(await codeOf(runSync(world.withEndpoint(fakeEndpoint()), job))).toContain(`sync_running: A sync of`);
  expect(await codeOf(runSync(world.withEndpoint(fakeEndpoint()), job))).toContain(String(id));
  open();
  expect(await first).toMatchObject({ id, state: 'succeeded' });
  expect((await runSync(world.withEndpoint(fakeEndpoint()), job)).state).toBe('succeeded');
});

test('an endpoint that hangs does not hold up another mapping, and can be cancelled', async () => {
  await using world = await openWorld({ settings: { watchEvery: 20, grace: 50 } });
  await world.sql(peopleTable(5));
  const [stuck, healthy] = [await world.job(), await world.job()];
  const { endpoint, arrived } = gatedEndpoint(1);
  const hanging = runSync(world.withEndpoint(endpoint), stuck);
  await arrived;
  expect(await runSync(world.context, healthy)).toMatchObject({ state: 'succeeded', counts: { delivered: 5 } });
  const id = await runningSync(world.db.pool, stuck.mapping.id);
  expect(await cancelSync(world.db, String(id))).toMatchObject({ state: 'cancelling' });
  expect(await hanging).toMatchObject({
    state: 'cancelled',
    code: 'cancelled',
    counts: { delivered: 0, remaining: 5 },
  });
  expect(await codeOf(cancelSync(world.db, String(id)))).toContain('sync_not_running');
});

test('more syncs at once than the pool has connections', async () => {
  await using world = await openWorld({ poolSize: 2 });
  await world.sql(peopleTable(3_000));
  const jobs = await Promise.all([1, 2, 3].map(() => world.job()));
  const [first] = jobs as [(typeof jobs)[0]];
  const plan = planSync(world.context, first);
  const syncs = await Promise.all(jobs.map((job) => runSync(world.context, job)));
  expect(syncs.map(({ state, counts }) => [state, counts.delivered])).toEqual(jobs.map(() => ['succeeded', 3_000]));
  await plan;
  await Promise.all([1, 2, 3].map(() => planSync(world.context, first)));
});

test('a cancelled sync keeps what it delivered, and the next one goes on', async () => {
  await using world = await openWorld({ settings: { batchSize: 10, inFlight: 1, watchEvery: 20 } });
  await world.sql(peopleTable(100));
  const job = await world.job();
  const { endpoint, arrived, open } = gatedEndpoint(35);
  const stop = new AbortController();
  const running = runSync(world.withEndpoint(endpoint), job, { signal: stop.signal });
  await arrived;
  stop.abort();
  open();
  const first = await running;
  expect(first.state).toBe('cancelled');
  const { delivered, remaining } = first.counts;
  expect(delivered).toBeGreaterThanOrEqual(30);
  expect(delivered + remaining).toBe(100);
  const rest = fakeEndpoint();
  const second = await runSync(world.withEndpoint(rest), job);
  expect(second).toMatchObject({ state: 'succeeded', counts: { added: remaining, unchanged: delivered } });
  const ids = new Set([...endpoint.given.slice(0, delivered), ...rest.given].map(({ message }) => message.messageId));
  expect(ids.size).toBe(100);
});

test('a sync is cancelled while the warehouse compares', async () => {
  await using world = await openWorld({ settings: { watchEvery: 20 } });
  await world.sql(peopleTable(3));
  const endless = '(SELECT sum(a.i * b.i % 7) FROM range(1000000) a (i), range(1000000) b (i))';
  const job = await world.job({ query: `SELECT id, email, name FROM people WHERE ${endless} > 0` });
  const running = runSync(world.context, job);
  await expect.poll(() => runningSync(world.db.pool, job.mapping.id)).not.toBeNull();
  const id = String(await runningSync(world.db.pool, job.mapping.id));
  expect(await cancelSync(world.db, id)).toMatchObject({ state: 'cancelling' });
  expect(await running).toMatchObject({ id, state: 'cancelled', loadingSeconds: null, counts: { extracted: 0 } });
});

test('a sync that was cancelled before it began does not begin', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(1));
  const job = await world.job();
  await expect(runSync(world.context, job, { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
  expect((await listSyncs(world.db)).items).toEqual([]);
});

test('a sync whose process died is ended by whoever looks, and does not stand in the way', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(3));
  const job = await world.job();
  // What a killed process leaves: a row that says "loading", and a free lock.
  await world.db.pool.query(
    `INSERT INTO syncs (id, mapping_id, mapping, model, destination, state, started_at, loading_at, added, delivered)
     SELECT 'syn_dead' || n, $1, 'm', 'm', 'd', 'loading', now(), now(), 10, 4 FROM generate_series(1, 2) n`,
    [job.mapping.id],
  );
  const [dead] = (await listSyncs(world.db, { mappingIds: [job.mapping.id] })).items;
  expect(dead).toMatchObject({
    state: 'failed',
    code: 'sync_process_ended',
    reason: 'the process that ran it ended',
    counts: { delivered: 4, remaining: 6 },
  });
  await world.db.pool.query(`UPDATE syncs SET state = 'loading', finished_at = NULL WHERE id = 'syn_dead1'`);
  expect((await runSync(world.context, job)).state).toBe('succeeded');
  expect((await showSync(world.db, 'syn_dead1')).state).toBe('failed');
});

test('a living sync is not taken for dead', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(3));
  const job = await world.job();
  const { endpoint, arrived, open } = gatedEndpoint(1);
  const running = runSync(world.withEndpoint(endpoint), job);
  await arrived;
  expect((await listSyncs(world.db)).items).toMatchObject([{ state: 'loading', finishedAt: null }]);
  open();
  expect((await running).state).toBe('succeeded');
});

test('a sync that loses its lock stops, and what it tries to write later is refused', async () => {
  await using world = await openWorld({ settings: { watchEvery: 20 } });
  await world.sql(peopleTable(3));
  const job = await world.job();
  const { endpoint, arrived, open } = gatedEndpoint(1);
  const running = runSync(world.withEndpoint(endpoint), job);
  await arrived;
  await backendOf(
    world,
    `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  const second = runSync(world.withEndpoint(fakeEndpoint()), job);
  expect((await second).counts).toMatchObject({ delivered: 3 });
  open();
  expect(await codeOf(running)).toContain('sync_lost');
  const { items } = await listSyncs(world.db);
  expect(items.map(({ state, counts }) => [state, counts.delivered])).toEqual([
    ['succeeded', 3],
    ['failed', 0],
  ]);
});

test('what is disabled does not run', async () => {
  await using world = await openWorld();
  const job = await world.job();
  const off = { ...job, destination: { ...job.destination, enabled: false } };
  expect(await codeOf(runSync(world.context, off))).toMatch(/^sync_disabled: The destination/);
  const lease = await takeLease(world.db, job.mapping.id);
  expect(lease).not.toBeNull();
  await lease?.release();
});

test('a destination that does not say where to send is refused before anything is read', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(1));
  const sync = await runSync(world.context, await world.job({ endpoint: 'custom' }));
  expect(sync).toMatchObject({ state: 'failed', code: 'endpoint_invalid', counts: { extracted: 0 } });
});

test('a missing table is the reason, in the engine’s own words', async () => {
  await using world = await openWorld();
  await world.sql('CREATE TABLE persons (id INTEGER)');
  const sync = await runSync(world.context, await world.job());
  expect(sync.state).toBe('failed');
  expect(sync.code).toMatch(/^model_/);
  expect(sync.reason).toContain('people');
});

test('history is listed newest first, by mapping, and old syncs are forgotten', async () => {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const tick = () => {
    now += 1000;
    return new Date(now);
  };
  await using world = await openWorld({ clock: { now: () => tick() } });
  await world.sql(peopleTable(2));
  const [a, b] = [await world.job(), await world.job()];
  const ids: string[] = [];
  for (const job of [a, b, a, a]) ids.unshift((await runSync(world.context, job)).id);
  expect((await listSyncs(world.db)).items.map(({ id }) => id)).toEqual(ids);
  const page = await listSyncs(world.db, { mappingIds: [a.mapping.id] }, { limit: 2 });
  expect(page.items.map(({ id }) => id)).toEqual([ids[0], ids[1]]);
  const rest = await listSyncs(world.db, { mappingIds: [a.mapping.id] }, { limit: 2, next: String(page.next) });
  expect(rest.items.map(({ id }) => id)).toEqual([ids[3]]);
  expect(rest.next).toBeNull();
  expect(await codeOf(listSyncs(world.db, {}, { limit: 0 }))).toContain('sync_paging_invalid');
  expect(await codeOf(listSyncs(world.db, {}, { next: 'nonsense' }))).toContain('sync_paging_invalid');
  const noTimes = [
    '["yesterday","syn_1"]',
    '["2026-99-99T99:99:99.999Z","syn_1"]',
    '["0000-01-01T00:00:00.000Z","syn_1"]',
  ];
  for (const forged of [...noTimes, '["2026-01-01T00:00:00.000Z",1]', '[]', '{}', 'null']) {
    const next = Buffer.from(forged).toString('base64url');
    expect(await codeOf(listSyncs(world.db, {}, { next }))).toContain('sync_paging_invalid');
  }
  const next = Buffer.from('["abc"]').toString('base64url');
  expect(await codeOf(syncRows(world.db, ids[0] as string, 'failed', { next }))).toContain('sync_paging_invalid');
  expect(await codeOf(showSync(world.db, 'syn_none'))).toContain('sync_not_found');
  now += 31 * 86_400_000;
  const last = await runSync(world.context, b);
  expect((await listSyncs(world.db)).items.map(({ id }) => id)).toEqual([last.id]);
});
