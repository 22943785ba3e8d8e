import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isRefusal } from './errors.ts';
import { decodeSegment, readCollection, readProfileKey, readSpace, routableUrl } from './identifier.ts';

const refusalText = (value: unknown) => (isRefusal(value) ? `${value.status} ${value.message}` : value);

describe('a profile key', () => {
  test('any type and value, encoded by a client, come back as they were', () => {
    const type = fc
      .stringMatching(/^[a-z][a-z0-9_]{0,20}(\.[a-z0-9_]{1,10})?$/)
      .filter((name) => name !== 'segment_id');
    const value = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 500 })
      .map((text) => Buffer.from(text.replaceAll('\0', '0')).toString());
    fc.assert(
      fc.property(type, value, (type, value) => {
        const expected = { kind: 'identifier', type, value };
        expect(readProfileKey('users', `${type}:${encodeURIComponent(value)}`)).toEqual(expected);
        expect(readProfileKey('users', encodeURIComponent(`${type}:${value}`))).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  test('bytes sent without escapes are UTF-8', () => {
    const asNodeReadsIt = Buffer.from('user_id:ü漢😀+%2B').toString('latin1');
    expect(readProfileKey('users', asNodeReadsIt)).toEqual({ kind: 'identifier', type: 'user_id', value: 'ü漢😀++' });
    expect(refusalText(readProfileKey('users', 'user_id:\xff'))).toMatch(/^400/);
  });

  test('segment ids, bare and typed, in their collection', () => {
    const id = `use_${'0'.repeat(27)}`;
    expect(readProfileKey('users', id)).toEqual({ kind: 'segment_id', id });
    expect(readProfileKey('users', `segment_id:${id}`)).toEqual({ kind: 'segment_id', id });
    expect(refusalText(readProfileKey('accounts', id))).toBe('404 Profile was not found.');
    expect(readProfileKey('accounts', 'acc_1')).toEqual({ kind: 'segment_id', id: 'acc_1' });
  });

  test.each([
    ['Email:x', '400 The parameter `id_type` has invalid character(s) `E`'],
    ['e!m@il!:x', '400 The parameter `id_type` has invalid character(s) `!@`'],
    ['user id:x', '400 The parameter `id_type` has invalid character(s) ` `'],
    [':x', '400 The parameter `id_type` is empty'],
    ['1abc:x', '400 The parameter `id_type` must begin with a letter, and each dot must stand between two names'],
    ['ios..id:x', '400 The parameter `id_type` must begin with a letter, and each dot must stand between two names'],
    [`${'t'.repeat(101)}:x`, '400 The parameter `id_type` is longer than 100 characters'],
    ['user_id:%', '400 The parameter `id` has invalid character(s) `%`'],
    ['user_id:%C3', '400 The parameter `id` has invalid character(s) `%`'],
    ['', '404 Profile was not found.'],
    ['user_id:', '404 Profile was not found.'],
    ['user_id:%00', '404 Profile was not found.'],
    [`user_id:${'x'.repeat(1001)}`, '404 Profile was not found.'],
    ['ana@example.org', '404 Profile was not found.'],
  ])('%.30s is refused', (raw, expected) => {
    expect(refusalText(readProfileKey('users', raw))).toBe(expected);
  });
});

test('collections and spaces', () => {
  expect(readCollection('users')).toBe('users');
  expect(readCollection('%75sers')).toBe('users');
  expect(refusalText(readCollection('people'))).toMatch(/^404 Collection was not found/);
  expect(refusalText(readCollection('user!s'))).toBe('400 The parameter `collection` has invalid character(s) `!`');
  expect(readSpace('spa_2oQ7-x')).toBe('spa_2oQ7-x');
  expect(refusalText(readSpace('spa%2Fx y'))).toBe('400 The parameter `space_id` has invalid character(s) `/ `');
  expect(refusalText(readSpace(''))).toBe('400 The parameter `space_id` is empty');
  expect(refusalText(readSpace('x'.repeat(301)))).toMatch(/^400/);
});

test('the router sees the raw segments of a Profile API path, and other URLs as they are', () => {
  expect(routableUrl('/v1/spaces/s/collections/users/profiles/a:%zz%2F/traits?include=a%2Cb')).toBe(
    '/v1/spaces/s/collections/users/profiles/a:%25zz%252F/traits?include=a%2Cb',
  );
  expect(routableUrl('/v1/namespaces/%41')).toBe('/v1/namespaces/%2541');
  expect(routableUrl('/app/%41')).toBe('/app/%41');
});

test('decoding happens once', () => {
  expect(decodeSegment('%252B+%2B')).toBe('%2B++');
  expect(decodeSegment('%')).toBeNull();
});
