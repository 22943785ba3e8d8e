import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { networkOutcome, receiptOf, retryAfter, usualBackoff, waitBeforeNext } from './retry.ts';

describe('what an answer means', () => {
  const later = [408, 423, 429, 500, 502, 503, 504, 520, 599];
  const refused = [301, 400, 401, 403, 404, 409, 410, 413, 422, 426, 451, 501];
  it.each([200, 201, 204])('%i is delivered', (status) => {
    expect(receiptOf({ kind: 'answer', status })).toEqual({ kind: 'delivered' });
  });
  it.each(later)('%i is worth another try', (status) => {
    expect(receiptOf({ kind: 'answer', status })).toMatchObject({ kind: 'later', code: `http_${status}` });
  });
  it.each(refused)('%i is final', (status) => {
    expect(receiptOf({ kind: 'answer', status })).toMatchObject({ kind: 'refused', code: `http_${status}` });
  });
  it('says so in words', () => {
    expect(receiptOf({ kind: 'answer', status: 429 })).toMatchObject({
      reason: 'The endpoint answered 429 (too many requests).',
    });
  });
});

describe('network failures', () => {
  it.each(['ECONNRESET', 'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'EPIPE', 'UND_ERR_SOCKET'])(
    '%s, as the cause of a failed fetch',
    (code) => {
      const error = new TypeError('fetch failed', { cause: Object.assign(new Error('socket'), { code }) });
      const outcome = networkOutcome(error);
      expect(outcome).toEqual({ kind: 'network', code });
      expect(outcome && receiptOf(outcome)).toMatchObject({ kind: 'later', code: `network_${code}` });
    },
  );
  it('a certificate that is not trusted', () => {
    const error = Object.assign(new Error('tls'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' });
    expect(networkOutcome(error)).toMatchObject({ kind: 'network' });
  });
  it.each([
    new TypeError('x is not a function'),
    'text',
    undefined,
    Object.assign(new Error('disk'), { code: 'ENOSPC' }),
  ])('%s is not one', (error) => {
    expect(networkOutcome(error)).toBeUndefined();
  });
});

describe('Retry-After', () => {
  const now = new Date('2026-03-01T12:00:00Z');
  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 7 ', 7_000],
    ['Sun, 01 Mar 2026 12:00:30 GMT', 30_000],
    ['Sun, 01 Mar 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['', undefined],
    [null, undefined],
    [undefined, undefined],
  ])('%s', (header, expected) => {
    expect(retryAfter(header, now)).toBe(expected);
  });
});

describe('waiting', () => {
  it('doubles, and ends after the last attempt', () => {
    const waits = [1, 2, 3, 4, 5, 6].map((failed) => waitBeforeNext(failed, undefined, 0.999999));
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, null]);
    expect([1, 2].map((failed) => waitBeforeNext(failed, undefined, 0))).toEqual([250, 500]);
  });
  it('obeys the endpoint, unless it asks for too much', () => {
    expect(waitBeforeNext(1, 30_000, 0.5)).toBe(30_000);
    expect(waitBeforeNext(1, 60_001, 0.5)).toBeNull();
  });
  it('stays within its bounds', () => {
    const tries = fc.integer({ min: 1, max: usualBackoff.attempts - 1 });
    const random = fc.double({ min: 0, max: 0.999999, noNaN: true });
    fc.assert(
      fc.property(tries, fc.integer({ min: 0, max: usualBackoff.longestMs }), random, (failed, asked, chance) => {
        const wait = waitBeforeNext(failed, asked, chance) as number;
        expect(wait).toBeGreaterThanOrEqual(asked);
        expect(wait).toBeLessThanOrEqual(usualBackoff.longestMs);
      }),
      { numRuns: 200 },
    );
  });
});
