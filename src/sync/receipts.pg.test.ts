import { expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import { memoryOf } from './memory.ts';
import { readLeftovers, storePending } from './receipts.ts';

test('pending receipts keep ids of any text, and the newest entry of a record wins', async () => {
  await using db = await testDatabase();
  const memory = memoryOf({ id: 'map_a', epoch: 1 });
  const odd = ["O'Brien", 'nul\0inside', '\u{1f600}', '\u05e9\u05dc\u05d5\u05dd', '{"a":1}', ''];
  const entries = odd.map((recordId, at) => ({ recordId, checksum: 'ab'.repeat(16), revision: at, deliveredBy: at }));
  await storePending(db.pool, memory, 'syn_1', { batch: 2, entries });
  await storePending(db.pool, memory, 'syn_1', {
    batch: 10,
    entries: [{ recordId: '', checksum: null, revision: 9, deliveredBy: null }],
  });
  await storePending(db.pool, memoryOf({ id: 'map_a', epoch: 2 }), 'syn_1', { batch: 1, entries });
  const found = await readLeftovers(db.pool, memory);
  expect([...found.keys()].sort()).toEqual([...odd].sort());
  expect(found.get('nul\0inside')).toEqual({
    recordId: 'nul\0inside',
    checksum: 'ab'.repeat(16),
    revision: 1,
    deliveredBy: 1,
  });
  expect(found.get('')).toEqual({ recordId: '', checksum: null, revision: 9, deliveredBy: null });
});
