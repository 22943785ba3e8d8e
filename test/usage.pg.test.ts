/** What counts, end to end: the Tracking API counts, the Segment Profiles destination is free. */
import { expect, test } from 'vitest';
import { openTracking } from '../src/api/tracking/tracking.test-support.ts';
import { defaultSpaceSettings } from '../src/space/space.ts';
import { openWorld, peopleTable } from '../src/sync/sync.test-support.ts';
import { runSync } from '../src/sync/sync.ts';
import { apiCallsDaily, createSpace, exemptDaily, mtuDaily } from '../src/workspace/workspace.ts';

const period = `${new Date().toISOString().slice(0, 7)}-01`;

test('API calls and tracked users of event streams: each message once, nothing for what was not taken', async () => {
  await using server = await openTracking();
  // A second space takes the same messages; they count once all the same.
  const second = await createSpace(server.db.pool, 'second');
  await server.db.pool.query('UPDATE event_streams SET space_ids = space_ids || $1::text', [second.id]);
  await server.db.pool.query(`INSERT INTO suppressions VALUES ('', 'gone', now(), 'reg_test')`);
  const batch = [
    { type: 'track', event: 'E', userId: '7', anonymousId: 'a-app', messageId: 'm1' },
    { type: 'page', anonymousId: 'a-web', messageId: 'm2' },
    { type: 'track', event: 'E', anonymousId: 'a-app', messageId: 'm3' },
    // A duplicate, one that is discarded, one of a suppressed person: they do not count.
    { type: 'track', event: 'E', userId: '8', messageId: 'm1' },
    { type: 'track', userId: '9', messageId: 'm4' },
    { type: 'track', event: 'E', userId: 'gone', messageId: 'm5' },
    // The space does not take it, the Tracking API did.
    { type: 'identify', userId: '7', traits: Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`t${n}`, n])) },
  ];
  expect((await server.post('/v1/batch', { batch })).status).toBe(200);
  expect((await server.post('/v1/batch', { batch })).status).toBe(200);
  const { pool } = server.db;
  // The identify has no message id of its own, so it counts in both requests.
  expect((await apiCallsDaily(pool, period, false)).at(-1)).toMatchObject({ apiCalls: '5' });
  expect((await mtuDaily(pool, period, false)).at(-1)).toMatchObject({
    identified: '1',
    anonymous: '2',
    anonymousIdentified: '1',
    neverIdentified: '1',
  });
  expect((await apiCallsDaily(pool, period, true)).at(-1)).toMatchObject({ sourceId: server.stream.id, apiCalls: '5' });
  const { rows } = await pool.query('SELECT space_no, count(*)::int AS n FROM events GROUP BY 1 ORDER BY 1');
  expect(rows.map(({ n }) => n)).toEqual([3, 3]);
});

test('a message that the space keeps out counts once, however often it is sent', async () => {
  const filters = [{ name: 'f', description: '', enabled: true, if: 'event = "Filtered"' }];
  await using server = await openTracking({ settings: { ...defaultSpaceSettings(), filters } });
  const message = { event: 'Filtered', userId: 'u1', messageId: 'm1' };
  for (let n = 0; n < 5; n += 1) expect((await server.post('/v1/track', message)).status).toBe(200);
  expect((await server.post('/v1/batch', { batch: [1, 2, 3].map(() => ({ type: 'track', ...message })) })).status).toBe(
    200,
  );
  const { pool } = server.db;
  expect((await apiCallsDaily(pool, period, false)).at(-1)).toMatchObject({ apiCalls: '1' });
  expect((await mtuDaily(pool, period, false)).at(-1)).toMatchObject({ identified: '1' });
});

test('fifty people from a warehouse: no tracked user, no API call, fifty exempt messages', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(50));
  const job = await world.job();
  expect((await runSync(world.context, job)).counts.delivered).toBe(50);
  const { pool } = world.db;
  expect((await apiCallsDaily(pool, period, false)).at(-1)?.apiCalls ?? '0').toBe('0');
  expect((await mtuDaily(pool, period, false)).at(-1)?.identified ?? '0').toBe('0');
  expect((await exemptDaily(pool, period, false)).at(-1)).toMatchObject({ messages: '50' });
});
