/** One value that thousands share: a kiosk, a test address. Limits, caps and blocked values keep profiles apart. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import type { JsonObject } from '../base/json.ts';
import type { Database } from '../db/db.ts';
import { createSpace } from '../workspace/workspace.ts';
import { createSpaceReader, createSpaceWriter, type IdentifierRule, readSpaceLog, type SpaceRef } from './space.ts';

let db: Database;

beforeAll(async () => {
  db = await testDatabase();
});
afterAll(() => db.close());

async function spaceNamed(name: string, more: readonly IdentifierRule[] = []): Promise<SpaceRef> {
  const { id, no, settings } = await createSpace(db.pool, name);
  return { id, no, settings: { ...settings, identifiers: [...settings.identifiers, ...more] } };
}

async function write(space: SpaceRef, count: number, message: (at: number) => JsonObject): Promise<void> {
  await using writer = createSpaceWriter({ db });
  const receivedAt = new Date('2026-06-01T00:00:00Z');
  for (let from = 0; from < count; from += 1000) {
    const batch = Array.from({ length: Math.min(1000, count - from) }, (_, at) => ({
      message: { type: 'identify', ...message(from + at) },
      receivedAt,
      sourceId: 's',
    }));
    await writer.write(space, batch);
  }
}

const profileOf = (space: SpaceRef, type: string, value: string) =>
  createSpaceReader({ db }).profile(space.no, 'users', { kind: 'identifier', type, value });

test('an e-mail address that 50,000 users share stays with the first', async () => {
  const space = await spaceNamed('shared');
  await write(space, 50_000, (at) => ({ userId: `u${at}`, traits: { email: 'test@example.org', n: at } }));
  expect(await createSpaceReader({ db }).count(space.no, 'users')).toBe(50_000);
  const owner = await profileOf(space, 'email', 'test@example.org');
  expect(owner?.externalIds.map(({ id }) => id).sort()).toEqual(['test@example.org', 'u0']);
  const reasons = new Set((await readSpaceLog(db.pool, space.no)).map(({ reason }) => reason));
  expect(reasons).toEqual(new Set(['identifier_value_limit_exceeded']));
});

test('a blocked value gathers nobody', async () => {
  const space = await spaceNamed('blocked');
  await write(space, 5_000, (at) => ({ userId: `u${at}`, anonymousId: '00000000-0000-0000-0000-000000000000' }));
  expect(await createSpaceReader({ db }).count(space.no, 'users')).toBe(5_000);
  expect(await profileOf(space, 'anonymous_id', '00000000-0000-0000-0000-000000000000')).toBeNull();
});

test('a profile takes 1,000 identifiers and no more, whatever its limits; its messages still arrive', async () => {
  const blocked = { values: [], patterns: [] };
  const card = { type: 'card', collection: 'users', limit: 1e6, window: 'ever', blocked, custom: true } as const;
  const space = await spaceNamed('capped', [card]);
  await write(space, 3_000, (at) => ({ userId: 'kiosk', traits: { card: `c${at}` } }));
  const kiosk = await profileOf(space, 'user_id', 'kiosk');
  expect(kiosk?.externalIds).toHaveLength(1_000);
  expect(kiosk?.traits.find(({ key }) => key === 'card')?.value).toBe('c2999');
  expect(await createSpaceReader({ db }).count(space.no, 'users')).toBe(1);
  const log = await readSpaceLog(db.pool, space.no);
  const refused = log.filter(({ reason }) => reason === 'identifier_mapping_limit_exceeded');
  expect(refused.reduce((sum, { count }) => sum + count, 0)).toBe(2_001);
});
