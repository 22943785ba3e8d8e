import { expect, test } from 'vitest';
import { settingsFor } from './settings.ts';

const MB = 2 ** 20;

test('never give durability up', () => {
  const names = Object.keys(settingsFor(8192 * MB, 100_000 * MB));
  for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) expect(names).not.toContain(name);
});

test.each([
  ['a large machine', 65_536, 500_000, { shared_buffers: '2048MB', max_wal_size: '4096MB', min_wal_size: '1024MB' }],
  ['a usual one', 8192, 100_000, { shared_buffers: '1024MB', max_wal_size: '4096MB', min_wal_size: '1024MB' }],
  ['a small container', 256, 2000, { shared_buffers: '64MB', max_wal_size: '250MB', min_wal_size: '80MB' }],
])('are sized for %s', (_name, memory, disk, expected) => {
  expect(settingsFor(memory * MB, disk * MB)).toMatchObject(expected);
});
