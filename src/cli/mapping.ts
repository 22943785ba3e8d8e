/** `mapping test` and `mapping reset`. */
import { resetMapping, type TestedMapping, testMapping } from '../sync/sync.ts';
import { findMapping } from '../workspace/workspace.ts';
import { argument, type Command, option } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { count, indent, paragraphs, printable, printableLines } from './text.ts';

const mapping = { name: 'NAME', description: 'name or id of a mapping', required: true };

export const mappingTestCommand: Command = {
  name: 'mapping test',
  description: 'Show the message that a row becomes, without sending it.',
  arguments: [mapping],
  options: [{ flags: '--row <ID>', description: 'the identifier of a row of the model', defaultText: 'the first row' }],
  examples: ['millrace mapping test customers-identify --row 42'],
  async run(context, input) {
    const job = await findMapping(await context.store(), argument(input, 'NAME'));
    const tested = await testMapping(await context.sync(), job, option(input, 'row'));
    return {
      document: { mapping: job.mapping.name, action: job.mapping.action, ...tested },
      text: testedText(job.mapping.name, tested),
      exit: tested.result.kind === 'refused' ? exitCodes.failures : exitCodes.ok,
    };
  },
};

function testedText(name: string, { recordId, kind, event, result }: TestedMapping): string {
  const seen = paragraphs(`Row ${printable(recordId)} of ${name}, as a ${kind} row, is seen as:`, json(event));
  const next = `Nothing was sent. Next: millrace sync plan ${name}`;
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
    const report = await resetMapping(await context.sync(), job);
    const failing = report.failingRows === 0 ? '' : ` So are ${count(report.failingRows)} rows that had failed.`;
    const what = report.hadState
      ? `What ${name} had delivered is forgotten.${failing} Its next sync sends every row as new.`
      : `${name} had delivered nothing yet.${failing}`;
    const text = paragraphs(what, `Next: millrace sync plan ${name}`);
    return { document: { mapping: name, ...report }, text };
  },
};
