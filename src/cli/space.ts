/** `space log NAME`: what a space did not take, and why. */

import { count, counted } from '../base/count.ts';
import { maxLogEntries, readSpaceLog, unreadableFilters } from '../space/space.ts';
import { findSpace } from '../workspace/workspace.ts';
import { argument, type Command, numberOption } from './command.ts';
import { paragraphs, table, time } from './text.ts';

const usualEntries = 50;

export const spaceLogCommand: Command = {
  name: 'space log',
  description: 'List the messages a space dropped and the identifiers it did not take, with the reasons, newest first.',
  arguments: [{ name: 'NAME', description: 'name, id or write key of the space', required: true }],
  options: [
    {
      flags: '--limit <NUMBER>',
      description: `entries at most, up to ${maxLogEntries}`,
      defaultText: String(usualEntries),
    },
  ],
  examples: ['millrace space log main --limit 200'],
  async run(context, input) {
    const limit = numberOption(input, 'limit', 1, maxLogEntries) ?? usualEntries;
    const { pool } = await context.database();
    const space = await findSpace(pool, argument(input, 'NAME'));
    const entries = await readSpaceLog(pool, space.no, limit);
    const rows = entries.map((entry) => [
      time(new Date(entry.at)),
      entry.kind,
      count(entry.count),
      entry.reason,
      entry.detail,
      entry.syncId ?? '',
    ]);
    const asTable = table(
      [
        { title: 'when' },
        { title: 'kind' },
        { title: 'messages', align: 'right' },
        { title: 'reason' },
        { title: 'detail', most: 80 },
        { title: 'sync' },
      ],
      rows,
    );
    const unreadable = unreadableFilters(space.settings);
    const warnings = unreadable.map(
      ({ name, message }) =>
        `The filter "${name}" keeps nothing out, because it cannot be read any more. ${message}\nMend it in the workspace file, and apply that.`,
    );
    const text = paragraphs(
      ...warnings,
      ...(entries.length === 0
        ? [`The space ${space.name} has dropped nothing.`]
        : [asTable, `${counted(entries.length, 'entry', 'entries')}, newest first.`]),
    );
    return { document: { space: space.name, unreadableFilters: unreadable, entries }, text };
  },
};
