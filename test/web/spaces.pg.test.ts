/**
 * Spaces in the web app, in a real browser against the real program: one is created with recommended rules and the name that
 * was shown beforehand, a limit is changed and a value blocked; a token that is shown once reads a profile; a message sent under
 * the write key of its event stream is seen as it arrives, and one that is dropped is found with its reason.
 */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findSpace } from '../../src/workspace/workspace.ts';
import { type App, startApp } from './app.test-support.ts';

let app: App;
let page: Page;
let spaceUrl: string;
let writeKey: string;

beforeAll(async () => {
  app = await startApp();
  page = app.page;
});

afterAll(() => app[Symbol.asyncDispose]());

const button = (name: string) => page.getByRole('button', { name, exact: true });
const tab = (name: string) => page.getByRole('tab', { name, exact: true }).click();
const heading = (name: string) => page.getByRole('heading', { name, exact: true });
const settings = async () => (await findSpace(app.db.pool, 'web-shop')).settings;
/** Once nothing moves or fades any longer. */
async function expectAccessible() {
  await expect.poll(() => page.evaluate('document.getAnimations().length')).toBe(0);
  await app.expectAccessible();
}
/** The page is no wider than its window. */
const expectNoSidewaysScroll = async () =>
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);

async function send(message: object) {
  const answer = await fetch(new URL('/v1/track', app.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Basic ${btoa(`${writeKey}:`)}` },
    body: JSON.stringify({ type: 'track', event: 'Order Completed', ...message }),
  });
  expect(answer.status).toBe(200);
}

test('a space is created with recommended rules', async () => {
  await app.open('/spaces');
  await page.getByRole('link', { name: 'main', exact: true }).waitFor();
  await expectAccessible();
  await page.getByRole('link', { name: 'Create a space' }).click();
  await heading('Create a space').waitFor();
  const name = page.getByRole('textbox', { name: 'Name', exact: true });
  for (const [title, proposed] of [
    ['Straße', 'strasse'],
    ['main', 'main-2'],
    ['Web shop', 'web-shop'],
  ] as const) {
    await name.fill(title);
    await page.getByText(`Left empty, it is ${proposed}.`).waitFor();
  }
  const inFiles = page.getByRole('textbox', { name: 'Name in files and addresses' });
  await inFiles.fill('Web shop!');
  await expectAccessible();
  await button('Create space').click();
  await page.getByText('Must be lower-case letters, digits, _ and -, up to 100 characters').waitFor();
  await expect.poll(() => name.inputValue()).toBe('Web shop');
  await page.getByRole('radio', { name: 'Rules of my own' }).check();
  await page.getByRole('textbox', { name: 'Limit of user_id' }).waitFor();
  await expectAccessible();
  await page.getByRole('radio', { name: 'Recommended rules' }).check();
  await inFiles.fill('');
  await button('Create space').click();
  await heading('Web shop').waitFor();
  spaceUrl = new URL(page.url()).pathname;
  expect((await settings()).identifiers.at(-1)).toMatchObject({ type: 'anonymous_id', window: 'weekly' });
}, 90_000);

test('an event stream gives it a write key', async () => {
  await page.getByRole('textbox', { name: 'New event stream' }).fill('website');
  await button('Create stream').click();
  await heading('website').waitFor();
  await button('Create a write key of website').click();
  await expect.poll(() => button('Copy the write key of website').count()).toBe(2);
  await page
    .getByRole('button', { name: /^Revoke the write key/ })
    .first()
    .click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click();
  await expect.poll(() => button('Copy the write key of website').count()).toBe(1);
  await expectAccessible();
  const { rows } = await app.db.pool.query("SELECT write_key FROM event_streams WHERE name = 'website'");
  writeKey = rows[0].write_key;
  await expect.poll(() => page.getByText(writeKey, { exact: true }).count()).toBe(1);
}, 90_000);

test('its identity rules are changed', async () => {
  await tab('Identity');
  await page.getByText('Settle the rules before people come').waitFor();
  await page.getByRole('textbox', { name: 'Limit of email' }).fill('2');
  await button('Blocked values of user_id: the usual').click();
  await page.getByRole('combobox', { name: 'Blocked values of user_id' }).fill('void');
  await page.keyboard.press('Enter');
  await page.getByRole('combobox', { name: 'Blocked patterns of user_id' }).fill('(');
  await page.keyboard.press('Enter');
  await page.getByRole('textbox', { name: 'Custom identifier' }).fill('loyalty_id');
  await page.keyboard.press('Enter');
  // By keyboard: the focus goes along.
  await button('Move loyalty_id up').focus();
  for (let step = 0; step < 9; step++) await page.keyboard.press('Enter');
  await expectAccessible();
  await button('Save rules').click();
  await page.getByText('This is not a regular expression.').waitFor();
  await expect.poll(() => page.getByRole('textbox', { name: 'Limit of email' }).inputValue()).toBe('2');
  await page.getByRole('combobox', { name: 'Blocked patterns of user_id' }).focus();
  await page.keyboard.press('Backspace');
  await button('Save rules').click();
  await page.getByText('Saved. New messages follow these rules.').waitFor();
  const { identifiers } = await settings();
  expect(identifiers.map(({ type }) => type).slice(0, 4)).toEqual(['user_id', 'email', 'loyalty_id', 'android.id']);
  expect(identifiers.slice(0, 3)).toMatchObject([
    { limit: 1, blocked: { values: ['-1', 'null', 'anonymous', 'void'], patterns: ['^[0-]*$'] } },
    { limit: 2, window: 'annually' },
    { limit: 5, custom: true, collection: 'users' },
  ]);
  await page.reload();
  await expect.poll(() => page.getByRole('textbox', { name: 'Limit of email' }).inputValue()).toBe('2');
}, 90_000);

test('messages are seen as they arrive', async () => {
  await tab('Live');
  await page.getByText('watching', { exact: true }).waitFor();
  await expectAccessible();
  // Writers look once a second whether anybody watches.
  await expect
    .poll(async () => {
      await send({ userId: 'u-1', properties: { total: 12 } });
      return page.getByText('Order Completed').count();
    })
    .toBeGreaterThan(0);
  await send({ userId: 'void' });
  await page.getByText('Nothing on it says who it is about').first().waitFor();
  await page.getByRole('textbox', { name: 'Show those with' }).fill('U-1');
  await expect.poll(() => page.getByText('Nothing on it says who it is about').count()).toBe(0);
  await page
    .getByRole('button', { expanded: false, name: /Order Completed/ })
    .first()
    .click();
  await page.getByText('"total": 12').waitFor();
  await expectAccessible();
  await button('Pause').click();
  await send({ userId: 'u-2' });
  await page.getByText('1 came while this was paused').waitFor();
  await button('Go on').click();
}, 90_000);

test('what was dropped is found, with its reason', async () => {
  await tab('Dropped messages');
  await page.getByRole('cell', { name: /Nothing on it says who it is about/ }).waitFor();
  await page.getByRole('cell', { name: /An identifier is blocked/ }).waitFor();
  await page.getByRole('cell', { name: 'website' }).first().waitFor();
  await page.getByRole('combobox', { name: 'Reason' }).click();
  await page.getByRole('option', { name: 'An identifier is blocked' }).click();
  await page.waitForURL(/reason=id_value_blocked/);
  await expect.poll(() => page.getByRole('cell', { name: /Nothing on it says who/ }).count()).toBe(0);
  await expectAccessible();
  await page.goto(new URL(`${spaceUrl}?tab=dropped&reason=filtered`, app.url).href);
  await heading('Nothing was dropped for this reason').waitFor();
}, 90_000);

test('a token is shown once, opens the Profile API, and ends', async () => {
  await tab('Access tokens');
  await heading('Nobody reads this space yet').waitFor();
  await page.getByRole('textbox', { name: 'Name of the token' }).fill('web shop');
  await button('Create token').click();
  const secret = await page.getByText(/^mrp_/).textContent();
  await page.getByText('Copy it now: it is never shown again.').waitFor();
  await expectAccessible();
  const look = () =>
    fetch(new URL(`/v1${spaceUrl}/collections/users/profiles/user_id:u-1/external_ids`, app.url), {
      headers: { authorization: `Basic ${btoa(`${secret}:`)}` },
    });
  const answer = await look();
  expect([answer.status, JSON.stringify(await answer.json())]).toEqual([200, expect.stringContaining('u-1')]);
  await page.reload();
  await page.getByRole('cell', { name: 'web shop', exact: true }).waitFor();
  await expect.poll(() => page.getByText(/mrp_/).count()).toBe(0);
  await button('Revoke web shop').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click();
  await page.getByRole('cell', { name: /^revoked/ }).waitFor();
  await expect.poll(async () => (await look()).status).toBe(401);
}, 90_000);

test('a space with profiles cannot be deleted, and one without can', async () => {
  await tab('Settings');
  await page.getByText('It has profiles, and a space with profiles is kept.').waitFor();
  await button('Add a filter').click();
  await page.getByRole('textbox', { name: 'Name of filter 1' }).fill('tests');
  await page.getByRole('textbox', { name: 'Condition of filter 1' }).fill('type = ');
  await button('Save settings').click();
  await expect.poll(() => page.locator('[aria-invalid=true]').count()).toBe(1);
  await expectAccessible();
  await page.getByRole('textbox', { name: 'Condition of filter 1' }).fill('type = "track" and event = "Test"');
  await button('Save settings').click();
  await page.getByText('Saved.').waitFor();
  expect((await settings()).filters).toMatchObject([{ name: 'tests', enabled: true }]);

  await app.open('/spaces');
  await page.getByRole('link', { name: 'main', exact: true }).click();
  await tab('Settings');
  await button('Delete space').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete space' }).click();
  await heading('Spaces').waitFor();
  await expect.poll(() => page.getByRole('link', { name: 'main', exact: true }).count()).toBe(0);
}, 90_000);

test('who may only look is offered nothing else', async () => {
  const permissions = [{ role: 'unify-and-engage-read-only', resources: 'all' }];
  await app.db.pool.query("UPDATE people SET role = 'member', permissions = $1", [JSON.stringify(permissions)]);
  await app.open('/spaces');
  await page.getByRole('link', { name: 'Web shop', exact: true }).waitFor();
  await expect.poll(() => page.getByRole('link', { name: 'Create a space' }).count()).toBe(0);
  await page.getByRole('link', { name: 'Web shop', exact: true }).click();
  await heading('What names it').waitFor();
  await tab('Identity');
  await page.getByRole('textbox', { name: 'Limit of email' }).waitFor();
  await expect.poll(() => page.getByRole('textbox', { name: 'Limit of email' }).isDisabled()).toBe(true);
  await expect.poll(() => button('Save rules').count()).toBe(0);
  await tab('Access tokens');
  await page.getByRole('cell', { name: 'web shop', exact: true }).waitFor();
  await expect.poll(() => button('Create token').count()).toBe(0);
  await tab('Live');
  await page.getByText('watching', { exact: true }).waitFor();
  await expectAccessible();
  await app.db.pool.query("UPDATE people SET role = 'owner', permissions = '[]'");
}, 90_000);

test('every page fits a telephone, light and dark', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const path of ['/spaces', '/spaces/new', ...['', 'identity', 'tokens', 'dropped', 'live', 'settings']]) {
      await app.open(path.startsWith('/') ? path : `${spaceUrl}?tab=${path}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await expect.poll(() => page.getByText('Loading').count()).toBe(0);
      await expectNoSidewaysScroll();
      await expectAccessible();
    }
  }
  // What the server refused on purpose is the browser's to tell; nothing else is.
  expect(app.browser.complaints.filter((text) => !/status of 422/.test(text))).toEqual([]);
}, 180_000);
