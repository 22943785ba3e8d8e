/** Which messages are not taken, and what is noted of them. The sender sees success throughout. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../base/json.ts';
import { buildTracking, nested, type TrackingUnderTest } from './memory.test-support.ts';

let api: TrackingUnderTest;
beforeAll(async () => {
  api = await buildTracking();
});
beforeEach(() => {
  api.inlet.taken.length = 0;
  api.discards.notes.length = 0;
  api.discards.events.length = 0;
});
afterAll(() => api.close());

const consent = { type: 'track', userId: 'u', event: 'Segment Consent Preference Updated' };
const withPreferences = { consent: { categoryPreferences: { Advertising: true } } };
const good: JsonObject = { type: 'track', userId: 'good', event: 'E' };

async function codeOf(item: Json | undefined): Promise<string | null> {
  const answer = await api.post('/v1/batch', { batch: [item, good] });
  expect([answer.status, answer.json]).toEqual([200, { success: true }]);
  const [only, summary, ...more] = api.discards.notes;
  if (only === undefined) {
    expect(api.inlet.messages()).toHaveLength(2);
    return null;
  }
  expect(api.inlet.messages().map(({ message }) => message.userId)).toEqual(['good']);
  expect(summary).toEqual({ streamId: 'evs_site', code: 'multi_user_error', messageId: null, count: 1 });
  expect([only.streamId, only.count, more]).toEqual(['evs_site', 1, []]);
  return only.code;
}

describe('a message of a batch is discarded with its code, the other one is taken', () => {
  test.each<[string, Json]>([
    ['message_not_object', null],
    ['message_not_object', 'track'],
    ['message_not_object', [good]],
    ['invalid_type', {}],
    ['invalid_type', { userId: 'u' }],
    ['invalid_type', { type: 'Track', userId: 'u' }],
    ['invalid_type', { type: 'constructor', userId: 'u' }],
    ['invalid_type', { type: ['track'], userId: 'u' }],
    ['invalid_type', { type: 'other', action: 'track', userId: 'u' }],
    ['no_user_anon_id', { type: 'identify' }],
    ['no_user_anon_id', { type: 'identify', userId: null, anonymousId: null }],
    ['no_user_anon_id', { type: 'group', groupId: 'g' }],
    ['no_user_anon_id', { type: 'alias' }],
    ['previous_id_missing', { type: 'alias', previousId: 'p' }],
    ['id_not_string', { type: 'identify', userId: '' }],
    ['id_not_string', { type: 'identify', userId: '', anonymousId: 'a' }],
    ['id_not_string', { type: 'identify', userId: 'u', anonymousId: '' }],
    ['id_not_string', { type: 'identify', userId: 12 }],
    ['id_not_string', { type: 'identify', anonymousId: {} }],
    ['event_not_defined', { type: 'track', userId: 'u' }],
    ['event_not_defined', { type: 'track', userId: 'u', event: '' }],
    ['event_not_defined', { type: 'track', userId: 'u', event: null }],
    ['event_not_string', { type: 'track', userId: 'u', event: 4 }],
    ['properties_not_object', { type: 'track', userId: 'u', event: 'E', properties: [] }],
    ['properties_not_object', { type: 'page', userId: 'u', properties: 'x' }],
    ['properties_not_object', { type: 'screen', userId: 'u', properties: 0 }],
    ['traits_not_object', { type: 'identify', userId: 'u', traits: 'x' }],
    ['traits_not_object', { type: 'group', userId: 'u', groupId: 'g', traits: [1] }],
    ['name_not_string', { type: 'page', userId: 'u', name: '' }],
    ['name_not_string', { type: 'screen', userId: 'u', name: 1 }],
    ['category_not_string', { type: 'page', userId: 'u', category: '' }],
    ['category_not_string', { type: 'screen', userId: 'u', category: {} }],
    ['group_id_missing', { type: 'group', userId: 'u' }],
    ['group_id_missing', { type: 'group', userId: 'u', groupId: '' }],
    ['group_id_missing', { type: 'group', userId: 'u', groupId: 7 }],
    ['previous_id_missing', { type: 'alias', userId: 'u' }],
    ['previous_id_missing', { type: 'alias', anonymousId: 'a', previousId: 'p' }],
    ['message_id_too_long', { ...good, messageId: 'm'.repeat(101) }],
    ['message_id_too_long', { ...good, messageId: '😀'.repeat(101) }],
    ['consent_categorypreferences_should_exist', consent],
    ['consent_categorypreferences_should_exist', { ...consent, context: { consent: {} } }],
    [
      'consent_categorypreferences_fields_should_be_object',
      { ...consent, context: { consent: { categoryPreferences: [] } } },
    ],
    [
      'device_advertisingid_should_be_string',
      { ...consent, context: { ...withPreferences, device: { advertisingId: 5 } } },
    ],
    ['payload_too_large', { ...good, properties: { text: 'x'.repeat(33_000) } }],
    ['nesting_too_deep', { ...good, properties: JSON.parse(nested(500)) }],
  ])('%s: %j', async (code, item) => {
    expect(await codeOf(item)).toBe(code);
  });
});

describe('taken are', () => {
  test.each<[string, Json]>([
    [
      'nulls that count as absent',
      { type: 'page', anonymousId: 'a', userId: null, name: null, category: null, properties: null },
    ],
    ['an identify without traits', { type: 'identify', userId: 'u', traits: null }],
    ['any contents of traits', { type: 'identify', userId: 'u', traits: { a: null, b: [{}], '': 1, $: { $: [] } } }],
    ['traits on a track, whatever they are', { ...good, traits: 'x' }],
    ['other events with any consent object', { ...good, context: { consent: { categoryPreferences: 'x' } } }],
    ['consent that is complete', { ...consent, context: { ...withPreferences, device: { advertisingId: 'x' } } }],
    ['consent without a device', { ...consent, context: withPreferences }],
    ['an id of 100 characters', { ...good, messageId: 'm'.repeat(100) }],
    ['an id of 100 characters of two units each', { ...good, messageId: '😀'.repeat(100) }],
    ['499 levels below the message', { ...good, properties: JSON.parse(nested(499)) }],
    ['an alias', { type: 'alias', userId: 'u', previousId: 'p' }],
  ])('%s', async (_, item) => {
    expect(await codeOf(item)).toBeNull();
  });
});

describe('of a whole batch', () => {
  test('that is empty: empty_batch', async () => {
    expect((await api.post('/v1/batch', { batch: [] })).status).toBe(200);
    expect(api.discards.notes).toEqual([{ streamId: 'evs_site', code: 'empty_batch', messageId: null, count: 1 }]);
  });

  test('of which nothing is left: empty_batch_result', async () => {
    expect((await api.post('/v1/batch', { batch: [{ messageId: 'a' }, 5] })).status).toBe(200);
    expect(api.discards.notes.map(({ code, messageId }) => [code, messageId])).toEqual([
      ['invalid_type', 'a'],
      ['message_not_object', null],
      ['empty_batch_result', null],
    ]);
    expect(api.inlet.taken).toEqual([]);
  });

  test('whose root is nested too deep: every message', async () => {
    await api.post('/v1/batch', `{"context":${nested(500)},"batch":[${JSON.stringify(good)},${JSON.stringify(good)}]}`);
    expect(api.discards.codes).toEqual(['nesting_too_deep', 'nesting_too_deep', 'empty_batch_result']);
    await api.post('/v1/batch', `{"context":${nested(499)},"batch":[${JSON.stringify(good)}]}`);
    expect(api.inlet.messages()).toHaveLength(1);
  });
});

test('type and name of the event are told as far as they could be read', async () => {
  const batch = [
    { type: 'track', event: 'Paid' },
    { type: 'track', userId: 'u', event: 7 },
    { action: 'page', name: 'not its name', event: 'neither' },
    { type: 'identify', event: 'no name of it' },
    { type: 'odd', event: 'Paid' },
  ];
  expect((await api.post('/v1/batch', { batch })).status).toBe(200);
  expect((await api.post('/v1/track', { event: 'Left' })).status).toBe(200);
  expect(api.discards.events).toEqual([
    { type: 'track', name: 'Paid' },
    { type: 'track', name: '' },
    { type: 'page', name: 'Page Viewed' },
    { type: 'identify', name: '' },
    undefined,
    undefined,
    { type: 'track', name: 'Left' },
  ]);
});

test('of a message of its own the same codes are noted', async () => {
  for (const [path, body] of [
    ['/v1/track', { messageId: 'm-1', userId: 'u' }],
    ['/v1/g', { userId: 'u' }],
  ] as const) {
    expect((await api.post(path, body)).json).toEqual({ success: true });
  }
  expect((await api.post('/v1/t', `{"userId":"u","event":"E","properties":${nested(500)}}`)).status).toBe(200);
  expect(api.discards.notes.map(({ code, messageId }) => [code, messageId])).toEqual([
    ['event_not_defined', 'm-1'],
    ['group_id_missing', null],
    ['nesting_too_deep', null],
  ]);
  expect(api.inlet.taken).toEqual([]);
});
