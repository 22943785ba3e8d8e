/** Messages, a dump of the whole database, and a person who leaves traces everywhere. */
import { pipeline } from 'node:stream/promises';
import { to as copyTo } from 'pg-copy-streams';
import type { JsonObject } from '../base/json.ts';
import type { Database } from '../db/db.ts';
import {
  defaultSpaceSettings,
  type IncomingMessage,
  type Outcome,
  type SpaceRef,
  type SpaceSettings,
} from '../space/space.ts';
import { fakeEndpoint, openWorld, refused, type World } from '../sync/sync.test-support.ts';
import { runSync } from '../sync/sync.ts';
import { createSpace, type ResolvedMapping, type Space } from '../workspace/workspace.ts';

const dayMs = 86_400_000;
/** Noon of a day last week or so: old enough for days of their own, too young for any log to forget it. */
export const day = (no: number, second = 0) =>
  new Date((Math.floor(Date.now() / dayMs) - 10 + no) * dayMs + dayMs / 2 + second * 1000);

export function from(message: JsonObject, receivedAt: Date = day(1), sourceId = 'evs_web'): IncomingMessage {
  return { message, receivedAt, sourceId };
}

/** Every row of every table, partitions and all schemas that are not Postgres' own: `table<TAB>row`. */
export async function dumpLines({ pool }: Database): Promise<readonly string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1`,
  );
  const client = await pool.connect();
  try {
    const lines: string[] = [];
    for (const { name } of rows) {
      let text = '';
      await pipeline(client.query(copyTo(`COPY ${name} TO STDOUT`)), async (chunks: AsyncIterable<Buffer>) => {
        for await (const chunk of chunks) text += chunk.toString('latin1');
      });
      const own = Buffer.from(text, 'latin1').toString().split('\n').slice(0, -1);
      lines.push(...own.map((line) => `${name.replace('public.', '')}\t${line}`));
    }
    return lines;
  } finally {
    client.release();
  }
}

/* ---- a world with people in it ---- */

/** Everything that belongs to the person holds this, in some spelling. */
export const canary = 'c4n4ry';

export interface PeopledWorld extends AsyncDisposable {
  readonly world: World;
  readonly db: Database;
  /** With e-mail addresses above user ids: so messages with one person's user id can come to another's profile. */
  readonly second: Space;
  readonly jobs: readonly ResolvedMapping[];
  write(space: SpaceRef, ...messages: IncomingMessage[]): Promise<readonly Outcome[]>;
  /** The segment ids of the person, in both spaces. */
  segmentIds(): Promise<readonly string[]>;
}

const emailFirst = (): SpaceSettings => {
  const { identifiers, autoRegister } = defaultSpaceSettings();
  const [userId, email, ...others] = identifiers;
  return { identifiers: [email, userId, ...others].flatMap((rule) => rule ?? []), autoRegister };
};

/** Two people with the same kinds of traces: the canary, and somebody else. */
export async function openPeopledWorld(): Promise<PeopledWorld> {
  const world = await openWorld({ settings: { retrySyncs: 2 } });
  const { db, space, context } = world;
  const second = await createSpace(db.pool, 'second', emailFirst());
  const write = async (to: SpaceRef, ...messages: IncomingMessage[]) =>
    (await context.writer.write(to, messages)).outcomes;
  for (const who of [canary, 'somebody']) {
    for (const message of tracesOf(who)) await write(space, message);
    await write(second, ...tracesOf(who).slice(0, 5));
  }
  // An event with the canary's user id that comes to somebody else, who has the e-mail address.
  const stray = { type: 'track', event: 'Odd', userId: `${canary}-user`, messageId: `${canary}-user.stray` };
  await write(second, from({ ...stray, properties: { email: 'somebody@example.org' } }, day(2)));
  // One that only looks so.
  const friend = { type: 'track', event: 'Invited', userId: 'somebody-user', messageId: 'somebody-invites' };
  await write(second, from({ ...friend, properties: { userId: 'nobody-user' } }, day(2)));
  const jobs = await syncPeople(world);
  return {
    world,
    db,
    second,
    jobs,
    write,
    async segmentIds() {
      const { rows } = await db.pool.query<{ profile_id: string }>(
        `SELECT profile_id FROM profiles WHERE collection = 'users' AND identifiers::text ILIKE $1`,
        [`%${canary}%`],
      );
      return rows.map((row) => row.profile_id);
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

/** In the order of arrival; the first five are enough for a merged profile with events. */
export function tracesOf(who: string): readonly IncomingMessage[] {
  const [userId, anonymousId, email] = [`${who}-user`, `${who}-anon`, `${who.toUpperCase()}@Example.org`];
  const external = (type: string, id: string) => ({ id, type, collection: 'users', encoding: 'none' });
  let no = 0;
  const send = (on: number, message: JsonObject) => {
    no += 1;
    return from({ messageId: `${who}-user.${no}`, ...message }, day(on, no));
  };
  const bought = { type: 'track', event: 'Bought' };
  const longId = 'g'.repeat(501);
  return [
    send(1, { type: 'identify', anonymousId, traits: { nickname: `${who} the first` } }),
    send(1, { type: 'identify', userId, traits: { email, name: `${who} name`, city: { of: `${who} city` } } }),
    send(2, { ...bought, anonymousId, properties: { gift: `for ${who}` } }),
    send(3, { ...bought, userId, context: { groupId: 'acme' }, properties: { note: `"${who}" \u00e9` } }),
    // Joins the two profiles.
    send(3, { type: 'identify', userId, anonymousId, context: { consent: { categoryPreferences: { Ads: true } } } }),
    send(4, { type: 'group', userId, groupId: 'acme', traits: { plan: 'gold' } }),
    send(4, {
      type: 'identify',
      userId,
      traits: {},
      context: {
        messaging_subscriptions: [
          { key: email, type: 'EMAIL', status: 'SUBSCRIBED' },
          { key: `+33-${who}`, type: 'SMS', status: 'UNSUBSCRIBED' },
        ],
        externalIds: [external('email', email), external('phone', `+33-${who}`)],
      },
    }),
    send(5, { type: 'page', userId, name: `${who} page`, properties: { url: `https://example.org/${who}` } }),
    // What the log tells of: dropped with a user id, dropped without, an identifier not taken.
    send(5, { ...bought, userId, context: { groupId: longId } }),
    send(5, { ...bought, anonymousId, context: { groupId: longId } }),
    send(5, { ...bought, userId, anonymousId, properties: { email: 'null' } }),
    send(6, { type: 'alias', userId, previousId: anonymousId }),
  ];
}

/** A real sync into the space, and two to an endpoint that refuses: its rows are kept, fail, and are given up. */
async function syncPeople(world: World): Promise<readonly ResolvedMapping[]> {
  const people = [canary, 'somebody'].map((who) => `('${who}-user', '${who}@example.org', '${who} in the warehouse')`);
  await world.sql(
    'CREATE TABLE people (id VARCHAR, email VARCHAR, name VARCHAR)',
    `INSERT INTO people VALUES ${people.join(', ')}`,
    'CREATE TABLE rows (id VARCHAR, email VARCHAR, name VARCHAR)',
    `INSERT INTO rows SELECT 'row ' || email, email, name FROM people`,
  );
  const good = await world.job();
  await runSync(world.context, good);
  const bad = await world.job();
  const refusing = world.withEndpoint(fakeEndpoint(() => refused));
  const byMail = await world.job({
    query: 'SELECT id, email, name FROM rows',
    fields: {
      anonymous_id: { '@path': '$.properties.email' },
      traits: { email: { '@path': '$.properties.email' }, name: { '@path': '$.properties.name' } },
    },
  });
  for (let time = 1; time <= 3; time += 1) for (const job of [bad, byMail]) await runSync(refusing, job);
  return [good, bad, byMail];
}
