/** The token service over HTTP and a real database: assertions of every kind, tokens and their end, streams that ask for them. */
import { createHmac, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog } from '../../base/log.ts';
import {
  addOauthKey,
  createEventStream,
  createOauthApp,
  findOauthGrant,
  findSigningKey,
  issueOauthToken,
  type OauthApp,
  pruneOauth,
  removeEventStream,
  removeOauthApp,
  removeOauthKey,
  type TokenDays,
} from '../../workspace/workspace.ts';
import { buildApi } from '../api.ts';
import { type Answer, openTracking, type TrackingServer } from '../tracking/tracking.test-support.ts';
import { Failures } from './failures.ts';

interface Pair {
  readonly privateKey: KeyObject;
  readonly pem: string;
}

function newPair(bits = 2048): Pair {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  return { privateKey, pem: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}

const [pair, otherPair] = [newPair(), newPair()];
let server: TrackingServer;
let app: OauthApp;
let other: OauthApp;

const appWith = (name: string, pem: string, more: { streams?: string[]; tokenDays?: TokenDays } = {}) =>
  createOauthApp(server.db, { name, keys: [pem], scopes: ['tracking_api:write'], tokenDays: 1, streams: [], ...more });

beforeAll(async () => {
  server = await openTracking({ oauthEnforced: true });
  app = await appWith('importer', pair.pem, { streams: ['website'] });
  other = await appWith('other', otherPair.pem);
});
afterAll(() => server[Symbol.asyncDispose]());

const now = () => Math.floor(Date.now() / 1000);
const keyIdOf = ({ keys }: OauthApp, at = 0) => keys[at]?.id as string;

type Claims = Record<string, unknown>;

/** A good assertion of the app, but for what is given; undefined takes a claim out. */
function assertion(claims: Claims = {}, header: Claims = {}, key: Pair = pair): Promise<string> {
  const at = now();
  const usual = { sub: app.id, iss: app.id, aud: server.url, iat: at - 5, exp: at + 55, jti: randomUUID() };
  return new SignJWT({ ...usual, ...claims })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: keyIdOf(app), ...header })
    .sign(key.privateKey);
}

const parameters = (client_assertion: string, more: Record<string, string> = {}) => ({
  grant_type: 'client_credentials',
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion,
  scope: 'tracking_api:write',
  ...more,
});

async function post(body: string, type = 'application/x-www-form-urlencoded', path = '/token'): Promise<Answer> {
  const response = await fetch(`${server.url}${path}`, { method: 'POST', body, headers: { 'content-type': type } });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** Counted for each key: a fresh app has made no mistakes. Fewer than thirty are made with `app` in this file. */
const ask = (signed: string, more?: Record<string, string>, path?: string) =>
  post(new URLSearchParams(parameters(signed, more)).toString(), undefined, path);

const track = (token: string | null, more: Record<string, unknown> = {}) =>
  server.post(
    '/v1/track',
    { userId: 'u', event: 'E', writeKey: server.stream.writeKey, ...more },
    { authorization: token === null ? '' : `Bearer ${token}` },
  );

const tokens = async () =>
  (await server.db.pool.query<{ count: number }>('SELECT count(*)::int AS count FROM oauth_tokens')).rows[0]?.count;

describe('a good assertion', () => {
  test('gives a token that writes', async () => {
    const answer = await ask(await assertion());
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      access_token: expect.stringMatching(/^mro_[A-Za-z0-9_-]{43}$/),
      token_type: 'Bearer',
      expires_in: 86_400,
      scope: 'tracking_api:write',
    });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(Number.isNaN(Date.parse(answer.headers.get('date') ?? ''))).toBe(false);
    expect((await track(answer.body.access_token)).status).toBe(200);
    const stored = JSON.stringify((await server.db.pool.query('SELECT * FROM oauth_tokens')).rows);
    expect(stored).not.toContain(answer.body.access_token.slice(4));
  });

  test.each<[string, Claims]>([
    ['with a slash', { aud: () => `${server.url}/` }],
    ['of the token service', { aud: () => `${server.url}/token` }],
    ['by https, as behind a proxy', { aud: () => server.url.replace('http:', 'https:') }],
    ['bare', { aud: () => new URL(server.url).host }],
    ['one of several', { aud: () => ['https://elsewhere.example', server.url] }],
  ])('is addressed to the server: %s', async (_, { aud }) => {
    expect((await ask(await assertion({ aud: (aud as () => unknown)() }))).status).toBe(200);
  });

  test('may have times with fractions, a clock that is a little off, and another iss', async () => {
    const at = Date.now() / 1000 + 0.137;
    for (const off of [-60, 0, 12]) {
      const claims = { iat: at + off - 5, exp: at + off + 55, iss: 'https://example.org' };
      expect((await ask(await assertion(claims))).status).toBe(200);
    }
  });

  test('without a scope, and with two slashes in the path', async () => {
    const answer = await ask(await assertion(), { scope: '', client_id: app.id }, '//token');
    expect([answer.status, answer.body.scope]).toEqual([200, 'tracking_api:write']);
  });

  test.each([1, 2, 3, 7, 14, 21, 30] as const)('lives as long as the app says: %i days', async (tokenDays) => {
    const long = await appWith(`days-${tokenDays}`, pair.pem, { tokenDays });
    const answer = await ask(await assertion({ sub: long.id }, { kid: keyIdOf(long) }));
    expect(answer.body.expires_in).toBe(tokenDays * 86_400);
    const { rows } = await server.db.pool.query<{ life: number }>(
      'SELECT extract(epoch FROM expires_at - created_at)::int AS life FROM oauth_tokens WHERE app_id = $1',
      [long.id],
    );
    expect(rows).toEqual([{ life: tokenDays * 86_400 }]);
  });
});

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signed as said, whatever a library would refuse to do. */
function forged(header: Claims, sign: (text: string) => string): string {
  const at = now();
  const claims = { sub: app.id, aud: server.url, iat: at - 5, exp: at + 55, jti: randomUUID() };
  const text = `${part({ typ: 'JWT', kid: keyIdOf(app), ...header })}.${part(claims)}`;
  return `${text}.${sign(text)}`;
}
const hmac = (text: string) => createHmac('sha256', pair.pem).update(text).digest('base64url');

describe('a bad assertion gives no token', () => {
  const at = now();
  test.each<[string, () => Promise<string> | string, RegExp]>([
    ['alg none', () => forged({ alg: 'none' }, () => ''), /RS256/],
    ['HS256 with the public key as secret', () => forged({ alg: 'HS256' }, hmac), /RS256/],
    ['HS256 that calls itself RS256', () => forged({ alg: 'RS256' }, hmac), /signature/],
    ['RS512', () => assertion({}, { alg: 'RS512' }), /RS256/],
    ['PS256', () => assertion({}, { alg: 'PS256' }), /RS256/],
    ['no signature', () => forged({ alg: 'RS256' }, () => ''), /signature/],
    ['a critical header', () => forged({ alg: 'RS256', crit: ['x'], x: 1 }, hmac), /not taken here/],
    ['no kid', () => assertion({}, { kid: undefined }), /kid is missing/],
    ['an unknown kid', () => assertion({}, { kid: `oak_${'0'.repeat(27)}` }), /No OAuth app has the key/],
    ['a kid that is no id', () => assertion({}, { kid: "x' OR true" }), /No OAuth app has the key/],
    ['a kid with NUL', () => assertion({}, { kid: 'oak_\0' }), /No OAuth app has the key/],
    ['the key of another app, as its kid', () => assertion({}, { kid: keyIdOf(other) }, otherPair), /another app/],
    ['the key of another app, with our kid', () => assertion({}, {}, otherPair), /signature/],
    ['the id of another app', () => assertion({ sub: other.id }), /another app/],
    ['no sub', () => assertion({ sub: undefined }), /sub .* is missing/],
    ['another aud', () => assertion({ aud: 'https://oauth2.example' }), /another server/],
    ['our host with another path', () => assertion({ aud: `${server.url}/other` }), /another server/],
    ['another port', () => assertion({ aud: 'http://127.0.0.1:1' }), /another server/],
    ['no aud', () => assertion({ aud: undefined }), /aud .* is missing/],
    ['an end that has passed', () => assertion({ iat: at - 90, exp: at - 30 }), /expired/],
    ['an end too far', () => assertion({ iat: now(), exp: now() + 61 }), /too long/],
    ['an end in another age', () => assertion({ exp: 1e15 }), /too long/],
    ['iat in the future', () => assertion({ iat: now() + 30, exp: now() + 60 }), /future/],
    ['nbf in the future', () => assertion({ nbf: now() + 600 }), /nbf .* wrong/],
    ['no iat', () => assertion({ iat: undefined }), /iat .* is missing/],
    ['no exp', () => assertion({ exp: undefined }), /exp .* is missing/],
    ['exp as text', () => assertion({ exp: String(now() + 50) }), /exp .* wrong/],
    ['no jti', () => assertion({ jti: undefined }), /jti .* is missing/],
    ['an empty jti', () => assertion({ jti: '' }), /jti/],
    ['a jti that is no text', () => assertion({ jti: 7 }), /jti/],
    ['a jti without end', () => assertion({ jti: 'j'.repeat(257) }), /jti/],
  ])('%s', async (_, make, why) => {
    // An app of its own for each, so that none is told to wait: the keys of `app` are counted.
    await using fresh = await openAgain();
    const before = await tokens();
    const { status, json } = await fresh.ask(await make());
    expect([status, json.error]).toEqual([401, 'invalid_client']);
    expect(json.error_description).toMatch(why);
    expect(await tokens()).toBe(before);
  });

  test.each(['', 'x', 'a.b.c', '....', 'e30.e30.e30'])('%j is no JWT', async (text) => {
    await using fresh = await openAgain();
    const { status, json } = await fresh.ask(text);
    expect(text === 'e30.e30.e30' ? [401, 'invalid_client'] : [400, 'invalid_request']).toEqual([status, json.error]);
  });

  test('of another client_id', async () => {
    const { status, body } = await ask(await assertion(), { client_id: other.id });
    expect([status, body.error]).toEqual([401, 'invalid_client']);
  });
});

/** The API of another process over the same database, addressed as the first is. */
async function openAgain(log = createLog({ level: 'silent' })) {
  const { pool } = server.db;
  const api = await buildApi({
    reader: server.reader,
    deleteIdentifier: async () => 'profile_not_found',
    verifyToken: async () => null,
    findSpace: async () => null,
    log,
    clock: { now: () => new Date() },
    limits: { profileRequestsPerSecond: 0 },
    ready: async () => true,
    oauth: {
      findKey: (keyId) => findSigningKey(pool, keyId),
      issueToken: (request) => issueOauthToken(pool, request),
      findGrant: (secret) => findOauthGrant(pool, secret),
      publicUrl: server.url,
    },
  });
  return {
    async ask(signed: string, more: Record<string, string> = {}) {
      const answer = await api.inject({
        method: 'POST',
        url: '/token',
        headers: { 'content-type': 'application/x-www-form-urlencoded', host: 'inside:1' },
        payload: new URLSearchParams(parameters(signed, more)).toString(),
      });
      return { status: answer.statusCode, headers: answer.headers, json: answer.json() };
    },
    [Symbol.asyncDispose]: () => api.close(),
  };
}

describe('an assertion is taken once', () => {
  test('also by two processes at the same moment', async () => {
    await using first = await openAgain();
    await using second = await openAgain();
    const signed = await assertion();
    const before = (await tokens()) ?? 0;
    const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => (n % 2 ? first : second).ask(signed)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 11 }, () => 401)]);
    const refused = answers.find(({ status }) => status === 401);
    expect(refused?.json.error_description).toMatch(/used before/);
    expect(await tokens()).toBe(before + 1);
  });

  test('a jti belongs to an app: another may have the same', async () => {
    const jti = randomUUID();
    expect((await ask(await assertion({ jti }))).status).toBe(200);
    const theirs = await assertion({ jti, sub: other.id }, { kid: keyIdOf(other) }, otherPair);
    expect((await ask(theirs)).status).toBe(200);
    expect((await ask(theirs)).status).toBe(401);
  });

  test('one that was refused for something else is not used up', async () => {
    const signed = await assertion();
    expect((await ask(signed, { scope: 'functions:write' })).status).toBe(400);
    expect((await ask(signed)).status).toBe(200);
  });

  test('it is remembered for longer than it could be taken', async () => {
    const jti = randomUUID();
    const exp = now() + 55;
    expect((await ask(await assertion({ jti, exp }))).status).toBe(200);
    // The last moment at which the clock would let it pass.
    await pruneOauth(server.db.pool, new Date((exp + 10) * 1000));
    expect((await ask(await assertion({ jti, exp }))).status).toBe(401);
    await pruneOauth(server.db.pool, new Date((exp + 20) * 1000));
    const { rows } = await server.db.pool.query('SELECT 1 FROM oauth_assertions WHERE expires_at < $1', [
      new Date((exp + 20) * 1000),
    ]);
    expect(rows).toEqual([]);
  });
});

describe('the form of a request', () => {
  test.each([
    ['functions:write'],
    ['public_api:read_write'],
    ['tracking_api:write functions:write'],
    ['TRACKING_API:WRITE'],
  ])('the scope %s is refused', async (scope) => {
    await using fresh = await openAgain();
    const { status, json } = await fresh.ask(await assertion(), { scope });
    expect([status, json.error]).toEqual([400, 'invalid_scope']);
  });

  test.each<[string, Record<string, string>, string]>([
    ['no grant type', { grant_type: '' }, 'invalid_request'],
    ['another grant type', { grant_type: 'password' }, 'unsupported_grant_type'],
    ['no assertion type', { client_assertion_type: '' }, 'invalid_request'],
    ['another assertion type', { client_assertion_type: 'saml2-bearer' }, 'invalid_request'],
    ['no assertion', { client_assertion: '' }, 'invalid_request'],
  ])('%s: 400', async (_, more, error) => {
    await using fresh = await openAgain();
    const { status, json } = await fresh.ask('x', more);
    expect([status, json.error, json.error_description]).toEqual([400, error, expect.any(String)]);
  });

  test('a parameter that comes twice: 400', async () => {
    const body = new URLSearchParams(parameters(await assertion())).toString();
    const { status, body: json } = await post(`${body}&scope=tracking_api%3Awrite`);
    expect([status, json.error_description]).toEqual([400, 'The parameter scope is given more than once.']);
  });

  test.each([
    'application/json',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencodedx',
  ])('the content type %s: 415', async (type) => {
    const { status, body } = await post('{}', type);
    expect([status, body.error]).toEqual([415, 'invalid_request']);
  });

  test('a charset is not looked at; nothing at all is 415', async () => {
    const body = new URLSearchParams(parameters(await assertion())).toString();
    expect((await post(body, 'application/x-www-form-urlencoded; charset=UTF-8')).status).toBe(200);
    const empty = await fetch(`${server.url}/token`, { method: 'POST' });
    expect([empty.status, ((await empty.json()) as { error: string }).error]).toEqual([415, 'invalid_request']);
  });

  test('a body that is too long: 400, which ends the tries of clients', async () => {
    const { status, body } = await post(`grant_type=${'x'.repeat(17_000)}`);
    expect([status, body.error, body.error_description]).toEqual([
      400,
      'invalid_request',
      'The body is longer than 16384 bytes.',
    ]);
  });

  test('another method: 405, in the same form', async () => {
    const answer = await fetch(`${server.url}/token`);
    expect([answer.status, answer.headers.get('allow'), ((await answer.json()) as { error: string }).error]).toEqual([
      405,
      'POST',
      'invalid_request',
    ]);
  });
});

describe('who is refused often', () => {
  test('is told to wait, without keeping others from a token', async () => {
    const lines: string[] = [];
    const log = createLog({ level: 'debug', destination: { write: (line: string) => void lines.push(line) } });
    await using fresh = await openAgain(log);
    const bad = await assertion({}, {}, otherPair);
    const statuses: number[] = [];
    for (let n = 0; n < 31; n += 1) statuses.push((await fresh.ask(bad)).status);
    expect(statuses).toEqual([...Array.from({ length: 30 }, () => 401), 429]);
    const last = await fresh.ask(await assertion());
    expect([last.status, last.json.error]).toEqual([429, 'slow_down']);
    expect(Number(last.headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(last.headers['retry-after'])).toBeLessThanOrEqual(60);
    // Of the same address, with a key of its own.
    const theirs = await assertion({ sub: other.id }, { kid: keyIdOf(other) }, otherPair);
    expect((await fresh.ask(theirs)).status).toBe(200);
    // With no key of ours: counted by address, which stops nobody who has one.
    for (let n = 0; n < 31; n += 1) statuses.push((await fresh.ask('no.j.wt')).status);
    expect(statuses.slice(-2)).toEqual([400, 429]);
    const again = await assertion({ sub: other.id }, { kid: keyIdOf(other) }, otherPair);
    expect((await fresh.ask(again)).status).toBe(200);

    const logged = lines.join('');
    expect(logged).toContain('an OAuth app was refused');
    expect(logged).toContain(app.id);
    for (const signed of [bad, theirs, again]) expect(logged).not.toContain(signed.split('.')[2]);
    expect(logged).not.toContain('mro_');
  });

  test('the minute ends, and what is remembered is bounded', () => {
    const failures = new Failures(2, 3);
    for (const at of [0, 10]) failures.note('a', at);
    expect(failures.wait('a', 1_000)).toBe(59);
    expect(failures.wait('a', 59_999)).toBe(1);
    expect(failures.wait('a', 60_000)).toBe(0);
    expect(failures.wait('a', -1)).toBe(0);
    for (const sender of ['b', 'c', 'd', 'e']) failures.note(sender, 60_000);
    expect(failures.size).toBe(3);
    failures.note('e', 60_001);
    expect([failures.wait('e', 60_002), failures.wait('d', 60_002)]).toEqual([60, 0]);
  });
});

async function tokenOf(one: OauthApp, key: Pair, at = 0): Promise<string> {
  const answer = await ask(await assertion({ sub: one.id }, { kid: keyIdOf(one, at) }, key));
  expect(answer.status).toBe(200);
  return answer.body.access_token;
}

/** Servers remember a grant for a second. */
async function refused(token: string): Promise<Answer> {
  for (;;) {
    const answer = await track(token);
    if (answer.status !== 200) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('a stream that asks for a token', () => {
  test.each<[string, () => Record<string, string>]>([
    ['the write key alone, in the body', () => ({ authorization: '' })],
    ['the write key alone, by Basic', () => ({})],
    ['a wrong token', () => ({ authorization: `Bearer mro_${'A'.repeat(43)}` })],
    ['no token of ours', () => ({ authorization: 'Bearer x' })],
    ['a token without end', () => ({ authorization: `Bearer ${'x'.repeat(5_000)}` })],
  ])('refuses %s', async (_, headers) => {
    const before = await server.events();
    const message = { userId: 'u', event: 'Refused', writeKey: server.stream.writeKey };
    for (const [path, body] of [
      ['/v1/track', message],
      ['/v1/batch', { writeKey: server.stream.writeKey, batch: [{ ...message, type: 'track' }] }],
    ] as const) {
      const answer = await server.post(path, body, headers());
      expect([answer.status, answer.body.error]).toEqual([401, 'unauthorized']);
    }
    expect(await server.events()).toEqual(before);
  });

  test('refuses a token without the write key: 400', async () => {
    const answer = await track(await tokenOf(app, pair), { writeKey: undefined });
    expect([answer.status, answer.body.error]).toEqual([400, 'missing_write_key']);
  });

  test('refuses the token of an app that may not write there, and takes that of one that may write everywhere', async () => {
    await createEventStream(server.db, { name: 'elsewhere', spaces: ['main'], clientSide: false });
    const narrow = await appWith('narrow', pair.pem, { streams: ['elsewhere'] });
    expect(narrow.streams).toEqual(['elsewhere']);
    const token = await tokenOf(narrow, pair);
    expect((await track(token)).status).toBe(401);
    expect((await track(await tokenOf(other, otherPair))).status).toBe(200);
    // One whose stream is gone may write nowhere, not everywhere.
    const website = await createEventStream(server.db, { name: 'gone', spaces: ['main'], clientSide: false });
    const orphan = await appWith('orphan', pair.pem, { streams: ['gone'] });
    await removeEventStream(server.db, website.id);
    expect((await track(await tokenOf(orphan, pair))).status).toBe(401);
  });

  test('refuses a token without the scope: 403', async () => {
    const token = await tokenOf(other, otherPair);
    await server.db.pool.query(`UPDATE oauth_tokens SET scopes = '{functions:write}' WHERE app_id = $1`, [other.id]);
    const answer = await track(token);
    expect([answer.status, answer.body.error]).toEqual([403, 'forbidden']);
  });

  test('refuses a token whose time is over', async () => {
    const token = await tokenOf(other, otherPair);
    await server.db.pool.query('UPDATE oauth_tokens SET expires_at = now() WHERE app_id = $1', [other.id]);
    expect((await track(token)).status).toBe(401);
    await pruneOauth(server.db.pool, new Date());
    expect(await findOauthGrant(server.db.pool, token)).toBeNull();
  });
});

test('a stream that does not ask is open to the write key, and looks at no token', async () => {
  const open = await createEventStream(server.db, { name: 'open', spaces: ['main'], clientSide: false });
  for (const authorization of ['', 'Bearer x']) {
    const message = { userId: 'u', event: 'E', writeKey: open.writeKey };
    expect((await server.post('/v1/track', message, { authorization })).status).toBe(200);
  }
});

describe('tokens end', () => {
  test('with their key, while those of the other key go on', async () => {
    const made = await appWith('rotating', pair.pem);
    const { app: two } = await addOauthKey(server.db, made.id, otherPair.pem);
    const [old, young] = [await tokenOf(two, pair, 0), await tokenOf(two, otherPair, 1)];
    expect([(await track(old)).status, (await track(young)).status]).toEqual([200, 200]);
    await removeOauthKey(server.db, 'rotating', keyIdOf(two, 0));
    expect(await findOauthGrant(server.db.pool, old)).toBeNull();
    expect((await refused(old)).status).toBe(401);
    expect((await track(young)).status).toBe(200);
    const late = await ask(await assertion({ sub: two.id }, { kid: keyIdOf(two, 0) }, pair));
    expect([late.status, late.body.error]).toEqual([401, 'invalid_client']);
  });

  test('with their app', async () => {
    const made = await appWith('leaving', pair.pem);
    const token = await tokenOf(made, pair);
    expect((await track(token)).status).toBe(200);
    await removeOauthApp(server.db, made.id);
    expect((await refused(token)).status).toBe(401);
    const { rows } = await server.db.pool.query('SELECT 1 FROM oauth_tokens WHERE app_id = $1', [made.id]);
    expect(rows).toEqual([]);
  });

  test('also those that are made while the app is removed', async () => {
    for (let round = 0; round < 10; round += 1) {
      const made = await appWith(`racing-${round}`, pair.pem);
      const key = await findSigningKey(server.db.pool, keyIdOf(made));
      if (key === null) throw new Error('The app has a key.');
      const issue = (n: number) => {
        const at = new Date();
        const assertionEnd = new Date(at.getTime() + 60_000);
        return issueOauthToken(server.db.pool, { key, scopes: key.scopes, jti: `${n}`, assertionEnd, now: at });
      };
      const [first, second, , third] = await Promise.all([
        issue(1),
        issue(2),
        removeOauthApp(server.db, made.id),
        issue(3),
      ]);
      for (const token of [first, second, third]) {
        expect(token === null ? null : await findOauthGrant(server.db.pool, token.secret)).toBeNull();
      }
    }
  });
});
