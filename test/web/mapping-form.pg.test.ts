/**
 * The form of a mapping: Enter saves nothing by the way; JSON that is broken is refused where it stands, and stays; two people
 * who change one mapping both keep what they changed.
 */
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { App } from './app.test-support.ts';
import { comeIn, mappingOf, startShop } from './shop.test-support.ts';

let app: App;
let page: Page;
let form: string;

beforeAll(async () => {
  app = await startShop();
  page = app.page;
  form = `${(await mappingOf(app)).path}/edit`;
});

afterAll(() => app[Symbol.asyncDispose]());

beforeEach(() => openForm(page));

const button = (name: string, on = page) => on.getByRole('button', { name, exact: true });
const textbox = (name: string, on = page) => on.getByRole('textbox', { name, exact: true });
const combobox = (name: string, on = page) => on.getByRole('combobox', { name, exact: true });
const column = (name: string) => ({ '@path': `$.properties.${name}` });

async function openForm(on: Page) {
  await on.goto(new URL(form, app.url).href);
  await combobox('User ID: column', on).or(textbox('User ID: JSON', on)).waitFor();
}

async function choose(box: Locator, option: string) {
  await box.click();
  await box.page().getByRole('option', { name: option, exact: true }).click();
}

async function save(on = page) {
  await button('Save changes', on).click();
  await on.getByText('Saved.').first().waitFor();
}

const stored = async () => {
  const { rows } = await app.db.pool.query("SELECT title, fields FROM mappings WHERE name = 'customers-identify'");
  return rows[0] as { title: string | null; fields: { user_id: unknown; traits: Record<string, unknown> } };
};
/** What was asked to change or to be tested. */
const asked = () => app.browser.sent.filter(({ method }) => method === 'PATCH' || method === 'POST');

test('Enter in a row of the fields adds a key and opens lists; it saves nothing', async () => {
  const before = await stored();
  const count = asked().length;
  await textbox('Name').fill('Customers to profiles');
  const newKey = textbox('Traits: new key');
  // Once the columns are known.
  await page.getByRole('button', { name: 'Add all columns', disabled: false }).waitFor();
  await newKey.fill('Company');
  await newKey.press('Enter');
  await combobox('Traits Company: column').waitFor();
  await expect.poll(() => newKey.inputValue()).toBe('');
  // Nothing to add, and what is there already.
  await newKey.press('Enter');
  await newKey.fill('plan');
  await newKey.press('Enter');
  await choose(combobox('Traits plan: where from'), 'Fixed text');
  await textbox('Traits plan: text').fill('gold');
  await choose(combobox('Traits name: where from'), 'Template');
  await textbox('Traits name: template').fill('Dear {{properties.name}}');
  await choose(combobox('Traits Company: where from'), 'Function (JSON)');
  const inputs = await page.locator('.mantine-Card-root', { hasText: 'Suggest mappings' }).locator('input').all();
  const kinds = await Promise.all(inputs.map((input) => input.getAttribute('aria-label')));
  expect(kinds).toEqual(expect.arrayContaining(['Profile Space', 'Traits plan: text', 'Traits name: template']));
  for (const input of inputs) {
    if (!(await input.isVisible())) continue;
    await input.press('Enter');
    await input.press('Escape');
  }
  const space = combobox('Profile Space');
  await space.press('Enter');
  // Once the spaces are known, and its list is open.
  await page.getByRole('option', { name: 'Engage (main)', exact: true }).waitFor();
  await space.press('ArrowDown');
  await space.press('Enter');
  await space.press('Enter');
  await page.keyboard.press('Escape');
  await textbox('Name').waitFor();
  // What was chosen stays chosen.
  await expect.poll(() => combobox('User ID: column').inputValue()).toBe('uid');
  await expect.poll(() => combobox('Traits email: column').inputValue()).toBe('email');
  await expect.poll(() => space.inputValue()).toMatch(/^Engage \(/);
  expect(asked().length).toBe(count);
  expect(await stored()).toEqual(before);
  await choose(space, 'Engage (main)');
  await save();
  const { title, fields } = await stored();
  expect(title).toBe('Customers to profiles');
  const name = { '@template': 'Dear {{properties.name}}' };
  expect(fields.traits).toMatchObject({ Company: column('company'), plan: 'gold', name });
}, 120_000);

test('JSON that is broken refuses saving and testing, and stays; mended, it is saved as it is seen', async () => {
  await choose(combobox('User ID: where from'), 'Function (JSON)');
  const before = await stored();
  const count = asked().length;
  const box = textbox('User ID: JSON');
  const whole = { '@case': { operator: 'lower', value: column('uid') } };
  const broken = JSON.stringify(whole).slice(0, -1);
  await box.fill(broken);
  await page.getByText(/^This is not JSON/).waitFor();
  const why = 'Mend the JSON first, or choose another form: User ID.';
  await button('Save changes').click();
  await page.getByRole('alert').filter({ hasText: 'Nothing was saved' }).getByText(why).waitFor();
  for (const way of ['Test a record', 'Send it for real']) {
    await button(way).click();
    await page.getByRole('alert').filter({ hasText: 'It cannot be tested yet' }).getByText(why).waitFor();
  }
  await expect.poll(() => box.inputValue()).toBe(broken);
  await expect.poll(() => box.getAttribute('aria-invalid')).toBe('true');
  expect(asked().length).toBe(count);
  expect(await stored()).toEqual(before);
  await app.expectAccessible();
  await box.fill(JSON.stringify(whole));
  await page.getByText(/^This is not JSON/).waitFor({ state: 'detached' });
  await page.getByText('It cannot be tested yet').waitFor({ state: 'detached' });
  await textbox('Row').fill('c-none');
  await button('Test a record').click();
  const none = page.getByRole('alert').filter({ hasText: 'has no row with the identifier "c-none"' });
  await none.getByText('Look at its rows with the preview of the model.').waitFor();
  await textbox('Row').fill('');
  await none.waitFor({ state: 'detached' });
  await button('Test a record').click();
  await page.getByText('"userId": "c-0"').waitFor();
  await save();
  expect((await stored()).fields).toEqual({ ...before.fields, user_id: whole });
  await openForm(page);
  expect(JSON.parse(await box.inputValue())).toEqual(whole);
}, 120_000);

test('two people change one mapping, and both keep what they changed', async () => {
  await using other = await comeIn(app, 'source-admin');
  const before = await stored();
  await textbox('Name').fill('Customers, by two');
  const reads = () =>
    app.browser.sent.filter(({ method, url }) => method === 'GET' && url.pathname.endsWith('/subscriptions')).length;

  await openForm(other.page);
  await choose(combobox('User ID: where from', other.page), 'Column');
  await choose(combobox('User ID: column', other.page), 'id');
  await choose(combobox('Traits email: where from', other.page), 'Fixed text');
  await textbox('Traits email: text', other.page).fill('everybody@example.com');
  await save(other.page);

  // Coming back to the window reads the mapping again, behind the form.
  const readBefore = reads();
  await expect
    .poll(
      async () => {
        await page.evaluate(`window.dispatchEvent(new Event('visibilitychange'))`);
        return reads();
      },
      { timeout: 20_000, interval: 300 },
    )
    .toBeGreaterThan(readBefore);
  await page.waitForLoadState('networkidle');
  await expect.poll(() => textbox('Name').inputValue()).toBe('Customers, by two');
  await textbox('Traits: new key').fill('team');
  await textbox('Traits: new key').press('Enter');
  await textbox('Traits team: text').fill('blue');
  await save();
  const { title, fields } = await stored();
  expect(title).toBe('Customers, by two');
  expect(fields).toEqual({
    ...before.fields,
    user_id: column('id'),
    traits: { ...before.fields.traits, email: 'everybody@example.com', team: 'blue' },
  });
  // The browser tells of what was refused, too: a test of a row that is not there.
  const complaints = [...app.browser.complaints, ...other.complaints];
  expect(complaints.filter((text) => !text.includes('status of 400'))).toEqual([]);
}, 120_000);
