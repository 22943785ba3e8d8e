/** `mapping test` and `mapping reset`. */

import { count } from '../base/count.ts';
import { resetMapping, type SentRecord, sendTestRecord, testMapping } from '../sync/sync.ts';
import { commandLine, findMapping, whyNotRunning } from '../workspace/workspace.ts';
import { argument, type Command, flag, option } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { effectsText } from './sync-report.ts';
import { indent, paragraphs, printable, printableLines } from './text.ts';

const mapping = { name: 'NAME', description: 'name or id of a mapping', required: true };

export const mappingTestCommand: Command = {
  name: 'mapping test',
  description: 'Show the message that a row becomes, without sending it unless told to.',
  arguments: [mapping],
  options: [
    { flags: '--row <ID>', description: 'the identifier of a row of the model', defaultText: 'the first row' },
    { flags: '--send', description: 'send this one message for real, and show the answer' },
  ],
  examples: [
    'millrace mapping test customers-identify --row 42',
    'millrace mapping test customers-identify --row 42 --send',
  ],
  async run(context, input) {
    const job = await findMapping(await context.store(), argument(input, 'NAME'));
    const row = option(input, 'row');
    const sending = flag(input, 'send');
    const tested: SentRecord = sending
      ? await sendTestRecord(await context.sync(), job, row)
      : { ...(await testMapping(await context.sync(), job, row)), receipt: null, effects: null };
    const notRunning = whyNotRunning(job);
    const failed = tested.result.kind === 'refused' || (tested.receipt ?? delivered).kind !== 'delivered';
    return {
      document: { mapping: job.mapping.name, action: job.mapping.action, ...tested, notRunning },
      text: paragraphs(testedText(job.mapping.name, tested), notRunning ?? ''),
      exit: failed ? exitCodes.failures : exitCodes.ok,
    };
  },
};

const delivered = { kind: 'delivered' } as const;

function testedText(name: string, tested: SentRecord): string {
  const { recordId, kind, event, result } = tested;
  const seen = paragraphs(`Row ${printable(recordId)} of ${name}, as a ${kind} row, is seen as:`, json(event));
  const next = answerText(name, tested);
  switch (result.kind) {
    case 'message':
      return paragraphs(seen, `and becomes, for the space ${printable(result.space)}:`, json(result.message), next);
    case 'skipped':
      return paragraphs(seen, `and is skipped: ${printable(result.reason)}`, next);
    case 'refused':
      return paragraphs(seen, `and is refused: ${printable(result.reason)} [${printable(result.code)}]`, next);
    default:
      return result satisfies never;
  }
}

function answerText(name: string, { receipt, effects }: SentRecord): string {
  const next = `Next: millrace sync plan ${name}`;
  if (receipt === null) return `Nothing was sent. ${next}`;
  if (receipt.kind !== 'delivered') {
    const what = receipt.kind === 'refused' ? 'It was sent and refused' : 'It could not be delivered';
    return `${what}: ${printable(receipt.reason)} [${printable(receipt.code)}]`;
  }
  const made = effects === null ? '' : ` Effects: ${effectsText(effects, 'past')}.`;
  return `It was sent and delivered.${made} The next sync sends the row again, since tests are not remembered. ${next}`;
}

function json(value: object): string {
  return indent(printableLines(JSON.stringify(value, null, 2)));
}

export const mappingResetCommand: Command = {
  name: 'mapping reset',
  description: 'Forget what a mapping has delivered: its next sync sends every row as new. Profiles stay as they are.',
  arguments: [mapping],
  options: [],
  examples: ['millrace mapping reset customers-identify'],
  async run(context, input) {
    const job = await findMapping(await context.store(), argument(input, 'NAME'));
    const { name } = job.mapping;
    const report = await resetMapping(await context.sync(), job, commandLine);
    const failing = report.failingRows === 0 ? '' : ` So are ${count(report.failingRows)} rows that had failed.`;
    const what = report.hadState
      ? `What ${name} had delivered is forgotten.${failing} Its next sync sends every row as new.`
      : `${name} had delivered nothing yet.${failing}`;
    const text = paragraphs(what, `Next: millrace sync plan ${name}`);
    return { document: { mapping: name, ...report }, text };
  },
};
