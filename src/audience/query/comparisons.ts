/**
 * Comparing a value. In: the name of a comparison and what it compares with. Out: a test. Promised: nothing is true of a
 * value that is missing, but `absent` and `omits`.
 */
import type { Json } from '../../base/json.ts';
import { isMissing, orderOf, sameValue, textOf, type Value } from './values.ts';

export type Test = (value: Value, operand: Value) => boolean;

const both =
  (test: (value: Json, operand: Json) => boolean): Test =>
  (value, operand) =>
    !isMissing(value) && !isMissing(operand) && test(value, operand);

/** With one operand, which may be read from the profile. */
export const comparisons: Readonly<Record<string, Test>> = {
  equals: both(sameValue),
  differs: both((a, b) => !sameValue(a, b)),
  greater_than: both((a, b) => orderOf(a, b) > 0),
  at_least: both((a, b) => orderOf(a, b) >= 0),
  less_than: both((a, b) => orderOf(a, b) < 0),
  at_most: both((a, b) => orderOf(a, b) <= 0),
};

export const nameOfOperator = {
  ...{ '=': 'equals', '!=': 'differs', '>': 'greater_than', '>=': 'at_least', '<': 'less_than', '<=': 'at_most' },
} as const;

/** With texts or values that the query fixes. */
export const membershipTests: Readonly<Record<string, (value: Value, operands: readonly Json[]) => boolean>> = {
  contains: (value, operands) => !isMissing(value) && operands.some((one) => textOf(value).includes(textOf(one))),
  omits: (value, operands) => isMissing(value) || !operands.some((one) => textOf(value).includes(textOf(one))),
  starts_with: (value, operands) => !isMissing(value) && operands.some((one) => textOf(value).startsWith(textOf(one))),
  ends_with: (value, operands) => !isMissing(value) && operands.some((one) => textOf(value).endsWith(textOf(one))),
  one_of: (value, operands) => !isMissing(value) && operands.some((one) => sameValue(value, one)),
  none_of: (value, operands) => !isMissing(value) && !operands.some((one) => sameValue(value, one)),
};
