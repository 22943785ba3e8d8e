/** `usage`: what a month came to, by day and by source. */

import { count, counted } from '../base/count.ts';
import { MillraceError } from '../base/errors.ts';
import { periodAt } from '../workspace/workspace.ts';
import { type Command, type CommandInput, option } from './command.ts';
import { paragraphs, table } from './text.ts';
import { readUsageMonth, type UsageMonth, type UsageNumbers } from './usage-document.ts';

export const usageCommand: Command = {
  name: 'usage',
  description: 'Show API calls and tracked users of a month, by day and by source, and what is exempt.',
  arguments: [],
  options: [{ flags: '--month <YYYY-MM>', description: 'the month, in UTC', defaultText: 'this month' }],
  examples: ['millrace usage --month 2026-11'],
  async run(context, input) {
    const period = periodOf(input) ?? periodAt(context.clock.now());
    const document = await readUsageMonth(await context.database(), period, context.clock);
    return { document, text: usageText(document) };
  },
};

/** Error `usage`. */
function periodOf(input: CommandInput): string | undefined {
  const text = option(input, 'month');
  if (text === undefined) return undefined;
  if (/^(?:19[7-9]\d|[2-9]\d{3})-(?:0[1-9]|1[0-2])$/.test(text)) return `${text}-01`;
  throw new MillraceError('usage', `--month takes a year and a month, not ${JSON.stringify(text)}.`, {
    help: 'Write it like 2026-11; the first possible month is 1970-01.',
  });
}

const right = (title: string) => ({ title, align: 'right' as const });

function usageText({ month, days, total, sources }: UsageMonth): string {
  if (days.length === 0) return `${month} has not begun yet (months are UTC).`;
  if (sources.length === 0) return `Nothing was counted in ${month}. What counts: docs/usage.md`;
  return paragraphs(
    `Usage of ${month} (UTC), ${counted(days.length, 'day')}.`,
    `Day by day: what was sent on it, and the tracked users of the month so far.\n${dayTable(days)}`,
    `The month so far, by source:\n${sourceTable(sources, total)}`,
    words,
  );
}

/** What the titles mean, for those who see them for the first time. */
const words = `API call: a message that was taken from one of the sources.
Tracked user (MTU): somebody with a user id (identified), or an anonymous id that never came with one (anonymous).
  The same one in two sources is one tracked user: the sources may come to more than the total.
Exempt: a message of the Segment Profiles destination. It is no API call and makes nobody a tracked user.
More: docs/usage.md`;

const kinds = [right('identified'), right('anonymous')];
const users = (numbers: UsageNumbers) => [
  count(numbers.trackedUsers),
  count(numbers.identified),
  count(numbers.neverIdentified),
];

function dayTable(days: UsageMonth['days']): string {
  return table(
    [{ title: 'day' }, right('API calls'), right('tracked users so far'), ...kinds, right('exempt')],
    days.map(({ day, apiCalls, exempt, soFar }) => [day, count(apiCalls), ...users(soFar), count(exempt)]),
  );
}

function sourceTable(sources: UsageMonth['sources'], total: UsageNumbers): string {
  const line = (name: string, numbers: UsageNumbers) => [
    name,
    count(numbers.apiCalls),
    ...users(numbers),
    count(numbers.exempt),
  ];
  return table(
    [{ title: 'source' }, right('API calls'), right('tracked users'), ...kinds, right('exempt')],
    [...sources.map((source) => line(source.name, source)), line('total', total)],
  );
}
