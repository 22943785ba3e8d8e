import { expect, test } from 'vitest';
import { MillraceError } from '../../base/errors.ts';
import { AnswerCache } from '../answer-cache.ts';
import { type Grant, readSecret } from './access.ts';
import { basic, otherSecret, secret, startApi } from './http-client.conformance.ts';
import { MemorySpace } from './memory-space.conformance.ts';
import { RateLimit } from './rate-limit.ts';

const path = '/v1/spaces/spa_test/collections/users/profiles/user_id:c-1/traits';

function filledSpace() {
  const space = new MemorySpace();
  const message = { type: 'identify', userId: 'c-1', traits: { a: 1 }, messageId: 'm-1' };
  space.send([{ message, receivedAt: new Date('2025-10-01T08:00:00Z'), sourceId: 'src' }]);
  return space.reader();
}

/** A clock that stands still until it is moved. */
function handClock() {
  let ms = Date.parse('2025-10-01T08:00:00Z');
  return { now: () => new Date(ms), pass: (passed: number) => (ms += passed) };
}

test.each([
  [`${secret}:`, 200],
  [secret, 200],
  [`${secret}:password`, 401],
  [`:${secret}`, 401],
  ['', 401],
  ['wrong:', 401],
  [`${otherSecret}:`, 401],
])('Basic %s: %i', async (credentials, status) => {
  await using api = await startApi({ reader: filledSpace() });
  const answer = await api.request(path, { headers: basic(credentials) });
  expect(answer.status).toBe(status);
  if (status !== 401) return;
  expect(answer.json.error.code).toBe('authentication_error');
  expect(answer.headers['www-authenticate']).toBe('Basic realm="millrace"');
});

test('no token, a Bearer token, and a token in clear are refused', async () => {
  await using api = await startApi({ reader: filledSpace() });
  const bearer = { authorization: `Bearer ${secret}` };
  const clear = { authorization: `Basic ${secret}:` };
  for (const headers of [{}, bearer, clear, { authorization: 'Basic' }, { authorization: '' }]) {
    const answer = await api.request(path, { headers });
    expect([answer.status, answer.json.error.code]).toEqual([401, 'authentication_error']);
  }
});

test('a space is found by id or name; an unknown one is 404, a malformed one 400, without a token 401', async () => {
  await using api = await startApi({ reader: filledSpace() });
  const ask = (space: string, headers?: Record<string, string>) =>
    api.request(path.replace('spa_test', space), headers === undefined ? {} : { headers });
  expect((await ask('shop')).status).toBe(200);
  expect((await ask('spa_other')).status).toBe(401);
  const unknown = await ask('spa_unknown');
  expect([unknown.status, unknown.json.error.message]).toEqual([404, 'Space was not found.']);
  expect((await ask('spa_unknown', {})).status).toBe(401);
  const malformed = await ask('spa_!');
  expect([malformed.status, malformed.json.error]).toEqual([
    400,
    { code: 'validation_error', message: 'The parameter `space_id` has invalid character(s) `!`' },
  ]);
});

test('a finder that throws `not_found` is understood; other errors are faults', async () => {
  let error = new MillraceError('not_found', 'There is no such space.');
  await using api = await startApi({ reader: filledSpace(), findSpace: () => Promise.reject(error) });
  expect((await api.request(path.replace('spa_test', 'x1'))).status).toBe(404);
  error = new MillraceError('internal', 'The database is away.');
  expect((await api.request(path.replace('spa_test', 'x2'))).status).toBe(500);
});

test('a token is verified once a second, and revoking it works within that second', async () => {
  const clock = handClock();
  let asked = 0;
  let grant: Grant | null = { tokenId: 'tok', spaceId: 'spa_test', spaceNo: 1 };
  const verifyToken = async () => {
    asked += 1;
    return grant;
  };
  await using api = await startApi({ reader: filledSpace(), clock, verifyToken });
  for (let i = 0; i < 3; i += 1) expect((await api.request(path)).status).toBe(200);
  expect(asked).toBe(1);
  grant = null;
  clock.pass(999);
  expect((await api.request(path)).status).toBe(200);
  clock.pass(1);
  expect((await api.request(path)).status).toBe(401);
  expect((await api.request(path)).status).toBe(401);
  expect(asked).toBe(2);
  grant = { tokenId: 'tok', spaceId: 'spa_test', spaceNo: 1 };
  clock.pass(1000);
  expect((await api.request(path)).status).toBe(200);
});

test('over the rate limit: 429 with Retry-After, for that space only, and refused tokens do not count', async () => {
  const clock = handClock();
  await using api = await startApi({ reader: filledSpace(), clock, limits: { profileRequestsPerSecond: 5 } });
  for (let i = 0; i < 10; i += 1) expect((await api.request(path, { headers: basic('wrong:') })).status).toBe(401);
  for (let i = 0; i < 5; i += 1) expect((await api.request(path)).status).toBe(200);
  const refused = await api.request(path);
  expect(refused.status).toBe(429);
  expect(refused.headers['retry-after']).toBe('1');
  expect(refused.json.error.code).toBe('rate_limit_error');
  const other = await api.request(path.replace('spa_test', 'spa_other'), { headers: basic(`${otherSecret}:`) });
  expect(other.status).toBe(200);
  clock.pass(200);
  expect((await api.request(path)).status).toBe(200);
  expect((await api.request(path)).status).toBe(429);
});

test('a bucket fills up to its burst and no further; a clock that goes back gives nothing', () => {
  const rate = new RateLimit(100);
  const takeAll = (at: number) => Array.from({ length: 300 }, () => rate.take(1, at)).filter(Boolean).length;
  expect(takeAll(0)).toBe(100);
  expect(takeAll(500)).toBe(50);
  expect(takeAll(60_000)).toBe(100);
  expect(takeAll(30_000)).toBe(0);
  const off = new RateLimit(0);
  expect(Array.from({ length: 300 }, () => off.take(1, 0)).every(Boolean)).toBe(true);
});

test('buckets that nobody draws from are forgotten when there are many', () => {
  const rate = new RateLimit(2);
  for (let n = 0; n < 10_000; n += 1) rate.take(`p${n}`, 0);
  for (let n = 0; n < 3; n += 1) rate.take('busy', 900);
  expect(rate.size).toBe(10_001);
  rate.take('one more', 1_000);
  expect(rate.size).toBe(2);
  expect(rate.take('busy', 1_000)).toBe(false);
});

test('the cache is bounded, asks once for what is asked at the same moment, and forgets failures', async () => {
  const asked: string[] = [];
  let fail = false;
  const ask = async (question: string) => {
    asked.push(question);
    if (fail) throw new Error('away');
    return question.toUpperCase();
  };
  const cache = new AnswerCache(ask, { clock: handClock(), maxAgeMs: 1000, maxEntries: 3 });
  expect(await Promise.all([cache.get('a', 'a'), cache.get('a', 'a')])).toEqual(['A', 'A']);
  expect(asked).toEqual(['a']);
  expect(cache.get('a', 'a')).toBe('A');
  for (const key of ['b', 'c', 'd', 'e']) await cache.get(key, key);
  expect(cache.size).toBe(3);
  fail = true;
  await expect(cache.get('x', 'x')).rejects.toThrow('away');
  fail = false;
  expect(await cache.get('x', 'x')).toBe('X');
});

test('secrets are read from Basic only', () => {
  const encode = (text: string) => Buffer.from(text).toString('base64');
  expect(readSecret(`Basic ${encode('mrp_a:')}`)).toBe('mrp_a');
  expect(readSecret(`basic  ${encode('mrp_a')} `)).toBe('mrp_a');
  for (const header of ['Basic', 'Basic ', 'Basic !!', `Basic ${encode(':')}`, `Basic ${encode('a\0:')}`, 'Bearer x']) {
    expect(readSecret(header)).toBeNull();
  }
});
