/**
 * Conditions on time. In: a time, a duration. Out: whether it holds now, with the moments at which that changes. A day is
 * one of the calendar in UTC; hours and seconds are counted to the moment (`public-api.md` 5.3).
 */
import type { Literal } from './tree.ts';

export type Duration = Extract<Literal, { readonly kind: 'duration' }>;

const dayMs = 24 * 60 * 60 * 1000;
const unitMs = { day: dayMs, hour: 60 * 60 * 1000, second: 1000 } as const;

export function durationMs({ amount, unit }: Duration): number {
  return amount * unitMs[unit];
}

/** Holds from `from` on and until before `before`. */
export interface Span {
  readonly from: number;
  readonly before: number;
}

export type RelativeOperator = 'within_last' | 'within_next' | 'before_last' | 'after_next';

export const relativeOperators: readonly RelativeOperator[] = [
  'within_last',
  'within_next',
  'before_last',
  'after_next',
];

/** When the condition holds of this time. */
export function spanOf(operator: RelativeOperator, value: number, duration: Duration): Span {
  const isDays = duration.unit === 'day';
  // The first and the last moment that count as this time: a whole day, or itself.
  const first = isDays ? Math.floor(value / dayMs) * dayMs : value;
  const last = isDays ? first + dayMs - 1 : value;
  const length = durationMs(duration);
  switch (operator) {
    case 'within_last':
      return { from: first, before: last + length + 1 };
    case 'within_next':
      return { from: first - length, before: last + 1 };
    case 'before_last':
      return { from: first + length, before: Number.POSITIVE_INFINITY };
    case 'after_next':
      return { from: Number.NEGATIVE_INFINITY, before: last - length + 1 };
  }
}

/** When an event of this time is in a window that looks back from now. */
export function windowSpan(at: number, from: number, to: number): Span {
  return { from: at + from, before: at + to + 1 };
}
