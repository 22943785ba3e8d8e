import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type LockTimes, withFolderLock } from './folder-lock.ts';
import { startOf } from './processes.ts';

let folder: string;
let file: string;
const times: LockTimes = { patience: 10_000, touchEvery: 20, silence: 1000 };
const impatient: LockTimes = { ...times, patience: 50 };

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'millrace-lock-'));
  file = path.join(folder, 'x.lock');
});
afterEach(() => rm(folder, { recursive: true }));

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.once('exit', resolve));
  return child.pid as number;
}

const lockOf = (holder: object) =>
  writeFile(file, JSON.stringify({ host: hostname(), started: null, token: 't', ...holder }));

test('one holder at a time, and nothing is left behind', async () => {
  let inside = 0;
  let most = 0;
  const work = () =>
    withFolderLock(
      file,
      async () => {
        inside++;
        most = Math.max(most, inside);
        await sleep(5);
        inside--;
      },
      times,
    );
  await Promise.all(Array.from({ length: 10 }, work));
  expect(most).toBe(1);
  expect(await readdir(folder)).toEqual([]);
});

test('is free again after work that failed', async () => {
  const failing = withFolderLock(file, () => Promise.reject(new Error('no')), times);
  await expect(failing).rejects.toThrow('no');
  expect(await withFolderLock(file, async () => 'yes', impatient)).toBe('yes');
});

test('a living holder is waited for, and named when the wait is over', async () => {
  await lockOf({ pid: process.pid, started: startOf(process.pid) });
  await expect(withFolderLock(file, async () => 'in', impatient)).rejects.toMatchObject({
    code: 'database_folder_held',
    message: expect.stringContaining(`process ${process.pid}`),
  });
});

test('the lock of a dead process is taken over, by one of those who wait', async () => {
  await lockOf({ pid: await deadPid() });
  let inside = 0;
  const work = () =>
    withFolderLock(
      file,
      async () => {
        expect(++inside).toBe(1);
        await sleep(300);
        inside--;
      },
      times,
    );
  await Promise.all([work(), work(), work()]);
});

test.skipIf(process.platform !== 'linux')('a reused pid is not the holder', async () => {
  await lockOf({ pid: process.pid, started: '1' });
  expect(await withFolderLock(file, async () => 'in', impatient)).toBe('in');
});

test('a lock that a power cut left unreadable belongs to nobody', async () => {
  await writeFile(file, '');
  expect(await withFolderLock(file, async () => 'in', impatient)).toBe('in');
});

test('a holder on another machine counts as long as it touches the file', async () => {
  await lockOf({ pid: 1, host: 'elsewhere' });
  await expect(withFolderLock(file, async () => 'in', impatient)).rejects.toThrow('process 1 on elsewhere');
  const past = new Date(Date.now() - 2000);
  await utimes(file, past, past);
  expect(await withFolderLock(file, async () => 'in', impatient)).toBe('in');
});

test('a holder touches the file while it works', async () => {
  await withFolderLock(
    file,
    async () => {
      const past = new Date(1_000_000_000_000);
      await utimes(file, past, past);
      while ((await stat(file)).mtimeMs === past.getTime()) await sleep(5);
      expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ pid: process.pid });
    },
    times,
  );
});
