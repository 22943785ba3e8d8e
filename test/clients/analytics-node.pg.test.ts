/** The vendor's own Node client, unmodified, writes to us; what it wrote is found through the Profile API. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage as Request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Analytics } from '@segment/analytics-node';
import { describe, expect, test } from 'vitest';
import { openTracking, type TrackingServer } from '../../src/api/tracking/tracking.test-support.ts';
import { createOauthApp, removeOauthApp } from '../../src/workspace/workspace.ts';

function clientOf(server: TrackingServer, more: object = {}): Analytics {
  const client = new Analytics({ writeKey: server.stream.writeKey, host: server.url, ...more });
  client.on('error', (error) => failures.push(error));
  return client;
}

const failures: unknown[] = [];

test('identify, group, track, page, screen and alias', async () => {
  await using server = await openTracking();
  const client = clientOf(server);
  client.identify({ userId: 'c-501', anonymousId: 'a-1', traits: { email: 'Ana@example.org', plan: 'team' } });
  client.group({ userId: 'c-501', groupId: 'org-88', traits: { name: 'Acme', seats: 4 } });
  client.track({ userId: 'c-501', event: 'Trial Started', properties: { seats: 4 } });
  client.page({ anonymousId: 'a-1', name: 'Pricing', category: 'Docs', properties: { path: '/pricing' } });
  client.screen({ userId: 'c-501', name: 'Home' });
  client.alias({ userId: 'c-501', previousId: 'old-501' });
  await client.closeAndFlush();
  expect(failures).toEqual([]);

  const traits = await server.profile('users/profiles/email:ana@example.org/traits');
  expect(traits.body.traits).toEqual({ email: 'Ana@example.org', plan: 'team' });
  const ids = await server.profile('users/profiles/anonymous_id:a-1/external_ids');
  expect(ids.body.data.map(({ type, id }: { type: string; id: string }) => `${type}:${id}`).sort()).toEqual([
    'anonymous_id:a-1',
    'email:ana@example.org',
    'user_id:c-501',
  ]);
  const account = await server.profile('accounts/profiles/group_id:org-88/traits');
  expect(account.body.traits).toEqual({ name: 'Acme', seats: 4 });
  const links = await server.profile('users/profiles/user_id:c-501/links');
  expect(links.body.data).toMatchObject([{ to_collection: 'accounts', external_ids: [{ id: 'org-88' }] }]);
  const stored = await server.events();
  expect(stored.map(({ type }) => type).sort()).toEqual(['alias', 'page', 'screen', 'track']);
  // Whatever the client says of itself is kept.
  expect(stored[0]).toMatchObject({ context: { library: { name: '@segment/analytics-node' } }, _metadata: {} });
  expect(stored.every(({ writeKey }) => writeKey === undefined)).toBe(true);
});

test('it tries again after 429 and 500, and nothing arrives twice', async () => {
  await using server = await openTracking();
  const answers = [429, 500, 503, 'lost'] as const;
  let requests = 0;
  // Answers badly first, once after the real server took the messages; then passes everything on.
  const proxy = createServer(async (request, response) => {
    const body = await bodyOf(request);
    const answer = answers[requests];
    requests += 1;
    if (typeof answer === 'number') {
      response.writeHead(answer, answer === 429 ? { 'Retry-After': '1', 'X-RateLimit-Reset': '1' } : {}).end();
      return;
    }
    const passed = await fetch(`${server.url}${request.url}`, {
      method: 'POST',
      body: body as never,
      headers: { 'content-type': 'application/json', authorization: String(request.headers.authorization) },
    });
    if (answer === 'lost') response.destroy();
    else response.writeHead(passed.status, { 'content-type': 'application/json' }).end(await passed.text());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  try {
    const host = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const client = clientOf(server, { host });
    for (let n = 0; n < 10; n += 1) client.track({ userId: 'u', event: `E${n}` });
    await client.closeAndFlush({ timeout: 60_000 });
    expect(requests).toBe(answers.length + 1);
    expect((await server.events()).map(({ event }) => event).sort()).toEqual(
      Array.from({ length: 10 }, (_, n) => `E${n}`),
    );
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});

async function bodyOf(request: Request): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test('10,000 messages of 16 clients are all there', async () => {
  await using server = await openTracking();
  const [clients, each, people] = [16, 625, 200];
  await Promise.all(
    Array.from({ length: clients }, async (_, no) => {
      const client = clientOf(server, { maxEventsInBatch: 50 });
      for (let n = 0; n < each; n += 1) {
        const userId = `u${(no * each + n) % people}`;
        if (n % 5 === 0) client.identify({ userId, traits: { [`${no}_${n}`]: n } });
        else client.track({ userId, event: 'Counted', properties: { no, n } });
      }
      await client.closeAndFlush({ timeout: 60_000 });
    }),
  );
  expect(failures).toEqual([]);
  const events = await server.events();
  const counted = new Set(events.map(({ properties }) => JSON.stringify(properties)));
  expect(counted.size).toBe((clients * each * 4) / 5);
  expect(events).toHaveLength(counted.size);
  expect(await server.reader.count(server.space.no, 'users')).toBe(people);
  // No trait of anybody is lost, whoever wrote at the same moment.
  const all: string[] = [];
  for (let person = 0; person < people; person += 1) {
    const { body } = await server.profile(`users/profiles/user_id:u${person}/traits?limit=200`);
    all.push(...Object.keys(body.traits));
  }
  expect(new Set(all).size).toBe(all.length);
  expect(all).toHaveLength((clients * each) / 5);
});

describe('with OAuth', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const clientKey = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const otherKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  });

  async function openWithApp() {
    const server = await openTracking({ oauthEnforced: true });
    const app = await createOauthApp(server.db, {
      name: 'node',
      keys: [publicKey.export({ type: 'spki', format: 'pem' }).toString()],
      scopes: ['tracking_api:write'],
      tokenDays: 1,
      streams: ['website'],
    });
    return {
      server,
      app,
      settings: { clientId: app.id, clientKey, keyId: app.keys[0]?.id ?? '', authServer: server.url },
    };
  }

  /** What the client says went wrong, and not to whom it belongs. */
  function failuresOf(client: Analytics): string[] {
    const said: string[] = [];
    client.on('error', ({ reason }) => said.push(String(reason)));
    return said;
  }

  test.each(['', '/'])('it gets a token by itself and writes with it (authServer ends in "%s")', async (end) => {
    const { server, settings } = await openWithApp();
    await using _ = server;
    const oauthSettings = { ...settings, authServer: `${settings.authServer}${end}` };
    const client = new Analytics({ writeKey: server.stream.writeKey, host: server.url, flushAt: 1, oauthSettings });
    const said = failuresOf(client);
    client.track({ userId: 'c-501', event: 'First' });
    await client.flush();
    for (let n = 0; n < 20; n += 1) client.track({ userId: 'c-501', event: `E${n}` });
    await client.closeAndFlush();
    expect(said).toEqual([]);
    expect(await server.events()).toHaveLength(21);
    // One token did for all of them.
    expect((await server.db.pool.query('SELECT 1 FROM oauth_tokens')).rowCount).toBe(1);
  });

  test('without a token it is refused, and with a wrong key it gets none', async () => {
    const { server, settings } = await openWithApp();
    await using _ = server;
    const shared = { writeKey: server.stream.writeKey, host: server.url, maxRetries: 1 };
    const wrong = { ...settings, clientKey: otherKey };
    for (const oauthSettings of [undefined, wrong]) {
      const client = new Analytics({ ...shared, ...(oauthSettings && { oauthSettings }) } as never);
      const said = failuresOf(client);
      client.track({ userId: 'c-501', event: 'Refused' });
      await client.closeAndFlush({ timeout: 30_000 });
      expect(said.join()).toContain('[401]');
    }
    expect(await server.events()).toEqual([]);
  });

  test('when its app is removed, what it sends is refused', async () => {
    const { server, app, settings } = await openWithApp();
    await using _ = server;
    const oauthSettings = settings;
    const client = new Analytics({ writeKey: server.stream.writeKey, host: server.url, maxRetries: 1, oauthSettings });
    const said = failuresOf(client);
    client.track({ userId: 'c-501', event: 'Before' });
    await client.flush();
    expect(said).toEqual([]);
    await removeOauthApp(server.db, app.id);
    // The server remembers the token for a second.
    for (let n = 0; said.length === 0; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      client.track({ userId: 'c-501', event: `After ${n}` });
      await client.flush();
    }
    const stored = (await server.events()).length;
    client.track({ userId: 'c-501', event: 'Last' });
    await client.closeAndFlush({ timeout: 30_000 });
    expect(said).toHaveLength(2);
    expect(await server.events()).toHaveLength(stored);
  });
});
