/** Space filters: what matches one is dropped before anybody looks who sent it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import { became, SpaceHand } from '../../test/space-hand.ts';
import type { Database } from '../db/db.ts';
import {
  createPlanWriter,
  createSpaceReader,
  createSpaceWriter,
  type SpaceFilter,
  unreadableFilters,
} from './space.ts';

let db: Database;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());

function filter(name: string, condition: string, enabled = true): SpaceFilter {
  return { name, description: '', enabled, if: condition };
}

const bots = filter('no bots', 'contains(context.userAgent, "bot")');
const bot = { userAgent: 'a bot of sorts' };

test('a message that matches affects neither graph nor traits nor events, and is in the log with the filter’s name', async () => {
  const hand = new SpaceHand(db, { filters: [filter('off', 'type = "identify"', false), bots] });
  await hand.send(
    { type: 'identify', userId: 'u1', traits: { plan: 'a' } },
    { type: 'track', event: 'E', anonymousId: 'a1' },
  );
  const before = await hand.profile('user_id', 'u1');
  hand.pass(1000);
  const outcomes = await hand.send(
    { type: 'identify', userId: 'u1', anonymousId: 'a1', traits: { plan: 'b' }, context: bot },
    { type: 'identify', userId: 'u2', traits: { plan: 'b' }, context: bot },
    {
      type: 'identify',
      userId: 'u1',
      traits: {},
      context: {
        ...bot,
        consent: { categoryPreferences: { Ads: true } },
        messaging_subscriptions: [{ key: '+1', type: 'SMS', status: 'SUBSCRIBED' }],
      },
    },
    { type: 'group', userId: 'u1', groupId: 'g1', traits: {}, context: bot },
    { type: 'track', event: 'Seen', userId: 'u1', context: bot },
  );
  expect(became(outcomes)).toEqual(['filtered', 'filtered', 'filtered', 'filtered', 'filtered']);
  expect(await hand.profile('user_id', 'u1')).toEqual(before);
  expect(await hand.profile('user_id', 'u2')).toBeNull();
  expect((await hand.profile('anonymous_id', 'a1'))?.segmentId).not.toBe(before?.segmentId);
  const reader = createSpaceReader({ db });
  expect(await reader.count(hand.space.no, 'accounts')).toBe(0);
  expect(await reader.subscriptions(hand.space.no, [{ channel: 'SMS', key: '+1' }])).toEqual([]);
  const { rows } = await db.pool.query('SELECT name FROM events WHERE space_no = $1', [hand.space.no]);
  expect(rows).toEqual([{ name: 'E' }]);
  expect(new Set(await hand.log())).toEqual(new Set(['drop filtered: The filter "no bots" keeps it out.']));
});

test('the first of several that match is named; one that is switched off matches nothing', async () => {
  const filters = [
    filter('one', 'event = "Seen"', false),
    filter('two', 'type = "track"'),
    filter('three', 'event = "Seen"'),
  ];
  const hand = new SpaceHand(db, { filters });
  const outcomes = await hand.send({ type: 'track', event: 'Seen', userId: 'u1' }, { type: 'page', userId: 'u1' });
  expect(outcomes[0]).toEqual({ kind: 'dropped', reason: 'filtered', detail: 'The filter "two" keeps it out.' });
  expect(became(outcomes)[1]).toBe('taken');
});

test('new settings count for the batches given after them, while others are under way', async () => {
  const hand = new SpaceHand(db);
  await using writer = createSpaceWriter({ db });
  const batch = [hand.incoming({ type: 'track', event: 'Seen', userId: 'u1', context: bot })];
  const closed = { ...hand.space, settings: { ...hand.space.settings, filters: [bots] } };
  const written = await Promise.all(
    [hand.space, closed, hand.space, closed].map((space) => writer.write(space, batch)),
  );
  expect(written.flatMap(({ outcomes }) => became(outcomes))).toEqual(['taken', 'filtered', 'taken', 'filtered']);
});

test('a message that is kept out for another reason says that reason', async () => {
  const hand = new SpaceHand(db, { filters: [filter('all', 'type = "track"')] });
  const outcomes = await hand.send(
    { type: 'track', event: 'Seen', userId: 'u1', integrations: { Personas: false } },
    { type: 'track', event: 'Seen', userId: 'u1', context: { groupId: '' } },
    { type: 'track', event: 'Seen' },
  );
  expect(became(outcomes)).toEqual(['personas_disabled', 'group_id_missing', 'filtered']);
});

test('a filter that cannot be read is left out and told of, once; the others go on', async () => {
  const warnings: object[] = [];
  const log = { warn: (what: object) => warnings.push(what) };
  const broken = filter('broken', 'event == "Seen" or context.traits.email = "ana@example.org"');
  const hand = new SpaceHand(db, { filters: [broken, filter('off', 'nonsense', false), bots] });
  await using writer = createSpaceWriter({ db, log: log as never });
  const send = () =>
    hand.sendBy(
      writer,
      { type: 'track', event: 'Seen', userId: 'u1' },
      { type: 'track', event: 'Seen', userId: 'u1', context: bot },
    );
  expect(became(await send())).toEqual(['taken', 'filtered']);
  const again = { ...hand.space, settings: { ...hand.space.settings } };
  await writer.write(again, [hand.incoming({ type: 'page', userId: 'u1' })]);
  expect(warnings).toEqual([{ space: hand.space.id, filter: 'broken' }]);
  expect(unreadableFilters(hand.space.settings)).toEqual([
    { name: 'broken', message: expect.stringContaining('has `=` where a text') },
  ]);
  await using plan = await createPlanWriter({ db });
  expect(became(await hand.sendBy(plan, { type: 'page', userId: 'u1', context: bot }))).toEqual(['filtered']);
});

test('a plan keeps the same messages out', async () => {
  const hand = new SpaceHand(db, { filters: [bots] });
  await using plan = await createPlanWriter({ db });
  const batch = [
    hand.incoming({ type: 'identify', userId: 'u1', traits: { plan: 'a' }, context: bot }),
    hand.incoming({ type: 'identify', userId: 'u2', traits: { plan: 'a' } }),
  ];
  const { outcomes, effects } = await plan.write(hand.space, batch);
  expect(became(outcomes)).toEqual(['filtered', 'taken']);
  expect(effects.profilesCreated).toBe(1);
});
