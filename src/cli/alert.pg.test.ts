/** `millrace alert`, and alerts of running servers: the real program over a real database. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { testDatabase, testDatabaseUrl } from '../../test/database.ts';
import { listen } from '../alerts/alerts.test-support.ts';
import { documentedCommands, inDuckdb, keyPaths, programIn, until } from './cli.test-support.ts';

const file = `
spaces: { main: {} }
sources:
  shop: { engine: duckdb, path: ./shop.duckdb }
models:
  people: { source: shop, identifier: id, query: SELECT id FROM people }
destinations:
  profiles: { source: shop }
mappings:
  people-identify:
    destination: profiles
    model: people
    action: sendIdentify
    fields: { engage_space: main, user_id: { '@path': $.properties.id } }
alerts:
  nightly:
    on: [sync_failed]
    channels:
      - webhook: { url: \${HOOK}, secret: \${HOOK_SECRET} }
      - email: { to: [ops@example.com] }
`;

test('applied, tried, watched by two servers of which one is killed, and listed', async () => {
  await using db = await testDatabase();
  await using hook = await listen();
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-alert-'));
  const start = programIn(folder, {
    DATABASE_URL: testDatabaseUrl(db),
    MILLRACE_DATA_FOLDER: folder,
    HOOK: `${hook.url}/canary-path`,
    HOOK_SECRET: 'canary-secret',
  });
  const run = (...words: string[]) => start(words).ended;
  const output: string[] = [];
  try {
    expect((await run('alert', 'list')).stdout).toContain('There are no alerts.');
    await inDuckdb(path.join(folder, 'shop.duckdb'), `CREATE TABLE people AS SELECT 'jane-canary-row' AS id`);
    await writeFile(path.join(folder, 'shop.yaml'), file);
    const applied = await run('apply', 'shop.yaml', '--yes');
    expect(applied).toMatchObject({
      code: 0,

      stdout: expect.stringContaining('alert'),
    });
    output.push(applied.stdout);

    // The mail cannot go out: no server is configured.
    const tried = await run('alert', 'test', 'nightly');
    expect(tried.code).toBe(1);
    expect(tried.stdout).toMatch(/sent +webhook +It answered 200\.\nfailed +email +No mail server is configured/);
    expect(hook.received).toHaveLength(1);
    output.push(tried.stdout, tried.stderr);

    const servers = [0, 1].map(() => start(['start', '--port', '0']));
    await until(() => servers.every(({ stderr }) => stderr().includes('listening')));
    servers[0]?.child.kill('SIGKILL');
    await servers[0]?.ended;
    await inDuckdb(path.join(folder, 'shop.duckdb'), 'ALTER TABLE people RENAME COLUMN id TO other');
    const failed = await run('sync', 'run', 'people-identify');
    expect(failed.code).not.toBe(0);
    await until(() => hook.received.length === 2);
    expect(JSON.parse(hook.received[1]?.body ?? '')).toMatchObject({
      phase: 'opened',
      event: 'sync_failed',
      mapping: 'people-identify',
    });
    const listed = await run('alert', 'list');
    expect(listed.stdout).toContain('sync_failed of people-identify');
    const log = await run('alert', 'log', '--unread', '--mark-read');
    expect(log.stdout).toMatch(/opened {2}nightly\n {2}A sync of people-identify failed\./);
    expect(log.stdout).toContain('email: failed after 1 attempt. No mail server is configured');
    expect((await run('alert', 'log', '--unread')).stdout).toContain('There are no notices.');
    servers[1]?.child.kill('SIGTERM');
    const ended = await servers[1]?.ended;
    expect(ended?.code).toBe(0);
    output.push(listed.stdout, log.stdout, ended?.stdout ?? '', ended?.stderr ?? '');
    expect(output.join('')).not.toContain('canary');
    expect(hook.received.map(({ body }) => body).join()).not.toContain('canary');

    // The documents are as documented.
    const documented = documentedCommands();
    for (const words of ['alert list', 'alert log', 'alert test']) {
      const { stdout } = await run(...words.split(' '), ...(words === 'alert test' ? ['nightly'] : []), '--json');
      const known = new Set(keyPaths(documented.get(words)?.example));
      const counts = /\.counts\./;
      const shown = keyPaths(JSON.parse(stdout)).filter((key) => !counts.test(key));
      expect(
        shown.filter((key) => !known.has(key)),
        words,
      ).toEqual([]);
      expect(shown.length, words).toBeGreaterThan(3);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
