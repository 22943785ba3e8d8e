import { expect, test } from 'vitest';
import { nearNames, suggestion } from './near-names.ts';

test.each([
  ['custmers', 'customers'],
  ['cutsomers', 'customers'],
  ['CUSTOMERS', 'customers'],
  ['customer', 'customers'],
  ['orders-identfy', 'orders-identify'],
])('%s is near %s', (written, meant) => {
  expect(nearNames(written, ['customers', 'orders-identify', 'x'])[0]).toBe(meant);
});

test('far names are not suggested; a short list is shown instead', () => {
  const known = ['alpha', 'beta'];
  expect(nearNames('zzzzzz', known)).toEqual([]);
  expect(suggestion('zzzzzz', known)).toBe(' There is "alpha", "beta".');
  expect(suggestion('alpa', known)).toBe(' Did you mean "alpha"?');
  expect(suggestion('x', [])).toBe('');
  expect(
    suggestion(
      'zzzzzz',
      Array.from({ length: 30 }, (_, n) => `name${n}`),
    ),
  ).toBe('');
});

test('at most three, nearest first', () => {
  expect(nearNames('aaaa', ['aaab', 'aaaa1', 'aaac', 'aaad', 'bbbb'])).toHaveLength(3);
  expect(suggestion('aaaa', ['aaab', 'aaac'])).toBe(' Did you mean "aaab" or "aaac"?');
});
