import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../base/json.ts';
import type { Contact } from '../writing/working-set.ts';
import { readChannel, readEntry, readKey, subscriptionOf, subscriptionsOf, withEntry } from './subscriptions.ts';

function faultsOf<T>(work: (onFault: (fault: string, detail: string) => void) => T): [T, string[]] {
  const faults: string[] = [];
  const result = work((fault, detail) => faults.push(`${fault} ${detail}`.trim()));
  return [result, faults];
}

const read = (entry: Json) => faultsOf((onFault) => readEntry(entry, onFault));

describe('an entry', () => {
  test.each([
    ['EMAIL', 'EMAIL'],
    [' email ', 'EMAIL'],
    ['WhatsApp', 'WHATSAPP'],
    ['ios-push', 'IOS_PUSH'],
    ['android_push', 'ANDROID_PUSH'],
    ['FAX', null],
    ['', null],
    [null, null],
    [5, null],
  ])('of the type %j: %j', (given, channel) => {
    expect(readChannel(given)).toBe(channel);
  });

  test.each([
    ['EMAIL', ' Ana@Example.ORG ', 'ana@example.org'],
    ['EMAIL', '   ', null],
    ['SMS', '+33 1', '+33 1'],
    ['SMS', 'AbC', 'AbC'],
    ['IOS_PUSH', '', null],
    ['SMS', 33155501234, null],
    ['SMS', 'a\0b', null],
    ['SMS', 'half \ud800', null],
    ['SMS', 'x'.repeat(501), null],
  ] as const)('for %s with the key %j: %j', (channel, given, key) => {
    expect(readKey(channel, given)).toBe(key);
  });

  test.each([
    ['SUBSCRIBED', 'SUBSCRIBED'],
    ['unsubscribed', 'UNSUBSCRIBED'],
    ['did-not-subscribe', 'DID_NOT_SUBSCRIBE'],
    [' Did_Not_Subscribe ', 'DID_NOT_SUBSCRIBE'],
    ['', null],
    ['  ', null],
    [null, null],
  ])('with the status %j: %j', (status, expected) => {
    const [entry, faults] = read({ key: '+1', type: 'SMS', status });
    expect([entry?.status, faults]).toEqual([expected, []]);
  });

  test.each([
    [{ key: '+1', type: 'SMS', status: 'INVALID' }, 'subscription_status_invalid SMS'],
    [{ key: '+1', type: 'SMS', status: true }, 'subscription_status_invalid SMS'],
    [{ key: '+1', type: 'FAX', status: 'SUBSCRIBED' }, 'subscription_type_unknown'],
    [{ key: '+1', status: 'SUBSCRIBED' }, 'subscription_type_unknown'],
    [{ type: 'SMS', status: 'SUBSCRIBED' }, 'subscription_key_invalid SMS'],
    ['SUBSCRIBED', 'subscription_type_unknown'],
    [null, 'subscription_type_unknown'],
    [[], 'subscription_type_unknown'],
  ] as [Json, string][])('%j is left out, and told without the contact', (entry, fault) => {
    expect(read(entry)).toEqual([null, [fault]]);
  });

  test('keeps the groups that can be read, of e-mail addresses only', () => {
    const groups = [
      { name: 'digest', status: 'subscribed' },
      { name: 'offers' },
      { name: 'news', status: ' ' },
      { name: 'broken', status: 'INVALID' },
      { status: 'SUBSCRIBED' },
      'offers',
    ];
    const [entry, faults] = read({ key: 'a@b.c', type: 'EMAIL', status: 'SUBSCRIBED', groups });
    expect(entry?.groups).toEqual([{ name: 'digest', status: 'SUBSCRIBED' }]);
    expect(faults).toEqual([
      'subscription_group_status_invalid',
      'subscription_group_unknown',
      'subscription_group_unknown',
    ]);
    expect(read({ key: '+1', type: 'SMS', status: 'SUBSCRIBED', groups })[0]?.groups).toEqual([]);
  });

  test('is read from identify messages only, and those that are wrong do not take others with them', () => {
    const context = {
      messaging_subscriptions: [
        { key: '+1', type: 'SMS', status: 'INVALID' },
        { key: 'a@b.c', type: 'EMAIL', status: 'SUBSCRIBED' },
      ],
    };
    const entries = (message: JsonObject) => faultsOf((onFault) => subscriptionsOf(message, onFault));
    const [found, faults] = entries({ type: 'identify', context });
    expect(found.map(({ contact }) => contact)).toEqual(['EMAIL:a@b.c']);
    expect(faults).toEqual(['subscription_status_invalid SMS']);
    expect(entries({ type: 'track', context })).toEqual([[], []]);
    expect(entries({ type: 'identify', context: { messaging_subscriptions: {} } })).toEqual([[], []]);
    expect(entries({ type: 'identify' })).toEqual([[], []]);
  });
});

describe('the state of a contact', () => {
  const groupNames = new Set(['digest', 'constructor']);
  const apply = (known: Contact | undefined, at: number, status: string | null, groups: Record<string, string> = {}) =>
    faultsOf((onFault) => {
      const named = Object.entries(groups).map(([name, each]) => ({ name, status: each }));
      const entry = readEntry({ key: 'a@b.c', type: 'EMAIL', status, groups: named }, () => {});
      if (entry === null) throw new Error('the entry is wrong');
      return withEntry(known, entry, groupNames, { at, received: at, sourceId: 's', messageId: `m${at}` }, onFault);
    });
  const summary = (state: Contact | undefined) =>
    state === undefined
      ? undefined
      : [state.status, ...Object.entries(state.groups).map(([name, { status }]) => `${name} ${status}`)];
  const subscribed = apply(undefined, 5, 'SUBSCRIBED', { digest: 'SUBSCRIBED' })[0];

  test('the newest word stands, and of the same moment the later', () => {
    expect(apply(subscribed, 4, 'UNSUBSCRIBED')[0]).toBe(subscribed);
    expect(summary(apply(subscribed, 5, 'UNSUBSCRIBED')[0])).toEqual(['UNSUBSCRIBED', 'digest SUBSCRIBED']);
    const later = apply(subscribed, 6, 'DID_NOT_SUBSCRIBE')[0];
    expect(later).toMatchObject({ status: 'DID_NOT_SUBSCRIBE', at: 6, messageId: 'm6' });
  });

  test('a blank changes nothing', () => {
    expect(apply(subscribed, 9, '')[0]).toBe(subscribed);
    expect(apply(undefined, 9, null)[0]).toBeUndefined();
  });

  test('a group goes by its own time', () => {
    const [state] = apply(subscribed, 7, null, { digest: 'UNSUBSCRIBED' });
    expect(summary(state)).toEqual(['SUBSCRIBED', 'digest UNSUBSCRIBED']);
    expect(state).toMatchObject({ at: 5, messageId: 'm5' });
    expect(apply(state, 6, null, { digest: 'SUBSCRIBED' })[0]).toBe(state);
    expect(subscriptionOf('EMAIL:a@b.c', state as Contact)).toEqual({
      channel: 'EMAIL',
      key: 'a@b.c',
      status: 'SUBSCRIBED',
      updatedAt: new Date(7).toISOString(),
      groups: [{ name: 'digest', status: 'UNSUBSCRIBED', updatedAt: '1970-01-01T00:00:00.007Z' }],
    });
  });

  test('a group can be subscribed to only while the channel is', () => {
    const [state, faults] = apply(undefined, 1, 'UNSUBSCRIBED', { digest: 'SUBSCRIBED' });
    expect([summary(state), faults]).toEqual([['UNSUBSCRIBED'], ['subscription_group_needs_channel digest']]);
    expect(apply(undefined, 1, null, { digest: 'SUBSCRIBED' })).toEqual([
      undefined,
      ['subscription_group_needs_channel digest'],
    ]);
    expect(summary(apply(state, 2, 'SUBSCRIBED', { digest: 'SUBSCRIBED' })[0])).toEqual([
      'SUBSCRIBED',
      'digest SUBSCRIBED',
    ]);
  });

  test('a group can be left without the channel; then the channel is still open', () => {
    const [left] = apply(undefined, 5, null, { digest: 'UNSUBSCRIBED' });
    expect(summary(left)).toEqual([null, 'digest UNSUBSCRIBED']);
    expect(summary(apply(left, 3, 'SUBSCRIBED')[0])).toEqual(['SUBSCRIBED', 'digest UNSUBSCRIBED']);
  });

  test('unknown groups are told, without their name', () => {
    const [state, faults] = apply(subscribed, 9, null, { Digest: 'UNSUBSCRIBED' });
    expect(state).toBe(subscribed);
    expect(faults).toEqual(['subscription_group_unknown']);
  });

  test('a group may be called as what every object has', () => {
    expect(summary(apply(subscribed, 9, null, { constructor: 'SUBSCRIBED' })[0])).toEqual([
      'SUBSCRIBED',
      'digest SUBSCRIBED',
      'constructor SUBSCRIBED',
    ]);
  });

  test('a key may hold colons', () => {
    const state = subscribed as Contact;
    expect(subscriptionOf('IOS_PUSH:a:b:c', state)).toMatchObject({ channel: 'IOS_PUSH', key: 'a:b:c' });
  });
});
