/** What the form of a new space shows beforehand is what the server makes of the name. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nameFrom } from '../../src/workspace/names.ts';
import { spaceNameOf } from '../../web/src/pages/unify/space-name.ts';

const letters = [...'aZ09_- .&ßẞæÆœøŁđÐþĦŧŋıİéÅñ™ﬁ東🙂'];

test('the app and the server make the same name of a title', () => {
  const titles = fc.array(fc.oneof(fc.constantFrom(...letters), fc.string({ unit: 'grapheme', maxLength: 1 })), {
    maxLength: 120,
  });
  fc.assert(
    fc.property(titles, (title) => {
      expect(spaceNameOf(title.join(''), [])).toBe(nameFrom(title.join('')));
    }),
  );
});

test('one that is taken gets a number', () => {
  expect(spaceNameOf('Straße', ['strasse'])).toBe('strasse-2');
  expect(spaceNameOf('Straße', ['strasse', 'strasse-2'])).toBe('strasse-3');
});

test('what has no letter of those and no digit gets none', () => {
  expect(['東京', '!!!', '-_-', '🙂'].map((title) => spaceNameOf(title, []))).toEqual([null, null, null, null]);
});
