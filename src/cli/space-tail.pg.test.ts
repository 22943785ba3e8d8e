/** `space tail` on the real program, while this process writes to the space. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { testDatabase, testDatabaseUrl, testLog } from '../../test/database.ts';
import type { Database } from '../db/db.ts';
import {
  type Arrival,
  createLiveFeed,
  createSpaceWriter,
  type IncomingMessage,
  type LiveFeed,
  type SpaceWriter,
} from '../space/space.ts';
import { findSpace, type Space } from '../workspace/workspace.ts';
import {
  documentedCommands,
  inDuckdb,
  keyPaths,
  programIn,
  type Started,
  type StartProgram,
  until,
} from './cli.test-support.ts';

const workspace = `
spaces: { main: {} }
sources: { shop: { engine: duckdb, path: ./shop.duckdb } }
models: { people: { source: shop, identifier: id, query: SELECT id FROM people } }
destinations: { profiles: { source: shop } }
mappings:
  people-identify:
    destination: profiles
    model: people
    action: sendIdentify
    fields: { engage_space: main, user_id: { '@path': $.properties.id } }
`;

let db: Database;
let folder: string;
let start: StartProgram;
let space: Space;
let syncId: string;
let writer: SpaceWriter;
let feed: LiveFeed;

beforeAll(async () => {
  db = await testDatabase();
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-cli-'));
  start = programIn(folder, {
    DATABASE_URL: testDatabaseUrl(db),
    MILLRACE_DATA_FOLDER: path.join(folder, 'data'),
    TZ: 'UTC',
  });
  await writeFile(path.join(folder, 'shop.yaml'), workspace);
  await inDuckdb(path.join(folder, 'shop.duckdb'), `CREATE TABLE people AS SELECT 'p1' AS id`);
  expect((await start(['apply', 'shop.yaml', '--yes']).ended).code).toBe(0);
  const { stdout } = await start(['sync', 'run', 'people-identify', '--json']).ended;
  syncId = JSON.parse(stdout).sync.id;
  space = await findSpace(db.pool, 'main');
});
afterAll(async () => {
  await db.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  writer = createSpaceWriter({ db });
  feed = createLiveFeed({ db, log: testLog('warn') });
});
afterEach(async () => {
  await feed[Symbol.asyncDispose]();
  await writer[Symbol.asyncDispose]();
});

const incoming = (messageId: string, message = {}, more = {}): IncomingMessage => ({
  message: { type: 'track', event: 'Paid', userId: 'u1', messageId, ...message },
  receivedAt: new Date('2026-03-01T09:30:05.250Z'),
  sourceId: 'evs_web',
  ...more,
});

async function send(...messages: readonly IncomingMessage[]): Promise<void> {
  const { outcomes } = await writer.write(space, messages);
  feed.show(space.no, messages, outcomes);
}

async function tail(...words: readonly string[]): Promise<Started> {
  const started = start(['space', 'tail', 'main', ...words]);
  await until(
    () => started.stderr().includes('Waiting for messages at the space main.') || started.child.exitCode !== null,
  );
  return started;
}

test('prints a line for each message until Ctrl-C: when, what, who, from where, what became of it', async () => {
  const tailing = await tail();
  await send(
    incoming('m1'),
    incoming('m2', { type: 'page', name: 'Home\u001b[31m', userId: undefined, anonymousId: 'a1' }),
    incoming('m3', { type: 'identify', event: undefined }, { sourceId: space.id, syncId }),
    incoming('m4', { type: 'group', event: undefined, groupId: '' }, { sourceId: space.id, syncId: 'syn_unknown' }),
  );
  await until(() => tailing.stdout().split('\n').length > 4);
  tailing.child.kill('SIGINT');
  const { code, stdout, stderr } = await tailing.ended;
  const columns = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
  const at = '2026-03-01 09:30:05 UTC';
  const applied = expect.stringMatching(/^applied use_/);
  expect(columns).toEqual([
    [at, 'track', 'Paid', 'user_id:u1', 'evs_web', applied],
    [at, 'page', 'Home\\u001b[31m', 'anonymous_id:a1', 'evs_web', applied],
    [at, 'identify', 'user_id:u1', 'people-identify', applied],
    [
      at,
      'group',
      'user_id:u1',
      space.id,
      'dropped group_id_missing: A group message needs a groupId that is not empty.',
    ],
  ]);
  expect(stderr).toContain('4 messages shown.');
  expect(code).toBe(0);
});

test('ends at --limit; --json gives one document', async () => {
  const tailing = await tail('--limit', '3', '--json');
  await send(...Array.from({ length: 50 }, (_, no) => incoming(`m${no}`)));
  const { code, stdout, stderr } = await tailing.ended;
  const document = JSON.parse(stdout);
  expect(code).toBe(0);
  expect(document).toMatchObject({ space: 'main', seen: 3, skipped: 0 });
  expect(document.arrivals.map(({ messageId }: Arrival) => messageId)).toEqual(['m0', 'm1', 'm2']);
  expect(document.arrivals[0].message).toEqual(incoming('m0').message);
  const example = keyPaths(documentedCommands().get('space tail')?.example).filter((key) => !key.includes('.message.'));
  expect(keyPaths(document)).toEqual(expect.arrayContaining(example));
  expect(stderr.split('\n').filter((line) => line.includes('user_id:u1'))).toHaveLength(3);
});

test('says how many are not shown; Ctrl-C ends it with a document, too', async () => {
  const tailing = await tail('--json');
  await send(...Array.from({ length: 50 }, (_, no) => incoming(`m${no}`)));
  await until(() => tailing.stderr().includes('30 messages more arrived and are not shown.'));
  tailing.child.kill('SIGINT');
  const { code, stdout } = await tailing.ended;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ seen: 20, skipped: 30 });
});

test('ends when nobody reads it any more', async () => {
  const tailing = await tail();
  await send(incoming('m1'));
  await until(() => tailing.stdout() !== '');
  tailing.child.stdout?.destroy();
  await until(async () => {
    await send(incoming('m2'));
    return tailing.child.exitCode !== null;
  });
  const { code, stderr } = await tailing.ended;
  expect(code).toBe(0);
  expect(stderr).not.toContain('rror');
});

test('says that the database was lost', async () => {
  const tailing = await tail('--json');
  await db.pool.query(
    `SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE d.datname = current_database() AND locktype = 'advisory' AND objsubid = 2`,
  );
  const { code, stdout } = await tailing.ended;
  expect(JSON.parse(stdout).error.code).toBe('database_unreachable');
  expect(code).toBe(3);
});

test('a space that does not exist is named', async () => {
  const { code, stderr } = await start(['space', 'tail', 'mian']).ended;
  expect(stderr).toContain('There is no space "mian".');
  expect(code).toBe(2);
});
