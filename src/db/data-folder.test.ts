import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeFolder } from '../base/folders.ts';
import { prepareFolder } from './data-folder.ts';

let here: string;
beforeAll(async () => {
  here = await mkdtemp(path.join(tmpdir(), 'millrace-folder-'));
});
afterAll(() => rm(here, { recursive: true, force: true }));

// Where folders cannot be made although the one above is there.
test.runIf(existsSync('/proc/self'))('a folder that nobody can make is refused at once', async () => {
  for (const folder of ['/proc/millrace', '/proc/millrace/a/b']) {
    await expect(prepareFolder(folder)).rejects.toMatchObject({
      code: 'database_folder_unusable',
      message: expect.stringContaining(`${folder} cannot be used`),
    });
  }
});

test('a file in the way, and a link that leads nowhere, are named', async () => {
  await writeFile(path.join(here, 'file'), '');
  await symlink(path.join(here, 'nowhere'), path.join(here, 'link'));
  const refused = (folder: string, message: string) =>
    expect(prepareFolder(path.join(here, folder))).rejects.toMatchObject({
      code: 'database_folder_unusable',
      message: expect.stringContaining(message),
    });
  await refused('file', 'it is a file');
  await refused('file/below', 'a part of the path is a file');
  await refused('link', 'a link that leads nowhere');
});

test('every level is made, with its mode; what is there stays', async () => {
  await mkdir(path.join(here, 'there'));
  await makeFolder(path.join(here, 'there/a/b'), 0o700);
  await makeFolder(path.join(here, 'there/a/b'), 0o711);
  await Promise.all(['c', 'c/d', 'c/d/e'].map((folder) => makeFolder(path.join(here, 'there', folder))));
  expect((await stat(path.join(here, 'there/a'))).mode & 0o777).toBe(0o700);
  expect((await stat(path.join(here, 'there/a/b'))).mode & 0o777).toBe(0o700);
  expect((await stat(path.join(here, 'there/c/d/e'))).isDirectory()).toBe(true);
  await symlink(path.join(here, 'there'), path.join(here, 'to-there'));
  expect(await prepareFolder(path.join(here, 'to-there/a'))).toBe(path.join(here, 'there/a'));
});
