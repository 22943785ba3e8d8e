/** Subscriptions on the real space; vector 20 of `profile-space.md` section 8. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { became, SpaceHand } from '../../../test/space-hand.ts';
import type { Json, JsonObject } from '../../base/json.ts';
import type { Database } from '../../db/db.ts';
import { type Channel, createPlanWriter, createSpaceReader, createSpaceWriter } from '../space.ts';

let db: Database;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());

const external = (type: string, id: string): JsonObject => ({ id, type, collection: 'users', encoding: 'none' });
const subscribing = (
  ids: JsonObject,
  entries: readonly Json[],
  { externalIds = [], ...more }: { externalIds?: readonly JsonObject[] } & JsonObject = {},
): JsonObject => ({
  type: 'identify',
  traits: {},
  ...ids,
  ...more,
  context: { messaging_subscriptions: entries, externalIds },
});
const u1 = { userId: 'u1' };
const email = (status: string, groups?: Json): JsonObject => ({
  key: 'ana@example.org',
  type: 'EMAIL',
  status,
  ...(groups === undefined ? {} : { groups }),
});

async function stateOf(hand: SpaceHand, channel: Channel, key: string) {
  const [known] = await createSpaceReader({ db }).subscriptions(hand.space.no, [{ channel, key }]);
  return known === undefined
    ? undefined
    : [known.status, ...known.groups.map(({ name, status }) => `${name} ${status}`)];
}

test('20: an invalid status is ignored and logged, the other entries are taken', async () => {
  const hand = new SpaceHand(db);
  await hand.send(subscribing(u1, [{ key: '+1', type: 'SMS', status: 'UNSUBSCRIBED' }]));
  hand.pass(1000);
  const outcomes = await hand.send(
    subscribing(u1, [{ key: '+1', type: 'SMS', status: 'INVALID' }, email('SUBSCRIBED'), 'nonsense', { type: 'SMS' }]),
  );
  expect(became(outcomes)).toEqual(['taken']);
  expect(await stateOf(hand, 'SMS', '+1')).toEqual(['UNSUBSCRIBED']);
  expect(await stateOf(hand, 'EMAIL', 'ana@example.org')).toEqual(['SUBSCRIBED']);
  expect((await hand.log()).sort()).toEqual([
    'violation subscription_key_invalid: SMS',
    'violation subscription_status_invalid: SMS',
    'violation subscription_type_unknown: ',
  ]);
});

test('a message that carries external ids only', async () => {
  const hand = new SpaceHand(db);
  const outcomes = await hand.send(
    subscribing({}, [{ key: '+33155501234', type: 'WHATSAPP', status: 'SUBSCRIBED' }], {
      externalIds: [external('phone', '+33155501234'), external('email', 'Ana@Example.org')],
      integrations: { All: false },
    }),
  );
  expect(became(outcomes)).toEqual(['taken']);
  expect(await stateOf(hand, 'WHATSAPP', '+33155501234')).toEqual(['SUBSCRIBED']);
  expect(await stateOf(hand, 'SMS', '+33155501234')).toBeUndefined();
  const ids = (await hand.profile('phone', '+33155501234'))?.externalIds.map(({ type, id }) => `${type}:${id}`);
  expect(ids?.sort()).toEqual(['email:ana@example.org', 'phone:+33155501234']);
});

test('a contact that is nobody’s identifier is kept', async () => {
  const hand = new SpaceHand(db);
  await hand.send(subscribing(u1, [{ key: 'tok', type: 'IOS_PUSH', status: 'SUBSCRIBED' }]));
  expect(await stateOf(hand, 'IOS_PUSH', 'tok')).toEqual(['SUBSCRIBED']);
  expect(await hand.profile('ios.push_token', 'tok')).toBeNull();
});

test('the newest word stands, whoever of two profiles brought it, and merges change nothing', async () => {
  const hand = new SpaceHand(db);
  await hand.send(subscribing(u1, [email('SUBSCRIBED')], { timestamp: hand.time(1000) }));
  hand.pass(5000);
  await hand.send(subscribing({ anonymousId: 'a1' }, [email('UNSUBSCRIBED')], { timestamp: hand.time(60_000) }));
  expect(await stateOf(hand, 'EMAIL', 'ana@example.org')).toEqual(['SUBSCRIBED']);
  await hand.send(subscribing({ anonymousId: 'a1' }, [email('DID_NOT_SUBSCRIBE')]));
  expect(await stateOf(hand, 'EMAIL', 'ana@example.org')).toEqual(['DID_NOT_SUBSCRIBE']);
  await hand.send({ type: 'track', event: 'Joined', userId: 'u1', anonymousId: 'a1' });
  expect(await stateOf(hand, 'EMAIL', 'ana@example.org')).toEqual(['DID_NOT_SUBSCRIBE']);
});

test('keys: addresses in any case and with blanks are one contact, other keys are as they come', async () => {
  const hand = new SpaceHand(db);
  await hand.send(
    subscribing(u1, [
      { key: ' ANA@Example.org', type: 'Email', status: 'unsubscribed' },
      { key: 'Tok', type: 'android-push', status: 'SUBSCRIBED' },
      { key: 'tok', type: 'android_push', status: 'UNSUBSCRIBED' },
    ]),
  );
  expect(await stateOf(hand, 'EMAIL', 'ana@example.org')).toEqual(['UNSUBSCRIBED']);
  expect(await stateOf(hand, 'ANDROID_PUSH', 'Tok')).toEqual(['SUBSCRIBED']);
  expect(await stateOf(hand, 'ANDROID_PUSH', 'tok')).toEqual(['UNSUBSCRIBED']);
});

test('groups: of the settings only, subscribed to only with the channel', async () => {
  const hand = new SpaceHand(db, { subscriptionGroups: ['digest', 'offers'] });
  await hand.send(
    subscribing(u1, [
      email('SUBSCRIBED', [
        { name: 'digest', status: 'SUBSCRIBED' },
        { name: 'offers', status: 'UNSUBSCRIBED' },
        { name: 'unheard of', status: 'SUBSCRIBED' },
        { name: 'digest', status: 'INVALID' },
      ]),
    ]),
  );
  const contact = ['EMAIL', 'ana@example.org'] as const;
  expect(await stateOf(hand, ...contact)).toEqual(['SUBSCRIBED', 'digest SUBSCRIBED', 'offers UNSUBSCRIBED']);
  hand.pass(1000);
  await hand.send(subscribing(u1, [email('UNSUBSCRIBED', [{ name: 'offers', status: 'SUBSCRIBED' }])]));
  expect(await stateOf(hand, ...contact)).toEqual(['UNSUBSCRIBED', 'digest SUBSCRIBED', 'offers UNSUBSCRIBED']);
  expect((await hand.log()).sort()).toEqual([
    'violation subscription_group_needs_channel: offers',
    'violation subscription_group_status_invalid: ',
    'violation subscription_group_unknown: ',
  ]);
});

test('no log entry holds a contact or an unknown group', async () => {
  const hand = new SpaceHand(db, { subscriptionGroups: [] });
  const groups = [{ name: 'canary group', status: 'SUBSCRIBED' }];
  await hand.send(
    subscribing(u1, [
      { key: 'canary@example.org', type: 'EMAIL', status: 'canary' },
      { key: 'canary@example.org', type: 'canary', status: 'SUBSCRIBED' },
      { key: 'canary@example.org', type: 'EMAIL', status: 'SUBSCRIBED', groups },
    ]),
  );
  expect((await hand.log()).join()).not.toContain('canary');
  expect(await hand.log()).toHaveLength(3);
});

test('spaces do not share contacts', async () => {
  const [one, other] = [new SpaceHand(db), new SpaceHand(db)];
  await one.send(subscribing(u1, [email('SUBSCRIBED')]));
  expect(await stateOf(other, 'EMAIL', 'ana@example.org')).toBeUndefined();
});

test('batches under way at once, and two writers: the newest word stands', async () => {
  const hand = new SpaceHand(db);
  await using first = createSpaceWriter({ db });
  await using second = createSpaceWriter({ db });
  const statuses = ['SUBSCRIBED', 'UNSUBSCRIBED', 'DID_NOT_SUBSCRIBE'];
  const writing = Array.from({ length: 60 }, (_, n) => {
    // Their times go up and down; that of number 41 is the newest.
    const timestamp = hand.time(1_000_000 - ((n * 7) % 41) * 1000 - (n === 41 ? 500_000 : 0));
    const status = n === 41 ? 'DID_NOT_SUBSCRIBE' : statuses[n % 2];
    const message = subscribing({ userId: `u${n}` }, [email(status ?? '')], { timestamp });
    return hand.sendBy(n % 2 === 0 ? first : second, message);
  });
  await Promise.all(writing);
  expect(await stateOf(hand, 'EMAIL', 'ana@example.org')).toEqual(['DID_NOT_SUBSCRIBE']);
});

test('a plan sees what its earlier batches said, and stores nothing', async () => {
  const hand = new SpaceHand(db, { subscriptionGroups: ['digest'] });
  await hand.send(subscribing(u1, [email('UNSUBSCRIBED')]));
  hand.pass(1000);
  await using plan = await createPlanWriter({ db });
  const seen: unknown[] = [];
  const planned = (message: JsonObject) =>
    plan.write(hand.space, [hand.incoming(message)], async (tx) => {
      const { rows } = await tx.query('SELECT status, groups FROM plan_subscriptions WHERE space_no = $1', [
        hand.space.no,
      ]);
      seen.push(rows.map(({ status, groups }) => [status, Object.keys(groups)]));
    });
  await planned(subscribing(u1, [email('SUBSCRIBED')]));
  // Only because the first batch subscribed the channel.
  await planned(subscribing(u1, [email('', [{ name: 'digest', status: 'SUBSCRIBED' }])]));
  expect(seen).toEqual([[['SUBSCRIBED', []]], [['SUBSCRIBED', ['digest']]]]);
  expect(await stateOf(hand, 'EMAIL', 'ana@example.org')).toEqual(['UNSUBSCRIBED']);
});
