/** `millrace --help`: every command, then the settings from the table of options, by their groups. */
import { flagHelp } from '../base/config.ts';
import { optionOf } from '../base/options.ts';
import type { Command } from './command.ts';
import { indent, paragraphs } from './text.ts';

const words = [
  ['--json', 'print one JSON document on stdout, everything else on stderr'],
  ['--version', 'print the version'],
  ['--help', 'print this help; after a command, help on the command'],
] as const;

export function rootHelp(commands: readonly Command[]): string {
  const shown = commands.map((command) => [usageOf(command), command.description] as const);
  const groups = new Map<string, (readonly [string, string])[]>();
  for (const { name, flags, description } of flagHelp()) {
    const { group } = optionOf(name);
    groups.set(group, [...(groups.get(group) ?? []), [flags, description]]);
  }
  return paragraphs(
    'Usage: millrace COMMAND [OPTIONS]',
    'Takes the rows of a data warehouse back to customer profiles.',
    `Commands:\n${definitions(shown)}`,
    `Options:\n${definitions(words)}`,
    'Settings, as flags of any command or as environment variables (docs/configuration.md):',
    ...[...groups].map(([group, settings]) => `${group}:\n${definitions(settings)}`),
    'Exit codes: 0 done, 1 done with failures, 2 bad input, 3 something cannot be reached or used, 70 our fault,\n130 cancelled. docs/cli.md tells more about every command.',
  );
}

/** `sync run MAPPING`. */
function usageOf({ name, arguments: list }: Command): string {
  const words = list.map(({ name: word, required, many }) => {
    const shown = many === true ? `${word}…` : word;
    return required ? shown : `[${shown}]`;
  });
  return [name, ...words].join(' ');
}

const termWidth = 28;
const lineWidth = 100;

/** Terms with what they mean beside them, or below those that are too long. */
function definitions(pairs: readonly (readonly [string, string])[]): string {
  const lines = pairs.flatMap(([term, meaning]) => {
    const wrapped = wrap(meaning, lineWidth - termWidth);
    if (term.length + 2 > termWidth) return [term, ...wrapped.map((line) => ' '.repeat(termWidth) + line)];
    return wrapped.map((line, index) => (index === 0 ? term : '').padEnd(termWidth) + line);
  });
  return indent(lines.join('\n'));
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
