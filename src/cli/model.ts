/** `model preview NAME`: the columns and the first rows of a model. */

import { counted } from '../base/count.ts';
import { previewModel } from '../sync/sync.ts';
import type { Row } from '../warehouse/warehouse.ts';
import { findModel } from '../workspace/workspace.ts';
import { argument, type Command } from './command.ts';
import { facts, indent, paragraphs, printable, printableValue, shorten, table } from './text.ts';

export const modelPreviewCommand: Command = {
  name: 'model preview',
  description: 'Show the columns of a model and its first 10 rows.',
  arguments: [{ name: 'NAME', description: 'name or id of a model', required: true }],
  options: [],
  examples: ['millrace model preview customers'],
  async run(context, input) {
    const found = await findModel(await context.store(), argument(input, 'NAME'));
    const { columns, rows } = await previewModel(await context.sync(), found);
    const { name, identifierColumn } = found.model;
    const named = columns.map((column) => ({ ...column, identifier: column.name === identifierColumn }));
    const document = {
      model: name,
      source: found.source.name,
      columns: named,
      rows: rows.map((row) => Object.fromEntries(columns.map((column, index) => [column.name, row[index] ?? null]))),
    };
    const text = paragraphs(
      `Model ${name} of source ${found.source.name}: ${counted(columns.length, 'column')}.`,
      indent(
        table(
          [{ title: 'column', most: 60 }, { title: 'type' }, { title: found.source.engine }, { title: '' }],
          named.map((column) => [column.name, column.type, column.nativeType, column.identifier ? 'identifier' : '']),
        ),
      ),
      rows.length === 0 ? 'The query gives no rows.' : rowsText(columns, rows, context.output.width),
      'Next: millrace mapping test MAPPING shows the message that a row becomes.',
    );
    return { document, text };
  },
};

const widestCell = 40;

/** As a table where the terminal is wide enough, else row by row. */
function rowsText(columns: readonly { readonly name: string }[], rows: readonly Row[], width: number): string {
  const titles = columns.map(({ name }) => shorten(printable(name), widestCell));
  const cells = rows.map((row) => columns.map((_, index) => cell(row[index])));
  const asTable = indent(
    table(
      titles.map((title) => ({ title, most: widestCell })),
      cells,
    ),
  );
  if (asTable.split('\n').every((line) => line.length <= width)) return asTable;
  return cells
    .map((row, index) => {
      const pairs = titles.map((title, at) => [title, shorten(row[at] ?? '', 200)] as const);
      return `Row ${index + 1}\n${indent(facts(pairs))}`;
    })
    .join('\n\n');
}

function cell(value: Row[number] | undefined): string {
  return value === null || value === undefined ? 'null' : printableValue(value);
}
