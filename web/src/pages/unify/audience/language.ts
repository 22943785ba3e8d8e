/** The language of queries as the form shows it: names to complete, examples to begin with, and a short reference. Data alone. */
import type { Entity, Kind } from '../../../api/computation-kinds.ts';

interface Word {
  readonly label: string;
  /** What is written; the pieces to fill in are marked as `#{name}`. */
  readonly snippet: string;
  readonly detail: string;
}

const word = (label: string, snippet: string, detail: string): Word => ({ label, snippet, detail });

/** What a query or a part of it begins with. */
export const beginnings: readonly Word[] = [
  word('event', "event('#{Order Completed}')", 'what they did'),
  word('trait', "trait('#{plan}')", 'what is known of them'),
  word('property', "property('#{total}')", 'of an event, inside where(…)'),
  word('context', "context('#{page.url}')", 'of an event, inside where(…)'),
  word('literal', 'literal(#{1})', 'a value'),
  word('NOT', 'NOT ', 'not so'),
  word('AND', 'AND ', 'both'),
  word('OR', 'OR ', 'one of them'),
  word('ANY', 'ANY ', 'at least one user of the account'),
  word('ALL', 'ALL ', 'every user of the account'),
];

/** What follows a dot. */
export const followers: readonly Word[] = [
  word('where', 'where(#{})', 'only events with …'),
  word('within', 'within(#{30} days)', 'only the last …'),
  word('between', 'between(#{30} days, #{90} days)', 'only … to … ago'),
  word('sources', "sources({ exclude: '#{source}' })", 'without those of a source'),
  word('expires_after', 'expires_after(#{1} hour)', 'only the current session'),
  word('count', 'count()', 'how many'),
  word('sum', "sum(property('#{total}'))", 'all together'),
  word('avg', "avg(property('#{total}'))", 'on average'),
  word('min', "min(property('#{total}'))", 'the smallest'),
  word('max', "max(property('#{total}'))", 'the largest'),
  word('first', "first(property('#{category}'))", 'of the earliest'),
  word('last', "last(property('#{category}'))", 'of the latest'),
  word('mode', "mode(property('#{category}'), #{2})", 'the most frequent, seen at least so often'),
  word('unique', "unique(property('#{category}'))", 'each different one'),
  word('equals', "equals('#{pro}')", 'the same, also ='),
  word('differs', "differs('#{pro}')", 'there and another, also !='),
  word('greater_than', 'greater_than(#{1})', 'also >'),
  word('at_least', 'at_least(#{1})', 'also >='),
  word('less_than', 'less_than(#{1})', 'also <'),
  word('at_most', 'at_most(#{1})', 'also <='),
  word('exists', 'exists()', 'it is known'),
  word('absent', 'absent()', 'it is not known'),
  word('contains', "contains('#{text}')", 'has one of these in it'),
  word('omits', "omits('#{text}')", 'does not have it in it'),
  word('starts_with', "starts_with('#{text}')", ''),
  word('ends_with', "ends_with('#{text}')", ''),
  word('one_of', "one_of('#{pro}', '#{team}')", 'is one of these'),
  word('none_of', "none_of('#{pro}', '#{team}')", 'is there and none of these'),
  word('before_date', 'before_date(#{2026-01-01})', ''),
  word('after_date', 'after_date(#{2026-01-01})', ''),
  word('within_last', 'within_last(#{30} days)', 'a date of the last …'),
  word('within_next', 'within_next(#{14} days)', 'a date of the next …'),
  word('before_last', 'before_last(#{30} days)', 'a date longer ago than …'),
  word('after_next', 'after_next(#{14} days)', 'a date further away than …'),
];

export interface Example {
  readonly title: string;
  readonly query: string;
}

const examplesOfAll: Readonly<Record<Kind, Readonly<Record<Entity, readonly Example[]>>>> = {
  audience: {
    USERS: [
      { title: 'On a paid plan', query: "trait('plan').one_of('pro', 'team')" },
      {
        title: 'Spent 100 or more in 30 days',
        query: "event('Order Completed')\n  .within(30 days)\n  .sum(property('total')) >= 100",
      },
      {
        title: 'Came back this week',
        query: "event('Page Viewed').within(7 days).count() >= 2",
      },
      {
        title: 'Was active, and is not any more',
        query:
          "event('Signed In').between(30 days, 90 days).count() >= 1\nAND NOT event('Signed In').within(30 days).count() >= 1",
      },
      {
        title: 'Put something in the cart and did not order within a day',
        query:
          "event('Product Added')\n  .where(NOT event('Order Completed').within(parent: 1 day).count() >= 1)\n  .within(7 days)\n  .count() >= 1",
      },
      { title: 'Renews in the next two weeks', query: "trait('renews_at').within_next(14 days)" },
      {
        title: 'In another audience, with an address of ours',
        query: "trait('big_spenders') = 'true'\nAND trait('email').ends_with('@example.com')",
      },
    ],
    ACCOUNTS: [
      { title: 'On the plan for companies', query: "trait('plan') = 'enterprise'" },
      { title: 'Somebody signed in this week', query: "ANY event('Signed In').within(7 days).count() >= 1" },
      { title: 'Everybody finished the course', query: "ALL event('Course Finished').count() >= 1" },
      {
        title: 'Nobody complained in 90 days',
        query: "NOT ANY event('Complaint Filed').within(90 days).count() >= 1",
      },
    ],
  },
  computed_trait: {
    USERS: [
      { title: 'How many orders', query: "event('Order Completed').count()" },
      {
        title: 'Spent in 90 days',
        query: "event('Order Completed')\n  .within(90 days)\n  .sum(property('total'))",
      },
      { title: 'Favourite category', query: "event('Product Viewed').mode(property('category'), 2)" },
      { title: 'Latest campaign', query: "event('Page Viewed').last(context('campaign.name'))" },
      {
        title: 'First order above 50',
        query: "event('Order Completed')\n  .where(property('total') > 50)\n  .first(property('order_id'))",
      },
      { title: 'All categories bought', query: "event('Order Completed').unique(property('category'))" },
    ],
    ACCOUNTS: [
      { title: 'How often its people signed in', query: "event('Signed In').count()" },
      { title: 'Spent in 90 days', query: "event('Order Completed')\n  .within(90 days)\n  .sum(property('total'))" },
      { title: 'Last page looked at', query: "event('Page Viewed').last(context('page.url'))" },
    ],
  },
};

export const examplesOf = (kind: Kind, entity: Entity) => examplesOfAll[kind][entity];

export interface Part {
  readonly title: string;
  readonly lines: readonly (readonly [code: string, meaning: string])[];
}

/** What belongs to audiences alone, computed traits alone, or accounts alone says so. */
export const reference: readonly (Part & { readonly only?: Kind | 'ACCOUNTS' })[] = [
  {
    title: 'What is looked at',
    lines: [
      ["event('Name')", 'what they did; pages are Page Viewed, screens are Screen Viewed'],
      ["trait('plan')", 'what is known of them; address.city looks inside; the key of an audience tells who is in it'],
    ],
  },
  {
    title: 'Which events',
    lines: [
      [".where(property('total') > 50)", "that are so; context('page.url') looks at their surroundings"],
      ['.within(30 days)', 'of the last days or hours'],
      ['.between(30 days, 90 days)', 'from 90 to 30 days ago'],
      [".sources({ exclude: 'src_…' })", 'but those of a source'],
    ],
  },
  {
    title: 'What becomes of them',
    lines: [
      ['.count()', 'how many'],
      [".sum(property('total'))", 'all together; also avg, min, max'],
      [".last(property('sku'))", 'of the latest; first: of the earliest'],
      [".mode(property('sku'), 2)", 'the most frequent that is there twice'],
      [".unique(property('sku'))", 'each different one; .count() counts them'],
    ],
  },
  {
    title: 'Compared',
    only: 'audience',
    lines: [
      ["= 'pro', != 'pro', > 5, <= 5", 'of nothing that is known every comparison is false'],
      [".one_of('pro', 'team')", 'one of these; none_of: another than these'],
      [".contains('tea')", 'has it in it; also omits, starts_with, ends_with'],
      ['.exists(), .absent()', 'known, not known'],
      ['.within_last(30 days)', 'a date; also within_next, before_last, after_next, before_date, after_date'],
    ],
  },
  {
    title: 'Together',
    only: 'audience',
    lines: [['AND, OR, NOT, ( )', 'AND binds before OR']],
  },
  {
    title: 'Of accounts',
    only: 'ACCOUNTS',
    lines: [
      ['ANY …', 'at least one of its users'],
      ['ALL …', 'every one of its users, and it has some'],
    ],
  },
];
