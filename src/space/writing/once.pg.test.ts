/** A message that comes again within 24 hours is dropped, whoever brings it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { became, type Sent, SpaceHand } from '../../../test/space-hand.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Database } from '../../db/db.ts';
import {
  createPlanWriter,
  createSpaceWriter,
  type IncomingMessage,
  readSpaceLog,
  type SpaceRef,
  type SpaceWriter,
} from '../space.ts';

let db: Database;
beforeAll(async () => {
  db = await testDatabase({ poolSize: 20 });
});
afterAll(() => db.close());

const hour = 3_600_000;
const seen = (onceKey: string, n = 0): Sent => ({ type: 'identify', userId: 'u1', traits: { n }, onceKey });

async function eventsOf(hand: SpaceHand): Promise<number> {
  const { rows } = await db.pool.query('SELECT count(*)::int AS n FROM events WHERE space_no = $1', [hand.space.no]);
  return rows[0]?.n;
}

async function trait(hand: SpaceHand): Promise<unknown> {
  return (await hand.profile('user_id', 'u1'))?.traits[0]?.value;
}

test('in the same batch, and in a later one: dropped, without effect, and counted in the log', async () => {
  const hand = new SpaceHand(db);
  expect(became(await hand.send(seen('m1', 1), seen('m1', 2), seen('m2', 3)))).toEqual(['taken', 'duplicate', 'taken']);
  hand.pass(1000);
  expect(became(await hand.send(seen('m1', 4), seen('m2', 5)))).toEqual(['duplicate', 'duplicate']);
  expect(await trait(hand)).toBe(3);
  const drop = 'drop duplicate: A message with this id was taken within the last 24 hours.';
  expect(await hand.log()).toEqual([drop, drop]);
  const counts = (await readSpaceLog(db.pool, hand.space.no)).map(({ count }) => count);
  expect(counts).toEqual([2, 1]);
});

describe('a message that counts as an API call', () => {
  const filters = [{ name: 'f', description: '', enabled: true, if: 'event = "Filtered"' }];
  const counted = (hand: SpaceHand, onceKey: string, event = 'Filtered', more: JsonObject = {}): IncomingMessage => ({
    ...hand.incoming({ type: 'track', event, userId: 'u1', onceKey, ...more }),
    isCounted: true,
  });
  /** `again` stands for a message that was counted before. */
  const write = async (space: SpaceRef, writer: SpaceWriter, ...batch: readonly IncomingMessage[]) => {
    const { outcomes } = await writer.write(space, batch);
    return became(outcomes).map((what, at) => (outcomes[at]?.isRepeat === true ? `${what} again` : what));
  };

  test('and that the space keeps out counts once in 24 hours', async () => {
    const hand = new SpaceHand(db, { filters });
    await using writer = createSpaceWriter({ db });
    await using other = createSpaceWriter({ db });
    const send = (by: SpaceWriter, ...batch: readonly IncomingMessage[]) => write(hand.space, by, ...batch);
    const ofNobody = () => counted(hand, 'm2', 'E', { userId: null });
    const alias = () => ({ ...hand.incoming({ type: 'alias', userId: 'nobody', onceKey: 'm3' }), isCounted: true });
    expect(await send(writer, counted(hand, 'm1'), counted(hand, 'm1'), ofNobody(), alias())).toEqual([
      ...['filtered', 'filtered again', 'no_matching_identifiers', 'no_matching_identifiers'],
    ]);
    const all = ['filtered again', 'no_matching_identifiers again', 'no_matching_identifiers again'];
    expect(await send(writer, counted(hand, 'm1'), ofNobody(), alias())).toEqual(all);
    hand.pass(24 * hour - 1);
    expect(await send(other, counted(hand, 'm1'), ofNobody(), alias())).toEqual(all);
    hand.pass(1);
    expect(await send(other, counted(hand, 'm1'), counted(hand, 'm1'))).toEqual(['filtered', 'filtered again']);
    // Copies of what does not count are looked at one by one.
    expect(
      became(await hand.send(seen('m9'), { type: 'track', event: 'Filtered', userId: 'u1', onceKey: 'm1' })),
    ).toEqual(['taken', 'filtered']);
  });

  test('is taken when the filter is gone, without counting again; and the other way round', async () => {
    const hand = new SpaceHand(db, { filters });
    const open = { ...hand.space, settings: { ...hand.space.settings, filters: [] } };
    await using writer = createSpaceWriter({ db });
    expect(await write(hand.space, writer, counted(hand, 'm1'))).toEqual(['filtered']);
    // In the same millisecond.
    expect(await write(open, writer, counted(hand, 'm1'), counted(hand, 'm2'))).toEqual(['taken again', 'taken']);
    expect(await write(open, writer, counted(hand, 'm1'))).toEqual(['duplicate']);
    expect(await write(hand.space, writer, counted(hand, 'm2'))).toEqual(['filtered again']);
    expect(await eventsOf(hand)).toBe(2);
    hand.pass(1000);
    expect(await write(hand.space, writer, counted(hand, 'm4'))).toEqual(['filtered']);
    hand.pass(1000);
    expect(await write(open, writer, counted(hand, 'm4'), counted(hand, 'm4'))).toEqual(['taken again', 'duplicate']);
  });

  test('of batches under way at once, of two writers, counts once', async () => {
    const hand = new SpaceHand(db, { filters });
    const writers = [createSpaceWriter({ db }), createSpaceWriter({ db })];
    const sent = Array.from({ length: 20 }, (_, n) =>
      write(hand.space, writers[n % 2] as SpaceWriter, counted(hand, `m${n % 4}`), counted(hand, `e${n}`, 'E')),
    );
    const became = (await Promise.all(sent)).flat();
    await Promise.all(writers.map((writer) => writer[Symbol.asyncDispose]()));
    expect(became.filter((what) => what === 'filtered')).toHaveLength(4);
    expect(became.filter((what) => what === 'filtered again')).toHaveLength(16);
  });
});

test('after 24 hours it is taken again, and counts anew', async () => {
  const hand = new SpaceHand(db);
  await hand.send(seen('m1', 1));
  hand.pass(24 * hour - 1);
  expect(became(await hand.send(seen('m1', 2)))).toEqual(['duplicate']);
  hand.pass(1);
  expect(became(await hand.send(seen('m1', 3), seen('m1', 4)))).toEqual(['taken', 'duplicate']);
  hand.pass(23 * hour);
  expect(became(await hand.send(seen('m1', 5)))).toEqual(['duplicate']);
  expect(await trait(hand)).toBe(3);
});

test('a batch whose messages arrived at different times goes by the time of each', async () => {
  const hand = new SpaceHand(db);
  await hand.send(seen('m1'), seen('m2'));
  const early = hand.incoming(seen('m1'));
  hand.pass(25 * hour);
  const late = [hand.incoming(seen('m1')), hand.incoming(seen('m2'))];
  await using writer = createSpaceWriter({ db });
  const { outcomes } = await writer.write(hand.space, [early, ...late, early]);
  expect(became(outcomes)).toEqual(['duplicate', 'taken', 'taken', 'duplicate']);
});

test('a server whose clock is behind drops it too', async () => {
  const hand = new SpaceHand(db);
  await hand.send(seen('m1', 1));
  hand.pass(-5 * 60_000);
  expect(became(await hand.send(seen('m1', 2)))).toEqual(['duplicate']);
});

test('another space takes it', async () => {
  const [one, other] = [new SpaceHand(db), new SpaceHand(db)];
  expect(became(await one.send(seen('m1')))).toEqual(['taken']);
  expect(became(await other.send(seen('m1')))).toEqual(['taken']);
});

test('without a key it is taken every time', async () => {
  const hand = new SpaceHand(db);
  const message = { type: 'track', event: 'Seen', userId: 'u1', messageId: 'm1' };
  expect(became(await hand.send(message, message))).toEqual(['taken', 'taken']);
});

test('a message that was dropped does not count as seen', async () => {
  const hand = new SpaceHand(db, {
    filters: [{ name: 'f', description: '', enabled: true, if: 'event = "Filtered"' }],
  });
  const dropped = await hand.send(
    { type: 'track', event: 'Filtered', userId: 'u1', onceKey: 'm1' },
    { type: 'track', event: 'Seen', onceKey: 'm2' },
    { type: 'track', event: 'Seen', userId: 'u1', timestamp: '1960-01-01', onceKey: 'm3' },
    { type: 'alias', userId: 'unheard of', previousId: 'x', onceKey: 'm4' },
  );
  const reasons = ['filtered', 'no_matching_identifiers', 'timestamp_before_1970', 'no_matching_identifiers'];
  expect(became(dropped)).toEqual(reasons);
  const again = await hand.send(...['m1', 'm2', 'm3', 'm4'].map((key) => seen(key)));
  expect(became(again)).toEqual(['taken', 'taken', 'taken', 'taken']);
});

test('a batch that was not stored does not count', async () => {
  const hand = new SpaceHand(db);
  await using writer = createSpaceWriter({ db });
  const results = await Promise.allSettled([
    writer.write(hand.space, [hand.incoming(seen('m1', 1))], async () => {
      throw new Error('not today');
    }),
    writer.write(hand.space, [hand.incoming(seen('m1', 2))]),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
  expect(await trait(hand)).toBe(2);
});

test('batches under way at once, of four writers: each message is taken once', async () => {
  const hand = new SpaceHand(db);
  const writers = [1, 2, 3, 4].map(() => createSpaceWriter({ db }));
  // 40 batches of 5 messages; each of 50 messages is sent four times.
  const sent = Array.from({ length: 40 }, (_, b) =>
    Array.from({ length: 5 }, (_, m) => {
      const n = (b * 5 + m * 11) % 50;
      return { type: 'track', event: 'Seen', userId: `u${n % 7}`, messageId: `m${n}`, onceKey: `m${n}` };
    }),
  );
  const distinct = new Set(sent.flat().map(({ onceKey }) => onceKey)).size;
  const outcomes = await Promise.all(
    sent.map((batch, at) => hand.sendBy(writers[Math.floor(at / 3) % 4] as (typeof writers)[number], ...batch)),
  );
  await Promise.all(writers.map((writer) => writer[Symbol.asyncDispose]()));
  const counts = became(outcomes.flat());
  expect(counts.filter((what) => what === 'taken')).toHaveLength(distinct);
  expect(counts.filter((what) => what === 'duplicate')).toHaveLength(200 - distinct);
  expect(await eventsOf(hand)).toBe(distinct);
});

test('two writers bring the same message at the same moment: one takes it', async () => {
  const hand = new SpaceHand(db);
  await using first = createSpaceWriter({ db });
  await using second = createSpaceWriter({ db });
  for (let n = 0; n < 20; n += 1) {
    const message = { type: 'track', event: 'Seen', userId: `w${n}`, onceKey: `k${n}` };
    const both = await Promise.all([hand.sendBy(first, message), hand.sendBy(second, message)]);
    expect(became(both.flat()).sort()).toEqual(['duplicate', 'taken']);
  }
  expect(await eventsOf(hand)).toBe(20);
});

test('a plan knows what was seen and what it saw itself, and marks nothing', async () => {
  const hand = new SpaceHand(db);
  await hand.send(seen('m1'));
  await using plan = await createPlanWriter({ db });
  const planned = async (...messages: readonly Sent[]) => became(await hand.sendBy(plan, ...messages));
  expect(await planned(seen('m1'), seen('m2'))).toEqual(['duplicate', 'taken']);
  expect(await planned(seen('m2'))).toEqual(['duplicate']);
  expect(became(await hand.send(seen('m2')))).toEqual(['taken']);
});
