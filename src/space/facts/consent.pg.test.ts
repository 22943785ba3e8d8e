/** Consent on the real space; vectors 18 and 19 of `profile-space.md` section 8. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { SpaceHand } from '../../../test/space-hand.ts';
import type { Json, JsonObject } from '../../base/json.ts';
import type { Database } from '../../db/db.ts';

let db: Database;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());

const saying = (ids: JsonObject, consent: Json, more: JsonObject = {}): JsonObject => ({
  type: 'track',
  event: 'Seen',
  ...ids,
  ...more,
  context: { consent },
});
const prefer = (ids: JsonObject, categoryPreferences: Json, more?: JsonObject) =>
  saying(ids, { categoryPreferences }, more);
const u1 = { userId: 'u1' };

async function consentOf(hand: SpaceHand, type: string, value: string) {
  const consent = (await hand.profile(type, value))?.consent;
  return consent === null || consent === undefined ? consent : { ...consent };
}

test('18: an empty consent has no effect, empty preferences make all false', async () => {
  const hand = new SpaceHand(db);
  await hand.send(prefer(u1, { Ads: true }));
  hand.pass(1000);
  await hand.send(saying(u1, {}));
  expect(await consentOf(hand, 'user_id', 'u1')).toEqual({ Ads: true });
  await hand.send(prefer(u1, {}));
  expect(await consentOf(hand, 'user_id', 'u1')).toEqual({ Ads: false });
});

test('19: a merge of profiles that differ is a conflict until the next word', async () => {
  const hand = new SpaceHand(db);
  const both = { Ads: false, Fun: true };
  await hand.send(prefer(u1, { Ads: true, Fun: true }), prefer({ anonymousId: 'a1' }, both));
  hand.pass(1000);
  await hand.send({ type: 'track', event: 'Joined', userId: 'u1', anonymousId: 'a1' });
  expect(await consentOf(hand, 'anonymous_id', 'a1')).toEqual({ Ads: 'conflict', Fun: true });
  await hand.send(prefer({ anonymousId: 'a1' }, { Ads: true }));
  expect(await consentOf(hand, 'user_id', 'u1')).toEqual({ Ads: true, Fun: false });
});

test('a message that joins two profiles and speaks of consent decides', async () => {
  const hand = new SpaceHand(db);
  await hand.send(prefer(u1, { Ads: true }), prefer({ anonymousId: 'a1' }, { Ads: false }));
  await hand.send(prefer({ userId: 'u1', anonymousId: 'a1' }, { Ads: false }));
  expect(await consentOf(hand, 'user_id', 'u1')).toEqual({ Ads: false });
});

test('profiles without consent have none after a merge', async () => {
  const hand = new SpaceHand(db);
  await hand.send({ type: 'track', event: 'Seen', ...u1 }, { type: 'track', event: 'Seen', anonymousId: 'a1' });
  await hand.send({ type: 'track', event: 'Seen', userId: 'u1', anonymousId: 'a1' });
  expect(await consentOf(hand, 'user_id', 'u1')).toBeNull();
});

test('the newest message by its time stands, whenever it arrives', async () => {
  const hand = new SpaceHand(db);
  await hand.send(prefer(u1, { Ads: true }, { timestamp: hand.time(1000) }));
  hand.pass(5000);
  await hand.send(prefer(u1, { Ads: false }, { timestamp: hand.time(60_000) }));
  expect(await consentOf(hand, 'user_id', 'u1')).toEqual({ Ads: true });
  await hand.send(prefer(u1, { Ads: false }, { timestamp: hand.time(-60_000) }));
  expect(await consentOf(hand, 'user_id', 'u1')).toEqual({ Ads: false });
  hand.pass(1);
  await hand.send(prefer(u1, { Ads: true }));
  expect(await consentOf(hand, 'user_id', 'u1')).toEqual({ Ads: true });
});

test('preferences that are not all true or false are ignored and logged; the message is taken', async () => {
  const hand = new SpaceHand(db);
  await hand.send(prefer(u1, { Ads: true }));
  hand.pass(1000);
  const outcomes = await hand.send(
    prefer(u1, { Ads: false, Fun: 'yes' }),
    prefer({ userId: 'u1', anonymousId: 'a1' }, ['Ads'], { type: 'identify', traits: { plan: 'x' } }),
  );
  expect(outcomes.map(({ kind }) => kind)).toEqual(['applied', 'applied']);
  expect(await consentOf(hand, 'anonymous_id', 'a1')).toEqual({ Ads: true });
  expect((await hand.profile('user_id', 'u1'))?.traits).toHaveLength(1);
  expect(await hand.log()).toEqual(['violation consent_invalid: ', 'violation consent_invalid: ']);
});

test.each(['identify', 'page', 'screen', 'group', 'alias'])('%s messages carry it too', async (type) => {
  const hand = new SpaceHand(db);
  await hand.send({ type: 'identify', ...u1, traits: {} });
  await hand.send(prefer(u1, { Ads: true }, { type, groupId: 'g1', previousId: 'p' }));
  expect(await consentOf(hand, 'user_id', 'u1')).toEqual({ Ads: true });
});

test('a message whose identifiers were taken away still speaks for the profile that it came to', async () => {
  const hand = new SpaceHand(db);
  await hand.send(prefer({ userId: 'u1', anonymousId: 'kiosk' }, { Ads: true }));
  await hand.send(prefer({ userId: 'u2', anonymousId: 'kiosk' }, { Ads: false, Fun: true }));
  expect(await consentOf(hand, 'user_id', 'u1')).toEqual({ Ads: true });
  expect(await consentOf(hand, 'user_id', 'u2')).toEqual({ Ads: false, Fun: true });
});

test('a message that is dropped says nothing', async () => {
  const hand = new SpaceHand(db);
  await hand.send({ type: 'track', event: 'Seen', ...u1 });
  await hand.send({ ...prefer(u1, { Ads: true }), timestamp: '1960-01-01T00:00:00Z' });
  expect(await consentOf(hand, 'user_id', 'u1')).toBeNull();
});

describe('categories of any name', () => {
  test('keep it', async () => {
    const hand = new SpaceHand(db);
    const said = JSON.parse('{"__proto__":true,"constructor":false,"nul \\u0000":true,"half \\ud800":true,"🎉":true}');
    await hand.send(prefer(u1, said));
    await hand.send(prefer({ anonymousId: 'a1' }, { constructor: false }));
    await hand.send({ type: 'track', event: 'Joined', userId: 'u1', anonymousId: 'a1' });
    const consent = (await hand.profile('user_id', 'u1'))?.consent ?? {};
    expect(new Map(Object.entries(consent))).toEqual(
      new Map<string, unknown>([
        ['__proto__', 'conflict'],
        ['constructor', false],
        ['nul \0', 'conflict'],
        ['half \ud800', 'conflict'],
        ['🎉', 'conflict'],
      ]),
    );
  });
});
