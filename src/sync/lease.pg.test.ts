import { expect, test } from 'vitest';
import { testDatabase } from '../../test/database.ts';
import { isLeased, takeLease } from './lease.ts';

test('a mapping is leased once at a time, and mappings do not stand in each other’s way', async () => {
  await using db = await testDatabase();
  const first = await takeLease(db, 'map_a');
  const other = await takeLease(db, 'map_b');
  expect(first).not.toBeNull();
  expect(other).not.toBeNull();
  expect(await takeLease(db, 'map_a')).toBeNull();
  expect(await isLeased(db.pool, 'map_a')).toBe(true);
  expect(await isLeased(db.pool, 'map_c')).toBe(false);
  await first?.release();
  expect(await isLeased(db.pool, 'map_a')).toBe(false);
  const again = await takeLease(db, 'map_a');
  expect(again).not.toBeNull();
  await again?.release();
  await other?.release();
});

test('a session that ends loses its lease, and says so', async () => {
  await using db = await testDatabase();
  const lease = await takeLease(db, 'map_a');
  const lost = new Promise<Error>((resolve) => lease?.onLost(resolve));
  const { rows } = await (lease as NonNullable<typeof lease>).session.query('SELECT pg_backend_pid() AS pid');
  await db.pool.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
  expect(await lost).toBeInstanceOf(Error);
  await expect.poll(() => isLeased(db.pool, 'map_a')).toBe(false);
  await lease?.release();
});
