import subscriptions from '@segment/destination-subscriptions';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../base/json.ts';
import type { ChangeKind } from '../diff/diff.ts';
import { changeTriggers, compileTrigger } from './mapping.ts';

const kinds = (fql: string) => [...compileTrigger(fql).kinds];

describe('triggers', () => {
  it.each([
    [changeTriggers.added, ['new']],
    [changeTriggers.updated, ['updated']],
    [changeTriggers['added or updated'], ['new', 'updated']],
    [changeTriggers.deleted, ['deleted']],
    ['event != "deleted"', ['new', 'updated']],
    ['type = "track"', ['new', 'updated', 'deleted']],
    ['event = "new" and properties.total > 5', ['new']],
    ['event = "updated" or properties.total > 5', ['new', 'updated']],
    ['properties.total = null', ['new', 'updated', 'deleted']],
    ['(event = "new" or event = "updated") and properties.plan != null', ['new', 'updated']],
    ['event = "new" and userId = null', ['new']],
  ])('%s is for %j', (fql, expected) => {
    expect(kinds(fql)).toEqual(expected);
  });

  it.each([
    'properties.a = "and ="',
    'properties.order != "=" and properties.android = 1',
    'contains(properties.or, "contains(x)") or event = "new"',
    '(event = "new" or properties.a = 1)',
  ])('%s is complete', (fql) => {
    expect(() => compileTrigger(fql)).not.toThrow();
  });

  it.each([
    ['', 'cannot be understood'],
    ['event = "new', 'cannot be understood'],
    ['event', 'Value token is missing'],
    ['event ~ "new"', 'not a complete condition'],
    ['(match(type, "x*") and event = "new")', 'not a complete condition'],
    ['properties."a b" = "x"', 'no comparison where one should be'],
    ['event = new and type = "identify"', 'can match no row change'],
    ['type = "identify"', 'can match no row change'],
    ['event == "new"', 'can match no row change'],
    ['event = ', 'is incomplete: there is no value after `=`'],
    ['event = "new" or event !=', 'no value after `!=`'],
    ['properties.a >= or event = "new"', 'no value after `>=`'],
    ['(properties.a = ) or event = "new"', 'no value after `=`'],
    ['event = "new" and ', 'a condition on one side of `and` only'],
    ['(or event = "new")', 'a condition on one side of `or` only'],
    ['event = "new" or contains(properties.a)', '`contains` takes a place and a text'],
    ['match(properties.a, )', '`match` takes a place and a text'],
  ])('%j is refused', (fql, message) => {
    expect(() => compileTrigger(fql)).toThrow(
      expect.objectContaining({ code: 'trigger_invalid', message: expect.stringContaining(message) }),
    );
  });

  it('names its columns', () => {
    const trigger = compileTrigger(
      'event = "new" and properties.a.b = 1 and contains(properties.c, "x") and context.d = null',
    );
    expect(trigger.columns).toEqual(new Set(['a', 'c']));
  });
});

const value = fc.constantFrom<Json>('x', 'xy', '', 1, 2, true, false, null, { b: 1 }, { b: 'x' });
const place = fc.constantFrom('properties.a', 'properties.a.b', 'properties.c', 'traits.a', 'name', 'userId', 'type');
const compared = fc.constantFrom(
  '= "x"',
  '!= "x"',
  '= 1',
  '!= 1',
  '> 1',
  '<= 1',
  '= true',
  '= false',
  '= null',
  '!= null',
);
const plain = fc.oneof(
  fc.tuple(place, compared).map(([left, right]) => `${left} ${right}`),
  fc
    .tuple(fc.constantFrom('=', '!='), fc.constantFrom('new', 'updated', 'deleted'))
    .map(([op, kind]) => `event ${op} "${kind}"`),
);
const called = fc
  .tuple(fc.constantFrom('', '!'), fc.constantFrom('contains', 'match'), place, fc.constantFrom('x', 'x*', '*x'))
  .map(([not, name, at, text]) => `${not}${name}(${at}, "${text}")`);
const by = fc.constantFrom(' and ', ' or ');
const joined = (part: fc.Arbitrary<string>) =>
  fc.tuple(fc.array(part, { minLength: 1, maxLength: 3 }), by).map(([parts, word]) => parts.join(word));
// Functions stand outside parentheses: inside, the library takes the end of their arguments for the end of the group.
const fql = joined(
  fc.oneof(
    plain,
    called,
    joined(plain).map((inner) => `(${inner})`),
  ),
);

function compiled(text: string) {
  try {
    return compileTrigger(text);
  } catch {
    return undefined;
  }
}

describe('against the library', () => {
  it('a change that matches is of a kind that may match; other columns do not matter', () => {
    const kind = fc.constantFrom<ChangeKind>('new', 'updated', 'deleted');
    const columns = fc.record({ a: value, c: value, other: value });
    let matched = 0;
    fc.assert(
      fc.property(fql, kind, columns, (text, event, row) => {
        const trigger = compiled(text);
        const properties = event === 'deleted' ? { a: null, c: null, other: null } : row;
        const change = { type: 'track', event, properties, context: {} };
        const expected = subscriptions.validate(subscriptions.parseFql(text), change);
        if (expected) matched++;
        expect(trigger?.matches(change) ?? false).toBe(expected);
        if (expected) expect(trigger?.kinds.has(event)).toBe(true);
        const used = Object.entries(properties).filter(([name]) => trigger?.columns?.has(name));
        expect(trigger?.matches({ ...change, properties: Object.fromEntries(used) }) ?? false).toBe(expected);
      }),
      { numRuns: 500 },
    );
    expect(matched).toBeGreaterThan(50);
  });
});
