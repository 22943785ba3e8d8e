/**
 * Every page of the app, in a wide and a narrow window, light and dark: it has a heading and a title of its own, nothing of
 * it is wider than the window, axe finds nothing serious, and the browser complains of nothing.
 */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type App, startApp } from './app.test-support.ts';

const workspace = (folder: string) => `
spaces: { main: {} }
sources:
  shop: { engine: duckdb, path: ${JSON.stringify(path.join(folder, 'shop.duckdb'))} }
event_streams:
  website: { spaces: [main] }
models:
  customers: { source: shop, identifier: id, query: 'SELECT * FROM customers' }
destinations:
  profiles: { source: shop, settings: { endpoint: local } }
mappings:
  customers-identify:
    destination: profiles
    model: customers
    action: sendIdentify
    fields:
      engage_space: main
      user_id: { '@path': $.properties.id }
      traits: { email: { '@path': $.properties.email }, a_trait_with_a_rather_long_name: { '@path': $.properties.plan } }
`;

let app: App;
let pages: readonly string[];

beforeAll(async () => {
  app = await startApp({ workspace });
  expect((await app.run(['sync', 'run', 'customers-identify']).ended).code).toBe(0);
  const get = (to: string) =>
    app.page.evaluate(async (url) => (await (await fetch(url)).json()) as { data: never }, `/public-api${to}`);
  interface Named {
    readonly id: string;
    readonly slug?: string;
  }
  const first = async (to: string, key: string) => ((await get(to)).data as Record<string, Named[]>)[key]?.[0]?.id;
  const [destination, model, space] = [
    await first('/destinations', 'destinations'),
    await first('/reverse-etl-models', 'models'),
    await first('/spaces', 'spaces'),
  ];
  const mapping = await first(`/destinations/${destination}/subscriptions`, 'subscriptions');
  const sources = ((await get('/sources')).data as { sources: Named[] }).sources;
  const shop = sources.find(({ slug }) => slug === 'shop')?.id;
  const sync = ((await get('/reverse-etl-syncs')).data as { syncs: { syncId: string }[] }).syncs[0]?.syncId;
  const { rows } = await app.db.pool.query<{ id: string }>('SELECT profile_id AS id FROM profiles LIMIT 1');
  const at = `/destinations/${destination}/mappings`;
  pages = [
    ...['/', '/sources', '/sources/new', `/sources/${shop}`, '/models', '/models/new', `/models/${model}`],
    ...[
      '/destinations',
      '/destinations/new',
      `/destinations/${destination}`,
      `/destinations/${destination}?tab=mappings`,
    ],
    ...[`${at}/new`, `${at}/${mapping}`, `${at}/${mapping}/edit`, `${at}/${mapping}/syncs/${sync}`],
    ...['/spaces', '/spaces/new', `/spaces/${space}`],
    ...['identity', 'tokens', 'dropped', 'live', 'danger'].map((tab) => `/spaces/${space}?tab=${tab}`),
    ...['/profiles', `/profiles?space=${space}&find=c-7`, `/profiles?space=${space}&find=nobody`],
    ...['', 'identifiers', 'events', 'linked', 'consent'].map((tab) => `/profiles/${space}/${rows[0]?.id}?tab=${tab}`),
    ...['/usage', '/settings/people', '/settings/tokens', '/settings/alerts', '/settings/audit', '/settings/you'],
    ...['/nowhere', '/destinations/dst_none', '/spaces/spa_none', `/profiles/${space}/nobody`],
  ];
});

afterAll(() => app[Symbol.asyncDispose]());

describe.each([
  { width: 1280, colorScheme: 'light' as const },
  { width: 390, colorScheme: 'dark' as const },
])('at $width pixels, $colorScheme', ({ width, colorScheme }) => {
  test('is in order', async () => {
    const { page } = app;
    await page.setViewportSize({ width, height: 820 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const faults: string[] = [];
    for (const to of pages) {
      await app.open(to);
      await page.locator('h1').first().waitFor();
      await page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' });
      // As text: it is compiled where there is no document.
      const found = (await page.evaluate(`({
        headings: document.querySelectorAll('h1').length,
        title: document.title,
        isWider: document.documentElement.scrollWidth > window.innerWidth,
      })`)) as { headings: number; title: string; isWider: boolean };
      if (found.headings !== 1) faults.push(`${to}: ${found.headings} h1`);
      if (!/.+ · Millrace$/.test(found.title)) faults.push(`${to}: the title is ${found.title}`);
      if (found.isWider) faults.push(`${to}: wider than the window`);
      for (const fault of await app.axe()) faults.push(`${to}: ${fault}`);
    }
    expect(faults).toEqual([]);
  }, 600_000);
});

test('the browser complains of nothing but of what is not there', () => {
  expect(app.browser.complaints.filter((complaint) => !complaint.includes('404'))).toEqual([]);
});
