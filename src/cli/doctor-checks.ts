/** The checks of the doctor that need no database: Node, configuration, data folder, port. */
import { access, constants, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { MillraceError } from '../base/errors.ts';
import type { CliContext } from './context.ts';
import { bytes } from './text.ts';

export interface Finding {
  readonly name: string;
  readonly status: 'ok' | 'problem' | 'skipped';
  /** What was found. */
  readonly message: string;
  /** What to do; empty when there is nothing to do. */
  readonly help: string;
}

export interface Check {
  readonly name: string;
  /** Checks that must have gone well before this one makes sense. */
  readonly needs?: readonly string[];
  /** What was found; status `ok` and no help unless given. An error is a problem. */
  look(context: CliContext): Promise<Pick<Finding, 'message'> & Partial<Finding>>;
}

const oldestNode = [20, 19] as const;
const leastFreeBytes = 1024 ** 3;

export const localChecks: readonly Check[] = [
  {
    name: 'node',
    async look() {
      const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
      const message = `Node.js ${process.versions.node}`;
      if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return { message };
      return { message, status: 'problem', help: `Install Node.js ${oldestNode.join('.')} or newer.` };
    },
  },
  {
    name: 'configuration',
    async look({ config }) {
      return { message: `no faults; log level ${config.logLevel}, batches of ${config.batchSize} rows` };
    },
  },
  {
    name: 'data folder',
    needs: ['configuration'],
    look: ({ config }) => lookAtFolder(path.resolve(config.dataFolder)),
  },
  { name: 'port', needs: ['configuration'], look: ({ config }) => lookAtPort(config.host, config.port) },
];

async function lookAtFolder(folder: string): ReturnType<Check['look']> {
  const there = await nearestFolder(folder);
  try {
    await access(there, constants.W_OK | constants.X_OK);
  } catch {
    const help = 'Choose a folder that this account may write to, with --data-folder or MILLRACE_DATA_FOLDER.';
    return { message: `${folder}: this account may not write to ${there}`, status: 'problem', help };
  }
  const { bavail, bsize } = await statfs(there);
  const free = bavail * bsize;
  const message = `${folder}${there === folder ? '' : ' (made on first use)'}, ${bytes(free)} free`;
  if (free >= leastFreeBytes) return { message };
  return {
    message,
    status: 'problem',
    help: `Free some space: below ${bytes(leastFreeBytes)} a sync may fill the disk.`,
  };
}

/** The folder itself, or the nearest above it that exists. */
async function nearestFolder(folder: string): Promise<string> {
  for (let here = folder; ; here = path.dirname(here)) {
    try {
      if ((await stat(here)).isDirectory()) return here;
      throw new MillraceError('database_folder_unusable', `${here} is a file, not a folder.`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || here === path.dirname(here)) throw error;
    }
  }
}

async function lookAtPort(host: string, port: number): ReturnType<Check['look']> {
  if (port === 0) return { message: `${host}, a free port is taken at start` };
  const code = await tryListening(host, port);
  const place = `${host}:${port}`;
  if (code === null) return { message: `${place} is free` };
  if (code === 'EADDRINUSE' && (await isMillrace(host, port))) {
    return { message: `${place} is served by a running Millrace` };
  }
  const what = { EADDRINUSE: 'is taken by another program', EACCES: 'is not allowed to this account' }[code];
  return {
    message: `${place} ${what ?? `cannot be listened on (${code})`}`,
    status: 'problem',
    help: 'Choose another address with --host and --port, or stop the program that has it.',
  };
}

function tryListening(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

async function isMillrace(host: string, port: number): Promise<boolean> {
  const at = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  try {
    const response = await fetch(`http://${at}:${port}/healthz`, { signal: AbortSignal.timeout(2_000) });
    return ((await response.json()) as { status?: unknown }).status === 'ok';
  } catch {
    return false;
  }
}
