/**
 * Looking somebody up in the web app, in a real browser against the real program: found by e-mail and by user id, with what
 * is known and which sync brought it, what was done, whom it is linked to, what it allows, and the call that answers the
 * same. A real sync fills the space, and a website sends the rest.
 */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { App } from './app.test-support.ts';
import { startShop } from './shop.test-support.ts';

let app: App;
let page: Page;

beforeAll(async () => {
  app = await startShop({ customers: 150, synced: ['customers-identify', 'customers-group'] });
  page = app.page;
  await sendFromWebsite();
}, 120_000);
afterAll(() => app[Symbol.asyncDispose]());

/** What an SDK of a website would send of one person. */
async function sendFromWebsite() {
  const shown = await app.run(['event-stream', 'show', 'website', '--json']).ended;
  const writeKey = /"writeKey": "([^"]+)"/.exec(shown.stdout)?.[1] as string;
  const context = {
    ip: '203.0.113.9',
    consent: { categoryPreferences: { Advertising: false, Analytics: true } },
    messaging_subscriptions: [{ key: 'u7@example.com', type: 'EMAIL', status: 'SUBSCRIBED' }],
  };
  const anonymous = { type: 'identify', anonymousId: 'web-7', traits: { city: 'Lyon' } };
  const known = { type: 'identify', userId: 'c-7', anonymousId: 'web-7', context };
  const events = Array.from({ length: 120 }, (_, n) => ({
    ...{ type: 'track', userId: 'c-7', event: n === 119 ? 'Order Completed' : 'Product Viewed' },
    ...{ properties: { sku: `sku-${n}` }, timestamp: new Date(Date.now() - (120 - n) * 60_000).toISOString() },
  }));
  const viewed = { type: 'page', userId: 'c-7', name: 'Home', timestamp: new Date().toISOString() };
  for (const batch of [[anonymous], [known], [...events, viewed]]) {
    const answer = await fetch(`${app.url}/v1/batch`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ writeKey, batch }),
    });
    expect([answer.status, await answer.json()]).toEqual([200, expect.anything()]);
  }
}

const heading = (name: string) => page.getByRole('heading', { name, exact: true });
const tab = (name: string | RegExp) => page.getByRole('tab', { name }).click();
const link = (name: string) => page.getByRole('link', { name, exact: true });
const row = (name: string | RegExp) => page.getByRole('row', { name });
const curl = () => page.getByRole('region', { name: 'The same by the Profile API' }).locator('pre');

async function find(text: string) {
  await page.getByLabel('Find a profile').fill(text);
  await page.getByRole('button', { name: 'Find', exact: true }).click();
}

test('the list shows who changed last, and goes on while one scrolls', async () => {
  await app.open('/profiles');
  await heading('Users by their latest change').waitFor();
  await expect.poll(() => page.locator('tbody a').first().textContent()).toBe('Person 7');
  await app.expectAccessible();
  const box = page.getByRole('region', { name: 'Users by their latest change' });
  await expect
    .poll(async () => {
      await box.evaluate((element) => element.scrollTo(0, element.scrollHeight));
      return link('Person 0').or(link('Person 149')).count();
    })
    .toBeGreaterThan(0);
  await page.getByText('Accounts', { exact: true }).click();
  await link('Acme Ltd').waitFor();
  expect(page.url()).toContain('collection=accounts');
});

test('somebody is found by e-mail, and by user id', async () => {
  await app.open('/profiles');
  await find(' U7@example.com');
  await row(/Person 7 user email/).waitFor();
  expect(page.url()).toContain('find=');
  await app.expectAccessible();
  await find('c-7');
  await row(/Person 7 user user_id/).waitFor();
  await find('anonymous_id:web-7');
  await row(/Person 7 user anonymous_id/).waitFor();
  await page.reload();
  await link('Person 7').click();
  await heading('Person 7').waitFor();
});

test('who is not there: it says what was tried, and where else to look', async () => {
  await app.open('/profiles');
  await find('nobody@example.com');
  await heading('Nobody in main is known by “nobody@example.com”').waitFor();
  await page.getByText('it was looked up as user_id, email').waitFor();
  await app.expectAccessible();
  await link('Look in other').click();
  await heading('Nobody in other is known by “nobody@example.com”').waitFor();
  await page.getByRole('button', { name: 'Show the latest instead' }).click();
  await heading('Nobody is known here yet').waitFor();
});

test('a profile: traits with their origin, identifiers, events, account, consent, and the call for each', async () => {
  await app.open('/profiles?find=c-7');
  await link('Person 7').click();
  await row(/plan pro text .* customers-identify/).waitFor();
  await row(/city Lyon text .* website/).waitFor();
  await expect
    .poll(() => curl().textContent())
    .toMatch(/curl -u 'YOUR_TOKEN:' .*\/collections\/users\/profiles\/user_id:c-7\/traits/s);
  await app.expectAccessible();

  await tab(/Identifiers/);
  await row(/email u7@example.com .*1 of 5/).waitFor();
  await page.getByText('One profile was merged into this one').waitFor();
  await expect.poll(() => curl().textContent()).toContain('/external_ids?');
  await app.expectAccessible();
  const merged = await page.getByRole('list', { name: 'Merged profiles' }).locator('code').textContent();
  const space = new URL(page.url()).pathname.split('/')[2];

  await tab('Events');
  await page.getByText('Page Viewed').waitFor();
  const order = page.locator('details', { hasText: 'Order Completed' });
  await order.locator('summary').click();
  await order.getByText('"sku": "sku-119"').waitFor();
  await expect.poll(() => curl().textContent()).toContain('/events?');
  await app.expectAccessible();
  const box = page.getByRole('region', { name: 'Newest first' });
  await expect
    .poll(async () => {
      await box.evaluate((element) => element.scrollTo(0, element.scrollHeight));
      return page.locator('tr[aria-rowindex="122"]').count();
    })
    .toBe(1);

  await tab('Consent and subscriptions');
  await row('Advertising no').waitFor();
  await row('Analytics yes').waitFor();
  await row(/E-mail u7@example.com subscribed/).waitFor();
  await app.expectAccessible();

  await tab('Accounts');
  await expect.poll(() => curl().textContent()).toContain('/links');
  await app.expectAccessible();
  await link('Acme Ltd').click();
  await heading('Acme Ltd').waitFor();
  await tab('Users');
  await row(/Person \d+ .*email u\d+@example.com/)
    .first()
    .waitFor();
  await app.expectAccessible();

  await app.open(`/profiles/${space}/${merged}`);
  await page.getByText(`The profile you asked for, ${merged}, was merged into this one`).waitFor();
  await heading('Person 7').waitFor();
});

test('from a trait to the sync that brought it, and back to the space one was in', async () => {
  await app.open('/profiles?find=c-8');
  await link('Person 8').click();
  await row(/plan pro/)
    .getByRole('link', { name: 'this sync' })
    .click();
  await heading('Sync').waitFor();
  await page.getByText('succeeded').first().waitFor();
});

test('the calls that are shown answer', async () => {
  const { stdout } = await app.run(['token', 'create', 'explorer', '--space', 'main', '--json']).ended;
  const secret = /"(mrp_[^"]+)"/.exec(stdout)?.[1] as string;
  await app.open('/profiles?find=c-7');
  await link('Person 7').click();
  for (const name of [/Traits/, /Identifiers/, 'Events', 'Accounts', 'Consent and subscriptions']) {
    await tab(name);
    const url = /'(http[^']+)'/.exec((await curl().textContent()) ?? '')?.[1] as string;
    const authorization = `Basic ${Buffer.from(`${secret}:`).toString('base64')}`;
    const answer = await fetch(url, { headers: { authorization } });
    expect([url, answer.status, await answer.json()]).toEqual([url, 200, expect.anything()]);
  }
});

test('narrow screens do not scroll sideways, and nothing was complained about', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const path of ['/profiles', '/profiles?find=nobody', '/profiles?find=c-7']) {
    await app.open(path);
    await page.getByLabel('Find a profile').waitFor();
    await page.waitForLoadState('networkidle');
    await expectNoSidewaysScroll();
  }
  await link('Person 7').click();
  for (const name of [/Traits/, /Identifiers/, 'Events', 'Accounts', 'Consent and subscriptions']) {
    await tab(name);
    await page.waitForLoadState('networkidle');
    await expectNoSidewaysScroll();
  }
  await app.open('/profiles/main/use_000000000000000000000000000');
  await heading('There is no such profile').waitFor();
  await app.expectAccessible();
  expect(app.browser.complaints.filter((said) => !/status of 404/.test(said))).toEqual([]);
});

async function expectNoSidewaysScroll() {
  const wide = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
  expect([page.url(), wide]).toEqual([page.url(), 0]);
}
