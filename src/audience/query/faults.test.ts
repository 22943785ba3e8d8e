import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileQuery } from './compile.ts';
import { audience, dayMs, faultsOf, hourMs, now, subjectOf } from './query.test-support.ts';

describe('what is wrong is told with its place and what to do', () => {
  test.each([
    ['', 1, 'is empty'],
    ["event('X')", 1, 'count them'],
    ["event('X').within(2 days)", 12, 'count them'],
    ["event('X').count()", 12, 'a condition compares it'],
    ["trait('a')", 1, 'a condition compares it'],
    ["'a'", 1, 'a condition is expected'],
    ["trait('a') =", 13, 'the query ends'],
    ["trait('a' = 1", 14, ') is expected'],
    ["trait('a') = 1 trait('b') = 2", 16, 'AND or OR'],
    ["trait('a') # 1", 12, '# has no meaning'],
    ["trait('a) = 1", 7, 'no end'],
    ['trait(a) = 1', 8, ''],
    ['trait() = 1', 1, 'takes 1 value, not 0'],
    ["trait('a', 'b') = 1", 1, 'takes 1 value, not 2'],
    ["trait('a..b') = 1", 7, 'between dots is empty'],
    ["trait('$').exists()", 7, 'before it comes the key of a trait'],
    ["foo('a') = 1", 1, 'no function foo()'],
    ["trait('a').equal(1)", 12, 'Did you mean "equals"'],
    ["event('X').cuont() > 1", 12, 'Did you mean "count"'],
    ["trait('a').count() > 1", 1, "begin with event('…')"],
    ["property('a') = 1", 1, 'stands in where(…)'],
    ["event('X').where(property(parent: 'a') = 1).count() > 0", 18, 'the event around this one'],
    ["event('X').within(parent: 1 day).count() > 0", 12, 'the event around this one'],
    [
      "event('X').where(event('Y').where(event('Z').count() > 0).count() > 0).count() > 0",
      35,
      'not from one that is looked for itself',
    ],
    ["event('X').where(context('traits.email') = 'a').count() > 0", 26, 'context.traits is not kept'],
    ["ANY trait('a') = 1", 1, 'people of an account'],
    ["entity('invoices').count() >= 1", 1, 'cannot be looked at here'],
    ["trait('a').within_last(7)", 24, 'a duration is expected'],
    ["trait('a').within_last(30 seconds)", 24, 'expires_after() alone'],
    ["event('X').within(2 weeks).count() > 1", 21, 'no unit of time'],
    ["event('X').within(1.5 days).count() > 1", 19, 'a whole number of days'],
    ["event('X').between(9 days, 2 days).count() > 1", 12, 'the shorter duration first'],
    ["trait('a') = 2025-13-45", 14, 'not a day of the calendar'],
    ["trait('a') = 2026-02-30", 14, 'not a day of the calendar'],
    ["trait('a') > 2026-04-31T00:00:00Z", 14, 'not a day of the calendar'],
    ["trait('a').before_date('soon')", 24, 'a day or a time'],
    ["trait('a').before_date('2026-02-29')", 24, 'a day or a time'],
    ["trait('a') = 5 days", 14, 'cannot be compared'],
    ["5 = trait('a')", 1, 'first'],
    ["trait('a').starts_with(5)", 24, 'takes a text'],
    ["event('X').unique(property('a')) = 1", 12, 'unique(…).count()'],
    ["event('X').sum(trait('a')) > 1", 16, "property('…')"],
    ["event('X').mode(property('a'), 0) = 1", 32, 'whole number'],
    ["event('X').max(property('a') as text) = 1", 16, 'as number, as string'],
    ["event('X').sources('a').count() > 1", 20, 'leave out'],
  ])('%s', (query, column, message) => {
    const [fault] = faultsOf(query);
    expect(fault).toMatchObject({ line: 1, column });
    expect(fault?.message).toContain(message);
  });

  test('of a computed trait', () => {
    const first = (query: string) => faultsOf(query, 'computed_trait')[0]?.message;
    expect(first("event('X').count() > 1")).toContain('a condition, of which an audience is made');
    expect(first("trait('a') = 1 AND trait('b') = 2")).toContain('an audience');
    expect(first("event('X')")).toContain('count them');
    expect(first('5')).toContain('the same for everybody');
    expect(first("event('X').mode(trait('a'), 1)")).toContain('Of accounts mode(), first() and last()');
    const ofAccounts = (query: string) => faultsOf(query, 'computed_trait', 'ACCOUNTS')[0]?.message;
    expect(ofAccounts("event('X').mode(trait('a'), 1)")).toBeUndefined();
    expect(ofAccounts("event('X').sum(trait('a'))")).toContain('taken by mode(), first(), last() alone');
    expect(ofAccounts("event('X').where(event('Y').last(trait('a')) = 1).count()")).toContain("takes property('…')");
  });

  test('all at once, in their order, on their lines', () => {
    const faults = faultsOf("foo('a') = 1\n  AND trait('b').bar()\n  OR event('X').within(2).count() > 1");
    expect(faults.map(({ line, column }) => [line, column])).toEqual([
      [1, 1],
      [2, 18],
      [3, 24],
    ]);
  });

  test('what is too much', () => {
    const joined = (count: number) => Array.from({ length: count }, (_, at) => `trait('t${at}') = 1`).join(' OR ');
    expect(faultsOf(joined(50))).toEqual([]);
    expect(faultsOf(joined(51))[0]?.message).toContain('looks at 50 things at most');
    // Each side that is not fixed counts, and what stands in where(…) does too.
    const both = (count: number) =>
      Array.from({ length: count }, (_, at) => `trait('t${at}') = trait('u')`).join(' OR ');
    expect(faultsOf(both(25))).toEqual([]);
    expect(faultsOf(both(26))[0]?.message).toContain('this one looks at 52');
    const inside = (count: number) => `event('E').where(${joined(count)}).count() > 1`;
    expect(faultsOf(inside(49))).toEqual([]);
    expect(faultsOf(inside(50))[0]?.message).toContain('this one looks at 51');
    expect(faultsOf(`trait('${'x'.repeat(20_000)}') = 1`)[0]?.message).toContain('at most 20000 characters');
    expect(faultsOf(`${'('.repeat(1_000)}trait('a') = 1${')'.repeat(1_000)}`)[0]?.message).toContain('nested');
    expect(faultsOf(`${'NOT '.repeat(4_000)}trait('a') = 1`)[0]?.message).toContain('nested');
    expect(faultsOf(`${'NOT '.repeat(50)}trait('a') = 1`)).toEqual([]);
  });
});

const words = [
  "trait('a')",
  "event('X')",
  'property',
  "('a')",
  'parent:',
  '.',
  'where(',
  'count()',
  '.within(',
  '3 days',
];
const more = [
  ')',
  '(',
  'AND',
  'or',
  'NOT',
  'ANY',
  '=',
  '!=',
  '5',
  "'t'",
  ',',
  '{',
  ']',
  'as',
  'true',
  '2026-01-01',
  '\n',
];

test('no text makes it fail, and each fault has a place in the text', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.array(fc.constantFrom(...words, ...more), { maxLength: 25 }).map((all) => all.join(' ')),
  );
  fc.assert(
    fc.property(texts, fc.constantFrom('audience' as const, 'computed_trait' as const), (text, kind) => {
      const compiled = compileQuery(text, { kind, entity: 'ACCOUNTS' });
      if (compiled.kind === 'compiled') return;
      expect(compiled.faults.length).toBeGreaterThan(0);
      for (const { line, column, message } of compiled.faults) {
        expect(message).not.toBe('');
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(text.split(/\r\n|[\r\n\u2028\u2029]/).length);
        expect(column).toBeGreaterThanOrEqual(1);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('until the moment that is told, time changes nothing; and it is told again and again without end', () => {
  const hours = fc.integer({ min: 1, max: 96 });
  const duration = fc.oneof(
    hours.map((n) => `${n} hours`),
    fc.integer({ min: 1, max: 4 }).map((n) => `${n} days`),
  );
  const operator = fc.constantFrom('within_last', 'within_next', 'before_last', 'after_next');
  const condition = fc.oneof(
    fc.tuple(operator, duration).map(([name, length]) => `trait('t').${name}(${length})`),
    fc
      .tuple(duration, fc.integer({ min: 1, max: 3 }))
      .map(([length, n]) => `event('E').within(${length}).count() >= ${n}`),
    hours.map((n) => `event('E').between(${n} hours, ${n + 20} hours).count() = 1`),
  );
  const query = fc
    .array(fc.tuple(fc.constantFrom('', 'NOT '), condition), { minLength: 1, maxLength: 4 })
    .chain((parts) =>
      fc.constantFrom(' AND ', ' OR ').map((word) => parts.map(([not, one]) => `${not}${one}`).join(word)),
    );
  const given = fc.record({
    traits: fc.integer({ min: -120, max: 120 }).map((ago) => ({ t: new Date(now - ago * hourMs).toISOString() })),
    events: fc.array(
      fc.integer({ min: -48, max: 120 }).map((ago) => ({ name: 'E', ago: ago * hourMs })),
      { maxLength: 5 },
    ),
  });
  fc.assert(
    fc.property(query, given, fc.double({ min: 0, max: 0.999, noNaN: true }), (text, profile, part) => {
      const { evaluate } = audience(text);
      const subject = subjectOf(profile);
      let at = now;
      for (let step = 0; step < 40; step += 1) {
        const { value, changesAt } = evaluate(subject, at);
        if (changesAt === null) {
          for (const days of [1, 30, 4_000]) expect(evaluate(subject, at + days * dayMs).value).toBe(value);
          return;
        }
        expect(changesAt).toBeGreaterThan(at);
        const between = at + Math.floor((changesAt - at) * part);
        expect(evaluate(subject, between).value).toBe(value);
        expect(evaluate(subject, changesAt - 1).value).toBe(value);
        at = changesAt;
      }
      throw new Error('it goes on and on');
    }),
    { numRuns: 500 },
  );
});
