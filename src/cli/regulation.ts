/** `regulation create`, `list` and `show`, `suppression list`: deleting and suppressing people. */
import { setTimeout as sleep } from 'node:timers/promises';
import { counted } from '../base/count.ts';
import { MillraceError } from '../base/errors.ts';
import {
  createRegulation,
  deletes,
  getRegulation,
  listRegulations,
  type PrivacyContext,
  type Regulation,
  type RegulationStatus,
  type RegulationType,
  readSuppressions,
  regulationStatuses,
  regulationTypes,
  runRegulations,
} from '../privacy/privacy.ts';
import {
  argument,
  type Command,
  type CommandInput,
  type CommandOption,
  flag,
  numberOption,
  option,
} from './command.ts';
import type { CliContext } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { confirm } from './question.ts';
import { effectText, regulationText } from './regulation-text.ts';
import { paragraphs, table, time } from './text.ts';

const paging: readonly CommandOption[] = [
  { flags: '--limit <NUMBER>', description: 'entries at most, up to 1,000', defaultText: '20' },
  { flags: '--next <CURSOR>', description: 'the next page: the cursor that the page before ended with' },
];

function pageOf(input: CommandInput) {
  return { limit: numberOption(input, 'limit', 1, 1_000) ?? 20, next: option(input, 'next') };
}

export const regulationCreateCommand: Command = {
  name: 'regulation create',
  description:
    'Suppress people, end that, or delete everything about them; deletions are asked about, and run to their end.',
  arguments: [
    { name: 'TYPE', description: regulationTypes.join(', '), required: true },
    { name: 'USER_ID', description: 'user ids, as messages carry them', required: true, many: true },
  ],
  options: [
    {
      flags: '--source <ID>',
      description:
        'suppress only what this source brings: an event stream (evs_…), or a space (spa_…) for what syncs send',
      defaultText: 'every source',
    },
    { flags: '--yes', description: 'do not ask' },
  ],
  examples: [
    'millrace regulation create SUPPRESS_WITH_DELETE c-501',
    'millrace regulation create DELETE_ONLY c-501 c-777 --yes --json',
  ],
  cancellable: true,
  async run(context, input) {
    const type = argument(input, 'TYPE');
    const sourceId = sourceOf(input);
    const known = regulationTypes.find((one) => one === type);
    if (known !== undefined && !(await isMeant(context, known, input))) {
      throw new MillraceError('not_confirmed', 'You did not say yes; nothing was changed.', {
        help: 'Answer y to carry it out.',
      });
    }
    const { clock, log } = context;
    const db = await context.database();
    const created = await createRegulation(db, { type, subjectIds: input.rest, sourceId }, clock);
    const regulation = await runToEnd({ db, clock, log }, created, context.signal);
    return {
      document: { regulation },
      text: regulationText(regulation),
      exit: regulation.status === 'FAILED' ? exitCodes.failures : exitCodes.ok,
    };
  },
};

/** Anything else would suppress nothing, without a word. */
function sourceOf(input: CommandInput): string | undefined {
  const source = option(input, 'source');
  if (source === undefined || /^(evs|spa)_\w+$/.test(source)) return source;
  throw new MillraceError('usage', `--source takes the id of an event stream (evs_…) or of a space (spa_…).`);
}

/** A deletion cannot be taken back. */
async function isMeant(context: CliContext, type: RegulationType, input: CommandInput): Promise<boolean> {
  if (!deletes(type) || flag(input, 'yes')) return true;
  context.output.say(`${type}, ${counted(input.rest.length, 'user id')}: ${effectText(type)}`);
  return confirm(context, '\nDelete them for good?');
}

const pauseMs = 250;

/** Runs it, or waits for the process that does. */
async function runToEnd(context: PrivacyContext, created: Regulation, signal: AbortSignal): Promise<Regulation> {
  let regulation = created;
  while (regulation.status === 'INITIALIZED' || regulation.status === 'RUNNING') {
    const finished = await runRegulations(context, { only: regulation.id, signal });
    regulation = await getRegulation(context.db.pool, regulation.id);
    if (regulation.type === 'UNSUPPRESS') break;
    if (finished === 0) await sleep(pauseMs, undefined, { signal });
  }
  return regulation;
}

export const regulationListCommand: Command = {
  name: 'regulation list',
  description: 'List the regulations of the last 90 days, newest first.',
  arguments: [],
  options: [
    { flags: '--status <STATUS>', description: 'only those in this state', choices: regulationStatuses },
    { flags: '--type <TYPE>', description: 'only those of this type', choices: regulationTypes },
    ...paging,
  ],
  examples: ['millrace regulation list --status FAILED'],
  async run(context, input) {
    const { pool } = await context.database();
    const type = option(input, 'type') as RegulationType | undefined;
    const query = {
      ...pageOf(input),
      status: option(input, 'status') as RegulationStatus | undefined,
      types: type === undefined ? undefined : [type],
    };
    const { items, next } = await listRegulations(pool, query, context.clock);
    const asTable = table(
      [
        { title: 'id' },
        { title: 'type' },
        { title: 'user ids', align: 'right' },
        { title: 'source' },
        { title: 'status' },
        { title: 'created' },
        { title: 'finished' },
      ],
      items.map((one) => [
        ...[one.id, one.type, String(one.subjects), one.sourceId ?? 'all', one.status, time(one.createdAt)],
        one.finishedAt === null ? '' : time(one.finishedAt),
      ]),
    );
    const more = next === null ? 'More about one: millrace regulation show ID' : `There are more: add --next ${next}`;
    const none = 'There are no such regulations.';
    return { document: { regulations: items, next }, text: items.length === 0 ? none : paragraphs(asTable, more) };
  },
};

export const regulationShowCommand: Command = {
  name: 'regulation show',
  description: 'Show a regulation: its status, and what was deleted.',
  arguments: [{ name: 'ID', description: 'the id of a regulation (reg_…)', required: true }],
  options: [],
  examples: ['millrace regulation show reg_2mFNHhVyGWDrDsC8oK5dYnpqZ1f'],
  async run(context, input) {
    const regulation = await getRegulation((await context.database()).pool, argument(input, 'ID'));
    return { document: { regulation }, text: regulationText(regulation) };
  },
};

export const suppressionListCommand: Command = {
  name: 'suppression list',
  description: 'List the user ids whose messages are refused.',
  arguments: [],
  options: paging,
  examples: ['millrace suppression list --limit 100'],
  async run(context, input) {
    const { items, next } = await readSuppressions((await context.database()).pool, pageOf(input));
    const asTable = table(
      [{ title: 'user id', most: 60 }, { title: 'source' }, { title: 'since' }, { title: 'regulation' }],
      items.map((one) => [one.userId, one.sourceId ?? 'all', time(new Date(one.createdAt)), one.regulationId]),
    );
    const text =
      items.length === 0
        ? 'Nobody is suppressed.'
        : paragraphs(
            asTable,
            next === null
              ? 'To end one: millrace regulation create UNSUPPRESS USER_ID'
              : `There are more: add --next ${next}`,
          );
    return { document: { suppressions: items, next }, text };
  },
};
