import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MillraceError } from '../base/errors.ts';
import type { Json, JsonObject } from '../base/json.ts';
import type { Column } from '../warehouse/warehouse.ts';
import { event, jsonValue, mapping } from './generators.test-support.ts';
import { checkMapping, compileMapping, compileTrigger, type Directives, lostMembers, usedColumns } from './mapping.ts';
import { referenceTransform } from './reference.test-support.ts';

/** As a computed key: a literal one would look like a promise to the linter. */
const then = 'then';
const always = compileTrigger('event != "never"');

function mapped(directives: Directives, input: JsonObject): unknown {
  return compileMapping(directives)(input);
}

function thrown(run: () => unknown): MillraceError {
  try {
    run();
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('habits of the reference, one by one', () => {
  const input: JsonObject = {
    event: 'new',
    a: 'top',
    properties: {
      a: 'x',
      zero: 0,
      none: null,
      empty: '',
      list: [{ id: 1 }, { id: 2 }],
      one: { id: 3 },
      'a b': 'spaced',
      nested: { 'c d': { e: 5 } },
      braces: '{{properties.a}}',
    },
  };
  const cases: [string, Json, Json | undefined][] = [
    ['a path of steps', { '@path': '$.properties.nested["c d"].e' }, 5],
    ['a path without the dollar', { '@path': 'properties.a' }, 'x'],
    ['a dollar alone is a name', { '@path': '$' }, undefined],
    ['a place in a list', { '@path': '$.properties.list[1].id' }, 2],
    ['the length of a list', { '@path': '$.properties.list.length' }, 2],
    ['a step into zero gives zero', { '@path': '$.properties.zero.a.b' }, 0],
    ['a step into null gives null', { '@path': '$.properties.none.a' }, null],
    ['a step into a missing member gives nothing', { '@path': '$.properties.missing.a' }, undefined],
    ['quotes are only marks', { '@path': '$.properties["a b"]' }, 'spaced'],
    ['a computed path', { '@path': { '@template': '$.properties.{{event}}' } }, undefined],
    ['a template with null and missing', { '@template': '[{{properties.none}}|{{ properties.zzz }}]' }, '[|]'],
    ['a template with an object', { '@template': '{{properties.one}}' }, '[object Object]'],
    ['$. has no meaning in a template', { '@template': '{{$.properties.a}}' }, ''],
    ['two braces are filled once', { '@template': '{{properties.braces}}' }, '{{properties.a}}'],
    ['three braces are filled again', { '@template': '{{{properties.braces}}}' }, 'x'],
    ['zero exists', { '@if': { exists: { '@path': '$.properties.zero' }, [then]: 1, else: 2 } }, 1],
    ['zero is blank', { '@if': { blank: { '@path': '$.properties.zero' }, [then]: 1, else: 2 } }, 2],
    ['a falsy else is none', { '@if': { exists: { '@path': '$.no' }, [then]: 1, else: 0 } }, undefined],
    ['an object counts as a list', { '@arrayPath': ['$.properties.one', { n: { '@path': '$.id' } }] }, [{ n: 3 }]],
    ['no shape, no change', { '@arrayPath': ['$.properties.one', {}] }, { id: 3 }],
    ['flattening a text', { '@flatten': { value: { '@path': '$.a' }, separator: '.' } }, { '': 'top' }],
    [
      'merging hides by missing members',
      { '@merge': { direction: 'right', objects: [{ a: 1 }, { a: { '@path': '$.zz' } }] } },
      {},
    ],
    ['a mode in capitals does nothing', { '@json': { mode: 'ENCODE', value: { '@path': '$.a' } } }, undefined],
    [
      'no input at all is an empty object to a template',
      { '@transform': { apply: { '@path': '$.zz' }, mapping: { '@template': '{{  }}' } } },
      '[object Object]',
    ],
  ];
  it.each(cases)('%s', (_name, spec, expected) => {
    const result = expected === undefined ? {} : { field: expected };
    expect(mapped({ field: spec }, input)).toEqual(result);
    expect(referenceTransform({ field: spec }, input)).toEqual(result);
  });

  it('a member named __proto__ is lost where a whole object is passed on, and can be named', () => {
    const odd = JSON.parse('{"properties":{"__proto__":"p","constructor":"c","My Id":1,"doc":{"__proto__":{"x":1}}}}');
    const directives = { traits: { '@path': '$.properties' }, named: { '@path': '$.properties.__proto__' } };
    const result = '{"traits":{"constructor":"c","My Id":1,"doc":{}},"named":"p"}';
    expect(JSON.stringify(mapped(directives, odd))).toBe(result);
    expect(JSON.stringify(referenceTransform(directives, odd))).toBe(result);
    const columns = (...types: readonly Column['type'][]) =>
      types.map((type, index) => ({ name: index === 0 ? '__proto__' : `c${index}`, type, nativeType: '' }));
    expect(lostMembers(columns('string', 'string'), null)?.(['p', 'q'])).toBe(true);
    expect(lostMembers(columns('string', 'json'), new Set(['__proto__']))).toBeNull();
    const nested = lostMembers(columns('string', 'json'), new Set(['c1']));
    expect(nested?.(['p', JSON.parse('{"a":[{"__proto__":null}]}')])).toBe(true);
    expect(nested?.(['p', { a: [{ b: null }], c: '__proto__' }])).toBe(false);
    expect(nested?.(['p', null])).toBe(false);
  });

  it('functions that a path can reach are left out', () => {
    const directives = { a: { '@path': '$.properties.constructor' }, b: { '@path': '$.toString' }, c: 1 };
    expect(mapped(directives, input)).toStrictEqual({ c: 1 });
  });

  it('objects with more members than are written out at once', () => {
    const many = Array.from({ length: 21 }, (_item, index) => `k${index}`);
    const directives = Object.fromEntries(many.map((key) => [key, { '@path': `$.properties.${key}` }]));
    const properties = Object.fromEntries(many.map((key, index) => [key, index % 5 === 0 ? undefined : index]));
    const result = mapped({ traits: directives, ...directives }, { properties });
    expect(JSON.stringify(result)).toBe(
      JSON.stringify(referenceTransform({ traits: directives, ...directives }, { properties })),
    );
    expect(mapped({ traits: directives }, { properties: 0 })).toEqual({
      traits: Object.fromEntries(many.map((key) => [key, 0])),
    });
    expect(mapped({ traits: directives }, {})).toEqual({ traits: {} });
  });
});

describe('faults', () => {
  it('lists every fault with its path', () => {
    const directives: Directives = {
      user_id: { '@path': 5 },
      traits: {
        email: { '@path': null },
        plan: { '@nope': 1 },
        name: { '@template': 'x', other: 1 },
        code: { '@replace': { pattern: 'longer than ten', value: { '@path': 3 } } },
      },
      group_id: { '@merge': { direction: 'up', objects: [1] } },
    };
    expect(checkMapping(directives).map((fault) => `${fault.where}: ${fault.message}`)).toEqual([
      'user_id.@path: should be a string or a mapping directive but it is a number',
      'traits.email.@path: should be a string or a mapping directive but it is a null',
      'traits.plan: has an invalid directive: @nope',
      'traits.name: should only have one @-prefixed key but it has 2 keys',
      'traits.code.@replace.value.@path: should be a string or a mapping directive but it is a number',
      'traits.code.@replace.pattern: should be a string of length 10 or less',
      'group_id.@merge.direction: should be one of left, right but it is "up"',
      'group_id.@merge.objects.0: should be an object or a mapping directive but it is a number',
    ]);
    const error = thrown(() => compileMapping(directives));
    expect(error.code).toBe('mapping_invalid');
    expect(error.faults).toHaveLength(8);
    expect(error.message).toContain('traits.email.@path');
  });

  it('a fault of form does not hide a part that fails for every row, nor is it told twice', () => {
    const hopeless = { '@liquid': '{% if %}' };
    const directives: Directives = {
      user_id: { '@path': 5 },
      traits: {
        plan: { '@nope': 1 },
        d: hopeless,
        text: { '@replace': { pattern: '', value: hopeless } },
        both: { '@liquid': '{% if %}', '@path': '$.a' },
      },
      group_id: { '@if': { exists: { '@path': 5 }, [then]: hopeless } },
      consent: { '@transform': { apply: { x: hopeless }, mapping: { y: { '@path': '$.x' } } } },
    };
    expect(checkMapping(directives).map(({ where }) => where)).toEqual([
      'user_id.@path',
      'traits.plan',
      'traits.text.@replace.pattern',
      'traits.both',
      'group_id.@if.exists.@path',
      'traits.d.@liquid',
      'traits.text.@replace.value.@liquid',
      'group_id.@if.then.@liquid',
      'consent.@transform.apply.x.@liquid',
    ]);
  });

  it('the root directive must be one directive with options', () => {
    for (const root of [null, 5, 'x', {}, { '@transform': 'x' }, { '@transform': {}, '@merge': {} }] as Json[]) {
      const directives = { a: 1, __segment_internal_directive: root };
      expect(checkMapping(directives)).toHaveLength(1);
      expect(() => referenceTransform(directives, {})).toThrow();
    }
  });
});

describe('inputs that cannot be mapped', () => {
  const secret = 'secret-of-the-row';
  it.each<[string, Json, string]>([
    ['a directive in a list', [{ '@path': 7 }], 'field.0.@path: @path: expected string, got number'],
    [
      'a disabled filter',
      { '@liquid': '{{ properties.a | sort }}' },
      'field.@liquid: @liquid: filter "sort" is disabled',
    ],
    ['a disabled tag', { '@liquid': '{% for i in properties.a %}{% endfor %}' }, 'tag "for" is disabled'],
    ['a missing option', { '@if': { [then]: 1 } }, 'field.@if: @if requires an "exists" key or a "blank" key'],
    ['an object that is no text', { '@template': '{{properties.odd}}' }, 'cannot be used where the mapping puts it'],
    ['a Liquid template with a fault', { '@liquid': '{{ properties.a' }, 'not closed'],
    [
      'a Liquid template that fails on a value',
      { '@liquid': '{{ properties.odd }}' },
      'cannot be rendered for this input',
    ],
  ])('%s', (_name, spec, expected) => {
    const input = { properties: { a: secret, odd: { toString: secret, valueOf: secret } } };
    const run = () => mapped({ field: spec }, input);
    const error = thrown(run);
    expect(error.code).toBe('mapping_failed');
    expect(error.message).toContain(expected);
    expect(JSON.stringify([error.message, error.help, error.cause ?? null])).not.toContain(secret);
  });
});

describe('fields whose nulls are not sent', () => {
  const directives: Directives = {
    user_id: { '@path': '$.properties.id' },
    group_id: { '@path': '$.properties.none' },
    traits: { a: { '@path': '$.properties.none' }, b: { c: null, d: [null] }, e: 1 },
  };
  const input = { properties: { id: 'u', none: null } };
  it('are left out, of objects their members', () => {
    const map = compileMapping(directives, { skipNulls: ['traits', 'group_id', 'not_mapped'] });
    expect(map(input)).toStrictEqual({ user_id: 'u', traits: { b: { d: [null] }, e: 1 } });
  });
  it('other fields keep theirs', () => {
    expect(mapped(directives, input)).toStrictEqual({
      user_id: 'u',
      group_id: null,
      traits: { a: null, b: { c: null, d: [null] }, e: 1 },
    });
  });
  it('is what @excludeWhenNull does', () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        const wrapped = { field: { '@excludeWhenNull': { '@path': '$.v' } } };
        const skipped = compileMapping({ field: { '@path': '$.v' } }, { skipNulls: ['field'] });
        expect(JSON.stringify(skipped({ v: value }))).toBe(JSON.stringify(referenceTransform(wrapped, { v: value })));
      }),
      { numRuns: 200 },
    );
  });
});

describe('columns', () => {
  const used = (spec: Json) => {
    const columns = usedColumns({ field: spec }, always);
    return columns && [...columns].sort();
  };
  it.each<[Json, string[] | null]>([
    ['text', []],
    [{ '@path': '$.properties.a.b' }, ['a']],
    [{ '@path': '$.properties["first name"]' }, ['first name']],
    [{ '@path': '$.timestamp' }, []],
    [{ '@path': '$.__segment_id' }, []],
    [{ '@path': '$.properties' }, null],
    [{ '@path': '$.' }, null],
    [{ '@path': { '@path': '$.properties.a' } }, null],
    [{ '@template': '{{properties.a}} {{ properties["b c"] }}' }, ['a', 'b c']],
    [{ '@template': '{{{properties.a}}}' }, null],
    [{ '@liquid': '{{ properties.a | append: properties["b"] }}{% if properties.c.d %}x{% endif %}' }, ['a', 'b', 'c']],
    [{ '@liquid': '{% assign p = properties %}{{ p.a }}' }, null],
    [{ '@liquid': '{{ properties[event] }}' }, null],
    [{ '@arrayPath': ['$.properties.items', { id: { '@path': '$.sku' } }] }, ['items']],
    [
      { '@transform': { apply: { x: { '@path': '$.properties.a' } }, mapping: { y: { '@path': '$.properties' } } } },
      ['a'],
    ],
    [{ '@if': { exists: { '@path': '$.properties.a' }, [then]: { '@path': '$.properties.b' }, else: 1 } }, ['a', 'b']],
    [[{ x: { '@literal': { '@path': '$.properties.a' } } }], ['a']],
  ])('%j', (spec, expected) => {
    expect(used(spec)).toEqual(expected);
  });

  it('of the trigger are included', () => {
    const trigger = compileTrigger('event = "new" and properties.plan = "pro"');
    expect(usedColumns({ field: { '@path': '$.properties.a' } }, trigger)).toEqual(new Set(['a', 'plan']));
  });

  it('a column that is not among them changes nothing', () => {
    const column = fc.constantFrom('a', 'b', 'c', 'd e', '0', 'length');
    const outcome = (directives: Directives, input: JsonObject) => {
      try {
        return JSON.stringify(compileMapping(directives)(input));
      } catch {
        return 'failed';
      }
    };
    fc.assert(
      fc.property(mapping, event, column, jsonValue, (given, input, name, value) => {
        const directives = given as Directives;
        if (checkMapping(directives).length > 0) return;
        const columns = usedColumns(directives, always);
        fc.pre(columns !== null && !columns.has(name));
        const base = typeof input.properties === 'object' && !Array.isArray(input.properties) ? input.properties : {};
        const first = { ...input, properties: { ...base } };
        const second = { ...input, properties: { ...base, [name]: value } };
        expect(outcome(directives, second)).toBe(outcome(directives, first));
      }),
      { numRuns: 500 },
    );
  });
});

describe('parts that fail for every row are found when a mapping is checked', () => {
  it.each([
    [{ traits: { a: { '@liquid': '{{ properties.a | ' } } }, 'traits.a.@liquid'],
    [{ list: [{ x: { '@if': { else: 1 } } }] }, 'list.0.x.@if'],
    [{ a: { '@literal': { b: { '@case': { value: 'x' } } } } }, 'a.@literal.b.@case'],
  ])('%j', (directives, where) => {
    expect(checkMapping(directives as Directives).map((fault) => fault.where)).toEqual([where]);
    expect(() => compileMapping(directives as Directives)({ properties: {} })).toThrow();
  });
});

describe('directives in directives', () => {
  const nested = (levels: number, wrap: (inner: Json) => Json): Json => {
    let value: Json = 'x';
    for (let level = 0; level < levels; level++) value = wrap(value);
    return value;
  };

  // Looking at each twice would take 2^100 steps: this would never end.
  it.each<[string, (inner: Json) => Json]>([
    ['@if', (then) => ({ '@if': { exists: { '@path': '$.a' }, then } })],
    ['@flatten', (value) => ({ '@flatten': { value, separator: '.' } })],
    ['@transform', (x) => ({ '@transform': { apply: { '@path': '$' }, mapping: { x } } })],
    ['a faulty @case', (value) => ({ '@case': { operator: 'none', value } })],
    ['a faulty @json', (value) => ({ '@json': { mode: 'none', value } })],
  ])('are looked at once each: %s', (_, wrap) => {
    expect(Array.isArray(checkMapping({ traits: nested(100, wrap) }))).toBe(true);
  });

  it('beyond a depth that nothing here is sure to work at they are a fault, and the other fields are checked too', () => {
    const deep = nested(600, (a) => ({ a }));
    expect(checkMapping({ traits: deep, user_id: { '@nothing': 1 } }).map(({ where }) => where)).toEqual([
      'traits',
      'user_id',
    ]);
  });
});
