import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isRefusal } from './errors.ts';
import { cutPage } from './paging.ts';
import { readList } from './query.ts';

test('the pages of any size put together are all wanted items, in order', () => {
  const items = fc.uniqueArray(fc.string(), { maxLength: 60 });
  fc.assert(
    fc.property(items, fc.integer({ min: 1, max: 20 }), fc.func(fc.boolean()), (items, limit, wanted) => {
      // The empty key comes first wherever keys are sorted, so no page begins at it but the first.
      const sorted = items.sort();
      const pages: string[][] = [];
      let next: string | null | undefined;
      do {
        const page = cutPage(sorted, (item) => item, wanted, next ?? undefined, limit);
        if (isRefusal(page)) throw new Error('refused its own cursor');
        pages.push([...page.items]);
        next = page.following;
      } while (next !== null);
      expect(pages.flat()).toEqual(sorted.filter((item) => wanted(item)));
      for (const page of pages.slice(0, -1)) expect(page).toHaveLength(limit);
    }),
    { numRuns: 200 },
  );
});

test.each([
  ['/x', undefined],
  ['/x?include=', undefined],
  ['/x?limit=1&include=a', ['a']],
  ['/x?include=a,b%2Cc,%20d+e,', ['a', 'b,c', ' d e', '']],
  ['/x?include=a&limit=2&include=b', ['a', 'b']],
  ['/x?includes=a', undefined],
  ['/x?inc%6Cude=a', ['a']],
  ['/x?include=%', null],
  ['/x?include=a=b', ['a=b']],
  ['/x?include=a#include=b', ['a']],
])('the list of %s', (url, expected) => {
  expect(readList(url, 'include')).toEqual(expected);
});
