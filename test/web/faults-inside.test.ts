/** Faults at the rows of an object field, and what a mapping lacks. */
import { expect, test } from 'vitest';
import type { Action } from '../../web/src/api/types.ts';
import { faultsByKey, faultsInside, faultWords } from '../../web/src/pages/reverse-etl/faults-inside.ts';
import { lacksOf } from '../../web/src/pages/reverse-etl/needs.ts';

const faults = {
  'settings.traits': 'whole',
  'settings.traits.fn': 'itself',
  'settings.traits.fn.@path': 'inside',
  'settings.traits.fn.deep': 'of the longer key',
  'settings.traits.gone.@path': 'of no row',
  'settings.traitsAlike': 'of another field',
};

test('each fault stands once: at the row of its key, or at the field', () => {
  const inside = faultsInside(faults, 'settings.traits');
  expect([...inside.keys()]).toEqual(['', 'fn', 'fn.@path', 'fn.deep', 'gone.@path']);
  const { rows, others } = faultsByKey(inside, ['fn', 'fn.deep', 'f']);
  const words = Object.fromEntries([...rows].map(([key, row]) => [key, faultWords(row)]));
  expect(words).toEqual({ fn: 'itself · @path: inside', 'fn.deep': 'of the longer key' });
  expect(faultWords(others)).toBe('whole · gone.@path: of no row');
  expect(faultWords(faultsByKey(inside, []).others)).toContain('fn.deep: of the longer key');
  expect(faultWords(faultsInside({}, 'settings.traits'))).toBeUndefined();
});

const field = (fieldKey: string, label: string, defaultValue: string | null = null) => ({
  fieldKey,
  label,
  defaultValue,
});
const action = {
  fields: [field('email', 'Email'), field('phone', 'Phone'), field('sms', 'SMS'), field('push', 'Push', 'x')],
  needs: [{ oneOf: ['email', 'phone'] }, { when: ['sms'], oneOf: ['phone'] }, { when: ['push'], oneOf: ['push'] }],
} as unknown as Action;

test.each<[settings: Parameters<typeof lacksOf>[1], words: readonly string[]]>([
  [{}, ['Map Email or Phone: without one of them every row is refused.']],
  [{ email: '', phone: null }, ['Map Email or Phone: without one of them every row is refused.']],
  [{ phone: { '@path': '$.properties.phone' }, sms: 'true' }, []],
  [{ email: 'x', sms: 'true' }, ['Map Phone too: rows with SMS are refused without it.']],
  [{ email: 'x' }, []],
  [{ __segment_internal_directive: { '@merge': [] } }, []],
])('a mapping of %j lacks %j', (settings, words) => {
  expect(lacksOf(action, settings).map((lack) => lack.words)).toEqual(words);
});
