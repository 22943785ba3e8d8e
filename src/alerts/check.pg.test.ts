/** What opens an alert, what resolves it, and that each is said once. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { fakeEndpoint, openWorld, peopleTable, refused, type World } from '../sync/sync.test-support.ts';
import { runSync } from '../sync/sync.ts';
import type { ResolvedMapping } from '../workspace/workspace.ts';
import { contextOf, putAlert, setClock } from './alerts.test-support.ts';
import {
  type AlertContext,
  checkAlerts,
  listNotices,
  markRead,
  openAlerts,
  pruneNotices,
  testAlert,
} from './alerts.ts';

/** Ids of people whose rows the endpoint refuses. */
const refusing = (world: World, bad: (index: number) => boolean) =>
  world.withEndpoint(fakeEndpoint((_, index) => (bad(index) ? refused : { kind: 'delivered' })));

/** Of a mapping in the web app. */
const pageOf = ({ destination, mapping }: ResolvedMapping) => `/destinations/${destination.id}/mappings/${mapping.id}`;

/** A sync of a mapping that failed before the mapping went. */
async function runLast({ db }: World, { mapping }: ResolvedMapping): Promise<void> {
  await db.pool.query(
    `INSERT INTO syncs (id, mapping_id, mapping, model, destination, state, started_at, finished_at)
     VALUES ('syn_last', $1, $2, 'm', 'd', 'failed', now(), now())`,
    [mapping.id, mapping.name],
  );
}

async function said(context: AlertContext) {
  const { items } = await listNotices(context.db.pool, { limit: 100 });
  return items.map(({ phase, event, mapping }) => [phase, event, mapping]).reverse();
}

async function start(): Promise<{ world: World; job: ResolvedMapping; context: AlertContext }> {
  const world = await openWorld();
  await world.sql(peopleTable(4));
  const job = await world.job();
  return { world, job, context: await contextOf(world.db) };
}

test('a failed sync opens the alert once, a good one resolves it once', async () => {
  const { world, job, context } = await start();
  await using _ = world;
  await putAlert(context);
  const broken = refusing(world, () => true);
  const failed = await runSync(broken, job);
  expect(failed.state).toBe('failed');
  expect(await checkAlerts(context)).toBe(1);
  expect(await checkAlerts(context)).toBe(0);
  await runSync(broken, job);
  expect(await checkAlerts(context)).toBe(0);
  expect(await openAlerts(world.db.pool)).toMatchObject([{ mappingId: job.mapping.id, event: 'sync_failed' }]);
  await runSync(world.context, job);
  expect(await checkAlerts(context)).toBe(1);
  await runSync(world.context, job);
  expect(await checkAlerts(context)).toBe(0);
  const name = job.mapping.name;
  expect(await said(context)).toEqual([
    ['opened', 'sync_failed', name],
    ['resolved', 'sync_failed', name],
  ]);
  expect(await openAlerts(world.db.pool)).toEqual([]);
  const { items } = await listNotices(world.db.pool);
  expect(items[1]).toMatchObject({
    what: `A sync of ${name} failed.`,
    why: 'All 4 rows that were tried were refused.',
    syncId: failed.id,
    path: `${pageOf(job)}/syncs/${failed.id}`,
    counts: { added: 4, delivered: 0, refused: 4 },
    sends: [],
  });
  expect(items[1]?.help).not.toBe('');
});

test('partly failed is its own event; a failed or cancelled sync does not resolve it', async () => {
  const { world, job, context } = await start();
  await using _ = world;
  await putAlert(context, { on: ['sync_failed', 'sync_partly_failed'] });
  const name = job.mapping.name;
  await runSync(
    refusing(world, (index) => index === 0),
    job,
  );
  await checkAlerts(context);
  expect(await said(context)).toEqual([['opened', 'sync_partly_failed', name]]);
  await runSync(
    refusing(world, () => true),
    job,
  );
  await checkAlerts(context);
  expect((await openAlerts(world.db.pool)).map(({ event }) => event).sort()).toEqual([
    'sync_failed',
    'sync_partly_failed',
  ]);
  const stop = new AbortController();
  const stopping = world.withEndpoint(
    fakeEndpoint(() => {
      stop.abort();
      return { kind: 'delivered' };
    }),
  );
  const cancelled = await runSync(stopping, job, { signal: stop.signal });
  expect(cancelled.state).toBe('cancelled');
  expect(await checkAlerts(context)).toBe(0);
  await runSync(world.context, job);
  expect(await checkAlerts(context)).toBe(2);
});

test('rows that are given up resolve nothing: a sync of them alone has failed, and one beside others is no good sync', async () => {
  const world = await openWorld({ settings: { retrySyncs: 2 } });
  await using _ = world;
  await world.sql(peopleTable(4));
  const job = await world.job();
  const context = await contextOf(world.db);
  await putAlert(context);
  const name = job.mapping.name;
  const broken = { ...refusing(world, () => true), settings: { retrySyncs: 2 } };
  for (let time = 0; time < 2; time++) await runSync(broken, job);
  expect(await checkAlerts(context)).toBe(1);
  expect(await runSync(world.context, job)).toMatchObject({
    ...{
      state: 'failed',
      code: 'sync_all_given_up',
      reason: 'All 4 rows that there are are given up until they change.',
    },
    counts: { delivered: 0, givenUp: 4 },
  });
  expect(await checkAlerts(context)).toBe(0);
  await world.sql("INSERT INTO people VALUES (5, 'e', 'n')");
  expect((await runSync(world.context, job)).state).toBe('partially succeeded');
  expect(await checkAlerts(context)).toBe(1);
  expect(await said(context)).toEqual([
    ['opened', 'sync_failed', name],
    ['resolved', 'sync_failed', name],
  ]);
  await world.sql("UPDATE people SET name = 'other' WHERE id = 5");
  for (let time = 0; time < 2; time++) await runSync(broken, job);
  expect(await checkAlerts(context)).toBe(1);
  // Nothing but what is given up, beside a row that is in place as it was.
  expect(await runSync(world.context, job)).toMatchObject({ counts: { delivered: 0, givenUp: 5 } });
  expect(await checkAlerts(context)).toBe(0);
});

test('only the mappings it names, and only while it is enabled', async () => {
  const { world, job, context } = await start();
  await using _ = world;
  const other = await world.job();
  await putAlert(context, { name: 'one', mappings: [other.mapping.name] });
  await putAlert(context, { name: 'off', enabled: false });
  await runSync(
    refusing(world, () => true),
    job,
  );
  expect(await checkAlerts(context)).toBe(0);
  await runSync(
    refusing(world, () => true),
    other,
  );
  expect(await checkAlerts(context)).toBe(1);
  // What no rule asks about any more is closed without a word, and said again when it is asked about anew.
  await putAlert(context, { name: 'one', mappings: [other.mapping.name], enabled: false });
  await checkAlerts(context);
  expect(await openAlerts(world.db.pool)).toEqual([]);
  expect(await said(context)).toHaveLength(1);
});

test('a sync whose process died is noticed without anybody looking at it', async () => {
  const { world, job, context } = await start();
  await using _ = world;
  await putAlert(context);
  await world.db.pool.query(
    `INSERT INTO syncs (id, mapping_id, mapping, model, destination, state, started_at)
     VALUES ('syn_dead', $1, $2, 'm', 'd', 'loading', now())`,
    [job.mapping.id, job.mapping.name],
  );
  expect(await checkAlerts(context)).toBe(1);
  const { items } = await listNotices(world.db.pool);
  expect(items[0]).toMatchObject({ syncId: 'syn_dead', why: 'The process that ran it ended.' });
});

test('a process that dies between an end and its notice loses nothing', async () => {
  const { world, job, context } = await start();
  await using _ = world;
  await putAlert(context, { channels: [{ email: { to: ['ops@example.com'] } }] });
  await runSync(
    refusing(world, () => true),
    job,
  );
  // The database goes away when the notice is written: nothing of that look may stay.
  await world.db.pool.query('ALTER TABLE alert_sends RENAME TO gone');
  await expect(checkAlerts(context)).rejects.toThrow();
  await world.db.pool.query('ALTER TABLE gone RENAME TO alert_sends');
  expect(await openAlerts(world.db.pool)).toEqual([]);
  expect(await checkAlerts(context)).toBe(1);
  const { items } = await listNotices(world.db.pool);
  expect(items).toMatchObject([{ phase: 'opened', sends: [{ channel: 'email', state: 'waiting', attempts: 0 }] }]);
});

test('many that look at once say it once', async () => {
  const { world, job, context } = await start();
  await using _ = world;
  await putAlert(context);
  await runSync(
    refusing(world, () => true),
    job,
  );
  const looks = await Promise.all(Array.from({ length: 8 }, () => checkAlerts(context)));
  expect(looks.reduce((sum, count) => sum + count, 0)).toBe(1);
  expect(await said(context)).toHaveLength(1);
});

test('the delivery rate of the last day, under the threshold and over it', async () => {
  const { world, job, context } = await start();
  await using _ = world;
  const clock = setClock();
  const watched = { ...context, clock };
  await putAlert(watched, { on: ['delivery_rate'], thresholdPercent: 75 });
  const timed = (endpoint: World['context']) => ({ ...endpoint, clock });
  // 3 of 4: just at the threshold.
  await runSync(timed(refusing(world, (index) => index === 0)), job);
  expect(await checkAlerts(watched)).toBe(0);
  // 3 of 5.
  await runSync(timed(refusing(world, () => true)), job);
  expect(await checkAlerts(watched)).toBe(1);
  expect(await checkAlerts(watched)).toBe(0);
  const { items } = await listNotices(world.db.pool);
  expect(items[0]).toMatchObject({
    what: `Only 60.0 % of the rows of ${job.mapping.name} were delivered in the last 24 hours.`,
    counts: { delivered: 3, refused: 2 },
    path: pageOf(job),
  });
  // A day later only the good one counts.
  clock.pass(25 * 3_600_000);
  expect(await checkAlerts(watched)).toBe(0);
  await runSync(timed(world.context), job);
  expect(await checkAlerts(watched)).toBe(1);
  expect((await said(watched)).map(([phase]) => phase)).toEqual(['opened', 'resolved']);
});

test('missed schedules, as another room tells them; when it cannot, nothing changes', async () => {
  const { world, job, context } = await start();
  await using _ = world;
  await putAlert(context, { on: ['schedule_missed'] });
  const one = { mappingId: job.mapping.id, dueAt: new Date('2026-01-02T03:00:00Z'), reason: 'the model is disabled' };
  const missing = (missed: NonNullable<AlertContext['missedSchedules']>) => ({ ...context, missedSchedules: missed });
  expect(await checkAlerts(missing(async () => [one]))).toBe(1);
  expect(await checkAlerts(missing(async () => [one]))).toBe(0);
  expect(
    await checkAlerts(
      missing(async () => {
        throw new Error('not now');
      }),
    ),
  ).toBe(0);
  expect(await checkAlerts(context)).toBe(0);
  expect(await checkAlerts(missing(async () => []))).toBe(1);
  const { items } = await listNotices(world.db.pool);
  expect(items[1]).toMatchObject({
    what: `The sync of ${job.mapping.name} that was due at 2026-01-02T03:00:00.000Z did not start.`,
    why: 'The model is disabled.',
    path: pageOf(job),
  });
  expect(items[0]).toMatchObject({ phase: 'resolved', path: pageOf(job) });
});

test('what notices lead to are pages of the web app', async () => {
  const { world, job, context } = await start();
  await using _ = world;
  const router = await readFile(new URL('../../web/src/app/router.tsx', import.meta.url), 'utf8');
  const pages = [...router.matchAll(/path: '([^']+)'/g)].map(
    ([, path = '']) => new RegExp(`^${path.replace(/\$\w+/g, '[^/]+')}$`),
  );
  expect(pages.length).toBeGreaterThan(10);
  await putAlert(context, { on: ['sync_failed', 'delivery_rate'], thresholdPercent: 75 });
  await runSync(
    refusing(world, () => true),
    job,
  );
  expect(await checkAlerts(context)).toBe(2);
  await testAlert(context, 'nightly');
  // The mapping goes before its next end is looked at.
  await runSync(world.context, job);
  await world.db.pool.query('DELETE FROM mappings WHERE id = $1', [job.mapping.id]);
  await runLast(world, job);
  await checkAlerts(context);
  const { items } = await listNotices(world.db.pool, { limit: 100 });
  const phases = items.map(({ phase }) => phase);
  expect(new Set(phases)).toEqual(new Set(['opened', 'test']));
  for (const { path } of items) expect([path, pages.some((page) => page.test(path))]).toEqual([path, true]);
  expect(items.map(({ path }) => path)).toContain('/destinations');
});

test('notices are listed by page, marked as read, and forgotten', async () => {
  const { world, job, context } = await start();
  await using _ = world;
  for (const name of ['a', 'b', 'c']) await putAlert(context, { name });
  await runSync(
    refusing(world, () => true),
    job,
  );
  expect(await checkAlerts(context)).toBe(3);
  const { pool } = world.db;
  const first = await listNotices(pool, { limit: 2 });
  const second = await listNotices(pool, { limit: 2, next: first.next ?? undefined });
  const ids = [...first.items, ...second.items].map(({ id }) => id);
  expect(new Set(ids).size).toBe(3);
  expect(second.next).toBeNull();
  expect(await markRead(pool, ids.slice(0, 1), new Date())).toBe(1);
  expect((await listNotices(pool, { unreadOnly: true })).items.map(({ id }) => id)).toEqual(ids.slice(1));
  expect(await markRead(pool, 'all', new Date())).toBe(2);
  await expect(listNotices(pool, { next: 'x' })).rejects.toMatchObject({ code: 'alert_paging_invalid' });
  await expect(listNotices(pool, { limit: 0 })).rejects.toMatchObject({ code: 'alert_paging_invalid' });
  await pruneNotices(pool, new Date(context.clock.now().getTime() + 1));
  expect((await listNotices(pool)).items).toEqual([]);
});
