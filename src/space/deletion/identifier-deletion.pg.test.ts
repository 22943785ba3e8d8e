/** Identifiers taken away while others write: whatever the order, table and profiles agree, and nothing else is lost. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { SpaceHand } from '../../../test/space-hand.ts';
import type { Database } from '../../db/db.ts';
import { createSpaceWriter, deleteIdentifier } from '../space.ts';

let db: Database;
beforeAll(async () => {
  db = await testDatabase({ poolSize: 20 });
});
afterAll(() => db.close());

const now = new Date('2026-05-01T00:00:00Z');
const remove = (hand: SpaceHand, userId: string, type: string, value: string) =>
  deleteIdentifier(db, hand.space.no, { userId, type, value, now });

/** Keys with their owner, as the table has them and as the profiles have them. */
async function ownersOf(hand: SpaceHand) {
  const table = await db.pool.query('SELECT key, profile_id FROM identifiers WHERE space_no = $1 ORDER BY 1', [
    hand.space.no,
  ]);
  const profiles = await db.pool.query(
    `SELECT 'u:' || (i ->> 'type') || ':' || (i ->> 'value') COLLATE "C" AS key, profile_id
      FROM profiles, json_array_elements(identifiers) AS i WHERE space_no = $1 ORDER BY 1`,
    [hand.space.no],
  );
  return { table: table.rows, profiles: profiles.rows };
}

test('a space that nobody has written to has no such profile, and gets no counter', async () => {
  const hand = new SpaceHand(db);
  expect(await remove(hand, 'u1', 'email', 'a@b.c')).toBe('profile_not_found');
  expect((await db.pool.query('SELECT FROM space_heads WHERE space_no = $1', [hand.space.no])).rows).toHaveLength(0);
});

test('a space whose counter is gone gets one', async () => {
  const hand = new SpaceHand(db);
  await hand.send({ type: 'identify', userId: 'u1', traits: { email: 'a@b.c' } });
  await db.pool.query('DELETE FROM space_heads WHERE space_no = $1', [hand.space.no]);
  expect(await remove(hand, 'u1', 'email', 'a@b.c')).toBe('deleted');
});

test('an updated_at that lies ahead stays', async () => {
  const hand = new SpaceHand(db);
  hand.pass(60_000);
  await hand.send({ type: 'identify', userId: 'u1', traits: { email: 'a@b.c' } });
  expect(await remove(hand, 'u1', 'email', 'a@b.c')).toBe('deleted');
  expect((await hand.profile('user_id', 'u1'))?.updatedAt).toBe(hand.time());
});

test('four writers and deletions at once', async () => {
  const hand = new SpaceHand(db);
  const writers = [1, 2, 3, 4].map(() => createSpaceWriter({ db }));
  const users = ['u0', 'u1', 'u2'];
  for (const userId of users) await hand.send({ type: 'identify', userId, traits: {} });
  const writing = Array.from({ length: 120 }, (_, n) => {
    const userId = users[n % 3] as string;
    // The addresses wander from one to the other as they are taken away and brought again.
    const message = { type: 'identify', userId, traits: { email: `e${n % 4}@b.c`, [`t${n}`]: n } };
    return hand.sendBy(writers[n % 4] as (typeof writers)[number], message);
  });
  const deleting = Array.from({ length: 60 }, (_, n) => remove(hand, users[n % 3] as string, 'email', `e${n % 4}@b.c`));
  const deletions = await Promise.all(deleting);
  await Promise.all(writing);
  for (const writer of writers) await writer[Symbol.asyncDispose]();
  for (const outcome of deletions) expect(['deleted', 'identifier_not_found']).toContain(outcome);
  const { table, profiles } = await ownersOf(hand);
  expect(table).toEqual(profiles);
  for (const [at, userId] of users.entries()) {
    const keys = (await hand.profile('user_id', userId))?.traits.map(({ key }) => key) ?? [];
    const expected = Array.from({ length: 120 }, (_, n) => n).filter((n) => n % 3 === at);
    expect(keys.filter((key) => key !== 'email').sort()).toEqual(expected.map((n) => `t${n}`).sort());
  }
});

test('taken away and brought again, over and over: each deletion finds what was written before it', async () => {
  const hand = new SpaceHand(db);
  await using writer = createSpaceWriter({ db });
  for (let n = 0; n < 25; n += 1) {
    await hand.sendBy(writer, { type: 'identify', userId: `u${n % 2}`, traits: { email: 'a@b.c' } });
    expect(await remove(hand, `u${n % 2}`, 'email', 'a@b.c')).toBe('deleted');
  }
  const { table, profiles } = await ownersOf(hand);
  expect(table).toEqual(profiles);
  expect(table.map(({ key }) => key)).toEqual(['u:user_id:u0', 'u:user_id:u1']);
});
