/**
 * The first rows of a model, for somebody who looks. In: a query over its rows. Out: ten at most, in the order the warehouse
 * gives them. Promised: how large a row is is found out in the warehouse, so that one that is larger than a sync takes never
 * comes here; such a row is an error that names it (`row_too_large`).
 */
import { MillraceError } from '../base/errors.ts';
import type { Column, Row, Warehouse } from '../warehouse/warehouse.ts';
import type { Model } from '../workspace/workspace.ts';
import type { SyncSettings } from './settings.ts';

export interface FirstRowsOptions {
  readonly columns: readonly Column[];
  readonly limits: Pick<SyncSettings, 'recordBytes' | 'valueBytes'>;
  /** One more column, as SQL over `model`. */
  readonly extra?: { readonly sql: string; readonly column: Column };
  /** `WHERE …` over `model`. */
  readonly condition?: string;
  /** Ten when left out, and no more than that. */
  readonly most?: number;
  readonly signal?: AbortSignal | undefined;
}

const mostRows = 10;

export async function firstRows(
  warehouse: Warehouse,
  model: Model,
  { columns, limits, extra, condition = '', most = mostRows, signal }: FirstRowsOptions,
): Promise<readonly Row[]> {
  const { dialect } = warehouse;
  const all = extra === undefined ? columns : [...columns, extra.column];
  // By place, since the model may use any name.
  const names = all.map((_, place) => `c${place}`);
  const bytes = all.map((column, place) => `coalesce(${dialect.byteLength(`c${place}`, column)}, 0)`);
  const wanted = extra === undefined ? 'model.*' : `model.*, ${extra.sql}`;
  const rows = `SELECT ${wanted} FROM ${dialect.subquery(model.query)} AS model ${condition} LIMIT ${most}`;
  const overValue = bytes.map((size, place) => `WHEN ${size} > ${limits.valueBytes} THEN ${place}`).join(' ');
  const sized = `SELECT ${names.join(', ')}, CASE ${overValue} WHEN ${bytes.join(' + ')} > ${limits.recordBytes} THEN -1 END AS too_large
    FROM (${rows}) AS first_rows (${names.join(', ')})`;
  const kept = names.map((name) => `CASE WHEN too_large IS NULL THEN ${name} END AS ${name}`).join(', ');
  await using snapshot = await warehouse.snapshot(signal);
  const found = await snapshot.query(`SELECT ${kept}, too_large FROM (${sized}) AS sized_rows`, signal);
  for (const [at, row] of found.rows.entries()) refuseTooLarge(row.at(-1), at, all, limits);
  return found.rows.map((row) => row.slice(0, -1));
}

function refuseTooLarge(
  over: unknown,
  at: number,
  columns: readonly Column[],
  { recordBytes, valueBytes }: FirstRowsOptions['limits'],
): void {
  if (over === null) return;
  const place = Number(over);
  const name = columns[place]?.name;
  const what =
    place === -1
      ? `Row ${at + 1} has more than ${recordBytes} bytes`
      : `Row ${at + 1} has more than ${valueBytes} bytes in the column ${name}`;
  throw new MillraceError('row_too_large', `${what}, the most that a sync takes.`);
}
