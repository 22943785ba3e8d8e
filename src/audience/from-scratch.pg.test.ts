/** Whatever happened, and whenever it was computed: what profiles hold equals what their facts give, computed from scratch. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import type { Json } from '../base/json.ts';
import type { Database } from '../db/db.ts';
import { deletePeople, loadSubjects, nextProfiles, type SpaceSubject } from '../space/space.ts';
import { ComputingSpace } from './audience.test-support.ts';
import { evaluateSubject } from './evaluate.ts';
import { createPreparer, wantedSubjects } from './prepare.ts';
import { readWorking } from './rows.ts';

let db: Database;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());

const hourMs = 60 * 60 * 1000;

const definitions = [
  ['audience', 'recent', "event('Login').within(2 days).count() >= 1"],
  ['audience', 'lapsed', "event('Login').between(2 days, 5 days).count() >= 1 AND NOT trait('recent') = 'true'"],
  ['audience', 'pros', "trait('plan') = 'pro' OR trait('spend') > 100"],
  ['audience', 'not_pros', "NOT trait('plan') = 'pro'"],
  ['audience', 'renewing', "trait('renewal').within_next(2 days)"],
  ['computed_trait', 'spend', "event('Order').sum(property('total'))"],
  ['computed_trait', 'favourite', "event('Order').mode(property('kind'), 2)"],
  ['computed_trait', 'latest', "event('Order').last(property('kind'))"],
  ['computed_trait', 'kinds', "event('Order').unique(property('kind'))"],
  ['computed_trait', 'session', "event('Login').expires_after(12 hours).count()"],
  ['computed_trait', 'week', "event('Order').within(7 days).count()"],
  [
    'audience',
    'abandoned',
    "event('Login').where(NOT event('Order').within(parent: 1 day).count() >= 1).within(7 days).count() >= 1",
  ],
] as const;

const user = fc.constantFrom('u1', 'u2', 'u3', 'u4');
const device = fc.constantFrom('a1', 'a2', 'a3');
const whose = fc.oneof(
  user.map((userId) => ({ userId })),
  device.map((anonymousId) => ({ anonymousId })),
);
const ago = fc.nat({ max: 96 }).map((hours) => hours * hourMs);
const step = fc.oneof(
  fc.record({ kind: fc.constant('login' as const), whose, ago }),
  fc.record({
    ...{ kind: fc.constant('order' as const), whose, ago },
    total: fc.constantFrom<Json>(10, 60, '50', 'much', null),
    of: fc.constantFrom('tea', 'cups', 'pots'),
  }),
  fc.record({ kind: fc.constant('plan' as const), whose, plan: fc.constantFrom('pro', 'free', null) }),
  fc.record({ kind: fc.constant('renewal' as const), whose, in: fc.integer({ min: -24, max: 120 }) }),
  fc.record({ kind: fc.constant('merge' as const), userId: user, anonymousId: device }),
  fc.record({ kind: fc.constant('pass' as const), hours: fc.integer({ min: 1, max: 72 }) }),
  fc.record({ kind: fc.constant('look' as const) }),
  fc.record({ kind: fc.constant('forget' as const), userId: user }),
  fc.record({ kind: fc.constant('define' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function take(space: ComputingSpace, waiting: (typeof definitions)[number][], each: Step, at: number) {
  switch (each.kind) {
    case 'login':
      return space.send({ type: 'track', event: 'Login', timestamp: space.time(each.ago), ...each.whose });
    case 'order': {
      const properties = { total: each.total, kind: each.of };
      return space.send({ type: 'track', event: 'Order', timestamp: space.time(each.ago), properties, ...each.whose });
    }
    case 'plan':
      return space.send({ type: 'identify', traits: { plan: each.plan }, ...each.whose });
    case 'renewal':
      return space.send({ type: 'identify', traits: { renewal: space.time(-each.in * hourMs) }, ...each.whose });
    case 'merge':
      return space.send({ type: 'identify', userId: each.userId, anonymousId: each.anonymousId });
    case 'pass':
      return space.pass(each.hours * hourMs);
    case 'look':
      return void (await space.look());
    case 'forget':
      return void (await deletePeople(db, { jobId: `j${at}`, spaceNo: space.space.no, userIds: [each.userId] }));
    case 'define':
      return defineNext(space, waiting);
  }
}

async function defineNext(space: ComputingSpace, waiting: (typeof definitions)[number][]): Promise<void> {
  const next = waiting.shift();
  if (next !== undefined) await space.define(next[0], next[1], next[2], { filterByExternalIds: ['user_id'] });
}

type Held = Readonly<Record<string, Json>>;

/** Who never had a value and whose value is gone are told apart by their history alone. */
function told(computed: SpaceSubject['computed']): Held {
  const entries = Object.entries(computed).map(([key, { value }]) => [key, value] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== false && value !== 0 && String(value) !== ''));
}

async function heldAndComputed(space: ComputingSpace): Promise<readonly (readonly [held: Held, computed: Held])[]> {
  const { no } = space.space;
  const { ordered, faulty } = createPreparer()((await readWorking(db.pool)).filter(({ spaceNo }) => spaceNo === no));
  expect(faulty).toEqual([]);
  const ids = await nextProfiles(db.pool, no, 'users', '', 1000);
  const subjects: SpaceSubject[] = [];
  const all = ordered.map(({ computation }) => computation);
  for await (const part of loadSubjects(db, no, ids, wantedSubjects(ordered, all))) subjects.push(...part.subjects);
  const pairs = subjects.map(async (subject) => {
    const bare = { ...subject, traits: subject.custom, computed: {} };
    return [told(subject.computed), told((await evaluateSubject(bare, ordered, space.now)).computed ?? {})] as const;
  });
  return Promise.all(pairs);
}

test('what profiles hold equals what their facts give', { timeout: 240_000 }, async () => {
  let runs = 0;
  let held = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 50 }), async (steps) => {
      runs += 1;
      await using space = await ComputingSpace.create(db, `scratch-${runs}`);
      const waiting = [...definitions];
      for (let at = 0; at < 6; at += 1) await defineNext(space, waiting);
      for (const [at, each] of steps.entries()) await take(space, waiting, each, at);
      while (waiting.length > 0) await defineNext(space, waiting);
      await space.compute();
      // Batch computations see it at their next run.
      space.pass(9 * hourMs);
      await space.compute();
      for (const [stored, computed] of await heldAndComputed(space)) {
        expect(stored).toEqual(computed);
        held += Object.keys(stored).length;
      }
      await db.pool.query('UPDATE computations SET enabled = false, run_asked_at = NULL WHERE space_no = $1', [
        space.space.no,
      ]);
    }),
    { numRuns: 25 },
  );
  // The histories were not empty ones.
  expect(held).toBeGreaterThan(100);
});
