/**
 * What a newcomer does in the web app, in a real browser against the real program: follows the first link, connects a
 * warehouse, writes a model, maps it, enables both switches, runs a sync and sees that it succeeded. The security policy
 * holds on the way: the browser complains of nothing.
 */
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type App, owner, startApp } from './app.test-support.ts';

let app: App & { readonly link: string };
let page: Page;

beforeAll(async () => {
  // Nothing is there yet, not even a space.
  app = await startApp({ signIn: false, workspace: 'spaces: {}\n' });
  page = app.page;
});

afterAll(() => app[Symbol.asyncDispose]());

const button = (name: string) => page.getByRole('button', { name, exact: true });
const heading = (name: string) => page.getByRole('heading', { name, exact: true });
async function typeQuery(sql: string) {
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(sql);
  await page.keyboard.press('Escape');
}
const expectAccessible = () => app.expectAccessible();

test('from the first link to profiles', async () => {
  await page.goto(app.link);
  await page.getByLabel('Name').fill(owner.name);
  await page.getByLabel('E-mail').fill(owner.email);
  await page.locator('input[name=password]').fill(owner.password);
  await expectAccessible();
  await button('Create my account').click();
  await heading('Overview').waitFor();
  await expectAccessible();

  await page.getByRole('link', { name: 'Sources' }).first().click();
  await page.getByRole('link', { name: 'Add source' }).first().click();
  // What was chosen is in the address: one goes back to the choice, and a reload keeps it.
  await page.getByRole('button', { name: /DuckDB/ }).click();
  await heading('Add DuckDB').waitFor();
  await page.goBack();
  await heading('Add a source').waitFor();
  await page.getByRole('button', { name: /DuckDB/ }).click();
  await heading('Add DuckDB').waitFor();
  await page.reload();
  await page.getByLabel('Name').fill('shop');
  await page.getByLabel('Database file').fill(path.join(app.folder, 'shop.duckdb'));
  await expectAccessible();
  await button('Add source').click();
  await page.getByText('The warehouse answers').waitFor();

  await page.getByRole('link', { name: 'Add model' }).click();
  await page.locator('.cm-content').click();
  await page.keyboard.type('SELECT 1 AS one');
  await typeQuery('SELECT id, email, plan FROM customers WHERE false');
  await button('Preview 10 rows').click();
  await heading('The query gives no rows').waitFor();
  await typeQuery('SELECT id, email, plan FROM customers');
  await page.getByLabel('Identifier column').fill('ID');
  await page.getByLabel('Name').fill('Customers');
  await button('Add model').click();
  await page
    .getByText('The identifier column ID is not among the columns that the query gives: id, email, plan.')
    .waitFor();
  await heading('The first rows').waitFor();
  await expectAccessible();
  await button('Identify rows by id').click();
  await page.getByText('Nothing was saved yet').waitFor({ state: 'detached' });
  await expectAccessible();
  await button('Add model').click();
  await heading('Destinations').waitFor();

  await page.getByRole('link', { name: 'Add destination' }).first().click();
  await button('Next').click();
  await button('Create destination').waitFor();
  await page.goBack();
  await button('Next').click();
  await page.reload();
  await button('Create destination').click();
  await page.getByText('It has no mapping yet.').waitFor();
  await page.getByRole('tab', { name: 'Mappings' }).click();
  await page.getByRole('link', { name: 'Add mapping' }).click();
  await button('Suggest mappings').click();
  const nameOfSpace = page.getByLabel('Name of the space');
  await nameOfSpace.fill('!!!');
  await button('Create the space').click();
  await page.getByText('Use at least one of the letters a to z').waitFor();
  await nameOfSpace.fill('Main');
  await page.getByText('In files and addresses: main').waitFor();
  await button('Create the space').click();
  await page.getByRole('combobox', { name: 'Profile Space', exact: true }).click();
  await page.getByRole('option', { name: 'Engage (Main)' }).click();
  await page.getByRole('textbox', { name: 'Row' }).fill('c-7');
  await page.keyboard.press('Enter');
  await page.getByText('"userId": "c-7"').waitFor();
  await expectAccessible();
  await page.getByRole('textbox', { name: 'Name' }).fill('Customers to profiles');
  await expectAccessible();
  await button('Create mapping').click();
  await page.getByText('None of its mappings is enabled.').waitFor();
  await page.getByRole('switch', { name: 'Enable Customers to profiles' }).check({ force: true });
  await page.getByText('The destination itself is not enabled.').waitFor();
  await page.getByRole('tab', { name: 'Settings' }).click();
  await page.getByText('1 of its mappings is enabled.').waitFor();
  await page.getByLabel('Enable destination').check({ force: true });
  await button('Save changes').click();
  await page.getByText('Saved.').waitFor();

  await page.getByRole('tab', { name: 'Mappings' }).click();
  await page.getByRole('link', { name: 'Customers to profiles' }).click();
  await button('Run now').click();
  await page.getByText('succeeded').first().waitFor({ timeout: 60_000 });
  await page.locator('tbody a').first().click();
  await page.getByText('No row failed').waitFor();
  await page.getByRole('link', { name: 'shop', exact: true }).waitFor();
  await expectAccessible();

  const { rows } = await app.db.pool.query('SELECT count(*)::int AS profiles FROM profiles');
  expect(rows).toEqual([{ profiles: 500 }]);
  // The browser tells of what was refused, too: the name of the space.
  expect(app.browser.complaints.filter((text) => !text.includes('status of 422'))).toEqual([]);
}, 180_000);

test('a model is saved without its identifier column only knowingly, and no two of a source have one name', async () => {
  await app.open('/models/new');
  await page.locator('.cm-content').click();
  await typeQuery('SELECT email FROM customers');
  await page.getByLabel('Identifier column').fill('id');
  await page.getByLabel('Name').fill('Customers');
  await button('Add model').click();
  await page.getByText('Another model of this source has this name').waitFor();
  await page.getByLabel('Name').fill('Addresses');
  await button('Add model').click();
  await page.getByText('The identifier column id is not among the columns').waitFor();
  const names = async () =>
    (await app.db.pool.query('SELECT name FROM models ORDER BY name')).rows.map(({ name }) => name);
  expect(await names()).toEqual(['customers']);
  await page.getByLabel('Save it all the same').check();
  await button('Add model').click();
  await heading('Destinations').waitFor();
  expect(await names()).toEqual(['addresses', 'customers']);
  // A warehouse that cannot be asked is no reason to refuse either.
  await app.open('/models/new');
  await page.locator('.cm-content').click();
  await typeQuery('SELECT id FROM nothing_of_the_kind');
  await page.getByLabel('Identifier column').fill('id');
  await page.getByLabel('Name').fill('Later');
  await button('Add model').click();
  await page.getByText('The query could not be looked at').waitFor();
  await page.getByLabel('Save it all the same').check();
  await button('Add model').click();
  await heading('Destinations').waitFor();
  expect(await names()).toEqual(['addresses', 'customers', 'later']);
}, 60_000);

test('who signs out sees nothing, and comes back to the page that was asked for', async () => {
  await button('You').click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await heading('Sign in to Millrace').waitFor();
  await app.open('/models');
  await heading('Sign in to Millrace').waitFor();
  await page.getByLabel('E-mail').fill(owner.email);
  await page.locator('input[name=password]').fill('wrong');
  await button('Sign in').click();
  await page.getByRole('alert').waitFor();
  await expectAccessible();
  await page.locator('input[name=password]').fill(owner.password);
  await button('Sign in').click();
  await heading('Models').waitFor();
}, 60_000);
