/** The demo, as the real program: what may be done in its web app. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { programIn, until } from '../cli.test-support.ts';

test('a DuckDB source made over HTTP may read the files of the sample warehouse, and nothing else of the demo', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-demo-'));
  // The account that runs Postgres has to get through.
  await chmod(folder, 0o755);
  const run = programIn(folder, { MILLRACE_DATA_FOLDER: folder, MILLRACE_PORT: '0', MILLRACE_SOURCE_FOLDERS: '/' });
  const server = run(['demo', '--rows', '100']);
  try {
    await until(() => server.stdout().includes('Serving at ') || server.child.exitCode !== null);
    const url = /Serving at (\S+)/.exec(server.stdout())?.[1];
    expect(url, server.stderr()).toBeDefined();
    const demo = path.join(folder, 'demo');
    const token = await run(['--data-folder', demo, 'token', 'create', '--workspace', 'sources', '--json']).ended;
    expect(token.code, token.stderr).toBe(0);
    const { secret } = JSON.parse(token.stdout) as { secret: string };
    const make = async (slug: string, file: string) => {
      const body = { slug, enabled: true, metadataId: await duckdbId(), settings: { path: file } };
      const answer = await fetch(`${url}/public-api/sources`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status: answer.status, text: await answer.text() };
    };
    const duckdbId = async () => {
      const headers = { authorization: `Bearer ${secret}` };
      const answer = await fetch(`${url}/public-api/catalog/sources?pagination[count]=200`, { headers });
      const { data } = (await answer.json()) as { data: { sourcesCatalog: { id: string; slug: string }[] } };
      return data.sourcesCatalog.find(({ slug }) => slug === 'duckdb')?.id;
    };
    const warehouses = path.join(demo, 'warehouse');
    expect(await make('mine', path.join(warehouses, 'shop.duckdb'))).toMatchObject({ status: 201 });
    for (const other of [path.join(demo, 'shop.yaml'), path.join(warehouses, '../secret.key'), '/etc/passwd']) {
      const { status, text } = await make('others', other);
      expect([status, text]).toEqual([422, expect.stringContaining(`may read: ${warehouses}.`)]);
    }
  } finally {
    server.child.kill('SIGTERM');
    await server.ended;
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);
