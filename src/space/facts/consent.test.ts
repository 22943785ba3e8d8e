import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../base/json.ts';
import type { Consent } from '../writing/working-set.ts';
import { mergedConsent, preferencesOf, withPreferences } from './consent.ts';

const carrying = (consent: unknown) => ({ type: 'track', context: { consent } }) as JsonObject;

describe('what a message says', () => {
  test.each([
    [{ type: 'track' }, null],
    [{ type: 'track', context: {} }, null],
    [{ type: 'track', context: 'none' }, null],
    [carrying({}), null],
    [carrying(null), null],
    [carrying('yes'), null],
    [carrying({ categoryPreferences: null }), null],
    [carrying({ categoryPreferences: {} }), {}],
    [carrying({ categoryPreferences: { Ads: true, Other: false } }), { Ads: true, Other: false }],
    [carrying({ categoryPreferences: { Ads: 'true' } }), 'invalid'],
    [carrying({ categoryPreferences: { Ads: true, Other: null } }), 'invalid'],
    [carrying({ categoryPreferences: { Ads: 1 } }), 'invalid'],
    [carrying({ categoryPreferences: ['Ads'] }), 'invalid'],
    [carrying({ categoryPreferences: 'Ads' }), 'invalid'],
  ] as [JsonObject, unknown][])('%j', (message, said) => {
    expect(preferencesOf(message)).toEqual(said);
  });
});

const at = (ms: number, categories: Consent['categories'] = {}): Consent => ({ at: ms, received: ms, categories });
const categoriesOf = (consent: Consent | null) => (consent === null ? null : { ...consent.categories });

describe('the state of a profile', () => {
  test('known categories that are not mentioned become false, new ones are added', () => {
    const state = withPreferences(at(1, { Ads: true, Other: 'conflict' }), { Fun: true }, at(2));
    expect(categoriesOf(state)).toEqual({ Ads: false, Other: false, Fun: true });
  });

  test('no categories at all: all become false', () => {
    expect(categoriesOf(withPreferences(at(1, { Ads: true, Other: 'conflict' }), {}, at(2)))).toEqual({
      Ads: false,
      Other: false,
    });
  });

  test('an older message changes nothing, one of the same moment does', () => {
    const known = at(5, { Ads: true });
    expect(withPreferences(known, { Ads: false }, { at: 4, received: 9 })).toBe(known);
    expect(categoriesOf(withPreferences(known, { Ads: false }, at(5)))).toEqual({ Ads: false });
  });

  test('that it is older counts also when the newer one named no category', () => {
    const state = withPreferences(withPreferences(null, {}, at(5)), { Ads: true }, at(4));
    expect(categoriesOf(state)).toEqual({});
  });

  test('in any order of arrival: what the newest message allows', () => {
    const message = fc.record({
      at: fc.nat(4),
      said: fc.dictionary(fc.constantFrom('Ads', 'Fun', '__proto__', 'constructor', ''), fc.boolean()),
    });
    fc.assert(
      fc.property(fc.array(message, { minLength: 1 }), (messages) => {
        let state: Consent | null = null;
        for (const [received, { at: ms, said }] of messages.entries()) {
          state = withPreferences(state, said, { at: ms, received });
        }
        const newest = messages.reduce((best, each) => (each.at >= best.at ? each : best)).said;
        for (const key of new Set(messages.flatMap(({ said }) => Object.keys(said)))) {
          const allowed = Object.hasOwn(newest, key) && newest[key] === true;
          const categories = state?.categories ?? {};
          expect([key, Object.hasOwn(categories, key) ? categories[key] : false]).toEqual([key, allowed]);
        }
      }),
    );
  });
});

describe('two profiles that become one', () => {
  test.each([
    [null, null, null],
    [{ Ads: true }, { Ads: true }, { Ads: true }],
    [{ Ads: true }, { Ads: false }, { Ads: 'conflict' }],
    [{ Ads: true }, null, { Ads: 'conflict' }],
    [null, { Ads: true, Fun: false }, { Ads: 'conflict', Fun: false }],
    [{ Ads: 'conflict' }, { Ads: 'conflict' }, { Ads: 'conflict' }],
    [{ Ads: 'conflict' }, { Ads: false }, { Ads: 'conflict' }],
    [{ Ads: true }, { Fun: false }, { Ads: 'conflict', Fun: false }],
    [{}, { constructor: false, toString: true }, { constructor: false, toString: 'conflict' }],
    [JSON.parse('{"__proto__":false}'), {}, JSON.parse('{"__proto__":false}')],
  ] as [Consent['categories'] | null, Consent['categories'] | null, unknown][])('%j and %j: %j', (a, b, expected) => {
    const [ours, theirs] = [a === null ? null : at(1, a), b === null ? null : at(2, b)];
    expect(JSON.stringify(categoriesOf(mergedConsent(ours, theirs)))).toBe(JSON.stringify(expected));
    const back = categoriesOf(mergedConsent(theirs, ours));
    expect(back === null ? null : new Map(Object.entries(back))).toEqual(
      expected === null ? null : new Map(Object.entries(expected as object)),
    );
  });

  test('the newer time decides what may replace it', () => {
    const merged = mergedConsent(at(7, { Ads: true }), at(9, { Ads: false }));
    expect(categoriesOf(withPreferences(merged, { Ads: true }, at(8)))).toEqual({ Ads: 'conflict' });
    expect(categoriesOf(withPreferences(merged, { Ads: true }, at(9)))).toEqual({ Ads: true });
  });
});
