/** Counting by minute: what was counted is there in parts of any length, folded or not, and goes after its time. */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import type { Database } from '../db/db.ts';
import { type CountedPart, createUsage, foldMessageCounts, messagesTaken } from './workspace.ts';

let db: Database;
beforeAll(async () => {
  db = await testDatabase({ poolSize: 10 });
});
afterAll(() => db.close());
beforeEach(async () => {
  await db.pool.query('TRUNCATE message_counts, usage_calls, usage_ids');
});

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
        await db.pool.query('TRUNCATE message_counts, usage_calls, usage_ids');
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
    throw new Error('taken back');
  });
  await expect(counting).rejects.toThrow('taken back');
  expect(statements).toBe(1);
  expect(await rowsLeft()).toBe(0);
});
