/** Syncs whose messages go over HTTP: to a Tracking API of our own, and to one that does everything a server can. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FakeEndpoint, type Move, openFakeEndpoint } from '../../test/fake-endpoint.ts';
import { pictureOf } from '../../test/space-picture.ts';
import { openTracking } from '../api/tracking/tracking.test-support.ts';
import type { JsonObject } from '../base/json.ts';
import { createLog } from '../base/log.ts';
import { createRate, openHttpEndpoint } from '../delivery/delivery.ts';
import type { SpaceReader } from '../space/space.ts';
import type { ResolvedMapping } from '../workspace/workspace.ts';
import { listSyncs, syncRows } from './history.ts';
import type { SyncContext } from './runner.ts';
import { changed, type JobOptions, openWorld, peopleTable, type World } from './sync.test-support.ts';
import { planSync, runSync } from './sync.ts';

const attempts = 2;
const quick: NonNullable<SyncContext['delivery']> = {
  http: { connections: 3, timeoutMs: 250, graceMs: 100, backoff: { attempts, firstMs: 1, longestMs: 50 } },
};

const withHttp = (world: World): SyncContext => ({ ...world.context, delivery: quick });

/* ---- the same warehouse, locally and over HTTP ---- */

const shop = [
  `CREATE TABLE people AS
   SELECT i AS id, 'p' || (CASE WHEN i % 25 = 0 THEN i - 1 ELSE i END) || '@example.org' AS email,
          'Person ' || i AS name, 'c' || (i % 9) AS company, i % 3 = 0 AS subscribed, 'é😀"' || i AS note
   FROM generate_series(1, 400) AS t (i)`,
  `CREATE TABLE companies AS SELECT 'c' || i AS id, 'Company ' || i AS name, i * 10 AS seats FROM generate_series(0, 8) AS t (i)`,
];
const changes = [
  `UPDATE people SET name = 'Changed ' || id WHERE id % 2 = 0`,
  'DELETE FROM people WHERE id % 20 = 3',
  `UPDATE companies SET seats = seats + 1 WHERE id <> 'c1'`,
];

const path = (name: string) => ({ '@path': name });
const column = (name: string) => path(`$.properties.${name}`);
const allPeople = 'SELECT id, email, name, company, subscribed, note FROM people';
const shopMappings: readonly JobOptions[] = [
  {
    query: allPeople,
    fields: {
      user_id: path('$.__segment_id'),
      group_id: column('company'),
      traits: { email: column('email'), name: column('name'), note: column('note') },
    },
  },
  {
    query: 'SELECT id, name, seats FROM companies',
    action: 'sendGroup',
    fields: {
      user_id: 'admin',
      group_id: path('$.__segment_id'),
      traits: { name: column('name'), seats: column('seats') },
    },
  },
  {
    query: allPeople,
    action: 'sendTrack',
    trigger: 'event = "new" or event = "updated"',
    fields: {
      user_id: path('$.__segment_id'),
      event_name: 'Row Seen',
      properties: { name: column('name'), company: column('company') },
    },
  },
  {
    query: allPeople,
    action: 'sendSubscription',
    trigger: 'event = "new" or event = "updated"',
    fields: {
      user_id: path('$.__segment_id'),
      email: column('email'),
      email_subscription_status: column('subscribed'),
      traits: {},
    },
  },
];

async function spaceAsText(reader: SpaceReader, spaceNo: number): Promise<unknown> {
  const [users, accounts] = [await pictureOf(reader, spaceNo, 'users'), await pictureOf(reader, spaceNo, 'accounts')];
  return [...users, ...accounts].map(({ createdAt: _createdAt, ...picture }) => picture);
}

async function eventsOf({ db }: Pick<World, 'db'>): Promise<readonly string[]> {
  const { rows } = await db.pool.query<{ body: JsonObject }>('SELECT body FROM events');
  return rows.map(({ body: { event, userId, properties } }) => JSON.stringify({ event, userId, properties })).sort();
}

test('a warehouse synced over HTTP gives the profiles that it gives locally', async () => {
  await using tracking = await openTracking();
  await using world = await openWorld();
  await world.sql(...shop);
  const jobs: [ResolvedMapping, ResolvedMapping][] = [];
  for (const options of shopMappings) {
    const engage_space = tracking.stream.writeKey;
    const away = { ...options, fields: { ...options.fields, engage_space }, trackingUrl: `${tracking.url}/v1` };
    jobs.push([await world.job(options), await world.job(away)]);
  }
  const syncAll = async () => {
    for (const [here, there] of jobs) {
      const [local, http] = [await runSync(world.context, here), await runSync(world.context, there)];
      expect(local.state).toBe('succeeded');
      expect({ state: http.state, reason: http.reason, counts: http.counts }).toEqual({
        ...{ state: local.state, reason: local.reason, counts: local.counts },
      });
    }
  };
  const expectEqual = async () => {
    const here = await spaceAsText(world.reader, world.space.no);
    expect(await spaceAsText(tracking.reader, tracking.space.no)).toEqual(here);
    const events = await eventsOf(world);
    expect(await eventsOf(tracking)).toEqual(events);
    return { here, events };
  };
  await syncAll();
  const first = await expectEqual();
  expect(first.events).toHaveLength(400);
  await world.sql(...changes);
  await syncAll();
  const second = await expectEqual();
  expect(second.here).not.toEqual(first.here);
  // And once more, to no effect.
  await syncAll();
  expect(await expectEqual()).toEqual(second);
});

/* ---- an endpoint that does anything ---- */

const isPoison = ({ traits }: JsonObject) => (traits as JsonObject).name === 'Poison';

async function openFake(): Promise<FakeEndpoint> {
  return openFakeEndpoint({ isPoison });
}

/** The message ids under which each person was accepted. */
function acceptedIds(fake: FakeEndpoint): ReadonlyMap<string, ReadonlySet<string>> {
  const ids = new Map<string, Set<string>>();
  for (const { message } of fake.accepted) {
    const own = ids.get(String(message.userId)) ?? new Set<string>();
    ids.set(String(message.userId), own.add(String(message.messageId)));
  }
  return ids;
}

test('killed between the answer and its receipt: sent again under the same message id', async () => {
  await using fake = await openFake();
  await using world = await openWorld({ settings: { batchSize: 10 } });
  await world.sql(peopleTable(35));
  const job = await world.job({ trackingUrl: fake.url });
  const real = await openHttpEndpoint({
    name: 'custom',
    trackingUrl: fake.url,
    rate: createRate(0),
    clock: world.context.clock,
  });
  const forgetful = world.withEndpoint(
    changed(real, {
      deliver: (batch, origin, _record, signal) =>
        real.deliver(
          batch,
          origin,
          async () => {
            throw new Error('killed');
          },
          signal,
        ),
    }),
  );
  const first = await runSync(forgetful, job);
  expect(first).toMatchObject({ state: 'failed', counts: { delivered: 0, remaining: 35 } });
  const before = fake.accepted.length;
  expect(before).toBeGreaterThan(0);
  expect(await runSync(withHttp(world), job)).toMatchObject({ state: 'succeeded', counts: { delivered: 35 } });
  expect(fake.accepted).toHaveLength(before + 35);
  const ids = acceptedIds(fake);
  expect(ids.size).toBe(35);
  for (const own of ids.values()) expect(own.size).toBe(1);
  // What was recorded is not sent again.
  await runSync(withHttp(world), job);
  expect(fake.accepted).toHaveLength(before + 35);
});

test('a row at fault is refused with the endpoint’s reason, the others are delivered', async () => {
  await using fake = await openFake();
  await using world = await openWorld();
  await world.sql(peopleTable(50), `UPDATE people SET name = 'Poison' WHERE id = 17`);
  const sync = await runSync(withHttp(world), await world.job({ trackingUrl: fake.url }));
  expect(sync).toMatchObject({ state: 'partially succeeded', counts: { delivered: 49, refused: 1 } });
  const { items } = await syncRows(world.db, sync.id, 'failed');
  expect(items).toMatchObject([{ recordId: '17', kind: 'refused', code: 'http_400' }]);
  expect(items[0]?.reason).toContain('It says: "Invalid message"');
});

test('a wrong write key fails the sync, and every row says so', async () => {
  await using fake = await openFake();
  fake.script.push(...Array<Move>(5).fill({ kind: 'answer', status: 401 }));
  await using world = await openWorld({ settings: { batchSize: 10 } });
  await world.sql(peopleTable(50));
  const job = await world.job({ trackingUrl: fake.url });
  const sync = await runSync(withHttp(world), job);
  expect(sync).toMatchObject({ state: 'failed', code: 'sync_all_refused', counts: { refused: 50 } });
  expect(fake.arrived).toHaveLength(5);
  expect(await runSync(withHttp(world), job)).toMatchObject({ state: 'succeeded', counts: { retried: 50 } });
});

test('an endpoint that is away fails the sync; the rest of the rows is still to do, not failed', async () => {
  await using fake = await openFake();
  await using world = await openWorld({ settings: { batchSize: 10, inFlight: 1 } });
  await world.sql(peopleTable(1_000));
  const job = await world.job({ trackingUrl: fake.url });
  fake.script.push(...Array<Move>(attempts * 50).fill({ kind: 'reset before reading' }));
  const sync = await runSync(withHttp(world), job);
  expect(sync).toMatchObject({ state: 'failed', code: 'endpoint_away', counts: { delivered: 0 } });
  expect(sync.counts.refused).toBeLessThan(50);
  expect(sync.counts.remaining).toBe(1_000 - sync.counts.refused);
  fake.script.length = 0;
  expect(await runSync(withHttp(world), job)).toMatchObject({ state: 'succeeded', counts: { delivered: 1_000 } });
});

test('an outage of any length uses up no try of a small sync, and a part of one none either', async () => {
  await using fake = await openFake();
  await using world = await openWorld({ settings: { batchSize: 10, inFlight: 1 } });
  await world.sql(peopleTable(5));
  const job = await world.job({ trackingUrl: fake.url });
  const busy: Move = { kind: 'answer', status: 429, retryAfter: '86400' };
  for (let time = 0; time < 7; time++) {
    fake.script.splice(0, Number.POSITIVE_INFINITY, busy);
    expect(await runSync(withHttp(world), job)).toMatchObject({
      ...{ state: 'failed', code: 'endpoint_away', reason: expect.stringContaining('answered 429') },
      counts: { delivered: 0, refused: 0, givenUp: 0, remaining: 5 },
    });
  }
  await world.sql(...Array.from({ length: 10 }, (_, no) => `INSERT INTO people VALUES (${100 + no}, 'n${no}', 'n')`));
  // One of two requests.
  fake.script.splice(0, Number.POSITIVE_INFINITY, { kind: 'accept' }, busy);
  const partly = await runSync(withHttp(world), job);
  expect(partly).toMatchObject({
    ...{
      state: 'partially succeeded',
      code: 'endpoint_away',
      reason: expect.stringMatching(/^5 rows are still to do/),
    },
    counts: { delivered: 10, refused: 0, remaining: 5 },
  });
  expect((await world.db.pool.query('SELECT FROM failing_rows')).rows).toEqual([]);
  fake.script.length = 0;
  expect(await runSync(withHttp(world), job)).toMatchObject({
    state: 'succeeded',
    counts: { delivered: 5, retried: 0 },
  });
});

test('rows that failed before the outage keep their tries over it', async () => {
  await using fake = await openFake();
  await using world = await openWorld({ settings: { batchSize: 10, inFlight: 1, retrySyncs: 2 } });
  await world.sql(peopleTable(3));
  const job = await world.job({ trackingUrl: fake.url });
  const faulty = Array<Move>(attempts).fill({ kind: 'answer', status: 500 });
  fake.script.push(...faulty, { kind: 'answer', status: 503, retryAfter: '86400' }, ...faulty);
  expect(await runSync(withHttp(world), job)).toMatchObject({
    ...{ state: 'failed', code: 'sync_all_refused', counts: { refused: 3 } },
    reason: 'None of the 3 rows that were tried could be delivered now.',
  });
  expect(await runSync(withHttp(world), job)).toMatchObject({ code: 'endpoint_away', counts: { refused: 0 } });
  expect(await runSync(withHttp(world), job)).toMatchObject({ counts: { refused: 3, retried: 3, givenUp: 0 } });
  expect((await runSync(withHttp(world), job)).counts).toMatchObject({ refused: 0, givenUp: 3 });
});

test('rows of a cancelled sync are still to do, and do not count as failed', async () => {
  await using fake = await openFake();
  await using world = await openWorld({ settings: { batchSize: 10, inFlight: 2 } });
  await world.sql(peopleTable(100));
  const job = await world.job({ trackingUrl: fake.url });
  const abort = new AbortController();
  fake.script.push({ kind: 'accept' }, ...Array<Move>(20).fill({ kind: 'accept, then hang' }));
  let requests = 0;
  fake.onRequest = () => {
    if (++requests === 3) abort.abort();
  };
  const sync = await runSync(withHttp(world), job, { signal: abort.signal });
  expect(sync).toMatchObject({ state: 'cancelled', counts: { delivered: 10, refused: 0, remaining: 90 } });
  expect((await world.db.pool.query('SELECT FROM failing_rows')).rows).toEqual([]);
  fake.script.length = 0;
  const next = await runSync(withHttp(world), job);
  expect(next).toMatchObject({ state: 'succeeded', counts: { unchanged: 10, delivered: 90, retried: 0 } });
  for (const own of acceptedIds(fake).values()) expect(own.size).toBe(1);
});

test('a plan sends nothing, knows which rows are too large, and nothing of profiles', async () => {
  await using fake = await openFake();
  await using world = await openWorld();
  await world.sql(peopleTable(20), `UPDATE people SET name = repeat('x', 40000) WHERE id = 3`);
  const job = await world.job({ trackingUrl: fake.url });
  const before = await world.dump();
  const plan = await planSync(withHttp(world), job);
  expect(plan).toMatchObject({ counts: { added: 20, delivered: 19, refused: 1 }, effects: null });
  expect(plan.failedRows).toMatchObject([{ recordId: '3', code: 'message_too_large' }]);
  expect(fake.arrived).toEqual([]);
  expect(await world.dump()).toBe(before);
  expect(await runSync(withHttp(world), job)).toMatchObject({ counts: plan.counts });
});

test('an endpoint that hangs holds up no other sync', async () => {
  await using fake = await openFake();
  await using world = await openWorld();
  await world.sql(peopleTable(20));
  const [slow, other] = [await world.job({ trackingUrl: fake.url }), await world.job()];
  fake.script.push(...Array<Move>(50).fill({ kind: 'accept, then hang' }));
  const abort = new AbortController();
  const arrived = new Promise<void>((resolve) => {
    fake.onRequest = resolve;
  });
  const patient = { ...world.context, delivery: { http: { ...quick.http, timeoutMs: 600_000 } } };
  const hanging = runSync(patient, slow, { signal: abort.signal });
  await arrived;
  expect((await runSync(world.context, other)).state).toBe('succeeded');
  abort.abort();
  expect((await hanging).state).toBe('cancelled');
});

test.each(['north_america', 'europe'] as const)('%s can be led elsewhere', async (endpoint) => {
  await using fake = await openFake();
  await using world = await openWorld();
  await world.sql(peopleTable(3));
  const delivery = { ...quick, trackingUrls: { [endpoint]: fake.url } };
  const sync = await runSync({ ...world.context, delivery }, await world.job({ endpoint }));
  expect(sync).toMatchObject({ state: 'succeeded', counts: { delivered: 3 } });
  expect(fake.accepted).toHaveLength(3);
});

test('D7: an endpoint that quotes rows puts them neither into the log nor into reasons', async () => {
  const canary = 'canary-9c2e@example.org';
  const lines: string[] = [];
  const log = createLog({ level: 'trace', destination: { write: (line) => void lines.push(line) } });
  await using fake = await openFake();
  await using world = await openWorld({ log });
  await world.sql('CREATE TABLE people (id INTEGER, email VARCHAR, name VARCHAR)');
  await world.sql(`INSERT INTO people VALUES (1, '${canary}', '${canary}')`);
  const job = await world.job({ trackingUrl: fake.url });
  const body = `{"message":"Invalid value ${canary} of email"}`;
  for (const status of [400, 401, 500, 500]) fake.script.push({ kind: 'answer', status, body });
  for (let run = 0; run < 3; run++) await runSync(withHttp(world), job);
  expect(lines.length).toBeGreaterThan(2);
  const secrets = [canary, 'canary', world.space.writeKey];
  for (const secret of secrets) expect(lines.join('')).not.toContain(secret);
  const { items: syncs } = await listSyncs(world.db);
  for (const { id } of syncs) {
    const { items } = await syncRows(world.db, id, 'failed');
    expect(items).toHaveLength(1);
    expect(items[0]?.reason).toMatch(/^The endpoint answered \d+/);
    for (const secret of secrets) expect(items[0]?.reason).not.toContain(secret);
  }
});

const anyMove: fc.Arbitrary<Move> = fc.oneof(
  fc.constantFrom<Move>({ kind: 'accept' }, { kind: 'accept slowly', ms: 10 }),
  fc.record({
    kind: fc.constantFrom('answer' as const, 'accept, then answer' as const),
    status: fc.constantFrom(400, 401, 413, 429, 500, 501, 503),
    retryAfter: fc.constantFrom('0', '1'),
  }),
  fc.constantFrom<Move>(
    { kind: 'reset before reading' },
    { kind: 'reset after reading' },
    { kind: 'accept, then reset' },
    { kind: 'accept, then half an answer' },
    { kind: 'accept, then hang' },
    { kind: 'garbage' },
    { kind: 'page' },
  ),
);

/** One sync: what the endpoint does, and after how many requests it is cancelled. */
const troubledSync = fc.record({
  script: fc.array(anyMove, { maxLength: 15, size: 'max' }),
  cancelAt: fc.option(fc.integer({ min: 1, max: 6 }), { freq: 2 }),
});

test('whatever the endpoint does, in the end every row was delivered once, under one message id', async () => {
  await using world = await openWorld({ settings: { batchSize: 7, watchEvery: 20 } });
  const rows = 40;
  await world.sql(peopleTable(rows), `UPDATE people SET name = 'Poison' WHERE id IN (5, 31)`);
  await fc.assert(
    fc.asyncProperty(fc.array(troubledSync, { minLength: 1, maxLength: 3 }), async (syncs) => {
      await using fake = await openFake();
      const job = await world.job({ trackingUrl: fake.url });
      let delivered = 0;
      for (const { script, cancelAt } of [...syncs, { script: [], cancelAt: null }]) {
        fake.script.splice(0, fake.script.length, ...script);
        const abort = new AbortController();
        let requests = 0;
        fake.onRequest = () => {
          if (++requests === cancelAt) abort.abort();
        };
        const { counts } = await runSync(withHttp(world), job, { signal: abort.signal });
        expect(counts.extracted).toBe(rows);
        expect(counts.unchanged).toBe(delivered);
        expect(counts.unchanged + counts.delivered + counts.refused + counts.givenUp + counts.remaining).toBe(rows);
        expect(counts.remaining).toBeGreaterThanOrEqual(0);
        delivered += counts.delivered;
        expect(acceptedIds(fake).size).toBeGreaterThanOrEqual(delivered);
      }
      const recorded = Object.keys((await world.records(job)) ?? {});
      expect(recorded).toHaveLength(delivered);
      expect(recorded.sort()).toEqual([...acceptedIds(fake).keys()].sort());
      expect(delivered).toBe(rows - 2);
      expect([...acceptedIds(fake).values()].every((own) => own.size === 1)).toBe(true);
      expect(acceptedIds(fake).has('5')).toBe(false);
    }),
    { numRuns: 25 },
  );
}, 300_000);
