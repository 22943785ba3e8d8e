/** What two people change in one form, put together by `web/src/pages/reverse-etl/both-changes.ts`. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bothChanges, bothLists, isSame } from '../../web/src/pages/reverse-etl/both-changes.ts';

const column = (name: string) => ({ '@path': `$.properties.${name}` });
const opened = { user_id: column('id'), traits: { email: column('email'), plan: column('plan') }, anonymous_id: 'a' };

test('each keeps what they changed, also within one field', () => {
  const wanted = { user_id: column('id'), traits: { email: column('mail'), plan: column('plan'), city: 'Lyon' } };
  const stored = { ...opened, user_id: column('uid'), traits: { email: column('email'), age: column('age') } };
  expect(bothChanges(opened, wanted, stored)).toEqual({
    user_id: column('uid'),
    traits: { email: column('mail'), city: 'Lyon', age: column('age') },
  });
});

test('where both changed the same, it is what is wanted here; a function is one whole', () => {
  const wanted = { ...opened, user_id: { '@lowercase': column('id') }, traits: { email: column('mine') } };
  const stored = { ...opened, user_id: { '@path': '$.properties.uid', '@x': 1 }, traits: { email: column('theirs') } };
  expect(bothChanges(opened, wanted, stored)).toEqual({ ...opened, ...wanted });
});

test('without changes of the other it is what is wanted, and without own ones what is stored', () => {
  const member = fc.constantFrom('a', 'b', 'c', '@path');
  const { mapping } = fc.letrec((tie) => ({
    mapping: fc.dictionary(
      member,
      fc.oneof({ depthSize: 'small' }, fc.constantFrom('x', 'y', null, 1), tie('mapping')),
    ),
  }));
  fc.assert(
    fc.property(mapping, mapping, (one, other) => {
      expect(bothChanges(one as never, other as never, one as never)).toEqual(other);
      expect(bothChanges(one as never, one as never, other as never)).toEqual(other);
    }),
  );
});

test('the order of keys is no difference, and what is not there is not null', () => {
  expect(isSame({ a: 1, b: { c: [1], d: null } }, { b: { d: null, c: [1] }, a: 1 })).toBe(true);
  expect(isSame({ a: null }, {})).toBe(false);
});

test('lists', () => {
  expect(bothLists(['a', 'b'], ['b', 'c'], ['a', 'b', 'd'])).toEqual(['b', 'd', 'c']);
  expect(bothLists(['a'], ['a', 'b'], ['b'])).toEqual(['b']);
});
