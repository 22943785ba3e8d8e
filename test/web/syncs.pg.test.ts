/**
 * What runs, what failed, and what is done about it, in a real browser: rows that were refused are found from the overview,
 * the mapping is mended, and they are sent again; a plan, a reset; a long list of failed rows.
 */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type App, owner } from './app.test-support.ts';
import { startShop } from './shop.test-support.ts';

let app: App;
let page: Page;

beforeAll(async () => {
  app = await startShop({ customers: 1000, faulty: 700 });
  page = app.page;
});

afterAll(() => app[Symbol.asyncDispose]());

const button = (name: string) => page.getByRole('button', { name, exact: true });
const heading = (name: string) => page.getByRole('heading', { name, exact: true });

test('a plan says what would fail, before anything was sent', async () => {
  await app.open('/destinations');
  await page.getByRole('link', { name: 'profiles', exact: true }).click();
  await page.getByRole('link', { name: 'customers-identify' }).click();
  await button('Plan').click();
  await page.getByText('300 of 1,000 changed rows would be delivered.').waitFor();
  await page.getByText('1 rows have no identifier').waitFor();
  await app.expectAccessible();
  await page.keyboard.press('Escape');
  await page.getByText('It has not run yet').waitFor();
});

test('rows that were refused are found from the overview', async () => {
  await button('Run now').click();
  await page.getByText('partially succeeded').first().waitFor({ timeout: 60_000 });
  await page.getByRole('link', { name: 'Overview' }).click();
  await heading('Needs a look').waitFor();
  await heading('Rows of the last 14 days').waitFor();
  await app.expectAccessible();
  await page
    .getByRole('row', { name: /customers-identify/ })
    .first()
    .getByRole('link')
    .nth(1)
    .click();
  await page.getByRole('tab', { name: 'Refused (700)' }).waitFor();
  await page.getByRole('tab', { name: 'Invalid (1)' }).waitFor();
  await page.getByText('700 of 1,000 rows were refused').waitFor();
  await app.expectAccessible();
});

test('a long list shows the rows in sight, and loads more as it is scrolled', async () => {
  const list = page.getByRole('region', { name: 'Refused rows' });
  await page.getByText('500 shown; more are loaded as you scroll.').waitFor();
  await expect.poll(() => list.locator('tbody tr').count()).toBeLessThan(60);
  await list.evaluate((box) => box.scrollTo(0, box.scrollHeight));
  await page.getByText('700 shown.').waitFor();
  await list.evaluate((box) => box.scrollTo(0, box.scrollHeight));
  await list.getByText('c-699', { exact: true }).waitFor();
  await expect.poll(() => list.locator('tbody tr').count()).toBeLessThan(60);
  await app.expectAccessible();
});

test('the mapping is mended, and the rows that failed are sent again', async () => {
  const failed = page.url();
  await page.getByRole('link', { name: 'customers-identify' }).click();
  await page.getByRole('link', { name: 'Edit' }).click();
  await page.getByRole('combobox', { name: 'User ID: column' }).click();
  await page.getByRole('option', { name: 'Identifier of the row' }).click();
  await page.getByRole('switch', { name: 'Traits: sync null values' }).uncheck({ force: true });
  await app.expectAccessible();
  await button('Save changes').click();
  await heading('profiles').waitFor();
  await page.goto(failed);
  await button('Retry failed rows').click();
  await page.getByText('succeeded', { exact: true }).waitFor({ timeout: 60_000 });
  await page.waitForURL((url) => url.href !== failed);
  await page.getByRole('tab', { name: 'Refused (0)' }).waitFor();
  await button('Run now').waitFor();
  const { rows } = await app.db.pool.query('SELECT count(*)::int AS profiles FROM profiles');
  expect(rows).toEqual([{ profiles: 1000 }]);
  const mapping = await app.db.pool.query("SELECT skip_nulls FROM mappings WHERE name = 'customers-identify'");
  expect(mapping.rows).toEqual([{ skip_nulls: ['traits'] }]);
});

test('a reset says what it means, and the next plan sends everything', async () => {
  await page.getByRole('link', { name: 'customers-identify' }).click();
  await heading('Rows of the latest syncs').waitFor();
  await app.expectAccessible();
  await button('Reset').click();
  await page.getByText('Its next sync sends every row as new, with new message ids.').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Reset', exact: true }).click();
  await page.getByText('What it had delivered is forgotten.').waitFor();
  await button('Plan').click();
  await page.getByText('1,000 of 1,000 changed rows would be delivered.').waitFor();
});

test('usage shows what is exempt', async () => {
  await app.open('/usage');
  await page.getByText('Exempt messages').first().waitFor();
  await heading('Messages by day').waitFor();
  await app.expectAccessible();
  expect(app.browser.complaints).toEqual([]);
});

test('what was typed is not lost: another page asks first, a session that is over can be renewed, a server that is away is said', async () => {
  await app.open('/destinations');
  await page.getByRole('link', { name: 'profiles', exact: true }).click();
  await page.getByRole('link', { name: 'customers-identify' }).click();
  await page.getByRole('link', { name: 'Edit' }).click();
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Customers to profiles');
  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByText('What you have changed on this page is not saved.').waitFor();
  await button('Stay here').click();

  await app.db.pool.query('DELETE FROM person_sessions');
  await button('Save changes').click();
  await page.getByText('You are signed out', { exact: true }).waitFor();
  await app.expectAccessible();
  await page.getByRole('textbox', { name: 'Password' }).fill(owner.password);
  await button('Sign in').click();
  await page.getByText('You are signed out', { exact: true }).waitFor({ state: 'detached' });
  await button('Save changes').click();
  await heading('profiles').waitFor();
  await page.getByRole('link', { name: 'Customers to profiles' }).waitFor();

  app.server.child.kill('SIGTERM');
  await app.server.ended;
  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByText('The server does not answer').first().waitFor();
  await page.getByRole('link', { name: 'Usage' }).click();
  await page.getByText('The server does not answer').first().waitFor();
  expect(page.url()).toContain(app.url);
});
