import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../base/json.ts';
import { type Action, actions } from './destination.ts';
import { isDateLike, payloadCheck } from './payload.ts';

const require = createRequire(import.meta.url);

interface ReferenceAction {
  execute(bundle: { mapping: object; data: object; settings: object }): Promise<{ data?: JsonObject }[]>;
}
const { Action: CoreAction } = require('@segment/actions-core/destination-kit/action') as {
  Action: new (destination: string, definition: object) => ReferenceAction;
};

let references = 0;

/** The vendor's core with our fields and an action that hands back the payload it was given. */
function referenceOf(action: Action): (payload: JsonObject) => Promise<JsonObject | string> {
  const fields = Object.entries(action.fields).filter(([name]) => name !== 'consent');
  // The names become the key of a schema, a URI; one key per reference.
  references += 1;
  const reference = new CoreAction('differential-test', {
    title: `${action.slug}-${references}`,
    fields: Object.fromEntries(fields),
    perform: (_request: unknown, { payload }: { payload: JsonObject }) => ({ payload }),
  });
  const mapping = Object.fromEntries(fields.map(([name]) => [name, { '@path': `$.${name}` }]));
  return async (payload) => {
    try {
      const results = await reference.execute({ mapping, data: payload, settings: {} });
      const { data } = results[results.length - 1] as { data: { payload: JsonObject } };
      return data.payload;
    } catch (error) {
      return (error as Error).message;
    }
  };
}

const value: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>('', 'u1', '2026-03-01T09:30:00Z', '2026-03', 'soon', '1700000000', 'true', null, 0, 12.5, true),
  fc.constantFrom<Json>({}, { a: null }, [], ['x'], [7], [null], [{ a: 1 }], [['x']], [[7]], ['x', 'y'], [false]),
);

describe('payloads are checked as the reference does', () => {
  it.each(Object.values(actions))('$slug', async (action) => {
    const reference = referenceOf(action);
    const ours = payloadCheck(action.fields, ['consent']);
    const names = Object.keys(action.fields).filter((name) => name !== 'consent');
    const payload = fc.record(Object.fromEntries([...names, 'unknown'].map((name) => [name, value])), {
      requiredKeys: [],
    }) as fc.Arbitrary<JsonObject>;
    await fc.assert(
      fc.asyncProperty(payload, async (given) => {
        const expected = await reference(structuredClone(given) as JsonObject);
        const result = ours(given);
        expect(result.ok ? result.values : result.reason).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('texts that are times', async () => {
    const reference = referenceOf(actions.sendIdentify);
    const digits = fc.stringMatching(/^[0-9]{1,15}$/);
    const shaped = fc.stringMatching(
      /^[0-9]{4}[-/]?[0-9]{0,2}[-/]?[0-9]{0,2}[T ]?[0-9]{0,2}:?[0-9]{0,2}[.:]?[0-9]{0,3}Z?$/,
    );
    const written = fc.constantFrom(
      '1 March 2026',
      'Sun, 01 Mar 2026 09:30:00 GMT',
      '-1',
      '1e3',
      'NaN',
      'Infinity',
      ' ',
      '2026-13-45T99:99:99z',
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(digits, shaped, written, fc.string()), async (timestamp) => {
        fc.pre(timestamp !== '');
        const answer = await reference({ engage_space: 'k', timestamp });
        expect(isDateLike(timestamp)).toBe(typeof answer !== 'string');
      }),
      { numRuns: 1000 },
    );
  });

  it('a payload that is not an object is refused', () => {
    const check = payloadCheck(actions.sendIdentify.fields, []);
    expect(check('text' as unknown as JsonObject)).toEqual({
      ok: false,
      reason: 'The root value must be an object but it was a string.',
    });
  });
});
