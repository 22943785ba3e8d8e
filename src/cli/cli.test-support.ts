/** The real program, run as a child process; a small shop to sync; and the documentation as data. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Everything on stderr so far. */
  stderr(): string;
  stdout(): string;
}

/** @param terminal a program that gives another one a terminal, and its options: the whole command becomes one more */
export type StartProgram = (
  words: readonly string[],
  env?: Readonly<Record<string, string>>,
  terminal?: readonly string[],
) => Started;

/** @param base the environment of every call; nothing of this process's own settings gets through */
export function programIn(folder: string, base: Readonly<Record<string, string>>): StartProgram {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(MILLRACE_|DATABASE_URL$)/.test(name));
  return (words, env = {}, terminal = []) => {
    const program = ['--import', `${root}node_modules/tsx/dist/loader.mjs`, `${root}src/cli/main.ts`];
    const command = [process.execPath, ...program, ...words];
    const [file = '', ...args] = terminal.length === 0 ? command : [...terminal, shellWords(command), '/dev/null'];
    const child = spawn(file, args, {
      cwd: folder,
      env: { ...Object.fromEntries(inherited), ...base, ...env },
      stdio: [terminal.length === 0 ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    }) as ChildProcess & { readonly stdout: Readable; readonly stderr: Readable };
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      stdout += part;
    });
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      stderr += part;
    });
    const ended = new Promise<Ended>((resolve) => {
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
    return { child, ended, stdout: () => stdout, stderr: () => stderr };
  };
}

function shellWords(command: readonly string[]): string {
  return command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
}

/** Runs statements in a DuckDB file, made when it is missing, and lets go of it. */
export async function inDuckdb(file: string, ...statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  try {
    for (const statement of statements) await connection.run(statement);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Asks until the answer is yes. Whatever is waited for, the test's own time limit ends it. */
export async function until(question: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await question())) await new Promise((resolve) => setTimeout(resolve, 25));
}

export interface DocumentedCommand {
  /** The words after `millrace` of its heading. */
  readonly usage: string;
  readonly options: readonly string[];
  readonly example: unknown;
}

/** The commands of `docs/cli.md`, by their words without the arguments. */
export function documentedCommands(): ReadonlyMap<string, DocumentedCommand> {
  const text = readFileSync(`${root}docs/cli.md`, 'utf8');
  const sections = text.split(/^### millrace /m).slice(1);
  return new Map(
    sections.map((section) => {
      const usage = section.slice(0, section.indexOf('\n')).trim();
      const name = usage.replace(/( \[?[A-Z][A-Z_:]*…?\]?)+$/, '');
      const json = /```json\n([\s\S]*?)```/.exec(section)?.[1];
      const options = [...section.matchAll(/^\| `(--[^`]+)` \|/gm)].map((match) => match[1] as string);
      return [name, { usage, options, example: json === undefined ? null : (JSON.parse(json) as unknown) }];
    }),
  );
}

/** The paths of every key of an object, lists by their first item: `sync.counts.added`, `rows[].code`. */
export function keyPaths(value: unknown, at = ''): readonly string[] {
  if (Array.isArray(value)) return value.length === 0 ? [] : keyPaths(value[0], `${at}[]`);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const path = at === '' ? key : `${at}.${key}`;
    return [path, ...keyPaths(inner, path)];
  });
}
