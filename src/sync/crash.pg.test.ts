/** Each place between two writes where a process can die, one by one. The crash drill kills real processes. */
import { expect, test } from 'vitest';
import { changed, fakeEndpoint, openWorld, peopleTable, withWarehouse } from './sync.test-support.ts';
import { runSync } from './sync.ts';

test('before the warehouse has the records: nothing is delivered twice', async () => {
  await using world = await openWorld({ settings: { batchSize: 10 } });
  await world.sql(peopleTable(30));
  const job = await world.job();
  const away = withWarehouse(world.context, () => ({
    writeRecords: async () => {
      throw new Error('the warehouse is gone');
    },
  }));
  const first = await runSync(away, job);
  expect(first).toMatchObject({ state: 'failed', counts: { delivered: 30, remaining: 0 } });
  expect(await world.records(job)).toEqual({});
  const second = await runSync(world.context, job);
  expect(second).toMatchObject({ state: 'succeeded', counts: { delivered: 0, unchanged: 30 } });
  expect(Object.keys((await world.records(job)) ?? {})).toHaveLength(30);
});

test('after the warehouse has the records, before the receipts are deleted: they are applied again, to no effect', async () => {
  await using world = await openWorld({ settings: { batchSize: 10 } });
  await world.sql(peopleTable(30));
  const job = await world.job();
  const forgetful = withWarehouse(world.context, (real) => ({
    writeRecords: async (table, entries, fresh) => {
      await real.writeRecords(table, entries, fresh);
      throw new Error('killed');
    },
  }));
  await runSync(forgetful, job);
  const between = await world.records(job);
  expect(Object.keys(between ?? {})).toHaveLength(30);
  const { rows } = await world.db.pool.query('SELECT FROM sync_receipts');
  expect(rows).toHaveLength(3);
  expect((await runSync(world.context, job)).counts).toMatchObject({ delivered: 0, unchanged: 30 });
  expect(await world.records(job)).toEqual(between);
  expect((await world.db.pool.query('SELECT FROM sync_receipts')).rows).toEqual([]);
});

test('after the receipts are written, before messages and receipts commit: neither is there', async () => {
  await using world = await openWorld({ settings: { batchSize: 10 } });
  await world.sql(peopleTable(30));
  const job = await world.job();
  const { writer } = world.context;
  let batches = 0;
  const fragile = changed(writer, {
    write: (space, batch, also) =>
      writer.write(space, batch, async (tx, written) => {
        await also?.(tx, written);
        if (++batches === 2) throw new Error('killed before the commit');
      }),
  });
  const first = await runSync({ ...world.context, writer: fragile }, job);
  // The batch in front was committed; the one behind may have been, as it does not depend on the second.
  expect(first.state).toBe('failed');
  const { delivered } = first.counts;
  expect([10, 20]).toContain(delivered);
  expect(await world.reader.count(world.space.no, 'users')).toBe(delivered);
  const second = await runSync(world.context, job);
  expect(second.counts).toMatchObject({ added: 30 - delivered, delivered: 30 - delivered, unchanged: delivered });
  expect(await world.reader.count(world.space.no, 'users')).toBe(30);
});

test('after an endpoint elsewhere took the messages, before their receipts were stored: the same ids again', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(20));
  const job = await world.job();
  const remote = fakeEndpoint();
  const deaf = {
    ...remote,
    deliver: (async (batch) => {
      remote.given.push(...batch);
      throw new Error('killed before the receipt');
    }) as typeof remote.deliver,
  };
  await runSync(world.withEndpoint(deaf), job);
  await runSync(world.withEndpoint(remote), job);
  const ids = remote.given.map(({ message }) => message.messageId);
  expect(ids).toHaveLength(40);
  expect(new Set(ids).size).toBe(20);
});

test('a deletion that was delivered is not delivered again', async () => {
  await using world = await openWorld();
  await world.sql(peopleTable(5));
  const job = await world.job();
  await runSync(world.context, job);
  await world.sql('DELETE FROM people WHERE id <= 2');
  const away = withWarehouse(world.context, () => ({
    writeRecords: async () => {
      throw new Error('the warehouse is gone');
    },
  }));
  expect((await runSync(away, job)).counts).toMatchObject({ deleted: 2, delivered: 2 });
  expect((await runSync(world.context, job)).counts).toMatchObject({ deleted: 0, delivered: 0, unchanged: 3 });
});

test('the warehouse goes away while it is read: what was delivered stays, the rest goes out next time', async () => {
  await using world = await openWorld({ engine: 'postgres', settings: { batchSize: 1_000 } });
  await world.sql(peopleTable(20_000));
  const job = await world.job();
  const breaking = withWarehouse(world.context, (real) => ({
    snapshot: async (signal) => {
      const snapshot = await real.snapshot(signal);
      return changed(snapshot, {
        async *stream(...call: Parameters<typeof snapshot.stream>) {
          let batches = 0;
          for await (const batch of snapshot.stream(...call)) {
            if (++batches > 4) throw new Error('connection reset');
            yield batch;
          }
        },
      });
    },
  }));
  const first = await runSync(breaking, job);
  expect(first.state).toBe('failed');
  expect(first.reason).toContain('connection reset');
  const { delivered, remaining } = first.counts;
  expect(delivered + remaining).toBe(20_000);
  expect(remaining).toBeGreaterThan(0);
  const second = await runSync(world.context, job);
  expect(second).toMatchObject({ state: 'succeeded', counts: { added: remaining, unchanged: delivered } });
});
