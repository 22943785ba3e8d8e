/**
 * The settings in a real browser: somebody is invited and may read alone, a token is made and revoked, an alert is made
 * and tested, the audit trail shows it all, an account is looked after, and wrong passwords lock the sign-in.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../src/cli/cli.test-support.ts';
import { type OpenPage, openPage } from '../chromium.ts';
import { type App, expectAccessible, owner, startApp } from './app.test-support.ts';

const hooked: { readonly path: string | undefined; readonly body: string }[] = [];
const hook = createServer((request, response) => {
  let body = '';
  request.on('data', (part) => {
    body += part;
  });
  request.on('end', () => {
    hooked.push({ path: request.url, body });
    response.writeHead(200).end();
  });
});

let app: App;
let page: Page;
let reader: OpenPage;
let hookUrl: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  hookUrl = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/hook/a-secret-path`;
  app = await startApp();
  page = app.page;
  reader = await openPage();
  reader.page.setDefaultTimeout(20_000);
}, 120_000);

afterAll(async () => {
  await reader?.[Symbol.asyncDispose]();
  await app?.[Symbol.asyncDispose]();
  hook.close();
});

const button = (name: string | RegExp, on = page) => on.getByRole('button', { name, exact: true });
const dialogButton = (name: string) => page.getByRole('dialog').getByRole('button', { name, exact: true });
const heading = (name: string, on = page) => on.getByRole('heading', { name, exact: true });
const secret = () => page.getByTestId('secret').textContent();
const invited = { email: 'joe@example.com', name: 'Joe', password: 'another long password' };

/** Once everything has come to rest: what fades in is pale on its way. */
async function expectReadable(on: Page) {
  const isAtRest = `document.getAnimations().every((one) => one.effect.getTiming().iterations === Infinity)`;
  await expect.poll(() => on.evaluate(isAtRest)).toBe(true);
  await expectAccessible(on);
}

/** Nothing serious in either colours, and no page that scrolls sideways on a phone. */
async function expectFit() {
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme });
    await expectReadable(page);
  }
  const wide = page.viewportSize() ?? { width: 1280, height: 720 };
  await page.setViewportSize({ width: 390, height: 800 });
  await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
  await page.setViewportSize(wide);
}

/** What a page that was tampered with would try. */
function postFrom(on: Page, path: string, body: object): Promise<number> {
  return on.evaluate(
    async ([url, sent]) => {
      const me = (await (await fetch('/app/me')).json()) as { data: { csrfToken: string } };
      const headers = { 'content-type': 'application/json', 'x-csrf-token': me.data.csrfToken };
      return (await fetch(url as string, { method: 'POST', headers, body: JSON.stringify(sent) })).status;
    },
    [path, body] as const,
  );
}

describe('people', () => {
  test('somebody is invited with Source Read-only, and comes in by the link', async () => {
    await app.open('/settings/people');
    await heading('People').waitFor();
    await page.getByText('Jane (you)').waitFor();
    await expectFit();
    await button('Invite somebody').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('E-mail').fill(owner.email);
    const sourceReader = dialog.getByRole('checkbox', { name: 'Source Read-only', exact: true });
    await sourceReader.waitFor();
    // Nobody is given what was not chosen for them.
    await expect.poll(() => dialog.getByRole('checkbox', { checked: true }).count()).toBe(0);
    await dialogButton('Make the link').click();
    await dialog.getByText('Choose at least one role').waitFor();
    await sourceReader.check();
    await expectReadable(page);
    await dialogButton('Make the link').click();
    // What was typed stays beside what is wrong with it.
    await dialog.getByText('There is a person with the address').first().waitFor();
    await expect.poll(() => dialog.getByLabel('E-mail').inputValue()).toBe(owner.email);
    await dialog.getByLabel('E-mail').fill(invited.email);
    await dialogButton('Make the link').click();
    await page.getByText('It is shown only this once.').waitFor();
    await expectReadable(page);
    const link = (await secret()) ?? '';
    expect(link).toMatch(new RegExp(`^${app.url}/links/mrl_`));
    await dialogButton('Done').click();
    await page.getByText('has not come yet').waitFor();
    expect(await page.content()).not.toContain('mrl_');

    const { page: theirs } = reader;
    await theirs.goto(link);
    await expect.poll(() => theirs.getByLabel('E-mail').inputValue()).toBe(invited.email);
    await theirs.getByLabel('Name').fill(invited.name);
    await theirs.locator('input[name=password]').fill(invited.password);
    await expectReadable(theirs);
    await button('Create my account', theirs).click();
    await heading('Overview', theirs).waitFor();
    await theirs.goto(link);
    await theirs.getByText('This link is not good any more').waitFor();
    await expectReadable(theirs);
  }, 120_000);

  test('they see nothing that changes anything, and a change from their page is refused', async () => {
    const { page: theirs } = reader;
    await theirs.goto(`${app.url}/settings/alerts`);
    await theirs.getByText('Nobody is told yet').waitFor();
    await theirs.getByText('Nothing was said yet').waitFor();
    await expectReadable(theirs);
    const names = await theirs.getByRole('main').getByRole('button').allInnerTexts();
    expect(names).toEqual([]);
    const ways = await theirs.getByRole('navigation').getByRole('link').allInnerTexts();
    expect(ways).not.toEqual(expect.arrayContaining([expect.stringMatching(/People|Tokens|Audit|Usage/)]));
    const token = { name: 'mine', permissions: [{ roleId: 'source-read-only', resources: [{ type: 'WORKSPACE' }] }] };
    for (const [path, body] of [
      ['/public-api/tokens', token],
      ['/public-api/invites', { invites: [{ email: 'evil@example.com' }] }],
      ['/public-api/alerts', { name: 'mine', on: ['sync_failed'] }],
      ['/public-api/notices/read', { all: true }],
      ['/public-api/sources', { slug: 'mine' }],
    ] as const) {
      expect([path, await postFrom(theirs, path, body)]).toEqual([path, 403]);
    }
    await theirs.goto(`${app.url}/settings/people`);
    await theirs.getByText('Your role does not allow this').waitFor();
    await expect.poll(() => theirs.getByRole('button', { name: 'Invite somebody' }).count()).toBe(0);
  }, 120_000);

  test('their roles are narrowed down to a space', async () => {
    await page.reload();
    await button(`Change roles of ${invited.email}`).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('checkbox', { name: 'Unify and Engage Read-only', exact: true }).check();
    await dialog.getByRole('radio', { name: 'Only some spaces' }).check();
    await dialogButton('Save roles').click();
    await dialog.getByText('Must say where the role holds').waitFor();
    await dialog.getByRole('combobox', { name: /Which spaces/ }).click();
    await page.getByRole('option', { name: 'main' }).click();
    await expectReadable(page);
    await dialogButton('Save roles').click();
    await page.getByText('at main').waitFor();
    const spaces = await reader.page.evaluate(
      async () => (await (await fetch('/public-api/spaces')).json()) as { data: { spaces: unknown } },
    );
    expect(spaces.data.spaces).toMatchObject([{ slug: 'main' }]);
  }, 60_000);
});

test('a token is made, shown once, works, and is refused once it is revoked', async () => {
  await app.open('/settings/tokens');
  await page.getByText('No token is in use').waitFor();
  await button('Create token').first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Source Admin is what the destination Segment Profiles needs.').waitFor();
  await expect.poll(() => dialog.getByRole('checkbox', { name: 'Source Admin', exact: true }).isChecked()).toBe(true);
  await dialog.getByLabel('Name').fill('profiles destination');
  await expectReadable(page);
  await dialogButton('Create token').click();
  await page.getByText('It is shown only this once.').waitFor();
  const token = (await secret()) ?? '';
  expect(token).toMatch(/^mrw_[\w-]{43}$/);
  await dialogButton('Done').click();
  await page.getByRole('cell', { name: 'profiles destination', exact: true }).waitFor();
  await expectFit();
  const ask = async () =>
    (await fetch(`${app.url}/public-api/sources`, { headers: { authorization: `Bearer ${token}` } })).status;
  expect(await ask()).toBe(200);
  await page.reload();
  await expect.poll(() => page.getByRole('cell', { name: 'never' }).count()).toBe(0);
  expect(await page.content()).not.toContain(token);
  await button('Revoke profiles destination').click();
  await expectReadable(page);
  await dialogButton('Revoke').click();
  await page.getByText('No token is in use').waitFor();
  await expect.poll(ask, { timeout: 10_000 }).toBe(401);
  await page.getByLabel('Show revoked tokens').check({ force: true });
  await page.getByRole('cell', { name: 'revoked', exact: true }).waitFor();
}, 120_000);

test('an alert is made, tested, seen in the list, changed without its secret, and deleted', async () => {
  await app.open('/settings/alerts');
  await button('Add alert').first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Nightly syncs');
  await dialog.getByLabel('Too few of the rows').check();
  await dialog.getByLabel('Fewer than this share').waitFor();
  await dialogButton('Add Webhook').click();
  await dialog.getByLabel('Webhook URL').fill('ftp://example.com');
  await expectReadable(page);
  await dialogButton('Add alert').click();
  await dialog.getByText('Must be a URL that begins with https://').waitFor();
  await dialog.getByLabel('Webhook URL').fill(hookUrl);
  await dialogButton('Add alert').click();
  await page.getByRole('cell', { name: 'Nightly syncs', exact: true }).waitFor();
  await expectFit();

  await button('Test Nightly syncs').click();
  await page.getByText('Every channel took the test.').waitFor();
  await expectReadable(page);
  await until(() => hooked.length > 0);
  expect(hooked[0]?.path).toBe('/hook/a-secret-path');
  expect(JSON.parse(hooked[0]?.body ?? '')).toMatchObject({ phase: 'test', alert: 'Nightly syncs' });
  await dialogButton('Done').click();
  await page.getByRole('article', { name: 'This is a test of the alert Nightly syncs.' }).waitFor();
  await page.getByRole('link', { name: 'Notices, 1 unread' }).waitFor();

  await button('Edit Nightly syncs').click();
  const shown = await dialog.getByLabel('Webhook URL').inputValue();
  expect(shown).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/•+path$/);
  await dialog.getByLabel('Name').fill('Nights');
  await dialogButton('Save alert').click();
  await button('Test Nights').click();
  await page.getByText('Every channel took the test.').waitFor();
  expect(hooked[1]?.path).toBe('/hook/a-secret-path');
  await dialogButton('Done').click();

  await page.getByText('Unread', { exact: true }).click();
  await expect.poll(() => new URL(page.url()).search).toBe('?show=unread');
  await button('Mark all as read').click();
  await page.getByText('Everything is read').waitFor();
  await page.getByRole('link', { name: 'Notices', exact: true }).waitFor();
  await button('Delete Nights').click();
  await dialogButton('Delete').click();
  await page.getByText('Nobody is told yet').waitFor();
  await expectFit();
}, 120_000);

test('the audit trail shows all of it, and by kind', async () => {
  await app.open('/settings/audit');
  for (const what of [
    'Person invited',
    'Person password set',
    'Person permissions modified',
    'Token created',
    'Token revoked',
    'Alert created',
    'Alert tested',
    'Alert deleted',
  ]) {
    await page.getByRole('cell', { name: what, exact: true }).first().waitFor();
  }
  const row = page.getByRole('row', { name: /Person invited/ });
  await row.getByText('2 changed').click();
  await row.getByText('permissions', { exact: true }).waitFor();
  await expectFit();
  await page.getByRole('combobox', { name: 'Show' }).click();
  await page.getByRole('option', { name: 'Tokens' }).click();
  await expect.poll(() => new URL(page.url()).search).toBe('?kind=token');
  await expect.poll(() => page.getByRole('cell', { name: 'Person invited', exact: true }).count()).toBe(0);
  await page.getByRole('cell', { name: 'Token created', exact: true }).waitFor();
  await app.open('/settings/audit?kind=label');
  await page.getByText('Nobody changed anything here yet').waitFor();
}, 60_000);

test('a long trail is loaded as one scrolls', async () => {
  await app.db.pool.query(
    `INSERT INTO audit_events (id, at, type, actor, actor_name, resource_id, resource_type, resource_name, changed)
     SELECT 'aud_' || lpad(i::text, 27, '0'), now() - make_interval(days => 1, secs => i), 'Source Modified', 'cli', 'command line',
       'src_1', 'source', 'row ' || i, '{}' FROM generate_series(1, 350) AS g (i)`,
  );
  await app.open('/settings/audit?kind=source');
  const box = page.getByRole('region', { name: 'List' });
  await box.waitFor();
  const last = page.getByRole('cell', { name: 'row 350', exact: true });
  await expect
    .poll(
      async () => {
        await box.evaluate((list) => list.scrollTo(0, list.scrollHeight));
        return last.count();
      },
      { timeout: 20_000 },
    )
    .toBe(1);
}, 60_000);

test('you: the name, the password, and browsers that are signed out', async () => {
  await app.open('/settings/you');
  await page.getByLabel('Name').fill('Jane Doe');
  await button('Save name').click();
  await page.getByText('Your name is saved.').waitFor();
  await expectFit();
  await using elsewhere = await openPage();
  await elsewhere.page.goto(`${app.url}/sign-in`);
  await signIn(elsewhere.page, owner.email, owner.password);
  await heading('Overview', elsewhere.page).waitFor();
  await page.reload();
  await expect.poll(() => page.getByRole('row').filter({ hasText: 'Chrome on Linux' }).count()).toBe(2);
  await page
    .getByRole('row')
    .filter({ hasNotText: 'this one' })
    .getByRole('button', { name: /^Sign out/ })
    .click();
  await expect.poll(() => page.getByRole('row').filter({ hasText: 'Chrome on Linux' }).count()).toBe(1);
  await elsewhere.page.goto(`${app.url}/models`);
  await heading('Sign in to Millrace', elsewhere.page).waitFor();
  expect(app.browser.complaints.filter((text) => !isRefusal(text))).toEqual([]);

  await page.getByLabel('Present password').fill('wrong');
  await page.getByLabel('New password').fill('a password that is new');
  await button('Change password').click();
  await page.getByText('Is not the present one').waitFor();
  await page.getByLabel('Present password').fill(owner.password);
  await button('Change password').click();
  await page.getByText('Your password is changed.').waitFor();
}, 120_000);

test('whoever is removed is out at once', async () => {
  await app.open('/settings/people');
  await button(`Remove ${invited.email}`).click();
  await expectReadable(page);
  await dialogButton('Remove').click();
  await expect.poll(() => page.getByText(invited.email).count()).toBe(0);
  await reader.page.goto(`${app.url}/models`);
  await heading('Sign in to Millrace', reader.page).waitFor();
  expect(reader.complaints.filter((text) => !isRefusal(text))).toEqual([]);
}, 60_000);

test('five wrong passwords lock the sign-in, and the page says for how long', async () => {
  const { page: theirs } = reader;
  await theirs.goto(`${app.url}/sign-in`);
  for (let no = 1; no <= 5; no++) {
    await signIn(theirs, owner.email, `wrong password ${no}`);
    await theirs.getByText('The e-mail address or the password is wrong.').waitFor();
  }
  // Even the right one is not looked at now.
  await signIn(theirs, owner.email, 'a password that is new');
  await theirs.getByText(/Too many attempts failed; try again in \d+ seconds/).waitFor();
  await expectReadable(theirs);
}, 60_000);

async function signIn(on: Page, email: string, password: string): Promise<void> {
  await on.getByLabel('E-mail').fill(email);
  await on.locator('input[name=password]').fill(password);
  await Promise.all([on.waitForResponse(/\/app\/sign-in$/), button('Sign in', on).click()]);
}

/** Browsers write each answer of 4xx to the console; those here are asked for. */
function isRefusal(text: string): boolean {
  return /Failed to load resource: the server responded with a status of 4\d\d/.test(text);
}
