/** The real program: connections tried, spaces listed, mappings proposed, one row sent. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase, testDatabaseUrl } from '../../test/database.ts';
import type { Database } from '../db/db.ts';
import {
  type Answer,
  json as answer,
  type FakePublicApi,
  openFakePublicApi,
  publicApiWith,
} from '../destination/fake-public-api.test-support.ts';
import { documentedCommands, inDuckdb, keyPaths, programIn, type StartProgram } from './cli.test-support.ts';

const token = 'canary-token-8b31';
const documented = documentedCommands();
const usual = publicApiWith([{ name: 'Engage (Acme)', writeKeys: ['their-key'] }, { slug: 'postgres' }]);
let reply: Answer = usual;

let db: Database;
let api: FakePublicApi;
let folder: string;
let start: StartProgram;

const workspace = `
spaces: { main: {} }
sources:
  shop: { engine: duckdb, path: ./shop.duckdb }
models:
  customers:
    source: shop
    identifier: customer_id
    query: SELECT customer_id, email_address, "first name", "a.b", colour FROM customers
destinations:
  profiles: { source: shop }
`;

const segment = `
  segment: { source: shop, settings: { endpoint: europe, segment_papi_token: "$\{PAPI}" } }
`;

beforeAll(async () => {
  db = await testDatabase();
  api = await openFakePublicApi((...given) => reply(...given));
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-cli-'));
  start = programIn(folder, {
    DATABASE_URL: testDatabaseUrl(db),
    MILLRACE_DATA_FOLDER: path.join(folder, 'data'),
    MILLRACE_PUBLIC_API_URL_EUROPE: api.url,
    PAPI: token,
    TZ: 'UTC',
  });
  await inDuckdb(
    path.join(folder, 'shop.duckdb'),
    'CREATE TABLE customers (customer_id INTEGER, email_address VARCHAR, "first name" VARCHAR, "a.b" VARCHAR, colour VARCHAR)',
    `INSERT INTO customers VALUES (1, 'one@example.com', 'One', 'x', 'red'), (2, 'two@example.com', 'Two', 'x', 'blue')`,
  );
  await apply(workspace);
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await db.close();
  await rm(folder, { recursive: true, force: true });
});

async function run(...words: string[]) {
  const ended = await start(words).ended;
  expect(ended.stdout + ended.stderr).not.toContain(token);
  return ended;
}

async function apply(text: string) {
  await writeFile(path.join(folder, 'shop.yaml'), text);
  const { code, stderr } = await run('apply', 'shop.yaml', '--yes');
  expect(stderr).toBe('');
  expect(code).toBe(0);
}

/** The document; its keys are those of the example in docs/cli.md, except below those named as free. */
async function json(words: readonly string[], ...free: readonly string[]) {
  const { code, stdout } = await run(...words, '--json');
  const document = JSON.parse(stdout);
  const { example } = documented.get(words.slice(0, 2).join(' ')) ?? {};
  const fixed = (keys: readonly string[]) =>
    keys.filter((key) => !free.some((one) => key.startsWith(`${one}.`))).sort();
  expect(fixed(keyPaths(document))).toEqual(fixed(keyPaths(example)));
  return { code, document };
}

test('this server: no connection is needed, and its spaces are listed with their write keys', async () => {
  expect(await json(['destination', 'test', 'profiles'])).toMatchObject({
    code: 0,
    document: { ok: true, code: null },
  });
  const { document } = await json(['destination', 'spaces', 'profiles']);
  const { rows } = await db.pool.query('SELECT source_name AS label, write_key AS value FROM spaces');
  expect(document).toEqual({ destination: 'profiles', endpoint: 'local', spaces: rows, error: null });
  expect((await run('destination', 'spaces', 'profiles')).stdout).toContain(`Engage (main)  ${rows[0].value}`);
});

test('a region: the connection and the spaces are those of its Public API', async () => {
  await apply(workspace + segment);
  const tested = await run('destination', 'test', 'segment');
  expect(tested).toMatchObject({ code: 0, stdout: expect.stringContaining('works. Its workspace is Acme.') });
  const { document } = await json(['destination', 'spaces', 'segment']);
  expect(document.spaces).toEqual([{ label: 'Engage (Acme)', value: 'their-key' }]);
  expect(api.asked.every(({ authorization }) => authorization === `Bearer ${token}`)).toBe(true);
});

test.each([
  [401, 'token_invalid', 'The token is not valid'],
  [403, 'permission_missing', 'no Source Admin permission'],
])('status %i is told as what it means', async (status, code, words) => {
  reply = (asked, response) =>
    answer(response, status, { errors: [{ type: 'x', message: `No: ${asked.authorization}` }] });
  try {
    const tested = await json(['destination', 'test', 'segment']);
    expect(tested).toMatchObject({ code: 1, document: { ok: false, code, reason: expect.stringContaining(words) } });
    const listed = await run('destination', 'spaces', 'segment');
    expect(listed.code).toBe(1);
    expect(listed.stdout).toContain(`cannot be listed. No: Bearer (token) [${status}]`);
  } finally {
    reply = usual;
  }
});

test('a suggested mapping can be pasted, and applied', async () => {
  const words = ['mapping', 'suggest', '--model', 'customers', '--action', 'sendIdentify'];
  const { document } = await json(words, 'fields', 'proposed[].directive');
  expect(document.fields).toEqual({
    user_id: { '@path': '$.__segment_id' },
    traits: { email: { '@path': '$.properties.email_address' }, firstName: { '@path': '$.properties.first name' } },
  });
  expect(document.left.map(({ column }: { column: string }) => column)).toEqual(['a.b', 'colour']);
  await apply(workspace);
  const { stdout } = await run(...words);
  const yaml = /^mappings:\n(?: .*\n)+/m.exec(stdout)?.[0] ?? '';
  await apply(workspace + yaml);
  const { document: tested } = await json(
    ['mapping', 'test', 'customers-identify', '--send'],
    'event',
    'payload',
    'result',
  );
  expect(tested).toMatchObject({
    result: { message: { userId: '1', traits: { email: 'one@example.com', firstName: 'One' } } },
    receipt: { kind: 'delivered' },
    effects: { profilesCreated: 1 },
  });
  const again = await run('mapping', 'test', 'customers-identify', '--send', '--row', '2');
  expect(again.stdout).toContain('It was sent and delivered. Effects: 1 profile');
  expect((await run('sync', 'run', 'customers-identify')).stdout).toMatch(/delivered +2\n/);
});

test('a mapping that is switched off can be tried, and says what is missing', async () => {
  const off = `${workspace.replace('profiles: { source: shop }', 'profiles: { source: shop, enabled: false }')}
mappings:
  customers-identify:
    destination: profiles
    model: customers
    action: sendIdentify
    enabled: false
    fields: { engage_space: main, user_id: { '@path': $.__segment_id } }
`;
  await apply(off);
  const { stdout, code } = await run('mapping', 'test', 'customers-identify');
  expect(code).toBe(0);
  const reason =
    'The mapping customers-identify and the destination profiles are disabled, so customers-identify cannot run.';
  expect(stdout).toContain(reason);
  const ran = await run('sync', 'run', 'customers-identify');
  expect(ran).toMatchObject({ code: 2, stderr: expect.stringContaining(reason) });
});
