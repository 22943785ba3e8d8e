/**
 * What the Profile API answers, from any space: run with a factory by the tests of each reader. The space is filled with
 * messages, so that the suite says nothing about how profiles are kept.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../base/json.ts';
import type { IncomingMessage, ProfileTrait, SpaceReader } from '../../space/space.ts';
import { type Answer, type ApiUnderTest, startApi } from './http-client.conformance.ts';

export interface SpaceUnderTest {
  readonly reader: SpaceReader;
  readonly spaceNo: number;
  /** Applies messages in order. The space has default settings and is empty before. */
  send(messages: readonly IncomingMessage[]): Promise<void>;
  /** Gives a user's trait the class of a computation. Left out: the space has no computations, and those tests are skipped. */
  readonly classify?: (userId: string, key: string, traitClass: ProfileTrait['class']) => Promise<void>;
  close(): Promise<void>;
}

const begin = Date.parse('2025-10-01T08:00:00.000Z');
let sent = 0;

/** A message of the next second. */
function message(fields: JsonObject): IncomingMessage {
  sent += 1;
  const receivedAt = new Date(begin + sent * 1000);
  return {
    message: { messageId: `m-${sent}`, timestamp: receivedAt.toISOString(), ...fields },
    receivedAt,
    sourceId: 'src-shop',
  };
}

function externalIds(ids: readonly { readonly type: string; readonly id: string }[]): JsonObject {
  return { externalIds: ids.map((id) => ({ ...id, collection: 'users', encoding: 'none' })) };
}

const anaTraits = {
  city: 'Lyon',
  'Plan Tier': 'gold',
  lifetime_orders: 12,
  vip_buyers: true,
  gone: 'soon',
  email: 'Ana@Example.org',
  größe: 'M',
  '10': 'ten',
  '9': 'nine',
  '😀': 'above the basic plane',
  '｡': 'below it, though its UTF-16 unit is larger',
  'a,b': 'comma',
  address: { city: 'Lyon', tags: [1, 'two', null] },
  nothing: '',
  zero: 0,
  constructor: 'a key like any other',
};
const anaKeys = Object.keys(anaTraits)
  .filter((key) => key !== 'gone')
  .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

const oddValues = [
  '+33155501234',
  'a+b@example.org',
  'urn:isbn:12:34',
  'a/b?c#d&e=f;g',
  '100%',
  '%2B',
  '%zz',
  'with space',
  'ü·漢字',
  '😀 party 🎉',
  'traits',
  '😀'.repeat(500),
  'x'.repeat(500),
];

const manyTypes = Array.from({ length: 30 }, (_, i) => ({ type: `card_${i}`, id: `number-${i}` }));
const manyTraits = Object.fromEntries(Array.from({ length: 230 }, (_, i) => [`k${String(i).padStart(3, '0')}`, i]));

function seed(): IncomingMessage[] {
  return [
    message({ type: 'identify', userId: 'c-501', traits: anaTraits }),
    message({ type: 'identify', userId: 'c-501', anonymousId: 'a-501', traits: { gone: null } }),
    message({ type: 'identify', userId: 'c-230', traits: manyTraits }),
    message({
      type: 'identify',
      userId: 'c-halves',
      traits: { 'a\0': 1, 'b\ud800': 2, 'b\ud801': 3, '': 4 },
    }),
    message({ type: 'identify', userId: 'c-ids', traits: {} }),
    message({ type: 'identify', userId: 'c-ids', traits: {}, context: externalIds(manyTypes) }),
    ...oddValues.map((id, i) =>
      message({ type: 'identify', userId: `odd-${i}`, traits: { i }, context: externalIds([{ type: 'note', id }]) }),
    ),
    message({ type: 'group', userId: 'c-501', groupId: 'org-88', traits: { name: 'Eighty-Eight', size: 40 } }),
    ...Array.from({ length: 23 }, (_, i) =>
      message({ type: 'group', userId: 'c-links', groupId: `org-link-${i}`, traits: { i } }),
    ),
  ];
}

/** Follows `cursor.url` to the end, as connectors do. */
async function follow(api: ApiUnderTest, path: string): Promise<Answer[]> {
  const pages = [await api.profiles(path)];
  for (let page = pages[0]; page?.json.cursor.has_more; page = pages.at(-1)) {
    const url = new URL(page.json.cursor.url);
    expect(url.origin).toBe(api.serving.url);
    expect(url.searchParams.get('next')).toBe(page.json.cursor.next);
    pages.push(await api.request(url.pathname + url.search));
  }
  for (const page of pages) expect(page.status).toBe(200);
  expect(pages.at(-1)?.json.cursor).toMatchObject({ url: '', has_more: false, next: '' });
  return pages;
}

/** The keys of `traits` as they stand in the text: JavaScript would reorder the numeric ones. */
function keysInText(text: string): string[] {
  const inside = text.slice('{"traits":{'.length);
  const keys: string[] = [];
  for (let depth = 0, i = 0; i < inside.length; i += 1) {
    if (inside[i] === '"') {
      const end = i + (/^"(?:[^"\\]|\\.)*"/.exec(inside.slice(i))?.[0].length ?? 1);
      if (depth === 0 && inside[end] === ':') keys.push(JSON.parse(inside.slice(i, end)));
      i = end - 1;
    } else if (inside[i] === '{' || inside[i] === '[') depth += 1;
    else if (inside[i] === '}' || inside[i] === ']') {
      if (depth === 0) return keys;
      depth -= 1;
    }
  }
  return keys;
}

export function profileApiConformance(name: string, open: () => Promise<SpaceUnderTest>): void {
  describe(`Profile API on ${name}`, () => {
    let space: SpaceUnderTest;
    let api: ApiUnderTest;
    beforeAll(async () => {
      space = await open();
      await space.send(seed());
      api = await startApi({ reader: space.reader, spaceNo: space.spaceNo });
    });
    afterAll(async () => {
      await api?.serving.close();
      await space?.close();
    });

    const segmentIdOf = async (path: string): Promise<string> =>
      (await api.profiles(`${path}/metadata`)).json.segment_id;

    describe('traits', () => {
      test('come in the order of code points, ten to a page, removed ones left out', async () => {
        const first = await api.profiles('users/profiles/user_id:c-501/traits');
        expect(first.status).toBe(200);
        expect(first.headers['content-type']).toBe('application/json');
        expect(first.headers['cache-control']).toBe('no-store');
        expect(keysInText(first.text)).toEqual(anaKeys.slice(0, 10));
        expect(first.json.cursor).toMatchObject({ has_more: true, next: anaKeys[10], limit: 10 });
        const pages = await follow(api, 'users/profiles/user_id:c-501/traits');
        expect(pages.flatMap((page) => keysInText(page.text))).toEqual(anaKeys);
        const { gone: _, ...expected } = anaTraits;
        expect(Object.assign({}, ...pages.map((page) => page.json.traits))).toEqual(expected);
      });

      test('limit=500 on 230 traits: 200, then 30', async () => {
        const pages = await follow(api, 'users/profiles/user_id:c-230/traits?limit=500');
        expect(pages.map((page) => Object.keys(page.json.traits).length)).toEqual([200, 30]);
        expect(pages.map((page) => page.json.cursor.limit)).toEqual([200, 200]);
      });

      test('include takes the keys it names, in one page', async () => {
        const keys = Object.keys(manyTraits).slice(0, 40);
        const { json } = await api.profiles(`users/profiles/user_id:c-230/traits?include=${keys.join(',')},unknown`);
        expect(Object.keys(json.traits)).toEqual(keys);
        expect(json.cursor).toEqual({ url: '', has_more: false, next: '', limit: 41 });
      });

      test('include is split at raw commas, then decoded', async () => {
        const get = async (include: string) =>
          (await api.profiles(`users/profiles/user_id:c-501/traits?include=${include}`)).json.traits;
        expect(await get('a%2Cb,zero')).toEqual({ 'a,b': 'comma', zero: 0 });
        expect(await get('Plan%20Tier,Plan+Tier')).toEqual({ 'Plan Tier': 'gold' });
        expect(await get('gr%C3%B6%C3%9Fe,%F0%9F%98%80')).toEqual({ größe: 'M', '😀': anaTraits['😀'] });
        expect(await get('nobody')).toEqual({});
      });

      test('include with a limit is paged, and the address of the next page keeps it', async () => {
        const pages = await follow(
          api,
          'users/profiles/user_id:c-501/traits?limit=2&verbose=true&include=a%2Cb,zero,city,email,Plan%20Tier',
        );
        expect(pages.map((page) => Object.keys(page.json.traits))).toEqual([
          ['Plan Tier', 'a,b'],
          ['city', 'email'],
          ['zero'],
        ]);
        expect(pages.at(-1)?.json.traits.zero).toMatchObject({ value: 0, source_id: 'src-shop' });
      });

      test('verbose adds where each came from and when', async () => {
        const { json } = await api.profiles('users/profiles/user_id:c-501/traits?verbose=true&include=city');
        expect(json.traits).toEqual({
          city: { value: 'Lyon', source_id: 'src-shop', updated_at: '2025-10-01T08:00:01.000Z' },
        });
        const plain = await api.profiles('users/profiles/user_id:c-501/traits?verbose=false&include=city');
        expect(plain.json.traits).toEqual({ city: 'Lyon' });
      });

      test('a profile without traits has none', async () => {
        const { status, json } = await api.profiles('users/profiles/user_id:c-ids/traits');
        expect(status).toBe(200);
        expect(json).toEqual({ traits: {}, cursor: { url: '', has_more: false, next: '', limit: 10 } });
      });

      test('class selects computations only', async (context) => {
        const empty = await api.profiles('users/profiles/user_id:c-ids/traits?class=audience');
        expect(empty.json.traits).toEqual({});
        if (space.classify === undefined) return context.skip();
        await space.send([
          message({ type: 'identify', userId: 'c-class', traits: { plan: 'x', left: false, orders: 2 } }),
        ]);
        await space.classify('c-class', 'left', 'audience');
        await space.classify('c-class', 'orders', 'computed_trait');
        const get = async (query: string) =>
          (await api.profiles(`users/profiles/user_id:c-class/traits${query}`)).json.traits;
        expect(await get('')).toEqual({ plan: 'x', left: false, orders: 2 });
        expect(await get('?class=audience')).toEqual({ left: false });
        expect(await get('?class=computed_trait')).toEqual({ orders: 2 });
        expect(await get('?class=audience&include=plan,orders')).toEqual({});
      });

      test('whose keys no address can hold are paged like others', async () => {
        const pages = await follow(api, 'users/profiles/user_id:c-halves/traits?limit=1');
        const keys = pages.flatMap(({ json }) => Object.keys(json.traits));
        expect(keys).toEqual(['', 'a\0', 'b\ud800', 'b\ud801']);
      });

      test('of an account', async () => {
        const { json } = await api.profiles('accounts/profiles/group_id:org-88/traits');
        expect(json.traits).toEqual({ name: 'Eighty-Eight', size: 40 });
      });

      test.each(['zzz', 'c', '%zz', '%00'])(
        'the cursor %s, which is no key of the profile, is refused',
        async (next) => {
          const { status, json } = await api.profiles(`users/profiles/user_id:c-501/traits?next=${next}`);
          expect(status).toBe(400);
          expect(json.error.code).toBe('invalid_request_error');
        },
      );
    });

    describe('external_ids', () => {
      test('come newest first, with exactly these members', async () => {
        const { json } = await api.profiles('users/profiles/user_id:c-501/external_ids');
        const [newest, ...older] = json.data.map((item: { type: string }) => item.type);
        expect(newest).toBe('anonymous_id');
        expect(older.sort()).toEqual(['email', 'user_id']);
        expect(json.data[0]).toEqual({
          source_id: 'src-shop',
          collection: 'users',
          id: 'a-501',
          type: 'anonymous_id',
          created_at: '2025-10-01T08:00:02.000Z',
          encoding: 'none',
          first_message_id: 'm-2',
        });
        expect(json.cursor).toEqual({ url: '', has_more: false, next: '', limit: 10 });
      });

      test('are found by the lower-case form of an e-mail only', async () => {
        expect((await api.profiles('users/profiles/email:ana@example.org/external_ids')).status).toBe(200);
        expect((await api.profiles('users/profiles/email:Ana@Example.org/external_ids')).status).toBe(404);
      });

      test('ten to a page, at most 25', async () => {
        const pages = await follow(api, 'users/profiles/user_id:c-ids/external_ids');
        expect(pages.map((page) => page.json.data.length)).toEqual([10, 10, 10, 1]);
        const ids = pages.flatMap((page) => page.json.data.map((item: { id: string }) => item.id));
        expect(new Set(ids)).toEqual(new Set(['c-ids', ...manyTypes.map(({ id }) => id)]));
        expect(ids.at(-1)).toBe('c-ids');
        const large = await follow(api, 'users/profiles/user_id:c-ids/external_ids?limit=100');
        expect(large.map((page) => [page.json.data.length, page.json.cursor.limit])).toEqual([
          [25, 25],
          [6, 25],
        ]);
      });

      test('include takes the types it names, also across pages', async () => {
        const pages = await follow(
          api,
          'users/profiles/user_id:c-ids/external_ids?limit=2&include=card_1,card_2,user_id,none',
        );
        const types = pages.map((page) => page.json.data.map((item: { type: string }) => item.type));
        expect(types.map((page) => page.length)).toEqual([2, 1]);
        expect(types[1]).toEqual(['user_id']);
      });

      test('verbose adds when each was last seen', async () => {
        const { json } = await api.profiles(
          'users/profiles/user_id:c-501/external_ids?verbose=true&include=anonymous_id',
        );
        expect(new Date(json.data[0].last_seen_at).toISOString()).toBe(json.data[0].last_seen_at);
      });

      test.each(['map_0', 'zzz', '0'])('the cursor %s is refused', async (next) => {
        const { status, json } = await api.profiles(`users/profiles/user_id:c-ids/external_ids?next=${next}`);
        expect([status, json.error.code]).toEqual([400, 'invalid_request_error']);
      });
    });

    describe('metadata', () => {
      test('says by what the profile began and changed last', async () => {
        const first = message({ type: 'identify', userId: 'c-meta', traits: { a: 1 } });
        const last = message({ type: 'identify', userId: 'c-meta', traits: { a: 2 } });
        await space.send([first, last]);
        const { json } = await api.profiles('users/profiles/user_id:c-meta/metadata');
        expect(json).toEqual({
          segment_id: expect.stringMatching(/^use_[0-9A-Za-z]{27}$/),
          metadata: {
            created_at: first.receivedAt.toISOString(),
            updated_at: expect.stringMatching(/^\d{4}-.*Z$/),
            expires_at: null,
            first_message_id: first.message.messageId,
            first_source_id: 'src-shop',
            last_message_id: last.message.messageId,
            last_source_id: 'src-shop',
          },
        });
      });

      test('verbose tells of merges; a merged profile answers as its parent', async () => {
        await space.send([
          message({ type: 'identify', userId: 'c-parent', traits: { a: 1 } }),
          message({ type: 'identify', anonymousId: 'a-child', traits: { b: 2 } }),
        ]);
        const parent = await segmentIdOf('users/profiles/user_id:c-parent');
        const child = await segmentIdOf('users/profiles/anonymous_id:a-child');
        expect(child).not.toBe(parent);
        await space.send([message({ type: 'identify', userId: 'c-parent', anonymousId: 'a-child', traits: {} })]);
        for (const id of ['user_id:c-parent', 'anonymous_id:a-child', parent, child, `segment_id:${child}`]) {
          const { json } = await api.profiles(`users/profiles/${id}/metadata?verbose=true`);
          expect(json.segment_id).toBe(parent);
          expect(json.metadata).toMatchObject({ merges: 1, mappings: 2, merged_segment_ids: [child] });
          expect((await api.profiles(`users/profiles/${id}/traits`)).json.traits).toEqual({ a: 1, b: 2 });
        }
      });

      test('an account has a segment id of its own kind', async () => {
        const id = await segmentIdOf('accounts/profiles/group_id:org-88');
        expect(id).toMatch(/^acc_[0-9A-Za-z]{27}$/);
        expect((await api.profiles(`accounts/profiles/${id}/metadata`)).json.segment_id).toBe(id);
        expect((await api.profiles(`users/profiles/${id}/metadata`)).status).toBe(404);
      });
    });

    describe('links', () => {
      test('lead from users to accounts and back', async () => {
        const forth = await api.profiles('users/profiles/user_id:c-501/links');
        expect(forth.json).toEqual({
          data: [
            {
              to_collection: 'accounts',
              external_ids: [
                {
                  id: 'org-88',
                  type: 'group_id',
                  source_id: 'src-shop',
                  collection: 'accounts',
                  created_at: expect.stringMatching(/^2025-10-01T.*Z$/),
                  encoding: 'none',
                },
              ],
            },
          ],
          cursor: { url: '', has_more: false, next: '', limit: 20 },
        });
        const back = await api.profiles('accounts/profiles/group_id:org-88/links');
        expect(back.json.data).toHaveLength(1);
        expect(back.json.data[0].to_collection).toBe('users');
        expect(back.json.data[0].external_ids.map((id: { id: string }) => id.id)).toContain('c-501');
      });

      test('newest first, 20 to a page at most', async () => {
        const pages = await follow(api, 'users/profiles/user_id:c-links/links?limit=500');
        expect(pages.map((page) => page.json.data.length)).toEqual([20, 3]);
        const groups = pages.flatMap((page) =>
          page.json.data.map((link: { external_ids: { id: string }[] }) => link.external_ids[0]?.id),
        );
        expect(groups).toEqual(Array.from({ length: 23 }, (_, i) => `org-link-${22 - i}`));
        const small = await follow(api, 'users/profiles/user_id:c-links/links?limit=9');
        expect(small.map((page) => page.json.data.length)).toEqual([9, 9, 5]);
      });

      test('of a profile without links there are none; of no profile, 404', async () => {
        expect((await api.profiles('users/profiles/user_id:c-230/links')).json.data).toEqual([]);
        expect((await api.profiles('users/profiles/user_id:nobody/links')).status).toBe(404);
      });

      test.each(['zzz', '-1', '%00'])('the cursor %s is refused', async (next) => {
        const { status, json } = await api.profiles(`users/profiles/user_id:c-links/links?next=${next}`);
        expect([status, json.error.code]).toEqual([400, 'invalid_request_error']);
      });
    });

    describe('list', () => {
      test('each profile once, most recently updated first; 0 is the first page', async () => {
        const pages = await follow(api, 'users/profiles?limit=7');
        const items = pages.flatMap((page) => page.json.data as { segment_id: string; updated_at: string }[]);
        expect(items).toHaveLength(await space.reader.count(space.spaceNo, 'users'));
        expect(new Set(items.map((item) => item.segment_id)).size).toBe(items.length);
        const times = items.map((item) => item.updated_at);
        expect(times).toEqual([...times].sort().reverse());
        const zero = await api.profiles('users/profiles?limit=7&next=0');
        expect(zero.json.data).toEqual(pages[0]?.json.data);
        expect(Object.keys(items[0] ?? {})).toEqual(['segment_id', 'updated_at']);
      });

      test('ten by default, a hundred at most', async () => {
        expect((await api.profiles('users/profiles')).json.cursor.limit).toBe(10);
        expect((await api.profiles('accounts/profiles')).json.data).toHaveLength(10);
        expect((await api.profiles('accounts/profiles?limit=1000')).json.cursor.limit).toBe(100);
      });

      test.each(['zzz', '1'])('the cursor %s is refused', async (next) => {
        const { status, json } = await api.profiles(`users/profiles?next=${next}`);
        expect([status, json.error.code]).toEqual([400, 'invalid_request_error']);
      });
    });

    describe('identifiers in the path', () => {
      test.each(oddValues.map((value, i) => [value.slice(0, 20), value, i] as const))(
        'note:%s',
        async (_, value, i) => {
          const encoded = await api.profiles(`users/profiles/note:${encodeURIComponent(value)}/traits`);
          expect(encoded.json).toMatchObject({ traits: { i } });
          const wholly = await api.profiles(`users/profiles/${encodeURIComponent(`note:${value}`)}/traits`);
          expect(wholly.json).toMatchObject({ traits: { i } });
        },
      );

      test('a plus is a plus, escaped or not', async () => {
        expect((await api.profiles('users/profiles/note:+33155501234/traits')).status).toBe(200);
        expect((await api.profiles('users/profiles/note:%2B33155501234/traits')).status).toBe(200);
        expect((await api.profiles('users/profiles/note:%2533155501234/traits')).status).toBe(404);
        expect((await api.profiles('users/profiles/note:with+space/traits')).status).toBe(404);
      });

      test('comparison is exact', async () => {
        for (const id of ['note:URN:isbn:12:34', 'note:urn', 'user_id:C-501', 'user_id:%20c-501', 'note:%25252B']) {
          expect((await api.profiles(`users/profiles/${id}/traits`)).status).toBe(404);
        }
      });

      test('a trailing slash does no harm', async () => {
        expect((await api.profiles('users/profiles/user_id:c-501/traits/?limit=1')).status).toBe(200);
        expect((await api.profiles('users/profiles/?limit=1')).status).toBe(200);
      });

      test.each([
        'user_id:',
        'user_id:%00',
        'user_id:c-501%00',
        'c-501',
        'use_nobody',
        'segment_id:c-501',
        `user_id:${'x'.repeat(3000)}`,
        'group_id:org-88',
        'unknown_type:c-501',
      ])('%.30s is nobody', async (id) => {
        const { status, json } = await api.profiles(`users/profiles/${id}/traits`);
        expect(status).toBe(404);
        expect(json).toEqual({ error: { code: 'not_found', message: 'Profile was not found.' } });
      });
    });

    test('the alias /v1/namespaces answers alike', async () => {
      const answer = await api.request('/v1/namespaces/spa_test/collections/users/profiles/note:100%25/traits');
      expect(answer.json.traits).toEqual({ i: oddValues.indexOf('100%') });
    });
  });
}
