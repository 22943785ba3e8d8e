/**
 * The vendor's own browser client, unmodified, in a real browser, writes to us from a page of another origin; what it
 * wrote is found through the Profile API.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { AnalyticsBrowser } from '@segment/analytics-next';
import { expect, test, vi } from 'vitest';
import { openTracking, type TrackingServer } from '../../src/api/tracking/tracking.test-support.ts';
import { MillraceError } from '../../src/base/errors.ts';
import type { Inlet } from '../../src/space/space.ts';
import { type OpenPage, openPage } from '../chromium.ts';

/** What the pages of the site have in their global scope. */
interface Shop {
  readonly analytics: AnalyticsBrowser;
}

interface Site extends AsyncDisposable {
  readonly url: string;
}

const packed = createRequire(import.meta.url).resolve('@segment/analytics-next/dist/umd/index.js');

/**
 * A site of its own origin: every page loads the client, which gets its settings from the site instead of the vendor.
 * `options` are those of the client's destination, beside where to write to;
 * `metrics` is about what it measures of itself.
 */
async function openSite(
  server: TrackingServer,
  options: object = {},
  metrics: object = { sampleRate: 0 },
): Promise<Site> {
  const { writeKey } = server.stream;
  const destination = { apiHost: `${new URL(server.url).host}/v1`, protocol: 'http', ...options };
  const settings = { integrations: { 'Segment.io': { apiKey: writeKey } }, metrics };
  const html = `<!doctype html><html><head><meta charset="utf-8"><title>Täglich Brot</title>
    <link rel="icon" href="data:,"><script src="/client.js"></script><script>
      var analytics = AnalyticsNext.AnalyticsBrowser.load(
        { writeKey: '${writeKey}', cdnURL: location.origin },
        { integrations: { 'Segment.io': ${JSON.stringify(destination)} } },
      );
    </script></head><body></body></html>`;
  const client = await readFile(packed);
  const files: Record<string, readonly [type: string, content: string | Buffer]> = {
    '/client.js': ['text/javascript', client],
    [`/v1/projects/${writeKey}/settings`]: ['application/json', JSON.stringify(settings)],
    '/shop': ['text/html; charset=utf-8', html],
    '/goodbye': ['text/html; charset=utf-8', '<!doctype html><link rel="icon" href="data:,">'],
  };
  const site = createServer((request, response) => {
    const [type, content] = files[(request.url as string).split('?', 1)[0] as string] ?? [];
    if (type === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': type }).end(content);
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(site.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      site.closeAllConnections();
      await new Promise((resolve) => site.close(resolve));
    },
  };
}

/** Method, path and content type of what went to the server. */
function sentTo(server: TrackingServer, { sent }: OpenPage): readonly string[] {
  return sent
    .filter(({ url }) => url.origin === server.url)
    .map(({ method, url, headers }) => `${method} ${url.pathname} ${headers['content-type']}`);
}

/** Waits until so many events are stored. */
function stored(server: TrackingServer, count: number) {
  return vi.waitFor(
    async () => {
      const events = await server.events();
      expect(events.length).toBeGreaterThanOrEqual(count);
      return events;
    },
    { timeout: 40_000, interval: 100 },
  );
}

test('identify, group, track, page, screen and alias', async () => {
  await using server = await openTracking({ clientSide: true });
  await using site = await openSite(server, {}, { sampleRate: 1, flushTimer: 100 });
  await using browser = await openPage();
  const { page } = browser;
  await page.goto(`${site.url}/shop?utm_source=mail&utm_campaign=spring&size=%C3%A4`);
  const calls = browser.run(async () => {
    const { analytics } = globalThis as unknown as Shop;
    // Each is awaited, which ends once it was answered.
    await analytics.page('Docs', 'Pricing', { plan: 'team' });
    await analytics.track('Trial Started', { seats: 4, note: 'Grüße 🍞' });
    await analytics.identify('c-501', { email: 'Ana@example.org', plan: 'team' });
    await analytics.group('org-88', { name: 'Acme', seats: 4 });
    await analytics.screen('Home');
    await analytics.track('Trial Ended');
    await analytics.alias('c-501', 'old-501');
    const user = await analytics.user();
    return user.anonymousId() as string;
  });
  // The client also sends measurements of itself.
  const measured = page.waitForResponse(`${server.url}/v1/m`);
  const [anonymousId, measurements] = await Promise.all([calls, measured]);
  expect(measurements.status()).toBe(200);

  const traits = await server.profile('users/profiles/email:ana@example.org/traits');
  expect(traits.body.traits).toEqual({ email: 'Ana@example.org', plan: 'team' });
  // What she did before she said who she is is on the same profile.
  const ids = await server.profile(`users/profiles/anonymous_id:${anonymousId}/external_ids`);
  expect(ids.body.data.map(({ type, id }: { type: string; id: string }) => `${type}:${id}`).sort()).toEqual([
    `anonymous_id:${anonymousId}`,
    'email:ana@example.org',
    'user_id:c-501',
  ]);
  const account = await server.profile('accounts/profiles/group_id:org-88/traits');
  expect(account.body.traits).toEqual({ name: 'Acme', seats: 4 });
  const links = await server.profile('users/profiles/user_id:c-501/links');
  expect(links.body.data).toMatchObject([{ to_collection: 'accounts', external_ids: [{ id: 'org-88' }] }]);
  const events = await server.profile('users/profiles/user_id:c-501/events');
  expect(events.body.data.map(({ event }: { event: string }) => event).sort()).toEqual([
    'Page Viewed',
    'Screen Viewed',
    'Trial Ended',
    'Trial Started',
  ]);

  const all = await stored(server, 5);
  expect(all.map(({ type }) => type).sort()).toEqual(['alias', 'page', 'screen', 'track', 'track']);
  const address = { path: '/shop', search: '?utm_source=mail&utm_campaign=spring&size=%C3%A4', title: 'Täglich Brot' };
  for (const event of all) {
    expect(event).toMatchObject({
      anonymousId,
      context: {
        ip: '127.0.0.1',
        page: { ...address, url: page.url(), referrer: '' },
        campaign: { source: 'mail', name: 'spring' },
        userAgent: await page.evaluate('navigator.userAgent'),
        library: { name: 'analytics.js' },
      },
    });
    expect(event.writeKey).toBeUndefined();
  }
  expect(all.find(({ event }) => event === 'Trial Started')).toMatchObject({
    properties: { seats: 4, note: 'Grüße 🍞' },
  });
  expect(all.find(({ type }) => type === 'page')).toMatchObject({
    name: 'Pricing',
    category: 'Docs',
    properties: { plan: 'team', ...address },
  });
  expect(all.find(({ type }) => type === 'alias')).toMatchObject({ userId: 'c-501', previousId: 'old-501' });

  expect(sentTo(server, browser).filter((line) => !line.startsWith('POST /v1/m '))).toEqual(
    ['p', 't', 'i', 'g', 's', 't', 'a'].map((letter) => `POST /v1/${letter} text/plain`),
  );
  expect(browser.preflights.map(({ path, status }) => `${status} ${path}`)).toEqual(
    ['p', 't', 'i', 'g', 's', 'a'].map((letter) => `204 /v1/${letter}`),
  );
  expect(browser.complaints).toEqual([]);
});

test('in batches, and what waits when the page is left', async () => {
  await using server = await openTracking({ clientSide: true });
  const deliveryStrategy = { strategy: 'batching', config: { size: 3, timeout: 600_000 } };
  await using site = await openSite(server, { deliveryStrategy });
  await using browser = await openPage();
  const { page } = browser;
  await page.goto(`${site.url}/shop`);
  await browser.run(async () => {
    const { analytics } = globalThis as unknown as Shop;
    await analytics.identify('c-501', { plan: 'team' });
    await analytics.track('First');
    await analytics.track('Second');
  });
  const first = await stored(server, 2);
  expect(first.map(({ event }) => event).sort()).toEqual(['First', 'Second']);
  expect(sentTo(server, browser)).toContain('POST /v1/b text/plain');
  expect(browser.preflights).toEqual([{ path: '/v1/b', status: 204 }]);

  await browser.run(async () => {
    const { analytics } = globalThis as unknown as Shop;
    await analytics.track('Left');
  });
  expect(await server.events()).toHaveLength(2);
  await page.goto(`${site.url}/goodbye`);
  const all = await stored(server, 3);
  expect(all.map(({ event }) => event).sort()).toEqual(['First', 'Left', 'Second']);
  for (const event of all) {
    expect(event).toMatchObject({ userId: 'c-501', context: { ip: '127.0.0.1', page: { path: '/shop' } } });
  }
  const traits = await server.profile('users/profiles/user_id:c-501/traits');
  expect(traits.body.traits).toEqual({ plan: 'team' });
  expect(browser.complaints).toEqual([]);
});

test('it tries again after 429 and 503, and nothing arrives twice', async () => {
  // What goes wrong at the first attempt. The third is stored all the same, although the answer says no.
  const faults = new Map([
    ['First', 'full'],
    ['Second', 'broken'],
    ['Third', 'late'],
  ]);
  let attempts = 0;
  const around = (inlet: Inlet): Inlet => ({
    async take(space, messages, bytes) {
      const event = messages[0]?.message.event as string;
      const fault = faults.get(event);
      faults.delete(event);
      try {
        if (fault === 'full') throw new MillraceError('inlet_full', 'Too much is waiting.');
        if (fault === 'broken') throw new Error('The disk is gone.');
        const outcomes = await inlet.take(space, messages, bytes);
        if (fault === 'late') throw new Error('The connection is gone.');
        return outcomes;
      } finally {
        attempts += 1;
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  });
  await using server = await openTracking({ clientSide: true, around });
  await using site = await openSite(server);
  await using browser = await openPage();
  await browser.page.goto(`${site.url}/shop`);
  const logged = await browser.run(async () => {
    const { analytics } = globalThis as unknown as Shop;
    const said: string[] = [];
    for (const name of ['First', 'Second', 'Third', 'Fourth']) {
      const { logger } = await analytics.track(name);
      for (const { level, extras } of logger.logs) if (level === 'error') said.push(`${name}: ${extras}`);
    }
    return said;
  });
  // The first says that the page could read how long to wait.
  expect(logged).toEqual([
    'First: RateLimitError: Rate limit exceeded: 429',
    'Second: Error: Retryable error: 503',
    'Third: Error: Retryable error: 503',
  ]);
  await vi.waitFor(() => expect(attempts).toBe(7), { timeout: 40_000, interval: 100 });
  expect((await server.events()).map(({ event }) => event).sort()).toEqual(['First', 'Fourth', 'Second', 'Third']);
  expect(sentTo(server, browser)).toEqual(Array.from({ length: 7 }, () => 'POST /v1/t text/plain'));
  const retries = browser.sent.map(({ headers }) => headers['x-retry-count']).filter((count) => count !== undefined);
  expect(retries).toEqual(['1', '1', '1']);
  // The first answer allowed that header too, and is remembered.
  expect(browser.preflights).toEqual([{ path: '/v1/t', status: 204 }]);
  expect([...browser.complaints].sort()).toEqual(
    ['429 (Too Many Requests)', '503 (Service Unavailable)', '503 (Service Unavailable)'].map(
      (status) => `Failed to load resource: the server responded with a status of ${status}`,
    ),
  );
});
