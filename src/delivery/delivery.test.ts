/** The suite for endpoints, run on a small endpoint in memory. */
import { type EndpointUnderTest, endpointConformance } from './delivery.conformance.ts';
import type { Delivery, Endpoint, Receipt, RecordReceipts } from './delivery.ts';

/** Calls wait for each other; effects are kept only when they are recorded. */
function memoryEndpoint(standing: Map<string, number>, outage: { next: boolean }): Endpoint {
  let previous: Promise<unknown> = Promise.resolve();
  const deliverNow = async (batch: readonly Delivery[], record: RecordReceipts, signal?: AbortSignal) => {
    signal?.throwIfAborted();
    if (outage.next) {
      outage.next = false;
      throw new Error('outage');
    }
    const written = new Map(standing);
    const receipts = batch.map(({ message }): Receipt => {
      if (typeof message.value !== 'number') return { kind: 'refused', code: 'no_value', reason: 'There is no value.' };
      written.set(String(message.key), message.value);
      return { kind: 'delivered' };
    });
    await record(receipts, undefined);
    for (const [key, value] of written) standing.set(key, value);
    return receipts;
  };
  return {
    name: 'memory',
    maxBatch: 100,
    deliver(batch, _origin, record, signal) {
      const result = previous.then(() => deliverNow(batch, record, signal));
      previous = result.catch(() => undefined);
      return result;
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function openMemory(): Promise<EndpointUnderTest> {
  const standing = new Map<string, number>();
  const outage = { next: false };
  return {
    endpoint: memoryEndpoint(standing, outage),
    set: (key, value) => ({ space: 's', message: { key, value } }),
    refused: () => ({ space: 's', message: { key: 'a' } }),
    standing: async (key) => standing.get(key),
    transactional: false,
    breakNextCall: async () => {
      outage.next = true;
    },
    close: async () => {},
  };
}

endpointConformance('an endpoint in memory', openMemory);
