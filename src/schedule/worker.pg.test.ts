import { expect, test } from 'vitest';
import { fakeEndpoint, refused } from '../sync/sync.test-support.ts';
import { cancelSync, listSyncs, runSync, type SyncContext, showSync } from '../sync/sync.ts';
import { claimRequests, listRequests as requests } from './requests.ts';
import { openShop, type Shop } from './schedule.test-support.ts';
import { requestSync, startSyncWorker } from './schedule.ts';

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const start = ({ store, sync }: Shop, context: SyncContext = sync) =>
  startSyncWorker({ sync: context, store, parallel: 2, everyMs: 10 });

const ask = async (shop: Shop, reason: 'manual' | 'retry' | 'replay' = 'manual', syncId?: string) => {
  const options: Readonly<Record<string, string>> = syncId === undefined ? {} : { syncId };
  return requestSync(shop.db.pool, await shop.job(), { reason, requestedBy: 'cli', options }, shop.clock.now());
};

/** Polls as a client does: never sees anything but a running sync, or its end. */
async function ended(shop: Shop, id: string) {
  for (;;) {
    const [request] = await requests(shop.db.pool, { syncId: id });
    if (request === undefined) {
      const sync = await showSync(shop.db, id);
      expect(sync.finishedAt).not.toBeNull();
      return sync;
    }
    await wait(5);
  }
}

test('a request becomes a sync under the id that was promised, and is gone with its end', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  await using _worker = start(shop);
  const { syncId } = await ask(shop);
  await expect(ask(shop)).rejects.toMatchObject({ code: 'sync_running' });
  const sync = await ended(shop, syncId);
  expect(sync).toMatchObject({ id: syncId, state: 'succeeded', counts: { added: 100, delivered: 100, remaining: 0 } });
  expect(await shop.people()).toBe(100);
  const again = await ask(shop);
  expect(await ended(shop, again.syncId)).toMatchObject({ counts: { unchanged: 100, delivered: 0 } });
});

test('two workers on one database run each request once', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  const { syncId } = await ask(shop);
  await using _one = start(shop);
  await using _other = start(shop);
  await ended(shop, syncId);
  expect((await listSyncs(shop.db)).items.map(({ id, counts }) => [id, counts.delivered])).toEqual([[syncId, 100]]);
});

test('what cannot begin ends with a reason, under the same id', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  const { syncId } = await ask(shop);
  await shop.configure('manual', { sourceEnabled: false });
  await using _worker = start(shop);
  expect(await ended(shop, syncId)).toMatchObject({
    ...{ state: 'failed', code: 'sync_disabled', mapping: 'identify' },
    reason: 'The source shop is disabled, so identify cannot run.',
  });
});

test('a claim is for one process, and is free again when it is given back', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  const { syncId } = await ask(shop);
  const claims = await Promise.all([1, 2, 3, 4].map(() => claimRequests(shop.db.pool, 5, [])));
  expect(claims.flat()).toMatchObject([{ syncId, begun: 1 }]);
  expect(await claimRequests(shop.db.pool, 5, [])).toEqual([]);
  await shop.db.pool.query(`UPDATE sync_requests SET claimed_at = now() - interval '16 seconds'`);
  expect(await claimRequests(shop.db.pool, 5, [])).toMatchObject([{ syncId, begun: 2 }]);
  // By a clock that was a day ahead.
  await shop.db.pool.query(`UPDATE sync_requests SET claimed_at = now() + interval '1 day'`);
  expect(await claimRequests(shop.db.pool, 5, [])).toMatchObject([{ syncId, begun: 3 }]);
});

test('while another sync of the mapping runs, the request waits', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  const { syncId } = await ask(shop);
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow: SyncContext = {
    ...shop.sync,
    openWarehouse: async (source) => {
      await held;
      return shop.sync.openWarehouse(source);
    },
  };
  const byHand = runSync(slow, await shop.job());
  while ((await listSyncs(shop.db)).items.length === 0) await wait(5);
  await using _worker = start(shop);
  await wait(200);
  expect(await requests(shop.db.pool)).toMatchObject([{ syncId }]);
  release();
  expect((await byHand).counts.delivered).toBe(100);
  expect((await ended(shop, syncId)).counts).toMatchObject({ unchanged: 100, delivered: 0 });
});

/* ---- taking over ---- */

/** The sync of a request stops after so many batches, as with the death of its process: its row still says that it runs. */
async function dieAfter(shop: Shop, batches: number) {
  const { syncId } = await ask(shop);
  const leaving = new AbortController();
  let written = 0;
  const { writer } = shop.sync;
  const dying: SyncContext = {
    ...shop.sync,
    settings: { batchSize: 10, inFlight: 1 },
    writer: {
      ...writer,
      write: async (space, batch, also) => {
        if (written++ === batches) {
          leaving.abort();
          throw new Error('killed');
        }
        return writer.write(space, batch, also);
      },
    },
  };
  await expect(runSync(dying, await shop.job(), { id: syncId, leave: leaving.signal })).rejects.toMatchObject({
    code: 'sync_left',
  });
  return syncId;
}

test('the sync of a dead process goes on under its id, with counts that are true for the whole of it', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  const syncId = await dieAfter(shop, 3);
  // Whoever looks meanwhile finds it running.
  expect(await showSync(shop.db, syncId)).toMatchObject({ state: 'loading', counts: { added: 100, delivered: 30 } });
  await expect(ask(shop)).rejects.toMatchObject({ code: 'sync_running' });
  expect(await shop.people()).toBe(30);
  await using _worker = start(shop);
  const sync = await ended(shop, syncId);
  expect(sync).toMatchObject({
    state: 'succeeded',
    counts: { extracted: 100, added: 100, updated: 0, unchanged: 0, delivered: 100, refused: 0, remaining: 0 },
    effects: { profilesCreated: 100 },
  });
  expect((await listSyncs(shop.db)).items).toHaveLength(1);
  expect(await shop.people()).toBe(100);
  const { rows } = await shop.db.pool.query('SELECT attempt FROM syncs');
  expect(rows).toEqual([{ attempt: 2 }]);
});

test('rows that changed in between are delivered as they are now', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  const syncId = await dieAfter(shop, 3);
  await shop.sql('DELETE FROM people WHERE id > 95', 'INSERT INTO people VALUES (1000, NULL)');
  await using _worker = start(shop);
  const { counts } = await ended(shop, syncId);
  expect(counts.extracted).toBe(96);
  expect(counts.added + counts.updated + counts.unchanged + counts.invalid).toBe(96);
  expect(counts.remaining).toBe(0);
});

test('a process that was taken for dead writes nothing into the sync that goes on', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  const { syncId } = await ask(shop);
  let another: Promise<unknown> = Promise.resolve();
  let first = true;
  const slow: SyncContext = {
    ...shop.sync,
    openWarehouse: async (source) => {
      if (first) {
        first = false;
        // The session with the lock is lost, and somebody goes on at once.
        await shop.db.pool.query(
          `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database =
             (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid() AND objsubid = 1`,
        );
        another = (async () => runSync(shop.sync, await shop.job(), { id: syncId }))();
        await another;
      }
      return shop.sync.openWarehouse(source);
    },
  };
  await expect(runSync(slow, await shop.job(), { id: syncId })).rejects.toMatchObject({ code: 'sync_lost' });
  expect(await another).toMatchObject({ state: 'succeeded', counts: { added: 100, delivered: 100 } });
  expect(await showSync(shop.db, syncId)).toMatchObject({ state: 'succeeded', counts: { delivered: 100 } });
});

test('a sync whose process is gone can be cancelled, and is then not gone on with', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  const syncId = await dieAfter(shop, 3);
  expect(await cancelSync(shop.db, syncId)).toMatchObject({ state: 'cancelled', counts: { delivered: 30 } });
  expect(await requests(shop.db.pool)).toEqual([]);
});

test('a worker that is disposed of leaves its sync to the next one', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  await shop.sql(`INSERT INTO people SELECT i, 'q' || i FROM range(1001, 4001) t (i)`);
  const { syncId } = await ask(shop);
  {
    await using _first = start(shop);
    while ((await shop.people()) === 0) await wait(5);
  }
  const before = await showSync(shop.db, syncId);
  expect(before.finishedAt).toBeNull();
  expect(before.counts.delivered).toBeLessThan(3100);
  expect((await shop.db.pool.query('SELECT begun, claimed_at FROM sync_requests')).rows).toEqual([
    { begun: 0, claimed_at: null },
  ]);
  await using _second = start(shop);
  expect((await ended(shop, syncId)).counts).toMatchObject({ added: 3100, delivered: 3100, remaining: 0 });
  expect(await shop.people()).toBe(3100);
});

test('what kills every process that runs it is given up, with a reason', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  const { syncId } = await ask(shop);
  await shop.db.pool.query('UPDATE sync_requests SET begun = 5');
  await using _worker = start(shop);
  expect(await ended(shop, syncId)).toMatchObject({ state: 'failed', code: 'sync_process_ended' });
});

/* ---- retrying ---- */

test('a retry sends what failed in that sync, as it is now, and nothing else', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  const endpoint = (refuses: boolean) =>
    fakeEndpoint(({ message }) => (refuses && Number(message.userId) <= 5 ? refused : { kind: 'delivered' }));
  const failing = (fails: boolean): SyncContext => ({ ...shop.sync, openEndpoint: async () => endpoint(fails) });
  const first = await runSync(failing(true), await shop.job());
  expect(first.counts).toMatchObject({ delivered: 95, refused: 5 });
  await shop.sql(`UPDATE people SET email = 'new' WHERE id IN (1, 50)`, 'INSERT INTO people (id) VALUES (500)');
  await using _worker = start(shop, failing(false));
  const retry = await ask(shop, 'retry', first.id);
  expect(await ended(shop, retry.syncId)).toMatchObject({
    state: 'succeeded',
    counts: { extracted: 101, added: 5, updated: 0, unchanged: 96, delivered: 5, retried: 4, remaining: 0 },
  });
  const usual = await ask(shop);
  expect((await ended(shop, usual.syncId)).counts).toMatchObject({ added: 1, updated: 1, delivered: 2 });
  await expect(ask(shop, 'retry', 'syn_nothing')).rejects.toMatchObject({ code: 'sync_not_found' });
});

/* ---- replaying ---- */

test('a replay is requested, refused when its sync is not known, and runs', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  const first = await runSync(shop.sync, await shop.job());
  await expect(ask(shop, 'replay', 'syn_nothing')).rejects.toMatchObject({ code: 'sync_not_found' });
  await shop.sql(`UPDATE people SET email = 'new' WHERE id = 1`, 'INSERT INTO people (id) VALUES (500)');
  await using _worker = start(shop);
  const replay = await ask(shop, 'replay', first.id);
  expect(await ended(shop, replay.syncId)).toMatchObject({
    state: 'succeeded',
    counts: { extracted: 101, added: 0, updated: 100, unchanged: 1, delivered: 100, remaining: 0 },
    replay: { syncId: first.id, deliveredAgain: 0, gone: 0 },
  });
  const usual = await ask(shop);
  expect((await ended(shop, usual.syncId)).counts).toMatchObject({ added: 1, updated: 0, unchanged: 100 });
});

test('the replay of a dead process goes on: every row once, the newest values, and counts for the whole of it', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  const first = await runSync(shop.sync, await shop.job());
  await shop.sql('DELETE FROM people WHERE id = 100');
  const { syncId } = await ask(shop, 'replay', first.id);
  const leaving = new AbortController();
  const endpoint = fakeEndpoint();
  let batches = 0;
  const dying: SyncContext = {
    ...shop.sync,
    settings: { batchSize: 10, inFlight: 1 },
    openEndpoint: async () => ({
      ...endpoint,
      deliver: async (...call) => {
        if (batches++ < 3) return endpoint.deliver(...call);
        leaving.abort();
        throw new Error('killed');
      },
    }),
  };
  const options = { id: syncId, leave: leaving.signal, replayOf: first.id };
  await expect(runSync(dying, await shop.job(), options)).rejects.toMatchObject({ code: 'sync_left' });
  expect(await showSync(shop.db, syncId)).toMatchObject({ state: 'loading', counts: { updated: 99, delivered: 30 } });
  // Of those that went out already, and of all others.
  await shop.sql(`UPDATE people SET email = 'newest'`);
  await using _worker = start(shop, { ...shop.sync, openEndpoint: async () => endpoint });
  expect(await ended(shop, syncId)).toMatchObject({
    state: 'succeeded',
    counts: { extracted: 99, added: 0, updated: 99, deleted: 0, unchanged: 0, delivered: 99, remaining: 0 },
    replay: { syncId: first.id, deliveredAgain: 0, gone: 1 },
  });
  expect(new Set(endpoint.given.map(({ message }) => message.userId)).size).toBe(99);
  expect(endpoint.given).toHaveLength(99);
  const newest = endpoint.given.filter(({ message }) => (message.traits as { email: string }).email === 'newest');
  expect(newest).toHaveLength(69);
  const usual = await ask(shop);
  expect((await ended(shop, usual.syncId)).counts).toMatchObject({ updated: 30, deleted: 1, unchanged: 69 });
});

test('what a replay skipped is counted once, also when it goes on', async () => {
  await using shop = await openShop();
  await shop.configure('manual');
  const job = await shop.job();
  const first = await runSync(shop.sync, job);
  const { syncId } = await ask(shop, 'replay', first.id);
  const onlyDeleted = { ...job, mapping: { ...job.mapping, trigger: 'event = "deleted"' } };
  const leaving = new AbortController();
  const leave = leaving.signal;
  const onProgress = ({ settled }: { readonly settled: number }) => void (settled === 30 && leaving.abort());
  const slow: SyncContext = { ...shop.sync, settings: { batchSize: 10, inFlight: 1 } };
  const run = runSync(slow, onlyDeleted, { id: syncId, leave, onProgress, replayOf: first.id });
  await expect(run).rejects.toMatchObject({ code: 'sync_left' });
  const ended = await runSync(shop.sync, onlyDeleted, { id: syncId, replayOf: first.id });
  expect(ended).toMatchObject({
    state: 'succeeded',
    counts: { updated: 100, skipped: 100, delivered: 0, remaining: 0 },
  });
});
