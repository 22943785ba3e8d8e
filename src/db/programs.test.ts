import { chmod, cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { testLog } from '../../test/database.ts';
import { parseAccounts, serverAccount } from './account.ts';
import { findPrograms, systemFolder, usablePrograms } from './programs.ts';

const asRoot = process.getuid?.() === 0;
const log = testLog();
let base: string;

beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'millrace-programs-'));
  await chmod(base, 0o755);
});
afterEach(() => rm(base, { recursive: true, force: true }));

/** The package as npm leaves it when it runs no scripts: without the links between libraries. */
async function bareCopy(): Promise<string> {
  const { postgres } = await findPrograms(undefined, log);
  const native = path.join(base, 'package', 'native');
  await mkdir(path.dirname(native));
  await cp(path.resolve(postgres, '..', '..'), native, { recursive: true, verbatimSymlinks: true });
  const links = JSON.parse(await readFile(path.join(native, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
  for (const { target } of links) await rm(path.join(native, '..', target), { force: true });
  return native;
}

test('links that npm did not make are made', async () => {
  const native = await bareCopy();
  const programs = await usablePrograms(native, 'test', undefined, log);
  expect(programs).toMatchObject({ version: 18, postgres: path.join(native, 'bin', 'postgres') });
});

test.skipIf(!asRoot)('as root, programs in a closed folder are copied to where the account can run them', async () => {
  const native = await bareCopy();
  await chmod(base, 0o700);
  const release = `test-${path.basename(base)}`;
  const copy = path.join(systemFolder, `programs-${release}`);
  try {
    const account = await serverAccount(log);
    for (const _time of ['copied', 'found']) {
      const programs = await usablePrograms(native, release, account, log);
      expect(programs.postgres).toBe(path.join(copy, 'bin', 'postgres'));
    }
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
});

test('programs that do not run are reported with what they said', async () => {
  await expect(usablePrograms(path.join(base, 'nothing'), 'test', undefined, log)).rejects.toMatchObject({
    code: 'database_binaries_missing',
    message: expect.stringContaining('ENOENT'),
  });
});

test('accounts are read from lines of the account file', () => {
  const text =
    'root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:a,b,,:/var/lib/postgresql:/bin/bash\n\nbroken\nno:x:y:z\n';
  expect(parseAccounts(text)).toEqual([
    { name: 'root', uid: 0, gid: 0 },
    { name: 'postgres', uid: 101, gid: 104 },
  ]);
});

test.skipIf(!asRoot)('root lends the server an account that is not its own', async () => {
  expect((await serverAccount(log))?.uid).toBeGreaterThan(0);
});

test.skipIf(asRoot)('everybody else runs it as themselves', async () => {
  expect(await serverAccount(log)).toBeUndefined();
});
