import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Column, Row } from '../warehouse/warehouse.ts';
import { sizeCheck } from './limits.ts';

const columns: readonly Column[] = ['a', 'b"', 'ç'].map((name) => ({ name, type: 'string', nativeType: 'text' }));

test('a value, then a record, at and over its limit', () => {
  const check = sizeCheck(columns);
  const text = (bytes: number) => 'x'.repeat(bytes - 2);
  expect(check([text(128 * 1024), null, 1])).toBeNull();
  expect(check(['a', text(128 * 1024 + 1), 1])).toStrictEqual({ column: 'b"', bytes: 128 * 1024 + 1 });
  expect(check(['a', [text(200 * 1024)], 1])).toStrictEqual({ column: 'b"', bytes: 200 * 1024 + 2 });
  const many = Array.from(
    { length: 6 },
    (_, index) => ({ name: `c${index}`, type: 'string', nativeType: '' }) as const,
  );
  expect(sizeCheck(many)(many.map(() => text(100 * 1024)))).toMatchObject({ column: null });
});

test('agrees with measuring the JSON of every row', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.double({ noNaN: true }),
    fc.constant(null),
    fc.jsonValue(),
  );
  const limits = { record: 120, value: 60 };
  const check = sizeCheck(columns, limits);
  fc.assert(
    fc.property(fc.tuple(value, value, value), (values) => {
      const row = JSON.parse(JSON.stringify(values)) as Row;
      const record = Object.fromEntries(columns.map((column, index) => [column.name, row[index]]));
      const bytes = Buffer.byteLength(JSON.stringify(record));
      const large = row.findIndex((one) => Buffer.byteLength(JSON.stringify(one)) > limits.value);
      const found = check(row);
      if (large >= 0) expect(found?.column).toBe(columns[large]?.name);
      else expect(found).toStrictEqual(bytes > limits.record ? { column: null, bytes } : null);
    }),
  );
});
