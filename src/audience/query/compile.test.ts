import { describe, expect, test } from 'vitest';
import type { Json } from '../../base/json.ts';
import { audience, dayMs, type Given, hourMs, isIn, now, subjectOf, trait, value } from './query.test-support.ts';

const time = (ago: number) => new Date(now - ago).toISOString();

describe('the examples of the reference: who is in, and who is not', () => {
  const examples: [query: string, isIn: Given, isNot: Given, entity?: 'ACCOUNTS'][] = [
    [
      "trait('plan').one_of('pro', 'team') AND event('Session Started').within(7 days).count() >= 1",
      { traits: { plan: 'team' }, events: [{ name: 'Session Started', ago: 6 * dayMs }] },
      { traits: { plan: 'team' }, events: [{ name: 'Session Started', ago: 8 * dayMs }] },
    ],
    [
      "event('Login').between(30 days, 90 days).count() >= 1 AND NOT event('Login').within(30 days).count() >= 1",
      { events: [{ name: 'Login', ago: 40 * dayMs }] },
      {
        events: [
          { name: 'Login', ago: 40 * dayMs },
          { name: 'Login', ago: dayMs },
        ],
      },
    ],
    [
      "trait('phone').absent() OR trait('phone').starts_with('+1') AND trait('country') != 'US'",
      { traits: { phone: '+1555', country: 'CA' } },
      { traits: { phone: '+1555', country: 'US' } },
    ],
    [
      "event('Cart Opened').where(NOT event('Order Completed').where(property('cart_id') = property(parent: 'cart_id')).within(parent: 1 day).count() >= 1).within(7 days).count() >= 1",
      {
        events: [
          { name: 'Cart Opened', ago: 3 * dayMs, properties: { cart_id: 'a' } },
          { name: 'Order Completed', ago: 3 * dayMs - hourMs, properties: { cart_id: 'b' } },
        ],
      },
      {
        events: [
          { name: 'Cart Opened', ago: 3 * dayMs, properties: { cart_id: 'a' } },
          { name: 'Order Completed', ago: 3 * dayMs - hourMs, properties: { cart_id: 'a' } },
        ],
      },
    ],
    [
      "trait('address.city') = 'Oslo' AND trait('geo\\\\.zone').exists()",
      { traits: { address: { city: 'Oslo' }, 'geo.zone': 1 } },
      { traits: { address: { city: 'Oslo' }, geo: { zone: 1 } } },
    ],
    [
      "trait('renewal_at').within_next(14 days)",
      { traits: { renewal_at: time(-10 * dayMs) } },
      { traits: { renewal_at: time(dayMs) } },
    ],
    [
      "trait('big_spenders') = 'true' AND trait('email').ends_with('@example.org')",
      { traits: { big_spenders: true, email: 'ana@example.org' } },
      { traits: { big_spenders: false, email: 'ana@example.org' } },
    ],
    [
      "ALL event('Course Finished').count() >= 1",
      { users: [{ events: [{ name: 'Course Finished' }] }] },
      { users: [{ events: [{ name: 'Course Finished' }] }, {}] },
      'ACCOUNTS',
    ],
    [
      "NOT ANY event('Complaint Filed').within(90 days).count() >= 1",
      { users: [{}, { events: [{ name: 'Complaint Filed', ago: 91 * dayMs }] }] },
      { users: [{}, { events: [{ name: 'Complaint Filed' }] }] },
      'ACCOUNTS',
    ],
  ];
  test.each(examples)('%s', (...[query, member, other, entity]) => {
    expect([isIn(query, member, entity), isIn(query, other, entity)]).toEqual([true, false]);
  });
});

describe('comparisons', () => {
  test.each([
    ["= 'a'", 'a', true],
    ["= 'a'", 'A', false],
    ['= 5', '5', true],
    ["= '5.0'", 5, true],
    ["= 'true'", true, true],
    ['= true', 'true', true],
    ["= '[1,2]'", [1, 2], true],
    ["!= 'a'", 'b', true],
    ["!= 'a'", undefined, false],
    ["!= 'a'", null, false],
    ['> 5', 6, true],
    ['> 5', '6', true],
    ['> 5', 'x', false],
    ['>= 5', 5, true],
    ['< 5', 5, false],
    ['<= 5', undefined, false],
    ['> -1', 0, true],
    ['> 2026-01-01', '2026-02-01T00:00:00Z', true],
    ['> 2026-01-01', '2026-02-01', false],
    ['.equals(5)', 5, true],
    ['.differs(5)', 6, true],
    ['.at_least(5)', 4, false],
    ['.exists()', 0, true],
    ['.exists()', null, false],
    ['.absent()', undefined, true],
    ['.absent()', '', false],
    [".contains('b', 'x')", 'abc', true],
    [".contains('B')", 'abc', false],
    [".contains('tea')", ['green tea'], true],
    [".contains('a')", undefined, false],
    [".omits('a')", undefined, true],
    [".omits('a')", 'abc', false],
    [".starts_with('a')", 'abc', true],
    [".ends_with('c')", undefined, false],
    ['.one_of(1, 2)', '2', true],
    [".none_of('a')", 'b', true],
    [".none_of('a')", undefined, false],
    [".before_date('2026-01-02')", '2026-01-01T23:59:59Z', true],
    ['.before_date(2026-01-02)', '2026-01-02T00:00:00Z', false],
    ['.after_date(2026-01-02T00:00:00Z)', '2026-01-02T00:00:00.001Z', true],
    ['.after_date(2026-01-02)', '2026-02-02T00:00:00', false],
    ['.within_last(365 days)', '2026-01-01T00:00:00', false],
    ['.within_last(365 days)', '2026-02-28T00:00:00Z', true],
    ['.within_last(365 days)', '2026-02-29T00:00:00Z', false],
    ['.before_date(2026-01-01)', '2024-02-29T00:00:00Z', true],
    ['.before_date(2026-01-01)', '2025-04-31T00:00:00+02:00', false],
    ['> 2026-01-01', '2026-02-31T00:00:00Z', false],
    ['.within_last(2 hours)', time(2 * hourMs), true],
    ['.within_last(2 hours)', time(2 * hourMs + 1), false],
    ['.within_last(2 hours)', time(-1), false],
    ['.within_last(1 day)', '2026-05-19T00:00:00Z', true],
    ['.within_last(1 day)', '2026-05-18T23:59:59Z', false],
    ['.within_next(1 day)', '2026-05-21T23:59:59Z', true],
    ['.within_next(1 day)', '2026-05-22T00:00:00Z', false],
    ['.before_last(1 day)', '2026-05-19T23:00:00Z', true],
    ['.before_last(1 day)', '2026-05-20T00:00:00Z', false],
    ['.after_next(1 day)', '2026-05-21T00:00:00Z', true],
    ['.after_next(1 day)', '2026-05-20T23:00:00Z', false],
  ])("trait('t')%s of %j: %s", (comparison, given, expected) => {
    const traits: Record<string, Json> = given === undefined ? {} : { t: given as Json };
    expect(isIn(`trait('t')${comparison.startsWith('.') ? '' : ' '}${comparison}`, { traits })).toBe(expected);
  });

  test('NOT turns what is missing into true; differs does not', () => {
    expect([isIn("NOT trait('plan') = 'pro'", {}), isIn("trait('plan') != 'pro'", {})]).toEqual([true, false]);
  });

  test('each element of a list with $, by itself', () => {
    const events = [
      {
        name: 'E',
        properties: {
          items: [
            { sku: 'a', n: 1 },
            { sku: 'b', n: 5 },
          ],
        },
      },
    ];
    const count = (where: string) => isIn(`event('E').where(${where}).count() = 1`, { events });
    expect(count("property('items.$.sku') = 'b'")).toBe(true);
    expect(count("property('items.$.sku') = 'a' AND property('items.$.n') = 5")).toBe(true);
    expect(count("property('items.$.sku') = 'c'")).toBe(false);
    expect(count('property(\'items\').contains(\'"sku":"a"\')')).toBe(true);
  });
});

describe('events', () => {
  const orders = [10, 50, 90].map((total, at) => ({ name: 'Order', ago: (3 - at) * dayMs, properties: { total } }));

  test('windows take their edges in', () => {
    const count = (window: string, ago: number) =>
      isIn(`event('E').${window}.count() = 1`, { events: [{ name: 'E', ago }] });
    expect([count('within(1 day)', dayMs), count('within(1 day)', dayMs + 1), count('within(1 day)', -1)]).toEqual([
      true,
      false,
      false,
    ]);
    const between = 'between(1 day, 2 days)';
    expect([dayMs - 1, dayMs, 2 * dayMs, 2 * dayMs + 1].map((ago) => count(between, ago))).toEqual([
      ...[false, true, true, false],
    ]);
  });

  test('conditions, context, sources, and the names of pages and screens', () => {
    const events = [
      { name: 'Page Viewed', more: { type: 'page', name: 'Pricing', context: { page: { url: '/pricing' } } } },
      { name: 'Screen Viewed', more: { type: 'screen', name: 'Home' }, sourceId: 'src_2' },
    ];
    const is = (query: string) => isIn(query, { events });
    expect(is("event('Page Viewed').where(property('page_name') = 'Pricing').count() = 1")).toBe(true);
    expect(is("event('Screen Viewed').where(property('screen_name') = 'Home').count() = 1")).toBe(true);
    expect(is("event('Page Viewed').where(context('page.url').contains('pric')).count() = 1")).toBe(true);
    expect(is("event('Screen Viewed').sources({exclude: 'src_1', 'src_2'}).count() = 0")).toBe(true);
    expect(is("event('Page Viewed').sources(exclude: ['src_2']).count() = 1")).toBe(true);
  });

  test('a funnel looks at every event around: added, ordered, added again is abandoned', () => {
    const query = "event('Added').where(NOT event('Ordered').within(parent: 1 day).count() >= 1).count() >= 1";
    const step = (name: string, ago: number) => ({ name, ago: ago * hourMs });
    expect(isIn(query, { events: [step('Added', 5), step('Ordered', 4)] })).toBe(false);
    expect(isIn(query, { events: [step('Added', 5), step('Ordered', 4), step('Added', 3)] })).toBe(true);
  });

  test('ANY and ALL of an account without people are false', () => {
    expect(isIn("ANY trait('x').absent()", {}, 'ACCOUNTS')).toBe(false);
    expect(isIn("ALL trait('x').absent()", {}, 'ACCOUNTS')).toBe(false);
    expect(
      isIn(
        "trait('seats') > 3 AND ALL trait('x') = 1",
        { traits: { seats: 4 }, users: [{ traits: { x: 1 } }] },
        'ACCOUNTS',
      ),
    ).toBe(true);
  });

  test.each([
    ["event('Order').count()", 3],
    ["event('Order').where(property('total') >= 50).count()", 2],
    ["event('Order').sum(property('total'))", 150],
    ["event('Order').avg(property('total'))", 50],
    ["event('Order').min(property('total'))", 10],
    ["event('Order').max(property('total'))", 90],
    ["event('Order').first(property('total'))", 10],
    ["event('Order').last(property('total'))", 90],
    ["event('Order').unique(property('total'))", [10, 50, 90]],
    ["event('Order').unique(property('total')).count()", 3],
    ["event('Order').max(property('total') as string)", '90'],
    ["event('Order').within(2 days).count()", 2],
    ["event('Order').expires_after(30 hours).count()", 3],
    ["event('Order').expires_after(12 hours).count()", 1],
  ] as const)('%s', (query, expected) => {
    expect(value(query, { events: orders })).toEqual(expected);
    expect(value(query, {})).toBeUndefined();
  });

  test('the most frequent: at least twice, of several the first by alphabet, elements by themselves or as a whole', () => {
    const of = (query: string, ...kinds: readonly unknown[]) =>
      value(`event('E').mode(${query})`, {
        events: kinds.map((kind) => ({ name: 'E', properties: { kind } as never })),
      });
    expect(of("property('kind'), 2", 'b', 'a', 'a', 'b')).toBe('a');
    expect(of("property('kind'), 2", 'a')).toBeUndefined();
    expect(of("property('kind')", 'a', 'a')).toBe('a');
    expect(of("property('kind'), 2", ['x', 'y'], ['y'])).toBe('y');
    expect(of("property('kind') as array, 2", ['x', 'y'], ['x', 'y'], ['y'])).toBe('["x","y"]');
    expect(of("property('kind') as number, 2", 5, '5', 'x')).toBe(5);
  });

  test('a list of distinct values ends at 50, their count does not; what lacks the property is passed over', () => {
    const events = Array.from({ length: 60 }, (_, at) => ({
      ...{ name: 'E', ago: (100 - at) * hourMs },
      properties: { v: `v${String(at).padStart(2, '0')}` },
    }));
    const list = value("event('E').unique(property('v'))", { events: [...events, { name: 'E' }] }) as string[];
    expect([list.length, list[0], list.at(-1)]).toEqual([50, 'v00', 'v49']);
    expect(value("event('E').unique(property('v')).count()", { events })).toBe(60);
    expect(value("event('E').last(property('v'))", { events: [...events, { name: 'E' }] })).toBe('v59');
  });
});

describe('what is said of a query', () => {
  test.each([
    ["trait('a') = 1", 'REALTIME'],
    ["event('E').within(7 days).count() >= 1", 'REALTIME'],
    ["trait('a').within_last(3 days)", 'REALTIME'],
    ["event('E').where(event('F').count() >= 1).count() >= 1", 'BATCH'],
    ["event('E').where(property('a') = property('b')).count() >= 1", 'BATCH'],
    ["event('E').where(property('a') = trait('b')).count() >= 1", 'BATCH'],
  ])('%s is %s', (query, cadence) => expect(audience(query).cadence).toBe(cadence));

  test('a computed trait with a window is computed by batches; one of a session is not', () => {
    expect(trait("event('E').within(7 days).count()").cadence).toBe('BATCH');
    expect(trait("event('E').expires_after(30 seconds).count()").cadence).toBe('REALTIME');
    expect(audience("trait('a') = 1", 'ACCOUNTS').cadence).toBe('BATCH');
  });

  test('which events and traits it looks at, and how far back', () => {
    const query = audience(
      "event('A').where(property('x') = 1).within(3 days).count() > 1 AND event('B').within(30 days).count() > 1 AND trait('c.d') = 1",
    );
    expect([...query.events]).toEqual([
      ['A', { properties: new Set(['x']), context: new Set() }],
      ['B', { properties: new Set(), context: new Set() }],
    ]);
    expect([[...query.traits], query.longestWindowMs, query.needsEvents]).toEqual([['c'], 30 * dayMs, true]);
    const of = [
      "event('A').count()",
      "event('A').sum(property('x'))",
      "event('A').unique(property('x'))",
      "event('A').last(property('x'))",
    ];
    expect(of.map((one) => trait(one).emptied)).toEqual([0, 0, [], undefined]);
    expect(trait("event('A').sum(property('x'))").events.get('A')).toEqual({
      properties: new Set(['x']),
      context: new Set(),
    });
  });

  test('time is not waited for by events that do not count', () => {
    const { evaluate } = audience("event('E').within(1 day).where(property('a') = 1).count() >= 1");
    const events = [
      { name: 'E', ago: 20 * hourMs, properties: { a: 2 } },
      { name: 'E', ago: hourMs, properties: { a: 1 } },
    ];
    expect(evaluate(subjectOf({ events }), now).changesAt).toBe(now + 23 * hourMs + 1);
    expect(evaluate(subjectOf({ events: events.slice(0, 1) }), now)).toEqual({ value: false, changesAt: null });
  });

  test('when time alone changes it', () => {
    const { evaluate } = audience("event('E').within(1 day).count() >= 1 OR trait('t').within_next(2 days)");
    const event = { events: [{ name: 'E', ago: hourMs }] };
    expect(evaluate(subjectOf(event), now)).toEqual({ value: true, changesAt: now + 23 * hourMs + 1 });
    expect(evaluate(subjectOf(event), now + 23 * hourMs + 1)).toEqual({ value: false, changesAt: null });
    const traits = { traits: { t: '2026-05-25T10:00:00Z' } };
    expect(evaluate(subjectOf(traits), now)).toEqual({ value: false, changesAt: Date.parse('2026-05-23T00:00:00Z') });
  });
});
