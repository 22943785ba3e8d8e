/** `sync list`, `sync show` and `sync cancel`: the syncs that were, and the one that runs. */

import { count, counted } from '../base/count.ts';
import { cancelSync, type HistoryPage, listSyncs, type Sync, type SyncRow, showSync, syncRows } from '../sync/sync.ts';
import { findMapping } from '../workspace/workspace.ts';
import { argument, type Command, type CommandOption, numberOption, option } from './command.ts';
import { syncText } from './sync.ts';
import { failureReasons, secondsOf, syncDocument } from './sync-document.ts';
import { rowsText } from './sync-report.ts';
import { duration, facts, paragraphs, printable, table, time } from './text.ts';

const paging: readonly CommandOption[] = [
  { flags: '--limit <NUMBER>', description: 'entries at most, up to 1,000', defaultText: '20' },
  { flags: '--next <CURSOR>', description: 'the next page: the cursor that the page before ended with' },
];

function pageOf(input: Parameters<typeof option>[0]) {
  const [limit, next] = [numberOption(input, 'limit', 1, 1_000) ?? 20, option(input, 'next')];
  return next === undefined ? { limit } : { limit, next };
}

export const syncListCommand: Command = {
  name: 'sync list',
  description: 'List the syncs of a mapping, or of all, newest first.',
  arguments: [{ name: 'MAPPING', description: 'name or id of a mapping', required: false }],
  options: paging,
  examples: ['millrace sync list customers-identify --limit 5'],
  async run(context, input) {
    const db = await context.database();
    const name = input.arguments.MAPPING;
    const mapping = name === undefined ? undefined : (await findMapping(await context.store(), name)).mapping;
    const page = await listSyncs(
      db,
      mapping === undefined ? {} : { mappingIds: [mapping.id] },
      pageOf(input),
      context.clock,
    );
    const now = context.clock.now();
    return {
      document: { syncs: page.items.map((sync) => syncDocument(sync, now)), next: page.next },
      text: listText(page, mapping?.name, now),
    };
  },
};

function listText({ items, next }: HistoryPage<Sync>, mapping: string | undefined, now: Date): string {
  if (items.length === 0) {
    const one = mapping ?? 'MAPPING';
    return `There are no syncs${mapping === undefined ? '' : ` of ${mapping}`} yet. Next: millrace sync run ${one}`;
  }
  const right = (title: string) => ({ title, align: 'right' as const });
  const numbers = ['new', 'updated', 'deleted', 'invalid', 'delivered', 'refused'];
  const asTable = table(
    [
      { title: 'id' },
      { title: 'mapping' },
      { title: 'state' },
      { title: 'started' },
      right('took'),
      ...numbers.map(right),
    ],
    items.map((sync) => {
      const { added, updated, deleted, invalid, delivered, refused } = sync.counts;
      const counts = [added, updated, deleted, invalid, delivered, refused].map(count);
      return [sync.id, sync.mapping, sync.state, time(sync.startedAt), duration(secondsOf(sync, now)), ...counts];
    }),
  );
  const more = next === null ? '' : `There are more: add --next ${next}`;
  return paragraphs(asTable, more === '' ? 'More about one: millrace sync show ID' : more);
}

export const syncShowCommand: Command = {
  name: 'sync show',
  description: 'Show a sync, and the rows that failed in it, were invalid, or that a replay found gone.',
  arguments: [{ name: 'ID', description: 'the id of a sync (syn_…)', required: true }],
  options: [
    {
      flags: '--rows <WHICH>',
      description: 'list these rows, with the reasons',
      choices: ['failed', 'invalid', 'gone'],
    },
    ...paging,
  ],
  examples: ['millrace sync show syn_2mFNHhVyGWDrDsC8oK5dYnpqZ1f --rows failed'],
  async run(context, input) {
    const id = argument(input, 'ID');
    const db = await context.database();
    const sync = await showSync(db, id, context.clock);
    const now = context.clock.now();
    const which = option(input, 'rows') as 'failed' | 'invalid' | 'gone' | undefined;
    const reasons = await failureReasons(db, sync);
    const rows = which === undefined ? null : await syncRows(db, id, which, pageOf(input));
    const document = {
      sync: syncDocument(sync, now),
      reasons,
      ...(rows === null ? {} : { rows: rows.items.map(rowDocument), next: rows.next }),
    };
    const times = facts([
      ['model', printable(sync.model)],
      ['destination', printable(sync.destination)],
      ['started', time(sync.startedAt)],
      ['ended', sync.finishedAt === null ? 'not yet' : time(sync.finishedAt)],
    ]);
    const text = paragraphs(
      syncText(sync, reasons, now),
      times,
      rows === null || which === undefined ? hint(sync) : shownRows(which, rows),
    );
    return { document, text };
  },
};

/** The message as JSON, not as text that holds JSON. */
function rowDocument({ message, ...row }: SyncRow) {
  return { ...row, message: message === null ? null : (JSON.parse(message) as object) };
}

function hint({ id, counts }: Sync): string {
  const failed = counts.refused + counts.givenUp;
  const which = failed > 0 ? 'failed' : counts.invalid > 0 ? 'invalid' : null;
  return which === null ? '' : `The ${which} rows: millrace sync show ${id} --rows ${which}`;
}

function shownRows(which: string, { items, next }: HistoryPage<SyncRow>): string {
  if (items.length === 0) return `There are no ${which} rows.`;
  return paragraphs(
    rowsText(items),
    next === null
      ? `${counted(items.length, `${which} row`)} listed; --json shows the messages too.`
      : `There are more: add --next ${next}`,
  );
}

export const syncCancelCommand: Command = {
  name: 'sync cancel',
  description: 'Cancel a running sync, in whichever process it runs; what was delivered stays delivered.',
  arguments: [{ name: 'ID', description: 'the id of a running sync (syn_…)', required: true }],
  options: [],
  examples: ['millrace sync cancel syn_2mFNHhVyGWDrDsC8oK5dYnpqZ1f'],
  async run(context, input) {
    const sync = await cancelSync(await context.database(), argument(input, 'ID'), context.clock);
    const text = `The sync ${sync.id} of ${sync.mapping} is ${sync.state}. Next: millrace sync show ${sync.id}`;
    return { document: { sync: syncDocument(sync, context.clock.now()) }, text };
  },
};
