import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import { SlowSpace } from '../../test/slow-space.ts';
import { pictureOf, slowPictureOf } from '../../test/space-picture.ts';
import type { JsonObject } from '../base/json.ts';
import type { Database } from '../db/db.ts';
import {
  createPlanWriter,
  createSpaceReader,
  createSpaceWriter,
  type IdentifierRule,
  type IncomingMessage,
  recommendedBlocked,
  type SpaceReader,
  type SpaceRef,
  type SpaceSettings,
} from './space.ts';

/* The batch implementation against the slow, obvious one, over random histories. */

let db: Database;
/** One for all: what it remembers of profiles must never be older than the last commit. */
let reader: SpaceReader;
let spaces = 0;

beforeAll(async () => {
  db = await testDatabase({ poolSize: 20 });
  reader = createSpaceReader({ db });
  await db.pool.query('CREATE TABLE test_order (space_no int, seq bigint, batch int)');
});
afterAll(() => db.close());

const values = fc.constantFrom('1', '2', '3', '4', '5', '6');
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
const traits = fc.record(
  { plan: fc.constantFrom(null, 'a', 'b'), city: fc.constantFrom(null, '', 'x', { deep: [1, null] }), n: fc.nat(3) },
  { requiredKeys: [] },
);

const ids = fc.record({
  userId: maybe(values.map((v) => `u${v}`)),
  anonymousId: maybe(
    fc.oneof(
      values.map((v) => `a${v}`),
      fc.constant('null'),
    ),
  ),
  email: maybe(values.map((v) => `E${v}@x.org`)),
  loyalty: maybe(values.map((v) => `L${v}`)),
  phone: maybe(values.map((v) => `+${v}`)),
  groupId: maybe(values.map((v) => `g${v}`)),
});

const message: fc.Arbitrary<JsonObject> = fc
  .record({
    type: fc.constantFrom('identify', 'identify', 'track', 'group'),
    ids,
    traits,
    consent: maybe(
      fc.record(
        { categoryPreferences: fc.dictionary(fc.constantFrom('Ads', 'Fun'), fc.boolean()) },
        { requiredKeys: [] },
      ),
    ),
    camel: fc.boolean(),
    ago: fc.nat(3),
  })
  .map(({ type, ids: { userId, anonymousId, email, loyalty, phone, groupId }, traits: own, consent, camel, ago }) => {
    const bag = { ...own, email, [camel ? 'loyaltyId' : 'loyalty_id']: loyalty };
    const phones = phone === undefined ? [] : [{ id: phone, type: 'phone', collection: 'users', encoding: 'none' }];
    const found = type === 'group' ? { traits: { email }, externalIds: phones } : { externalIds: phones };
    const context = { ...found, consent };
    const timestamp = ago === 0 ? undefined : new Date(start + ago * 40_000).toISOString();
    const body = type === 'track' ? { event: 'Seen', properties: bag } : { traits: type === 'group' ? own : bag };
    const account = type === 'track' ? {} : { groupId };
    return JSON.parse(JSON.stringify({ type, userId, anonymousId, timestamp, context, ...account, ...body }));
  });

const start = Date.parse('2026-01-01T00:00:00Z');
const hour = 3_600_000;

const settings: fc.Arbitrary<SpaceSettings> = fc
  .record({
    order: fc.shuffledSubarray(['user_id', 'email', 'anonymous_id', 'loyalty_id', 'group_id'], { minLength: 5 }),
    limits: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 5, maxLength: 5 }),
    windows: fc.array(fc.constantFrom('ever', 'ever', 'weekly', 'daily' as const), { minLength: 5, maxLength: 5 }),
    autoRegister: fc.boolean(),
    ordered: fc.nat(5),
  })
  .map(({ order, limits, windows, autoRegister, ordered }) => ({
    autoRegister,
    ordered,
    identifiers: order.map(
      (type, at): IdentifierRule => ({
        type,
        collection: type === 'group_id' ? 'accounts' : 'users',
        limit: limits[at] ?? 1,
        window: windows[at] ?? 'ever',
        blocked: recommendedBlocked,
        custom: type === 'loyalty_id',
      }),
    ),
  }));

interface History {
  readonly settings: SpaceSettings;
  /** The settings from this batch on. */
  readonly later: SpaceSettings;
  readonly laterFrom: number;
  readonly batches: readonly (readonly IncomingMessage[])[];
}

/** Messages with arrival times that go up, some at the same moment, cut into batches of any size. */
function history(minStep: number): fc.Arbitrary<History> {
  const step = fc.oneof(fc.constantFrom(minStep, minStep, 1000, 40_000), fc.integer({ min: hour, max: 90 * hour }));
  return fc
    .record({
      settings,
      later: settings,
      laterFrom: fc.nat(20),
      sent: fc.array(fc.tuple(message, step, fc.nat(4)), { minLength: 1, maxLength: 60 }),
    })
    .map(({ settings: own, later, laterFrom, sent }) => {
      const batches: IncomingMessage[][] = [[]];
      let now = start + 150_000;
      for (const [each, gap, cut] of sent) {
        now += gap;
        batches.at(-1)?.push({ message: each, receivedAt: new Date(now), sourceId: 'src_test' });
        if (cut === 0) batches.push([]);
      }
      return { settings: own, later, laterFrom, batches: batches.filter((batch) => batch.length > 0) };
    });
}

function newSpace(own: SpaceSettings): SpaceRef {
  spaces += 1;
  return { id: `spa_${spaces}`, no: spaces, settings: own };
}

function slowly(own: SpaceSettings, batches: History['batches']): SlowSpace {
  const slow = new SlowSpace(own);
  for (const { message: each, receivedAt } of batches.flat()) slow.apply(each, receivedAt.getTime());
  return slow;
}

async function expectSame(space: SpaceRef, slow: SlowSpace): Promise<void> {
  expect(await pictureOf(reader, space.no, 'users')).toEqual(slowPictureOf(slow, 'users'));
  expect(await pictureOf(reader, space.no, 'accounts')).toEqual(slowPictureOf(slow, 'accounts'));
}

it('one writer, any batch sizes, with batches under way at once: as the obvious space', async () => {
  await fc.assert(
    fc.asyncProperty(history(0), async ({ settings: own, later, laterFrom, batches }) => {
      const space = newSpace(own);
      const settingsOf = (at: number) => (at < laterFrom ? own : later);
      await using writer = createSpaceWriter({ db });
      const written = await Promise.all(
        batches.map(async (batch, at) => {
          const done = await writer.write({ ...space, settings: settingsOf(at) }, batch);
          if (at % 4 === 0) await pictureOf(reader, space.no, 'users');
          return done;
        }),
      );
      const slow = new SlowSpace(own);
      const owners = batches.flatMap((batch, at) => {
        slow.settings = settingsOf(at);
        return batch.map((each) => slow.apply(each.message, each.receivedAt.getTime()));
      });
      const outcomes = written.flatMap((each) => each.outcomes);
      expect(outcomes.map((outcome) => outcome.kind)).toEqual(owners.map((owner) => (owner ? 'applied' : 'dropped')));
      await expectSame(space, slow);
      const changed = written.reduce((sum, { effects }) => sum + effects.traitsChanged, 0);
      expect(changed).toBe(slow.traitsChanged);
    }),
    { numRuns: 150 },
  );
});

it('four writers at once: as the obvious space in the order they committed', async () => {
  await fc.assert(
    fc.asyncProperty(history(1), async ({ settings: own, batches }) => {
      const space = newSpace(own);
      const writers = [1, 2, 3, 4].map(() => createSpaceWriter({ db }));
      await Promise.all(
        batches.map(async (batch, at) => {
          if (at % 3 === 0) await pictureOf(reader, space.no, 'users');
          return writers[at % 4]?.write(space, batch, async (tx) => {
            await tx.query('INSERT INTO test_order SELECT space_no, seq, $2 FROM space_heads WHERE space_no = $1', [
              space.no,
              at,
            ]);
          });
        }),
      );
      await Promise.all(writers.map((writer) => writer[Symbol.asyncDispose]()));
      const { rows } = await db.pool.query('SELECT seq, batch FROM test_order WHERE space_no = $1 ORDER BY seq', [
        space.no,
      ]);
      expect(new Set(rows.map((row) => row.seq)).size).toBe(batches.length);
      const order = rows.map((row) => batches[row.batch as number] ?? []);
      await expectSame(space, slowly(own, order));
    }),
    { numRuns: 60 },
  );
});

it('a plan says what the batches would do and leaves nothing behind', async () => {
  const dump = async (no: number) =>
    JSON.stringify(
      await Promise.all(
        ['identifiers', 'profiles', 'links', 'events', 'space_log', 'space_heads'].map(
          async (table) =>
            (await db.pool.query(`SELECT t::text FROM ${table} t WHERE space_no = $1 ORDER BY 1`, [no])).rows,
        ),
      ),
    );
  await fc.assert(
    fc.asyncProperty(history(1), fc.nat(3), async ({ settings: own, batches }, head) => {
      const space = newSpace(own);
      await using writer = createSpaceWriter({ db });
      for (const batch of batches.slice(0, head)) await writer.write(space, batch);
      const before = await dump(space.no);
      const rest = batches.slice(head);
      await using plan = await createPlanWriter({ db });
      const planned = await Promise.all(rest.map((batch) => plan.write(space, batch)));
      expect(await dump(space.no)).toBe(before);
      const real = await Promise.all(rest.map((batch) => writer.write(space, batch)));
      expect(planned.map((each) => each.effects)).toEqual(real.map((each) => each.effects));
    }),
    { numRuns: 40 },
  );
});

it('what the caller writes fails: nothing of the batch is stored, the batches around it are', async () => {
  const space = newSpace({ identifiers: [], autoRegister: true });
  const external = (id: string) => ({
    message: {
      type: 'identify',
      context: { externalIds: [{ id, type: 'phone', collection: 'users', encoding: 'none' }] },
    },
    receivedAt: new Date(start),
    sourceId: 'src_test',
  });
  await using writer = createSpaceWriter({ db });
  const results = await Promise.allSettled([
    writer.write(space, [external('1')]),
    writer.write(space, [external('1'), external('2')], async () => {
      throw new Error('no receipts today');
    }),
    writer.write(space, [external('2'), external('3')]),
  ]);
  expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  const ids = (await pictureOf(reader, space.no, 'users')).map((picture) => picture.ids);
  expect(ids).toEqual(['phone:1', 'phone:2', 'phone:3']);
});

it('16 writers, one profile: every trait is there in the end, and one profile', async () => {
  const own = {
    identifiers: [
      { type: 'user_id', collection: 'users', limit: 1, window: 'ever', blocked: recommendedBlocked, custom: false },
    ],
    autoRegister: true,
  } as const;
  const space = newSpace(own);
  const writers = Array.from({ length: 16 }, () => createSpaceWriter({ db }));
  await Promise.all(
    writers.flatMap((writer, w) =>
      [0, 1, 2, 3, 4].map((n) =>
        writer.write(space, [
          {
            message: { type: 'identify', userId: 'u', traits: { [`w${w}n${n}`]: n } },
            receivedAt: new Date(),
            sourceId: 's',
          },
        ]),
      ),
    ),
  );
  await Promise.all(writers.map((writer) => writer[Symbol.asyncDispose]()));
  const pictures = await pictureOf(reader, space.no, 'users');
  expect(pictures).toHaveLength(1);
  expect(Object.keys(Object.fromEntries(JSON.parse(pictures[0]?.traits ?? '[]')))).toHaveLength(80);
});

it.each([1, 2, 3])(
  'with a pool of %d, writes to three spaces by two writers do not wait for each other for ever',
  async (poolSize) => {
    await using small = await testDatabase({ poolSize });
    const own = { identifiers: [], autoRegister: true };
    const refs = [1, 2, 3].map((no): SpaceRef => ({ id: `spa_${no}`, no, settings: own }));
    const writers = [createSpaceWriter({ db: small }), createSpaceWriter({ db: small })];
    const seen = (user: number) => ({
      message: {
        type: 'identify',
        traits: { [`t${user}`]: user },
        context: { externalIds: [{ id: `${(user % 7) + 1}`, type: 'phone', collection: 'users', encoding: 'none' }] },
      },
      receivedAt: new Date(),
      sourceId: 's',
    });
    await Promise.all(
      writers.flatMap((writer, w) =>
        refs.flatMap((space) =>
          // Every other batch changes a profile that the one before it changes too.
          Array.from({ length: 60 }, (_, n) =>
            writer.write(space, [seen(w * 1000 + Math.floor(n / 2)), seen(n + 500)]),
          ),
        ),
      ),
    );
    for (const writer of writers) await writer[Symbol.asyncDispose]();
    const other = createSpaceReader({ db: small });
    for (const { no } of refs) {
      const pictures = await pictureOf(other, no, 'users');
      expect(pictures.map(({ ids }) => ids)).toEqual([1, 2, 3, 4, 5, 6, 7].map((n) => `phone:${n}`));
      const keys = pictures.flatMap(({ traits }) => JSON.parse(traits) as unknown[]);
      expect(keys).toHaveLength(30 + 30 + 60);
    }
  },
);

/** Closed until it is opened. */
function gateway() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

describe('two processes whose batches want the same rows in other orders', () => {
  const own = { identifiers: [], autoRegister: true };
  let at = start;
  const seen = (id: string, traits: JsonObject = {}): IncomingMessage => {
    at += 1000;
    const context = { externalIds: [{ id, type: 'phone', collection: 'users', encoding: 'none' }] };
    return { message: { type: 'identify', traits, context }, receivedAt: new Date(at), sourceId: 's' };
  };
  const many = (name: string, count: number) =>
    Array.from({ length: count }, (_, n) => seen(`${name}${n}`, { n, filler: 'x'.repeat(2_000) }));
  /** Until a transaction that has written profiles waits for its process. */
  const untilIdle = async () => {
    for (;;) {
      const { rows } = await db.pool.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'
           AND query LIKE 'UPDATE profiles%'`,
      );
      if (rows.length > 0) return;
    }
  };

  it('both written ahead: a circle through rows and a verdict ends', async () => {
    const space = newSpace(own);
    await using one = createSpaceWriter({ db });
    await using two = createSpaceWriter({ db });
    await one.write(space, [seen('p1'), seen('p2')]);
    const large = one.write(space, [...many('a', 2_000), seen('p1', { one: 1 })]);
    const small = one.write(space, [seen('p2', { one: 1 })]);
    await untilIdle();
    const other = two.write(space, [seen('p1', { two: 1 }), seen('p2', { two: 1 })]);
    await Promise.all([large, small, other]);
    const pictures = await pictureOf(reader, space.no, 'users');
    for (const id of ['phone:p1', 'phone:p2']) {
      const traits = new Map(JSON.parse(pictures.find(({ ids }) => ids === id)?.traits ?? '[]'));
      expect(Object.fromEntries(traits)).toEqual({ one: 1, two: 1 });
    }
  });

  it('one in its turn: a circle through the counter, a row and a verdict ends', async () => {
    const space = newSpace(own);
    await using one = createSpaceWriter({ db });
    await using two = createSpaceWriter({ db });
    await using three = createSpaceWriter({ db });
    await one.write(space, [seen('p1'), seen('p2')]);
    /** Makes a writer lose a race, after which its batches take their turn before they write. */
    const lose = async (writer: typeof one) => {
      const gate = gateway();
      const entered = gateway();
      const first = three.write(space, [seen('x')], async () => {
        entered.open();
        await gate.opened;
      });
      await entered.opened;
      const second = writer.write(space, [seen('y')]);
      await new Promise((resolve) => setTimeout(resolve, 100));
      gate.open();
      await Promise.all([first, second]);
    };
    await lose(one);
    for (let n = 0; n < 19; n += 1) await one.write(space, [seen(`f${n}`)]);
    await lose(two);
    const large = two.write(space, [...many('b', 4_000), seen('p1', { two: 1 })]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await three.write(space, [seen('z')]);
    for (let isHeld = false; !isHeld; ) {
      const { rows } = await db.pool.query('SELECT FROM space_heads WHERE space_no = $1 FOR UPDATE SKIP LOCKED', [
        space.no,
      ]);
      isHeld = rows.length === 0;
    }
    await Promise.all([large, one.write(space, [seen('p2', { one: 1 })]), one.write(space, [seen('p1', { one: 1 })])]);
    const pictures = await pictureOf(reader, space.no, 'users');
    const traits = pictures.find(({ ids }) => ids === 'phone:p1')?.traits;
    expect(Object.fromEntries(JSON.parse(traits ?? '[]'))).toEqual({ one: 1, two: 1 });
  });
});
