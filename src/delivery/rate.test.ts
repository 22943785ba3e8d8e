import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRate, createRates, createTurns } from './rate.ts';

test('no second has more turns than the rate, beside the burst', () => {
  const steps = fc.array(fc.double({ min: 0, max: 300, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), steps, (perSecond, gaps) => {
      const turns = createTurns(perSecond);
      let now = 0;
      // When each request goes: not before its turn, and not before it asked.
      const times = gaps.map((gap) => {
        now += gap;
        return Math.max(turns.next(now), now);
      });
      for (const [at, time] of times.entries()) {
        const within = times.filter((other, index) => index >= at && other < time + 1000).length;
        expect(within).toBeLessThanOrEqual(perSecond + Math.ceil(perSecond / 50) + 1);
      }
    }),
    { numRuns: 100 },
  );
});

test('a share of the rate is so much less of it, and the whole is had again', () => {
  const turns = createTurns(10);
  const lengthOf = (requests: number) => {
    const first = turns.next(0);
    let last = first;
    for (let request = 1; request < requests; request++) last = turns.next(0);
    return last - first;
  };
  expect(lengthOf(11)).toBeCloseTo(1_000);
  turns.share(1 / 4);
  turns.next(0);
  expect(lengthOf(11)).toBeCloseTo(4_000);
  turns.share(1);
  turns.next(0);
  expect(lengthOf(11)).toBeCloseTo(1_000);
});

test('who asks rarely never waits', () => {
  const turns = createTurns(10);
  for (let now = 0; now < 10_000; now += 100) expect(turns.next(now)).toBeLessThanOrEqual(now);
});

test('0 is no limit', () => {
  const turns = createTurns(0);
  for (let request = 0; request < 10_000; request++) expect(turns.next(5)).toBeLessThanOrEqual(5);
});

test('nobody goes during a pause, and the signal ends the wait', async () => {
  let now = 0;
  const rate = createRate(0, () => now);
  rate.pause(10);
  const order: string[] = [];
  const going = rate.take().then(() => order.push('went'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  // Time as the rate sees it has not moved.
  expect(order).toEqual([]);
  now = 10;
  await going;
  expect(order).toEqual(['went']);
  rate.pause(1_000_000);
  const abort = new AbortController();
  const waiting = rate.take(abort.signal);
  abort.abort();
  await waiting;
});

test('each destination has one rate', () => {
  const rateOf = createRates(5);
  expect(rateOf('a')).toBe(rateOf('a'));
  expect(rateOf('a')).not.toBe(rateOf('b'));
});
