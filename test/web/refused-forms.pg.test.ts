/**
 * Forms that are refused: the first field at fault gets the focus and is in sight, or the words above when no field is at
 * fault; each fault stands at its own field, in plain words. What was typed stays.
 */
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { App } from './app.test-support.ts';
import { ask, mappingOf, startShop } from './shop.test-support.ts';

let app: App;
let page: Page;
let mappings: string;

beforeAll(async () => {
  app = await startShop();
  page = app.page;
  mappings = `/destinations/${(await mappingOf(app)).destination}/mappings`;
});

afterAll(() => app[Symbol.asyncDispose]());

const button = (name: string) => page.getByRole('button', { name, exact: true });
const textbox = (name: string) => page.getByRole('textbox', { name, exact: true });
const combobox = (name: string) => page.getByRole('combobox', { name, exact: true });

async function choose(box: Locator, option: string) {
  await box.click();
  await page.getByRole('option', { name: option, exact: true }).click();
}

/** Has the focus, with nothing between it and whoever looks. */
async function expectPointedOut(element: Locator) {
  const look = () =>
    element.evaluate((node) => {
      const { left, top, width, height } = node.getBoundingClientRect();
      const seen = node.ownerDocument.elementFromPoint(left + Math.min(width / 2, 100), top + height / 2);
      return { hasFocus: node === node.ownerDocument.activeElement, isSeen: node.contains(seen) };
    });
  await expect.poll(look).toEqual({ hasFocus: true, isSeen: true });
}

/** What a reader of screens says of a field beside its name. */
const described = (element: Locator) =>
  element.evaluate((node) => {
    const ids: string[] = (node.getAttribute('aria-describedby') ?? '').split(' ');
    return ids.map((id) => node.ownerDocument.getElementById(id)?.textContent ?? '').join(' ');
  });

async function expectFault(element: Locator, words: string | RegExp) {
  await expect.poll(() => element.getAttribute('aria-invalid')).toBe('true');
  await expect.poll(() => described(element)).toMatch(words);
}

const refused = () => page.getByRole('alert').filter({ hasText: 'Nothing was saved' });

test('a long form that is refused goes to the first field at fault, and tells every fault at its field', async () => {
  await app.open(`${mappings}/new`);
  await page.getByRole('button', { name: 'Add all columns', disabled: false }).waitFor();
  const boxes = ['Added records', 'Updated records', 'Deleted records'];
  for (const name of boxes) await page.getByRole('checkbox', { name }).uncheck();
  for (const key of ['fn', 'fn.deep', 'plain']) {
    await textbox('Traits: new key').fill(key);
    await textbox('Traits: new key').press('Enter');
  }
  await choose(combobox('Traits fn.deep: where from'), 'Function (JSON)');
  await textbox('Traits fn.deep: JSON').fill('{"@nothing": 1}');
  await choose(combobox('Traits fn: where from'), 'Function (JSON)');
  await textbox('Traits fn: JSON').fill('{"@path": 5}');
  await choose(combobox('Schedule'), 'Cron');
  await textbox('Expression').fill('99 * *');
  await textbox('Time zone').fill('Mars/X');
  await textbox('Name').fill('Refused');
  await button('Create mapping').click();

  await expectPointedOut(page.getByRole('checkbox', { name: 'Added records' }));
  await page.getByText('Choose one kind of records at least').waitFor();
  await expectFault(combobox('Profile Space'), 'Is required by Send Identify');
  await expectFault(textbox('Traits fn: JSON'), 'Should be a string');
  await expectFault(textbox('Traits fn.deep: JSON'), 'invalid directive: @nothing');
  await expect.poll(() => textbox('Traits plain: text').getAttribute('aria-invalid')).toBeNull();
  await expectFault(textbox('Expression'), 'Must have five fields');
  await expectFault(textbox('Time zone'), 'Must be the name of a time zone');
  await expect.poll(() => combobox('Schedule').getAttribute('aria-invalid')).toBeNull();
  await expect.poll(() => textbox('Name').inputValue()).toBe('Refused');
  await app.expectAccessible();

  // One after the other.
  await page.getByRole('checkbox', { name: 'Added records' }).check();
  await button('Create mapping').click();
  await expectPointedOut(combobox('Profile Space'));
  await choose(combobox('Profile Space'), 'Engage (main)');
  await page.setViewportSize({ width: 390, height: 760 });
  await button('Create mapping').click();
  await expectPointedOut(textbox('Traits fn: JSON'));
  await page.setViewportSize({ width: 1280, height: 720 });
  await textbox('Traits fn: JSON').fill('{"@path": "$.properties.plan"}');
  await button('Remove fn.deep').click();
  await button('Create mapping').click();
  await expectPointedOut(textbox('Expression'));
}, 120_000);

test('what no row could do without is told before it is saved, and saved all the same', async () => {
  await app.open(`${mappings}/new`);
  const warning = page.getByRole('note').filter({ hasText: 'every row is refused' });
  await warning.getByText('Map User ID or Anonymous ID: without one of them every row is refused.').waitFor();
  await choose(combobox('Anonymous ID: where from'), 'Column');
  await choose(combobox('Anonymous ID: column'), 'id');
  await warning.waitFor({ state: 'detached' });
  await choose(combobox('Anonymous ID: where from'), 'Not mapped');
  await warning.waitFor();
  await choose(combobox('Action'), 'Send Subscriptions');
  await warning.getByText(/^Map Email, .+: without one of them every row is refused\.$/).waitFor();
  await choose(combobox('SMS Subscription Status: where from'), 'Column');
  await choose(combobox('SMS Subscription Status: column'), 'plan');
  await page.getByText('Map Phone too: rows with SMS Subscription Status are refused without it.').waitFor();
  await app.expectAccessible();
  await choose(combobox('Action'), 'Send Track');
  await warning.waitFor();
  await choose(combobox('Event Name: where from'), 'Fixed text');
  await textbox('Event Name: text').fill('Signed Up');
  await choose(combobox('Profile Space'), 'Engage (main)');
  await textbox('Name').fill('Nobody yet');
  await button('Create mapping').click();
  await page.getByRole('link', { name: 'Nobody yet' }).waitFor();
}, 120_000);

test('settings of a warehouse: choices, numbers, PEM texts, and faults in plain words', async () => {
  await app.open('/sources/new');
  await page.getByRole('button', { name: /^Postgres/ }).click();
  await textbox('Name').fill('shop');
  await textbox('Hostname').fill('db.example.com');
  await textbox('Port').fill('99999');
  await textbox('Database').fill('d');
  await textbox('Username').fill('u');
  await textbox('Password').fill('canary');
  await choose(combobox('SSL mode'), 'verify-full');
  const pem = '-----BEGIN PRIVATE KEY-----\nMIIEvQ\nIBADAN\n-----END PRIVATE KEY-----\n';
  await textbox('Client key').fill(pem);
  await button('Add source').click();
  await expectPointedOut(textbox('Name'));
  await expectFault(textbox('Name'), 'A source of this name is there already. Choose another name.');
  await expectFault(textbox('Port'), 'Must be at most 65535');
  await app.expectAccessible();
  await textbox('Name').fill('store');
  await textbox('Port').fill('5432');
  const asked = page.waitForRequest((request) => request.method() === 'POST' && /\/sources$/.test(request.url()));
  await button('Add source').click();
  await page.getByRole('heading', { name: 'store', exact: true }).waitFor();
  const { rows } = await app.db.pool.query("SELECT settings ->> 'ssl' AS ssl FROM sources WHERE name = 'store'");
  expect(rows).toEqual([{ ssl: 'verify-full' }]);
  expect((await asked).postDataJSON().settings).toMatchObject({ key: pem, sslmode: 'verify-full' });
  // What is secret is not shown, and stays.
  await expect.poll(() => textbox('Client key').inputValue()).toBe('');
  await textbox('Database').fill('other');
  await button('Save changes').click();
  await page.getByText('Saved.', { exact: true }).waitFor();
  const { sources } = await ask<{ sources: { slug: string; settings: object }[] }>(page, '/sources');
  expect(sources.find(({ slug }) => slug === 'store')?.settings).toMatchObject({ database: 'other', port: '5432' });
}, 120_000);

test('JSON of another form is refused with words and an example', async () => {
  await app.open('/sources/new');
  await page.getByRole('button', { name: /DuckDB/ }).click();
  await textbox('Name').fill('lake');
  await textbox('Database file').fill(`${app.folder}/shop.duckdb`);
  await expect.poll(() => described(textbox('Files'))).toContain('{"orders": "/data/orders/*.parquet"}');
  await textbox('Readable folders').fill('/data');
  await button('Add source').click();
  await expectPointedOut(textbox('Readable folders'));
  await expectFault(textbox('Readable folders'), 'Must be a list of folders, such as ["/data/shop"]');
  await expect.poll(() => textbox('Readable folders').inputValue()).toBe('/data');
  await app.expectAccessible();
  await textbox('Readable folders').fill(JSON.stringify([app.folder]));
  await button('Add source').click();
  await page.getByRole('heading', { name: 'lake', exact: true }).waitFor();
}, 120_000);

test('where no field is at fault, the words above get the focus', async () => {
  const models = '/reverse-etl-models';
  const { models: known } = await ask<{ models: { sourceId: string }[] }>(page, models);
  const gone = { name: 'gone', description: '', query: 'SELECT * FROM customers', queryIdentifierColumn: 'id' };
  const made = await send('POST', models, { ...gone, sourceId: known[0]?.sourceId, enabled: true });
  await app.open(`${mappings}/new`);
  await choose(combobox('Model'), 'gone');
  await choose(combobox('User ID: where from'), 'Column');
  await choose(combobox('User ID: column'), 'id');
  await choose(combobox('Profile Space'), 'Engage (main)');
  await textbox('Name').fill('Too late');
  await send('DELETE', `${models}/${(made.reverseEtlModel as { id: string }).id}`);
  await button('Create mapping').click();
  await refused().waitFor();
  await expectPointedOut(refused());
  // Refusals are told by the browser, too.
  const { complaints } = app.browser;
  expect(complaints.filter((one) => !one.startsWith('Failed to load resource'))).toEqual([]);
}, 60_000);

async function send(method: string, to: string, body: object = {}): Promise<Record<string, unknown>> {
  return page.evaluate(
    async ([how, url, text]) => {
      const me = (await (await fetch('/app/me')).json()) as { data: { csrfToken: string } };
      const headers = { 'content-type': 'application/json', 'x-csrf-token': me.data.csrfToken };
      const answer = await fetch(url, { method: how, headers, body: text });
      if (!answer.ok) throw new Error(await answer.text());
      return ((await answer.json()) as { data: Record<string, unknown> }).data;
    },
    [method, `/public-api${to}`, JSON.stringify(body)] as const,
  );
}
