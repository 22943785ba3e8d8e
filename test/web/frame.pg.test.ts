/**
 * What surrounds the pages, by keyboard and in a narrow window: a visitor whom nobody knows, the way past the menu, and the
 * menu that closes and gives the focus to the page.
 */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type App, owner, startApp } from './app.test-support.ts';

let app: App & { readonly link: string };
let page: Page;

beforeAll(async () => {
  app = await startApp({ signIn: false });
  page = app.page;
});

afterAll(() => app[Symbol.asyncDispose]());

const heading = (name: string) => page.getByRole('heading', { name, exact: true });
const menu = () => page.getByRole('navigation', { name: 'Main' });
const burger = () => page.getByRole('button', { name: 'Show the way around' });
/** As text: it is compiled where there is no document. */
const focused = () =>
  page.evaluate(`(({ id, localName, textContent }) => id || localName + ': ' + textContent)(document.activeElement)`);

test('a visitor is asked to sign in, and the browser complains of nothing', async () => {
  await app.open('/models');
  await heading('Sign in to Millrace').waitFor();
  await page.waitForLoadState('networkidle');
  expect(app.browser.sent.some(({ url }) => url.pathname === '/app/me')).toBe(true);
  expect(app.browser.complaints).toEqual([]);
});

test('the first stop of the keyboard leads past the menu', async () => {
  await page.goto(app.link);
  await page.getByLabel('Name').fill(owner.name);
  await page.getByLabel('E-mail').fill(owner.email);
  await page.locator('input[name=password]').fill(owner.password);
  await page.getByRole('button', { name: 'Create my account' }).click();
  await heading('Overview').waitFor();
  await app.open('/sources');
  await heading('Sources').waitFor();
  const skip = page.getByRole('button', { name: 'Skip to the page' });
  expect((await skip.boundingBox())?.y).toBeLessThan(0);
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('button: Skip to the page');
  expect((await skip.boundingBox())?.y).toBeGreaterThanOrEqual(0);
  await app.expectAccessible();
  await page.keyboard.press('Enter');
  expect(await focused()).toBe('main');
  await page.keyboard.press('Tab');
  expect(await page.evaluate(`document.activeElement.closest('main')?.id`)).toBe('main');
});

test('in a narrow window the menu closes once something is chosen, and the page has the focus', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await app.open('/');
  await heading('Overview').waitFor();
  // Closed, it is nothing that a keyboard or a reader of screens comes upon.
  await menu().waitFor({ state: 'detached' });
  await burger().press('Enter');
  await menu().waitFor();
  await app.expectAccessible();
  await menu().getByRole('link', { name: 'Models', exact: true }).press('Enter');
  await heading('Models').waitFor();
  await menu().waitFor({ state: 'detached' });
  await expect.poll(focused).toBe('h1: Models');
  // The page one is on already.
  await burger().click();
  await menu().getByRole('link', { name: 'Models', exact: true }).click();
  await menu().waitFor({ state: 'detached' });
  await expect.poll(focused).toBe('main');
});

test('in a wide window the menu stays, and the page has the focus', async () => {
  await page.setViewportSize({ width: 1280, height: 820 });
  await menu().getByRole('link', { name: 'Spaces', exact: true }).click();
  await heading('Spaces').waitFor();
  await expect.poll(focused).toBe('h1: Spaces');
  await menu().waitFor();
  expect(app.browser.complaints).toEqual([]);
});
