import { describe, expect, test } from 'vitest';
import { defaultRule, type ExternalId, type Profile, type ProfileTrait } from '../../../space/space.ts';
import { limitsOf, nameOf, summaryOf } from './profile-body.ts';

const now = new Date('2026-03-20T12:00:00.000Z');
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000).toISOString();
const identifier = (type: string, id: string, createdAt = daysAgo(0)) => ({ type, id, createdAt }) as ExternalId;
const profile = (traits: Readonly<Record<string, unknown>>, ...externalIds: readonly ExternalId[]) =>
  ({
    ...{ segmentId: 'use_1', collection: 'users', externalIds },
    traits: Object.entries(traits).map(([key, value]) => ({ key, value }) as ProfileTrait),
  }) as unknown as Profile;
const rules = { identifiers: [defaultRule('user_id'), defaultRule('email')] };

describe('what a profile is called', () => {
  const ids = [identifier('phone', '+33'), identifier('email', 'a@example.org'), identifier('user_id', 'c-1')];
  test.each([
    [{ name: ' Ana ', first_name: 'B' }, 'Ana'],
    [{ first_name: 'Ana', last_name: 'Gray' }, 'Ana Gray'],
    [{ lastName: 'Gray', name: '  ' }, 'Gray'],
    [{ name: 7, first_name: null }, 'a@example.org'],
  ])('%j: %s', (traits, name) => expect(nameOf(profile(traits, ...ids), rules)).toBe(name));

  test('without an e-mail address its weightiest identifier, and nothing without any', () => {
    expect(nameOf(profile({}, identifier('phone', '+33'), identifier('user_id', 'c-1')), rules)).toBe('c-1');
    expect(nameOf(profile({}), rules)).toBeNull();
  });
});

test('a line has the weightiest identifiers, and tells how many there are', () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => identifier('email', id));
  const { identifiers, identifierCount } = summaryOf(profile({}, ...ids, identifier('user_id', 'c-1')), rules);
  expect(identifiers.map(({ id }) => id)).toEqual(['c-1', 'a', 'b', 'c', 'd']);
  expect(identifierCount).toBe(7);
});

test('what counts towards a limit of a week is not older than a week', () => {
  const weekly = { identifiers: [{ ...defaultRule('email'), window: 'weekly', limit: 3 } as const] };
  const ids = [identifier('email', 'new', daysAgo(1)), identifier('email', 'old', daysAgo(8)), identifier('x', '1')];
  expect(limitsOf(profile({}, ...ids), weekly, now)).toEqual([
    { type: 'email', count: 1, limit: 3, window: 'weekly' },
    { type: 'x', count: 1 },
  ]);
});
