/** People are suppressed while writers in many hands bring their messages. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase, testLog } from '../../test/database.ts';
import { systemClock } from '../base/clock.ts';
import type { Database } from '../db/db.ts';
import { createSpaceReader, createSpaceWriter } from '../space/space.ts';
import { createSpace } from '../workspace/workspace.ts';
import { dumpLines, from } from './privacy.test-support.ts';
import { createRegulation, getRegulation, runRegulations } from './privacy.ts';

let db: Database;
let spaceNo = 0;

/* In the order of commits, by the space's counter: what batches did, and where the regulation came between them. */
beforeAll(async () => {
  db = await testDatabase({ poolSize: 20 });
  await db.pool.query('CREATE TABLE test_order (space_no int, seq bigint, applied int, is_regulation boolean)');
  await db.pool.query(`CREATE FUNCTION note_order() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO test_order SELECT space_no, seq, 0, true FROM space_heads; RETURN NULL; END $$`);
  await db.pool.query('CREATE TRIGGER note AFTER INSERT ON regulations FOR EACH ROW EXECUTE FUNCTION note_order()');
});
afterAll(() => db.close());

test.each(Array.from({ length: 12 }, (_, round) => [round + 1]))(
  'round %d: from the commit of the regulation on, nothing of the person is applied',
  async (round) => {
    // Each time nobody is suppressed at first: writers may then not even look.
    await db.pool.query('TRUNCATE suppressions');
    const space = await createSpace(db.pool, `space-${round}`);
    spaceNo = space.no;
    const writers = [1, 2, 3, 4].map(() => createSpaceWriter({ db }));
    let written = 0;
    let enough = Number.POSITIVE_INFINITY;
    const keepWriting = async (w: number) => {
      for (let n = 0; written < enough; n += 1) {
        const who = n % 3 === 0 ? `other-${w}-${n}` : 'u1';
        const message = { type: 'identify', userId: who, traits: { [`w${w}`]: n } };
        await writers[w]?.write(space, [from(message, new Date())], async (tx, { outcomes }) => {
          const applied = who === 'u1' && outcomes[0]?.kind === 'applied' ? 1 : 0;
          await tx.query(
            'INSERT INTO test_order SELECT space_no, seq, $2, false FROM space_heads WHERE space_no = $1',
            [spaceNo, applied],
          );
        });
        written += 1;
      }
    };
    const writing = Promise.all([0, 1, 2, 3, 0, 1, 2, 3].map(keepWriting));
    while (written < 40 + round) await new Promise((resolve) => setImmediate(resolve));
    await createRegulation(db, { type: 'SUPPRESS_ONLY', subjectIds: ['u1'] });
    enough = written + 60;
    await writing;
    await Promise.all(writers.map((writer) => writer[Symbol.asyncDispose]()));

    const { rows } = await db.pool.query<{ before: number; after: number; batches: number }>(
      `WITH own AS (SELECT * FROM test_order WHERE space_no = $1),
         regulation AS (SELECT seq FROM own WHERE is_regulation)
       SELECT (sum(applied) FILTER (WHERE own.seq < regulation.seq))::int AS before,
         (sum(applied) FILTER (WHERE own.seq > regulation.seq))::int AS after,
         (count(*) FILTER (WHERE own.seq > regulation.seq))::int AS batches
       FROM own, regulation`,
      [spaceNo],
    );
    expect(rows[0]?.before).toBeGreaterThan(0);
    expect(rows[0]?.batches).toBeGreaterThanOrEqual(60);
    expect(rows[0]?.after).toBe(0);
  },
);

test('deleted while many write: in the end nothing is left, whatever was under way', async () => {
  await db.pool.query('TRUNCATE suppressions');
  const space = await createSpace(db.pool, 'deleted');
  const writers = [1, 2, 3, 4].map(() => createSpaceWriter({ db }));
  let written = 0;
  let done = false;
  const keepWriting = async (w: number) => {
    for (let n = 0; !done; n += 1) {
      // Profiles of the person come, are merged, are linked and get events all the time; beside them somebody else.
      const messages = [
        {
          type: 'track',
          event: 'e',
          messageId: `doomed-${w}-${n}`,
          userId: 'doomed',
          properties: { email: `doomed-${n % 5}@x.org` },
        },
        { type: 'identify', userId: 'doomed', anonymousId: `doomed-${w}-${n % 3}`, traits: { [`doomed-${n}`]: n } },
        { type: 'group', userId: 'doomed', groupId: `g${n % 4}` },
        { type: 'identify', userId: `other-${n % 10}`, groupId: `g${n % 4}` },
      ];
      await writers[w]?.write(
        space,
        messages.map((message) => from(message, new Date())),
      );
      written += 1;
    }
  };
  const writing = Promise.all([0, 1, 2, 3, 0, 1].map(keepWriting));
  while (written < 60) await new Promise((resolve) => setImmediate(resolve));
  const { id } = await createRegulation(db, { type: 'SUPPRESS_WITH_DELETE', subjectIds: ['doomed'] });
  await runRegulations({ db, log: testLog(), clock: systemClock }, { only: id });
  const after = written;
  while (written < after + 20) await new Promise((resolve) => setImmediate(resolve));
  done = true;
  await writing;
  await Promise.all(writers.map((writer) => writer[Symbol.asyncDispose]()));
  expect(await getRegulation(db.pool, id)).toMatchObject({ status: 'FINISHED' });
  const left = (await dumpLines(db)).filter((line) => line.includes('doomed'));
  expect(left).toEqual([expect.stringMatching(/^suppressions\t/)]);
  const reader = createSpaceReader({ db });
  expect(await reader.count(space.no, 'users')).toBe(10);
  const account = { kind: 'identifier', type: 'group_id', value: 'g1' } as const;
  for (const link of (await reader.links(space.no, 'accounts', account, 100))?.items ?? []) {
    expect(await reader.profile(space.no, 'users', { kind: 'segment_id', id: link.segmentId })).not.toBeNull();
  }
});
