/**
 * Audiences and computed traits in the web app, in a real browser against the real program: from a space that has some people
 * and no audience, by a query that is wrong at first, to members that are listed, a badge on a profile, a value, a change, a
 * deletion, and somebody who may look alone.
 */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type App, expectAccessible, startApp } from './app.test-support.ts';
import { ask, comeIn } from './shop.test-support.ts';

let app: App;
let page: Page;
let space: string;

beforeAll(async () => {
  app = await startApp({ workspace: 'spaces: { main: {} }\nevent_streams:\n  website: { spaces: [main] }\n' });
  page = app.page;
  space = (await ask<{ spaces: { id: string }[] }>(page, '/spaces')).spaces[0]?.id as string;
  await sendPeople();
}, 120_000);
afterAll(() => app[Symbol.asyncDispose]());

/** Thirty people: ten on the plan pro, of whom three have ordered, twice each; and an anonymous visitor on pro. */
async function sendPeople() {
  const shown = await app.run(['event-stream', 'show', 'website', '--json']).ended;
  const writeKey = /"writeKey": "([^"]+)"/.exec(shown.stdout)?.[1] as string;
  const people = Array.from({ length: 30 }, (_, n) => ({
    ...{ type: 'identify', userId: `c-${n}` },
    traits: { name: `Person ${n}`, email: `u${n}@example.com`, plan: n < 10 ? 'pro' : 'free' },
  }));
  const visitor = { type: 'identify', anonymousId: 'web-1', traits: { plan: 'pro' } };
  const orders = Array.from({ length: 6 }, (_, n) => ({
    ...{ type: 'track', userId: `c-${n % 3}`, event: 'Order Completed', properties: { total: 20 + n } },
  }));
  const answer = await fetch(`${app.url}/v1/batch`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ writeKey, batch: [...people, visitor, ...orders] }),
  });
  expect(answer.status).toBe(200);
}

const heading = (name: string | RegExp) => page.getByRole('heading', { name, exact: true });
const button = (name: string) => page.getByRole('button', { name, exact: true });
const link = (name: string) => page.getByRole('link', { name, exact: true });
const row = (name: string | RegExp) => page.getByRole('row', { name });
const editor = () => page.getByRole('textbox', { name: 'Query' });

async function write(query: string) {
  await editor().click();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.insertText(query);
}

test('an empty space says what an audience is, and leads to the form', async () => {
  await app.open('/');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Audiences' }).click();
  await heading('main has no audience yet').waitFor();
  await page.getByText('a group of profiles that a condition describes').waitFor();
  await app.expectAccessible();
  await page.getByRole('tab', { name: 'Computed traits' }).click();
  await heading('main has no computed trait yet').waitFor();
  expect(page.url()).toContain('kind=computed_trait');
  await page.getByRole('tab', { name: 'Audiences' }).click();
  await link('New audience').click();
  await heading('New audience').waitFor();
  await app.expectAccessible();
});

test('a fault in the query is told at the query, with its place, by the preview and by saving', async () => {
  await page.getByLabel('Name').fill('Paying people!');
  await page.getByText('will be paying_people.').waitFor();
  await write("trait('plan') = 'pro'\nAND trait('email').exist()");
  for (const act of ['Preview', 'Make audience']) {
    await button(act).click();
    const faults = page.getByRole('alert', { name: 'What is wrong with the query' });
    await faults.getByRole('button', { name: /^Line 2, column \d+$/ }).waitFor();
    await expect.poll(() => editor().getAttribute('aria-invalid')).toBe('true');
    await expect.poll(() => page.locator('.query-fault').count()).toBe(1);
  }
  await app.expectAccessible();
  await page.getByRole('button', { name: /^Line 2, column/ }).click();
  await expect.poll(() => page.locator('.cm-editor.cm-focused').count()).toBe(1);
  expect(page.url()).toContain('/new');
});

test('examples are inserted, and names are completed', async () => {
  await write('');
  await button('Insert: On a paid plan').click();
  await expect.poll(() => editor().textContent()).toContain("trait('plan').one_of(");
  await button('Insert: Came back this week').click();
  await expect.poll(() => editor().textContent()).toContain("event('Page Viewed')");
  await expect.poll(() => editor().textContent()).not.toContain('one_of');
  await write('');
  await page.keyboard.type('tra');
  await page.getByRole('option', { name: /^trait/ }).waitFor();
  await app.expectAccessible();
  await page.keyboard.press('Escape');
});

test('the preview counts those who count, and names some; what is not saved is not lost by accident', async () => {
  await write("trait('plan') = 'pro'");
  await button('Preview').click();
  await page.getByText('10 users would be in it.').waitFor();
  await row(/Person 3 user_id c-3/).waitFor();
  await app.expectAccessible();
  const { rows } = await app.db.pool.query('SELECT count(*)::int AS n FROM computations');
  expect(rows).toEqual([{ n: 0 }]);
  await page.getByLabel('Anonymous visitors count too').click();
  await page.getByText('That was before your latest changes').waitFor();
  await button('Preview').click();
  await page.getByText('11 users would be in it.').waitFor();
  await page.getByLabel('Anonymous visitors count too').click();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Profiles' }).click();
  await heading('Leave without saving?').waitFor();
  await button('Stay here').click();
});

test('saved it becomes live, and its members are listed', async () => {
  await button('Make audience').click();
  await heading('Paying people!').waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  await page.getByRole('code').getByText('paying_people', { exact: true }).waitFor();
  await page.getByText('real-time', { exact: true }).waitFor();
  await row(/Person 9 user_id c-9/).waitFor();
  await expect.poll(() => page.getByRole('row', { name: /Person \d/ }).count()).toBe(10);
  await app.expectAccessible();
  await app.open('/audiences');
  await row(/Paying people! paying_people live real-time 10/).waitFor();
  await app.expectAccessible();
});

test('the call that is shown answers', async () => {
  const { stdout } = await app.run(['token', 'create', 'explorer', '--space', 'main', '--json']).ended;
  const secret = /"(mrp_[^"]+)"/.exec(stdout)?.[1] as string;
  await link('Paying people!').click();
  const call = page.getByRole('region', { name: 'Where programs read it' }).locator('pre');
  const url = /'(http[^']+)'/.exec((await call.textContent()) ?? '')?.[1]?.replace('USER_ID', 'c-1') as string;
  const authorization = `Basic ${Buffer.from(`${secret}:`).toString('base64')}`;
  const answer = await fetch(url, { headers: { authorization } });
  expect(await answer.json()).toMatchObject({ traits: { paying_people: true } });
});

test('a profile tells what is computed from what was sent, and leads back', async () => {
  await link('Person 2').click();
  await heading('Person 2').waitFor();
  await row(/^paying_people audience true yes or no .*Paying people!$/).waitFor();
  expect(
    await row(/^plan pro/)
      .getByText('audience')
      .count(),
  ).toBe(0);
  await app.expectAccessible();
  await link('Paying people!').click();
  await heading('Paying people!').waitFor();
});

test('a computed trait is made, and stands on the profiles', async () => {
  await app.open(`/audiences?space=${space}&kind=computed_trait`);
  await link('New computed trait').click();
  await page.getByLabel('Name').fill('Orders');
  await write("event('Order Completed').count()");
  await expect.poll(() => button('Preview').count()).toBe(0);
  await app.expectAccessible();
  await button('Make computed trait').click();
  await heading('Orders').waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  await app.expectAccessible();
  await app.open('/profiles?find=c-1');
  await link('Person 1').click();
  await row(/^orders computed 2 number .*Orders$/).waitFor();
});

test('a name that had the key is refused at the name', async () => {
  await app.open(`/audiences/${space}/new`);
  await page.getByLabel('Name').fill('orders');
  await write("trait('plan') = 'pro'");
  await button('Make audience').click();
  await expect.poll(() => page.getByLabel('Name').getAttribute('aria-invalid')).toBe('true');
});

test('its name changes and its key stays; disabled and enabled; a changed query takes in others', async () => {
  await app.open('/audiences');
  await link('Paying people!').click();
  await link('Edit').click();
  await heading('Edit Paying people!').waitFor();
  await page.getByText('Its key stays paying_people').waitFor();
  await expect.poll(() => page.getByLabel('Accounts').isDisabled()).toBe(true);
  await app.expectAccessible();
  await page.getByLabel('Name').fill('Buyers');
  await write("event('Order Completed').count() >= 2");
  await button('Preview').click();
  await page.getByText('3 users would be in it.').waitFor();
  await button('Save changes').click();
  await heading('Buyers').waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  await expect.poll(() => page.getByRole('row', { name: /Person \d/ }).count()).toBe(3);
  await button('Disable').click();
  await page.getByText('Nothing is computed; profiles keep what was written last').waitFor();
  await app.expectAccessible();
  await button('Enable').click();
  await page.getByText('live', { exact: true }).waitFor();
});

test('a query that would change the mode is refused in words', async () => {
  await link('Edit').click();
  await write("event('Order Completed').where(event('Refunded').within(parent: 1 day).count() = 0).count() >= 1");
  await button('Save changes').click();
  await page.getByRole('alert', { name: 'What is wrong with the query' }).getByText('That cannot change').waitFor();
  await link('Buyers').click();
  await button('Leave').click();
  await heading('Buyers').waitFor();
});

test('who may look alone finds no way to change anything', async () => {
  await using reader = await comeIn(app, 'unify-and-engage-read-only');
  const look = reader.page;
  const { audiences } = await ask<{ audiences: { id: string }[] }>(page, `/spaces/${space}/audiences`);
  const one = `/audiences/${space}/audience/${audiences[0]?.id}`;
  await look.goto(new URL('/audiences', app.url).href);
  await look.getByRole('row', { name: /Buyers/ }).waitFor();
  await expect.poll(() => look.getByRole('link', { name: 'New audience' }).count()).toBe(0);
  await look.getByRole('link', { name: 'Buyers' }).click();
  await look.getByRole('row', { name: /Person 1/ }).waitFor();
  for (const name of ['Disable', 'Delete']) await expect.poll(() => look.getByRole('button', { name }).count()).toBe(0);
  await expect.poll(() => look.getByRole('link', { name: 'Edit' }).count()).toBe(0);
  await look.goto(new URL(`${one}/edit`, app.url).href);
  await look.getByText('Your role shows this and does not change it').waitFor();
  await look.locator('pre').getByText("event('Order Completed')").waitFor();
  const working = look
    .getByRole('main')
    .locator('input:enabled, textarea:enabled, [contenteditable=true], [type=submit]');
  await expect.poll(() => working.count()).toBe(0);
  await expectAccessible(look);
  await look.goto(new URL(`/audiences/${space}/new`, app.url).href);
  await look.getByRole('heading', { name: 'Your role does not allow this' }).waitFor();
});

test('narrow screens do not scroll sideways, and dark ones can be read', async () => {
  const { audiences } = await ask<{ audiences: { id: string }[] }>(page, `/spaces/${space}/audiences`);
  const one = `/audiences/${space}/audience/${audiences[0]?.id}`;
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  for (const to of ['/audiences', '/audiences?kind=computed_trait', `/audiences/${space}/new`, one, `${one}/edit`]) {
    await app.open(to);
    await page.locator('h1').waitFor();
    await page.waitForLoadState('networkidle');
    const wide = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
    expect([to, wide]).toEqual([to, 0]);
    await app.expectAccessible();
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.setViewportSize({ width: 1280, height: 820 });
});

test('deleted it is gone from the list, and its values stay as custom traits', async () => {
  await app.open('/audiences');
  await link('Buyers').click();
  await button('Delete').click();
  await page.getByText('The key is never given again in this space').waitFor();
  await app.expectAccessible();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await heading('main has no audience yet').waitFor();
  await expect
    .poll(
      async () => {
        await app.open('/profiles?find=c-1');
        await link('Person 1').click();
        return row(/^paying_people true/)
          .waitFor({ timeout: 2_000 })
          .then(
            () => true,
            () => false,
          );
      },
      { timeout: 30_000 },
    )
    .toBe(true);
  await app.open(`/audiences/${space}/audience/aud_none`);
  await heading('There is no such audience').waitFor();
  expect(app.browser.complaints.filter((said) => !/status of (404|409|422|400)/.test(said))).toEqual([]);
});
