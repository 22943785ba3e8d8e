/** The commands of `docs/tracking-api.md`, run as they stand there, and what the page says they answer. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { testDatabaseUrl } from '../../../test/database.ts';
import { openTracking, type TrackingServer } from './tracking.test-support.ts';

const page = readFileSync(new URL('../../../docs/tracking-api.md', import.meta.url), 'utf8');
const commands = [...page.matchAll(/```sh\n([\s\S]*?)```\n```(?:json|text)\n([\s\S]*?)```/g)].map((match) => ({
  command: match[1] as string,
  answer: (match[2] as string).trimEnd(),
}));

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** What the program makes anew each time. */
const madeId = /o(?:ap|ak)_[0-9A-Za-z]{27}/g;

/** A folder with the program in it, which uses the database of the server. */
async function folderFor(server: TrackingServer): Promise<{ folder: string; env: NodeJS.ProcessEnv }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-page-'));
  const program = path.join(folder, 'millrace');
  const words = `"${process.execPath}" --import "${root}node_modules/tsx/dist/loader.mjs" "${root}src/cli/main.ts"`;
  await writeFile(program, `#!/bin/sh\nexec ${words} "$@"\n`);
  await chmod(program, 0o755);
  const own = {
    DATABASE_URL: testDatabaseUrl(server.db),
    MILLRACE_DATA_FOLDER: path.join(folder, 'data'),
    MILLRACE_PORT: new URL(server.url).port,
  };
  return { folder, env: { ...process.env, ...own, PATH: `${folder}:${process.env.PATH}` } };
}

test('every command of the page answers what the page says', async () => {
  expect(commands.length).toBe(page.match(/```sh\n/g)?.length);
  await using server = await openTracking();
  const { folder, env } = await folderFor(server);
  const ids = new Map<string, string>();
  const here = (text: string) =>
    text
      .replaceAll(/http:\/\/(localhost|127\.0\.0\.1):8765/g, server.url)
      .replaceAll('WRITE_KEY', server.stream.writeKey)
      .replaceAll(madeId, (id) => ids.get(id) ?? id);
  try {
    for (const { command, answer } of commands) {
      const { stdout } = await promisify(execFile)('sh', ['-c', here(command)], { cwd: folder, env });
      // An id that the page shows for the first time stands for the one that was just made.
      const made = stdout.match(madeId) ?? [];
      for (const [index, id] of (answer.match(madeId) ?? []).entries()) ids.set(id, ids.get(id) ?? made[index] ?? id);
      expect(stdout.trimEnd()).toBe(here(answer));
    }
    expect(ids.size).toBe(2);
  } finally {
    await rm(folder, { recursive: true });
  }
  const events = await server.events();
  expect(events.map(({ type, event, name }) => event ?? name ?? type)).toEqual([
    'Trial Started',
    'Pricing',
    'Signed Up',
    'Mail Opened',
    'Seat Added',
  ]);
  const { body } = await server.profile('users/profiles/user_id:c-501/traits');
  expect(body.traits).toEqual({ email: 'ana@example.org', plan: 'team' });
  const account = await server.profile('accounts/profiles/group_id:org-88/traits');
  expect(account.body.traits).toEqual({ name: 'Acme' });
});

test('the page names every code of a discard', async () => {
  const source = readFileSync(new URL('./validate.ts', import.meta.url), 'utf8');
  const codes = [...source.matchAll(/^ {2}\| '(\w+)'/gm)].map((match) => match[1] as string);
  expect(codes.length).toBeGreaterThan(20);
  const unnamed = codes.filter((code) => !code.startsWith('consent_') && !page.includes(`\`${code}\``));
  expect(unnamed).toEqual([]);
});
