/** The real program sends to another server: the workspace file and the environment say where. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { testDatabase, testDatabaseUrl } from '../../test/database.ts';
import { openFakeEndpoint } from '../../test/fake-endpoint.ts';
import { inDuckdb, programIn } from './cli.test-support.ts';

const workspace = (settings: string) => `
sources:
  shop: { engine: duckdb, path: ./shop.duckdb }
models:
  customers: { source: shop, identifier: id, query: SELECT id FROM customers }
destinations:
  profiles: { source: shop, settings: ${settings} }
mappings:
  customers-identify:
    destination: profiles
    model: customers
    action: sendIdentify
    fields: { engage_space: their-key, user_id: { '@path': $.__segment_id } }
`;

test('a custom endpoint and a vendor region are planned, synced and reported', async () => {
  await using fake = await openFakeEndpoint();
  await using db = await testDatabase();
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-cli-'));
  try {
    await inDuckdb(path.join(folder, 'shop.duckdb'), 'CREATE TABLE customers AS SELECT i AS id FROM range(25) t (i)');
    const start = programIn(folder, {
      DATABASE_URL: testDatabaseUrl(db),
      MILLRACE_DATA_FOLDER: path.join(folder, 'data'),
      MILLRACE_TRACKING_URL_EUROPE: fake.url,
      PAPI: 'token',
    });
    const run = (...words: string[]) => start(words).ended;
    const apply = async (settings: string) => {
      await writeFile(path.join(folder, 'shop.yaml'), workspace(settings));
      expect(await run('apply', 'shop.yaml', '--yes')).toMatchObject({ code: 0 });
    };
    await apply(`{ endpoint: custom, tracking_url: "${fake.url}" }`);
    const plan = await run('sync', 'plan', 'customers-identify');
    expect(plan.stdout).toContain('known to the server of the endpoint only');
    expect(JSON.parse((await run('sync', 'plan', 'customers-identify', '--json')).stdout)).toMatchObject({
      counts: { delivered: 25 },
      effects: null,
    });
    expect(fake.arrived).toEqual([]);
    const sync = await run('sync', 'run', 'customers-identify');
    expect(sync).toMatchObject({ code: 0, stdout: expect.stringContaining('none on the profiles of this server') });
    expect(fake.accepted).toHaveLength(25);
    expect(fake.arrived[0]?.writeKey).toBe('their-key');

    await apply('{ endpoint: europe, segment_papi_token: $' + '{PAPI} }');
    await inDuckdb(path.join(folder, 'shop.duckdb'), 'INSERT INTO customers VALUES (100)');
    expect(await run('sync', 'run', 'customers-identify')).toMatchObject({ code: 0 });
    expect(fake.accepted.at(-1)?.message).toMatchObject({ userId: '100' });
    expect(fake.accepted).toHaveLength(26);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
