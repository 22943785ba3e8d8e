/** `event-stream log`: what the Tracking API did not take of an event stream, and why. */

import { count, counted } from '../base/count.ts';
import { type Discards, findEventStream, readDiscards } from '../workspace/workspace.ts';
import type { Command } from './command.ts';
import { paragraphs, table, time } from './text.ts';

export const eventStreamLogCommand: Command = {
  name: 'event-stream log',
  description:
    'List what was discarded of an event stream by day and reason; without NAME, of write keys that nobody has.',
  arguments: [{ name: 'NAME', description: 'name, id or write key of an event stream', required: false }],
  options: [],
  examples: ['millrace event-stream log website', 'millrace event-stream log'],
  async run(context, input) {
    const { pool } = await context.database();
    const asked = input.arguments.NAME;
    const stream = asked === undefined ? null : await findEventStream(pool, asked);
    const discards = await readDiscards(pool, stream?.id ?? '');
    const whose = stream === null ? 'of write keys that no event stream has' : `of ${stream.name}`;
    const document = { eventStream: stream?.name ?? null, discards };
    return { document, text: discards.length === 0 ? `Nothing ${whose} was discarded.` : listed(discards, whose) };
  },
};

function listed(discards: readonly Discards[], whose: string): string {
  const rows = discards.map((each) => [
    each.day,
    count(each.count),
    each.code,
    time(new Date(each.lastAt)),
    each.samples.slice(0, 2).join(', '),
  ]);
  const columns = [
    { title: 'day' },
    { title: 'messages', align: 'right' as const },
    { title: 'reason' },
    { title: 'last' },
    { title: 'e.g. message ids', most: 60 },
  ];
  const sum = discards.reduce((total, each) => total + each.count, 0);
  return paragraphs(
    table(columns, rows),
    `${counted(sum, 'message', 'messages')} ${whose} discarded in 30 days. docs/tracking-api.md says what each reason means; ` +
      'what a space did not take is in millrace space log NAME.',
  );
}
