/** The times of messages, as the space understands them, wherever the process runs. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import type { Json } from '../../base/json.ts';
import type { Database } from '../../db/db.ts';
import { createSpace } from '../../workspace/workspace.ts';
import { createSpaceReader, createSpaceWriter, type SpaceRef } from '../space.ts';

let db: Database;
let space: SpaceRef;
const zone = process.env.TZ;

beforeAll(async () => {
  process.env.TZ = 'America/New_York';
  db = await testDatabase();
  const { id, no, settings } = await createSpace(db.pool, 'times');
  space = { id, no, settings };
});
afterAll(async () => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
  await db.close();
});

async function timeOfTrait(userId: string, timestamp: Json): Promise<string | undefined> {
  await using writer = createSpaceWriter({ db });
  const message = { type: 'identify', userId, traits: { plan: 'a' }, timestamp };
  await writer.write(space, [{ message, receivedAt: new Date('2026-06-01T00:00:00Z'), sourceId: 's' }]);
  const key = { kind: 'identifier', type: 'user_id', value: userId } as const;
  return (await createSpaceReader({ db }).profile(space.no, 'users', key))?.traits[0]?.origin.updatedAt;
}

test.each([
  ['2026-03-08T02:30:00', '2026-03-08T02:30:00.000Z'],
  ['2026-03-08 02:30:00.25', '2026-03-08T02:30:00.250Z'],
  ['2026-3-8 2:30', '2026-03-08T02:30:00.000Z'],
  ['2026-03-08', '2026-03-08T00:00:00.000Z'],
  ['2026-03-08T02:30:00+01:00', '2026-03-08T01:30:00.000Z'],
  ['2026-03-08 02:30:00 -0500', '2026-03-08T07:30:00.000Z'],
  ['Sun, 08 Mar 2026 02:30:00 GMT', '2026-03-08T02:30:00.000Z'],
  ['1772937000', '2026-03-08T02:30:00.000Z'],
  [1772937000, '2026-03-08T02:30:00.000Z'],
  [1772937000000, '2026-03-08T02:30:00.000Z'],
  ['2026-03-08T02:30:00Z', '2026-03-08T02:30:00.000Z'],
  ['no time', '2026-06-01T00:00:00.000Z'],
])('%s', async (timestamp, expected) => {
  expect(await timeOfTrait(`t ${timestamp}`, timestamp)).toBe(expected);
});

test('an event of a far year is kept, and does not hold up its batch', async () => {
  await using writer = createSpaceWriter({ db });
  const receivedAt = new Date('2026-06-01T00:00:00Z');
  const timestamps = ['+020000-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z', '+275760-09-13T00:00:00.000Z'];
  const batch = timestamps.map((timestamp, at) => ({
    message: { type: 'track', event: 'Seen', messageId: `far-${at}`, userId: 'far', timestamp },
    receivedAt,
    sourceId: 's',
  }));
  const { outcomes } = await writer.write(space, batch);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['applied', 'applied', 'applied']);
  const { rows } = await db.pool.query(`SELECT message_id FROM events WHERE message_id LIKE 'far-%' ORDER BY 1`);
  expect(rows.map((row) => row.message_id)).toEqual(['far-0', 'far-1', 'far-2']);
});
