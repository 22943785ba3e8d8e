/**
 * Making a folder, level by level. The recursive `mkdir` of Node goes round for ever where folders cannot be made though
 * the one above is there, as under `/proc`.
 */
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** Makes the folder, and those above it that are missing. Errors: those of the file system; `EEXIST` when it is a file. */
export async function makeFolder(folder: string, mode?: number): Promise<void> {
  const failed = await tryToMake(folder, mode);
  if (failed === null) return;
  const above = path.dirname(path.resolve(folder));
  if (failed.code !== 'ENOENT' || above === path.resolve(folder)) throw failed;
  await makeFolder(above, mode);
  const again = await tryToMake(folder, mode);
  if (again !== null) throw again;
}

/** Null when the folder is there now. */
async function tryToMake(folder: string, mode: number | undefined): Promise<NodeJS.ErrnoException | null> {
  try {
    await mkdir(folder, mode);
    return null;
  } catch (error) {
    const failed = error as NodeJS.ErrnoException;
    if (failed.code !== 'EEXIST') return failed;
    const found = await stat(folder).catch(() => null);
    return found?.isDirectory() === true ? null : failed;
  }
}
