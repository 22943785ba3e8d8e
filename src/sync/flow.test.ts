import { describe, expect, test } from 'vitest';
import type { Delivery, Endpoint, Receipt, RecordReceipts } from '../delivery/delivery.ts';
import type { Change } from '../diff/diff.ts';
import type { Decided, DecidedBatch } from './decisions.ts';
import { deliverAll } from './loading.ts';
import { memoryOf } from './memory.ts';
import { type FollowOptions, rememberInWarehouse } from './receipts.ts';
import type { SettledBatch } from './settling.ts';

function send(id: string, space = 's'): Decided {
  const change: Change = {
    kind: 'new',
    recordId: id,
    checksum: 'c'.repeat(32),
    revision: 0,
    deliveredBy: null,
    row: [],
  };
  return { change, decision: { kind: 'send', delivery: { space, message: { id } } }, failedBefore: false };
}

/** Batches of `size`, and how many were asked for so far. */
function source(count: number, size: number) {
  const read = { batches: 0 };
  const batches = (async function* (): AsyncIterable<DecidedBatch> {
    for (let n = 0; n < count; n++) {
      read.batches++;
      yield { decided: Array.from({ length: size }, (_, at) => send(`${n}-${at}`)), notFinite: 0 };
    }
  })();
  return { read, batches };
}

/** Holds each call until it is let go, in order. */
function slowEndpoint(maxBatch = 100) {
  const waiting: (() => void)[] = [];
  const calls: (readonly Delivery[])[] = [];
  const endpoint: Endpoint = {
    name: 'slow',
    maxBatch,
    async deliver(batch, _origin, record: RecordReceipts) {
      calls.push(batch);
      await new Promise<void>((resolve) => waiting.push(resolve));
      const receipts = batch.map((): Receipt => ({ kind: 'delivered' }));
      await record(receipts, undefined);
      return receipts;
    },
    async [Symbol.asyncDispose]() {},
  };
  return { endpoint, waiting, calls };
}

function load(batches: AsyncIterable<DecidedBatch>, endpoint: Endpoint, recorded: SettledBatch[] = []) {
  const stop = new AbortController();
  const settled = deliverAll(batches, {
    endpoint,
    origin: { mappingId: 'map_a', syncId: 'syn_a' },
    record: async (batch) => void recorded.push(batch),
    marking: { syncNo: 1, replays: false },
    inFlight: 3,
    grace: 50,
    signal: stop.signal,
  });
  return { settled, stop };
}

const pause = () => new Promise((resolve) => setImmediate(resolve));

describe('delivery', () => {
  test('reads no further ahead of a slow endpoint than its batches on the way', async () => {
    const { read, batches } = source(20, 2);
    const { endpoint, waiting, calls } = slowEndpoint();
    const { settled } = load(batches, endpoint);
    const all = (async () => {
      const numbers: number[] = [];
      for await (const batch of settled) numbers.push(batch.batch);
      return numbers;
    })();
    for (let released = 0; released < 20; released++) {
      for (let n = 0; n < 5; n++) await pause();
      expect(calls.length).toBeLessThanOrEqual(released + 3);
      expect(read.batches).toBeLessThanOrEqual(released + 3);
      waiting[released]?.();
    }
    expect(await all).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  });

  test('splits a batch by space and by what the endpoint takes; rows that are not sent are settled once', async () => {
    const recorded: SettledBatch[] = [];
    const { endpoint, waiting, calls } = slowEndpoint(2);
    const skipped: Decided = { ...send('skipped'), decision: { kind: 'skip' } };
    const decided = [send('1', 'a'), skipped, send('2', 'b'), send('3', 'a'), send('4', 'a')];
    const batches = (async function* () {
      yield { decided, notFinite: 0 };
      yield { decided: [skipped], notFinite: 0 };
      yield { decided: [], notFinite: 0 };
    })();
    const { settled } = load(batches, endpoint, recorded);
    const done = (async () => {
      for await (const _ of settled) {
        // Only its end matters.
      }
    })();
    for (let n = 0; n < 10; n++) {
      await pause();
      for (const release of waiting) release();
    }
    await done;
    const sent = calls.map((call) => call.map(({ space, message }) => `${space}${message.id}`));
    expect(sent).toEqual([['a1', 'a3'], ['a4'], ['b2']]);
    expect(recorded.map(({ counts }) => counts.delivered + counts.skipped).reduce((a, b) => a + b)).toBe(6);
  });

  test('a cancel does not wait for an endpoint that hangs', async () => {
    const { endpoint } = slowEndpoint();
    const { settled, stop } = load(source(5, 1).batches, endpoint);
    const iterating = settled[Symbol.asyncIterator]().next();
    await pause();
    stop.abort(new Error('enough'));
    await expect(iterating).rejects.toThrow('enough');
  });
});

describe('the memory in the warehouse', () => {
  test('lets the loading run ahead by one lump, writes every entry once, and everything before it ends', async () => {
    const written: string[] = [];
    let writing = 0;
    let gate = () => {};
    const memory = memoryOf({ id: 'map_a', epoch: 1 });
    const options = {
      db: { pool: { query: async () => ({ rows: [] }) } },
      warehouse: {
        async writeRecords(_table: string, entries: readonly { recordId: string }[]) {
          expect(++writing).toBe(1);
          await new Promise<void>((resolve) => {
            gate = resolve;
          });
          writing--;
          written.push(...entries.map(({ recordId }) => recordId));
        },
      },
      memory,
      syncId: 'syn_a',
      lumpSize: 10,
      fresh: true,
    } as unknown as FollowOptions;
    let given = 0;
    const batches = (async function* () {
      for (let batch = 0; batch < 12; batch++) {
        given++;
        const entries = Array.from({ length: 5 }, (_, at) => ({
          recordId: `${batch}-${at}`,
          checksum: null,
          revision: 1,
          deliveredBy: null,
        }));
        yield { batch, entries };
      }
    })();
    const done = (async () => {
      for await (const _ of rememberInWarehouse(batches, options)) {
        // Only its end matters.
      }
    })();
    let ended = false;
    void done.then(() => {
      ended = true;
    });
    while (!ended) {
      for (let n = 0; n < 5; n++) await pause();
      // One lump of 10 is being written, one is full, and nothing beyond is read.
      expect(given * 5 - written.length).toBeLessThanOrEqual(20);
      gate();
      await pause();
    }
    await done;
    expect(written).toHaveLength(60);
    expect(new Set(written).size).toBe(60);
  });
});
