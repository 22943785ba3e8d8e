/**
 * What a command prints. For people: text on stdout, progress and remarks on stderr. With `--json`: exactly one JSON
 * document on stdout, an error being `{ "error": … }`; everything else goes to stderr. Promised: a reader that went away
 * (`| head`) is no error.
 */

import { isMillraceError, type MillraceError } from '../base/errors.ts';
import { describeError } from '../base/log.ts';
import type { Report } from './command.ts';
import { indent, printable, printableLines } from './text.ts';

export interface Output {
  readonly json: boolean;
  /** Whether somebody sits before stderr: then a bar may move. */
  readonly stderr: NodeJS.WriteStream;
  /** Columns of the terminal; 100 where there is none. */
  readonly width: number;
  /** A part of the result that comes before the end: on stdout for people, on stderr with `--json`. */
  say(text: string): void;
  /** A remark beside the result, on stderr. */
  note(text: string): void;
  /** The result. Once, at the end, instead of `fail`. */
  finish(report: Report): void;
  fail(error: unknown): void;
  /** Aborted when the reader of what `say` prints went away; for commands that would go on for ever. */
  readonly unread: AbortSignal;
  /** Waits until everything is on its way. */
  flush(): Promise<void>;
}

export function openOutput(json: boolean): Output {
  const { stdout, stderr } = process;
  const unread = new AbortController();
  const left = () => unread.abort();
  ignoreClosedPipe(stdout, json ? undefined : left);
  ignoreClosedPipe(stderr, json ? left : undefined);
  const line = (stream: NodeJS.WriteStream, text: string) => {
    if (stream.writable) stream.write(`${text}\n`);
  };
  let finished = false;
  return {
    json,
    stderr,
    width: stdout.columns || 100,
    say: (text) => line(json ? stderr : stdout, text),
    note: (text) => line(stderr, text),
    finish: ({ document, text }) => {
      finished = true;
      if (json) line(stdout, jsonText(document));
      else if (text !== '') line(stdout, text);
    },
    fail: (error) => {
      if (json && !finished) line(stdout, jsonText({ error: errorDocument(error) }));
      else line(stderr, errorText(error));
    },
    unread: unread.signal,
    flush: async () => {
      await flushed(stdout);
      await flushed(stderr);
    },
  };
}

/** A pipe whose reader has ended: what is written afterwards is lost, as the reader wished. */
function ignoreClosedPipe(stream: NodeJS.WriteStream, onClosed?: () => void): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
    onClosed?.();
  });
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writable) stream.write('', () => resolve());
    else resolve();
  });
}

/** JSON leaves some control characters as they are; a terminal would obey them. */
function jsonText(document: object): string {
  return JSON.stringify(document, null, 2).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export interface ErrorDocument {
  readonly code: string;
  readonly message: string;
  readonly help: string;
  readonly faults: MillraceError['faults'];
}

/** An error that is none of ours is reduced as for the log, since a driver's error may quote rows. */
export function errorDocument(error: unknown): ErrorDocument {
  if (isMillraceError(error)) {
    return { code: error.code, message: error.message, help: error.help, faults: error.faults };
  }
  const { message } = describeError(error) as { readonly message?: string };
  return {
    code: 'internal',
    message: `Something failed that should not: ${message ?? String(error)}`,
    help: 'Run it again with --log-level debug, and report what it says.',
    faults: [],
  };
}

export function errorText(error: unknown): string {
  const { code, message, help, faults } = errorDocument(error);
  // Some messages list the faults themselves.
  const unlisted = faults.filter((fault) => !message.includes(fault.message));
  const list = unlisted.map(({ where, message: what }) => printable(where === '' ? what : `${where}  ${what}`));
  return [
    `Error: ${printableLines(message)} [${code}]`,
    ...(list.length === 0 ? [] : [indent(list.join('\n'))]),
    printableLines(help),
  ].join('\n');
}
