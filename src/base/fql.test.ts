import subscriptions from '@segment/destination-subscriptions';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFql } from './fql.ts';
import type { Json, JsonObject } from './json.ts';

const message: JsonObject = {
  type: 'track',
  event: 'Order Completed',
  userId: 'u1',
  messageId: 'm1',
  properties: { total: 12.5, plan: 'pro', test: true, 'loyalty tier': 'gold', items: [{ sku: 's1' }], gone: null },
  context: { ip: '10.0.0.7', page: { url: 'https://shop.example/cart' }, traits: { email: 'a@b.c' } },
};

describe('a condition', () => {
  it.each([
    ['type = "track"', true],
    ['type != "track"', false],
    ['event = "Order Completed" and userId = "u1"', true],
    ['event = "Order Completed" and userId = "u2"', false],
    ['name = null', true],
    ['name != null', false],
    ['properties.total > 12', true],
    ['properties.total <= 12', false],
    ['properties.total = 12.5 or type = "page"', true],
    ['properties.total = -12', false],
    ['properties.test = true', true],
    ['properties.gone = null and properties.never = null', true],
    ['properties.loyalty\\ tier = "gold"', true],
    ['traits.plan = "pro"', false],
    ['context.traits.email = "a@b.c"', true],
    ['(type = "track" or type = "page") and match(context.ip, "10.*")', true],
    ['!contains(context.page.url, "shop.example")', false],
    ['match(event,"*Completed")\nand (properties.plan = "pro")', true],
    ['properties.constructor = "x"', false],
    // What every object, text and list inherits is not in the message.
    ['properties.hasOwnProperty = null', true],
    ['properties.toString != null', false],
    ['traits.valueOf = null and context.page.isPrototypeOf = null', true],
    ['properties.plan.trim = null and properties.items.map = null', true],
    ['context.__proto__ != null', false],
    ['properties.items.length = 1', true],
  ])('%s', (fql, expected) => {
    expect(parseFql(fql).matches(message)).toBe(expected);
  });

  it('takes whole numbers above 2^53 for their neighbours', () => {
    const given = { type: 'track', properties: { id: 9007199254740992 } };
    expect(parseFql('properties.id = 9007199254740993').matches(given)).toBe(true);
    expect(parseFql('properties.id = 9007199254740991').matches(given)).toBe(false);
  });

  it('sees members of its own, whatever they are called', () => {
    const given = JSON.parse(
      '{"type":"track","properties":{"__proto__":"a","constructor":{"name":"b"}}}',
    ) as JsonObject;
    expect(parseFql('properties.__proto__ = "a"').matches(given)).toBe(true);
    expect(parseFql('properties.constructor.name = "b"').matches(given)).toBe(true);
  });

  it.each([
    ['', 'ends where type, event, name, userId, properties.…, traits.… and context.… should follow'],
    ['messageId = "m1"', 'looks at `messageId`, which conditions cannot see; they see type, event'],
    ['messageId = "m1" and type = "track"', 'looks at `messageId`'],
    ['type = "track" and contains(anonymousId, "x")', 'looks at `anonymousId`'],
    ['propertiesx.a = 1', 'looks at `propertiesx.a`'],
    ['properties != null', 'compares `properties` as a whole; name a value in it, e.g. `properties.plan`'],
    ['userId.x = "1"', 'looks into `userId`'],
    ['event != null', 'event can only be compared with a text'],
    ['userId = true', 'userId can only be compared with a text'],
    ['properties.test != true', 'holds for true and false alike; use = instead'],
    ['event > 5', 'is a text and has no order'],
    ['properties.total > "5"', 'only numbers have an order'],
    ['properties.plan = pro', 'has `pro` where a text in double quotes'],
    ["properties.plan = 'pro'", "has `'` where a text in double quotes"],
    ['properties.plan = properties.other', 'has `properties.other` where a text'],
    ['event == "new"', 'has `=` where a text'],
    ['event = "new', 'has `"` where a text'],
    ['event', 'ends where a comparison after `event` should follow'],
    ['properties.total>5', 'has no space on both sides of `>`'],
    ['properties.total >=5', 'has no space on both sides of `>=`'],
    ['event !="x"', 'has no space on both sides of `!=`'],
    ['event ~ "x"', 'has `~` where a comparison'],
    ['type = "track" type = "page"', 'has `type` where `and`, `or` should be'],
    ['type = "track" and', 'ends where type'],
    ['type = "track" AND event = "x"', 'has `AND` where'],
    ['type = "track" or(event = "x" and event = "y")', 'has `or` where'],
    ['type = "a" and event = "b" or event = "c"', 'has `and` and `or` side by side'],
    ['((type = "track"))', 'parentheses within parentheses'],
    ['(contains(event, "x") or type = "page") and userId = "u1"', 'has `contains` within parentheses'],
    ['()', 'has `)` where'],
    ['(type = "track"', 'ends where `)` should follow'],
    ['type = "track")', 'has `)` where'],
    ['!type = "track"', 'has `!` before something else'],
    ['!(type = "track")', 'has `(` where contains or match should be'],
    ['contains(type, "tr")', 'compare it with = or !='],
    ['match(event, "Order")', 'does not have one `*`'],
    ['match(event, "*rder*")', 'does not have one `*`'],
    ['match(event, "O*r")', 'does not have one `*`'],
    ['contains(event, 5)', 'has `5` where a text'],
    ['properties.or = 1', 'compares `properties` as a whole'],
    ['properties.items[0].sku = "s1"', 'has `[` where a comparison'],
    ['properties.items.0.sku = null', 'has `.` where a comparison'],
    ['properties.\\. = 1', 'a part without letters'],
    ['properties.a\\.b = 1', 'has an escaped dot or bracket in `properties.a\\.b`'],
    ['contains(context.a\\[0\\], "x")', 'has an escaped dot or bracket'],
    ['event = "x"\r', 'cannot be understood'],
    ['event = "a \\" b"', 'has `b` where `and`, `or` should be'],
    ['properties.total = 1e3', 'has `e3` where `and`, `or` should be'],
  ])('%j is refused', (fql, words) => {
    expect(() => parseFql(fql)).toThrow(
      expect.objectContaining({ code: 'fql_invalid', message: expect.stringContaining(words) }),
    );
  });
});

/* ---- what a condition says, evaluated from what it was written from ---- */

type Part = { readonly fql: string; readonly holds: (message: JsonObject) => boolean; readonly call?: true };

const at = (message: JsonObject, path: string): Json | undefined =>
  path.split('.').reduce<unknown>((value, step) => (value as JsonObject | undefined)?.[step], message) as Json;

const texts = fc.constantFrom('x', 'xy', 'yx', '', 'and', '(', 'a = ');
const plain = fc.constantFrom('type', 'event', 'name', 'userId');
const deep = fc.constantFrom('properties.a', 'properties.b.c', 'traits.a', 'context.page.a', 'context.order');
const not = (negated: boolean, value: boolean) => (negated ? !value : value);

const equal: fc.Arbitrary<Part> = fc
  .tuple(fc.oneof(plain, deep), fc.boolean(), texts)
  .map(([place, negated, text]) => ({
    fql: `${place} ${negated ? '!=' : '='} "${text}"`,
    holds: (given) => not(negated, at(given, place) === text),
  }));
const numbers: fc.Arbitrary<Part> = fc
  .tuple(deep, fc.constantFrom('=', '!=', '<', '<=', '>', '>='), fc.constantFrom(-1, 0, 1, 2.5))
  .map(([place, sign, number]) => ({
    fql: `${place}${/[<>]/.test(sign) ? ' ' : ''}${sign}${sign.length > 1 ? ' ' : ''}${number}`,
    holds: (given) => {
      const value = at(given, place);
      if (typeof value !== 'number') return false;
      if (sign === '=' || sign === '!=') return not(sign === '!=', value === number);
      return sign.startsWith('<')
        ? value < number || (sign === '<=' && value === number)
        : !(value < number) && (sign === '>=' || value !== number);
    },
  }));
const constants: fc.Arbitrary<Part> = fc.oneof(
  fc.tuple(deep, fc.boolean()).map(([place, truth]) => ({
    fql: `${place} = ${truth}`,
    holds: (given: JsonObject) => at(given, place) === truth,
  })),
  fc.tuple(fc.oneof(deep, fc.constantFrom('name', 'userId')), fc.boolean()).map(([place, negated]) => ({
    fql: `${place} ${negated ? '!=' : '='} null`,
    holds: (given: JsonObject) => not(negated, (at(given, place) ?? null) === null),
  })),
);
const calls: fc.Arbitrary<Part> = fc
  .tuple(
    fc.boolean(),
    fc.constantFrom('contains', 'start', 'end'),
    fc.oneof(deep, fc.constantFrom('event', 'name')),
    texts,
  )
  .map(([negated, how, place, text]) => ({
    call: true as const,
    fql: `${negated ? '!' : ''}${how === 'contains' ? 'contains' : 'match'}(${place}, "${how === 'end' ? '*' : ''}${text}${how === 'start' ? '*' : ''}")`,
    holds: (given) => {
      const value = at(given, place);
      if (typeof value !== 'string') return false;
      return not(
        negated,
        how === 'contains' ? value.includes(text) : how === 'start' ? value.startsWith(text) : value.endsWith(text),
      );
    },
  }));
const level = (part: fc.Arbitrary<Part>): fc.Arbitrary<Part> =>
  fc.tuple(fc.array(part, { minLength: 1, maxLength: 3 }), fc.constantFrom('and', 'or')).map(([parts, word]) => ({
    fql: parts.map(({ fql }) => fql).join(` ${word} `),
    holds: (given) => (word === 'and' ? parts.every((one) => one.holds(given)) : parts.some((one) => one.holds(given))),
  }));
const inner = fc.oneof(equal, numbers, constants);
const bracketed = level(inner).map(({ fql, holds }) => ({ fql: `(${fql})`, holds }));
const condition = level(fc.oneof(equal, numbers, constants, calls, bracketed));

const value = fc.constantFrom<Json>('x', 'xy', 'yx', '', -1, 0, 1, 2.5, 3, true, false, null);
const messages: fc.Arbitrary<JsonObject> = fc.record(
  {
    type: fc.constantFrom('x', 'track'),
    event: value,
    name: value,
    userId: value,
    properties: fc.record({ a: value, b: fc.record({ c: value }) }, { requiredKeys: [] }),
    traits: fc.record({ a: value }),
    context: fc.record({ page: fc.record({ a: value }), order: value }, { requiredKeys: [] }),
  },
  { requiredKeys: ['type'] },
);

describe('against what was meant', () => {
  it('a condition of the language is taken, and holds when it should', () => {
    let held = 0;
    fc.assert(
      fc.property(condition, messages, ({ fql, holds }, given) => {
        const expected = holds(given);
        if (expected) held++;
        expect(parseFql(fql).matches(given)).toBe(expected);
      }),
      { numRuns: 1000 },
    );
    expect(held).toBeGreaterThan(100);
  });

  it('of scrambled ones, those are taken that the library reads completely', () => {
    const pieces = fc.constantFrom(
      ...['type', 'event', 'properties.a', 'traits', 'messageId', 'and', 'or', 'null', 'true', '"x"', '5', '=', '!='],
      ...['<', '!', '(', ')', ',', 'contains', 'match', '"*x"', "'x'", '.', '\\'],
    );
    let taken = 0;
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(pieces, { maxLength: 9 }).map((list) => list.join(' ')),
          fc
            .tuple(
              condition,
              fc.nat(),
              fc.oneof(
                pieces,
                inner.map(({ fql }) => fql),
              ),
            )
            .map(([{ fql }, place, piece]) => {
              const words = fql.split(' ');
              words.splice(place % (words.length + 1), 1, piece);
              return words.join(' ');
            }),
        ),
        (fql) => {
          try {
            parseFql(fql);
          } catch (error) {
            expect(error).toMatchObject({ code: 'fql_invalid' });
            return;
          }
          taken++;
          // Written back by the library, nothing is missing; parentheses around one condition and spaces do not count.
          const bare = (text: string) => text.replace(/"[^"]*"|[\s()]/g, (part) => (part.startsWith('"') ? part : ''));
          const back = subscriptions.generateFql(subscriptions.parseFql(fql));
          expect(bare(back)).toBe(bare(fql));
        },
      ),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(10);
  });
});
