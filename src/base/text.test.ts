import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from './json.ts';
import { deepestNesting, findUnstorable, storableText } from './text.ts';

describe('storableText', () => {
  test.each([
    ['', true],
    ['plain', true],
    ['😀 مرحبا \u200f \uffff \u0001', true],
    ['a\0b', false],
    ['\ud83d', false],
    ['\ude00\ud83d', false],
    ['😀\ud83d', false],
  ])('%j: %s', (text, storable) => {
    expect(storableText(text)).toBe(storable);
  });

  test('agrees with a walk over the code units', () => {
    const unit = fc.constantFrom('a', '\0', '\ud83d', '\ude00', 'é');
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 8 }), (units) => {
        const text = units.join('');
        const bytes = Buffer.from(text, 'utf8');
        // Encoding replaces lone halves, so only good text comes back the same.
        expect(storableText(text)).toBe(bytes.toString('utf8') === text && !bytes.includes(0));
      }),
      { numRuns: 200 },
    );
  });
});

describe('findUnstorable', () => {
  test.each<[string, Json | undefined, unknown]>([
    ['nothing', undefined, null],
    ['good values', { a: [1, null, true, 'x', { b: '😀' }] }, null],
    ['the value itself', 'a\0', { path: '$', what: 'nul' }],
    ['a nested value', { a: [0, { b: '\ud800' }] }, { path: '$.a[1].b', what: 'lone_surrogate' }],
    ['a key', { a: { 'x\0y': 1 } }, { path: '$.a["x\\u0000y"]', what: 'nul' }],
    ['a value below an odd key', { 'first name': '\0' }, { path: '$["first name"]', what: 'nul' }],
  ])('%s', (_name, value, expected) => {
    expect(findUnstorable(value)).toEqual(expected);
  });

  test('a value that is nested too deep is reported, however deep', () => {
    const nest = (levels: number) => {
      let value: Json = 'x';
      for (let level = 0; level < levels; level++) value = [value];
      return value;
    };
    expect(findUnstorable(nest(deepestNesting))).toBeNull();
    expect(findUnstorable(nest(deepestNesting + 1))).toMatchObject({ what: 'too_deep' });
    expect(findUnstorable(nest(200_000))).toMatchObject({ what: 'too_deep' });
  });
});
