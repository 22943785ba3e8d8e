/** What every endpoint promises, as tests that each runs with its own factory. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Delivery, DeliveryOrigin, Endpoint, Receipt, RecordReceipts } from './delivery.ts';

/** A fresh endpoint with nothing delivered yet, and eyes behind it. */
export interface EndpointUnderTest {
  readonly endpoint: Endpoint;
  /** A message that is delivered: it sets the value of `key` to `value`, over whatever was set before it. */
  set(key: string, value: number): Delivery;
  /** A message that is refused for good. */
  refused(): Delivery;
  /** The value of `key` that stands; undefined when none was ever set. */
  standing(key: string): Promise<number | undefined>;
  /** True when messages and what `record` writes commit together, so that a failing `record` undoes the batch. */
  readonly transactional: boolean;
  /** Makes the next call meet an outage; endpoints without one leave it out. */
  breakNextCall?(): Promise<void>;
  close(): Promise<void>;
}

const origin: DeliveryOrigin = {
  mappingId: '00000000-0000-4000-8000-000000000001',
  syncId: '00000000-0000-4000-8000-000000000002',
};

/** Records nothing, and counts. */
function recorder() {
  return vi.fn<RecordReceipts>(async () => {});
}

const kinds = (receipts: readonly Receipt[]) => receipts.map((receipt) => receipt.kind);

export function endpointConformance(name: string, open: () => Promise<EndpointUnderTest>): void {
  describe(`${name} keeps the promises of an endpoint`, () => {
    let under: EndpointUnderTest;
    beforeEach(async () => {
      under = await open();
    });
    afterEach(() => under.close());

    receiptTests(() => under);
    orderTests(() => under);
    failureTests(() => under);
  });
}

function receiptTests(under: () => EndpointUnderTest): void {
  it('one receipt per message, at its place', async () => {
    const { endpoint, set, refused, standing } = under();
    const batch = [set('a', 1), refused(), set('b', 2), refused(), refused(), set('c', 3)];
    const receipts = await endpoint.deliver(batch, origin, recorder());
    expect(kinds(receipts)).toEqual(['delivered', 'refused', 'delivered', 'refused', 'refused', 'delivered']);
    expect(await Promise.all(['a', 'b', 'c'].map((key) => standing(key)))).toEqual([1, 2, 3]);
  });

  it('a refusal says why', async () => {
    const { endpoint, refused } = under();
    const [receipt] = await endpoint.deliver([refused()], origin, recorder());
    expect(receipt).toMatchObject({
      kind: 'refused',
      code: expect.stringMatching(/./),
      reason: expect.stringMatching(/./),
    });
  });

  it.each([0, 1, 2])('a refused message at place %i decides over no other', async (place) => {
    const { endpoint, set, refused } = under();
    const batch = [set('a', 1), set('b', 2), set('c', 3)];
    batch[place] = refused();
    const expected = batch.map((_message, index) => (index === place ? 'refused' : 'delivered'));
    expect(kinds(await endpoint.deliver(batch, origin, recorder()))).toEqual(expected);
  });

  it('records once, the receipts it resolves with, before it resolves', async () => {
    const { endpoint, set, refused } = under();
    const steps: string[] = [];
    const record = vi.fn<RecordReceipts>(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      steps.push('recorded');
    });
    const receipts = await endpoint.deliver([set('a', 1), refused()], origin, record);
    steps.push('resolved');
    expect(steps).toEqual(['recorded', 'resolved']);
    expect(record).toHaveBeenCalledTimes(1);
    expect(record.mock.calls[0]?.[0]).toEqual(receipts);
    expect(record.mock.calls[0]?.[1] !== undefined).toBe(under().transactional);
  });

  it('an empty batch gives no receipts, and is recorded once', async () => {
    const record = recorder();
    expect(await under().endpoint.deliver([], origin, record)).toEqual([]);
    expect(record).toHaveBeenCalledTimes(1);
  });

  it('takes as many messages as it says', async () => {
    const { endpoint, set, standing } = under();
    expect(Number.isInteger(endpoint.maxBatch) && endpoint.maxBatch > 0).toBe(true);
    const batch = Array.from({ length: endpoint.maxBatch }, (_item, index) => set(`k${index % 50}`, index));
    const receipts = await endpoint.deliver(batch, origin, recorder());
    expect(new Set(kinds(receipts))).toEqual(new Set(['delivered']));
    expect(receipts).toHaveLength(endpoint.maxBatch);
    const last = endpoint.maxBatch - 1;
    expect(await standing(`k${last % 50}`)).toBe(last);
  });
}

function orderTests(under: () => EndpointUnderTest): void {
  it('messages of a batch take effect in order', async () => {
    const { endpoint, set, standing } = under();
    await endpoint.deliver([set('a', 1), set('b', 9), set('a', 2), set('b', 8), set('a', 3)], origin, recorder());
    expect([await standing('a'), await standing('b')]).toEqual([3, 8]);
  });

  it('calls that overlap take effect in the order they were made', async () => {
    const { endpoint, set, standing } = under();
    const calls = Array.from({ length: 12 }, (_item, call) => {
      // Early calls are the longer ones, so that a later one would overtake if it could.
      const filling = Array.from({ length: (12 - call) * 5 }, (_one, index) => set(`f${index}`, call));
      return endpoint.deliver([...filling, set('a', call)], origin, recorder());
    });
    for (const receipts of await Promise.all(calls)) expect(new Set(kinds(receipts))).toEqual(new Set(['delivered']));
    expect([await standing('a'), await standing('f0'), await standing('f59')]).toEqual([11, 11, 0]);
  });

  it('overlapping calls get receipts of their own', async () => {
    const { endpoint, set, refused } = under();
    const first = endpoint.deliver([set('a', 1), refused()], origin, recorder());
    const second = endpoint.deliver([refused(), set('a', 2), set('b', 2)], origin, recorder());
    expect(kinds(await first)).toEqual(['delivered', 'refused']);
    expect(kinds(await second)).toEqual(['refused', 'delivered', 'delivered']);
  });
}

function failureTests(under: () => EndpointUnderTest): void {
  it('rejects when recording fails, and goes on with the next call', async () => {
    const { endpoint, set, standing, transactional } = under();
    const failure = new Error('cannot record');
    const failing = endpoint.deliver([set('a', 1)], origin, async () => {
      throw failure;
    });
    await expect(failing).rejects.toThrow();
    if (transactional) expect(await standing('a')).toBeUndefined();
    expect(kinds(await endpoint.deliver([set('a', 2)], origin, recorder()))).toEqual(['delivered']);
    expect(await standing('a')).toBe(2);
  });

  it('an outage delivers nothing and refuses nothing', async (context) => {
    const { endpoint, set, standing, breakNextCall } = under();
    if (!breakNextCall) return context.skip();
    await breakNextCall();
    const record = recorder();
    const outcome = await endpoint.deliver([set('a', 1), set('b', 1)], origin, record).catch(() => 'threw' as const);
    if (outcome === 'threw') expect(record).not.toHaveBeenCalled();
    else expect(kinds(outcome)).toEqual(['later', 'later']);
    expect([await standing('a'), await standing('b')]).toEqual([undefined, undefined]);
    expect(kinds(await endpoint.deliver([set('a', 2)], origin, recorder()))).toEqual(['delivered']);
  });

  it('a call that is aborted beforehand is done wholly or not at all', async () => {
    const { endpoint, set, standing } = under();
    const record = recorder();
    const outcome = await endpoint
      .deliver([set('a', 1)], origin, record, AbortSignal.abort())
      .catch(() => 'threw' as const);
    expect(record).toHaveBeenCalledTimes(outcome === 'threw' ? 0 : 1);
    expect(await standing('a')).toBe(outcome !== 'threw' && outcome[0]?.kind === 'delivered' ? 1 : undefined);
    expect(kinds(await endpoint.deliver([set('b', 2)], origin, recorder()))).toEqual(['delivered']);
  });

  it('aborting one call leaves those before it alone', async () => {
    const { endpoint, set, standing } = under();
    const abort = new AbortController();
    const first = endpoint.deliver([set('a', 1)], origin, recorder());
    const second = endpoint.deliver([set('b', 1)], origin, recorder(), abort.signal).catch(() => 'threw' as const);
    abort.abort();
    expect(kinds(await first)).toEqual(['delivered']);
    const outcome = await second;
    const delivered = outcome !== 'threw' && outcome[0]?.kind === 'delivered';
    expect([await standing('a'), await standing('b')]).toEqual([1, delivered ? 1 : undefined]);
  });
}
