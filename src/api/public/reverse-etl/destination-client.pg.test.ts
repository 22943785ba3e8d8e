/** Our own Public API over HTTP, as the destination of another server asks it: the connection, and the spaces to choose from. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listProfileSpaces, testConnection } from '../../../destination/destination.ts';
import { createWorkspaceToken } from '../../../workspace/workspace.ts';
import { openPublicApi, type PublicServer } from '../public.test-support.ts';

let server: PublicServer;
let address: string;

beforeAll(async () => {
  server = await openPublicApi();
  address = await server.app.listen({ port: 0, host: '127.0.0.1' });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const settings = (token: string) => ({
  endpoint: 'custom',
  tracking_url: `${address}/v1`,
  public_api_url: `${address}/public-api`,
  segment_papi_token: token,
});
const spaces = (token: string) => listProfileSpaces(settings(token), { localSpaces: async () => [] });

test('with a token that may see write keys, over several pages', async () => {
  for (let no = 0; no < 12; no++) {
    await server.call('POST', '/sources', { body: { slug: `web-${no}`, enabled: true, metadataId: 'iUM16Md8P2' } });
  }
  expect(await testConnection(settings(server.token.secret))).toMatchObject({
    ok: true,
    workspace: expect.any(String),
  });
  expect(await spaces(server.token.secret)).toEqual({
    choices: [{ label: 'Engage (shop)', value: server.space.writeKey }],
    error: null,
  });
});

test('with one that may not, the permission is named', async () => {
  const { secret } = await createWorkspaceToken(server.db.pool, 'reader', {
    role: 'member',
    permissions: [{ role: 'source-read-only', resources: 'all' }],
  });
  expect(await testConnection(settings(secret))).toMatchObject({
    ...{ ok: false, code: 'permission_missing' },
    reason: expect.stringContaining('no Source Admin permission'),
  });
  expect(await spaces(secret)).toEqual({
    choices: [],
    error: { code: 'permission_missing', message: expect.stringContaining('no Source Admin permission') },
  });
});

test('with one that nobody has', async () => {
  expect(await testConnection(settings('nobody'))).toMatchObject({ ok: false, code: 'token_invalid' });
  expect(await spaces('nobody')).toMatchObject({ choices: [], error: { code: '401' } });
});
