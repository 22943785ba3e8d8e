/** The limits of models and rows (`reverse-etl.md` section 2). */
import { MillraceError } from '../base/errors.ts';
import type { Column, Row, Value, Warehouse } from '../warehouse/warehouse.ts';
import type { ComparedModel, Oversize } from './diff.ts';

export interface ModelLimits {
  readonly queryCharacters: number;
  readonly identifierCharacters: number;
  readonly columns: number;
  readonly columnCharacters: number;
}

const modelLimits: ModelLimits = {
  queryCharacters: 65_535,
  identifierCharacters: 191,
  columns: 512,
  columnCharacters: 128,
};

/** In bytes of JSON. */
export interface SizeLimits {
  readonly record: number;
  readonly value: number;
}

const sizeLimits: SizeLimits = { record: 512 * 1024, value: 128 * 1024 };

/**
 * Checks a model without running it and returns its columns. Errors: `model_too_large`, `model_identifier_missing`, and
 * those of `Warehouse.describe`.
 */
export async function checkModel(
  warehouse: Warehouse,
  model: ComparedModel,
  changedLimits: Partial<ModelLimits> = {},
): Promise<readonly Column[]> {
  const limits = { ...modelLimits, ...changedLimits };
  refuseOver('The query', model.query.length, limits.queryCharacters, 'characters');
  refuseOver('The identifier column', model.identifierColumn.length, limits.identifierCharacters, 'characters');
  const columns = await warehouse.describe(model.query);
  refuseOver('The query', columns.length, limits.columns, 'columns');
  for (const { name } of columns) {
    refuseOver(`The column ${name.slice(0, 40)}…`, name.length, limits.columnCharacters, 'characters');
  }
  if (columns.some((column) => column.name === model.identifierColumn)) return columns;
  const there = columns.map((column) => column.name).join(', ');
  throw new MillraceError(
    'model_identifier_missing',
    `The query gives no identifier column ${JSON.stringify(model.identifierColumn)}; it gives: ${there}.`,
  );
}

function refuseOver(what: string, size: number, limit: number, unit: string): void {
  if (size <= limit) return;
  throw new MillraceError('model_too_large', `${what} has ${size} ${unit}; the limit is ${limit}.`);
}

/** A character of a text has at most six bytes in JSON (`\u0000`); other plain values at most 25. */
const bytesPerCharacter = 6;
const plainBytes = 25;

/** A check of rows of these columns against limits: cheap for rows that are far from them. */
export function sizeCheck(
  columns: readonly Column[],
  changedLimits: Partial<SizeLimits> = {},
): (row: Row) => Oversize | null {
  const limits = { ...sizeLimits, ...changedLimits };
  const keys = columns.reduce((sum, column) => sum + jsonBytes(column.name) + 2, 1);
  return (row) => {
    let most = keys;
    for (const value of row) {
      const size = atMost(value);
      if (size > limits.value) return exactSizes(row, columns, limits, keys);
      most += size;
    }
    return most > limits.record ? exactSizes(row, columns, limits, keys) : null;
  };
}

/** A bound that costs nothing, but for lists and objects, which are measured. */
function atMost(value: Value): number {
  if (typeof value === 'string') return value.length * bytesPerCharacter + 2;
  return typeof value === 'object' && value !== null ? jsonBytes(value) : plainBytes;
}

function jsonBytes(value: Value): number {
  return Buffer.byteLength(JSON.stringify(value));
}

function exactSizes(row: Row, columns: readonly Column[], limits: SizeLimits, keys: number): Oversize | null {
  let record = keys;
  for (let index = 0; index < row.length; index++) {
    const bytes = jsonBytes(row[index] as Value);
    if (bytes > limits.value) return { column: columns[index]?.name ?? null, bytes };
    record += bytes;
  }
  return record > limits.record ? { column: null, bytes: record } : null;
}
