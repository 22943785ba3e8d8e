/** The script of `docs/public-api.md`, taken from the page and run by Node against a server that listens. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { openPublicApi } from '../../src/api/public/public.test-support.ts';
import { emptyTestDatabase, testDatabaseUrl } from '../database.ts';

test('the script runs as it stands, in twenty lines or so', async () => {
  const page = await readFile('docs/public-api.md', 'utf8');
  const script = /```js\n([\s\S]*?)```/.exec(page)?.[1] as string;
  expect(script.trim().split('\n').length).toBeLessThanOrEqual(22);
  const warehouse = await emptyTestDatabase();
  await warehouse.pool.query('CREATE TABLE customers (id text, email text)');
  await warehouse.pool.query("INSERT INTO customers VALUES ('c-1', 'ada@example.org'), ('c-2', 'bo@example.org')");
  const { hostname, port, pathname, username, password } = new URL(testDatabaseUrl(warehouse));
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-script-'));
  const server = await openPublicApi();
  try {
    server.runSyncs();
    await writeFile(path.join(folder, 'job.mjs'), script);
    const env = {
      PATH: process.env.PATH,
      API: `${await server.app.listen({ port: 0, host: '127.0.0.1' })}/public-api`,
      TOKEN: server.token.secret,
      WAREHOUSE: JSON.stringify({
        hostname,
        port,
        database: pathname.slice(1),
        username,
        password,
        sslmode: 'disable',
      }),
    };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [path.join(folder, 'job.mjs')], { env });
    expect({ stdout, stderr }).toEqual({ stdout: 'SUCCESS 2\n', stderr: '' });
    expect((await server.profile('users/profiles/user_id:c-2/traits')).json.traits).toEqual({
      email: 'bo@example.org',
    });
  } finally {
    await server[Symbol.asyncDispose]();
    await warehouse.close();
    await rm(folder, { recursive: true, force: true });
  }
});
