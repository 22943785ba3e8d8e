/** The rules of suppression and deletion, one by one. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase, testLog } from '../../test/database.ts';
import { isMillraceError } from '../base/errors.ts';
import type { JsonObject } from '../base/json.ts';
import type { Database } from '../db/db.ts';
import {
  createInlet,
  createSpaceReader,
  createSpaceWriter,
  defaultSpaceSettings,
  type IncomingMessage,
  type SpaceReader,
  type SpaceSettings,
  type SpaceWriter,
} from '../space/space.ts';
import { createSpace, type Space } from '../workspace/workspace.ts';
import { from } from './privacy.test-support.ts';
import {
  cancelRegulation,
  createRegulation,
  getRegulation,
  listRegulations,
  type PrivacyContext,
  type RegulationType,
  readSuppressions,
  regulationTypes,
  runRegulations,
  startRegulationWorker,
} from './privacy.ts';

let db: Database;
let writer: SpaceWriter;
let reader: SpaceReader;
let context: PrivacyContext;
let space: Space;
let made = 0;

beforeAll(async () => {
  db = await testDatabase();
  writer = createSpaceWriter({ db });
  reader = createSpaceReader({ db });
  context = { db, log: testLog(), clock: { now: () => new Date() } };
});
beforeEach(async () => {
  await db.pool.query('TRUNCATE regulations, suppressions');
  made += 1;
  space = await createSpace(db.pool, `space-${made}`);
});
afterAll(async () => {
  await writer[Symbol.asyncDispose]();
  await db.close();
});

const identify = (userId: string, traits: JsonObject = {}) => ({ type: 'identify', userId, traits });

/** What became of a message: `applied`, or the reason of its drop. */
async function send(message: JsonObject | IncomingMessage, to: Space = space): Promise<string> {
  const incoming = 'receivedAt' in message ? (message as IncomingMessage) : from(message as JsonObject, new Date());
  const { outcomes } = await writer.write(to, [incoming]);
  const [outcome] = outcomes;
  return outcome?.kind === 'dropped' ? outcome.reason : 'applied';
}

const regulate = (type: RegulationType, subjectIds: readonly string[], sourceId?: string) =>
  createRegulation(db, { type, subjectIds, sourceId });

const find = (type: string, value: string) => reader.profile(space.no, 'users', { kind: 'identifier', type, value });

async function spaceWith(settings: SpaceSettings): Promise<void> {
  made += 1;
  space = await createSpace(db.pool, `space-${made}`, settings);
}

describe('suppression', () => {
  test('holds from the moment it is stored, for every source and space, and ends with UNSUPPRESS', async () => {
    const other = await createSpace(db.pool, `other-${made}`);
    expect(await send(identify('u1'))).toBe('applied');
    const { status, finishedAt, subjectIds } = await regulate('SUPPRESS_ONLY', ['u1', 'u2', 'u1']);
    expect({ status, subjectIds }).toEqual({ status: 'FINISHED', subjectIds: [] });
    expect(finishedAt).toBeInstanceOf(Date);
    for (const to of [space, other]) {
      expect(await send(identify('u1'), to)).toBe('suppressed');
      expect(await send(from(identify('u2'), new Date(), 'evs_other'), to)).toBe('suppressed');
      expect(await send(identify('u3'), to)).toBe('applied');
    }
    // What was there stays.
    expect(await find('user_id', 'u1')).not.toBeNull();
    await regulate('UNSUPPRESS', ['u1']);
    expect(await send(identify('u1'))).toBe('applied');
    expect(await send(identify('u2'))).toBe('suppressed');
  });

  test('holds in a space that was never written to, and in one that is made later', async () => {
    await regulate('SUPPRESS_ONLY', ['u1']);
    const later = await createSpace(db.pool, `later-${made}`);
    expect(await send(identify('u1'))).toBe('suppressed');
    expect(await send(identify('u1'), later)).toBe('suppressed');
  });

  test.each([
    ['with blanks around it', { type: 'track', event: 'e', userId: ' u1\t' }],
    ['as a number', { type: 'track', event: 'e', userId: 7 }],
    ['among other ids', { type: 'identify', userId: 'u9', context: externalUserId('u1') }],
    ['without a userId', { type: 'identify', context: externalUserId('u1') }],
    ['on a group', { type: 'group', userId: 'u1', groupId: 'g' }],
    ['on an alias', { type: 'alias', userId: 'u1', previousId: 'a' }],
  ])('a suppressed id is recognized %s', async (_, message) => {
    await regulate('SUPPRESS_ONLY', ['u1', '7']);
    expect(await send(message)).toBe('suppressed');
  });

  test('through the inlet too, among messages of others', async () => {
    await using inlet = createInlet({ writer, maxWaitingBytes: 1e6 });
    await regulate('SUPPRESS_ONLY', ['u1']);
    const taken = ['u1', 'u2'].map((userId) => inlet.take(space, [from(identify(userId), new Date())], 100));
    const outcomes = (await Promise.all(taken)).flat();
    expect(outcomes).toMatchObject([{ kind: 'dropped', reason: 'suppressed' }, { kind: 'applied' }]);
  });

  test('matches exactly; messages with only another identifier of the person pass', async () => {
    await send({ ...identify('u1', { email: 'u1@x.org' }), anonymousId: 'a1' });
    await regulate('SUPPRESS_ONLY', ['u1']);
    expect(await send(identify('U1'))).toBe('applied');
    expect(await send({ type: 'track', event: 'e', anonymousId: 'a1' })).toBe('applied');
  });

  test('the log tells that something was refused, and not of whom', async () => {
    await regulate('SUPPRESS_ONLY', ['u1']);
    await send({ ...identify('u1'), messageId: 'm-u1' });
    const { rows } = await db.pool.query('SELECT reason, message_id, user_hash FROM space_log WHERE space_no = $1', [
      space.no,
    ]);
    expect(rows).toEqual([{ reason: 'suppressed', message_id: null, user_hash: null }]);
  });

  test('of one source: only what that one brings', async () => {
    await regulate('SUPPRESS_ONLY', ['u1'], 'evs_a');
    expect(await send(from(identify('u1'), new Date(), 'evs_a'))).toBe('suppressed');
    expect(await send(from(identify('u1'), new Date(), 'evs_b'))).toBe('applied');
    await regulate('UNSUPPRESS', ['u1'], 'evs_b');
    expect(await send(from(identify('u1'), new Date(), 'evs_a'))).toBe('suppressed');
    await regulate('UNSUPPRESS', ['u1'], 'evs_a');
    expect(await send(from(identify('u1'), new Date(), 'evs_a'))).toBe('applied');
  });

  test('the workspace beats a source', async () => {
    await regulate('SUPPRESS_ONLY', ['u1']);
    await regulate('UNSUPPRESS', ['u1'], 'evs_a');
    expect(await send(from(identify('u1'), new Date(), 'evs_a'))).toBe('suppressed');
    await regulate('SUPPRESS_ONLY', ['u1'], 'evs_a');
    await regulate('UNSUPPRESS', ['u1']);
    expect(await send(from(identify('u1'), new Date(), 'evs_a'))).toBe('applied');
  });

  test('the list of the suppressed, in pages', async () => {
    await regulate('SUPPRESS_ONLY', ['u3', 'u1']);
    const { id } = await regulate('SUPPRESS_ONLY', ['u1'], 'evs_a');
    await regulate('SUPPRESS_ONLY', ['u2']);
    const listed: unknown[] = [];
    let next: string | undefined;
    do {
      const page = await readSuppressions(db.pool, { limit: 2, next });
      expect(page.items.length).toBeLessThanOrEqual(2);
      listed.push(...page.items.map(({ userId, sourceId }) => [userId, sourceId]));
      next = page.next ?? undefined;
    } while (next !== undefined);
    expect(listed).toEqual([
      ['u1', null],
      ['u1', 'evs_a'],
      ['u2', null],
      ['u3', null],
    ]);
    const [, ofSource] = (await readSuppressions(db.pool, { limit: 10 })).items;
    expect(ofSource).toMatchObject({ regulationId: id, createdAt: expect.stringMatching(/Z$/) });
    await expect(readSuppressions(db.pool, { limit: 2, next: 'bad' })).rejects.toMatchObject({
      code: 'cursor_invalid',
    });
  });
});

function externalUserId(id: string): JsonObject {
  return { externalIds: [{ id, type: 'user_id', collection: 'users', encoding: 'none' }] };
}

describe('deletion', () => {
  test('afterwards no identifier leads anywhere; a new message makes a fresh profile', async () => {
    await send({ ...identify('u1', { email: 'U1@x.org', plan: 'a' }), anonymousId: 'a1' });
    const before = await find('user_id', 'u1');
    const regulation = await regulate('DELETE_ONLY', ['u1']);
    expect(regulation).toMatchObject({ status: 'INITIALIZED', subjectIds: ['u1'], finishedAt: null });
    expect(await find('email', 'u1@x.org')).not.toBeNull();
    expect(await runRegulations(context)).toBe(1);
    for (const [type, value] of [
      ['user_id', 'u1'],
      ['email', 'u1@x.org'],
      ['anonymous_id', 'a1'],
    ] as const) {
      expect(await find(type, value)).toBeNull();
    }
    expect(await reader.profile(space.no, 'users', { kind: 'segment_id', id: before?.segmentId ?? '' })).toBeNull();
    expect(await send(identify('u1', { city: 'x' }))).toBe('applied');
    const fresh = await find('user_id', 'u1');
    expect(fresh?.segmentId).not.toBe(before?.segmentId);
    expect(fresh?.traits.map(({ key }) => key)).toEqual(['city']);
    expect(fresh?.externalIds.map(({ type }) => type)).toEqual(['user_id']);
  });

  test('is keyed by user id: the profile of another identifier with the same value stays', async () => {
    await send({ type: 'identify', anonymousId: 'u1' });
    await regulate('DELETE_ONLY', ['u1']);
    await runRegulations(context);
    expect(await find('anonymous_id', 'u1')).not.toBeNull();
  });

  test('when other user ids share the profile, the whole profile goes, with events of each', async () => {
    const { identifiers, autoRegister } = defaultSpaceSettings();
    await spaceWith({ identifiers: identifiers.map((rule) => ({ ...rule, limit: 5 })), autoRegister });
    await send(identify('u1', { email: 'both@x.org' }));
    await send(identify('u2', { email: 'both@x.org' }));
    await send({ type: 'track', event: 'e', userId: 'u2', messageId: 'm1' });
    await send({ type: 'track', event: 'e', userId: 'u2', messageId: 'm2', context: { groupId: '' } });
    await regulate('DELETE_ONLY', ['u1']);
    await runRegulations(context);
    expect(await find('user_id', 'u2')).toBeNull();
    for (const table of ['profiles', 'identifiers', 'events', 'space_log']) {
      const { rows } = await db.pool.query(`SELECT FROM ${table} WHERE space_no = $1`, [space.no]);
      expect([table, rows.length]).toEqual([table, 0]);
    }
  });

  test('what comes after an UNSUPPRESS is not covered by a deletion before it', async () => {
    await send(identify('u1', { old: 1 }));
    await regulate('SUPPRESS_WITH_DELETE', ['u1']);
    const end = await regulate('UNSUPPRESS', ['u1']);
    // The deletion has not been run: until then the suppression stays.
    expect(end.status).toBe('INITIALIZED');
    expect(await send(identify('u1', { lost: 1 }))).toBe('suppressed');
    expect(await runRegulations(context, { only: end.id })).toBe(0);
    expect(await runRegulations(context)).toBe(2);
    expect(await getRegulation(db.pool, end.id)).toMatchObject({ status: 'FINISHED', subjectIds: [] });
    expect(await send(identify('u1', { fresh: 1 }))).toBe('applied');
    expect((await find('user_id', 'u1'))?.traits.map(({ key }) => key)).toEqual(['fresh']);
    expect(await runRegulations(context)).toBe(0);
    expect(await find('user_id', 'u1')).not.toBeNull();
  });

  test('a suppression that comes after a waiting UNSUPPRESS stays', async () => {
    await regulate('SUPPRESS_WITH_DELETE', ['u1', 'u2']);
    await regulate('UNSUPPRESS', ['u1', 'u2']);
    await regulate('SUPPRESS_ONLY', ['u2']);
    expect(await runRegulations(context)).toBe(2);
    expect((await readSuppressions(db.pool, { limit: 10 })).items.map(({ userId }) => userId)).toEqual(['u2']);
  });

  test('contacts: those of the person go, addresses that belong to others stay', async () => {
    const subscribed = (userId: string, key: string) => ({
      ...identify(userId, { email: key }),
      context: { messaging_subscriptions: [{ key, type: 'EMAIL', status: 'SUBSCRIBED' }] },
    });
    await send(subscribed('u1', 'own@x.org'));
    await send(subscribed('u2', 'shared@x.org'));
    // The address is u2's: u1 only has it as a trait.
    await send(subscribed('u1', 'shared@x.org'));
    await regulate('DELETE_ONLY', ['u1']);
    await runRegulations(context);
    const keys = ['own@x.org', 'shared@x.org'].map((key) => ({ channel: 'EMAIL' as const, key }));
    expect((await reader.subscriptions(space.no, keys)).map(({ key }) => key)).toEqual(['shared@x.org']);
  });

  test('two processes at once share the work', async () => {
    for (const userId of ['u1', 'u2', 'u3', 'u4']) {
      await send(identify(userId));
      await regulate('DELETE_INTERNAL', [userId]);
    }
    const finished = await Promise.all([1, 2, 3].map(() => runRegulations(context)));
    expect(finished.reduce((a, b) => a + b)).toBe(4);
    expect(await reader.count(space.no, 'users')).toBe(0);
  });

  test('a destination outside the database could not be told, and is named', async () => {
    const now = new Date();
    const columns = 'engine, settings, enabled, created_at, updated_at';
    await db.pool.query(
      `INSERT INTO sources (id, name, ${columns}) VALUES ('src_1', 's', 'duckdb', '{}', true, $1, $1)`,
      [now],
    );
    for (const [id, endpoint] of [
      ['dst_1', 'cloud'],
      ['dst_2', 'local'],
    ]) {
      await db.pool.query(
        `INSERT INTO destinations (id, name, source_id, slug, settings, enabled, created_at, updated_at)
         VALUES ($1, $1, 'src_1', 'x', $2, true, $3, $3)`,
        [id, { endpoint }, now],
      );
    }
    const regulations = [];
    for (const type of ['DELETE_ONLY', 'DELETE_INTERNAL'] as const) regulations.push(await regulate(type, ['u1']));
    await runRegulations(context);
    const details = await Promise.all(regulations.map(async ({ id }) => (await getRegulation(db.pool, id)).detail));
    expect(details[0]?.destinations).toEqual([{ id: 'dst_1', name: 'dst_1', status: 'NOT_SUPPORTED' }]);
    expect(details[1]).not.toHaveProperty('destinations');
  });

  test('5,000 people of whom nothing is known', async () => {
    const { id } = await regulate(
      'DELETE_ONLY',
      Array.from({ length: 5_000 }, (_, n) => `nobody-${n}`),
    );
    await runRegulations(context);
    expect(await getRegulation(db.pool, id)).toMatchObject({ status: 'FINISHED', subjects: 5_000 });
  });
});

describe('requests', () => {
  const refused = async (request: object) => {
    try {
      await createRegulation(db, request as Parameters<typeof createRegulation>[1]);
    } catch (error) {
      if (isMillraceError(error, 'regulation_invalid')) return error.faults;
      throw error;
    }
    throw new Error('This was not refused.');
  };

  test.each([
    ['an unknown type', { type: 'ERASE', subjectIds: ['u'] }, ['type']],
    ['nobody', { type: 'SUPPRESS_ONLY', subjectIds: [] }, ['subjectIds']],
    ['too many', { type: 'SUPPRESS_ONLY', subjectIds: Array(5_001).fill('u') }, ['subjectIds']],
    ['too much', { type: 'SUPPRESS_ONLY', subjectIds: Array(5_000).fill('é'.repeat(500)) }, ['subjectIds']],
    ['blanks', { type: 'SUPPRESS_ONLY', subjectIds: ['u', '  '] }, ['subjectIds[1]']],
    ['no text', { type: 'SUPPRESS_ONLY', subjectIds: ['u', 5, null] }, ['subjectIds[1]', 'subjectIds[2]']],
    ['a long one', { type: 'SUPPRESS_ONLY', subjectIds: ['é'.repeat(500), 'x'.repeat(501)] }, ['subjectIds[1]']],
    [
      'what cannot be stored',
      { type: 'SUPPRESS_ONLY', subjectIds: ['a\0b', '\ud800'] },
      ['subjectIds[0]', 'subjectIds[1]'],
    ],
    ['an empty source', { type: 'SUPPRESS_ONLY', subjectIds: ['u'], sourceId: '' }, ['sourceId']],
    ['everything', { type: '', subjectIds: [''], sourceId: '' }, ['type', 'sourceId', 'subjectIds[0]']],
  ])('%s is refused, with every fault, and changes nothing', async (_, request, places) => {
    const faults = await refused(request);
    expect(faults.map(({ where }) => where)).toEqual(places);
    for (const { message } of faults) expect(message).not.toMatch(/xxxx|a\0b/);
    expect((await listRegulations(db.pool, { limit: 10 })).items).toEqual([]);
    expect((await readSuppressions(db.pool, { limit: 10 })).items).toEqual([]);
  });

  test('every type is taken; the list has filters and pages, and forgets after 90 days', async () => {
    for (const type of regulationTypes) await regulate(type, ['u1'], type === 'UNSUPPRESS' ? 'evs_a' : undefined);
    const all = await listRegulations(db.pool, { limit: 10 });
    expect(all.items.map(({ type }) => type)).toEqual([...regulationTypes].reverse());
    expect(all.next).toBeNull();
    const pages: string[][] = [];
    let next: string | undefined;
    do {
      const page = await listRegulations(db.pool, { limit: 4, next });
      pages.push(page.items.map(({ id }) => id));
      next = page.next ?? undefined;
    } while (next !== undefined);
    expect(pages.map((page) => page.length)).toEqual([4, 2]);
    expect(pages.flat()).toEqual(all.items.map(({ id }) => id));
    const typesOf = async (query: object) =>
      (await listRegulations(db.pool, { limit: 10, ...query })).items.map(({ type }) => type);
    expect(await typesOf({ status: 'FINISHED' })).toEqual(['UNSUPPRESS', 'SUPPRESS_ONLY']);
    expect(await typesOf({ types: ['DELETE_ONLY', 'SUPPRESS_ONLY'] })).toEqual(['DELETE_ONLY', 'SUPPRESS_ONLY']);
    expect(await typesOf({ sourceId: 'evs_a' })).toEqual(['UNSUPPRESS']);
    expect(await typesOf({ sourceId: null })).toHaveLength(5);
    await expect(listRegulations(db.pool, { limit: 4, next: 'WyJ4Il0' })).rejects.toMatchObject({
      code: 'cursor_invalid',
    });
    const inSummer = { now: () => new Date(Date.now() + 91 * 86_400_000) };
    expect((await listRegulations(db.pool, { limit: 10 }, inSummer)).items).toEqual([]);
    await expect(getRegulation(db.pool, 'reg_none')).rejects.toMatchObject({ code: 'regulation_not_found' });
  });
});

describe('the worker', () => {
  test('runs what comes, and what failed when its time has come', async () => {
    let ahead = 0;
    const clock = { now: () => new Date(Date.now() + ahead) };
    await using worker = startRegulationWorker({ ...context, clock, everyMs: 5 });
    const statusOf = async (id: string) => (await getRegulation(db.pool, id)).status;
    const until = async (id: string, wanted: string) => {
      while ((await statusOf(id)) !== wanted) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await send(identify('u1'));
    const first = await regulate('DELETE_ONLY', ['u1']);
    await until(first.id, 'FINISHED');
    expect(await find('user_id', 'u1')).toBeNull();

    await send(identify('u2'));
    await db.pool.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE 'the value % is refused', OLD.identifiers; END $$`);
    await db.pool.query('CREATE TRIGGER refuse BEFORE DELETE ON profiles FOR EACH ROW EXECUTE FUNCTION refuse()');
    const second = await regulate('DELETE_ONLY', ['u2']);
    await until(second.id, 'FAILED');
    const { detail } = await getRegulation(db.pool, second.id);
    expect(detail.reason).toBe('Something failed (P0001); the log says more.');
    await db.pool.query('DROP TRIGGER refuse ON profiles');
    ahead = 60_000;
    await until(second.id, 'FINISHED');
    expect(await find('user_id', 'u2')).toBeNull();
    expect((await getRegulation(db.pool, second.id)).detail).not.toHaveProperty('reason');
    await worker[Symbol.asyncDispose]();
  });
});

describe('a regulation that is taken back', () => {
  const make = async (type: RegulationType, ...subjectIds: readonly string[]) =>
    (await createRegulation(db, { type, subjectIds })).id;

  test('leaves those suppressed whom another one suppresses, before or since', async () => {
    await make('SUPPRESS_ONLY', 'before');
    const taken = await make('SUPPRESS_WITH_DELETE', 'before', 'since', 'waiting', 'later', 'alone');
    await make('SUPPRESS_ONLY', 'since');
    const other = await make('SUPPRESS_WITH_DELETE', 'waiting');
    await createRegulation(db, { type: 'SUPPRESS_WITH_DELETE', subjectIds: ['alone'], sourceId: 'src_other' });
    await cancelRegulation(db, taken);
    const stays = ['before', 'since', 'waiting'];
    for (const userId of stays) expect(await send(identify(userId))).toBe('suppressed');
    for (const userId of ['later', 'alone']) expect(await send(identify(userId))).toBe('applied');
    await cancelRegulation(db, other);
    expect(await send(identify('waiting'))).toBe('applied');
    await expect(getRegulation(db.pool, taken)).rejects.toMatchObject({ code: 'regulation_not_found' });
  });

  test('hands what it suppressed first to one that waits too', async () => {
    const first = await make('SUPPRESS_WITH_DELETE', 'both');
    const second = await make('SUPPRESS_WITH_DELETE', 'both');
    await cancelRegulation(db, second);
    expect(await send(identify('both'))).toBe('suppressed');
    await cancelRegulation(db, first);
    expect(await send(identify('both'))).toBe('applied');
  });

  test('cannot be, once it runs; and is not run, once it is taken back', async () => {
    await send(identify('u1', { plan: 'pro' }));
    const begun = await make('DELETE_INTERNAL', 'u1');
    expect(await runRegulations(context)).toBe(1);
    await expect(cancelRegulation(db, begun)).rejects.toMatchObject({ code: 'regulation_begun' });
    await send(identify('u2'));
    const [one, other] = [await make('DELETE_INTERNAL', 'u2'), await make('DELETE_INTERNAL', 'u3')];
    await cancelRegulation(db, one);
    expect(await runRegulations(context, { only: one })).toBe(0);
    expect(await runRegulations(context)).toBe(1);
    expect((await getRegulation(db.pool, other)).status).toBe('FINISHED');
    const key = { kind: 'identifier', type: 'user_id', value: 'u2' } as const;
    expect(await reader.profile(space.no, 'users', key)).not.toBeNull();
  });
});
