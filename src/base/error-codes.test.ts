/** What people are told fits where they are told it. */
import { expect, test } from 'vitest';
import { type ErrorEntry, errorCodes } from './error-codes.ts';
import { MillraceError } from './errors.ts';

const command = /\bmillrace [a-z]/;

test('the help of whatever a page of the web app may show names no command of a terminal', () => {
  const shown = Object.entries<ErrorEntry>(errorCodes).filter(([, { room }]) =>
    ['sync', 'schedule', 'diff', 'mapping', 'warehouse', 'destination', 'delivery'].includes(room),
  );
  expect(shown.length).toBeGreaterThan(30);
  const named = shown.filter(([, { help, helpInApp }]) => command.test(helpInApp ?? help));
  expect(named.map(([code]) => code)).toEqual([]);
});

test('an error has both: of its code, or its own', () => {
  const usual = new MillraceError('sync_row_not_found', 'No row.');
  expect(usual.help).toMatch(command);
  expect(usual.helpInApp).toBe(errorCodes.sync_row_not_found.helpInApp);
  const own = new MillraceError('sync_row_not_found', 'No row.', { help: 'Look again.' });
  expect([own.help, own.helpInApp]).toEqual(['Look again.', 'Look again.']);
});
