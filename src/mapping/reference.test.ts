import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../base/json.ts';
import { mappingFaults } from './check.ts';
import { directive, directiveNames, event, mapping, wildMapping } from './generators.test-support.ts';
import { compileMapping } from './mapping.ts';
import { referenceAccepts, referenceTransform } from './reference.test-support.ts';

/** The value as text, with the order of its keys; undefined items of lists are told from null. */
function written(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, member) => (member === undefined ? '\u0000undefined' : member));
}

function outcome(run: () => unknown): { value: string | undefined } | 'failed' {
  try {
    return { value: written(run()) };
  } catch {
    return 'failed';
  }
}

function expectEqual(directives: JsonObject, input: JsonObject): void {
  const expected = outcome(() => referenceTransform(directives, input));
  const before = written([directives, input]);
  expect(outcome(() => compileMapping(directives as Record<string, Json>)(input))).toEqual(expected);
  expect(written([directives, input])).toBe(before);
}

describe('output equal to the reference', () => {
  it.each(directiveNames)('%s', (name) => {
    fc.assert(
      fc.property(directive[name], event, (spec, input) => expectEqual({ field: spec }, input)),
      { numRuns: 250 },
    );
  });

  it('whole mappings', () => {
    fc.assert(fc.property(mapping, event, expectEqual), { numRuns: 1500 });
  });

  it('directives in the wrong place', () => {
    fc.assert(fc.property(wildMapping, event, expectEqual), { numRuns: 1000 });
  });
});

describe('faults', () => {
  const agree = (directives: JsonObject) => {
    const faults = mappingFaults(directives as Record<string, Json>);
    // What the root directive may be is decided before validation, in the transform itself.
    if ('__segment_internal_directive' in directives) return;
    expect(faults.length === 0).toBe(referenceAccepts(directives));
  };

  it('accepts what the reference accepts: mappings', () => {
    fc.assert(fc.property(mapping, agree), { numRuns: 500 });
  });

  it('accepts what the reference accepts: anything', () => {
    fc.assert(fc.property(wildMapping, agree), { numRuns: 2000 });
  });
});
