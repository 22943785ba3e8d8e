/** Generated mappings and events for the differential tests. Few names, so that paths often meet something. */
import fc from 'fast-check';
import type { Json, JsonObject } from '../base/json.ts';

const name = fc.constantFrom('a', 'b', 'c', 'd e', '0', 'length');
const text = fc.constantFrom(
  '',
  ' ',
  'x',
  'Ann',
  'A-b-C',
  'a.b',
  '1',
  '{"a":[1,null]}',
  '{{properties.b}}',
  'é😀',
  '$&',
);
const scalar: fc.Arbitrary<Json> = fc.oneof(text, fc.constantFrom(0, 1, -2.5, 1e21), fc.boolean(), fc.constant(null));

const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { arbitrary: scalar, weight: 4 },
    { arbitrary: fc.array(tie('value'), { maxLength: 3 }), weight: 1 },
    { arbitrary: fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }), weight: 3 },
  ),
}));

export const jsonValue: fc.Arbitrary<Json> = value;

/** Events as a mapping sees them, and odder ones. */
export const event: fc.Arbitrary<JsonObject> = fc.oneof(
  {
    arbitrary: fc.record(
      {
        type: fc.constant('track'),
        properties: fc.dictionary(name, value, { maxKeys: 5, noNullPrototype: true }),
      },
      { noNullPrototype: true },
    ),
    weight: 5,
  },
  {
    arbitrary: fc.dictionary(fc.constantFrom('properties', 'a', 'b', 'type'), value, {
      maxKeys: 3,
      noNullPrototype: true,
    }),
    weight: 1,
  },
);

const steps = fc.array(
  fc.constantFrom('.a', '.b', '.c', '["d e"]', "['a']", '[0]', '.0', '.length', '.', '[', ']', '["a.b"]'),
  {
    maxLength: 3,
  },
);
const start = fc.constantFrom(
  '$.properties',
  '$.properties',
  '$.properties',
  'properties',
  '$',
  '$.',
  '',
  '$.a',
  'a$.b',
  '.',
);
const path = fc.tuple(start, steps).map(([first, rest]) => first + rest.join(''));

const piece = fc.oneof(
  text,
  path.map((at) => `{{${at.replace('$.', '')}}}`),
  path.map((at) => `{{ ${at.replace('$.', '')} }}`),
  path.map((at) => `{{{${at.replace('$.', '')}}}}`),
  fc.constantFrom('{', '}', '{{', '}}', '{{}}', '{{ }}', '{{$.properties.a}}'),
);
const template = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''));

const liquid = fc.constantFrom(
  '',
  'plain',
  '{{ properties.a }}',
  '{{ properties.a | upcase }}-{{properties["d e"]}}',
  '{{ properties.b | default: "none" | append: properties.a.b }}',
  '{% if properties.a == blank %}empty{% else %}{{ properties.a }}{% endif %}',
  '{% assign x = properties.c %}{{ x | json }}',
  '{% for i in properties.a %}{{ i }}{% endfor %}',
  '{{ properties.a | sort }}',
  '{{ properties.a | plus: 1 }}',
  '{{ unclosed',
  '{{ "now" | size }}',
);

/** An object of options in which some of the optional ones are missing. */
function options(shape: Record<string, fc.Arbitrary<unknown>>, requiredKeys: string[]): fc.Arbitrary<JsonObject> {
  return fc.record(shape, { requiredKeys, noNullPrototype: true }) as fc.Arbitrary<JsonObject>;
}

function directivesOver(spec: fc.Arbitrary<Json>, directiveOnly: fc.Arbitrary<Json>) {
  const raw = fc.oneof(directiveOnly, scalar, spec);
  const textOr = fc.oneof({ arbitrary: text, weight: 1 }, { arbitrary: directiveOnly, weight: 5 });
  const objectOr = fc.oneof(directiveOnly, fc.dictionary(name, raw, { maxKeys: 3, noNullPrototype: true }));
  const short = fc.constantFrom('-', 'a', 'A', '.', ' ', '$', 'b-C', '[x]', '0123456789');
  return {
    '@path': fc.oneof({ arbitrary: path, weight: 8 }, { arbitrary: directiveOnly, weight: 1 }),
    '@template': fc.oneof({ arbitrary: template, weight: 8 }, { arbitrary: directiveOnly, weight: 1 }),
    '@literal': raw,
    '@excludeWhenNull': raw,
    '@liquid': liquid,
    '@if': options(Object.fromEntries(['exists', 'blank', 'then', 'else'].map((key) => [key, raw])), ['exists']),
    '@case': options({ operator: fc.constantFrom('lower', 'upper', 'other', ''), value: textOr }, [
      'operator',
      'value',
    ]),
    '@replace': options(
      {
        pattern: short,
        replacement: fc.constantFrom('', '_', '$&', 'abcdefghij'),
        pattern2: fc.constantFrom('', 'b', 'n', 'longer than ten'),
        replacement2: fc.constantFrom('', '+'),
        ignorecase: fc.boolean(),
        global: fc.boolean(),
        value: textOr,
      },
      ['pattern', 'value'],
    ),
    '@arrayPath': fc.tuple(
      fc.oneof({ arbitrary: path, weight: 3 }, { arbitrary: directiveOnly, weight: 1 }),
      fc.oneof(fc.dictionary(name, raw, { maxKeys: 3, noNullPrototype: true }), directiveOnly, scalar),
    ),
    '@flatten': options({ value: raw, separator: fc.constantFrom('.', '_', ''), omitArrays: fc.boolean() }, ['value']),
    '@json': options({ value: raw, mode: fc.constantFrom('encode', 'decode', 'ENCODE') }, ['value', 'mode']),
    '@merge': options(
      { direction: fc.constantFrom('left', 'right', 'LEFT'), objects: fc.array(objectOr, { maxLength: 3 }) },
      ['objects'],
    ),
    '@transform': options({ apply: objectOr, mapping: objectOr }, ['apply', 'mapping']),
  } satisfies Record<string, fc.Arbitrary<unknown>>;
}

export const directiveNames = [
  ...['@path', '@template', '@literal', '@excludeWhenNull', '@liquid', '@if', '@case', '@replace', '@arrayPath'],
  ...['@flatten', '@json', '@merge', '@transform'],
] as const;

export type DirectiveName = (typeof directiveNames)[number];

const tied = fc.letrec<Record<DirectiveName | 'spec' | 'directive', Json>>((tie) => {
  const values = directivesOver(tie('spec'), tie('directive'));
  const depthIdentifier = fc.createDepthIdentifier();
  const named = Object.fromEntries(
    directiveNames.map((directive) => [
      directive,
      fc
        .tuple(values[directive] as fc.Arbitrary<Json>, fc.boolean())
        .map(([inner, marked]) => ({ [directive]: inner, ...(marked && { _metadata: {} }) }) as Json),
    ]),
  ) as Record<DirectiveName, fc.Arbitrary<Json>>;
  return {
    ...named,
    directive: fc.oneof(
      { maxDepth: 3, depthIdentifier, withCrossShrink: true },
      path.map((at) => ({ '@path': at }) as Json),
      ...directiveNames.map((directive) => tie(directive)),
    ),
    spec: fc.oneof(
      { maxDepth: 3, depthIdentifier, withCrossShrink: true },
      scalar,
      tie('directive'),
      tie('directive'),
      fc.array(tie('spec'), { maxLength: 3 }),
      fc.dictionary(name, tie('spec'), { maxKeys: 4, noNullPrototype: true }),
    ),
  };
});

/** An object with one directive of this kind, whose parts are anything that may be there. */
export const directive: Readonly<Record<DirectiveName, fc.Arbitrary<Json>>> = tied;

/** A whole mapping, mostly valid. */
export const mapping: fc.Arbitrary<JsonObject> = fc.oneof(
  {
    arbitrary: fc.dictionary(fc.constantFrom('user_id', 'traits', 'f', 'g', '1'), tied.spec, {
      maxKeys: 4,
      noNullPrototype: true,
    }),
    weight: 8,
  },
  {
    arbitrary: fc.tuple(tied['@transform'], tied.spec).map(([root, f]) => ({ f, __segment_internal_directive: root })),
    weight: 1,
  },
  { arbitrary: tied.directive.map((root) => root as JsonObject), weight: 1 },
);

/** A mapping in which directives and options are often in the wrong place. */
const wildKey = fc.constantFrom(
  ...['a', 'b', 'value', 'exists', 'blank', 'then', 'objects', 'apply', 'mapping', 'pattern', 'mode', 'separator'],
  ...['direction', 'operator', '_metadata', '@unknown', '__segment_internal_directive', ...directiveNames],
);
const wildText = fc.constantFrom('x', 'left', 'encode', 'lower', '$.a', '', '0123456789ab');
export const wildMapping: fc.Arbitrary<JsonObject> = fc.letrec<{ any: Json; object: JsonObject }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    wildText,
    fc.constantFrom<Json>(null, 1, true),
    tie('object'),
    tie('object'),
    fc.array(tie('any'), { maxLength: 2 }),
  ),
  object: fc.oneof(
    { arbitrary: fc.dictionary(wildKey, tie('any'), { maxKeys: 1, noNullPrototype: true }), weight: 3 },
    { arbitrary: fc.dictionary(wildKey, tie('any'), { maxKeys: 4, noNullPrototype: true }), weight: 1 },
  ),
})).object;
