/**
 * The commander program, built from the commands and the table of options. In: the words after `millrace`. Out: the
 * command that was called with its input, a text that was asked for (`--help`, `--version`), or the error `usage`.
 * Nothing is run here.
 */
import { Command as Commander, CommanderError, Option } from 'commander';
import { type Flags, flagHelp } from '../base/config.ts';
import { MillraceError } from '../base/errors.ts';
import type { OptionName } from '../base/options.ts';
import type { Command, CommandInput } from './command.ts';
import { rootHelp } from './help.ts';

export type Call =
  | {
      readonly kind: 'command';
      readonly command: Command;
      readonly input: CommandInput;
      readonly json: boolean;
      /** Settings given as flags. */
      readonly flags: Flags;
    }
  | { readonly kind: 'text'; readonly text: string };

export interface ProgramOptions {
  readonly commands: readonly Command[];
  readonly groups: Readonly<Record<string, string>>;
  readonly version: string;
}

/** Error `usage`. */
export function parseWords(words: readonly string[], options: ProgramOptions): Call {
  let call: Call | undefined;
  let text = '';
  const program = buildProgram(options, (called) => {
    call = called;
  });
  const writeOut = (part: string) => {
    text += part;
  };
  const capture = { writeOut, writeErr: () => undefined };
  for (const one of withSubcommands(program)) one.exitOverride().configureOutput(capture);
  try {
    program.parse(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'text', text: text.trimEnd() };
    throw usageError(error, words, options.commands);
  }
  if (call === undefined) throw new MillraceError('usage', 'A command is missing.');
  return call;
}

export function withSubcommands(program: Commander): readonly Commander[] {
  return [program, ...program.commands.flatMap(withSubcommands)];
}

export function buildProgram({ commands, groups, version }: ProgramOptions, onCall: (call: Call) => void): Commander {
  const program = new Commander('millrace')
    .description('Takes the rows of a data warehouse back to customer profiles.')
    .version(version, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .helpCommand(false)
    .usage('COMMAND [OPTIONS]')
    .addOption(new Option('--json', 'print one JSON document on stdout, everything else on stderr'));
  for (const { name, flags, description } of flagHelp()) {
    const option = new Option(flags, description);
    option.attributeName = () => name;
    program.addOption(option);
  }
  const parents = new Map<string, Commander>();
  for (const command of commands) {
    const [first = '', second] = command.name.split(' ');
    if (second === undefined) {
      addCommand(program, first, command, onCall);
      continue;
    }
    let parent = parents.get(first);
    if (parent === undefined) {
      parent = program
        .command(first)
        .description(groups[first] ?? '')
        .usage('COMMAND [OPTIONS]')
        .helpCommand(false);
      parent.configureHelp({ subcommandTerm: usageOf }).helpOption('--help', 'print this help');
      parents.set(first, parent);
    }
    addCommand(parent, second, command, onCall);
  }
  // At the end: commands inherit what is set when they are made.
  return program.configureHelp({ formatHelp: () => rootHelp(commands) });
}

/** `run MAPPING`: in lists of commands, arguments are of interest and options are not. */
function usageOf(command: Commander): string {
  const names = command.registeredArguments.map((one) => {
    const name = one.variadic ? `${one.name()}…` : one.name();
    return one.required ? name : `[${name}]`;
  });
  return [command.name(), ...names].join(' ');
}

function addCommand(parent: Commander, name: string, command: Command, onCall: (call: Call) => void): void {
  const made = parent.command(name).description(command.description).helpOption('--help', 'print this help');
  for (const argument of command.arguments) {
    const name = argument.many === true ? `${argument.name}...` : argument.name;
    made.argument(argument.required ? `<${name}>` : `[${name}]`, argument.description);
  }
  for (const entry of command.options) {
    const text = entry.defaultText === undefined ? '' : ` (default: ${entry.defaultText})`;
    const option = new Option(entry.flags, `${entry.description}${text}`);
    if (entry.required === true) option.makeOptionMandatory();
    if (entry.repeatable === true) {
      option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
    }
    if (entry.choices !== undefined) option.choices([...entry.choices]);
    made.addOption(option);
  }
  const examples = command.examples.map((line) => `  ${line}`).join('\n');
  made.addHelpText('after', `\nExample:\n${examples}\n\nAlso --json and the settings that millrace --help lists.`);
  made.action(() => {
    const { json, ...flags } = made.parent?.parent?.opts() ?? made.parent?.opts() ?? {};
    const single = command.arguments.filter((one) => one.many !== true);
    const given = Object.fromEntries(single.map((one, index) => [one.name, made.args[index]]));
    onCall({
      kind: 'command',
      command,
      input: { arguments: given, rest: made.args.slice(single.length), options: made.opts() },
      json: json === true,
      flags: flags as Partial<Record<OptionName, string>>,
    });
  });
}

/** Commander's message, as an error of ours: what is wrong, and what was probably meant. */
function usageError(error: CommanderError, words: readonly string[], commands: readonly Command[]): MillraceError {
  const [first = '', second = ''] = words.filter((word) => !word.startsWith('-'));
  const starts = (name: string) => commands.some((one) => one.name === name || one.name.startsWith(`${name} `));
  const known = [`${first} ${second}`, first].find(starts) ?? '';
  const help = known === '' ? 'millrace --help lists the commands.' : `See millrace ${known} --help.`;
  if (error.code === 'commander.help') {
    const what = known === '' ? 'A command is missing.' : `The word after ${known} is missing.`;
    return new MillraceError('usage', what, { help });
  }
  const [line = '', ...rest] = error.message.replace(/^error: /, '').split('\n');
  const message = `${line.charAt(0).toUpperCase()}${line.slice(1)}${/[.!?]$/.test(line) ? '' : '.'}`;
  const suggestion = rest
    .join(' ')
    .replace(/^\(|\)$/g, '')
    .trim();
  return new MillraceError('usage', message, { help: suggestion === '' ? help : `${suggestion} ${help}` });
}
