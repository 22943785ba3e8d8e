import { readFile } from 'node:fs/promises';

/** The version of this program, from its package. */
export async function programVersion(): Promise<string> {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(await readFile(file, 'utf8')) as { version: string }).version;
}
