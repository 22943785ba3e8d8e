/** The commands of `docs/tracking-api.md`, run as they stand there, and what the page says they answer. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { openTracking } from './tracking.test-support.ts';

const page = readFileSync(new URL('../../../docs/tracking-api.md', import.meta.url), 'utf8');
const commands = [...page.matchAll(/```sh\n([\s\S]*?)```\n```(?:json|text)\n([\s\S]*?)```/g)].map((match) => ({
  command: match[1] as string,
  answer: (match[2] as string).trim(),
}));

test('every command of the page answers what the page says', async () => {
  expect(commands.length).toBe(page.match(/```sh\n/g)?.length);
  await using server = await openTracking();
  for (const { command, answer } of commands) {
    const here = command
      .replaceAll('http://localhost:8765', server.url)
      .replaceAll('WRITE_KEY', server.stream.writeKey);
    const { stdout } = await promisify(execFile)('sh', ['-c', here]);
    expect(stdout.trim()).toBe(answer);
  }
  const events = await server.events();
  expect(events.map(({ type, event, name }) => event ?? name ?? type)).toEqual([
    'Trial Started',
    'Pricing',
    'Signed Up',
    'Mail Opened',
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
