import { describe, expect, test } from 'vitest';
import { errorCodes } from '../base/error-codes.ts';
import { MillraceError } from '../base/errors.ts';
import { optionNames } from '../base/options.ts';
import { documentedCommands } from './cli.test-support.ts';
import { listOption } from './command.ts';
import { commandGroups, commands } from './commands.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { parseWords } from './program.ts';
import { progressLine } from './progress.ts';

const parse = (...words: string[]) => parseWords(words, { commands, groups: commandGroups, version: '1.2.3' });

function refusal(...words: string[]): MillraceError {
  try {
    parse(...words);
  } catch (error) {
    if (error instanceof MillraceError) return error;
  }
  throw new Error('This was not refused.');
}

describe('words', () => {
  test('settings and --json may stand anywhere', () => {
    for (const words of [
      ['--json', '--port', '9', 'sync', 'list', 'customers', '--limit', '5'],
      ['sync', 'list', '--limit', '5', 'customers', '--port', '9', '--json'],
    ]) {
      expect(parse(...words)).toMatchObject({
        kind: 'command',
        command: { name: 'sync list' },
        json: true,
        flags: { port: '9' },
        input: { arguments: { MAPPING: 'customers' }, options: { limit: '5' } },
      });
    }
  });

  test('an option that may be repeated takes lists too', () => {
    const call = parse(
      'event-stream',
      'create',
      'web',
      '--space',
      'a, b',
      '--client-side',
      '--space=c',
      '--write-key',
      'k,1',
    );
    if (call.kind !== 'command') throw new Error('This is a command.');
    expect(listOption(call.input, 'space')).toEqual(['a', 'b', 'c']);
    expect(call.input.options).toMatchObject({ clientSide: true, writeKey: 'k,1' });
    expect(listOption({ arguments: {}, rest: [], options: { space: [' , '] } }, 'space')).toEqual([]);
  });

  test('an argument of which there may be many', () => {
    expect(parse('regulation', 'create', 'DELETE_ONLY', 'u1', '--yes', 'u2', '--', '-1')).toMatchObject({
      input: { arguments: { TYPE: 'DELETE_ONLY' }, rest: ['u1', 'u2', '-1'], options: { yes: true } },
    });
    expect(refusal('regulation', 'create', 'DELETE_ONLY').message).toContain("'USER_ID'");
  });

  test('a setting that is not given is not in the flags', () => {
    expect(parse('doctor')).toMatchObject({ flags: {}, json: false, input: { arguments: {}, options: {} } });
  });

  test.each([
    ['an unknown command', ['snyc'], "Unknown command 'snyc'.", 'Did you mean sync?'],
    [
      'an unknown second word',
      ['sync', 'rnu', 'x'],
      "Unknown command 'rnu'.",
      'Did you mean run? See millrace sync --help.',
    ],
    ['an unknown option', ['apply', 'a.yaml', '--yess'], "Unknown option '--yess'.", 'Did you mean --yes?'],
    ['a missing argument', ['sync', 'run'], "Missing required argument 'MAPPING'.", 'See millrace sync run --help.'],
    [
      'a missing option',
      ['event-stream', 'create', 'x'],
      "Required option '--space <SPACE>' not specified.",
      'event-stream create',
    ],
    [
      'a wrong choice',
      ['sync', 'show', 'x', '--rows', 'all'],
      'Allowed choices are failed, invalid, gone.',
      'sync show',
    ],
    ['too many words', ['apply', 'a', 'b'], 'Expected 1 argument but got 2.', 'See millrace apply --help.'],
    ['half a command', ['sync'], 'The word after sync is missing.', 'See millrace sync --help.'],
    ['no command', [], 'A command is missing.', 'millrace --help'],
    ['a value without its option', ['sync', 'list', '--limit'], 'argument missing', 'sync list'],
  ])('%s', (_, words, message, help) => {
    const error = refusal(...words);
    expect(error.code).toBe('usage');
    expect(error.message).toContain(message);
    expect(error.help).toContain(help);
    expect(exitCodeOf(error)).toBe(exitCodes.input);
  });
});

describe('help', () => {
  const helpOf = (...words: string[]) => {
    const call = parse(...words, '--help');
    return call.kind === 'text' ? call.text : '';
  };

  test('lists every command, every setting with its variable, and the exit codes', () => {
    const text = helpOf();
    for (const { name } of commands) expect(text).toContain(`\n  ${name}`);
    for (const name of ['--data-folder', 'MILLRACE_PORT', '--state-schema', '130']) expect(text).toContain(name);
    expect(text).not.toContain('--database-url');
    expect(text).not.toContain('--secret-key');
  });

  test.each(commands.map(({ name }) => [name]))('of %s has an example', (name) => {
    const text = helpOf(...name.split(' '));
    expect(text).toContain(`Usage: millrace ${name}`);
    expect(text).toMatch(new RegExp(`Example:\\n  (\\w+=\\S+ )?millrace ${name}`));
  });

  test('--version', () => {
    expect(parse('--version')).toEqual({ kind: 'text', text: '1.2.3' });
  });
});

describe('docs/cli.md', () => {
  const documented = documentedCommands();

  test('has every command, in the order of help', () => {
    expect([...documented.keys()]).toEqual(commands.map(({ name }) => name));
  });

  test.each(commands.map((command) => [command.name, command] as const))('%s', (name, command) => {
    const words = command.arguments.map((one) => {
      const word = one.many === true ? `${one.name}…` : one.name;
      return one.required ? word : `[${word}]`;
    });
    expect(documented.get(name)?.usage).toBe([name, ...words].join(' '));
    expect(documented.get(name)?.options).toEqual(command.options.map(({ flags }) => flags));
    expect(documented.get(name)?.example).toBeTypeOf('object');
  });
});

describe('definitions', () => {
  test('options of commands do not hide settings', () => {
    const settings = new Set<string>([...optionNames.map(hyphened), 'json', 'version', 'help']);
    const own = commands.flatMap(({ options }) => options.map(({ flags }) => /^--([a-z-]+)/.exec(flags)?.[1] ?? ''));
    expect(own.filter((name) => settings.has(name))).toEqual([]);
  });

  test('every group of two-word commands is described', () => {
    const groups = new Set(commands.flatMap(({ name }) => (name.includes(' ') ? [name.split(' ')[0]] : [])));
    expect(Object.keys(commandGroups).sort()).toEqual([...groups].sort());
  });

  test('every error exits with a documented code', () => {
    const known = new Set<number>(Object.values(exitCodes));
    expect(Object.entries(errorCodes).filter(([, { exit }]) => !known.has(exit))).toEqual([]);
    expect(exitCodeOf(new Error('unforeseen'))).toBe(exitCodes.internal);
  });
});

const hyphened = (name: string) => name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);

describe('progress', () => {
  test('says rows, rate and time left', () => {
    const progress = {
      phase: 'loading',
      extracted: 90_000,
      settled: 40_000,
      delivered: 39_000,
      total: 100_000,
    } as const;
    expect(progressLine('Syncing a', { ...progress, rowsPerSecond: 30_000 }, 5)).toBe(
      'Syncing a: 40,000 of 100,000 changes (40 %), 30,000 rows/s, 2.0 s left',
    );
    expect(progressLine('Syncing a', { ...progress, rowsPerSecond: 0 }, 5)).toBe(
      'Syncing a: 40,000 of 100,000 changes (40 %), 0 rows/s',
    );
    expect(progressLine('Syncing a', null, 5)).toContain('comparing the rows with what was delivered, 5.0 s so far');
    expect(progressLine('Syncing a', { ...progress, total: 0, settled: 0, rowsPerSecond: 0 }, 5)).toContain(
      'nothing changed',
    );
  });
});
