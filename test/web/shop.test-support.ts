/**
 * A shop, for tests that need something to look at. In: how many customers, and which mappings have run. Out: the app with a
 * warehouse, a model of its customers, a destination with two mappings into `main`, an empty space and a website that sends.
 * Each call makes all of it anew. Also: other people who come in, and what the Public API tells somebody who is signed in.
 */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { type OpenPage, openPage } from '../chromium.ts';
import { type App, startApp } from './app.test-support.ts';

const workspace = `
spaces: { main: { subscription_groups: [digest] }, other: {} }
event_streams:
  website: { spaces: [main] }
sources:
  shop: { engine: duckdb, path: ./shop.duckdb }
models:
  customers: { source: shop, identifier: id, query: 'SELECT * FROM customers' }
destinations:
  profiles: { source: shop, settings: { endpoint: local } }
mappings:
  customers-identify:
    destination: profiles
    model: customers
    action: sendIdentify
    fields:
      engage_space: main
      user_id: { '@path': $.properties.uid }
      traits:
        email: { '@path': $.properties.email }
        name: { '@path': $.properties.name }
        plan: { '@path': $.properties.plan }
        a_trait_with_a_rather_long_name: { '@path': $.properties.plan }
  customers-group:
    destination: profiles
    model: customers
    action: sendGroup
    fields:
      engage_space: main
      user_id: { '@path': $.properties.uid }
      group_id: { '@path': $.properties.company }
      traits: { name: { '@path': $.properties.company_name } }
`;

interface Shop {
  readonly customers?: number;
  /** The first so many have no user id, and one more has no identifier. */
  readonly faulty?: number;
  /** Mappings that have run once. */
  readonly synced?: readonly ('customers-identify' | 'customers-group')[];
}

/** Customer `c-7` is Person 7 of Acme Ltd, `u7@example.com`, on the plan `pro`. */
export async function startShop({ customers = 100, faulty = 0, synced = [] }: Shop = {}): Promise<App> {
  const sql = `CREATE TABLE customers AS
    SELECT 'c-' || i AS id, CASE WHEN i >= ${faulty} THEN 'c-' || i END AS uid, 'u' || i || '@example.com' AS email,
      'Person ' || i AS name, 'pro' AS plan, 'acme' AS company, 'Acme Ltd' AS company_name
    FROM range(${customers}) r(i);
    ${faulty > 0 ? `INSERT INTO customers (uid, email) VALUES ('x', 'nobody@example.com')` : ''}`;
  const app = await startApp({ workspace, sql });
  for (const mapping of synced) {
    const { code, stderr } = await app.run(['sync', 'run', mapping]).ended;
    expect(code, stderr).toBe(0);
  }
  return app;
}

/** What the Public API has under a path, for whoever is signed in on the page. */
export async function ask<T>(page: Page, to: string): Promise<T> {
  const data = await page.evaluate(
    async (url) => ((await (await fetch(url)).json()) as { data: unknown }).data,
    `/public-api${to}`,
  );
  return data as T;
}

/** Where the form of a mapping is, and what it hangs on. */
export async function mappingOf({ page }: App, name = 'customers-identify') {
  const { destinations } = await ask<{ destinations: { id: string }[] }>(page, '/destinations');
  const destination = destinations[0]?.id as string;
  const all = `/destinations/${destination}/subscriptions`;
  const { subscriptions } = await ask<{ subscriptions: { id: string; name: string }[] }>(page, all);
  const mapping = subscriptions.find((one) => one.name === name)?.id as string;
  return { destination, mapping, path: `/destinations/${destination}/mappings/${mapping}` };
}

/** Somebody else, in a browser of their own: invited with one role, everywhere. */
export async function comeIn(app: App, role: string): Promise<OpenPage> {
  const browser = await openPage();
  const { page } = browser;
  page.setDefaultTimeout(20_000);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const path = await app.page.evaluate(
    async ([email, roleId]) => {
      const me = (await (await fetch('/app/me')).json()) as { data: { csrfToken: string } };
      const permissions = [{ roleId, resources: [{ type: 'WORKSPACE' }] }];
      const made = await fetch('/public-api/invites', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-csrf-token': me.data.csrfToken },
        body: JSON.stringify({ invites: [{ email, permissions }] }),
      });
      return ((await made.json()) as { data: { links: { path: string }[] } }).data.links[0]?.path as string;
    },
    [`${role}@example.com`, role] as const,
  );
  await page.goto(new URL(path, app.url).href);
  await page.getByLabel('Name').fill(role);
  await page.locator('input[name=password]').fill('a password of theirs');
  await page.getByRole('button', { name: 'Create my account' }).click();
  await page.getByRole('heading', { name: 'Overview', exact: true }).waitFor();
  return browser;
}
