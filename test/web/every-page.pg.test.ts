/**
 * Every page of the app, in a wide and a narrow window, light and dark: it has a heading and a title of its own, nothing of
 * it is wider than the window, whatever takes input is in sight, axe finds nothing serious, and the browser complains of nothing. Whoever may read alone finds
 * no form that works and no way to what is not theirs; what is not there is called by its name.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OpenPage } from '../chromium.ts';
import { type App, expectAccessible } from './app.test-support.ts';
import { ask, comeIn, mappingOf, startShop } from './shop.test-support.ts';

let app: App;
let pages: readonly string[];
/** Pages that only make something, and those that change something which is there. */
let making: readonly string[];
let editing: readonly string[];
let unknown: readonly (readonly [to: string, what: string])[];

beforeAll(async () => {
  app = await startShop({ synced: ['customers-identify'] });
  const { destination, path: at } = await mappingOf(app);
  const { models } = await ask<{ models: { id: string }[] }>(app.page, '/reverse-etl-models');
  const { spaces } = await ask<{ spaces: { id: string; slug: string }[] }>(app.page, '/spaces');
  const { sources } = await ask<{ sources: { id: string; slug: string }[] }>(app.page, '/sources');
  const { syncs } = await ask<{ syncs: { syncId: string }[] }>(app.page, '/reverse-etl-syncs');
  const { rows } = await app.db.pool.query<{ id: string }>('SELECT profile_id AS id FROM profiles LIMIT 1');
  const [model, sync] = [models[0]?.id, syncs[0]?.syncId];
  const shop = sources.find(({ slug }) => slug === 'shop')?.id;
  const space = spaces.find(({ slug }) => slug === 'main')?.id;
  const mappings = `/destinations/${destination}/mappings`;
  making = [
    '/sources/new',
    '/models/new',
    '/destinations/new',
    '/spaces/new',
    `${mappings}/new`,
    `/audiences/${space}/new`,
  ];
  editing = [`/sources/${shop}`, `/models/${model}`, `/destinations/${destination}`, `${at}/edit`];
  unknown = [
    ['/sources/src_none', 'source'],
    ['/spaces/spa_none', 'space'],
    [`/audiences/${space}/audience/aud_none`, 'audience'],
    ['/models/mdl_none', 'model'],
    ['/destinations/dst_none', 'destination'],
    [`${mappings}/map_none`, 'mapping'],
    [`${at}/syncs/syn_none`, 'sync'],
  ];
  pages = [
    ...['/', '/sources', '/sources/new', `/sources/${shop}`, '/models', '/models/new', `/models/${model}`],
    ...[
      '/destinations',
      '/destinations/new',
      `/destinations/${destination}`,
      `/destinations/${destination}?tab=mappings`,
    ],
    ...[`${mappings}/new`, at, `${at}/edit`, `${at}/syncs/${sync}`],
    ...['/spaces', '/spaces/new', `/spaces/${space}`],
    ...['identity', 'tokens', 'dropped', 'live', 'settings'].map((tab) => `/spaces/${space}?tab=${tab}`),
    ...['/profiles', `/profiles?space=${space}&find=c-7`, `/profiles?space=${space}&find=nobody`],
    ...['', 'identifiers', 'events', 'linked', 'consent'].map((tab) => `/profiles/${space}/${rows[0]?.id}?tab=${tab}`),
    ...['/audiences', '/audiences?kind=computed_trait', '/audiences?space=none'],
    ...['audience', 'computed_trait'].map((kind) => `/audiences/${space}/new?kind=${kind}`),
    ...['/usage', '/settings/people', '/settings/tokens', '/settings/alerts', '/settings/audit', '/settings/you'],
    ...['/nowhere', '/destinations/dst_none', '/spaces/spa_none', `/profiles/${space}/nobody`],
  ];
});

afterAll(() => app[Symbol.asyncDispose]());

/**
 * Whatever of the page takes input, reaches beyond the left or right edge, and is in nothing that scrolls. As text: it is
 * compiled where there is no document.
 */
const controlsBeyondTheWindow = `() =>
  [...document.querySelectorAll('main :is(input, button, select, textarea, [contenteditable=true])')]
    .filter((control) => control.checkVisibility({ visibilityProperty: true }) && control.closest('.scrolls, .list-box') === null)
    .filter((control) => {
      const { left, right } = control.getBoundingClientRect();
      return left < -1 || right > window.innerWidth + 1;
    })
    .map((control) => control.outerHTML.slice(0, 200))`;

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
        beyond: (${controlsBeyondTheWindow})(),
      })`)) as { headings: number; title: string; isWider: boolean; beyond: readonly string[] };
      if (found.headings !== 1) faults.push(`${to}: ${found.headings} h1`);
      if (!/.+ · Millrace$/.test(found.title)) faults.push(`${to}: the title is ${found.title}`);
      if (found.isWider) faults.push(`${to}: wider than the window`);
      for (const control of found.beyond) faults.push(`${to}: out of the window: ${control}`);
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
    await expect.poll(() => page.getByRole('button', { name: 'Try again' }).count()).toBe(0);
  }
}, 120_000);

test('a destination that is called like its kind is not called so twice', async () => {
  const { page } = app;
  await app.open('/destinations/new');
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('button', { name: 'Create destination' }).click();
  await page.getByRole('heading', { name: 'Segment Profiles', exact: true, level: 1 }).waitFor();
  await expect.poll(() => page.getByRole('main').getByText('Segment Profiles', { exact: true }).count()).toBe(1);
}, 60_000);

describe.each([
  { role: 'source-read-only', ways: ['Overview', 'Sources', 'Models', 'Destinations', 'Alerts'], reads: 'source' },
  { role: 'unify-and-engage-read-only', ways: ['Overview', 'Profiles', 'Audiences', 'Spaces'], reads: 'space' },
  { role: 'minimal-access', ways: ['Overview'], reads: 'nothing' },
])('with the role $role', ({ role, ways, reads }) => {
  let reader: OpenPage;

  beforeAll(async () => {
    reader = await comeIn(app, role);
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
    await expect.poll(() => links.allInnerTexts()).toEqual(ways);
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
      await expect.poll(() => page.getByRole('button', { name: 'Try again' }).count()).toBe(0);
      await expectAccessible(page);
    }
  }, 240_000);

  test('the overview sends nobody to where they may not go', async () => {
    await open('/');
    const main = reader.page.getByRole('main');
    if (reads !== 'source') await main.getByText('Sources and syncs are not part of your role').waitFor();
    await expect
      .poll(() => main.getByRole('link', { name: 'Look at the profiles' }).count())
      .toBe(reads === 'space' ? 1 : 0);
  }, 60_000);
});
