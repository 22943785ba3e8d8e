/** Events and seen messages by day of arrival: days are made by whoever comes first, and expire as a whole. */
import { expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import {
  createSpaceReader,
  createSpaceWriter,
  defaultSpaceSettings,
  expireDays,
  type IncomingMessage,
  type SpaceRef,
} from '../space.ts';

const space: SpaceRef = { id: 'spa_1', no: 1, settings: defaultSpaceSettings() };

function track(messageId: string, receivedAt: string): IncomingMessage {
  const message = { type: 'track', event: 'Seen', userId: 'u', messageId, timestamp: receivedAt };
  return { message, receivedAt: new Date(receivedAt), sourceId: 's', onceKey: messageId };
}

test('ten processes that meet a new day at once make it once', async () => {
  await using db = await testDatabase({ poolSize: 20 });
  const writers = Array.from({ length: 10 }, () => createSpaceWriter({ db }));
  await Promise.all(writers.map((writer, no) => writer.write(space, [track(`m${no}`, '2026-03-01T23:59:59.999Z')])));
  await Promise.all(writers.map((writer, no) => writer.write(space, [track(`n${no}`, '2026-03-02T00:00:00.000Z')])));
  for (const writer of writers) await writer[Symbol.asyncDispose]();
  const { rows } = await db.pool.query(
    `SELECT tableoid::regclass::text AS day, count(*)::int AS n FROM events GROUP BY 1 ORDER BY 1`,
  );
  expect(rows).toEqual([
    { day: 'events_20260301', n: 10 },
    { day: 'events_20260302', n: 10 },
  ]);
});

test('expired days are dropped, the others stay; who comes again after a day is taken again', async () => {
  await using db = await testDatabase();
  await using writer = createSpaceWriter({ db });
  for (const day of ['01', '02', '03']) await writer.write(space, [track(`m${day}`, `2026-03-${day}T12:00:00Z`)]);
  expect(await expireDays(db, new Date('2026-03-17T11:00:00Z'), 15)).toEqual({ events: 1 });
  expect(await expireDays(db, new Date('2026-03-17T11:00:00Z'), 15)).toEqual({ events: 0 });
  const page = await createSpaceReader({ db }).events(
    1,
    'users',
    { kind: 'identifier', type: 'user_id', value: 'u' },
    { from: new Date('2026-01-01'), before: new Date('2027-01-01'), order: 'oldest first', limit: 10 },
  );
  expect(page?.items.map(({ messageId }) => messageId)).toEqual(['m02', 'm03']);
  const { rows } = await db.pool.query('SELECT count(*)::int AS n FROM seen_messages');
  expect(rows[0].n).toBe(0);
  const again = await writer.write(space, [track('m03', '2026-03-17T12:00:00Z'), track('m03', '2026-03-17T12:00:01Z')]);
  expect(again.outcomes).toMatchObject([{ kind: 'applied' }, { kind: 'dropped', reason: 'duplicate' }]);
});

test('events of a day that expires while people read and write', async () => {
  await using db = await testDatabase({ poolSize: 10 });
  await using writer = createSpaceWriter({ db });
  for (let day = 1; day <= 9; day += 1) await writer.write(space, [track(`m${day}`, `2026-03-0${day}T12:00:00Z`)]);
  let done = false;
  const reader = createSpaceReader({ db });
  const key = { kind: 'identifier', type: 'user_id', value: 'u' } as const;
  const query = {
    from: new Date('2026-03-06'),
    before: new Date('2027-01-01'),
    order: 'oldest first',
    limit: 10,
  } as const;
  const reading = (async () => {
    while (!done) expect((await reader.events(1, 'users', key, query))?.items.length).toBeGreaterThanOrEqual(4);
  })();
  const writing = (async () => {
    for (let n = 0; !done; n += 1) await writer.write(space, [track(`w${n}`, '2026-03-20T13:00:00Z')]);
  })();
  for (let day = 17; day <= 20; day += 1) await expireDays(db, new Date(`2026-03-${day}T00:00:00Z`), 15);
  done = true;
  await Promise.all([reading, writing]);
  const { rows } = await db.pool.query('SELECT min(received_at) AS first FROM events');
  expect(rows[0].first.toISOString()).toBe('2026-03-05T12:00:00.000Z');
});
