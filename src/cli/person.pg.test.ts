/** `millrace person`, and the link of a first start: the real program over a real database. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { testDatabase, testDatabaseUrl } from '../../test/database.ts';
import { addLabel, commandLine, findPerson, invitePerson } from '../workspace/workspace.ts';
import { documentedCommands, keyPaths, programIn, until } from './cli.test-support.ts';

test('the first link, an invitation, a reset and a removal, while a server runs', async () => {
  await using db = await testDatabase();
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-person-'));
  const start = programIn(folder, { DATABASE_URL: testDatabaseUrl(db), MILLRACE_DATA_FOLDER: folder });
  const run = (...words: string[]) => start(words).ended;
  const document = async (...words: string[]) => {
    const ended = await run(...words, '--json');
    expect(ended).toMatchObject({ code: 0 });
    return JSON.parse(ended.stdout);
  };
  const server = start(['start', '--port', '0', '--json']);
  try {
    await until(() => server.stdout().trimEnd().endsWith('}'));
    const { url, firstLink } = JSON.parse(server.stdout());
    expect(firstLink).toMatch(new RegExp(`^${url}/links/mrl_[\\w-]{43}$`));
    const secretOf = (link: string) => link.split('/').at(-1);
    const set = (link: string, body: object) =>
      fetch(`${url}/app/links/${secretOf(link)}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const password = 'a good long password';
    expect((await set(firstLink, { name: 'Ana', email: 'ana@example.org', password })).status).toBe(200);

    const invited = await document('person', 'invite', 'bo@example.org');
    expect(invited.person.roles).toEqual(['source-read-only', 'unify-and-engage-read-only']);
    const again = await run('person', 'invite', 'BO@example.org', '--role', 'source-admin');
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('person reset-password') });
    expect((await run('person', 'invite', 'c@example.org', '--role', 'king')).stderr).toContain('source-admin');
    const first = await set(invited.link, { name: 'Bo', password });
    const cookie = first.headers.get('set-cookie')?.split(';')[0] as string;
    const me = () => fetch(`${url}/app/me`, { headers: { cookie } });
    expect((await me()).status).toBe(200);

    const people = await document('person', 'list');
    expect(people.people.map(({ name }: { name: string }) => name)).toEqual(['Ana', 'Bo']);
    const reset = await document('person', 'reset-password', 'bo@example.org');
    expect((await me()).status).toBe(401);
    expect((await set(reset.link, { name: 'Bo', password })).status).toBe(200);

    expect((await run('person', 'remove', 'ana@example.org')).code).toBe(2);
    expect((await run('person', 'remove', 'ana@example.org', '--yes')).stderr).toContain('last owner');
    const removed = await document('person', 'remove', 'bo@example.org', '--yes');
    expect((await set(reset.link, { name: 'Bo', password })).status).toBe(404);

    const documented = documentedCommands();
    for (const [name, shown] of Object.entries({
      invite: invited,
      list: people,
      'reset-password': reset,
      remove: removed,
    })) {
      expect(keyPaths(shown)).toEqual(keyPaths(documented.get(`person ${name}`)?.example));
    }
    expect(`${server.stderr()}${(await run('person', 'list')).stdout}`).not.toMatch(/mrl_|mrs_|good long/);
  } finally {
    server.child.kill('SIGTERM');
    await server.ended;
    await rm(folder, { recursive: true });
  }
});

test('roles are changed, and hold at the sources of a label', async () => {
  await using db = await testDatabase();
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-person-'));
  const start = programIn(folder, { DATABASE_URL: testDatabaseUrl(db), MILLRACE_DATA_FOLDER: folder });
  const roles = (role: string) => start(['person', 'roles', 'bo@example.org', '--role', role, '--json']).ended;
  try {
    await invitePerson(db, commandLine, { email: 'bo@example.org', role: 'member', permissions: [] }, new Date());
    const changed = JSON.parse((await roles('unify-and-engage-read-only')).stdout);
    expect(keyPaths(changed)).toEqual(keyPaths(documentedCommands().get('person roles')?.example));
    expect(changed.person.roles).toEqual(['unify-and-engage-read-only']);
    const none = await roles('source-admin@label:team=web');
    expect(none).toMatchObject({ code: 2, stdout: expect.stringContaining('There is no label') });
    await addLabel(db, commandLine, { key: 'team', value: 'web', description: null });
    expect(await roles('source-admin@label:team=web')).toMatchObject({ code: 0 });
    expect((await findPerson(db.pool, 'bo@example.org')).permissions).toEqual([
      { role: 'source-admin', resources: [{ labels: [{ key: 'team', value: 'web' }] }] },
    ]);
    expect((await roles('source-admin@web')).stdout).toContain('ROLE@label:KEY=VALUE');
  } finally {
    await rm(folder, { recursive: true });
  }
});
