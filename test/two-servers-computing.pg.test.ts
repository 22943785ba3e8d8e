/**
 * Two servers on one Postgres. The one that computes in a space is killed with SIGKILL in the middle of a run, in the middle of a
 * transaction. The other one goes on when the lease is over: every value and every membership is as what was sent gives it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { programIn, type Started, type StartProgram, until } from '../src/cli/cli.test-support.ts';
import type { Database } from '../src/db/db.ts';
import { countMembers, createSpaceWriter } from '../src/space/space.ts';
import { createEventStream, createSpace, createWorkspaceToken, type Space } from '../src/workspace/workspace.ts';
import { testDatabase, testDatabaseUrl } from './database.ts';

const people = 6_000;
/** So many are computed before the gate closes. */
const beforeGate = 1_000;

let db: Database;
let folder: string;
let start: StartProgram;
let space: Space;
let token: string;
let writeKey: string;
const servers: Started[] = [];

beforeEach(async () => {
  db = await testDatabase();
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-computing-'));
  start = programIn(folder, {
    DATABASE_URL: testDatabaseUrl(db),
    MILLRACE_DATA_FOLDER: path.join(folder, 'data'),
    MILLRACE_LOG_FORMAT: 'json',
  });
  space = await createSpace(db.pool, 'main');
  token = (await createWorkspaceToken(db.pool, 'test')).secret;
  ({ writeKey } = await createEventStream(db, { name: 'app', spaces: [space.id], clientSide: false }));
  await db.pool.query('CREATE TABLE sent (no serial, user_id text COLLATE "C", total integer, plan text)');
});

afterEach(async () => {
  for (const { child } of servers) if (child.exitCode === null) child.kill('SIGTERM');
  await Promise.all(servers.map(({ ended }) => ended));
  servers.length = 0;
  await until(async () => (await sessions()) === 0);
  await db.close();
  await rm(folder, { recursive: true, force: true });
});

/** Connections of servers, also of one that is dead. */
async function sessions(): Promise<number> {
  const { rows } = await db.pool.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'millrace%'`,
  );
  return rows[0]?.count ?? 0;
}

async function serve(): Promise<Started & { readonly url: string }> {
  const server = start(['start', '--port', '0', '--tracking-api-rate', '0', '--json']);
  servers.push(server);
  await until(() => server.stdout().includes('"url"') || server.child.exitCode !== null);
  expect(server.child.exitCode, server.stderr()).toBeNull();
  return { ...server, url: (JSON.parse(server.stdout()) as { url: string }).url };
}

async function post(url: string, authorization: string, body: object): Promise<unknown> {
  const headers = { authorization, 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await answer.text();
  expect(answer.status, text).toBe(200);
  return JSON.parse(text);
}

/** Returns its id. */
async function define(url: string, family: 'audiences' | 'computed-traits', name: string, query: string) {
  const [type, key] = family === 'audiences' ? [{ audienceType: 'USERS' }, 'audience'] : [{}, 'computedTrait'];
  const body = { name, enabled: true, ...type, definition: { query, type: 'USERS' } };
  const { data } = (await post(`${url}/public-api/spaces/${space.id}/${family}`, `Bearer ${token}`, body)) as {
    data: Record<string, { id: string }>;
  };
  return data[key]?.id as string;
}

/** Who bought for how much, or has which plan from now on. */
interface Said {
  readonly userId: string;
  readonly total?: number;
  readonly plan?: string;
}

async function remember(said: readonly Said[]): Promise<void> {
  await db.pool.query(
    'INSERT INTO sent (user_id, total, plan) SELECT * FROM unnest($1::text[], $2::int[], $3::text[])',
    [said.map(({ userId }) => userId), said.map(({ total }) => total ?? null), said.map(({ plan }) => plan ?? null)],
  );
}

function messageOf({ userId, total, plan }: Said) {
  if (plan !== undefined) return { type: 'identify', userId, traits: { plan } };
  return { type: 'track', event: 'Ordered', userId, properties: { total } };
}

async function sendFirst(said: readonly Said[]): Promise<void> {
  await using writer = createSpaceWriter({ db });
  for (let at = 0; at < said.length; at += 2_000) {
    const part = said.slice(at, at + 2_000).map((each) => {
      const receivedAt = new Date();
      const message = { ...messageOf(each), timestamp: receivedAt.toISOString() };
      return { message, receivedAt, sourceId: 'src_test' };
    });
    await writer.write(space, part);
  }
  await remember(said);
}

async function sendTo(url: string, said: readonly Said[]): Promise<void> {
  const authorization = `Basic ${Buffer.from(`${writeKey}:`).toString('base64')}`;
  for (let at = 0; at < said.length; at += 100) {
    await post(`${url}/v1/batch`, authorization, { batch: said.slice(at, at + 100).map(messageOf) });
  }
  await remember(said);
}

/** While this test holds the lock, whoever computes waits, once so many are done, between its writing and its commit. */
async function buildGate(): Promise<void> {
  await db.pool.query(`CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF (SELECT count(*) FROM profiles WHERE computed IS NOT NULL) > ${beforeGate} THEN
      PERFORM pg_advisory_xact_lock_shared(4711);
    END IF;
    RETURN NULL;
  END $$`);
  await db.pool.query(
    'CREATE TRIGGER gate AFTER UPDATE OF computed ON profiles FOR EACH STATEMENT EXECUTE FUNCTION gate()',
  );
}

/** Transactions that wait at the gate, or went through it and are not over. */
async function atTheGate(): Promise<{ readonly waiting: number; readonly through: number }> {
  const { rows } = await db.pool.query<{ waiting: number; through: number }>(
    `SELECT count(*) FILTER (WHERE NOT granted)::int AS waiting, count(*) FILTER (WHERE granted)::int AS through
      FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND mode = 'ShareLock'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  return rows[0] ?? { waiting: 0, through: 0 };
}

async function holder(): Promise<string | undefined> {
  const { rows } = await db.pool.query<{ holder: string }>('SELECT holder FROM computing_leases WHERE space_no = $1', [
    space.no,
  ]);
  return rows[0]?.holder;
}

async function runs() {
  const { rows } = await db.pool.query<{ name: string; run_cursor: string }>(
    'SELECT name, run_cursor FROM computations WHERE run_asked_at IS NOT NULL ORDER BY name',
  );
  return rows;
}

async function isAllComputed(): Promise<boolean> {
  const { rows } = await db.pool.query('SELECT FROM due_profiles WHERE due_at <= now() LIMIT 1');
  return rows.length === 0 && (await runs()).length === 0;
}

async function held() {
  const { rows } = await db.pool.query<{ user_id: string; spend: number | null; big: boolean; members: number }>(
    `SELECT (SELECT i->>'value' FROM json_array_elements(identifiers) i WHERE i->>'type' = 'user_id') COLLATE "C" AS user_id,
        (computed->'spend'->>'value')::int AS spend, coalesce((computed->'big'->>'value')::boolean, false) AS big,
        coalesce(cardinality(member_of), 0) AS members
      FROM profiles WHERE merged_into IS NULL ORDER BY 1`,
  );
  return rows;
}

/** From what was sent alone. */
async function expected() {
  const { rows } = await db.pool.query<{ user_id: string; spend: number | null; big: boolean; members: number }>(
    `WITH known AS (
        SELECT user_id, sum(total)::int AS spend, (array_agg(plan ORDER BY no DESC) FILTER (WHERE plan IS NOT NULL))[1] AS plan
        FROM sent GROUP BY user_id)
      SELECT user_id, spend, big, big::int AS members
      FROM known, LATERAL (SELECT coalesce(spend >= 100 AND plan = 'pro', false) AS big) b ORDER BY user_id`,
  );
  return rows;
}

const isFifth = (_: unknown, at: number) => at % 5 === 0;

test('the server that computes is killed in the middle: the other one ends the run', { timeout: 150_000 }, async () => {
  const users = Array.from({ length: people }, (_, at) => `u${at}`);
  await sendFirst(users.map((userId, at) => ({ userId, plan: at % 2 === 0 ? 'pro' : 'free' })));
  await sendFirst(users.map((userId, at) => ({ userId, total: at % 200 })));
  await buildGate();
  const first = await serve();
  const nobody = await define(first.url, 'audiences', 'Nobody', "trait('plan') = 'none'");
  await until(async () => (await holder()) !== undefined && (await isAllComputed()));
  const firstHolder = await holder();
  const second = await serve();

  const big = "event('Ordered').sum(property('total')) >= 100 AND trait('plan') = 'pro'";
  await define(first.url, 'computed-traits', 'Spend', "event('Ordered').sum(property('total'))");
  const bigId = await define(first.url, 'audiences', 'Big', big);
  const gate = await db.session();
  await gate.query('SELECT pg_advisory_lock(4711)');
  await until(async () => (await atTheGate()).waiting === 1);
  expect(await holder()).toBe(firstHolder);
  const halfWay = await runs();
  expect(halfWay.map(({ name }) => name)).toEqual(['Big', 'Spend']);
  const done = (await held()).filter(({ spend }) => spend !== null).map(({ user_id }) => user_id);
  expect(done.length).toBeGreaterThan(0);
  expect(done.length).toBeLessThan(people);
  first.child.kill('SIGKILL');
  await first.ended;
  await gate.end();
  // What it had written and not committed is gone with it, and nobody else computes as long as its lease lasts.
  await until(async () => Object.values(await atTheGate()).every((count) => count === 0));
  expect((await held()).filter(({ spend }) => spend !== null).map(({ user_id }) => user_id)).toEqual(done);
  expect([await holder(), await runs()]).toEqual([firstHolder, halfWay]);

  // Members leave and others enter, of those that were computed and of those that were not; some are new.
  const isDone = new Set(done);
  const someDone = done.filter(isFifth);
  const someOthers = users.filter((userId) => !isDone.has(userId)).filter(isFifth);
  const fresh = Array.from({ length: 200 }, (_, at) => `new${at}`);
  await sendTo(
    second.url,
    [...someDone, ...someOthers, ...fresh].map((userId) => ({ userId, total: 60 })),
  );
  const changed = [...someDone, ...someOthers].filter((_, at) => at % 3 === 0);
  await sendTo(
    second.url,
    changed.map((userId, at) => ({ userId, plan: at % 2 === 0 ? 'free' : 'pro' })),
  );
  await sendTo(
    second.url,
    fresh.filter(isFifth).flatMap((userId) => [
      { userId, plan: 'pro' },
      { userId, total: 40 },
    ]),
  );

  await until(isAllComputed);
  expect(await holder()).not.toBe(firstHolder);
  const right = await expected();
  expect(right).toHaveLength(people + fresh.length);
  expect(await held()).toEqual(right);
  const members = right.filter((one) => one.big).length;
  expect(members).toBeGreaterThan(1_000);
  expect(await countMembers(db.pool, space.no, bigId)).toBe(members);
  expect(await countMembers(db.pool, space.no, nobody)).toBe(0);
  expect(second.stderr()).not.toContain('"level":"error"');
  expect(second.child.exitCode).toBeNull();
});
