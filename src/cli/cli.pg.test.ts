/** The real program from end to end: each test is a person at the same workspace, so they build on each other. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase, testDatabaseUrl } from '../../test/database.ts';
import type { Database } from '../db/db.ts';
import { createRegulation, getRegulation } from '../privacy/privacy.ts';
import { createSpaceWriter, defaultSpaceSettings } from '../space/space.ts';
import { createSpace, findSpace } from '../workspace/workspace.ts';
import { documentedCommands, inDuckdb, keyPaths, programIn, type StartProgram, until } from './cli.test-support.ts';

const canary = 'canary-7d1f@example.com';
const red = '\u001b[31m';
const documented = documentedCommands();

let db: Database;
let folder: string;
let start: StartProgram;

const workspace = `
spaces: { main: {} }
sources:
  shop: { engine: duckdb, path: ./shop.duckdb }
models:
  customers:
    source: shop
    identifier: id
    query: SELECT id, email, name, company, code FROM customers
destinations:
  profiles: { source: shop }
mappings:
  customers-identify:
    destination: profiles
    model: customers
    action: sendIdentify
    records: [new, updated, deleted]
    fields:
      engage_space: main
      user_id: { '@path': $.__segment_id }
      group_id: { '@path': $.properties.company }
      traits:
        email: { '@path': $.properties.email }
        name: { '@path': $.properties.name }
    skip_nulls: [group_id]
  names-only:
    destination: profiles
    model: customers
    action: sendIdentify
    records: [new]
    fields:
      engage_space: main
      user_id: { '@path': $.properties.code }
      traits: { name: { '@path': $.properties.name } }
`;

beforeAll(async () => {
  db = await testDatabase();
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-cli-'));
  start = programIn(folder, {
    DATABASE_URL: testDatabaseUrl(db),
    MILLRACE_DATA_FOLDER: path.join(folder, 'data'),
    MILLRACE_PORT: '0',
    TZ: 'UTC',
  });
  await writeFile(path.join(folder, 'shop.yaml'), workspace);
  await inDuckdb(
    path.join(folder, 'shop.duckdb'),
    'CREATE TABLE customers (id VARCHAR, email VARCHAR, name VARCHAR, company VARCHAR, code VARCHAR)',
    `INSERT INTO customers SELECT 'c' || i, 'p' || i || '@example.com', 'Person ' || i, 'acme' || i % 5, 'x' || i
     FROM range(100) t (i)`,
    `UPDATE customers SET email = '${canary}', name = '日本${red}' WHERE id = 'c7'`,
    `UPDATE customers SET code = NULL WHERE id IN ('c1', 'c2', 'c3')`,
    `INSERT INTO customers VALUES (NULL, 'nobody@example.com', 'Nobody', NULL, 'x'), ('c9', 'twice@example.com', 'Twice', NULL, 'y')`,
  );
});

afterAll(async () => {
  await db.close();
  await rm(folder, { recursive: true, force: true });
});

const run = (...words: string[]) => start(words).ended;

/** Runs with `--json`; the document must have the keys that docs/cli.md shows for the command. */
async function json(...words: string[]) {
  const { code, stdout, stderr } = await run(...words, '--json');
  const document = JSON.parse(stdout);
  return { code, document, stderr };
}

/** @param free keys whose contents are those of the test, e.g. rows with other columns */
function expectDocumented(name: string, document: object, ...free: readonly string[]): void {
  const isFixed = (key: string) => !free.some((one) => key.startsWith(`${one}.`) || key.startsWith(`${one}[`));
  const example = keyPaths(documented.get(name)?.example).filter(isFixed);
  const given = keyPaths(document).filter(isFixed);
  expect(given).toEqual(expect.arrayContaining(example));
  const top = (keys: readonly string[]) => keys.filter((key) => !key.includes('.')).sort();
  expect(top(given)).toEqual(top(example));
}

describe('applying a file', () => {
  test('shows the plan and asks; where nobody can answer, nothing happens', async () => {
    const { code, stdout, stderr } = await run('apply', 'shop.yaml');
    expect(code).toBe(2);
    expect(stdout).toContain('+ create source      shop');
    expect(stdout).toContain('6 to create, 0 to change, 0 to remove, 0 unchanged.');
    expect(stderr).toContain('[not_confirmed]');
    expect(stderr).toContain('add --yes');
    expect((await db.pool.query('SELECT FROM sources')).rowCount).toBe(0);
  });

  test('refuses a query that no warehouse needs to be asked about', async () => {
    const query = 'query: SELECT id, email, name, company, code FROM customers';
    for (const [sql, message] of [
      ['SELECT 1 AS id; SELECT 2', 'second statement at 1:17'],
      ['DELETE FROM customers', 'this is DELETE'],
      ["SELECT 'a AS id", 'has no end'],
      ['"-- nothing"', 'no statement'],
    ] as const) {
      const faulty = workspace.replace(query, `query: ${sql}`);
      await writeFile(path.join(folder, 'faulty.yaml'), faulty);
      const { code, stderr } = await run('apply', 'faulty.yaml', '--yes');
      expect(code).toBe(2);
      expect(stderr).toContain(message);
      expect(stderr).toContain(`faulty.yaml:${faulty.slice(0, faulty.indexOf(`query: ${sql}`)).split('\n').length}`);
    }
    expect((await db.pool.query('SELECT FROM sources')).rowCount).toBe(0);
  });

  test('lists every fault with its line', async () => {
    const faulty = workspace
      .replace('engine: duckdb', 'engine: duckdb, port: 5')
      .replace('action: sendIdentify', 'action: sendIdentfy')
      .replace("'@path': $.properties.email", "'@pth': $.properties.email")
      .replace('identifier: id', 'identifer: id');
    await writeFile(path.join(folder, 'faulty.yaml'), faulty);
    const { code, stderr, stdout } = await run('apply', 'faulty.yaml', '--yes');
    const lineOf = (text: string) => faulty.slice(0, faulty.indexOf(text)).split('\n').length;
    expect(code).toBe(2);
    expect(stdout).toBe('');
    for (const text of ['port: 5', 'identifer', 'sendIdentfy']) {
      expect(stderr).toContain(`faulty.yaml:${lineOf(text)}:`);
    }
    expect(stderr).toContain('Did you mean "identifier"?');
    const { code: same, document } = await json('apply', 'faulty.yaml', '--yes');
    expect(same).toBe(2);
    expect(document.error.code).toBe('workspace_invalid');
    expect(document.error.faults.length).toBeGreaterThanOrEqual(3);
    expect(document.error.faults[0]).toEqual({
      where: expect.stringMatching(/^faulty\.yaml:\d+:\d+$/),
      message: expect.any(String),
    });
    expect((await db.pool.query('SELECT FROM spaces')).rowCount).toBe(0);
  });

  test('directives are checked, with the line', async () => {
    const faulty = workspace.replace("'@path': $.properties.email", "'@pth': $.properties.email");
    await writeFile(path.join(folder, 'faulty.yaml'), faulty);
    const { code, stderr } = await run('apply', 'faulty.yaml', '--yes');
    const line = faulty.slice(0, faulty.indexOf('@pth')).split('\n').length;
    expect(code).toBe(2);
    expect(stderr).toMatch(new RegExp(`faulty\\.yaml:${line}:\\d+ .*@pth`));
  });

  test('a file that is not there', async () => {
    const { code, stderr } = await run('apply', 'none.yaml');
    expect(code).toBe(2);
    expect(stderr).toContain('none.yaml cannot be read: there is no such file. [file_unreadable]');
  });

  test('carries it out, says the next step, and does nothing the second time', async () => {
    const first = await run('apply', 'shop.yaml', '--yes');
    expect(first.code).toBe(0);
    expect(first.stdout).toContain('Applied shop.yaml: 6 created, 0 changed, 0 removed.');
    expect(first.stdout).toContain('millrace sync plan customers-identify');
    expect(first.stdout).toContain('millrace token create --space main');
    const second = await json('apply', 'shop.yaml');
    expect(second.code).toBe(0);
    expect(second.document).toMatchObject({ applied: false, created: 0, changed: 0, removed: 0, resets: [] });
  });

  test('masks secrets', async () => {
    const settings = 'engine: postgres, host: db.invalid, database: crm, user: reader';
    const crm = workspace.replace('models:', `  crm: { ${settings}, password: "$\{CRM_PASSWORD}" }\nmodels:`);
    await writeFile(path.join(folder, 'crm.yaml'), crm);
    const outputs = [];
    for (const secret of ['hush-one', 'hush-two']) {
      outputs.push(await start(['apply', 'crm.yaml', '--yes', '--json'], { CRM_PASSWORD: secret }).ended);
    }
    outputs.push(await run('apply', 'shop.yaml', '--yes', '--log-level', 'trace'));
    expect(outputs.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(outputs[1]?.stdout).toContain('"path": "password"');
    for (const { stdout, stderr } of outputs) expect(`${stdout}${stderr}`).not.toContain('hush');
    expect(outputs[2]?.stdout).toContain('- remove source      crm');
  });
});

describe('before the first sync', () => {
  test('a preview shows columns and rows, and escapes what a terminal would obey', async () => {
    const { code, stdout } = await run('model', 'preview', 'customers');
    expect(code).toBe(0);
    expect(stdout).toContain('Model customers of source shop: 5 columns.');
    expect(stdout).toContain('日本\\u001b[31m');
    expect(stdout).not.toContain('\u001b');
    const { document } = await json('model', 'preview', 'customers');
    expectDocumented('model preview', document, 'rows');
    expect(document.rows).toHaveLength(10);
    expect(document.columns[0]).toEqual({ name: 'id', type: 'string', nativeType: 'VARCHAR', identifier: true });
  });

  test('a test shows the message of a row', async () => {
    const { code, stdout } = await run('mapping', 'test', 'customers-identify', '--row', 'c42');
    expect(code).toBe(0);
    expect(stdout).toContain('"userId": "c42"');
    const { document } = await json('mapping', 'test', 'customers-identify', '--row', 'c42');
    expectDocumented('mapping test', document, 'event', 'payload', 'result', 'receipt', 'effects');
    expect(document).toMatchObject({ receipt: null, effects: null, notRunning: null });
    expect(document.result).toMatchObject({
      kind: 'message',
      space: 'main',
      message: { type: 'identify', userId: 'c42' },
    });
    const refused = await json('mapping', 'test', 'names-only', '--row', 'c1');
    expect(refused.code).toBe(1);
    expect(refused.document.result.kind).toBe('refused');
    const missing = await json('mapping', 'test', 'names-only', '--row', 'c4711');
    expect(missing).toMatchObject({ code: 2, document: { error: { code: 'sync_row_not_found' } } });
  });

  test('a plan says what would happen, and changes nothing', async () => {
    const { code, stdout } = await run('sync', 'plan', 'customers-identify');
    expect(code).toBe(0);
    expect(stdout).toMatch(/extracted +102 /);
    expect(stdout).toMatch(/would deliver +99\n/);
    expect(stdout).toMatch(/invalid +3 /);
    expect(stdout).toContain('would create 99 profiles and 5 accounts');
    expect(stdout).toContain('Nothing was changed.');
    const { document } = await json('sync', 'plan', 'customers-identify');
    expectDocumented('sync plan', document, 'guard');
    expect(document.counts).toMatchObject({ extracted: 102, added: 99, invalid: 3, delivered: 99 });
    expect((await db.pool.query('SELECT FROM profiles')).rowCount).toBe(0);
    expect((await json('sync', 'list')).document).toEqual({ syncs: [], next: null });
  });

  test('a name that is nearly right', async () => {
    const { code, stderr } = await run('sync', 'run', 'customer-identify');
    expect(code).toBe(2);
    expect(stderr).toContain('There is no mapping "customer-identify". [not_found]');
    expect(stderr).toContain('Did you mean "customers-identify"?');
  });
});

describe('syncs', () => {
  let failed: string;

  test('a run says in words what happened', async () => {
    const { code, stdout } = await run('sync', 'run', 'customers-identify');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Sync syn_\w+ of customers-identify: succeeded\.\n/);
    expect(stdout).toMatch(/new +99\n/);
    expect(stdout).toMatch(/delivered +99\n/);
    expect(stdout).toContain('99 profiles and 5 accounts created, 0 merged');
    expect(stdout).toMatch(/took +\d.* rows\/s/);
    expect(stdout).toMatch(/millrace sync show syn_\w+ --rows invalid/);
  });

  test('the second finds nothing to do', async () => {
    const { code, document } = await json('sync', 'run', 'customers-identify');
    expect(code).toBe(0);
    expect(document.sync.counts).toMatchObject({ unchanged: 99, added: 0, updated: 0, deleted: 0, delivered: 0 });
  });

  test('changes and deletions follow', async () => {
    await inDuckdb(
      path.join(folder, 'shop.duckdb'),
      `UPDATE customers SET name = 'Changed' WHERE id IN ('c10', 'c11')`,
      `DELETE FROM customers WHERE id = 'c12'`,
    );
    const { document } = await json('sync', 'run', 'customers-identify');
    expect(document.sync.counts).toMatchObject({ unchanged: 96, added: 0, updated: 2, deleted: 1, delivered: 3 });
  });

  test('refused rows: the first reasons, exit code 1, and the rows by command', async () => {
    const { code, document } = await json('sync', 'run', 'names-only');
    expect(code).toBe(1);
    expectDocumented('sync run', document);
    expect(document.sync).toMatchObject({ state: 'partially succeeded', counts: { delivered: 95, refused: 3 } });
    expect(document.reasons).toEqual([{ rows: 3, reason: expect.stringContaining('User ID') }]);
    failed = document.sync.id;
    const shown = await run('sync', 'show', failed, '--rows', 'failed');
    expect(shown.code).toBe(0);
    expect(shown.stdout).toMatch(/c1 +1 +refused +PAYLOAD_VALIDATION_FAILED/);
    expect(shown.stdout).toContain('3 failed rows listed');
    const { document: page } = await json('sync', 'show', failed, '--rows', 'failed', '--limit', '2');
    expectDocumented('sync show', page);
    expect(page.rows).toHaveLength(2);
    const { document: last } = await json('sync', 'show', failed, '--rows', 'failed', '--next', page.next);
    expect(last).toMatchObject({ rows: [{ recordId: 'c3' }], next: null });
    const { document: invalid } = await json('sync', 'show', failed, '--rows', 'invalid');
    expect(
      invalid.rows.map(({ recordId, rows }: { recordId: string; rows: number }) => [recordId, rows]).sort(),
    ).toEqual(
      [
        [null, 1],
        ['c9', 2],
      ].sort(),
    );
  });

  test('are listed, newest first, in pages', async () => {
    const { code, document } = await json('sync', 'list', '--limit', '3');
    expect(code).toBe(0);
    expectDocumented('sync list', document);
    expect(document.syncs.map(({ mapping }: { mapping: string }) => mapping)).toEqual([
      'names-only',
      'customers-identify',
      'customers-identify',
    ]);
    const rest = await json('sync', 'list', '--next', document.next);
    expect(rest.document.syncs).toHaveLength(1);
    const { stdout } = await run('sync', 'list', 'names-only');
    expect(stdout.split('\n')[1]).toMatch(new RegExp(`^${failed} +names-only +partially succeeded +\\d{4}-.* UTC`));
    expect((await run('sync', 'list', '--limit', '0')).code).toBe(2);
    expect((await json('sync', 'list', '--next', 'nonsense')).document.error.code).toBe('sync_paging_invalid');
  });

  test('an unknown one, and one that has ended', async () => {
    expect(await json('sync', 'show', 'syn_0')).toMatchObject({
      code: 2,
      document: { error: { code: 'sync_not_found' } },
    });
    expect(await json('sync', 'cancel', failed)).toMatchObject({
      code: 2,
      document: { error: { code: 'sync_not_running', message: expect.stringContaining('partially succeeded') } },
    });
  });

  test('only what failed is sent again, and schedules are listed', async () => {
    const [failed] = (await json('sync', 'list')).document.syncs.filter(
      (sync: { counts: { refused: number } }) => sync.counts.refused > 0,
    );
    const retry = await json('sync', 'run', failed.mapping, '--retry-failed', failed.id);
    expect(retry.document).toMatchObject({ sync: { counts: { delivered: 0, remaining: 0 } } });
    const unknown = await json('sync', 'run', 'customers-identify', '--retry-failed', 'syn_none');
    expect(unknown).toMatchObject({ code: 2, document: { error: { code: 'sync_not_found' } } });

    const { id } = failed;
    // The mapping sends new rows only, so that is what a replay offers.
    const sent = await json('sync', 'run', failed.mapping, '--replay', id);
    expect(sent.document.sync.counts).toMatchObject({ skipped: 0, delivered: 95 });
    const listedSyncs = (await json('sync', 'list', 'customers-identify')).document.syncs;
    const whole = listedSyncs.find((sync: { counts: { delivered: number } }) => sync.counts.delivered > 0);
    const plan = await json('sync', 'plan', 'customers-identify', '--replay', whole.id);
    const planned: number = plan.document.counts.delivered;
    expect(planned).toBeGreaterThan(0);
    const replay = await json('sync', 'run', 'customers-identify', '--replay', whole.id);
    expect(replay.document.sync).toMatchObject({ replay: { syncId: whole.id }, counts: { delivered: planned } });
    const { stdout: again } = await run('sync', 'run', 'customers-identify', '--replay', whole.id);
    expect(again).toContain('went out again since, with later syncs');
    const both = await json('sync', 'run', failed.mapping, '--replay', id, '--retry-failed', id);
    expect(both).toMatchObject({ code: 2, document: { error: { code: 'usage' } } });

    await db.pool.query(
      `UPDATE mappings SET schedule = '{"kind":"days","days":[5,1],"hours":[18,6],"timezone":"Europe/Oslo"}'
       WHERE name = 'customers-identify'`,
    );
    await db.pool.query(
      `INSERT INTO missed_schedules SELECT 'mis_1', id, name, now(), now() + interval '1 minute', 'sync_running', 'It ran.'
       FROM mappings WHERE name = 'customers-identify'`,
    );
    const listed = await json('schedule', 'list');
    expectDocumented('schedule list', listed.document, 'schedules[].schedule');
    const { stdout } = await run('schedule', 'list');
    expect(stdout).toContain('Monday and Friday at 6:00 and 18:00, Europe/Oslo');
    expect(stdout).toContain('customers-identify could not start 1 time');
    await db.pool.query('UPDATE mappings SET schedule = NULL');
    await db.pool.query('DELETE FROM missed_schedules');
  });

  test('no row enters the log, whatever its level', async () => {
    await inDuckdb(path.join(folder, 'shop.duckdb'), `UPDATE customers SET name = 'Once more' WHERE id = 'c7'`);
    const { stderr, code } = await run(
      'sync',
      'run',
      'customers-identify',
      '--log-level',
      'trace',
      '--batch-size',
      '1',
    );
    expect(code).toBe(0);
    expect(stderr).toContain('sync started');
    expect(stderr).not.toContain(canary);
    expect(stderr).not.toContain('Once more');
  });

  test('a warehouse that is gone exits as unreachable', async () => {
    const moved = workspace.replace('./shop.duckdb', './gone.duckdb');
    await writeFile(path.join(folder, 'gone.yaml'), moved);
    expect((await run('apply', 'gone.yaml', '--yes')).code).toBe(0);
    const { code, document } = await json('sync', 'run', 'customers-identify');
    expect(code).toBe(3);
    expect(document.sync).toMatchObject({ state: 'failed', code: expect.stringMatching(/^warehouse_/) });
    const doctor = await json('doctor');
    expect(doctor.code).toBe(1);
    expectDocumented('doctor', doctor.document);
    const source = doctor.document.checks.find(({ name }: { name: string }) => name === 'source shop');
    expect(source).toMatchObject({ status: 'problem', message: expect.stringContaining('gone.duckdb') });
    expect((await run('apply', 'shop.yaml', '--yes')).code).toBe(0);
  });
});

/** What the customer c7 did and allows, as a website would tell it. */
async function visit(): Promise<void> {
  const space = await findSpace(db.pool, 'main');
  const settings = { ...space.settings, subscriptionGroups: ['weekly digest'] };
  const groups = [{ name: 'weekly digest', status: 'SUBSCRIBED' }];
  const messages = [
    {
      type: 'identify',
      traits: {},
      context: {
        consent: { categoryPreferences: { Advertising: true, [`${red}x`]: false } },
        messaging_subscriptions: [{ key: canary, type: 'EMAIL', status: 'SUBSCRIBED', groups }],
      },
    },
    { type: 'track', event: 'Long Ago', timestamp: '2020-01-01T00:00:00Z' },
    { type: 'track', event: `Order ${red}Placed`, properties: { total: 5 }, context: { groupId: 'acme2' } },
  ];
  await using writer = createSpaceWriter({ db });
  await writer.write(
    { ...space, settings },
    messages.map((message) => ({ message: { userId: 'c7', ...message }, receivedAt: new Date(), sourceId: 'website' })),
  );
}

describe('profiles', () => {
  test('are shown with the origin of their traits, consent, subscriptions and events', async () => {
    const quiet = await run('profile', 'show', `email:${canary}`);
    for (const title of ['Consent', 'Subscriptions', 'Events']) expect(quiet.stdout).toContain(`${title}: none`);
    await visit();
    const { code, stdout } = await run('profile', 'show', `email:${canary}`);
    expect(code).toBe(0);
    expect(stdout).toMatch(/user_id +c7 /);
    expect(stdout).toMatch(/name +Once more +customers-identify, syn_/);
    expect(stdout).toMatch(/acc_\w+ +group_id:acme2/);
    expect(stdout).toMatch(/Advertising +yes\n/);
    expect(stdout).toMatch(/u001b\[31mx +no\n/);
    expect(stdout).toMatch(new RegExp(`EMAIL +${canary} +SUBSCRIBED +weekly digest: SUBSCRIBED `));
    expect(stdout).toMatch(/Order \\u001b\[31mPlaced +\{"total":5\} +website/);
    expect(stdout.indexOf('Placed')).toBeLessThan(stdout.indexOf('Long Ago'));
    expect(stdout).not.toContain(red);
    const { document } = await json('profile', 'show', `email:${canary}`, '--space', 'main');
    expect(document.profile.traits.map(({ key }: { key: string }) => key)).toEqual(['email', 'name']);
    expectDocumented('profile show', document);
    const byId = await json('profile', 'show', document.profile.segmentId);
    expect(byId.document).toEqual(document);
    const account = await json('profile', 'show', 'group_id:acme2');
    expect(account.document.profile).toMatchObject({
      collection: 'accounts',
      segmentId: expect.stringMatching(/^acc_/),
      events: [{ name: `Order ${red}Placed`, userId: document.profile.segmentId }],
    });
    expect(document.profile.consent).toEqual({ Advertising: true, [`${red}x`]: false });
    expect(document.profile.events.map(({ name }: { name: string }) => name)).toEqual([
      `Order ${red}Placed`,
      'Long Ago',
    ]);
  });

  test.each([
    ['email:nobody@nowhere.example', 'profile_not_found'],
    ['nonsense', 'usage'],
    ['emial:a@b.c', 'profile_not_found'],
  ])('%s', async (words, code) => {
    const { document, code: exit } = await json('profile', 'show', words);
    expect(exit).toBe(2);
    expect(document.error.code).toBe(code);
  });

  test('the log of a space', async () => {
    const { code, document } = await json('space', 'log', 'main');
    expect(code).toBe(0);
    expect(Object.keys(document)).toEqual(['space', 'unreadableFilters', 'entries']);
    expect((await json('space', 'log', 'mian')).document.error.help).toContain('"main"');
  });

  test('the log of a space names filters that cannot be read', async () => {
    const space = await createSpace(db.pool, 'old', {
      ...defaultSpaceSettings(),
      filters: [{ name: 'spam', description: '', enabled: true, if: 'event == "Spam"' }],
    });
    expect((await json('space', 'log', 'old')).document.unreadableFilters).toEqual([
      { name: 'spam', message: expect.stringContaining('`event == "Spam"`') },
    ]);
    expect((await run('space', 'log', 'old')).stdout).toMatch(
      /^The filter "spam" keeps nothing out, .*\n.*\n\nThe space old/,
    );
    await db.pool.query('DELETE FROM spaces WHERE id = $1', [space.id]);
  });
});

describe('deletion and suppression', () => {
  test('a deletion is asked about; where nobody can answer, nothing happens', async () => {
    const { code, stdout, stderr } = await run('regulation', 'create', 'DELETE_ONLY', 'c20');
    expect(code).toBe(2);
    expect(stdout).toContain('DELETE_ONLY, 1 user id: everything that this database holds');
    expect(stderr).toContain('[not_confirmed]');
    expect((await json('regulation', 'list')).document).toEqual({ regulations: [], next: null });
  });

  test('a person is deleted, which says what is gone', async () => {
    expect((await run('profile', 'show', 'user_id:c20')).code).toBe(0);
    const { code, stdout } = await run('regulation', 'create', 'DELETE_ONLY', 'c20', '--yes');
    expect(code).toBe(0);
    expect(stdout).toMatch(/status +FINISHED/);
    expect(stdout).toMatch(/deleted in +profiles +events/);
    expect(stdout).toMatch(/main +1 +0 +1/);
    expect(stdout).not.toContain('c20');
    expect((await run('profile', 'show', 'user_id:c20')).code).toBe(2);
    const again = await json('regulation', 'create', 'DELETE_ONLY', 'c20', '--yes');
    expectDocumented('regulation create', again.document);
    expect(again.document.regulation.detail.spaces[0]).toMatchObject({ name: 'main', profiles: 0 });
    const shown = await json('regulation', 'show', again.document.regulation.id);
    expect(shown.document).toEqual(again.document);
    expect((await run('regulation', 'show', again.document.regulation.id)).stdout).toMatch(/status +FINISHED/);
  });

  test('people are suppressed, listed, and taken again', async () => {
    const { code, document } = await json('regulation', 'create', 'SUPPRESS_ONLY', 'c21', 'c22');
    expect(code).toBe(0);
    expect(document.regulation).toMatchObject({ status: 'FINISHED', subjects: 2 });
    expectDocumented('regulation show', document);
    const listed = await json('suppression', 'list', '--limit', '1');
    expectDocumented('suppression list', listed.document);
    expect(listed.document.suppressions[0]).toMatchObject({ userId: 'c21', sourceId: null });
    const rest = await run('suppression', 'list', '--next', listed.document.next);
    expect(rest.stdout).toMatch(/^c22 +all /m);
    const ended = await run('regulation', 'create', 'UNSUPPRESS', 'c21', 'c22');
    expect(ended.stdout).toContain('Messages of these people are taken again.');
    expect((await run('suppression', 'list')).stdout).toContain('Nobody is suppressed.');
    const regulations = await json('regulation', 'list', '--type', 'SUPPRESS_ONLY');
    expectDocumented('regulation list', regulations.document);
    expect((await run('regulation', 'list')).stdout).toMatch(/UNSUPPRESS +2 +all +FINISHED/);
  });

  test.each([
    [['regulation', 'create', 'ERASE', 'c1'], 'regulation_invalid'],
    [['regulation', 'create', 'SUPPRESS_ONLY', ' '], 'regulation_invalid'],
    [['regulation', 'create', 'SUPPRESS_ONLY', 'c1', '--source', 'shop'], 'usage'],
    [['regulation', 'show', 'reg_none'], 'regulation_not_found'],
    [['suppression', 'list', '--next', 'x'], 'cursor_invalid'],
  ])('%j', async (words, code) => {
    const { document, code: exit } = await json(...words);
    expect([exit, document.error.code]).toEqual([2, code]);
  });
});

describe('tokens and the server', () => {
  test('a token of the workspace: exactly one of --space and --workspace', async () => {
    for (const words of [[], ['--space', 'main', '--workspace']]) {
      const { code, stderr } = await run('token', 'create', ...words, 'terraform');
      expect([code, stderr]).toEqual([2, expect.stringContaining('either of one space or of the workspace')]);
    }
    const { document: token } = await json('token', 'create', '--workspace', 'terraform');
    expectDocumented('token create', token);
    expect(token).toMatchObject({ space: null, role: 'owner', secret: expect.stringMatching(/^mrw_/) });
    const listed = await run('token', 'list');
    expect(listed.stdout).toContain('(workspace)');
    expect(listed.stdout).not.toContain(token.secret);
    await json('token', 'revoke', token.id);
  });

  test('a token with roles, at sources and spaces that are there', async () => {
    const words = ['token', 'create', '--workspace', '--role', 'source-admin', '--source', 'shop'];
    const { document: token } = await json(...words, '--role', 'unify-and-engage-read-only', '--space', 'main', 'p');
    expectDocumented('token create', token, 'permissions');
    expect(token).toMatchObject({
      role: 'member',
      permissions: [
        { role: 'source-admin', resources: [{ id: expect.stringMatching(/^src_/) }] },
        { role: 'unify-and-engage-read-only', resources: [{ id: expect.stringMatching(/^spa_/) }] },
      ],
    });
    const listed = await run('token', 'list');
    expect(listed.stdout).toContain('source-admin at src_');
    await json('token', 'revoke', token.id);
    await json('token', 'revoke', token.id);
    const { document: trail } = await json('audit', '--resource', token.id);
    expectDocumented('audit', trail);
    expect(trail.events.map(({ type, actor }: { type: string; actor: string }) => [type, actor])).toEqual([
      ['Access Token Revoked', 'cli'],
      ['Access Token Created', 'cli'],
    ]);
    expect(JSON.stringify(trail)).not.toContain(token.secret);
    expect((await run('audit', '--type', 'token', '--limit', '1')).stdout).toContain('add --skip 1');
  });

  test.each([
    [['--workspace', '--role', 'boss'], 'no role'],
    [['--workspace', '--role', 'owner,source-admin'], 'other roles add nothing'],
    [['--workspace', '--role', 'source-admin', '--source', 'none'], 'no source "none"'],
    [['--workspace', '--role', 'end-user-privacy-admin', '--source', 'shop'], '--source narrows'],
    [['--workspace', '--source', 'shop'], '--source narrows'],
    [['--space', 'main', '--role', 'source-admin'], 'about tokens of the workspace'],
    [['--space', 'main', '--space', 'main'], 'either of one space or of the workspace'],
  ])('token create %j is refused', async (words, text) => {
    const { code, stderr } = await run('token', 'create', ...words, 'name');
    expect([code, stderr]).toEqual([2, expect.stringContaining(text)]);
  });

  test('a token made, used over HTTP, listed and revoked', async () => {
    const { document: token } = await json('token', 'create', '--space', 'main', 'web shop');
    expectDocumented('token create', token);
    const server = start(['start', '--json', '--log-format', 'json']);
    await until(() => server.stdout().endsWith('}\n'));
    const document = JSON.parse(server.stdout());
    expectDocumented('start', document);
    const get = () =>
      fetch(`${document.url}/v1/spaces/main/collections/users/profiles/user_id:c10/traits`, {
        headers: { authorization: `Basic ${Buffer.from(`${token.secret}:`).toString('base64')}` },
      });
    const answer = await get();
    expect([answer.status, await answer.json()]).toMatchObject([200, { traits: { name: 'Changed' } }]);

    // What waits in the database is carried out by the server.
    const { id } = await createRegulation(db, { type: 'DELETE_ONLY', subjectIds: ['c23'] });
    await until(async () => (await getRegulation(db.pool, id)).status === 'FINISHED');

    const listed = await run('token', 'list');
    expect(listed.stdout).toContain('web shop');
    expect(listed.stdout).not.toContain(token.secret);
    const { document: revoked } = await json('token', 'revoke', token.id);
    expectDocumented('token revoke', revoked);
    await until(async () => (await get()).status === 401);
    const { document: tokens } = await json('token', 'list', '--space', 'main');
    expectDocumented('token list', tokens);
    expect(tokens.tokens[0]).toMatchObject({ id: token.id, revokedAt: expect.any(String) });

    server.child.kill('SIGINT');
    const ended = await server.ended;
    expect(ended.code).toBe(0);
    expect(ended.stdout).toBe(`${JSON.stringify(document, null, 2)}\n`);
    expect(ended.stderr).toContain('"stopped"');
  });

  test('a port that is taken', async () => {
    const first = start(['start']);
    await until(() => first.stdout().includes('http://'));
    const port = /http:\/\/127\.0\.0\.1:(\d+)/.exec(first.stdout())?.[1] as string;
    const second = await run('start', '--port', port);
    expect(second.code).toBe(3);
    expect(second.stderr).toContain('[port_taken]');
    const { document } = await json('doctor', '--port', port);
    expect(document.checks.find(({ name }: { name: string }) => name === 'port')).toMatchObject({
      status: 'ok',
      message: expect.stringContaining('running Millrace'),
    });
    first.child.kill('SIGTERM');
    expect((await first.ended).code).toBe(0);
  });
});

describe('OAuth apps', () => {
  test('one is made, shown, given another key, listed and removed', async () => {
    const pem = async (name: string) => {
      const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
      await writeFile(path.join(folder, `${name}.pem`), publicKey.export({ type: 'spki', format: 'pem' }));
      await writeFile(path.join(folder, `${name}-private.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    };
    await pem('first');
    await pem('second');
    await run('event-stream', 'create', 'guarded', '--space', 'main', '--oauth-enforced');
    const shownStream = (await run('event-stream', 'show', 'guarded')).stdout;
    expect(shownStream).toContain('enforced: the write key alone is refused');
    expect(shownStream).toMatch(/-H 'Authorization: Bearer TOKEN'.*\n.*"writeKey":"\w{32}"/);

    const words = ['oauth-app', 'create', 'billing-server'];
    const options = ['--stream', 'guarded', '--lifetime', '2w'];
    const isPrivate = await run(...words, ...options, '--key', 'first-private.pem');
    expect([isPrivate.code, isPrivate.stderr]).toEqual([2, expect.stringContaining('This is a private key.')]);
    const missing = await run(...words, '--key', 'none.pem');
    expect(missing.stderr).toContain('none.pem cannot be read: there is no such file. [file_unreadable]');
    const scope = await run(...words, '--scope', 'functions:write');
    expect(scope.stderr).toContain('The scope "functions:write" is not offered here.');
    const { document: made } = await json(...words, ...options, '--key', 'first.pem');
    expectDocumented('oauth-app create', made);
    expect(made).toMatchObject({ streams: ['guarded'], tokenDays: 14, scopes: ['tracking_api:write'] });

    const { stdout } = await run('oauth-app', 'show', 'billing-server', '--public-url', 'https://events.example.com/');
    expect(stdout).toContain(`clientId: '${made.id}'`);
    expect(stdout).toContain(`keyId: '${made.keys[0].id}'`);
    expect(stdout).toContain("authServer: 'https://events.example.com'");
    expect(stdout).toContain(`SHA-256 ${made.keys[0].fingerprint}`);
    const { document: shown } = await json('oauth-app', 'show', made.id);
    expectDocumented('oauth-app show', shown);
    expect(shown).toEqual(made);

    const { document: added } = await json('oauth-app', 'add-key', 'billing-server', 'second.pem');
    expectDocumented('oauth-app add-key', added);
    expect(added.keys).toEqual([made.keys[0], expect.objectContaining({ id: added.keyId })]);
    const { document: list } = await json('oauth-app', 'list');
    expectDocumented('oauth-app list', list);
    expect((await run('oauth-app', 'list')).stdout).toMatch(/billing-server +guarded +2 +14 days +oap_/);
    const { document: left } = await json('oauth-app', 'remove-key', 'billing-server', made.keys[0].id);
    expectDocumented('oauth-app remove-key', left);
    expect(left.keys).toEqual([added.keys[1]]);

    const asked = await run('oauth-app', 'remove', 'billing-server');
    expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('[not_confirmed]')]);
    const { document: removed } = await json('oauth-app', 'remove', 'billing-server', '--yes');
    expectDocumented('oauth-app remove', removed);
    expect((await run('oauth-app', 'list')).stdout).toContain('There are no OAuth apps. Make one:');
    await run('event-stream', 'remove', 'guarded', '--yes');
  });
});

describe('event streams', () => {
  test('one is made, shown, switched, listed and removed', async () => {
    const { code, document: made } = await json(
      'event-stream',
      'create',
      'website',
      '--space',
      'main',
      '--client-side',
    );
    expect(code).toBe(0);
    expectDocumented('event-stream create', made);
    expect(made).toMatchObject({ name: 'website', spaces: ['main'], enabled: true, clientSide: true });
    const { stdout } = await run('event-stream', 'show', 'website', '--port', '4321');
    expect(stdout).toContain(`write key     ${made.writeKey}\n`);
    expect(stdout).toContain(`curl -u '${made.writeKey}:' `);
    expect(stdout).toContain("'http://127.0.0.1:4321/v1/track'");
    const { document: shown } = await json('event-stream', 'show', made.writeKey);
    expectDocumented('event-stream show', shown);
    expect(shown).toEqual(made);

    const { document: disabled } = await json('event-stream', 'disable', 'website');
    expectDocumented('event-stream disable', disabled);
    expect(disabled).toEqual({ ...made, enabled: false });
    expect((await run('event-stream', 'list')).stdout).toMatch(/website +main +browsers and phones +disabled +evs_/);
    const { document: enabled } = await json('event-stream', 'enable', made.id);
    expectDocumented('event-stream enable', enabled);
    const { document: list } = await json('event-stream', 'list');
    expectDocumented('event-stream list', list);
    expect(list).toEqual({ eventStreams: [made] });

    await db.pool.query(
      `INSERT INTO stream_discards VALUES ($1, current_date, 'id_not_string', 12, now(), now(), '{web-81c2}'),
         ('', current_date, 'unknown_source', 3, now(), now(), '{}')`,
      [made.id],
    );
    const { document: log } = await json('event-stream', 'log', 'website');
    expectDocumented('event-stream log', log);
    const logged = await run('event-stream', 'log', 'website');
    expect(logged.stdout).toMatch(/12 +id_not_string .*web-81c2/);
    expect((await run('event-stream', 'log')).stdout).toMatch(/3 +unknown_source/);
    const asked = await run('event-stream', 'remove', 'website');
    expect(asked.code).toBe(2);
    expect(asked.stdout).toContain('answered 200 and their messages are discarded');
    expect(asked.stderr).toContain('[not_confirmed]');
    const { document: removed } = await json('event-stream', 'remove', 'website', '--yes');
    expectDocumented('event-stream remove', removed);
    expect((await run('event-stream', 'list')).stdout).toContain('There are no event streams. Make one:');
  });

  test('the lines that are shown keep it as it is, write key included', async () => {
    const { stdout } = await run('event-stream', 'create', 'billing', '--space', 'main', '--write-key', 'old-key');
    const lines = stdout.slice(stdout.indexOf('event_streams:')).replaceAll('\n  ', '\n');
    await writeFile(path.join(folder, 'streams.yaml'), `${workspace}${lines}`);
    expect((await json('apply', 'streams.yaml')).document).toMatchObject({ applied: false, changed: 0, removed: 0 });
    await writeFile(
      path.join(folder, 'streams.yaml'),
      `${workspace}${lines.replaceAll('billing', 'app').replace('old-key', 'new')}`,
    );
    const applied = await run('apply', 'streams.yaml', '--yes');
    expect(applied.stdout).toContain(
      '+ create event stream app\n- remove event stream billing\n    Its write key stops working: ',
    );
    expect(applied.stdout).toContain('millrace event-stream show app');
    expect((await run('event-stream', 'remove', 'app', '--yes')).code).toBe(0);
  });

  test.each([
    [['create', 'x'], 'usage'],
    [['create', 'x', '--space', ','], 'event_stream_without_space'],
    [['create', 'x', '--space', 'mian'], 'not_found'],
    [['create', 'X', '--space', 'main'], 'name_invalid'],
    [['create', 'x', '--space', 'main', '--write-key', 'a b'], 'write_key_invalid'],
    [['show', 'website'], 'not_found'],
    [['remove', 'website', '--yes'], 'not_found'],
  ])('%j is refused: %s', async (words, code) => {
    const { code: exit, document } = await json('event-stream', ...words);
    expect([exit, document.error.code]).toEqual([2, code]);
  });
});

describe('the doctor', () => {
  test('finds everything well', async () => {
    const { code, stdout } = await run('doctor');
    expect(stdout).toMatch(/ok +source shop +duckdb, reached/);
    expect(stdout).toMatch(/ok +state of shop /);
    expect(stdout).toContain('Everything is as it should be.');
    expect(code).toBe(0);
  });

  test('names the faults of the configuration, and what it could not look at', async () => {
    const { document, code } = await json('doctor', '--port', 'abc', '--batch-size', '0');
    expect(code).toBe(1);
    expect(document.problems).toBe(1);
    const found = document.checks.find(({ name }: { name: string }) => name === 'configuration');
    expect(found.message).toContain('--port');
    expect(found.message).toContain('--batch-size');
    expect(document.checks.find(({ name }: { name: string }) => name === 'postgres').status).toBe('skipped');
  });

  test('tells which part of the connection to Postgres is wrong', async () => {
    const url = new URL(testDatabaseUrl(db));
    url.password = 'wrong-hush';
    const login = await start(['doctor', '--json'], { DATABASE_URL: url.href }).ended;
    expect(login.code).toBe(1);
    expect(login.stdout).toContain('refused the login');
    expect(`${login.stdout}${login.stderr}`).not.toContain('wrong-hush');
    url.port = '1';
    const unreachable = await start(['sync', 'list', '--json'], { DATABASE_URL: url.href }).ended;
    expect([unreachable.code, JSON.parse(unreachable.stdout).error.code]).toEqual([3, 'database_unreachable']);
  });
});

describe('beginning anew', () => {
  test('a reset: the next plan sends every row as new', async () => {
    const { code, document } = await json('mapping', 'reset', 'customers-identify');
    expect(code).toBe(0);
    expectDocumented('mapping reset', document);
    expect(document).toMatchObject({ epoch: 2, hadState: true });
    expect((await json('sync', 'plan', 'customers-identify')).document.counts).toMatchObject({
      added: 98,
      unchanged: 0,
    });
    expect((await run('sync', 'run', 'customers-identify')).code).toBe(0);
  });

  test('another identifier column resets its mappings, after saying so', async () => {
    const other = workspace.replace('identifier: id', 'identifier: email');
    await writeFile(path.join(folder, 'other.yaml'), other);
    const asked = await run('apply', 'other.yaml');
    expect(asked.code).toBe(2);
    expect(asked.stdout).toContain('identifier: id → email');
    expect(asked.stdout).toContain('This resets the state of mapping customers-identify');
    const { code, document } = await json('apply', 'other.yaml', '--yes');
    expect(code).toBe(0);
    const changed = document.entries.filter(({ action }: { action: string }) => action === 'change');
    expectDocumented('apply', { ...document, entries: changed });
    expect(document.resets.map(({ mapping }: { mapping: string }) => mapping)).toEqual([
      'customers-identify',
      'names-only',
    ]);
    expect(await recordsTables()).toEqual([]);
    expect((await json('sync', 'plan', 'customers-identify')).document.counts).toMatchObject({
      unchanged: 0,
      deleted: 0,
    });
  });

  test('a removed mapping leaves nothing in the warehouse', async () => {
    expect((await run('sync', 'run', 'customers-identify')).code).toBe(0);
    expect(await recordsTables()).toHaveLength(1);
    const without = (await readFile(path.join(folder, 'other.yaml'), 'utf8')).replace(
      / {2}customers-identify:[\s\S]*?(?= {2}names-only)/,
      '',
    );
    await writeFile(path.join(folder, 'without.yaml'), without);
    const { code, stdout } = await run('apply', 'without.yaml', '--yes');
    expect(code).toBe(0);
    expect(stdout).toContain('- remove mapping     customers-identify');
    expect(await recordsTables()).toEqual([]);
  });
});

/** Our tables in the warehouse. */
async function recordsTables(): Promise<readonly unknown[]> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(path.join(folder, 'shop.duckdb'));
  const connection = await instance.connect();
  try {
    const found = await connection.runAndReadAll(
      `SELECT table_name FROM information_schema.tables WHERE table_schema = 'millrace' AND table_name LIKE 'records%'`,
    );
    return found.getRowsJS();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

describe('readers that go away', () => {
  test('a closed pipe is no error', async () => {
    const listing = start(['sync', 'list', '--json']);
    listing.child.stdout?.destroy();
    const { code, stderr } = await listing.ended;
    expect([code, stderr]).toEqual([0, '']);
  });
});
