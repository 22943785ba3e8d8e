/** A person with traces everywhere is deleted: a dump of the whole database knows nothing of them, and lacks nothing else. */
import { expect, test } from 'vitest';
import type { Database } from '../db/db.ts';
import { runSync, syncRows } from '../sync/sync.ts';
import { canary, day, dumpLines, from, openPeopledWorld, type PeopledWorld, tracesOf } from './privacy.test-support.ts';
import { createRegulation, getRegulation, type RegulationType, runRegulations } from './privacy.ts';

const userIds = [`${canary}-user`];

const hashOfCanary = `SELECT left(encode(sha256('${canary}-user'), 'hex'), 32)::uuid::text AS hash`;

async function marksOf({ db, segmentIds }: PeopledWorld): Promise<(line: string) => boolean> {
  const { rows } = await db.pool.query<{ hash: string }>(hashOfCanary);
  const marks = [canary, rows[0]?.hash as string, ...(await segmentIds()).map((id) => id.toLowerCase())];
  return (line) => marks.some((mark) => line.toLowerCase().includes(mark));
}

async function regulate(people: PeopledWorld, type: RegulationType) {
  const { context } = people.world;
  const { id } = await createRegulation(people.db, { type, subjectIds: userIds });
  await runRegulations(context, { only: id });
  return getRegulation(people.db.pool, id);
}

const tableOf = (line: string) => line.slice(0, line.indexOf('\t')).replace(/_\d{8}$/, '');

async function tablesThatKnow(db: Database, isMarked: (line: string) => boolean): Promise<readonly string[]> {
  return [...new Set((await dumpLines(db)).filter(isMarked).map(tableOf))].sort();
}

/** Shown by a preview, and due to be computed. */
async function addComputations({ db, segmentIds }: PeopledWorld): Promise<void> {
  const ids = await segmentIds();
  await db.pool.query(
    `INSERT INTO audience_previews (space_no, preview_id, entity, query, options, created_at, status, results, size)
      SELECT space_no, 'pvw_1', 'USERS', 'q', '{}', now(), 'COMPLETED', array_agg(profile_id), 1
      FROM profiles WHERE profile_id = ANY($1) GROUP BY space_no`,
    [ids],
  );
  await db.pool.query(
    `INSERT INTO due_profiles (space_no, profile_id, due_at, seq)
      SELECT space_no, profile_id, now(), 1 FROM profiles WHERE profile_id = ANY($1)`,
    [ids],
  );
}

const everywhere = [
  ...[
    'events',
    'failing_rows',
    'identifiers',
    'links',
    'profiles',
    'space_changes',
    'space_log',
    'subscriptions',
    'sync_rows',
  ],
];

test.each(['DELETE_ONLY', 'DELETE_INTERNAL'] as const)(
  'after %s nothing is left, and nothing else is gone',
  async (type) => {
    await using people = await openPeopledWorld();
    const { db } = people;
    await addComputations(people);
    const isMarked = await marksOf(people);
    expect(await tablesThatKnow(db, isMarked)).toEqual(['audience_previews', 'due_profiles', ...everywhere]);
    const before = await dumpLines(db);

    const regulation = await regulate(people, type);
    expect(regulation).toMatchObject({ status: 'FINISHED', subjects: 1, subjectIds: [], finishedAt: expect.any(Date) });
    expect(regulation.detail).toEqual({
      spaces: [
        expect.objectContaining({ name: 'main', profiles: 2, events: 5, links: 2, subscriptions: 2, logEntries: 3 }),
        expect.objectContaining({ name: 'second', profiles: 2, events: 3, links: 1 }),
      ],
      syncRows: 6,
      failingRows: 2,
      ...(type === 'DELETE_ONLY' && { destinations: [] }),
    });

    const after = await dumpLines(db);
    expect(after.filter(isMarked)).toEqual([]);
    const others = before.filter(
      (line) => !isMarked(line) && !['space_heads', 'space_changes'].includes(tableOf(line)),
    );
    expect(others.length).toBeGreaterThan(40);
    const left = new Set(after);
    expect(others.filter((line) => !left.has(line))).toEqual([]);
    // New are the regulation, its note in the audit trail, and rows of others that named messages of the canary.
    const known = new Set(others);
    const changed = after.filter((line) => !known.has(line)).map(tableOf);
    const expected = ['audit_events', 'profiles', 'regulations', 'space_changes', 'space_heads'];
    expect([...new Set(changed)].sort()).toEqual(expected);
  },
);

test('accounts and others keep what the canary wrote on them', async () => {
  await using people = await openPeopledWorld();
  const { world, second } = people;
  const acme = { kind: 'identifier', type: 'group_id', value: 'acme' } as const;
  const somebody = { kind: 'identifier', type: 'user_id', value: 'somebody-user' } as const;
  const read = async () => [
    await world.reader.profile(world.space.no, 'accounts', acme),
    await world.reader.profile(second.no, 'users', somebody),
  ];
  const bare = async () =>
    (await read()).map((profile) => ({
      traits: profile?.traits.map(({ key, value }) => [key, value]),
      ids: profile?.externalIds.map(({ type, id, createdAt }) => [type, id, createdAt]),
      updatedAt: profile?.updatedAt,
    }));
  const before = await bare();
  expect(JSON.stringify(await read())).toContain(canary);
  await regulate(people, 'DELETE_ONLY');
  expect(await bare()).toEqual(before);
  expect(before[0]?.traits).toEqual([['plan', 'gold']]);
  expect(JSON.stringify(await read())).not.toContain(canary);
});

test.each([
  ...everywhere.map((table) => [table, 'DELETE', table] as const),
  ['deletions', 'DELETE', 'deletions'] as const,
  ['profiles', 'UPDATE', 'profiles'] as const,
])('were %s left out (%s), it would be seen', async (table, act, seen) => {
  await using people = await openPeopledWorld();
  const { db } = people;
  const isMarked = await marksOf(people);
  await db.pool.query(`CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`);
  await db.pool.query(`CREATE TRIGGER leave_out BEFORE ${act} ON ${table} FOR EACH ROW EXECUTE FUNCTION leave_out()`);
  await regulate(people, 'DELETE_ONLY');
  expect(await tablesThatKnow(db, isMarked)).toContain(seen);
});

test.each(['SUPPRESS_WITH_DELETE', 'SUPPRESS_WITH_DELETE_INTERNAL'] as const)(
  'after %s only the list of the suppressed knows them, whatever comes afterwards',
  async (type) => {
    await using people = await openPeopledWorld();
    const { db, world, second, jobs, write } = people;
    const isMarked = await marksOf(people);
    expect((await regulate(people, type)).status).toBe('FINISHED');
    expect(await tablesThatKnow(db, isMarked)).toEqual(['suppressions']);
    const again = tracesOf(canary).filter(({ message }) => message.userId !== undefined);
    for (const space of [world.space, second]) {
      for (const outcome of await write(space, ...again)) {
        expect(outcome).toMatchObject({ kind: 'dropped', reason: 'suppressed' });
      }
    }
    // The rows are in the warehouse as before; they are changed, so that they are sent.
    await world.sql(`UPDATE people SET name = name || '!'`);
    for (const job of jobs.slice(0, 2)) {
      const sync = await runSync(world.context, job);
      expect(sync.counts).toMatchObject({ delivered: 1, refused: 1 });
      const { items } = await syncRows(db, sync.id, 'failed');
      expect(items).toEqual([
        expect.objectContaining({ kind: 'refused', code: 'suppressed', recordId: null, message: null }),
      ]);
    }
    expect(await tablesThatKnow(db, isMarked)).toEqual(['suppressions']);
    expect((await dumpLines(db)).filter(isMarked)).toHaveLength(1);
  },
);

test('a person without a profile: what messages and syncs left is deleted all the same', async () => {
  await using people = await openPeopledWorld();
  const { db, second, write } = people;
  const isMarked = (line: string) => line.includes('gh0st');
  const stray = { type: 'track', userId: ' gh0st ', messageId: 'm1', properties: { email: 'somebody@example.org' } };
  await write(second, from({ ...stray, event: 'Odd' }, day(7)));
  await write(second, from({ ...stray, userId: '\u00a0\tgh0st\n', event: 'Odder', messageId: 'm3' }, day(7)));
  await write(second, from({ type: 'track', userId: 'gh0st', messageId: 'gh0st-m2', context: { groupId: '' } }));
  expect(await tablesThatKnow(db, isMarked)).toEqual(['events', 'space_log']);
  const { id } = await createRegulation(db, { type: 'DELETE_INTERNAL', subjectIds: ['gh0st', 'never seen'] });
  await runRegulations(people.world.context, { only: id });
  expect((await getRegulation(db.pool, id)).detail.spaces?.[1]).toMatchObject({
    profiles: 0,
    events: 2,
    logEntries: 3,
  });
  expect(await tablesThatKnow(db, isMarked)).toEqual([]);
});

test('an alias of somebody else that names the person: deleted, and refused while the person is suppressed', async () => {
  await using people = await openPeopledWorld();
  const { db, world, write } = people;
  const isMarked = (line: string) => line.includes('gh0st');
  const alias = { type: 'alias', userId: 'somebody-user', previousId: 'gh0st' };
  expect(await write(world.space, from({ ...alias, messageId: 'm1' }, day(7)))).toMatchObject([{ kind: 'applied' }]);
  expect(await tablesThatKnow(db, isMarked)).toEqual(['events']);
  const { id } = await createRegulation(db, { type: 'SUPPRESS_WITH_DELETE', subjectIds: ['gh0st'] });
  await runRegulations(world.context, { only: id });
  expect(await tablesThatKnow(db, isMarked)).toEqual(['suppressions']);
  expect(await write(world.space, from({ ...alias, messageId: 'm2' }))).toMatchObject([{ reason: 'suppressed' }]);
  // Elsewhere the member means nothing.
  const track = { type: 'track', event: 'e', userId: 'somebody-user', previousId: 'gh0st', messageId: 'm3' };
  expect(await write(world.space, from(track))).toMatchObject([{ kind: 'applied' }]);
});
