/** The real program as a server, as `npm run build` made it, on a data folder whose database is open already. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Program extends AsyncDisposable {
  readonly url: string;
  /** The one that makes its first person; null when there is one. */
  readonly firstLink: string | null;
}

export async function startProgram(folder: string): Promise<Program> {
  // Beside the folder that the benches are compiled into.
  const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
  const words = ['start', '--data-folder', folder, '--port', '0', '--log-level', 'error', '--json'];
  const child = spawn(process.execPath, ['--max-semi-space-size=32', main, ...words], { stdio: ['ignore', 'pipe', 2] });
  let text = '';
  for await (const part of child.stdout ?? []) {
    text += part;
    const url = /"url": "([^"]+)"/.exec(text)?.[1];
    if (url === undefined || !/\n}/.test(text)) continue;
    return {
      url,
      firstLink: /"firstLink": "([^"]+)"/.exec(text)?.[1] ?? null,
      async [Symbol.asyncDispose]() {
        child.kill('SIGTERM');
        if (child.exitCode === null) await once(child, 'exit');
      },
    };
  }
  throw new Error(`The program did not start: ${text}`);
}
