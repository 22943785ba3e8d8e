import { expect, test } from 'vitest';
import { keyOf } from './keys.ts';

test.each([
  ['Big Spenders', 'big_spenders'],
  ['  ≥ 500 in 30 days!', '500_in_30_days'],
  ['Tea & Coffee -- lovers', 'tea_coffee_lovers'],
  ['_already_a_key_', 'already_a_key'],
  ['Zürich', 'z_rich'],
  ['北京', ''],
  ['', ''],
])('%s: %s', (name, key) => {
  expect(keyOf(name)).toBe(key);
});

test('at most 255, without an underscore at the end', () => {
  expect(keyOf('İ'.repeat(255))).toMatch(/^(i_)+i$/);
  expect(keyOf('İ'.repeat(255)).length).toBeLessThanOrEqual(255);
});
