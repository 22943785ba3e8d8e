/** `millrace usage`, the real program over a real database. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase, testDatabaseUrl } from '../../test/database.ts';
import type { Database } from '../db/db.ts';
import { createEventStream, createSpace, createUsage } from '../workspace/workspace.ts';
import { documentedCommands, keyPaths, programIn, type StartProgram } from './cli.test-support.ts';

let db: Database;
let folder: string;
let start: StartProgram;

beforeAll(async () => {
  db = await testDatabase();
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-usage-'));
  start = programIn(folder, {
    DATABASE_URL: testDatabaseUrl(db),
    MILLRACE_DATA_FOLDER: folder,
    TZ: 'Pacific/Auckland',
  });
});

afterAll(async () => {
  await db.close();
  await rm(folder, { recursive: true, force: true });
});

const run = (...words: string[]) => start(words).ended;

test('before anything was sent, it says so', async () => {
  const { code, stdout } = await run('usage');
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^Nothing was counted in \d{4}-\d\d\. /)]);
  expect((await run('usage', '--month', '2999-12')).stdout).toContain('2999-12 has not begun yet');
});

test('a month that is none is refused', async () => {
  for (const month of ['2026', '2026-13', '2026-1', '2026-11-01', '1969-12']) {
    const { code, stderr } = await run('usage', '--month', month);
    expect([code, stderr]).toEqual([2, expect.stringContaining('[usage]')]);
    expect(stderr).toContain('Write it like 2026-11');
  }
});

test('a month by day and by source: calls day for day, people so far', async () => {
  const space = await createSpace(db.pool, 'main');
  const app = await createEventStream(db, { name: 'app', spaces: ['main'], clientSide: true });
  const usage = createUsage({ clock: { now: () => new Date('2025-02-02T00:30:00Z') } });
  const sent = (sourceId: string, day: number, message: { userId?: string; anonymousId?: string }) => ({
    sourceId,
    receivedAt: new Date(Date.UTC(2025, 1, day, 23)),
    message: { type: 'track', event: 'x', ...message },
  });
  await db.transaction(async (tx) => {
    await usage.exempt(tx, space.no, space.id, Array(2_000).fill({ type: 'identify' }));
    await usage.count(tx, space.no, [
      sent(app.id, 1, { anonymousId: 'a-app' }),
      sent(app.id, 1, { userId: '7', anonymousId: 'a-app' }),
      sent('evs_web', 1, { anonymousId: 'a-web' }),
      sent('evs_web', 3, { userId: '7', anonymousId: 'a-web' }),
    ]);
  });
  const { code, stdout } = await run('usage', '--month', '2025-02');
  expect(code).toBe(0);
  const lines = stdout.split('\n').map((line) => line.trim().split(/ {2,}/).join(' | '));
  expect(lines).toEqual(
    expect.arrayContaining([
      'day | API calls | tracked users so far | identified | anonymous | exempt',
      '2025-02-01 | 3 | 2 | 1 | 1 | 0',
      '2025-02-02 | 0 | 2 | 1 | 1 | 2,000',
      '2025-02-03 | 1 | 1 | 1 | 0 | 0',
      '2025-02-28 | 0 | 1 | 1 | 0 | 0',
      'source | API calls | tracked users | identified | anonymous | exempt',
      'app | 2 | 1 | 1 | 0 | 0',
      'evs_web | 2 | 1 | 1 | 0 | 0',
      'space main | 0 | 0 | 0 | 0 | 2,000',
      'total | 4 | 1 | 1 | 0 | 2,000',
    ]),
  );
  expect(lines.filter((line) => line.startsWith('2025-02-'))).toHaveLength(28);

  const document = JSON.parse((await run('usage', '--month', '2025-02', '--json')).stdout);
  expect(keyPaths(document)).toEqual(keyPaths(documentedCommands().get('usage')?.example));
  const inTheEnd = { trackedUsers: 1, identified: 1, anonymous: 2, anonymousIdentified: 2, neverIdentified: 0 };
  expect(document.total).toEqual({ apiCalls: 4, ...inTheEnd, exempt: 2_000 });
  expect(document.days[2]).toEqual({
    day: '2025-02-03',
    apiCalls: 1,
    exempt: 0,
    soFar: { apiCalls: 4, ...inTheEnd, exempt: 2_000 },
  });
  expect(document.sources[2]).toMatchObject({ sourceId: space.id, name: 'space main', exempt: 2_000 });
});
