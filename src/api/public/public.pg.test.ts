/** What all routes of the Public API have in common: tokens, versions, bodies, the form of errors. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWorkspaceToken, revokeToken } from '../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from './public.test-support.ts';

let server: PublicServer;
let url: string;
beforeAll(async () => {
  server = await openPublicApi();
  url = `/spaces/${server.space.id}/messaging-subscriptions/batch`;
});
afterAll(() => server[Symbol.asyncDispose]());

const body = { subscriptions: [{ key: 'ana@example.org', type: 'EMAIL' }] };
const read = (options: object = {}) => server.call('POST', url, { body, ...options });

describe('tokens', () => {
  test('missing, unknown, malformed, or of a space: 401, also for what is not there and a body that is bad', async () => {
    const missing = await read({ token: null });
    expect([missing.status, missing.json]).toEqual([
      401,
      { errors: [{ type: 'unauthorized', message: expect.stringContaining('token is missing') }] },
    ]);
    expect(missing.headers['www-authenticate']).toMatch(/^Bearer /);
    for (const token of [`mrw_${'A'.repeat(43)}`, 'x', server.token.secret.replace('mrw', 'mrp')]) {
      expect((await read({ token })).status).toBe(401);
    }
    expect((await read({ token: server.spaceSecret })).json.errors[0].message).toContain('token of a space');
    const basic = `Basic ${Buffer.from(`${server.token.secret}:`).toString('base64')}`;
    expect((await read({ token: null, headers: { authorization: basic } })).status).toBe(401);
    expect((await server.call('PUT', '/spaces/none/messaging-subscriptions', { token: 'x', body: 'x' })).status).toBe(
      401,
    );
  });

  test('a revoked one is refused a second later at most', async () => {
    const { id, secret } = await createWorkspaceToken(server.db.pool, 'gone');
    expect((await read({ token: secret })).status).toBe(200);
    await revokeToken(server.db.pool, id);
    server.clock.pass(1_000);
    expect((await read({ token: secret })).status).toBe(401);
  });

  test('one of the workspace opens no profile', async () => {
    const answer = await server.app.inject({
      url: `/v1/spaces/${server.space.id}/collections/users/profiles/user_id:u1/traits`,
      headers: { authorization: `Basic ${Buffer.from(`${server.token.secret}:`).toString('base64')}` },
    });
    expect(answer.statusCode).toBe(401);
  });
});

describe('media types', () => {
  test.each([
    [undefined, 'application/json; charset=utf-8'],
    ['application/json', 'application/json; charset=utf-8'],
    ['*/*', 'application/json; charset=utf-8'],
    ['application/vnd.segment.v1alpha+json', 'application/vnd.segment.v1alpha+json'],
    ['application/vnd.segment.alpha+json', 'application/vnd.segment.alpha+json'],
    ['application/vnd.segment.v1+json, application/json;q=0.5', 'application/json; charset=utf-8'],
  ])('Accept %s is answered as %s', async (accept, type) => {
    const answer = await read({ headers: accept === undefined ? {} : { accept } });
    expect([answer.status, answer.headers['content-type']]).toEqual([200, type]);
  });

  test('a version that is not offered: 406', async () => {
    const answer = await read({ headers: { accept: 'application/vnd.segment.v1+json' } });
    expect([answer.status, answer.json.errors[0].type]).toEqual([406, 'not-acceptable']);
  });

  test.each([
    'application/vnd.segment.v1alpha+json',
    'application/vnd.segment.alpha+json',
    'application/json; charset=utf-8',
  ])('a body of %s is read', async (type) => {
    const answer = await read({ headers: { 'content-type': type }, body: JSON.stringify(body) });
    expect([answer.status, answer.json.data.successes.length]).toEqual([200, 1]);
  });

  test('a body of another type is 415, one that is no JSON 400, one that is too large 413, none 422', async () => {
    const sent = async (type: string, text: string) => {
      const { status, json } = await read({ headers: { 'content-type': type }, body: text });
      return [status, json.errors[0].type, json.errors[0].field];
    };
    const type = 'application/json';
    expect(await sent('text/plain', 'canary')).toEqual([415, 'unsupported-media-type', undefined]);
    expect(await sent(type, '{"canary"')).toEqual([400, 'bad-request', undefined]);
    expect(JSON.stringify((await read({ headers: { 'content-type': type }, body: '{"canary"' })).json)).not.toContain(
      'canary',
    );
    expect(await sent(type, `"${'x'.repeat(5 * 1024 * 1024)}"`)).toEqual([413, 'payload-too-large', undefined]);
    expect(await sent(type, '')).toEqual([422, 'input-validation', 'subscriptions']);
  });
});

test('what is not there: 404 and 405 in the form of this API, and no page may read them', async () => {
  const none = await server.call('GET', '/nonsense');
  expect([none.status, none.json]).toEqual([404, { errors: [{ type: 'not-found', message: expect.any(String) }] }]);
  expect(none.headers['access-control-allow-origin']).toBeUndefined();
  const wrong = await server.call('GET', url);
  expect([wrong.status, wrong.headers.allow, wrong.json.errors[0].type]).toEqual([405, 'POST', 'method-not-allowed']);
  const space = await server.call('POST', '/spaces/spa_none/messaging-subscriptions/batch', { body });
  expect([space.status, space.json.errors[0]]).toEqual([
    404,
    { type: 'not-found', message: "Space with id 'spa_none' not found." },
  ]);
  // A write key names no space in a path.
  const byKey = await server.call('POST', `/spaces/${server.space.writeKey}/messaging-subscriptions/batch`, { body });
  expect(byKey.status).toBe(404);
  expect((await server.call('POST', '/spaces/%00/messaging-subscriptions/batch', { body })).status).toBe(404);
});

test('a slash too many at the beginning or the end is forgiven', async () => {
  expect((await server.call('POST', `/${url}/`, { body })).status).toBe(200);
});
