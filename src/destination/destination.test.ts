import { describe, expect, it, test } from 'vitest';
import type { JsonObject } from '../base/json.ts';
import {
  type ActionSlug,
  actions,
  checkFields,
  checkSettings,
  fillDefaults,
  segmentProfiles,
  trackingUrlOf,
} from './destination.ts';

const local = { endpoint: 'local' };
const integrations = { All: false };

/** The message as text, so that the order of its keys counts too; or the reason. */
function built(slug: ActionSlug, payload: JsonObject, settings = local): unknown {
  const result = actions[slug].build(payload, settings);
  return result.ok ? JSON.stringify(result.message) : result.reason;
}

describe('identify', () => {
  const cases: [string, JsonObject, JsonObject | string][] = [
    [
      'everything',
      {
        engage_space: 'key',
        user_id: 'u1',
        anonymous_id: 'a1',
        group_id: 'g1',
        traits: { email: 'ana@example.org', plan: null },
        timestamp: '2026-03-01T09:30:00.000Z',
        message_id: 'm1',
        consent: { categoryPreferences: { marketing: true, ads: false } },
      },
      {
        type: 'identify',
        userId: 'u1',
        anonymousId: 'a1',
        groupId: 'g1',
        messageId: 'm1',
        traits: { email: 'ana@example.org', plan: null },
        timestamp: '2026-03-01T09:30:00.000Z',
        context: { consent: { categoryPreferences: { marketing: true, ads: false } } },
        integrations,
      },
    ],
    [
      'the least there can be',
      { engage_space: 'key', anonymous_id: 'a1' },
      { type: 'identify', anonymousId: 'a1', traits: {}, context: { consent: {} }, integrations },
    ],
    [
      'numbers as ids, empty texts and nulls as absent, unknown members left out',
      {
        engage_space: 'key',
        user_id: 42,
        anonymous_id: '',
        group_id: null,
        traits: null,
        timestamp: 1700000000,
        extra: 1,
      },
      { type: 'identify', userId: '42', traits: {}, timestamp: 1700000000, context: { consent: {} }, integrations },
    ],
    ['no id', { engage_space: 'key', traits: {} }, 'Either `Anonymous ID` or `User ID` must be defined.'],
    ['no space', { user_id: 'u1' }, "The root value is missing the required field 'engage_space'."],
    [
      'two faults',
      { engage_space: 'key', user_id: { a: 1 }, traits: 'x' },
      'User ID must be a string but it was an object. Traits must be an object but it was a string.',
    ],
  ];
  it.each(cases)('%s', (_name, payload, expected) => {
    expect(built('sendIdentify', payload)).toEqual(typeof expected === 'string' ? expected : JSON.stringify(expected));
  });

  it('hands back the space', () => {
    expect(actions.sendIdentify.build({ engage_space: 'key', user_id: 'u' }, local)).toMatchObject({ space: 'key' });
  });
});

it('group', () => {
  expect(
    built('sendGroup', { engage_space: 'k', user_id: 'u1', group_id: 7, traits: { name: 'Acme' }, message_id: 'm' }),
  ).toBe(
    JSON.stringify({
      type: 'group',
      userId: 'u1',
      groupId: '7',
      messageId: 'm',
      traits: { name: 'Acme' },
      context: { consent: {} },
      integrations,
    }),
  );
  expect(built('sendGroup', { engage_space: 'k', user_id: 'u1' })).toBe(
    "The root value is missing the required field 'group_id'.",
  );
  expect(built('sendGroup', { engage_space: 'k', group_id: 'g' })).toBe(
    'Either `Anonymous ID` or `User ID` must be defined.',
  );
});

it('track: the group goes to the built-in space only', () => {
  const payload = { engage_space: 'k', user_id: 'u1', event_name: 'Order', group_id: 'g', properties: { total: 3 } };
  const message = (context: JsonObject) =>
    JSON.stringify({ type: 'track', event: 'Order', userId: 'u1', properties: { total: 3 }, context, integrations });
  expect(built('sendTrack', payload)).toBe(message({ groupId: 'g', consent: {} }));
  expect(built('sendTrack', payload, { endpoint: 'europe' })).toBe(message({ consent: {} }));
  expect(built('sendTrack', { engage_space: 'k', user_id: 'u1' })).toBe(
    "The root value is missing the required field 'event_name'.",
  );
});

describe('endpoint', () => {
  it.each(['', 'mars', 'constructor'])('%j is refused', (endpoint) => {
    const payload = { engage_space: 'k', user_id: 'u', group_id: 'g', event_name: 'e' };
    for (const slug of Object.keys(actions) as ActionSlug[]) {
      expect(built(slug, payload, { endpoint })).toBe(
        'A valid endpoint must be selected. Please check your Segment settings.',
      );
    }
  });
  it('ids are asked for first', () => {
    expect(built('sendIdentify', { engage_space: 'k' }, { endpoint: '' })).toContain('Anonymous ID');
  });
});

describe('consent', () => {
  const good = { categoryPreferences: { ads: false }, other: 1 };
  it.each([
    [good, good],
    [{ categoryPreferences: {} }, { categoryPreferences: {} }],
    [{ categoryPreferences: { ads: 'yes' } }, {}],
    [{ categoryPreferences: [true] }, {}],
    [{ ads: true }, {}],
    ['yes', {}],
    [false, {}],
    [[good], {}],
    [null, {}],
  ])('%j', (given, expected) => {
    const result = actions.sendIdentify.build({ engage_space: 'k', user_id: 'u', consent: given }, local);
    expect(result.ok && result.message.context).toEqual({ consent: expected });
  });
});

describe('subscriptions', () => {
  const k = { engage_space: 'k' };
  const all = {
    email: 'ana@example.org',
    phone: '+33155501234',
    android_push_token: 'and-1',
    ios_push_token: 'ios-1',
  };

  it('a message with everything', () => {
    const payload = {
      ...k,
      ...all,
      user_id: 'u1',
      traits: { plan: 'pro' },
      timestamp: '2026-03-01T09:30:00.000Z',
      message_id: 'm1',
      email_subscription_status: ' Subscribed ',
      subscription_groups: { digest: false, news: '', offers: 'maybe', tips: 'did-not-subscribe' },
      sms_subscription_status: 'false',
      whatsapp_subscription_status: 'DID_NOT_SUBSCRIBE',
      android_push_subscription_status: true,
      ios_push_subscription_status: 'later',
    };
    expect(built('sendSubscription', payload)).toBe(
      JSON.stringify({
        type: 'identify',
        userId: 'u1',
        messageId: 'm1',
        traits: { plan: 'pro' },
        timestamp: '2026-03-01T09:30:00.000Z',
        context: {
          messaging_subscriptions: [
            {
              key: 'ana@example.org',
              type: 'EMAIL',
              status: 'SUBSCRIBED',
              groups: [
                { name: 'digest', status: 'UNSUBSCRIBED' },
                { name: 'news' },
                { name: 'offers', status: 'INVALID' },
                { name: 'tips', status: 'DID_NOT_SUBSCRIBE' },
              ],
            },
            { key: '+33155501234', type: 'SMS', status: 'UNSUBSCRIBED' },
            { key: '+33155501234', type: 'WHATSAPP', status: 'DID_NOT_SUBSCRIBE' },
            { key: 'and-1', type: 'ANDROID_PUSH', status: 'SUBSCRIBED' },
            { key: 'ios-1', type: 'IOS_PUSH', status: 'INVALID' },
          ],
          externalIds: [
            { id: 'ana@example.org', type: 'email', collection: 'users', encoding: 'none' },
            { id: '+33155501234', type: 'phone', collection: 'users', encoding: 'none' },
            { id: 'and-1', type: 'android.push_token', collection: 'users', encoding: 'none' },
            { id: 'ios-1', type: 'ios.push_token', collection: 'users', encoding: 'none' },
          ],
          messaging_subscriptions_retl: true,
          consent: {},
        },
        integrations,
      }),
    );
  });

  it('a contact without a status is an identifier only', () => {
    const result = actions.sendSubscription.build(
      { ...k, email: 'a@b.c', phone: '+1', sms_subscription_status: 'true', email_subscription_status: '  ' },
      local,
    );
    expect(result.ok && result.message.context).toEqual({
      messaging_subscriptions: [{ key: '+1', type: 'SMS', status: 'SUBSCRIBED' }],
      externalIds: [
        { id: 'a@b.c', type: 'email', collection: 'users', encoding: 'none' },
        { id: '+1', type: 'phone', collection: 'users', encoding: 'none' },
      ],
      messaging_subscriptions_retl: true,
      consent: {},
    });
  });

  const status = (value: string) => ({
    email_subscription_status: value,
    sms_subscription_status: value,
    whatsapp_subscription_status: value,
    android_push_subscription_status: value,
    ios_push_subscription_status: value,
  });
  const noContact = 'Either `Email` or `Phone` or `Android_Push_Token` or `Ios_Push_Token` must be defined.';
  const noStatus =
    'If any of `Email`, `Phone`, `Android_Push_Token` or `Ios_Push_Token` is present, `Email_Subscription` or `Sms_Subscription` or `Whatsapp_Subscription` or `Ios_Push_Subscription` or `Android_Push_Subscription` must be defined.';
  const noPhone = 'A valid `Phone` must be defined for `Sms_Subscription` or `Whatsapp_Subscription`.';
  it.each<[JsonObject, string]>([
    [{}, noContact],
    [{ user_id: 'u1', ...status('true') }, noContact],
    [{ email: 'a@b.c' }, noStatus],
    [{ email: 'a@b.c', email_subscription_status: null, subscription_groups: { a: true } }, noStatus],
    [{ phone: '1', ...status('true') }, 'A valid `Email` must be defined for `Email_Subscription`.'],
    [
      { phone: '1', sms_subscription_status: 'true', subscription_groups: { a: true } },
      '`Email_Subscription` must be defined if Subscription Groups are present.',
    ],
    [{ email: 'a@b.c', sms_subscription_status: 'true' }, noPhone],
    [{ email: 'a@b.c', whatsapp_subscription_status: 'true' }, noPhone],
    [
      { email: 'a@b.c', phone: '1', ...status('true') },
      'A valid `Android_Push_Token` must be defined for `Android_Push_Subscription`.',
    ],
    [
      { ...all, ios_push_token: null, ...status('true') },
      'A valid `Ios_Push_Token` must be defined for `Ios_Push_Subscription`.',
    ],
    [
      { ...all, ...status('perhaps') },
      'Invalid Subscription Status in `Email_Subscription` or `Sms_Subscription` or `Whatsapp_Subscription` or `Android_Push_Subscription` or `Ios_Push_Subscription`.',
    ],
  ])('%j is refused', (payload, reason) => {
    expect(built('sendSubscription', { ...k, ...payload })).toBe(reason);
  });

  it('one valid status of five is enough; empty groups need no status', () => {
    expect(
      built('sendSubscription', { ...k, ...all, ...status('perhaps'), sms_subscription_status: 'true' }),
    ).toContain('"status":"INVALID"');
    expect(
      built('sendSubscription', { ...k, phone: '1', sms_subscription_status: 'true', subscription_groups: {} }),
    ).toContain('"SMS"');
  });
});

describe('field mappings', () => {
  it('defaults fill in for fields left out, not for fields set', () => {
    expect(fillDefaults(actions.sendIdentify, { user_id: 'u', timestamp: null })).toEqual({
      user_id: 'u',
      timestamp: null,
      message_id: { '@path': '$.messageId' },
      consent: { '@path': '$.context.consent' },
    });
  });

  it('settings of the vendor’s that travel along have no effect', () => {
    const reserved = {
      __segment_internal_sync_mode: 'add',
      enable_batching: true,
      batch_size: 9,
      retlOnMappingSave: {},
    };
    const fields = { user_id: 'u', engage_space: 'key' };
    expect(fillDefaults(actions.sendIdentify, { ...fields, ...reserved })).toEqual(
      fillDefaults(actions.sendIdentify, fields),
    );
  });

  it('unknown and missing fields are named', () => {
    const faults = checkFields(actions.sendGroup, {
      user_id: 'u',
      emial: 'x',
      group_id: '',
      __segment_internal_directive: {},
    });
    expect(faults.map((fault) => fault.where)).toEqual(['emial', 'engage_space', 'group_id']);
    expect(faults[0]?.message).toContain('Send Group');
    expect(faults[2]?.message).toContain('Group ID');
    expect(checkFields(actions.sendGroup, { engage_space: 'k', group_id: { '@path': '$.a' } })).toEqual([]);
    for (const engage_space of [5, true, [], ['k'], {}, { a: 1 }, { '@literal': 5 }, { '@literal': null }]) {
      expect(checkFields(actions.sendGroup, { engage_space, group_id: 'g' })).toEqual([
        { where: 'engage_space', message: expect.stringContaining('must be text or a directive') },
      ]);
    }
    for (const engage_space of [{ '@path': '$.a' }, { '@literal': 'k' }, { '@literal': { '@path': '$.a' } }]) {
      expect(checkFields(actions.sendGroup, { engage_space, group_id: 'g' })).toEqual([]);
    }
  });

  it('defaults and texts of the definition', () => {
    const defaults = Object.values(actions).map((action) => [action.slug, action.defaultTrigger]);
    expect(defaults).toEqual([
      ['sendIdentify', 'type = "identify"'],
      ['sendGroup', 'type = "group"'],
      ['sendTrack', null],
      ['sendSubscription', 'type = "identify"'],
    ]);
    expect(segmentProfiles.slug).toBe('actions-segment-profiles');
    expect(segmentProfiles.endpoints.map((endpoint) => endpoint.value)).toEqual([
      'local',
      'north_america',
      'europe',
      'custom',
    ]);
  });
});

describe('settings', () => {
  it.each<[string, JsonObject, readonly string[]]>([
    ['none: the endpoint has a default', {}, []],
    ['this server', { endpoint: 'local' }, []],
    ['a region without a token', { endpoint: 'europe' }, ['segment_papi_token']],
    ['a token that is null', { endpoint: 'europe', segment_papi_token: null }, ['segment_papi_token']],
    ['a region with one', { endpoint: 'north_america', segment_papi_token: 't' }, []],
    ['custom without a URL', { endpoint: 'custom' }, ['tracking_url']],
    ['custom without a Public API', { endpoint: 'custom', tracking_url: 'https://x.test/v1' }, []],
    ['an unknown setting, an unknown endpoint', { endpoint: 'mars', retries: 3 }, ['retries', 'endpoint']],
    ['wrong types', { endpoint: 7, segment_papi_token: {} }, ['segment_papi_token', 'endpoint']],
    ['a token of two lines', { endpoint: 'local', segment_papi_token: 'a\nb' }, ['segment_papi_token']],
    [
      'URLs that cannot be used, whatever the endpoint',
      { endpoint: 'local', tracking_url: 'ftp://x.test', public_api_url: 'https://u:p@x.test' },
      ['tracking_url', 'public_api_url'],
    ],
    ['a URL with a blank', { endpoint: 'custom', tracking_url: 'https://x.test/a b' }, ['tracking_url']],
  ])('%s', (_, given, places) => {
    const faults = checkSettings(given);
    expect(faults.map(({ where }) => where)).toEqual(places);
    for (const { message } of faults) expect(message).not.toMatch(/a\nb|u:p|ftp/);
  });
});

test('an action refuses exactly the payloads that lack what it needs', () => {
  for (const slug of Object.keys(actions) as ActionSlug[]) {
    const { needs, build } = actions[slug];
    const fields = [...new Set(needs.flatMap(({ when = [], oneOf }) => [...when, ...oneOf]))];
    const value = (name: string) => {
      if (name.endsWith('groups')) return { digest: true };
      return name.endsWith('status') ? 'subscribed' : 'x';
    };
    for (let chosen = 0; chosen < 2 ** fields.length; chosen++) {
      const there = fields.filter((_, at) => (chosen & (1 << at)) !== 0);
      const payload = {
        ...{ engage_space: 'key', group_id: 'g', event_name: 'e' },
        ...Object.fromEntries(there.map((name) => [name, value(name)])),
      };
      const isMet = needs.every(
        ({ when, oneOf }) =>
          (when !== undefined && !when.some((name) => there.includes(name))) ||
          oneOf.some((name) => there.includes(name)),
      );
      expect(build(payload, local).ok, `${slug} with ${there.join(', ')}`).toBe(isMet);
    }
  }
});

describe('where messages go', () => {
  it.each<[JsonObject, string | null]>([
    [{ endpoint: 'local' }, null],
    [{ endpoint: 'north_america' }, 'https://api.segment.io/v1'],
    [{ endpoint: 'europe', tracking_url: 'https://x.test' }, 'http://127.0.0.1:1/v1'],
    [{ endpoint: 'custom', tracking_url: 'http://127.0.0.1:2/v1' }, 'http://127.0.0.1:2/v1'],
    [{ endpoint: 'custom' }, null],
    [{ endpoint: 'custom', tracking_url: 'https://user:secret@x.test/v1' }, null],
    [{ endpoint: 'custom', tracking_url: 'https://x.test/v1?a=b' }, null],
    [{ endpoint: 'custom', tracking_url: 'ftp://x.test/v1' }, null],
    [{ endpoint: 'mars' }, null],
  ])('%j', (settings, url) => {
    expect(trackingUrlOf(settings, { europe: 'http://127.0.0.1:1/v1' })).toBe(url);
  });

  it.each<[JsonObject, readonly string[]]>([
    [{}, []],
    [{ endpoint: 'local' }, []],
    [{ endpoint: 'europe' }, ['segment_papi_token']],
    [{ endpoint: 'north_america', segment_papi_token: 't' }, []],
    [{ endpoint: 'custom' }, ['tracking_url']],
    [{ endpoint: 'custom', tracking_url: 'x', public_api_url: 'y' }, ['tracking_url', 'public_api_url']],
  ])('faults of %j', (settings, places) => {
    expect(checkSettings(settings).map(({ where }) => where)).toEqual(places);
  });
});
