import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../base/json.ts';
import { basicKey, buildTracking, type TrackingUnderTest, writeKey } from './memory.test-support.ts';
import { pixel } from './pixel.ts';

let api: TrackingUnderTest;
beforeEach(async () => {
  api = await buildTracking();
});
afterEach(() => api.close());

async function get(url: string, headers = {}): Promise<void> {
  const answer = await api.app.inject({ method: 'GET', url, headers });
  expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'image/gif']);
  expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'access-control-allow-origin': '*' });
  expect(answer.rawPayload.equals(pixel)).toBe(true);
}

const stored = () => api.inlet.messages().map(({ message }) => message);
const data = (value: JsonObject, encoding: BufferEncoding = 'base64') =>
  Buffer.from(JSON.stringify(value)).toString(encoding);

const open = { writeKey, userId: 'u-1', event: 'Opened ÿÿ>?', properties: { subject: 'Grüße >>> ???' } };

describe('a pixel takes', () => {
  test('an image of one dot', () => {
    expect(pixel.subarray(0, 10).toString('latin1')).toBe('GIF89a\x01\x00\x01\x00');
  });

  test.each(['base64', 'base64url'] as const)('data as %s', async (encoding) => {
    await get(`/v1/pixel/track?data=${encodeURIComponent(data(open, encoding))}`);
    // Neither the plus nor the padding is always escaped.
    await get(`/v1/pixel/track?data=${data(open, encoding).replace(/=+$/, '')}`);
    const { writeKey: _, ...sent } = open;
    for (const message of stored()) expect(message).toMatchObject({ ...sent, type: 'track' });
    expect(stored()).toHaveLength(2);
    expect(stored()[0]).not.toHaveProperty('writeKey');
  });

  test('the write key beside the data, or in HTTP Basic', async () => {
    await get(`/v1/pixel/identify?data=${data({ userId: 'u' }, 'base64url')}&writeKey=${writeKey}`);
    await get(`/v1/pixel/identify?data=${data({ userId: 'u' }, 'base64url')}`, basicKey(writeKey));
    expect(stored()).toHaveLength(2);
  });

  test('plain parameters, whose dots lead into objects', async () => {
    await get(
      `/v1/pixel/track?userId=u1&event=Opened+Mail&properties.subject=Hi%20there&properties.a.b=1&properties.a.c=2` +
        `&context.active=false&writeKey=${writeKey}&event=Opened`,
    );
    expect(stored()[0]).toMatchObject({
      type: 'track',
      userId: 'u1',
      event: 'Opened',
      properties: { subject: 'Hi there', a: { b: '1', c: '2' } },
      context: { active: 'false' },
    });
  });

  test.each(['identify', 'group', 'alias', 'page', 'screen', 'track'])('%s', async (type) => {
    await get(`/v1/pixel/${type}?writeKey=${writeKey}&userId=u&groupId=g&previousId=p&event=E`);
    expect(stored().map((message) => message.type)).toEqual([type]);
  });

  test('keys like __proto__ as keys like others', async () => {
    await get(`/v1/pixel/identify?writeKey=${writeKey}&userId=u&traits.__proto__.a=1&__proto__.userId=p`);
    expect(api.inlet.messages()[0]?.text).toContain('"traits":{"__proto__":{"a":"1"}}');
    expect(({} as { a?: unknown }).a).toBeUndefined();
  });
});

describe('a pixel is an image also when nothing is taken, and says why in the discards', () => {
  test.each<[string, string, string, string]>([
    ['no parameters', '', '', 'bad_request'],
    ['an unknown write key', '?writeKey=wk_nobody&userId=u', '', 'unknown_source'],
    ['data that is no JSON', '?data=%25%25%25', '', 'bad_request'],
    ['data that is no object', `?data=${Buffer.from('[]').toString('base64url')}`, '', 'bad_request'],
    ['no event', `?writeKey=${writeKey}&userId=u`, 'evs_site', 'event_not_defined'],
    ['a broken escape', `?writeKey=${writeKey}&userId=%zz`, 'evs_site', 'event_not_defined'],
    [
      'a path of thousands of steps',
      `?writeKey=${writeKey}&userId=u&event=E&properties${'.a'.repeat(5_000)}=1`,
      '',
      'bad_request',
    ],
  ])('%s', async (_, query, streamId, code) => {
    await get(`/v1/pixel/track${query}`);
    expect(stored()).toEqual([]);
    expect(api.discards.notes).toEqual([{ streamId, code, messageId: null, count: 1 }]);
  });

  test.each(['full', 'fail'] as const)('an inlet that is in the mode %s', async (mode) => {
    api.inlet.mode = mode;
    await get(`/v1/pixel/track?writeKey=${writeKey}&userId=u&event=E`);
    expect(api.discards.codes).toEqual(['pixel_not_stored']);
  });
});
