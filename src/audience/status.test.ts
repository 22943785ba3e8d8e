import { expect, test } from 'vitest';
import type { RunReason } from './audience.ts';
import { statusOf } from './status.ts';

const run = (reason: RunReason) => ({ reason, askedAt: new Date(0), cursor: '' });

test.each([
  [{ run: run('first') }, 'Backfilling'],
  [{ run: run('edit'), failure: 'before' }, 'Locked'],
  [{ run: run('enabled') }, 'Computing'],
  [{ run: run('schedule') }, 'Computing'],
  [{ enabled: false, failure: 'before' }, 'Disabled'],
  [{ failure: 'why' }, 'Failed'],
  [{}, 'Live'],
])('%j is %s', (more, status) => {
  expect(statusOf({ run: null, enabled: true, failure: null, ...more })).toBe(status);
});
