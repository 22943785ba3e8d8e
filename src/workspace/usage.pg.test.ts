import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import type { Clock } from '../base/clock.ts';
import type { JsonObject } from '../base/json.ts';
import type { Database } from '../db/db.ts';
import { modelOfUsage, type Noted } from './usage.test-support.ts';
import {
  apiCallsDaily,
  type CountedMessage,
  createUsage,
  exemptDaily,
  mtuDaily,
  trackedUsers,
  type Usage,
  usageReports,
} from './workspace.ts';

let db: Database;

beforeAll(async () => {
  db = await testDatabase({ poolSize: 20 });
});
afterAll(() => db.close());
beforeEach(async () => {
  await db.pool.query('TRUNCATE usage_calls, usage_exempt, usage_ids');
});

const at = (time: string): Clock => ({ now: () => new Date(time) });

/** A message of `source`, received at `time`. */
function sent(sourceId: string, time: string, ids: JsonObject): CountedMessage {
  return { sourceId, receivedAt: new Date(time), message: { type: 'track', event: 'x', ...ids } };
}

/** Counts in a transaction of its own, and tells the usage so. */
async function count(usage: Usage, messages: readonly CountedMessage[], spaceNo = 1): Promise<void> {
  const counting = await db.transaction((tx) => usage.count(tx, spaceNo, messages));
  counting.committed();
}

class Undo extends Error {}

/** Does what `work` does, and takes it back. */
async function rolledBack(work: Parameters<Database['transaction']>[0]): Promise<void> {
  await db
    .transaction(async (tx) => {
      await work(tx);
      throw new Undo();
    })
    .catch((error: unknown) => {
      if (!(error instanceof Undo)) throw error;
    });
}

describe('the example of docs/usage.md', async () => {
  const text = await readFile(new URL('../../docs/usage.md', import.meta.url), 'utf8');
  const steps = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(
    ([, json]) => JSON.parse(json as string) as ({ readonly source: string } & JsonObject)[],
  );
  const told = [...text.matchAll(/^\| the login .*\|$/gm)].map(([line]) => {
    const [, , calls, users, anonymous, linked, sum] = line.split('|').map((cell) => cell.trim());
    const size = (cell: string | undefined) => String(cell?.split(',').length);
    return { calls, users: size(users), anonymous: size(anonymous), linked: size(linked), sum };
  });

  test('gives the numbers that it tells', async () => {
    expect(steps).toHaveLength(2);
    const usage = createUsage();
    for (const [index, step] of steps.entries()) {
      await count(
        usage,
        step.map(({ source, ...message }) => ({
          sourceId: source,
          receivedAt: new Date('2025-05-02T10:00Z'),
          message,
        })),
      );
      const now = at('2025-05-02T11:00Z');
      const users = (await mtuDaily(db.pool, '2025-05-01', false, now)).at(-1);
      const calls = (await apiCallsDaily(db.pool, '2025-05-01', false, now)).at(-1);
      if (users === undefined) throw new Error('There is no row.');
      expect({
        calls: calls?.apiCalls,
        users: users.identified,
        anonymous: users.anonymous,
        linked: users.anonymousIdentified,
        sum: `${users.identified} + ${users.neverIdentified} = ${trackedUsers(users)}`,
      }).toEqual(told[index]);
    }
    const sources = (await mtuDaily(db.pool, '2025-05-01', true, at('2025-05-02T11:00Z'))).slice(-2);
    expect(sources.map((row) => [row.sourceId, trackedUsers(row)])).toEqual([
      ['app', 1],
      ['website', 1],
    ]);
  });
});

describe('the reports', () => {
  test('take ids with blanks around them for the same, and blanks alone for none', async () => {
    const time = '2025-05-01T12:00:00.000Z';
    await count(createUsage(), [
      sent('a', time, { userId: 'u1', anonymousId: 'x' }),
      sent('a', time, { userId: ' u1' }),
      sent('a', time, { userId: 'u1\t', anonymousId: ' x ' }),
      sent('a', time, { userId: '  ', anonymousId: 'y' }),
    ]);
    const users = (await mtuDaily(db.pool, '2025-05-01', false, at(time))).at(-1);
    expect(users).toMatchObject({ identified: '1', anonymous: '2', anonymousIdentified: '1', neverIdentified: '1' });
  });

  test('have a row per day of the month so far, cumulative, in the shape of the Reporting API', async () => {
    await count(createUsage(), [
      sent('b', '2025-05-01T23:59:59.999Z', { userId: 'u', anonymousId: 'x' }),
      sent('a', '2025-05-03T00:00:00.000Z', { anonymousId: 'y' }),
      sent('a', '2025-05-03T00:00:00.000Z', { anonymousId: 'x' }),
      sent('a', '2025-06-01T00:00:00.000Z', { anonymousId: 'z' }),
    ]);
    const reports = await Promise.all(
      usageReports.map(async ({ key, read }) => [key, await read(db.pool, '2025-05-01', at('2025-05-03T00:00:00Z'))]),
    );
    const month = { periodStart: 1746057600, periodEnd: 1748736000 };
    const day = (no: number) => ({ timestamp: `2025-05-0${no}T00:00:00.000Z` });
    const users = (identified: string, anonymous: string, anonymousIdentified: string, neverIdentified: string) => ({
      ...month,
      identified,
      anonymous,
      anonymousIdentified,
      neverIdentified,
    });
    expect(Object.fromEntries(reports)).toEqual({
      dailyWorkspaceExemptUsage: [1, 2, 3].map((no) => ({ messages: '0', ...day(no) })),
      dailyPerSourceExemptUsage: [],
      dailyWorkspaceAPICallsUsage: [
        { apiCalls: '1', ...day(1) },
        { apiCalls: '1', ...day(2) },
        { apiCalls: '3', ...day(3) },
      ],
      dailyPerSourceAPICallsUsage: [
        { sourceId: 'a', apiCalls: '0', ...day(1) },
        { sourceId: 'b', apiCalls: '1', ...day(1) },
        { sourceId: 'a', apiCalls: '0', ...day(2) },
        { sourceId: 'b', apiCalls: '1', ...day(2) },
        { sourceId: 'a', apiCalls: '2', ...day(3) },
        { sourceId: 'b', apiCalls: '1', ...day(3) },
      ],
      dailyWorkspaceMTUUsage: [
        { ...users('1', '1', '1', '0'), ...day(1) },
        { ...users('1', '1', '1', '0'), ...day(2) },
        { ...users('1', '2', '1', '1'), ...day(3) },
      ],
      dailyPerSourceMTUUsage: [
        { sourceId: 'a', ...users('0', '0', '0', '0'), ...day(1) },
        { sourceId: 'b', ...users('1', '1', '1', '0'), ...day(1) },
        { sourceId: 'a', ...users('0', '0', '0', '0'), ...day(2) },
        { sourceId: 'b', ...users('1', '1', '1', '0'), ...day(2) },
        { sourceId: 'a', ...users('0', '2', '0', '2'), ...day(3) },
        { sourceId: 'b', ...users('1', '1', '1', '0'), ...day(3) },
      ],
    });
  });

  test('of a month that is over have all its days; of one to come, none', async () => {
    const now = at('2025-05-03T00:00:00Z');
    const rows = async (period: string) => (await apiCallsDaily(db.pool, period, false, now)).length;
    expect(await rows('2024-02-01')).toBe(29);
    expect(await rows('2025-04-01')).toBe(30);
    expect(await rows('2025-06-01')).toBe(0);
    expect(await apiCallsDaily(db.pool, '2025-04-01', true, now)).toEqual([]);
  });

  test.each(['', '2025-05', '2025-05-02', '2025-13-01', '2025-00-01', '2025-5-01', '0025-05-01', "2025-05-01'"])(
    'a period %j is refused',
    async (period) => {
      for (const { read } of usageReports) {
        await expect(read(db.pool, period)).rejects.toMatchObject({ code: 'period_invalid' });
      }
    },
  );

  test('exempt messages are apart, and touch nothing else', async () => {
    const usage = createUsage({ clock: at('2025-05-02T12:00:00Z') });
    await db.transaction(async (tx) => {
      await usage.exempt(tx, 1, 'spa_1', Array(2_000).fill({ type: 'identify' }));
      await usage.exempt(tx, 1, 'spa_1', Array(0).fill({ type: 'identify' }));
      await usage.exempt(tx, 2, 'spa_2', Array(30).fill({ type: 'identify' }));
    });
    await db.transaction((tx) => usage.exempt(tx, 1, 'spa_1', Array(5).fill({ type: 'identify' })));
    await rolledBack((tx) => usage.exempt(tx, 1, 'spa_1', Array(700).fill({ type: 'identify' })));
    const now = at('2025-05-02T13:00:00Z');
    const exempt = await exemptDaily(db.pool, '2025-05-01', false, now);
    expect(exempt.map(({ messages }) => messages)).toEqual(['0', '2035']);
    expect((await exemptDaily(db.pool, '2025-05-01', true, now)).slice(2)).toEqual([
      { sourceId: 'spa_1', messages: '2005', timestamp: '2025-05-02T00:00:00.000Z' },
      { sourceId: 'spa_2', messages: '30', timestamp: '2025-05-02T00:00:00.000Z' },
    ]);
    for (const read of [apiCallsDaily, mtuDaily]) expect(await read(db.pool, '2025-05-01', true, now)).toEqual([]);
  });
});

describe('what is written', () => {
  const first = '2025-05-02T10:00:00Z';
  const marks = async () => {
    const { rows } = await db.pool.query<{ mark: string }>(
      `SELECT concat_ws(' ', ctid, xmin, xmax, kind, first_day, linked_day) AS mark FROM usage_ids ORDER BY 1`,
    );
    return rows.map(({ mark }) => mark);
  };

  test('ids are never stored in clear, and differ from month to month', async () => {
    const who = { userId: 'canary-user-4711', anonymousId: 'canary-device-4711' };
    await count(createUsage(), [sent('web', first, who), sent('web', '2025-06-02T10:00:00Z', who)]);
    const { rows } = await db.pool.query<{ line: string; hash: string }>(
      `SELECT t::text AS line, id_hash::text AS hash FROM usage_ids t`,
    );
    const hexOf = (text: string) => Buffer.from(text).toString('hex');
    const stored = rows.map(({ line }) => line).join('\n');
    expect(stored).not.toContain('canary');
    expect(stored).not.toContain(hexOf('canary'));
    expect(rows).toHaveLength(4);
    expect(new Set(rows.map(({ hash }) => hash)).size).toBe(4);
  });

  test('ids that were committed are not written again; those that were not are', async () => {
    const usage = createUsage();
    const messages = [sent('web', first, { userId: 'u', anonymousId: 'a' })];
    await count(usage, messages);
    const written = await marks();
    expect(written).toHaveLength(2);
    await count(usage, messages);
    await count(usage, [sent('web', '2025-05-03T10:00:00Z', { userId: 'u', anonymousId: 'a' })]);
    expect(await marks()).toEqual(written);

    const more = [sent('web', first, { userId: 'other' })];
    await rolledBack((tx) => usage.count(tx, 1, more));
    expect(await marks()).toEqual(written);
    await count(usage, more);
    expect(await marks()).toHaveLength(3);
  });

  test('what was forgotten is written again, to no effect', async () => {
    const usage = createUsage({ remembered: 4 });
    const messages = Array.from({ length: 50 }, (_, n) => sent('web', first, { userId: `u${n}` }));
    for (let round = 0; round < 3; round++) for (const message of messages) await count(usage, [message]);
    const last = (await mtuDaily(db.pool, '2025-05-01', false, at(first))).at(-1);
    expect(last).toMatchObject({ identified: '50', anonymous: '0' });
  });

  test('of an id that comes late the earlier day is kept', async () => {
    const usage = createUsage();
    const onDay = (day: number) => sent('web', `2025-05-0${day}T10:00:00Z`, { userId: 'u' });
    await count(usage, [onDay(4)]);
    await count(usage, [onDay(5), onDay(3), onDay(5)]);
    await count(createUsage(), [onDay(6)]);
    const days = await mtuDaily(db.pool, '2025-05-01', false, at('2025-05-06T00:00:00Z'));
    expect(days.map(({ identified }) => identified)).toEqual(['0', '0', '1', '1', '1', '1']);
  });

  test('what is no id is not counted as one, and the message is', async () => {
    const oddities = [null, '', 7, true, ['u'], { id: 'u' }];
    const messages = oddities.map((odd) => sent('web', first, { userId: odd, anonymousId: odd }));
    await count(createUsage(), [...messages, sent('web', first, { userId: '日本', groupId: 'g', previousId: 'p' })]);
    expect((await mtuDaily(db.pool, '2025-05-01', false, at(first))).at(-1)).toMatchObject({
      identified: '1',
      anonymous: '0',
    });
    expect((await apiCallsDaily(db.pool, '2025-05-01', false, at(first))).at(-1)?.apiCalls).toBe('7');
  });

  test('an empty batch writes nothing', async () => {
    await count(createUsage(), []);
    expect((await db.pool.query('SELECT FROM usage_calls')).rowCount).toBe(0);
  });

  test('twenty transactions with the same new ids, in other orders, all commit', async () => {
    const usages = [createUsage(), createUsage()] as const;
    const messages = Array.from({ length: 600 }, (_, n) =>
      sent(`s${n % 3}`, `2025-05-0${1 + (n % 2)}T10:00:00Z`, { userId: `u${n % 50}`, anonymousId: `a${n % 200}` }),
    );
    const turned = (by: number) => [...messages.slice(by), ...messages.slice(0, by)];
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        count(usages[n % 2 === 0 ? 0 : 1], n % 3 === 0 ? turned(n * 29).reverse() : turned(n * 29), n % 2),
      ),
    );
    expect((await mtuDaily(db.pool, '2025-05-01', false, at('2025-05-02T12:00:00Z'))).at(-1)).toMatchObject({
      identified: '50',
      anonymous: '200',
      anonymousIdentified: '200',
    });
    expect((await apiCallsDaily(db.pool, '2025-05-01', false, at('2025-05-02T12:00:00Z'))).at(-1)?.apiCalls).toBe(
      String(20 * 600),
    );
  });
});

describe('after any history', () => {
  const start = Date.parse('2025-01-28T20:00:00Z');
  const hours = 24 * 37;
  const end = new Date(start + hours * 3_600_000);
  // A message without any id is discarded, so it is never counted.
  const ids = fc
    .record({
      userId: fc.constantFrom(null, 'p1', 'p2', 'p3'),
      anonymousId: fc.constantFrom(null, 'p1', 'd1', 'd2', 'd3', 'd4'),
    })
    .filter(({ userId, anonymousId }) => userId !== null || anonymousId !== null);
  const note: fc.Arbitrary<Noted> = fc
    .tuple(fc.nat(hours - 1), fc.constantFrom('app', 'web', 'shop'), ids)
    .map(([hour, sourceId, who]) => ({ receivedAt: new Date(start + hour * 3_600_000), sourceId, ...who }));
  const batch = fc.record({
    messages: fc.array(note, { maxLength: 12 }),
    process: fc.constantFrom(0, 1),
    spaceNo: fc.constantFrom(1, 2),
    exempt: fc.nat(3),
    fate: fc.constantFrom('commits', 'commits', 'is rolled back', 'is rolled back and written again'),
  });
  /** The batches of a round run at once. */
  const history = fc.array(fc.array(batch, { minLength: 1, maxLength: 4 }), { maxLength: 10 });

  test('the reports say what a model says that keeps every message', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (rounds) => {
        await db.pool.query('TRUNCATE usage_calls, usage_exempt, usage_ids');
        const clock = at('2025-02-10T10:00:00Z');
        const processes = [createUsage({ clock, remembered: 6 }), createUsage({ clock })] as const;
        const kept: Noted[] = [];
        let exempt = 0;
        for (const round of rounds) {
          await Promise.all(
            round.map(async (one) => {
              const usage = processes[one.process === 0 ? 0 : 1];
              const messages = one.messages.map(({ receivedAt, sourceId, ...ids }) => ({
                receivedAt,
                sourceId,
                message: { type: 'track', event: 'x', ...ids },
              }));
              if (one.fate !== 'commits') await rolledBack((tx) => usage.count(tx, one.spaceNo, messages));
              if (one.fate === 'is rolled back') return;
              const counting = await db.transaction(async (tx) => {
                const counted = await usage.count(tx, one.spaceNo, messages);
                await usage.exempt(tx, one.spaceNo, `spa_${one.spaceNo}`, Array(one.exempt).fill({ type: 'identify' }));
                return counted;
              });
              counting.committed();
              kept.push(...one.messages);
              exempt += one.exempt;
            }),
          );
        }
        const now = { now: () => end };
        for (const period of ['2025-01-01', '2025-02-01', '2025-03-01']) {
          for (const perSource of [false, true]) {
            const model = modelOfUsage(kept, period, perSource, end);
            expect(await apiCallsDaily(db.pool, period, perSource, now)).toEqual(model.apiCalls);
            expect(await mtuDaily(db.pool, period, perSource, now)).toEqual(model.mtu);
          }
        }
        const shown = await exemptDaily(db.pool, '2025-02-01', false, now);
        expect(shown.at(-1)?.messages).toBe(String(exempt));
      }),
      { numRuns: 60 },
    );
  });
});
