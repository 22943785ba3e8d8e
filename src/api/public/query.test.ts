import { expect, test } from 'vitest';
import type { InputFault } from './errors.ts';
import { cutRows, offsetOf, readPagination } from './pagination.ts';
import { readQuery } from './query.ts';

test.each([
  'pagination%5Bcount%5D=10&pagination%5Bcursor%5D=MQ%3D%3D',
  'pagination[count]=10&pagination[cursor]=MQ==',
  'pagination.count=10&pagination.cursor=MQ==',
  'pagination=%7B%22count%22:10,%22cursor%22:%22MQ==%22%7D',
])('an object as %s', (text) => {
  const query = readQuery(`/x?${text}`);
  expect([query.text('pagination.count'), query.text('pagination.cursor')]).toEqual(['10', 'MQ==']);
});

test.each(['a%5B0%5D=x&a%5B1%5D=y', 'a[]=x&a[]=y', 'a.0=x&a.1=y', 'a=x&a=y', 'a=x,y', 'a=["x","y"]'])(
  'a list as %s',
  (text) => {
    expect(readQuery(`/x?${text}`).list('a')).toEqual(['x', 'y']);
  },
);

test('what is absent, broken, strange or deep does no harm', () => {
  const query = readQuery('/x?b=%E0%A4&__proto__[x]=1&constructor.name=2&c={"d":&a.b.c.d.e.f=1&&=3&e=#f');
  expect(query.text('b')).toBe('%E0%A4');
  expect(query.text('c')).toBe('{"d":');
  expect([query.text('a'), query.list('none'), query.text('toString'), query.text('e')]).toEqual([
    undefined,
    undefined,
    undefined,
    '',
  ]);
  expect(({} as Record<string, unknown>).x).toBeUndefined();
});

const wanted = (text: string) => {
  const faults: InputFault[] = [];
  return { page: readPagination(readQuery(`/x?${text}`), faults), faults: faults.map(({ field }) => field) };
};

test('the count of a page', () => {
  expect(wanted('').page).toEqual({ count: 200, cursor: 'MA==' });
  for (const count of ['0', '1001', '-1', '1.5', 'x', '', '1e2']) {
    expect(wanted(`pagination[count]=${count}`).faults).toEqual(['pagination.count']);
  }
  expect(wanted('pagination[count]=1000').faults).toEqual([]);
  for (const text of ['{broken', '7', '"x"']) expect(wanted(`pagination=${text}`).faults).toEqual(['pagination']);
  expect(wanted('pagination=').faults).toEqual([]);
});

test('rows page by page, each once, and no next after the last', () => {
  const rows = Array.from({ length: 7 }, (_, n) => n);
  const seen: number[] = [];
  let cursor: string | undefined = 'MA==';
  while (cursor !== undefined) {
    const page: ReturnType<typeof cutRows<number>> = cutRows(rows, { count: 3, cursor }, offsetOf(cursor) ?? -1);
    expect(page.pagination).toMatchObject({ current: cursor, totalEntries: 7 });
    seen.push(...page.items);
    cursor = page.pagination.next;
  }
  expect(seen).toEqual(rows);
  expect([offsetOf('MA=='), offsetOf('MTA='), offsetOf('x'), offsetOf('LTE=')]).toEqual([0, 10, null, null]);
  expect(cutRows(rows, { count: 3, cursor: 'OTk=' }, 99)).toEqual({
    items: [],
    pagination: { current: 'OTk=', totalEntries: 7 },
  });
});
