/** What is computed of accounts and their people, and of profiles that did very much. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase, testLog } from '../../test/database.ts';
import type { JsonObject } from '../base/json.ts';
import type { Database } from '../db/db.ts';
import { deletePeople } from '../space/space.ts';
import { ComputingSpace, markDeleted } from './audience.test-support.ts';
import { batchEveryMs, computeAccountsAgain } from './compute.ts';

let db: Database;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());

/** What an account holds beside what was said of it. */
async function computedOf(space: ComputingSpace, groupId: string) {
  const profile = await space.profile('group_id', groupId, 'accounts');
  const entries = profile?.traits.filter((trait) => trait.class !== 'custom').map(({ key, value }) => [key, value]);
  return Object.fromEntries(entries ?? []);
}

test('accounts: any, all and none of their users', async () => {
  await using space = await ComputingSpace.create(db, 'accounts');
  const trained = "event('Trained').count() >= 1";
  await space.define('audience', 'any_user', `ANY ${trained}`, { entity: 'ACCOUNTS' });
  await space.define('audience', 'all_users', `ALL ${trained}`, { entity: 'ACCOUNTS' });
  await space.define('audience', 'no_user', `NOT ANY ${trained}`, { entity: 'ACCOUNTS' });
  await space.define('computed_trait', 'trainings', "event('Trained').count()", { entity: 'ACCOUNTS' });
  const group = (userId: string, groupId: string) => ({ type: 'group', userId, groupId, traits: { seats: 5 } });
  const train = (userId: string) => ({ type: 'track', event: 'Trained', userId });
  await space.send(group('u1', 'half'), group('u2', 'half'), group('u3', 'full'), group('u4', 'empty'));
  await space.send(train('u1'), train('u3'), train('u3'));
  await space.compute();
  expect(await computedOf(space, 'half')).toEqual({ any_user: true, trainings: 1 });
  expect(await computedOf(space, 'full')).toEqual({ any_user: true, all_users: true, trainings: 2 });
  expect(await computedOf(space, 'empty')).toEqual({ no_user: true });
});

test('what is worked out for an account does not outlive the person it came from', async () => {
  await using space = await ComputingSpace.create(db, 'account-privacy');
  const last = "event('Buy').last(property('email'))";
  await space.define('computed_trait', 'last_buyer', last, { entity: 'ACCOUNTS' });
  const old = await space.define('computed_trait', 'old_buyer', last, { entity: 'ACCOUNTS' });
  const buy = (userId: string) => ({
    type: 'track',
    event: 'Buy',
    userId,
    properties: { email: `${userId}@example.org` },
  });
  await space.send(...['u1', 'u2'].map((userId) => ({ type: 'group', userId, groupId: 'g', traits: { seats: 5 } })));
  await space.send(buy('u2'));
  space.pass(1000);
  await space.send(buy('u1'));
  await space.compute();
  await markDeleted(db, old, space.now + 1);
  await space.compute();
  const held = async () => {
    const profile = await space.profile('group_id', 'g', 'accounts');
    return Object.fromEntries(profile?.traits.map(({ key, value }) => [key, value]) ?? []);
  };
  expect(await held()).toEqual({ seats: 5, last_buyer: 'u1@example.org', old_buyer: 'u1@example.org' });
  await deletePeople(db, { jobId: 'account', spaceNo: space.space.no, userIds: ['u1'] });
  expect(await held()).toEqual({ seats: 5 });
  await computeAccountsAgain(db, space.space.no, new Date(space.now));
  await space.compute();
  expect(await held()).toEqual({ seats: 5, last_buyer: 'u2@example.org' });
});

const group = (userId: string, groupId: string, traits: JsonObject = {}) => ({
  type: 'group',
  userId,
  groupId,
  traits,
});
const person = (userId: string, traits: JsonObject) => ({ type: 'identify', userId, traits });

test('people are asked whether their account is in an audience of accounts', async () => {
  await using space = await ComputingSpace.create(db, 'account-members');
  await space.define('audience', 'small', "trait('seats') < 3", { entity: 'ACCOUNTS' });
  await space.send(
    ...['u1', 'u2', 'u3'].map((userId) => person(userId, { role: 'admin' })),
    ...[person('u4', { role: 'guest' }), person('u3', { small: true })],
    ...[group('u1', 'g1', { seats: 2 }), group('u2', 'g2', { seats: 9 }), group('u4', 'g1')],
  );
  await space.compute();
  await space.define('audience', 'reach', "trait('small') = 'true' AND trait('role') = 'admin'");
  await space.define('audience', 'rest', "NOT trait('small') = 'true'");
  await space.compute();
  const held = async (key: string) => {
    const values = ['u1', 'u2', 'u3', 'u4'].map((userId) => space.value(userId, key));
    return Promise.all(values);
  };
  // Without an account, what was said of the person itself is looked at.
  expect(await held('reach')).toEqual([true, undefined, true, undefined]);
  expect(await held('rest')).toEqual([undefined, true, undefined, undefined]);
  // Joining is enough, and so is that the account changes; nobody says anything about these people.
  await space.send(group('u2', 'g1'));
  await space.compute();
  expect(await held('reach')).toEqual([true, true, true, undefined]);
  await space.send(group('u3', 'g1', { seats: 50 }));
  space.pass(batchEveryMs);
  await space.compute();
  expect(await held('reach')).toEqual([false, false, false, undefined]);
  expect(await held('rest')).toEqual([true, true, true, true]);
  await space.send(group('u3', 'g2', { seats: 1 }));
  space.pass(batchEveryMs);
  await space.compute();
  // In one of their accounts.
  expect(await held('reach')).toEqual([false, true, true, undefined]);
  // One that is switched off still has its members.
  await db.pool.query("UPDATE computations SET enabled = false WHERE space_no = $1 AND key = 'small'", [
    space.space.no,
  ]);
  await space.send(person('u4', { role: 'admin' }), group('u4', 'g2'));
  await space.compute();
  expect(await held('reach')).toEqual([false, true, true, true]);
});

test('an account takes traits of those who did something', async () => {
  await using space = await ComputingSpace.create(db, 'actors');
  const last = ["event('Login').last(trait('email'))", "event('Login').first(trait('address.city'))"] as const;
  await space.define('computed_trait', 'last_login', last[0], { entity: 'ACCOUNTS' });
  await space.define('computed_trait', 'first_city', last[1], { entity: 'ACCOUNTS' });
  const busiest = "event('Login').within(7 days).mode(trait('email'), 2)";
  await space.define('computed_trait', 'busiest', busiest, { entity: 'ACCOUNTS' });
  await space.send(
    person('u1', { email: 'ana@example.org', address: { city: 'Oslo' } }),
    person('u2', { email: 'bo@example.org', address: { city: 'Rome' } }),
    ...[group('u1', 'g', { email: 'office@example.org' }), group('u2', 'g'), group('u3', 'g')],
  );
  for (const userId of ['u3', 'u1', 'u1', 'u2']) {
    space.pass(1000);
    await space.send({ type: 'track', event: 'Login', userId });
  }
  await space.compute();
  expect(await computedOf(space, 'g')).toEqual({
    ...{ last_login: 'bo@example.org', first_city: 'Oslo', busiest: 'ana@example.org' },
  });
});

test('what is very much is read in parts, for a person and for the account', { timeout: 120_000 }, async () => {
  await using space = await ComputingSpace.create(db, 'parts');
  const buy = (userId: string) => (_: unknown, at: number) => ({
    ...{ type: 'track', event: 'Buy', userId, messageId: `${userId}-${at}` },
    ...{ properties: { total: at % 7, junk: 'x'.repeat(50) }, context: { page: { path: at % 2 === 0 ? '/a' : '/b' } } },
  });
  const much = Array.from({ length: 21_000 }, buy('u1'));
  await space.send(group('u1', 'g'), group('u2', 'g'), group('u3', 'g'));
  for (let at = 0; at < much.length; at += 3_000) await space.send(...much.slice(at, at + 3_000));
  await space.send(...Array.from({ length: 300 }, buy('u2')), ...Array.from({ length: 200 }, buy('u3')));
  const sum = "event('Buy').where(context('page.path') = '/a').sum(property('total'))";
  await space.define('computed_trait', 'spent', sum);
  await space.define('computed_trait', 'buys', "event('Buy').count()", { entity: 'ACCOUNTS' });
  await space.define('computed_trait', 'spent_of_all', sum, { entity: 'ACCOUNTS' });
  await space.define('audience', 'busy', "ANY event('Buy').count() > 20000", { entity: 'ACCOUNTS' });
  await space.compute();
  const spent = (count: number) =>
    Array.from({ length: count }, (_, at) => (at % 2 === 0 ? at % 7 : 0)).reduce((a, b) => a + b, 0);
  expect(await space.value('u1', 'spent')).toBe(spent(21_000));
  expect(await space.value('u2', 'spent')).toBe(spent(300));
  const ofAll = spent(21_000) + spent(300) + spent(200);
  expect(await computedOf(space, 'g')).toEqual({ buys: 21_500, spent_of_all: ofAll, busy: true });
});

test('too many pairs of events: the profile keeps what it held, others are computed', async () => {
  const warned: unknown[] = [];
  const log = { ...testLog('silent'), warn: (fields: unknown) => void warned.push(fields) };
  await using space = await ComputingSpace.create(db, 'pairs', undefined, log as never);
  const open = (userId: string) => ({ type: 'track', event: 'Open', userId });
  await space.send(...Array.from({ length: 4_000 }, () => open('u1')), open('u2'));
  const narrow = "event('Open').where(event('Open').within(parent: 1 hour).count() >= 1).count() >= 1";
  const wide =
    "event('Open').where(NOT event('Close').count() >= 1 AND event('Open').where(property('a') = 'b').count() = 0).count() >= 1";
  const wideId = await space.define('audience', 'wide', wide);
  await space.define('audience', 'narrow', narrow);
  await space.define('audience', 'opened', "event('Open').count() >= 1");
  await space.compute();
  expect(await space.value('u2', 'wide')).toBe(true);
  expect(await space.value('u1', 'wide')).toBeUndefined();
  expect([await space.value('u1', 'opened'), await space.value('u2', 'narrow')]).toEqual([true, true]);
  const profile = (await space.profile('user_id', 'u1'))?.segmentId;
  expect(warned).toContainEqual({ computation: wideId, profile, profiles: 1 });
});

test('lists that are compared with lists are bounded too, and long ones with what is fixed are not', async () => {
  await using space = await ComputingSpace.create(db, 'lists', undefined, testLog('silent'));
  const list = (length: number) => Array.from({ length }, (_, at) => `v${at}`);
  const track = (userId: string, length: number) => ({
    ...{ type: 'track', event: 'Seen', userId, properties: { a: list(length), b: [...list(length), 'x'] } },
  });
  await space.send(track('u1', 3_000), track('u2', 30));
  await space.define('audience', 'same', "event('Seen').where(property('a.$') = property('b.$')).count() >= 1");
  await space.define('audience', 'fixed', "event('Seen').where(property('a.$').one_of('v2', 'v29')).count() >= 1");
  await space.compute();
  space.pass(batchEveryMs);
  await space.compute();
  expect([await space.value('u1', 'same'), await space.value('u2', 'same')]).toEqual([undefined, true]);
  expect([await space.value('u1', 'fixed'), await space.value('u2', 'fixed')]).toEqual([true, true]);
});

test('accounts that merge tell their people', async () => {
  await using space = await ComputingSpace.create(db, 'account-merge');
  await space.define('audience', 'small', "trait('seats') < 3", { entity: 'ACCOUNTS' });
  await space.define('audience', 'reach', "trait('small') = 'true'");
  await space.send(group('u1', 'g1', { seats: 9 }), group('u2', 'g2', { seats: 2 }), group('u3', 'g3', { seats: 2 }));
  await space.send(group('u4', 'g4', { seats: 9 }));
  await space.compute();
  const held = () => Promise.all(['u1', 'u2', 'u3', 'u4'].map((userId) => space.value(userId, 'reach')));
  expect(await held()).toEqual([undefined, true, true, undefined]);
  const same = (userId: string, groupId: string, other: string, seats: number) => ({
    ...group(userId, groupId, { seats }),
    context: { externalIds: [{ id: other, type: 'group_id', collection: 'accounts', encoding: 'none' }] },
  });
  await space.send(same('u5', 'g1', 'g2', 2), same('u6', 'g4', 'g3', 9));
  for (let run = 0; run < 2; run += 1) {
    await space.compute();
    space.pass(batchEveryMs);
  }
  await space.compute();
  expect((await space.profile('group_id', 'g1', 'accounts'))?.segmentId).toBe(
    (await space.profile('group_id', 'g2', 'accounts'))?.segmentId,
  );
  expect(await held()).toEqual([true, true, false, undefined]);
});

test('an audience of accounts that is made after its readers: people are asked again', async () => {
  await using space = await ComputingSpace.create(db, 'late-account');
  await space.define('audience', 'reach', "trait('small') = 'true'");
  await space.define('audience', 'none', "trait('small').absent()");
  await space.send(person('u1', { small: 'true' }), group('u1', 'g1', { seats: 9 }), group('u2', 'g1'));
  await space.compute();
  expect([await space.value('u1', 'reach'), await space.value('u2', 'none')]).toEqual([true, true]);
  await space.define('audience', 'small', "trait('seats') < 3", { entity: 'ACCOUNTS' });
  await space.compute();
  expect([await space.value('u1', 'reach'), await space.value('u2', 'none')]).toEqual([false, false]);
});
