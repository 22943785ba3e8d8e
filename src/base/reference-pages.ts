/**
 * The pages of `docs/` that are made from tables of this program. In: the tables. Out: Markdown, always the same for the
 * same tables. `npm run docs` writes them; `test/docs.test.ts` fails when the committed pages differ.
 */
import { placeholder, shownDefault } from './config.ts';
import { type ErrorEntry, errorCodes } from './error-codes.ts';
import { flagOf, type OptionEntry, type OptionName, optionNames, options, variableOf } from './options.ts';

/** The pages by file name in `docs/`. */
export function referencePages(): Readonly<Record<string, string>> {
  return { 'errors.md': errorsPage(errorCodes), 'configuration.md': configurationPage() };
}

const madeBy = '<!-- Made by `npm run docs` from the tables in src/base. Edits are overwritten. -->';

function errorsPage(codes: Readonly<Record<string, ErrorEntry>>): string {
  const lines = [
    '# Errors',
    '',
    madeBy,
    '',
    'Every error has a stable code, a message that says what happened, and help that says what to do. On the command line',
    'the number in brackets is the exit status. With `--json` the error is `{ "code", "message", "help", "faults" }`.',
  ];
  const rooms = [...new Set(Object.values(codes).map((entry) => entry.room))].sort();
  for (const room of rooms) {
    lines.push('', `## ${room}`);
    const ofRoom = Object.entries(codes).filter(([, entry]) => entry.room === room);
    for (const [code, entry] of ofRoom.sort(([a], [b]) => (a < b ? -1 : 1))) {
      lines.push('', `### \`${code}\` (${entry.exit})`, '', entry.what, '', `*What to do:* ${entry.help}`);
      if (entry.helpInApp !== undefined) lines.push('', `*In the web app:* ${entry.helpInApp}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function configurationPage(): string {
  const lines = [
    '# Configuration',
    '',
    madeBy,
    '',
    'Each option can be set in the environment, or by a flag of the command line, which wins. Secrets have no flag, because',
    'flags can be read by every user of a machine. An empty variable counts as not set. Sizes are written like `512MiB` or',
    '`2GB`, times like `30s`, `5min` or `2h`. When a value is wrong nothing starts, and every fault is listed.',
  ];
  for (const group of [...new Set(optionNames.map((name) => options[name].group))]) {
    lines.push('', `## ${group}`, '', '| Environment | Flag | Default | |', '|---|---|---|---|');
    for (const name of optionNames) if (options[name].group === group) lines.push(row(name, options[name]));
  }
  return `${lines.join('\n')}\n`;
}

function row(name: OptionName, entry: OptionEntry): string {
  const flag = flagOf(name);
  const shown = flag === undefined ? '' : code(`${flag} <${placeholder(entry)}>`);
  const fallback = entry.default === undefined ? '' : code(shownDefault(entry));
  return `| ${code(variableOf(name))} | ${shown} | ${fallback} | ${entry.sentence.replaceAll('|', '\\|')} |`;
}

/** A bar would end the table's cell, in code too. */
function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}
