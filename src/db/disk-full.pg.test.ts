// A disk that fills up is a small file system in memory: only root may mount one, and not in every container.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { testLog } from '../../test/database.ts';
import { openDatabase } from './db.ts';

const base = mkdtempSync(path.join(tmpdir(), 'millrace-disk-'));
const log = testLog();

function mount(size: string, ...more: string[]): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', [`size=${size}`, 'mode=755', ...more].join(','), 'tmpfs', base], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

function unmount(): void {
  execFileSync('umount', [base], { stdio: 'ignore' });
}

const mountable = mount('1m');
if (mountable) unmount();
else rmSync(base, { recursive: true });
if (!mountable) process.stderr.write('disk-full.pg.test.ts: skipped, no file system can be mounted here\n');

afterAll(() => rm(base, { recursive: true, force: true }));

describe.skipIf(!mountable)('a full disk (skipped where no file system can be mounted)', () => {
  afterEach(unmount);

  test('while the server is set up: said as such, and nothing half made is left', async () => {
    mount('20m');
    const folder = path.join(base, 'data');
    await expect(openDatabase({ dataFolder: folder, log })).rejects.toMatchObject({
      code: 'database_disk_full',
      message: expect.stringContaining(folder),
    });
    expect(await readdir(path.join(folder, 'postgres'))).toEqual([]);
    mount('400m', 'remount');
    await (await openDatabase({ dataFolder: folder, log })).close();
  });

  test('while it works: said as such, and what was committed is there once there is room', async () => {
    mount('200m');
    const folder = path.join(base, 'data');
    await chmod(base, 0o755);
    const database = await openDatabase({ dataFolder: folder, log, poolSize: 2 });
    await database.pool.query('CREATE TABLE t (n int, s text)');
    let committed = 0;
    const fill = async () => {
      for (;;) {
        await database.transaction(async (tx) => {
          await tx.query(`INSERT INTO t SELECT $1, repeat(md5(g::text), 30) FROM generate_series(1, 5000) g`, [
            committed,
          ]);
        });
        committed++;
      }
    };
    await expect(fill()).rejects.toMatchObject({ code: 'database_disk_full' });
    expect(committed).toBeGreaterThan(0);
    mount('600m', 'remount');
    await database.close();
    await using again = await openDatabase({ dataFolder: folder, log });
    const { rows } = await again.pool.query('SELECT count(*)::int AS rows, count(DISTINCT n)::int AS batches FROM t');
    const { batches } = rows[0] as { batches: number };
    expect(rows).toEqual([{ rows: batches * 5000, batches }]);
    // The answer of the last commit may be what was lost.
    expect([committed, committed + 1]).toContain(batches);
  });
});
