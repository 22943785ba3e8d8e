/** Signing in: links, passwords, cookies, CSRF, lock-out, sessions. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  changeGrant,
  commandLine,
  createPasswords,
  invitePerson,
  makeFirstLink,
  readAudit,
  removePerson,
  resetPassword,
} from '../../workspace/workspace.ts';
import { type AppServer, openAppServer, owner, password, quickParameters } from './app.test-support.ts';

const hour = 3_600_000;
const day = 24 * hour;

let server: AppServer;
beforeAll(async () => {
  server = await openAppServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const errorsOf = (json: { errors: { type: string; field?: string }[] }) =>
  json.errors.map(({ type, field }) => [type, field]);

describe('the first link', () => {
  test('makes an owner, once; others of it are good no more', async () => {
    await using fresh = await openAppServer();
    const links = [await makeFirstLink(fresh.db, fresh.clock.now()), await makeFirstLink(fresh.db, fresh.clock.now())];
    const [first, second] = links.map((link) => `/app/links/${link?.secret}`) as [string, string];
    const browser = fresh.browser();
    expect((await browser.call('GET', first)).json.data.link).toMatchObject({ email: null, asksForEmail: true });
    const without = await browser.call('POST', first, { body: { name: 'Ana', password } });
    expect([without.status, errorsOf(without.json)]).toEqual([422, [['input-validation', 'email']]]);
    const bad = await browser.call('POST', first, { body: { name: 'Ana', password, email: 'ana' } });
    expect([bad.status, errorsOf(bad.json)]).toEqual([422, [['input-validation', 'email']]]);
    const body = { name: 'Ana', password, email: 'Ana@example.org' };
    const made = await browser.call('POST', first, { body });
    expect(made.json.data).toMatchObject({
      person: { email: 'Ana@example.org', name: 'Ana' },
      grant: { role: 'owner' },
      workspace: { name: 'Workspace' },
    });
    expect((await browser.call('GET', '/app/me')).json.data).toEqual(made.json.data);
    for (const link of [first, second]) {
      expect((await fresh.browser().call('GET', link)).status).toBe(404);
      const again = await fresh.browser().call('POST', link, { body: { ...body, email: 'eve@example.org' } });
      expect(again.status).toBe(404);
    }
    expect(await makeFirstLink(fresh.db, fresh.clock.now())).toBeNull();
    const { rows } = await fresh.db.pool.query('SELECT email, role FROM people');
    expect(rows).toEqual([{ email: 'Ana@example.org', role: 'owner' }]);
  });

  test('followed by two at once lets in one', async () => {
    await using fresh = await openAppServer();
    const link = await makeFirstLink(fresh.db, fresh.clock.now());
    const answers = await Promise.all(
      ['ana', 'eve'].map((name) =>
        fresh
          .browser(name === 'ana' ? fresh.app : fresh.other)
          .call('POST', `/app/links/${link?.secret}`, { body: { name, password, email: `${name}@example.org` } }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404]);
  });
});

describe('links', () => {
  test('end after a day, and when another is made', async () => {
    const { db, clock } = server;
    const { secret: old } = await invitePerson(db, commandLine, { email: 'late@example.org', ...owner }, clock.now());
    const { secret: newer } = await resetPassword(db, commandLine, 'late@example.org', clock.now());
    const browser = server.browser();
    expect((await browser.call('GET', `/app/links/${old}`)).status).toBe(404);
    expect((await browser.call('GET', `/app/links/${newer}`)).json.data.link.email).toBe('late@example.org');
    clock.pass(day);
    expect((await browser.call('GET', `/app/links/${newer}`)).status).toBe(404);
    const answer = await browser.call('POST', `/app/links/${newer}`, { body: { name: 'L', password } });
    expect([answer.status, browser.cookies.size]).toEqual([404, 0]);
  });

  test('say every fault at its field, and stay good', async () => {
    const { db, clock } = server;
    const invited = await invitePerson(db, commandLine, { email: 'faulty@example.org', ...owner }, clock.now());
    const browser = server.browser();
    const set = (body: object) => browser.call('POST', `/app/links/${invited.secret}`, { body });
    const short = await set({ name: ' ', password: 'short' });
    expect(short.status).toBe(422);
    expect(errorsOf(short.json)).toContainEqual(['input-validation', 'name']);
    for (const weak of ['short', 'aaaaaaaaaaaaaaaa', 'FAULTY@example.org', 'ab'.repeat(200)]) {
      expect(errorsOf((await set({ name: 'F', password: weak })).json)).toEqual([['input-validation', 'password']]);
    }
    expect((await set({ name: 'F', password })).status).toBe(200);
    expect((await server.browser().signIn('faulty@example.org')).status).toBe(200);
  });

  test('nothing of a secret or a password is stored', async () => {
    await server.person('stored@example.org');
    const tables = ['people', 'person_links', 'person_sessions'];
    const texts = tables.map((table) => server.db.pool.query(`SELECT t::text FROM ${table} t`));
    const all = (await Promise.all(texts)).flatMap(({ rows }) => rows.map(({ t }) => t as string)).join('\n');
    expect(all).toContain('stored@example.org');
    expect(all).toContain('scrypt$8$8$1$');
    expect(all).not.toMatch(/correct horse|mrs_|mrl_/);
  });
});

describe('the cookie', () => {
  test('is httpOnly, of this site only, for all paths; Secure with a prefixed name over https', async () => {
    await server.person('cookie@example.org');
    const plain = (await server.browser().signIn('cookie@example.org')).headers['set-cookie'];
    expect(plain).toMatch(/^millrace_session=mrs_[\w-]{43}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Strict$/);
    await using proxied = await openAppServer({ trustProxy: true });
    const browser = await proxied.person('cookie@example.org');
    const https = { 'x-forwarded-proto': 'https' };
    const secure = await proxied.browser().signIn('cookie@example.org', password, { headers: https });
    expect(secure.headers['set-cookie']).toMatch(/^__Host-millrace_session=mrs_.*; HttpOnly; Secure; SameSite=Strict$/);
    // Over https, one that was set over http is none.
    expect((await browser.call('GET', '/app/me')).status).toBe(200);
    expect((await browser.call('GET', '/app/me', { headers: https })).json.data).toEqual({ person: null });
    // Who is not a trusted proxy cannot claim https.
    const claimed = await server.browser().signIn('cookie@example.org', password, { headers: https });
    expect(claimed.headers['set-cookie']).toMatch(/^millrace_session=/);
  });

  test('without one, a page of this server is told that nobody is signed in, and nothing else is answered', async () => {
    const visitor = server.browser();
    const asked = await visitor.call('GET', '/app/me');
    expect([asked.status, asked.json]).toEqual([200, { data: { person: null } }]);
    expect(asked.headers['set-cookie']).toBeUndefined();
    const elsewhere = await visitor.call('GET', '/app/me', { headers: { origin: 'https://evil.example' } });
    expect(elsewhere.status).toBe(401);
    for (const url of ['/app/sessions', '/public-api/', '/public-api/sources']) {
      expect([url, (await visitor.call('GET', url)).status]).toEqual([url, 401]);
    }
    for (const url of ['/app/name', '/app/password', '/app/sign-out']) {
      expect([url, (await visitor.call('POST', url, { body: {} })).status]).toEqual([url, 401]);
    }
  });

  test('one that somebody planted is not used, and one that was there before ends', async () => {
    const ana = await server.person('fixed@example.org');
    const before = ana.cookies.get('millrace_session') as string;
    const planted = server.browser();
    planted.cookies.set('millrace_session', `mrs_${'A'.repeat(43)}`);
    expect((await planted.call('GET', '/app/me')).status).toBe(401);
    await planted.signIn('fixed@example.org');
    expect(planted.cookies.get('millrace_session')).not.toBe(`mrs_${'A'.repeat(43)}`);
    await ana.signIn('fixed@example.org');
    const old = server.browser();
    old.cookies.set('millrace_session', before);
    expect((await old.call('GET', '/app/me')).status).toBe(401);
    expect((await ana.call('GET', '/app/me')).status).toBe(200);
  });
});

describe('requests from other pages', () => {
  test('without the CSRF token, or with another, nothing changes', async () => {
    const ana = await server.person('csrf@example.org');
    const other = await server.person('csrf2@example.org');
    const tries = [{ csrf: false }, { csrf: false, headers: { 'x-csrf-token': other.csrfToken as string } }];
    for (const options of [...tries, { csrf: false, headers: { 'x-csrf-token': '' } }]) {
      for (const [method, url] of [
        ['POST', '/app/sign-out'],
        ['POST', '/app/password'],
        ['DELETE', '/app/sessions'],
        ['POST', '/public-api/sources'],
        ['POST', '/v1/spaces/shop/collections/users/profiles/user_id:u1/external_ids/delete'],
      ] as const) {
        const { status } = await ana.call(method, url, options);
        expect([url, status]).toEqual([url, 403]);
      }
    }
    expect((await ana.call('GET', '/app/me', { csrf: false })).status).toBe(200);
    expect((await ana.call('POST', '/app/sign-out')).status).toBe(200);
  });

  test.each([
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ origin: 'http://millrace.test:81' }, 403],
    [{ 'sec-fetch-site': 'cross-site' }, 403],
    [{ 'sec-fetch-site': 'same-site', origin: 'http://millrace.test' }, 403],
    [{ 'sec-fetch-site': 'none', origin: 'https://evil.example' }, 403],
    [{ origin: 'http://millrace.test' }, 200],
    [{ origin: 'https://app.example', 'sec-fetch-site': 'same-origin' }, 200],
    [{}, 200],
  ])('%j: %i', async (headers, expected) => {
    const email = `origin${Object.values(headers).join('').length}${expected}@example.org`;
    const ana = await server.person(email);
    expect((await ana.call('GET', '/app/me', { headers })).status).toBe(expected);
    expect((await ana.call('GET', '/public-api/', { headers })).status).toBe(expected);
    expect((await server.browser().signIn(email, password, { headers })).status).toBe(expected);
    await removePerson(server.db, commandLine, email);
  });

  test('the public URL is an origin of its own', async () => {
    await using named = await openAppServer({ publicUrl: 'https://app.example/' });
    const ana = await named.person('ana@example.org');
    expect((await ana.call('GET', '/app/me', { headers: { origin: 'https://app.example' } })).status).toBe(200);
  });

  test('a form cannot sign anybody in, and no answer is for other origins', async () => {
    const answer = await server.app.inject({
      method: 'POST',
      url: '/app/sign-in',
      headers: { 'content-type': 'text/plain', origin: 'http://localhost:80' },
      payload: '{"email":"a@example.org","password":"x"}',
    });
    expect(answer.statusCode).toBe(415);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    const preflight = await server.app.inject({ method: 'OPTIONS', url: '/app/sign-in' });
    expect([preflight.statusCode, preflight.json().errors[0].type]).toEqual([405, 'method-not-allowed']);
  });
});

describe('lock-out', () => {
  test('holds in all processes, for known and unknown addresses alike, and grows', async () => {
    await server.person('locked@example.org');
    const bodies: string[][] = [];
    for (const email of ['locked@example.org', 'Nobody@example.org']) {
      const seen: string[] = [];
      for (let no = 0; no < 5; no++) {
        const app = no % 2 === 0 ? server.app : server.other;
        const answer = await server.browser(app).signIn(email, 'wrong', { address: `198.51.100.${no}` });
        seen.push(`${answer.status} ${answer.text}`);
      }
      for (const app of [server.app, server.other]) {
        const before = server.hashes();
        const right = await server.browser(app).signIn(email.toLowerCase(), password, { address: '198.51.100.9' });
        seen.push(`${right.status} ${right.text} ${right.headers['retry-after']} ${server.hashes() - before}`);
      }
      bodies.push(seen);
    }
    expect(bodies[0]).toEqual(bodies[1]);
    expect(bodies[0]?.[0]).toMatch(/^401 .*address or the password is wrong/);
    expect(bodies[0]?.[5]).toMatch(/^429 .*too-many-requests.* 30 0$/);
    server.clock.pass(30_000);
    expect((await server.browser().signIn('locked@example.org', 'wrong')).status).toBe(401);
    expect((await server.browser().signIn('locked@example.org')).headers['retry-after']).toBe('60');
    server.clock.pass(60_000);
    expect((await server.browser().signIn('locked@example.org')).status).toBe(200);
    expect((await server.browser().signIn('locked@example.org', 'wrong')).status).toBe(401);
    expect((await server.browser().signIn('locked@example.org')).status).toBe(200);
  });

  test('attempts at the same moment are counted together', async () => {
    await server.person('burst@example.org');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, no) =>
        server
          .browser(no % 2 === 0 ? server.app : server.other)
          .signIn('burst@example.org', 'wrong', { address: `198.51.100.${no + 20}` }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(5);
    expect(statuses.filter((status) => status === 429)).toHaveLength(15);
  });

  test('an address that tries many people waits too, its IPv6 network as a whole', async () => {
    for (let no = 0; no < 20; no++) {
      const options = { address: `2001:db8:1:2::${no.toString(16)}` };
      expect((await server.browser().signIn(`guess${no}@example.org`, 'wrong', options)).status).toBe(401);
    }
    const address = '2001:db8:1:2:ffff::1';
    expect((await server.browser().signIn('guess99@example.org', 'wrong', { address })).status).toBe(429);
    const elsewhere = { address: '2001:db8:1:3::1' };
    expect((await server.browser().signIn('guess99@example.org', 'wrong', elsewhere)).status).toBe(401);
  });

  test('an address nobody has, and one without a password, cost a hash as others do', async () => {
    const { db, clock } = server;
    await server.person('equal@example.org');
    await invitePerson(db, commandLine, { email: 'pending@example.org', ...owner }, clock.now());
    const emails = ['equal@example.org', 'pending@example.org', 'none@example.org', 'no address'];
    const texts = new Set<string>();
    for (const email of emails) {
      const before = server.hashes();
      const answer = await server.browser().signIn(email, 'wrong', { address: '203.0.113.7' });
      expect([email, answer.status, server.hashes() - before]).toEqual([email, 401, 1]);
      texts.add(answer.text);
    }
    expect(texts.size).toBe(1);
  });
});

describe('passwords', () => {
  test('are changed by who knows the present one; the other sessions end', async () => {
    const ana = await server.person('change@example.org');
    const phone = server.browser();
    await phone.signIn('change@example.org');
    const change = (currentPassword: string, newPassword: string) =>
      ana.call('POST', '/app/password', { body: { currentPassword, newPassword } });
    expect(errorsOf((await change('wrong', 'another good password')).json)).toEqual([
      ['input-validation', 'currentPassword'],
    ]);
    expect(errorsOf((await change(password, 'short')).json)).toEqual([['input-validation', 'newPassword']]);
    expect((await phone.call('GET', '/app/me')).status).toBe(200);
    expect((await change(password, 'another good password')).status).toBe(200);
    expect((await phone.call('GET', '/app/me')).status).toBe(401);
    expect((await ana.call('GET', '/app/me')).status).toBe(200);
    expect((await server.browser().signIn('change@example.org')).status).toBe(401);
    expect((await server.browser().signIn('change@example.org', 'another good password')).status).toBe(200);
  });

  test('a reset voids the password and ends the sessions at once', async () => {
    const ana = await server.person('reset@example.org');
    const reset = await resetPassword(server.db, commandLine, 'reset@example.org', server.clock.now());
    expect((await ana.call('GET', '/app/me')).status).toBe(401);
    expect((await server.browser().signIn('reset@example.org')).status).toBe(401);
    const body = { name: 'Ana', password: 'a password for later' };
    expect((await ana.call('POST', `/app/links/${reset.secret}`, { body })).status).toBe(200);
    expect((await server.browser().signIn('reset@example.org', body.password)).status).toBe(200);
  });

  test('hashed with other parameters are read, and renewed by signing in', async () => {
    await server.person('old@example.org');
    const old = await createPasswords({ ...quickParameters, logCost: 6 }).hash(password);
    await server.db.pool.query('UPDATE people SET password = $1 WHERE email = $2', [old, 'old@example.org']);
    expect((await server.browser().signIn('old@example.org')).status).toBe(200);
    const { rows } = await server.db.pool.query('SELECT password FROM people WHERE email = $1', ['old@example.org']);
    expect(rows[0].password).toMatch(/^scrypt\$8\$8\$1\$/);
    expect((await server.browser().signIn('old@example.org')).status).toBe(200);
  });
});

describe('sessions', () => {
  test('are listed with where they are from, and ended one by one or all others', async () => {
    const ana = await server.person('many@example.org');
    const phone = server.browser(server.other);
    await phone.signIn('many@example.org', password, { address: '198.51.100.77', headers: { 'user-agent': 'Phone' } });
    const { sessions } = (await ana.call('GET', '/app/sessions')).json.data;
    expect(sessions).toHaveLength(2);
    const other = sessions.find((session: { isCurrent: boolean }) => !session.isCurrent);
    expect(other).toMatchObject({ address: '198.51.100.77', userAgent: 'Phone' });
    const stranger = await server.person('stranger@example.org');
    expect((await stranger.call('DELETE', `/app/sessions/${other.id}`)).status).toBe(404);
    expect((await phone.call('GET', '/app/me')).status).toBe(200);
    expect((await ana.call('DELETE', `/app/sessions/${other.id}`)).status).toBe(200);
    expect((await phone.call('GET', '/app/me')).status).toBe(401);
    await phone.signIn('many@example.org');
    expect((await ana.call('DELETE', '/app/sessions')).status).toBe(200);
    expect((await phone.call('GET', '/public-api/')).status).toBe(401);
    expect((await ana.call('POST', '/app/sign-out')).status).toBe(200);
    expect(ana.cookies.size).toBe(0);
  });

  test('signing out ends it on the server too', async () => {
    const ana = await server.person('out@example.org');
    const kept = ana.cookies.get('millrace_session') as string;
    await ana.call('POST', '/app/sign-out');
    ana.cookies.set('millrace_session', kept);
    expect((await ana.call('GET', '/app/me')).status).toBe(401);
  });

  test('end after 7 days without a request, and after 30 days in any case', async () => {
    await using own = await openAppServer();
    const ana = await own.person('ana@example.org');
    for (let week = 0; week < 4; week++) {
      own.clock.pass(7 * day - hour);
      expect((await ana.call('GET', '/app/me')).status).toBe(200);
    }
    own.clock.pass(2 * day + 4 * hour);
    expect((await ana.call('GET', '/app/me')).status).toBe(401);
    await ana.signIn('ana@example.org');
    own.clock.pass(7 * day);
    expect((await ana.call('GET', '/app/me')).status).toBe(401);
  });

  test('a person who is removed is out at once, everywhere', async () => {
    const ana = await server.person('removed@example.org');
    const elsewhere = server.browser(server.other);
    await elsewhere.signIn('removed@example.org');
    await removePerson(server.db, commandLine, 'removed@example.org');
    expect((await ana.call('GET', '/app/me')).status).toBe(401);
    expect((await elsewhere.call('GET', '/public-api/')).status).toBe(401);
  });
});

describe('people', () => {
  test('the last owner stays while there are others', async () => {
    await using own = await openAppServer();
    await own.person('ana@example.org');
    const member = { role: 'member', permissions: [] } as const;
    await own.person('bo@example.org', member);
    await expect(removePerson(own.db, commandLine, 'ana@example.org')).rejects.toMatchObject({ code: 'last_owner' });
    await expect(changeGrant(own.db, commandLine, 'ana@example.org', member)).rejects.toMatchObject({
      code: 'last_owner',
    });
    await changeGrant(own.db, commandLine, 'bo@example.org', owner);
    await removePerson(own.db, commandLine, 'ana@example.org');
  });

  test('what is done with them is in the audit trail, without values', async () => {
    await using own = await openAppServer();
    await own.person('ana@example.org');
    const ana = own.browser();
    const next = 'another good long one';
    await ana.signIn('ana@example.org');
    await ana.call('DELETE', '/app/sessions');
    await ana.call('POST', '/app/password', { body: { currentPassword: password, newPassword: next } });
    expect((await ana.call('DELETE', '/app/sessions/none')).status).toBe(404);
    await own.browser().signIn('ana@example.org', next);
    const { sessions } = (await ana.call('GET', '/app/sessions')).json.data;
    const other = sessions.find(({ isCurrent }: { isCurrent: boolean }) => !isCurrent);
    await ana.call('DELETE', `/app/sessions/${other.id}`);
    await ana.call('POST', '/app/sign-out');
    await resetPassword(own.db, commandLine, 'ana@example.org', own.clock.now());
    const { events } = await readAudit(own.db.pool, {}, { offset: 0, count: 100 });
    expect(events.map(({ type, actorName }) => `${type} by ${actorName}`).reverse()).toEqual([
      'User Invited by command line',
      'User Password Set by ana@example.org',
      'User Signed In by ana@example.org',
      'User Sessions Ended by ana@example.org',
      'User Password Changed by ana@example.org',
      'User Signed In by ana@example.org',
      'User Sessions Ended by ana@example.org',
      'User Signed Out by ana@example.org',
      'User Password Reset by command line',
    ]);
    expect(JSON.stringify(events)).not.toMatch(/correct horse|another good|scrypt|mrl_/);
  });
});
