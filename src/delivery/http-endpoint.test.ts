import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { type FakeEndpoint, type FakeEndpointOptions, type Move, openFakeEndpoint } from '../../test/fake-endpoint.ts';
import { systemClock } from '../base/clock.ts';
import type { JsonObject } from '../base/json.ts';
import { type EndpointUnderTest, endpointConformance } from './delivery.conformance.ts';
import { createRate, type Delivery, type Endpoint, openHttpEndpoint, type Receipt } from './delivery.ts';
import { maxMessageBytes, maxRequestBytes, maxRequestMessages } from './limits.ts';

const origin = { mappingId: 'map_a', syncId: 'syn_a' };
const attempts = 3;
/** So that a test that goes through many failures is over soon. */
const quick = { connections: 4, timeoutMs: 250, graceMs: 100, backoff: { attempts, firstMs: 1, longestMs: 50 } };

interface Place extends AsyncDisposable {
  readonly fake: FakeEndpoint;
  readonly endpoint: Endpoint;
  deliver(batch: readonly Delivery[], signal?: AbortSignal): Promise<readonly Receipt[]>;
}

async function openPlace(options: FakeEndpointOptions = {}, script: readonly Move[] = []): Promise<Place> {
  const fake = await openFakeEndpoint({ isPoison: ({ event }) => event === 'poison', ...options });
  fake.script.push(...script);
  const rate = createRate(0);
  const endpoint = await openHttpEndpoint({
    name: 'custom',
    trackingUrl: fake.url,
    rate,
    clock: systemClock,
    settings: quick,
  });
  return {
    fake,
    endpoint,
    deliver: (batch, signal) => endpoint.deliver(batch, origin, async () => undefined, signal),
    async [Symbol.asyncDispose]() {
      await endpoint[Symbol.asyncDispose]();
      await fake[Symbol.asyncDispose]();
    },
  };
}

let count = 0;
function track(userId: string, more: JsonObject = {}, space = 'key'): Delivery {
  const messageId = `m${++count}`;
  return { space, message: { type: 'track', event: 'e', userId, messageId, ...more } };
}

const poison = (userId = 'p') => track(userId, { event: 'poison' });
const idsOf = (batch: readonly Delivery[]) => batch.map(({ message }) => message.messageId);
const acceptedIds = ({ fake }: Place) => fake.accepted.map(({ message }) => message.messageId);
const kindsOf = (receipts: readonly Receipt[]) => receipts.map(({ kind }) => kind);

endpointConformance('the HTTP endpoint', async (): Promise<EndpointUnderTest> => {
  const place = await openPlace();
  return {
    endpoint: place.endpoint,
    set: (key, value) => track(key, { value }),
    refused: () => poison(),
    async standing(key) {
      const own = place.fake.accepted.filter(({ message }) => message.userId === key);
      return own.at(-1)?.message.value as number | undefined;
    },
    transactional: false,
    breakNextCall: async () => {
      place.fake.script.push(...Array<Move>(attempts).fill({ kind: 'reset before reading' }));
    },
    close: async () => place[Symbol.asyncDispose](),
  };
});

describe('requests', () => {
  test('have the form and the limits of a Tracking API', async () => {
    await using place = await openPlace();
    const filler = 'ü'.repeat(700);
    const batch = Array.from({ length: maxRequestMessages }, (_, n) => track(`u${n}`, { filler }));
    expect(new Set(kindsOf(await place.deliver(batch)))).toEqual(new Set(['delivered']));
    const { arrived } = place.fake;
    expect(arrived.length).toBeGreaterThan(6);
    expect(arrived.length).toBeLessThan(12);
    for (const { bytes, sentAt } of arrived) {
      expect(bytes).toBeLessThanOrEqual(maxRequestBytes);
      expect(Number.isNaN(Date.parse(sentAt))).toBe(false);
    }
    expect(acceptedIds(place).sort()).toEqual(idsOf(batch).sort());
  });

  test('are of one space each', async () => {
    await using place = await openPlace();
    const batch = Array.from({ length: 30 }, (_, n) => track(`u${n}`, {}, `key-${n % 3}`));
    await place.deliver(batch);
    expect(place.fake.arrived.map(({ writeKey }) => writeKey).sort()).toEqual(['key-0', 'key-1', 'key-2']);
    for (const { message, writeKey } of place.fake.accepted) {
      expect(batch.find((one) => one.message.messageId === message.messageId)?.space).toBe(writeKey);
    }
  });

  test('a message over 32 KB is refused with its size, one of just that is sent', async () => {
    await using place = await openPlace();
    const bytesOf = ({ message }: Delivery) => Buffer.byteLength(JSON.stringify(message));
    const fits = track('a', { pad: '' });
    const filled = { ...fits, message: { ...fits.message, pad: 'x'.repeat(maxMessageBytes - bytesOf(fits)) } };
    const over = { ...filled, message: { ...filled.message, pad: `${filled.message.pad}x` } };
    expect(bytesOf(filled)).toBe(maxMessageBytes);
    const receipts = await place.deliver([filled, over, track('b')]);
    expect(kindsOf(receipts)).toEqual(['delivered', 'refused', 'delivered']);
    expect(receipts[1]).toMatchObject({ code: 'message_too_large', reason: expect.stringContaining('32769 bytes') });
  });

  test('a message without an id keeps the one it is given in every try', async () => {
    await using place = await openPlace({}, [{ kind: 'accept, then reset' }]);
    await place.deliver([{ space: 'key', message: { type: 'track', event: 'e', userId: 'u' } }]);
    const ids = acceptedIds(place);
    expect(ids).toHaveLength(2);
    expect(ids[0]).toMatch(/^\w{27}$/);
    expect(new Set(ids).size).toBe(1);
  });

  test('a message that no JSON can hold is refused alone', async () => {
    await using place = await openPlace();
    let deep: JsonObject = {};
    for (let level = 0; level < 100_000; level++) deep = { deep };
    const receipts = await place.deliver([track('a', { deep }), track('b')]);
    expect(kindsOf(receipts)).toEqual(['refused', 'delivered']);
  });
});

describe('what an answer brings about', () => {
  const refusals = [400, 409, 413, 422];
  test.each(refusals)('%i: halved until the messages at fault are found', async (status) => {
    await using place = await openPlace({ poisonStatus: status as 400 });
    const batch = Array.from({ length: 64 }, (_, n) => (n % 16 === 5 ? poison(`u${n}`) : track(`u${n}`)));
    const receipts = await place.deliver(batch);
    expect(kindsOf(receipts)).toEqual(batch.map((_, n) => (n % 16 === 5 ? 'refused' : 'delivered')));
    expect(receipts[5]).toMatchObject({ code: `http_${status}` });
  });

  test('one good message among 99 bad ones is delivered', async () => {
    await using place = await openPlace();
    const batch = Array.from({ length: 100 }, (_, n) => (n === 77 ? track('good') : poison(`u${n}`)));
    const receipts = await place.deliver(batch);
    expect(kindsOf(receipts).filter((kind) => kind === 'delivered')).toHaveLength(1);
    expect(receipts[77]).toEqual({ kind: 'delivered' });
  });

  test.each([401, 403, 404, 301, 302, 307, 501])('%i: refused as a whole, in one request', async (status) => {
    await using place = await openPlace({}, [{ kind: 'answer', status }]);
    const receipts = await place.deliver([track('a'), track('b'), track('c')]);
    expect(kindsOf(receipts)).toEqual(['refused', 'refused', 'refused']);
    expect(receipts[0]).toMatchObject({ code: `http_${status}` });
    expect(place.fake.arrived).toHaveLength(1);
    if (status < 400) expect(receipts[0]).toMatchObject({ reason: expect.stringContaining('not followed') });
  });

  test.each([408, 423, 429, 500, 502, 503, 504])('%i: tried again', async (status) => {
    const move: Move = { kind: 'answer', status, retryAfter: '0' };
    await using place = await openPlace({}, [move, move]);
    expect(kindsOf(await place.deliver([track('a')]))).toEqual(['delivered']);
    expect(place.fake.arrived).toHaveLength(3);
  });

  test('tries end, and the rest is for the next sync', async () => {
    await using place = await openPlace({}, Array<Move>(attempts).fill({ kind: 'answer', status: 503 }));
    expect(await place.deliver([track('a')])).toMatchObject([{ kind: 'later', code: 'http_503' }]);
    expect(kindsOf(await place.deliver([track('a')]))).toEqual(['delivered']);
  });

  test('a wait that is too long is for the next sync at once', async () => {
    await using place = await openPlace({}, [{ kind: 'answer', status: 429, retryAfter: '3600' }]);
    expect(await place.deliver([track('a')])).toMatchObject([{ kind: 'later', code: 'http_429' }]);
    expect(place.fake.arrived).toHaveLength(1);
  });

  test.each([200, 201, 202, 204])('%i: delivered', async (status) => {
    await using place = await openPlace({}, [{ kind: 'accept', status, body: '' }]);
    expect(kindsOf(await place.deliver([track('a')]))).toEqual(['delivered']);
  });

  test('200 with a page is not delivered: the URL is wrong', async () => {
    await using place = await openPlace({}, [{ kind: 'page' }]);
    expect(await place.deliver([track('a'), track('b')])).toMatchObject([
      { kind: 'refused', code: 'not_a_tracking_api' },
      { kind: 'refused' },
    ]);
  });

  test('200 that says it failed is not delivered', async () => {
    const body = '{ "success": false }';
    await using place = await openPlace({}, [{ kind: 'answer', status: 200, body }]);
    expect(kindsOf(await place.deliver([track('a')]))).toEqual(['refused']);
  });

  test.each<Move>([
    { kind: 'reset before reading' },
    { kind: 'reset after reading' },
    { kind: 'accept, then reset' },
    { kind: 'accept, then half an answer' },
    { kind: 'accept, then hang' },
    { kind: 'garbage' },
  ])('$kind: tried again with the same bytes', async (move) => {
    await using place = await openPlace({}, [move]);
    expect(kindsOf(await place.deliver([track('a')]))).toEqual(['delivered']);
    expect(new Set(place.fake.arrived.flatMap(({ texts }) => texts)).size).toBe(1);
  });

  test('an answer without an end is not read to its end', async () => {
    await using place = await openPlace({}, [{ kind: 'accept, then flood' }]);
    expect(kindsOf(await place.deliver([track('a')]))).toEqual(['delivered']);
    expect(place.fake.arrived).toHaveLength(1);
    expect(kindsOf(await place.deliver([track('a')]))).toEqual(['delivered']);
  });
});

describe('reasons', () => {
  const saying = (body: string): Move => ({ kind: 'answer', status: 400, body });
  test.each([
    ['{"success":false,"message":"The timestamp is in no known format"}', 'The timestamp is in no known format'],
    ['{"error":{"message":"Invalid batch"}}', 'Invalid batch'],
    ['{"message":"Invalid value: jane.doe@example.org"}', null],
    ['{"message":"Invalid value: jane.d…"}', null],
    ['{"message":"Invalid value 4711"}', null],
    ['{"message":"Please call 631041 back"}', null],
    ['{"message":"token ZTYzMTA0eDFAeC5jb20"}', null],
    ['{"message":"Invalid writeKey secretkeyofspace"}', null],
    ['{"message":"The campaign has ended"}', 'The campaign has ended'],
    ['<p>Invalid batch</p>', null],
    [`{"message":"${'nonsense '.repeat(40)}"}`, null],
  ])('%s', async (body, excerpt) => {
    await using place = await openPlace({}, [saying(body)]);
    const message = track('u', { properties: { email: 'Jane.Doe@example.org', pin: 4711, id: 'e63104x1@x.com' } });
    const [receipt] = await place.deliver([{ ...message, space: 'SECRETKEYOFSPACE' }]);
    const reason = receipt?.kind === 'refused' ? receipt.reason : '';
    expect(reason).toBe(`The endpoint answered 400 (bad request).${excerpt === null ? '' : ` It says: "${excerpt}"`}`);
  });
});

describe('an endpoint that is away', () => {
  test('several requests in a row: a call of which nothing is known throws, until it is back', async () => {
    const away = Array<Move>(attempts * 3).fill({ kind: 'reset before reading' });
    await using place = await openPlace({}, away);
    expect(kindsOf(await place.deliver([track('a')]))).toEqual(['later']);
    expect(kindsOf(await place.deliver([track('b')]))).toEqual(['later']);
    const record = vi.fn(async () => undefined);
    await expect(place.endpoint.deliver([track('c')], origin, record)).rejects.toMatchObject({ code: 'endpoint_away' });
    expect(record).not.toHaveBeenCalled();
    expect(kindsOf(await place.deliver([track('d')]))).toEqual(['delivered']);
  });

  test('a message that always brings about a 500 does not make it so', async () => {
    const failing = Array<Move>(attempts * 4).fill({ kind: 'answer', status: 500 });
    await using place = await openPlace({}, failing);
    for (let call = 0; call < 4; call++) expect(kindsOf(await place.deliver([track('a')]))).toEqual(['later']);
  });
});

describe('an endpoint that refuses', () => {
  const no = (status: number, body?: string): Move => ({ kind: 'answer', status, ...(body !== undefined && { body }) });
  const people = (count: number, isPoison: (no: number) => boolean = () => false) =>
    Array.from({ length: count }, (_, no) => track(`u${no}`, isPoison(no) ? { event: 'poison' } : {}));

  test.each([
    ['400 to a wrong key', no(400, '{"success":false,"message":"Invalid write key"}'), 'Invalid write key'],
    ['a status of its own', no(418), 'answered 418'],
    ['words of its own', no(400, '{"message":"Go away"}'), 'Send one row by itself to see what it says.'],
    [
      'a success that says it failed',
      { kind: 'accept', status: 207, body: '{"success":false}' } as Move,
      'answered 207',
    ],
  ])('everything is asked about some forty messages, and then no more: %s', async (_, move, words) => {
    await using place = await openPlace({}, Array<Move>(5_000).fill(move));
    const record = vi.fn(async () => undefined);
    const error = await place.endpoint.deliver(people(2_000), origin, record).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'endpoint_refuses', message: expect.stringContaining(words) });
    expect(record).not.toHaveBeenCalled();
    const requests = place.fake.arrived.length;
    expect(requests).toBeLessThan(100);
    await expect(place.endpoint.deliver(people(10), origin, record)).rejects.toMatchObject({
      code: 'endpoint_refuses',
    });
    expect(place.fake.arrived).toHaveLength(requests);
  });

  test('the first hundred of many alike decides over none of the others', async () => {
    await using place = await openPlace();
    const receipts = await place.deliver(people(1_000, (no) => no < 100));
    expect(receipts.every(({ kind }, no) => kind === (no < 100 ? 'refused' : 'delivered'))).toBe(true);
  });

  test('nor does a person whose every message it refuses', async () => {
    await using place = await openPlace();
    const batch = Array.from({ length: 60 }, () => track('same', { event: 'poison' }));
    expect(new Set(kindsOf(await place.deliver([...batch, track('other')])))).toEqual(
      new Set(['refused', 'delivered']),
    );
  });
});

describe('cancelling', () => {
  test('an answer that is on its way counts; what was not sent is still to do', async () => {
    const abort = new AbortController();
    await using place = await openPlace({}, [{ kind: 'accept slowly', ms: 30 }]);
    place.fake.onRequest = () => abort.abort();
    // Two requests, the second waiting for the first: they are about one person.
    const big = 'x'.repeat(30_000);
    const batch = Array.from({ length: 20 }, () => track('same', { big }));
    const receipts = await place.deliver(batch, abort.signal);
    expect(place.fake.arrived).toHaveLength(1);
    const arrived = place.fake.arrived[0]?.messages.length as number;
    expect(arrived).toBeLessThan(20);
    expect(receipts.map((receipt) => (receipt.kind === 'later' ? receipt.code : receipt.kind))).toEqual(
      batch.map((_, n) => (n < arrived ? 'delivered' : 'cancelled')),
    );
  });

  test('an answer that does not come is not waited for', async () => {
    const abort = new AbortController();
    await using place = await openPlace({}, [{ kind: 'accept, then hang' }]);
    place.fake.onRequest = () => abort.abort();
    expect(await place.deliver([track('a')], abort.signal)).toMatchObject([{ kind: 'later', code: 'cancelled' }]);
  });

  test('a wait between two tries is cut short', async () => {
    const abort = new AbortController();
    await using place = await openPlace({}, [{ kind: 'answer', status: 503 }]);
    place.fake.onRequest = () => abort.abort();
    expect(await place.deliver([track('a')], abort.signal)).toMatchObject([{ kind: 'later', code: 'cancelled' }]);
  });
});

test('a closed endpoint sends nothing more, and says that the rest is still to do', async () => {
  await using place = await openPlace({}, [{ kind: 'accept, then hang' }]);
  const arrived = new Promise<void>((resolve) => {
    place.fake.onRequest = resolve;
  });
  const delivering = place.deliver([track('a')]);
  await arrived;
  await place.endpoint[Symbol.asyncDispose]();
  expect(await delivering).toMatchObject([{ kind: 'later', code: 'cancelled' }]);
  expect(place.fake.arrived).toHaveLength(1);
});

/* ---- everything at once ---- */

const accepting: fc.Arbitrary<Move> = fc.constantFrom<Move>(
  { kind: 'accept' },
  { kind: 'accept', status: 202, body: '' },
  { kind: 'accept slowly', ms: 20 },
);
const answering = fc.record({
  kind: fc.constantFrom('answer' as const, 'accept, then answer' as const),
  status: fc.constantFrom(400, 401, 404, 408, 413, 422, 429, 500, 501, 502, 503),
  retryAfter: fc.constantFrom('0', '1', 'soon'),
});
const breaking: fc.Arbitrary<Move> = fc.constantFrom<Move>(
  { kind: 'reset before reading' },
  { kind: 'reset after reading' },
  { kind: 'accept, then reset' },
  { kind: 'accept, then half an answer' },
  { kind: 'accept, then hang' },
  { kind: 'garbage' },
  { kind: 'page' },
  { kind: 'accept, then flood' },
);
const moves: fc.Arbitrary<Move> = fc.oneof(accepting, answering, breaking);

interface Plan {
  /** Messages of each call: whose they are, whether they are poison, how long. */
  readonly calls: readonly (readonly { person: number; space: number; isPoison: boolean; long: boolean }[])[];
  readonly script: readonly Move[];
  /** Abort every call when so many requests have arrived. */
  readonly abortAt: number | null;
}

const plans: fc.Arbitrary<Plan> = fc.record({
  calls: fc.array(
    fc.array(
      fc.record({
        person: fc.nat(5),
        space: fc.nat(1),
        isPoison: fc.nat(9).map((n) => n === 0),
        long: fc.nat(3).map((n) => n === 0),
      }),
      { minLength: 1, maxLength: 40 },
    ),
    { minLength: 1, maxLength: 3 },
  ),
  script: fc.array(moves, { maxLength: 25, size: 'max' }),
  abortAt: fc.option(fc.integer({ min: 1, max: 12 }), { freq: 3 }),
});

test('whatever the endpoint does, every message ends in one state and none is twice two', {
  timeout: 300_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      await using place = await openPlace({}, plan.script);
      const abort = new AbortController();
      let requests = 0;
      place.fake.onRequest = () => {
        if (++requests === plan.abortAt) abort.abort();
      };
      const filler = 'x'.repeat(31_000);
      const batches = plan.calls.map((call) =>
        call.map(({ person, space, isPoison, long }) =>
          track(`u${person}`, { ...(isPoison && { event: 'poison' }), ...(long && { filler }) }, `key-${space}`),
        ),
      );
      const recorded: (readonly Receipt[])[] = batches.map(() => []);
      const results = await Promise.all(
        batches.map((batch, call) =>
          place.endpoint
            .deliver(batch, origin, async (receipts) => void recorded.splice(call, 1, [...receipts]), abort.signal)
            .catch((error: { code: string }) => error.code),
        ),
      );
      const accepted = acceptedIds(place);
      for (const [call, result] of results.entries()) {
        if (typeof result === 'string') {
          expect(result).toBe('endpoint_away');
          expect(recorded[call]).toEqual([]);
          continue;
        }
        expect(recorded[call]).toEqual(result);
        expect(result).toHaveLength(batches[call]?.length as number);
        for (const [at, receipt] of result.entries()) {
          const { message } = (batches[call] as Delivery[])[at] as Delivery;
          if (receipt.kind === 'delivered') expect(accepted).toContain(message.messageId);
          if (receipt.kind === 'later' && receipt.code === 'cancelled') expect(abort.signal.aborted).toBe(true);
          if (message.event === 'poison') expect(receipt.kind).not.toBe('delivered');
        }
      }
      expectSameBytes(place);
      expectOrder(place, batches.flat());
      for (const { bytes, messages } of place.fake.arrived) {
        expect(bytes).toBeLessThanOrEqual(maxRequestBytes);
        expect(messages.length).toBeLessThanOrEqual(maxRequestMessages);
      }
    }),
    { numRuns: 150 },
  );
});

function expectSameBytes({ fake }: Place): void {
  const texts = new Map<unknown, string>();
  for (const request of fake.arrived) {
    for (const [at, text] of request.texts.entries()) {
      const id = request.messages[at]?.messageId;
      expect(texts.get(id) ?? text).toBe(text);
      texts.set(id, text);
    }
  }
}

/** Of one person, who was accepted first was sent first. A receiver knows the rest by their ids. */
function expectOrder({ fake }: Place, sent: readonly Delivery[]): void {
  const first = new Map<unknown, number>();
  for (const [at, { message }] of fake.accepted.entries()) {
    if (!first.has(message.messageId)) first.set(message.messageId, at);
  }
  const last = new Map<string, number>();
  for (const { space, message } of sent) {
    const at = first.get(message.messageId);
    if (at === undefined) continue;
    const person = `${space} ${message.userId}`;
    expect(at).toBeGreaterThan(last.get(person) ?? -1);
    last.set(person, at);
  }
}
