/**
 * The web app in a real browser, against the real program. In: a workspace file, and tables for a warehouse. Out: a page of
 * a person who is signed in, and steps that tests have in common.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { inDuckdb, programIn, type Started, until } from '../../src/cli/cli.test-support.ts';
import type { Database } from '../../src/db/db.ts';
import { type OpenPage, openPage } from '../chromium.ts';
import { testDatabase, testDatabaseUrl } from '../database.ts';

export interface App extends AsyncDisposable {
  readonly db: Database;
  readonly page: Page;
  readonly browser: OpenPage;
  /** Where the workspace file and the warehouse (`shop.duckdb`) lie. */
  readonly folder: string;
  /** Of the server: `http://127.0.0.1:…`. */
  readonly url: string;
  readonly server: Started;
  /** Runs a command line of the program on the same database. */
  readonly run: ReturnType<typeof programIn>;
  /** Goes to a path of the app. */
  open(path: string): Promise<void>;
  /** Nothing serious for people who use a keyboard or a screen reader. */
  expectAccessible(): Promise<void>;
  /** What axe finds that is serious. */
  axe(): Promise<readonly string[]>;
}

export const owner = { name: 'Jane', email: 'jane@example.com', password: 'correct horse battery' };

interface Setup {
  /** YAML, of the folder that the warehouse is in. Default: one space, `main`. */
  readonly workspace?: string | ((folder: string) => string);
  /** What is made in `shop.duckdb`. */
  readonly sql?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether the first person signs in (default), or the first link is left untouched. */
  readonly signIn?: boolean;
}

export async function startApp({
  workspace = 'spaces: { main: {} }\n',
  sql = `CREATE TABLE customers AS SELECT 'c-' || i AS id, 'u' || i || '@example.com' AS email, 'pro' AS plan FROM range(500) r(i)`,
  environment = {},
  signIn = true,
}: Setup = {}): Promise<App & { readonly link: string }> {
  const db = await testDatabase();
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-web-'));
  await inDuckdb(path.join(folder, 'shop.duckdb'), sql);
  const file = typeof workspace === 'string' ? workspace : workspace(folder);
  await writeFile(path.join(folder, 'workspace.yaml'), file);
  const run = programIn(folder, {
    DATABASE_URL: testDatabaseUrl(db),
    MILLRACE_DATA_FOLDER: path.join(folder, 'data'),
    MILLRACE_SOURCE_FOLDERS: folder,
    MILLRACE_PORT: '0',
    MILLRACE_LOG_FORMAT: 'json',
    ...environment,
  });
  const applied = await run(['apply', 'workspace.yaml', '--yes']).ended;
  expect(applied.code, applied.stderr).toBe(0);
  const server = run(['start', '--json']);
  await until(() => server.stdout().includes('firstLink'));
  const link = /"firstLink": "([^"]+)"/.exec(server.stdout())?.[1] as string;
  const url = new URL(link).origin;
  const browser = await openPage();
  const { page } = browser;
  page.setDefaultTimeout(20_000);
  // What is looked at stands still.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  if (signIn) {
    await page.goto(link);
    await page.getByLabel('Name').fill(owner.name);
    await page.getByLabel('E-mail').fill(owner.email);
    await page.locator('input[name=password]').fill(owner.password);
    await page.getByRole('button', { name: 'Create my account' }).click();
    await page.getByRole('heading', { name: 'Overview', exact: true }).waitFor();
  }
  return {
    ...{ db, page, browser, folder, url, server, run, link },
    open: async (to) => void (await page.goto(new URL(to, url).href)),
    axe: () => axe(page),
    expectAccessible: () => expectAccessible(page),
    async [Symbol.asyncDispose]() {
      await browser[Symbol.asyncDispose]();
      server.child.kill('SIGTERM');
      await server.ended;
      await db.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Nothing serious for people who use a keyboard or a screen reader. */
export async function expectAccessible(page: Page): Promise<void> {
  expect(await axe(page)).toEqual([]);
}

async function axe(page: Page): Promise<readonly string[]> {
  const { violations } = await new AxeBuilder({ page: page as never }).setLegacyMode().analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`);
}
