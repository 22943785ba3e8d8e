/** `audit`: who changed what in the workspace. */
import { MillraceError } from '../base/errors.ts';
import { storableText } from '../base/text.ts';
import { type AuditEvent, readAudit } from '../workspace/workspace.ts';
import { type Command, type CommandInput, numberOption, option } from './command.ts';
import { paragraphs, printable, table, time } from './text.ts';

const furthest = 1_000_000_000;

export const auditCommand: Command = {
  name: 'audit',
  description: 'List who changed what in the workspace, newest first; never values.',
  arguments: [],
  options: [
    { flags: '--resource <ID>', description: 'only what happened to the object of this id' },
    { flags: '--type <TYPE>', description: 'only what happened to objects of this type, e.g. source, model, token' },
    { flags: '--limit <NUMBER>', description: 'entries at most, up to 1,000', defaultText: '20' },
    { flags: '--skip <NUMBER>', description: 'newer entries to leave out', defaultText: '0' },
  ],
  examples: ['millrace audit --type source'],
  async run(context, input) {
    const { pool } = await context.database();
    const count = numberOption(input, 'limit', 1, 1_000) ?? 20;
    const offset = numberOption(input, 'skip', 0, furthest) ?? 0;
    const query = { resourceId: word(input, 'resource'), resourceType: word(input, 'type') };
    const { events, total } = await readAudit(pool, query, { offset, count });
    const left = total - offset - events.length;
    const more = left > 0 ? `There are ${left} older ones: add --skip ${offset + events.length}` : '';
    const none = 'Nobody changed anything yet, as far as this list goes.';
    return { document: { events, total }, text: events.length === 0 ? none : paragraphs(listText(events), more) };
  },
};

/** Error `usage`. */
function word(input: CommandInput, name: string): string | undefined {
  const text = option(input, name);
  if (text === undefined || storableText(text)) return text;
  throw new MillraceError('usage', `--${name} takes a text that can be stored.`);
}

function listText(events: readonly AuditEvent[]): string {
  const columns = ['when', 'who', 'what', 'on', 'changed'].map((title) => ({ title, most: 60 }));
  const rows = events.map(({ at, actorName, type, resourceName, changed }) => [
    time(at),
    printable(actorName),
    type,
    printable(resourceName),
    changed.join(', '),
  ]);
  return table(columns, rows);
}
