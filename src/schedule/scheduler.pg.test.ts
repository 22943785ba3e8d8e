import { expect, test } from 'vitest';
import { testLog } from '../../test/database.ts';
import { openSecrets } from '../workspace/workspace.ts';
import { openShop, type Shop } from './schedule.test-support.ts';
import { listRequests, listSchedules, lookAtSchedules, missedSchedules, startScheduler } from './schedule.ts';

const look = ({ db, clock, store }: Shop) =>
  lookAtSchedules({ db, clock, secrets: store.secrets, log: testLog(), historyDays: 30 });

/** As the worker does when a sync has ended. */
const finish = ({ db }: Shop) => db.pool.query('DELETE FROM sync_requests');

test('an interval starts at once, then at its pace; many servers start each run once', async () => {
  await using shop = await openShop();
  await shop.configure('{ every: 45m }');
  for (const expected of ['12:00', '12:45', '13:30']) {
    shop.clock.time = new Date(`2026-05-04T${expected}:00Z`);
    await Promise.all(Array.from({ length: 8 }, () => look(shop)));
    expect(await shop.requests()).toEqual([{ reason: 'scheduled', due: `2026-05-04T${expected}:00.000Z` }]);
    const [request] = await listRequests(shop.db.pool);
    expect(request).toMatchObject({ requestedBy: 'schedule', mappingId: (await shop.job()).mapping.id });
    await finish(shop);
    shop.clock.time = new Date(shop.clock.time.getTime() + 44 * 60_000);
    await look(shop);
    expect(await shop.requests()).toEqual([]);
  }
  expect(await missedSchedules(shop.db.pool)).toEqual([]);
});

test('days and hours wait for their slot; what was missed while no server ran is made up for once', async () => {
  await using shop = await openShop();
  await shop.configure('{ days: [0, 1, 2, 3, 4, 5, 6], hours: [6], timezone: Europe/Berlin }');
  await look(shop);
  expect(await shop.requests()).toEqual([]);
  shop.clock.time = new Date('2026-05-09T15:00:00Z');
  await look(shop);
  expect(await shop.requests()).toEqual([{ reason: 'scheduled', due: '2026-05-05T04:00:00.000Z' }]);
  await finish(shop);
  await look(shop);
  expect(await shop.requests()).toEqual([]);
  const [entry] = await listSchedules(shop.db.pool, shop.clock.time);
  expect(entry).toMatchObject({ nextRun: new Date('2026-05-10T04:00:00Z'), missed: 0 });
});

test('what could not start is recorded with the reason, once for each slot', async () => {
  await using shop = await openShop();
  await shop.configure('{ every: 1h }', { sourceEnabled: false });
  await look(shop);
  shop.clock.time = new Date('2026-05-04T12:10:00Z');
  await look(shop);
  expect(await missedSchedules(shop.db.pool)).toMatchObject([
    {
      mapping: 'identify',
      code: 'sync_disabled',
      reason: 'The source shop is disabled, so identify cannot run.',
      dueAt: new Date('2026-05-04T12:00:00Z'),
    },
  ]);
  // Enabled: its first sync starts at once.
  await shop.configure('{ every: 1h }');
  await look(shop);
  expect(await shop.requests()).toHaveLength(1);
  // An hour later it still runs.
  shop.clock.time = new Date('2026-05-04T13:10:00Z');
  await look(shop);
  expect(await missedSchedules(shop.db.pool, { since: new Date('2026-05-04T13:00:00Z') })).toMatchObject([
    { code: 'sync_running', dueAt: new Date('2026-05-04T13:10:00Z') },
  ]);
  const [entry] = await listSchedules(shop.db.pool, shop.clock.time);
  expect(entry).toMatchObject({ missed: 2, lastMissed: { code: 'sync_running' } });
});

test('a mapping that is switched off has no runs, and none that are missed; switched on it begins', async () => {
  await using shop = await openShop();
  await shop.configure('{ every: 1h }', { enabled: false });
  await look(shop);
  shop.clock.time = new Date('2026-05-04T15:30:00Z');
  await look(shop);
  expect([await shop.requests(), await missedSchedules(shop.db.pool)]).toEqual([[], []]);
  await shop.configure('{ every: 1h }');
  await look(shop);
  expect(await shop.requests()).toHaveLength(1);
});

test('a changed schedule counts from the next look on, and one that was taken away is forgotten', async () => {
  await using shop = await openShop();
  await shop.configure('{ days: [1], hours: [6] }');
  await look(shop);
  await shop.configure('{ cron: "30 12 * * *", timezone: UTC }');
  await look(shop);
  shop.clock.time = new Date('2026-05-04T12:30:01Z');
  await look(shop);
  expect(await shop.requests()).toHaveLength(1);
  await finish(shop);
  await shop.configure('manual');
  await look(shop);
  shop.clock.time = new Date('2026-05-06T12:30:01Z');
  await look(shop);
  expect(await shop.requests()).toEqual([]);
  expect((await shop.db.pool.query('SELECT FROM mapping_schedules')).rowCount).toBe(0);
  expect(await listSchedules(shop.db.pool, shop.clock.time)).toMatchObject([{ schedule: null, nextRun: null }]);
});

test('a schedule that means no time is said so once, and again when it is written anew', async () => {
  await using shop = await openShop();
  await shop.configure('{ every: 1h }');
  await shop.db.pool.query(`UPDATE mappings SET schedule = '{"kind":"cron","spec":"0 6 * * *","timezone":"Old/Zone"}'`);
  await look(shop);
  await look(shop);
  expect(await missedSchedules(shop.db.pool)).toMatchObject([{ code: 'schedule_broken', mapping: 'identify' }]);
  expect(await shop.requests()).toEqual([]);
  await shop.configure('{ every: 2h }');
  await look(shop);
  expect(await shop.requests()).toHaveLength(1);
});

test('secrets that cannot be opened are a reason too', async () => {
  await using shop = await openShop();
  await shop.configure('{ every: 1h }');
  const secrets = await openSecrets({ key: '0'.repeat(64), dataFolder: '.' });
  await lookAtSchedules({ db: shop.db, clock: shop.clock, secrets, log: testLog(), historyDays: 30 });
  const [missed] = await missedSchedules(shop.db.pool);
  expect(missed?.code).toMatch(/^secret_/);
  expect(await shop.requests()).toEqual([]);
});

test('it looks by itself, and stops when it is disposed of', async () => {
  await using shop = await openShop();
  await shop.configure('{ every: 1h }');
  const { db, clock, store } = shop;
  const options = { db, clock, secrets: store.secrets, log: testLog(), historyDays: 30, everyMs: 10 };
  {
    await using _scheduler = startScheduler(options);
    while ((await shop.requests()).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await finish(shop);
  clock.time = new Date('2026-05-04T18:00:00Z');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await shop.requests()).toEqual([]);
});
