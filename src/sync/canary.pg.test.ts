import { expect, test } from 'vitest';
import { createLog } from '../base/log.ts';
import { listSyncs, syncRows } from './history.ts';
import { planSync } from './plan.ts';
import { testMapping } from './preview.ts';
import { fakeEndpoint, openWorld, refused } from './sync.test-support.ts';
import { runSync } from './sync.ts';

const canary = 'canary-7d1f@example.org';

test('D7: what rows hold never reaches the log or the reasons of a sync', async () => {
  const lines: string[] = [];
  const log = createLog({ level: 'trace', destination: { write: (line) => void lines.push(line) } });
  await using world = await openWorld({ log });
  await world.sql(
    'CREATE TABLE people (id INTEGER, email VARCHAR, name VARCHAR)',
    `INSERT INTO people VALUES (1, '${canary}', '${canary}'), (2, '${canary}' || chr(0), 'x'), (3, 'y', '${canary}'),
       (4, repeat('${canary}', 20000), 'z')`,
  );
  const job = await world.job();
  await planSync(world.context, job);
  const first = await runSync(world.context, job);
  await testMapping(world.context, job);
  await runSync(world.withEndpoint(fakeEndpoint(() => refused)), job);
  const throwing = fakeEndpoint(() => {
    const error = Object.assign(new Error(`invalid input syntax: "${canary}"`), { code: '22P02', severity: 'ERROR' });
    throw error;
  });
  await world.sql(`UPDATE people SET name = name || '!'`);
  const failed = await runSync(world.withEndpoint(throwing), job);
  expect(failed.state).toBe('failed');
  // A model that fails on a value, while it is read.
  const cast = await world.job({ query: 'SELECT id, email::INTEGER AS email, name FROM people' });
  expect((await runSync(world.context, cast)).state).toBe('failed');

  expect(lines.length).toBeGreaterThan(5);
  expect(lines.join('')).not.toContain('canary-7d1f');
  expect(JSON.stringify((await listSyncs(world.db)).items)).not.toContain('canary-7d1f');
  const { items } = await syncRows(world.db, first.id, 'failed');
  expect(items).toHaveLength(2);
  for (const { reason } of items) expect(reason).not.toContain('canary-7d1f');
});
