/** Subscriptions in `external_ids?verbose=true`, on the real space. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSpaceReader, type SpaceReader } from '../../space/space.ts';
import { startApi } from './http-client.conformance.ts';
import { openRealSpace, type RealSpace } from './real-space.conformance.ts';

let real: RealSpace;
beforeAll(async () => {
  real = await openRealSpace({ subscriptionGroups: ['weekly digest', 'offers'] });
});
afterAll(() => real[Symbol.asyncDispose]());

const external = (type: string, id: string) => ({ id, type, collection: 'users', encoding: 'none' });

async function shown(path: string): Promise<Record<string, unknown>> {
  const items = await real.all(path);
  return Object.fromEntries(items.map(({ type, id, subscriptions }) => [`${type}:${id}`, subscriptions]));
}

test('identifiers that people are contacted by say what they are subscribed to; others do not', async () => {
  await real.send({
    type: 'identify',
    userId: 'c-501',
    traits: {},
    timestamp: '2026-03-20T11:00:00.000Z',
    context: {
      messaging_subscriptions: [
        {
          key: ' Ana@Example.org ',
          type: 'email',
          status: 'subscribed',
          groups: [
            { name: 'weekly digest', status: 'SUBSCRIBED' },
            { name: 'offers', status: 'unsubscribed' },
          ],
        },
        { key: '+33155501234', type: 'WhatsApp', status: 'SUBSCRIBED' },
        { key: '+33155501234', type: 'SMS', status: 'did-not-subscribe' },
        { key: 'tok-ios-1', type: 'IOS_PUSH', status: 'UNSUBSCRIBED' },
      ],
      externalIds: [
        external('email', 'ana@example.org'),
        external('phone', '+33155501234'),
        external('ios.push_token', 'tok-ios-1'),
        external('android.push_token', 'tok-android-1'),
      ],
    },
  });
  const updated_at = '2026-03-20T11:00:00.000Z';
  const path = 'users/profiles/user_id:c-501/external_ids';
  const expected = {
    'email:ana@example.org': [
      {
        channel: 'EMAIL',
        status: 'SUBSCRIBED',
        updated_at,
        groups: [
          { name: 'offers', status: 'UNSUBSCRIBED' },
          { name: 'weekly digest', status: 'SUBSCRIBED' },
        ],
      },
    ],
    'phone:+33155501234': [
      { channel: 'SMS', status: 'DID_NOT_SUBSCRIBE', updated_at, groups: [] },
      { channel: 'WHATSAPP', status: 'SUBSCRIBED', updated_at, groups: [] },
    ],
    'ios.push_token:tok-ios-1': [{ channel: 'IOS_PUSH', status: 'UNSUBSCRIBED', updated_at, groups: [] }],
    'android.push_token:tok-android-1': [],
    'user_id:c-501': undefined,
  };
  expect(await shown(`${path}?verbose=true`)).toEqual(expected);
  expect(await shown(`${path}?verbose=true&limit=1`)).toEqual(expected);
  expect(await shown(`${path}?verbose=true&include=phone`)).toEqual({
    'phone:+33155501234': expected['phone:+33155501234'],
  });
  for (const query of ['', '?verbose=false']) {
    expect((await real.get(`${path}${query}`)).text).not.toMatch(/subscriptions|last_seen_at/);
  }
  expect((await real.get('users/profiles/user_id:c-501/traits?verbose=true')).text).not.toMatch(/SUBSCRIBE/);
});

test('only a group was spoken of: the status is null', async () => {
  await real.send({
    type: 'identify',
    userId: 'c-502',
    traits: { email: 'bo@example.org' },
    context: {
      messaging_subscriptions: [
        { key: 'bo@example.org', type: 'EMAIL', groups: [{ name: 'offers', status: 'UNSUBSCRIBED' }] },
      ],
    },
  });
  const { 'email:bo@example.org': subscriptions } = await shown(
    'users/profiles/user_id:c-502/external_ids?verbose=true',
  );
  expect(subscriptions).toEqual([
    {
      channel: 'EMAIL',
      status: null,
      updated_at: real.clock.now().toISOString(),
      groups: [{ name: 'offers', status: 'UNSUBSCRIBED' }],
    },
  ]);
});

test('one look-up for all of a page, none when it has no contacts', async () => {
  const reader = createSpaceReader({ db: real.db });
  const asked: number[] = [];
  const counting: SpaceReader = {
    ...reader,
    subscriptions: (no, contacts) => {
      asked.push(contacts.length);
      return reader.subscriptions(no, contacts);
    },
  };
  await using api = await startApi({ reader: counting, spaceNo: real.space.no });
  const path = 'users/profiles/user_id:c-501/external_ids';
  expect((await api.profiles(`${path}?verbose=true`)).json.data).toHaveLength(5);
  expect(asked).toEqual([5]);
  await api.profiles(`${path}?verbose=true&include=user_id`);
  await api.profiles(path);
  expect(asked).toEqual([5]);
});

test('an account has no contacts', async () => {
  await real.send({ type: 'group', userId: 'c-501', groupId: 'org-1', traits: {} });
  const [item] = await real.all('accounts/profiles/group_id:org-1/external_ids?verbose=true');
  expect(Object.keys(item)).not.toContain('subscriptions');
});
