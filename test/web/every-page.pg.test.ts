/**
 * Every page of the app, in a wide and a narrow window, light and dark: it has a heading and a title of its own, nothing of
 * it is wider than the window, axe finds nothing serious, and the browser complains of nothing. Whoever may read alone finds
 * no form that works and no way to what is not theirs; what is not there is called by its name.
 */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OpenPage, openPage } from '../chromium.ts';
import { type App, expectAccessible, startApp } from './app.test-support.ts';

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
/** Pages that only make something, and those that change something which is there. */
let making: readonly string[];
let editing: readonly string[];
let unknown: readonly (readonly [to: string, what: string])[];

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
  making = ['/sources/new', '/models/new', '/destinations/new', '/spaces/new', `${at}/new`];
  editing = [`/sources/${shop}`, `/models/${model}`, `/destinations/${destination}`, `${at}/${mapping}/edit`];
  unknown = [
    ['/sources/src_none', 'source'],
    ['/spaces/spa_none', 'space'],
    ['/models/mdl_none', 'model'],
    ['/destinations/dst_none', 'destination'],
    [`${at}/map_none`, 'mapping'],
    [`${at}/${mapping}/syncs/syn_none`, 'sync'],
  ];
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

test('what is not there is called by its name, and nobody is told to try again', async () => {
  const { page } = app;
  for (const [to, what] of unknown) {
    await app.open(to);
    await page.getByRole('heading', { name: `There is no such ${what}`, exact: true }).waitFor();
    expect(await page.getByRole('button', { name: 'Try again' }).count()).toBe(0);
  }
}, 120_000);

test('a destination that is called like its kind is not called so twice', async () => {
  const { page } = app;
  await app.open('/destinations/new');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Create destination' }).click();
  await page.getByRole('heading', { name: 'Segment Profiles', exact: true, level: 1 }).waitFor();
  expect(await page.getByRole('main').getByText('Segment Profiles', { exact: true }).count()).toBe(1);
}, 60_000);

describe.each([
  { role: 'source-read-only', ways: ['Overview', 'Sources', 'Models', 'Destinations', 'Alerts'], reads: 'source' },
  { role: 'unify-and-engage-read-only', ways: ['Overview', 'Profiles', 'Spaces'], reads: 'space' },
  { role: 'minimal-access', ways: ['Overview'], reads: 'nothing' },
])('with the role $role', ({ role, ways, reads }) => {
  let reader: OpenPage;

  beforeAll(async () => {
    reader = await openPage();
    reader.page.setDefaultTimeout(20_000);
    await reader.page.emulateMedia({ reducedMotion: 'reduce' });
    await comeIn(reader, role);
  }, 60_000);

  afterAll(() => reader[Symbol.asyncDispose]());

  const open = async (to: string) => {
    await reader.page.goto(new URL(to, app.url).href);
    await reader.page.locator('h1').first().waitFor();
    await reader.page.locator('[aria-busy=true]').first().waitFor({ state: 'detached' });
  };
  /** Whatever of the page itself could be filled in or sent. */
  const working = () =>
    reader.page
      .getByRole('main')
      .locator('input:enabled, textarea:enabled, select:enabled, button[type=submit]:enabled, [contenteditable=true]')
      .evaluateAll((found) => found.map((one) => (one as { outerHTML: string }).outerHTML.slice(0, 200)));

  test('the menu leads to what may be seen alone', async () => {
    const { page } = reader;
    const refused: string[] = [];
    page.on('response', (answer) => {
      if (answer.status() === 403) refused.push(answer.url());
    });
    const links = page.getByRole('navigation', { name: 'Main' }).getByRole('link');
    expect(await links.allInnerTexts()).toEqual(ways);
    const paths = await links.evaluateAll((found) =>
      found.map((one) => (one as { getAttribute(name: string): string | null }).getAttribute('href') ?? ''),
    );
    for (const to of [...paths, '/settings/you']) await open(to);
    expect(refused).toEqual([]);
  }, 120_000);

  test('no page that makes or changes something has a form that works', async () => {
    const { page } = reader;
    for (const to of making) {
      await open(to);
      await page.getByRole('heading', { name: 'Your role does not allow this', exact: true }).waitFor();
      await page.getByText(/^Ask an owner of the workspace for the role (Source|Unify and Engage) Admin/).waitFor();
      expect([to, await working()]).toEqual([to, []]);
      await expectAccessible(page);
    }
    for (const to of editing) {
      await open(to);
      if (reads === 'source') await page.getByRole('main').locator('form :disabled').first().waitFor();
      else await page.getByText('Not part of your role').first().waitFor();
      expect([to, await working()]).toEqual([to, []]);
      expect(await page.getByRole('button', { name: 'Try again' }).count()).toBe(0);
      await expectAccessible(page);
    }
  }, 240_000);

  test('the overview sends nobody to where they may not go', async () => {
    await open('/');
    const main = reader.page.getByRole('main');
    if (reads !== 'source') await main.getByText('Sources and syncs are not part of your role').waitFor();
    expect(await main.getByRole('link', { name: 'Look at the profiles' }).count()).toBe(reads === 'space' ? 1 : 0);
  }, 60_000);
});

/** Invited by the first person with one role, everywhere. */
async function comeIn({ page }: OpenPage, role: string): Promise<void> {
  const path = await app.page.evaluate(
    async ([email, roleId]) => {
      const me = (await (await fetch('/app/me')).json()) as { data: { csrfToken: string } };
      const permissions = [{ roleId, resources: [{ type: 'WORKSPACE' }] }];
      const made = await fetch('/public-api/invites', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-csrf-token': me.data.csrfToken },
        body: JSON.stringify({ invites: [{ email, permissions }] }),
      });
      return ((await made.json()) as { data: { links: { path: string }[] } }).data.links[0]?.path as string;
    },
    [`${role}@example.com`, role] as const,
  );
  await page.goto(new URL(path, app.url).href);
  await page.getByLabel('Name').fill(role);
  await page.locator('input[name=password]').fill('a password of a reader');
  await page.getByRole('button', { name: 'Create my account' }).click();
  await page.getByRole('heading', { name: 'Overview', exact: true }).waitFor();
}
