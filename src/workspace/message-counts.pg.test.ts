/**
 * Counting by minute: what was counted is there in parts of any length, folded or not, and goes after its time; by type
 * and name of the event it adds up to the same, whatever is told apart.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase, testLog } from '../../test/database.ts';
import type { JsonObject } from '../base/json.ts';
import type { Database } from '../db/db.ts';
import {
  type CountedPart,
  createDiscardLog,
  createEventStream,
  createSpace,
  createUsage,
  type EventCount,
  type EventQuestion,
  foldEventCounts,
  foldMessageCounts,
  forgetGoneNames,
  messagesByEvent,
  messagesTaken,
  otherNames,
} from './workspace.ts';

let db: Database;
beforeAll(async () => {
  db = await testDatabase({ poolSize: 10 });
});
afterAll(() => db.close());
beforeEach(async () => {
  await db.pool.query(empty);
});

const empty = 'TRUNCATE message_counts, event_counts, usage_calls, usage_exempt, usage_ids, stream_discards';
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const lengths = { minute: minuteMs, hour: hourMs, day: dayMs };
const now = new Date('2026-03-20T12:34:56Z');
const ago = (ms: number) => new Date(now.getTime() - ms);

async function count(receivedAt: Date, sourceId = 'web', spaceNo = 1): Promise<void> {
  const message = { type: 'track', event: 'x', userId: 'u' };
  await db.transaction((tx) => createUsage().count(tx, spaceNo, [{ sourceId, receivedAt, message }]));
}

/** Source and start of each part with its count. */
async function parts(part: CountedPart, from: Date, to: Date): Promise<Readonly<Record<string, number>>> {
  const counts = await messagesTaken(db.pool, { from, to, part });
  return Object.fromEntries(counts.map(({ sourceId, at, count: of }) => [`${sourceId} ${at.toISOString()}`, of]));
}

const rowsLeft = async () => (await db.pool.query('SELECT FROM message_counts')).rowCount;

test('any messages: each part has what was received in it, before and after folding, whoever folds', async () => {
  const moment = fc.nat(10 * dayMs).map(ago);
  const messages = fc.array(
    fc.record({ at: moment, source: fc.constantFrom('web', 'app'), space: fc.constantFrom(1, 2) }),
    {
      maxLength: 30,
    },
  );
  await fc.assert(
    fc.asyncProperty(
      messages,
      fc.constantFrom('hour' as const, 'day' as const),
      moment,
      moment,
      async (sent, part, a, b) => {
        await db.pool.query(empty);
        for (const { at, source, space } of sent) await count(at, source, space);
        const length = lengths[part];
        const startOf = (at: Date) => Math.floor(at.getTime() / length) * length;
        const [from, to] = a < b ? [a, b] : [b, new Date(a.getTime() + 1)];
        const expected: Record<string, number> = {};
        for (const { at, source } of sent) {
          if (startOf(at) < startOf(from) || startOf(at) >= to.getTime()) continue;
          const key = `${source} ${new Date(startOf(at)).toISOString()}`;
          expected[key] = (expected[key] ?? 0) + 1;
        }
        expect(await parts(part, from, to)).toEqual(expected);
        await Promise.all([1, 2, 3].map(() => foldMessageCounts(db.pool, now)));
        expect(await parts(part, from, to)).toEqual(expected);
      },
    ),
    { numRuns: 25 },
  );
});

test('minutes are kept while reports ask for them, then their hours, and those for a month', async () => {
  for (const minutes of [1, 1, 2, 59]) await count(new Date(Date.UTC(2026, 2, 18, 12, minutes)));
  for (const minutes of [0, 1, 59]) await count(new Date(Date.UTC(2026, 2, 10, 12, minutes)));
  await count(ago(31 * dayMs + hourMs));
  await foldMessageCounts(db.pool, now);
  expect(await rowsLeft()).toBe(3 + 1);
  const all = [ago(40 * dayMs), now] as const;
  expect(await parts('minute', new Date('2026-03-18T12:01:30Z'), new Date('2026-03-18T12:03:00Z'))).toEqual({
    'web 2026-03-18T12:01:00.000Z': 2,
    'web 2026-03-18T12:02:00.000Z': 1,
  });
  expect(await parts('hour', ...all)).toEqual({ 'web 2026-03-18T12:00:00.000Z': 4, 'web 2026-03-10T12:00:00.000Z': 3 });
  expect(await parts('day', ...all)).toMatchObject({ 'web 2026-02-17T00:00:00.000Z': 1 });
  // One that comes late is folded into the hour that is there.
  await count(new Date('2026-03-10T12:30:00Z'));
  await foldMessageCounts(db.pool, now);
  expect(await parts('hour', ...all)).toMatchObject({ 'web 2026-03-10T12:00:00.000Z': 4 });
  await foldMessageCounts(db.pool, new Date(now.getTime() + 40 * dayMs));
  expect(await rowsLeft()).toBe(0);
});

test('a batch of many minutes is counted by one statement, and not at all when it is rolled back', async () => {
  const batch = [0, 1, 1, 61].map((minutes) => ({
    ...{ sourceId: 'web', receivedAt: new Date(Date.UTC(2026, 2, 20, 10, minutes)) },
    message: { type: 'track', event: 'x' },
  }));
  let statements = 0;
  const counting = db.transaction(async (tx) => {
    const query = (...given: Parameters<typeof tx.query>) => {
      statements++;
      return tx.query(...given);
    };
    await createUsage().count({ query } as typeof tx, 1, batch);
    expect((await tx.query('SELECT FROM message_counts')).rowCount).toBe(3);
    expect((await tx.query('SELECT FROM event_counts')).rowCount).toBe(3 + 1);
    throw new Error('taken back');
  });
  await expect(counting).rejects.toThrow('taken back');
  expect(statements).toBe(1);
  expect(await rowsLeft()).toBe(0);
  expect((await db.pool.query('SELECT FROM event_counts')).rowCount).toBe(0);
});

describe('by type and name', () => {
  const day = { from: new Date('2026-03-20T00:00:00Z'), to: new Date('2026-03-21T00:00:00Z'), part: 'day' } as const;
  const whole: EventQuestion = {
    stretch: day,
    messages: 'taken',
    sourceIds: ['web', 'app'],
    byType: true,
    byName: true,
  };
  const counted = (question: Partial<EventQuestion> = {}) => messagesByEvent(db.pool, { ...whole, ...question });
  /** Type, name and number, the largest first, those of the same size by name. */
  const told = (counts: readonly EventCount[]) =>
    [...counts]
      .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
      .map(({ type, name, count: of }) => [type, name, of]);
  const send = async (messages: readonly JsonObject[], usage = createUsage(), receivedAt = now) => {
    const batch = messages.map((message) => ({ sourceId: 'web', receivedAt, message }));
    await db.transaction((tx) => usage.count(tx, 1, batch));
  };
  const track = (event: unknown) => ({ type: 'track', userId: 'u', event }) as JsonObject;

  test('any messages, taken by streams and written by syncs: whatever is told apart adds up to what the source has', async () => {
    const names = [
      'Paid',
      'Left',
      '',
      'Page Viewed',
      'N\0L',
      '\ud800',
      'x'.repeat(300),
      '\u{1f600}'.repeat(250),
      ' Paid',
    ];
    const message = fc.oneof(
      fc.constantFrom(...names).map(track),
      fc
        .constantFrom('identify', 'group', 'page', 'screen', 'alias', 'odd')
        .map((type) => ({ type, event: 'no name' })),
    );
    const sent = fc.record({
      at: fc.nat(10 * dayMs).map(ago),
      source: fc.constantFrom('web', 'app'),
      messages: fc.array(message, { minLength: 1, maxLength: 5 }),
      how: fc.constantFrom('taken', 'written', 'before names'),
    });
    const asked = fc.record({
      part: fc.constantFrom<CountedPart>('minute', 'hour', 'day'),
      byType: fc.boolean(),
      byName: fc.boolean(),
      sourceIds: fc.subarray(['web', 'app']),
      bounds: fc.tuple(fc.nat(10 * dayMs), fc.integer({ min: 1, max: 5 * dayMs })),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(sent, { maxLength: 12 }), asked, async (all, { part, bounds, ...question }) => {
        await db.pool.query(empty);
        for (const { at, source, messages, how } of all) {
          const usage = createUsage({ clock: { now: () => at }, namesPerHour: 3 });
          const batch = messages.map((one) => ({ sourceId: source, receivedAt: at, message: one }));
          if (how === 'written') await db.transaction((tx) => usage.exempt(tx, 2, source, messages));
          else if (how === 'taken') await db.transaction((tx) => usage.count(tx, 1, batch));
          else {
            const old = [at, source, messages.length];
            await db.pool.query(
              `INSERT INTO message_counts VALUES (date_trunc('minute', $1::timestamptz), $2, 3, '', $3)
               ON CONFLICT (at, source_id, space_no, code) DO UPDATE SET messages = message_counts.messages + $3`,
              old,
            );
            await db.pool.query(
              `INSERT INTO usage_calls VALUES (($1::timestamptz AT TIME ZONE 'UTC')::date, $2, 3, $3)
               ON CONFLICT (day, source_id, space_no) DO UPDATE SET calls = usage_calls.calls + $3`,
              old,
            );
          }
        }
        const from = ago(bounds[0]);
        const stretch = { from, to: new Date(from.getTime() + bounds[1]), part };
        const sums = async () => {
          const found: Record<string, number> = {};
          for (const { sourceId, at, count: of } of await counted({ ...question, stretch })) {
            expect(of).toBeGreaterThan(0);
            found[`${sourceId} ${at.toISOString()}`] = (found[`${sourceId} ${at.toISOString()}`] ?? 0) + of;
          }
          return found;
        };
        const expected = async () =>
          Object.fromEntries(
            Object.entries(await parts(part, stretch.from, stretch.to)).filter(([key]) =>
              question.sourceIds.includes(key.split(' ')[0] as string),
            ),
          );
        expect(await sums()).toEqual(await expected());
        await Promise.all([1, 2].map(() => foldMessageCounts(db.pool, now)));
        await Promise.all([1, 2].map(() => foldEventCounts(db.pool, now, 2)));
        expect(await sums()).toEqual(await expected());
      }),
      { numRuns: 60 },
    );
  });

  test('tracks by their event, pages and screens by their common names, others by type alone', async () => {
    const types = ['identify', 'group', 'alias', 'page', 'screen'].map((type) => ({ type, userId: 'u', event: 'no' }));
    await send([track('Paid'), track('Paid'), track('Paid'), track('Left'), track('Left'), ...types]);
    expect(told(await counted()).slice(0, 2)).toEqual([
      ['track', 'Paid', 3],
      ['track', 'Left', 2],
    ]);
    expect(
      told(await counted())
        .slice(2)
        .sort(),
    ).toEqual([
      ['alias', '', 1],
      ['group', '', 1],
      ['identify', '', 1],
      ['page', 'Page Viewed', 1],
      ['screen', 'Screen Viewed', 1],
    ]);
    expect(told(await counted({ byName: false, types: ['track', 'page'] }))).toEqual([
      ['track', '', 5],
      ['page', '', 1],
    ]);
    expect(told(await counted({ byType: false, byName: false, names: ['Paid'] }))).toEqual([['', '', 3]]);
    expect(await counted({ sourceIds: ['app'] })).toEqual([]);
  });

  test('names that cannot be stored or are long are made so; questions find them as they were sent', async () => {
    const odd = ['N\0L', 'half \udc00', '\u{1f600}'.repeat(250), 'y'.repeat(30_000)];
    await send(odd.map(track));
    const { rows } = await db.pool.query('SELECT name FROM event_counts WHERE NOT is_day ORDER BY name');
    expect(rows.map(({ name }) => name).sort()).toEqual(
      ['N\ufffdL', 'half \ufffd', '\u{1f600}'.repeat(200), 'y'.repeat(200)].sort(),
    );
    for (const name of odd) expect(told(await counted({ byName: false, names: [name] }))).toEqual([['track', '', 1]]);
  });

  test('only so many names of a source in an hour are told apart; the rest are counted together', async () => {
    const usage = createUsage({ namesPerHour: 2 });
    const messages = ['a', 'b', 'c', 'a', 'd', 'c'].map(track);
    await send([...messages, { type: 'page' }], usage);
    await send([track('e'), track('b')], usage, new Date(now.getTime() + minuteMs));
    expect(told(await counted())).toEqual([
      ['track', otherNames, 4],
      ['track', 'a', 2],
      ['track', 'b', 2],
      ['page', 'Page Viewed', 1],
    ]);
    await send([track('c')], usage, new Date(now.getTime() + hourMs));
    // One that comes late finds the names of its own hour.
    await send([track('b'), track('f')], usage, now);
    expect(told(await counted({ types: ['track'] })).slice(0, 4)).toEqual([
      ['track', otherNames, 5],
      ['track', 'b', 3],
      ['track', 'a', 2],
      ['track', 'c', 1],
    ]);
  });

  test('of a day that is over the most frequent names stay, whichever process counted them', async () => {
    const yesterday = ago(dayMs);
    for (const names of ['abbcccc', 'cdd', 'e']) await send([...names].map(track), createUsage(), yesterday);
    await send([...'abcde'].map(track));
    await Promise.all([1, 2, 3].map(() => foldEventCounts(db.pool, now, 2)));
    const before = { ...day, from: new Date(day.from.getTime() - dayMs), to: day.from };
    expect(told(await counted({ stretch: before }))).toEqual([
      ['track', 'c', 5],
      ['track', otherNames, 4],
      ['track', 'b', 2],
    ]);
    expect(await counted()).toHaveLength(5);
  });

  test('names stay as long as their days; minutes and hours go as those without names', async () => {
    for (const ms of [40 * dayMs, 10 * dayMs, 10 * dayMs + minuteMs, 0])
      await send([track('Paid')], createUsage(), ago(ms));
    await foldEventCounts(db.pool, now);
    const { rows } = await db.pool.query('SELECT is_day, count(*)::int AS of FROM event_counts GROUP BY 1 ORDER BY 1');
    expect(rows).toEqual([
      { is_day: false, of: 2 },
      { is_day: true, of: 3 },
    ]);
  });

  test('what was discarded, by its reason, for as long as the log of it', async () => {
    await using discards = createDiscardLog({ db: db.pool, clock: { now: () => now }, log: testLog() });
    discards.note('web', 'no_user', null, 2, { type: 'track', name: 'Paid' });
    discards.note('web', 'no_user', null, 1, { type: 'track', name: 'Paid' });
    discards.note('web', 'no_user', null, 4);
    discards.note('web', 'too_large', 'm', 1, { type: 'page', name: 'Page Viewed' });
    discards.note('', 'unknown_source', null, 9, { type: 'track', name: 'Of nobody' });
    await discards[Symbol.asyncDispose]();
    for (const part of ['day', 'hour', 'minute'] as const) {
      const found = await counted({ messages: 'discarded', stretch: { ...day, part } });
      expect(found.map(({ code, type, name, count: of }) => [code, type, name, of]).sort()).toEqual([
        ['no_user', '', '', 4],
        ['no_user', 'track', 'Paid', 3],
        ['too_large', 'page', 'Page Viewed', 1],
      ]);
    }
    expect(await counted()).toEqual([]);
    await foldEventCounts(db.pool, new Date(now.getTime() + 40 * dayMs));
    expect((await db.pool.query('SELECT FROM event_counts')).rowCount).toBe(0);
  });

  test('the names of a stream and a space that are gone are forgotten; the numbers stay', async () => {
    const space = await createSpace(db.pool, 'main');
    const stream = await createEventStream(db, { name: 'shop', spaces: ['main'], clientSide: false });
    const usage = createUsage({ clock: { now: () => now } });
    await db.transaction(async (tx) => {
      await usage.count(tx, 1, [{ sourceId: stream.id, receivedAt: now, message: track('Paid') }]);
      await usage.exempt(tx, 1, space.id, [track('Written')]);
    });
    await send([track('Of nobody now')]);
    await forgetGoneNames(db.pool);
    const sourceIds = [stream.id, space.id, 'web'];
    expect(told(await counted({ sourceIds })).sort()).toEqual([
      ['', '', 1],
      ['track', 'Paid', 1],
      ['track', 'Written', 1],
    ]);
    await db.pool.query('DELETE FROM event_streams WHERE id = $1', [stream.id]);
    await forgetGoneNames(db.pool);
    expect((await db.pool.query('SELECT DISTINCT source_id FROM event_counts')).rows).toEqual([
      { source_id: space.id },
    ]);
  });

  test('transactions that count many names in other orders at once all commit', async () => {
    const all = Array.from({ length: 300 }, (_, no) => track(`event ${no}`));
    await Promise.all(
      Array.from({ length: 10 }, (_, no) => {
        const turned = [...all.slice(no * 29), ...all.slice(0, no * 29)];
        return send(no % 2 === 0 ? turned : turned.reverse());
      }),
    );
    const counts = await counted();
    expect(counts).toHaveLength(300);
    expect(counts.every(({ count: of }) => of === 10)).toBe(true);
  });
});
