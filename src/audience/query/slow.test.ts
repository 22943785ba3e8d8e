/** A slow and obvious reading of a part of the language, held against what is compiled, over random queries and profiles. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Did, type Given, hourMs, isIn, now } from './query.test-support.ts';

type Plain = string | number | boolean | null;
type Operator = '=' | '!=' | '>' | '<=';
type Look = { readonly of: 'count' } | { readonly of: 'sum' | 'last'; readonly property: 'p' | 'q' };

/** A condition as the test writes it down; `textOf` makes a query of it, `holds` reads it. */
type Tree =
  | { readonly kind: 'AND' | 'OR'; readonly parts: readonly Tree[] }
  | { readonly kind: 'NOT'; readonly of: Tree }
  | { readonly kind: 'trait' | 'property'; readonly name: 'p' | 'q'; readonly operator: Operator; readonly than: Plain }
  | {
      readonly kind: 'event';
      readonly name: 'E' | 'F';
      readonly where: Tree | null;
      readonly hours: number | null;
      readonly look: Look;
      readonly operator: Operator;
      readonly than: Plain;
    };

function quoted(value: Plain): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}

function textOf(tree: Tree): string {
  switch (tree.kind) {
    case 'AND':
    case 'OR':
      return `(${tree.parts.map(textOf).join(` ${tree.kind} `)})`;
    case 'NOT':
      return `NOT ${textOf(tree.of)}`;
    case 'trait':
    case 'property':
      return `${tree.kind}('${tree.name}') ${tree.operator} ${quoted(tree.than)}`;
    case 'event': {
      const where = tree.where === null ? '' : `.where(${textOf(tree.where)})`;
      const within = tree.hours === null ? '' : `.within(${tree.hours} hours)`;
      const reduced = tree.look.of === 'count' ? 'count()' : `${tree.look.of}(property('${tree.look.property}'))`;
      return `event('${tree.name}')${where}${within}.${reduced} ${tree.operator} ${quoted(tree.than)}`;
    }
  }
}

function holds(tree: Tree, given: Given, event: Did | null): boolean {
  switch (tree.kind) {
    case 'AND':
      return tree.parts.every((part) => holds(part, given, event));
    case 'OR':
      return tree.parts.some((part) => holds(part, given, event));
    case 'NOT':
      return !holds(tree.of, given, event);
    case 'trait':
      return compares(given.traits?.[tree.name] as Plain | undefined, tree.operator, tree.than);
    case 'property':
      return compares(event?.properties?.[tree.name] as Plain | undefined, tree.operator, tree.than);
    case 'event':
      return compares(reduced(tree, given), tree.operator, tree.than);
  }
}

function reduced(tree: Extract<Tree, { kind: 'event' }>, given: Given): Plain | undefined {
  const { look } = tree;
  // The earliest first; of the same time, as they were given, since their ids go up.
  const found = (given.events ?? [])
    .filter(({ name }) => name === tree.name)
    .sort((a, b) => (b.ago ?? 0) - (a.ago ?? 0))
    .filter(({ ago = 0 }) => tree.hours === null || (ago >= 0 && ago <= tree.hours * hourMs))
    .filter((one) => tree.where === null || holds(tree.where, given, one));
  if (look.of === 'count') return found.length;
  const values = found.map(({ properties }) => properties?.[look.property] as Plain | undefined);
  const there = values.filter((value) => value !== undefined && value !== null) as Exclude<Plain, null>[];
  if (look.of === 'last') return there.at(-1);
  const numbers = there.map(number).filter((value) => !Number.isNaN(value));
  return numbers.length === 0 ? undefined : numbers.reduce((a, b) => a + b);
}

function compares(value: Plain | undefined, operator: Operator, than: Plain): boolean {
  if (value === undefined || value === null || than === null) return false;
  const [a, b] = [number(value), number(than)];
  const areNumbers = !Number.isNaN(a) && !Number.isNaN(b);
  const isSame = areNumbers ? a === b : String(value) === String(than);
  if (operator === '=') return isSame;
  if (operator === '!=') return !isSame;
  return areNumbers && (operator === '>' ? a > b : a <= b);
}

/** Booleans are texts, and the texts of this test that begin with a digit are numbers. */
function number(value: Exclude<Plain, null>): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^-?\d/.test(value) ? Number(value) : Number.NaN;
}

const values = ['a', 'A', 'b', '', 'true', '0', '1', '2.0', 0, 1, 2, 2.5, -1, true, false] as const;
const name = fc.constantFrom('p' as const, 'q' as const);
const operator = fc.constantFrom<Operator>('=', '!=', '>', '<=');
const than = fc.constantFrom<Plain>(...values);

/** Conditions made of these, joined; small enough for the limit of conditions. */
function joined(leaf: fc.Arbitrary<Tree>): fc.Arbitrary<Tree> {
  const negated = leaf.map((of): Tree => ({ kind: 'NOT', of }));
  const one = fc.oneof(leaf, negated);
  const join = (part: fc.Arbitrary<Tree>) =>
    fc
      .tuple(fc.constantFrom('AND' as const, 'OR' as const), fc.array(part, { minLength: 2, maxLength: 3 }))
      .map(([kind, parts]): Tree => ({ kind, parts }));
  const both = fc.oneof(one, join(one));
  return fc.oneof(
    both,
    both.map((of): Tree => ({ kind: 'NOT', of })),
    join(both),
  );
}

function compared(kind: 'trait' | 'property'): fc.Arbitrary<Tree> {
  return fc.record({ kind: fc.constant(kind), name, operator, than });
}

const property = compared('property');
const event: fc.Arbitrary<Tree> = fc.record({
  kind: fc.constant('event' as const),
  name: fc.constantFrom('E' as const, 'F' as const),
  where: fc.option<Tree>(
    fc.oneof<fc.Arbitrary<Tree>[]>(
      property,
      fc.array(property, { minLength: 2, maxLength: 2 }).map((parts): Tree => ({ kind: 'OR', parts })),
    ),
  ),
  hours: fc.option<number>(fc.integer({ min: 1, max: 6 })),
  look: fc.oneof<fc.Arbitrary<Look>[]>(
    fc.constant<Look>({ of: 'count' }),
    fc.record({ of: fc.constantFrom('sum' as const, 'last' as const), property: name }),
  ),
  operator,
  than,
});

const some = fc.record(
  { p: fc.constantFrom(...values, null), q: fc.constantFrom(...values, null) },
  { requiredKeys: [] },
);
const did = fc.record({
  name: fc.constantFrom('E', 'F'),
  // On the edges of windows too, and later than now.
  ago: fc.tuple(fc.integer({ min: -1, max: 7 }), fc.constantFrom(-1, 0, 1)).map(([hours, ms]) => hours * hourMs + ms),
  properties: some,
});
const profile = fc.record({ traits: some, events: fc.array(did, { maxLength: 6 }) });

test('a query means what a slow reading of it says', () => {
  const seen = { true: 0, false: 0 };
  fc.assert(
    fc.property(joined(fc.oneof(compared('trait'), event)), profile, (tree, given) => {
      const expected = holds(tree, given, null);
      seen[`${expected}`] += 1;
      expect(isIn(textOf(tree), given, 'USERS', now)).toBe(expected);
    }),
    { numRuns: 3_000 },
  );
  // Neither answer is rare, so that the comparison says something.
  expect(Math.min(seen.true, seen.false)).toBeGreaterThan(300);
});

const hours = (ago: number) => `${ago} hours`;
const near = fc.record({
  /** Hours before now, by hour; several may be of one moment. */
  outer: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 4 }),
  inner: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 6 }),
  window: fc.option(fc.record({ from: fc.integer({ min: 0, max: 3 }), length: fc.integer({ min: 1, max: 4 }) })),
  gap: fc.option(fc.integer({ min: 1, max: 3 })),
  least: fc.integer({ min: 1, max: 3 }),
});

test('events that are looked for from another are those near to it', () => {
  const seen = { true: 0, false: 0 };
  fc.assert(
    fc.property(near, ({ outer, inner, window, gap, least }) => {
      const [from, to] = window === null ? [] : [window.from, window.from + window.length];
      const filters = [
        ...(from === undefined ? [] : [`.between(parent: ${hours(from)}, ${hours(to as number)})`]),
        ...(gap === null ? [] : [`.expires_after(parent: ${hours(gap)})`]),
      ];
      const query = `event('A').where(event('B')${filters.join('')}.count() >= ${least}).count() >= 1`;
      const counts = outer.map((ago) => {
        const sinces = inner.map((one) => ago - one).sort((a, b) => a - b);
        const inWindow = sinces.filter((since) => from === undefined || (since >= from && since <= (to as number)));
        if (gap === null) return inWindow.length;
        let end = 0;
        let count = 0;
        for (const since of inWindow) {
          if (since < 0 || since - end > gap) continue;
          end = since;
          count += 1;
        }
        return count;
      });
      const expected = counts.some((count) => count >= least);
      seen[`${expected}`] += 1;
      const events = [
        ...outer.map((ago) => ({ name: 'A', ago: ago * hourMs })),
        ...inner.map((ago) => ({ name: 'B', ago: ago * hourMs })),
      ];
      expect(isIn(query, { events }, 'USERS', now)).toBe(expected);
    }),
    { numRuns: 1_000 },
  );
  expect(Math.min(seen.true, seen.false)).toBeGreaterThan(100);
});
