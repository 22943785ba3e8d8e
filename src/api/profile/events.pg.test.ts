/** `GET …/events` on the real space. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../base/json.ts';
import { openRealSpace, type RealSpace } from './real-space.conformance.ts';

let real: RealSpace;
beforeAll(async () => {
  real = await openRealSpace();
});
afterAll(() => real[Symbol.asyncDispose]());

const track = (userId: string, event: string, more: JsonObject = {}): JsonObject => ({
  type: 'track',
  userId,
  event,
  ...more,
});
const day = 24 * 60 * 60 * 1000;
const hoursAgo = (hours: number) => new Date(real.clock.now().getTime() - hours * 3_600_000).toISOString();
const names = async (path: string): Promise<string[]> =>
  (await real.all(path)).map(({ event }: { event: string }) => event);
const segmentIdOf = async (id: string): Promise<string> =>
  (await real.get(`users/profiles/${id}/metadata`)).json.segment_id;

describe('an event', () => {
  test('has exactly these members', async () => {
    await real.send({
      type: 'track',
      userId: 'c-501',
      anonymousId: 'a-501',
      messageId: 'imp-2',
      event: 'Trial Started',
      timestamp: '2026-03-20T09:15:02.500Z',
      properties: { seats: 4, deep: { list: [1, null] } },
      context: { ip: '203.0.113.9', library: { name: 'acme-importer', version: '0.4.2' } },
    });
    const { status, json } = await real.get('users/profiles/user_id:c-501/events');
    expect(status).toBe(200);
    expect(json).toEqual({
      data: [
        {
          external_ids: [
            { collection: 'users', type: 'user_id', id: 'c-501', encoding: 'none' },
            { collection: 'users', type: 'anonymous_id', id: 'a-501', encoding: 'none' },
          ],
          context: { ip: '203.0.113.9', library: { name: 'acme-importer', version: '0.4.2' } },
          type: 'track',
          message_id: 'imp-2',
          source_id: 'src-shop',
          timestamp: '2026-03-20T09:15:02.500Z',
          properties: { seats: 4, deep: { list: [1, null] } },
          event: 'Trial Started',
          related: { users: await segmentIdOf('user_id:c-501') },
        },
      ],
      cursor: { url: '', has_more: false, next: '', limit: 10 },
    });
    expect(Object.keys(json.data[0])).toEqual([
      'external_ids',
      'context',
      'type',
      'message_id',
      'source_id',
      'timestamp',
      'properties',
      'event',
      'related',
    ]);
  });

  test('of a page or screen is a track with the name of the page; identify, group and alias are left out', async () => {
    await real.send(
      { type: 'page', userId: 'views', name: 'Home', properties: { path: '/' } },
      { type: 'screen', userId: 'views', properties: { name: 'Cart', items: 2 } },
      { type: 'page', userId: 'views', properties: {} },
      { type: 'page', userId: 'views', name: 'Mine', properties: { name: 'own', page_name: 'set by hand' } },
      { type: 'identify', userId: 'views', traits: { a: 1 } },
      { type: 'group', userId: 'views', groupId: 'g', traits: { a: 1 } },
      { type: 'alias', userId: 'views', previousId: 'x' },
    );
    const all = await real.all('users/profiles/user_id:views/events?sort=asc');
    expect(all.map(({ type, event, properties }) => [type, event, properties])).toEqual([
      ['track', 'Page Viewed', { name: 'Home', page_name: 'Home', path: '/' }],
      ['track', 'Screen Viewed', { name: 'Cart', screen_name: 'Cart', items: 2 }],
      ['track', 'Page Viewed', {}],
      ['track', 'Page Viewed', { name: 'own', page_name: 'set by hand' }],
    ]);
    expect(await names('users/profiles/user_id:views/events?include=Screen%20Viewed')).toEqual(['Screen Viewed']);
  });

  test('names its account; the account lists what its users did in its name, and nothing else', async () => {
    const context = { groupId: 'org-7' };
    await real.send(
      track('ana', 'Paid', { context }),
      track('ana', 'Slept'),
      track('bo', 'Signed', { context }),
      track('bo', 'Played', { context: { groupId: 'org-8' } }),
    );
    const account = (await real.get('accounts/profiles/group_id:org-7/metadata')).json.segment_id;
    const [ana, bo] = [await segmentIdOf('user_id:ana'), await segmentIdOf('user_id:bo')];
    const own = await real.all('users/profiles/user_id:ana/events?sort=asc');
    expect(own.map(({ event, related }) => [event, related])).toEqual([
      ['Paid', { users: ana, accounts: account }],
      ['Slept', { users: ana }],
    ]);
    const ofAccount = await real.all('accounts/profiles/group_id:org-7/events?sort=asc&limit=1');
    expect(ofAccount.map(({ event, related }) => [event, related])).toEqual([
      ['Paid', { users: ana, accounts: account }],
      ['Signed', { users: bo, accounts: account }],
    ]);
    expect(ofAccount[1].external_ids).toEqual([{ collection: 'users', type: 'user_id', id: 'bo', encoding: 'none' }]);
  });

  test('lists the identifiers that survived, not those that were taken away', async () => {
    await real.send(track('one', 'A', { anonymousId: 'kiosk' }), track('two', 'B', { anonymousId: 'kiosk' }));
    const [event] = await real.all('users/profiles/user_id:two/events');
    expect(event.external_ids.map(({ id }: { id: string }) => id)).toEqual(['two']);
  });

  test('never tells of consent or subscriptions', async () => {
    const context = {
      ip: '203.0.113.9',
      consent: { categoryPreferences: { Advertising: true } },
      messaging_subscriptions: [{ key: 'canary@example.org', type: 'EMAIL', status: 'SUBSCRIBED' }],
    };
    await real.send(
      track('quiet', 'Segment Consent Preference Updated', { context }),
      { type: 'identify', userId: 'quiet', traits: { plan: 'a' }, context },
      { type: 'group', userId: 'quiet', groupId: 'org-quiet', traits: {}, context },
    );
    for (const route of [
      'traits',
      'traits?verbose=true',
      'external_ids?verbose=true',
      'events',
      'links',
      'metadata?verbose=true',
    ]) {
      const { status, text } = await real.get(`users/profiles/user_id:quiet/${route}`);
      expect(status).toBe(200);
      expect(text).not.toMatch(/Advertising|categoryPreferences|messaging_subscriptions|canary|"consent"/);
    }
    const [event] = await real.all('users/profiles/user_id:quiet/events');
    expect(event.context).toEqual({ ip: '203.0.113.9' });
  });

  test('that was stored twice is listed once, also across pages and merges', async () => {
    const at = { timestamp: '2026-03-20T10:00:00Z' };
    const twice = track('twice', 'Again', { ...at, messageId: 'same' });
    await real.send(twice);
    await real.send(twice, track('twice', 'Other', { ...at, messageId: 'zzz' }));
    expect(await names('users/profiles/user_id:twice/events?limit=1')).toEqual(['Other', 'Again']);
    await real.send({ type: 'track', event: 'Again', anonymousId: 'a-twice', messageId: 'same', ...at });
    await real.send({ type: 'identify', userId: 'twice', anonymousId: 'a-twice', traits: {} });
    expect((await real.get('users/profiles/user_id:twice/metadata?verbose=true')).json.metadata.merges).toBe(1);
    expect(await names('users/profiles/user_id:twice/events?limit=1')).toEqual(['Other', 'Again']);
  });
});

describe('the window', () => {
  test('is the last 14 days by the time of the event, whenever it arrived', async () => {
    const now = real.clock.now().getTime();
    const at = (ms: number) => ({ timestamp: new Date(ms).toISOString() });
    await real.send(
      track('when', 'at the edge', at(now - 14 * day)),
      track('when', 'before the edge', at(now - 14 * day - 1)),
      track('when', 'arrived late', at(now - 10 * day)),
      track('when', 'in the future', at(now + 5 * day)),
      track('when', 'far away', { timestamp: '+020000-01-01T00:00:00.000Z' }),
      track('when', 'now'),
    );
    const inside = ['far away', 'in the future', 'now', 'arrived late', 'at the edge'];
    expect(await names('users/profiles/user_id:when/events')).toEqual(inside);
    const start = encodeURIComponent(new Date(now - 100 * day).toISOString());
    expect(await names(`users/profiles/user_id:when/events?start=${start}`)).toEqual(inside);
    real.clock.pass(1);
    expect(await names('users/profiles/user_id:when/events')).toEqual(inside.slice(0, -1));
    real.clock.set('2026-03-20T12:00:00.000Z');
  });

  test('start is inclusive, end is not; a date is its midnight UTC', async () => {
    await real.send(
      ...['2026-03-17T23:59:59.999Z', '2026-03-18T00:00:00Z', '2026-03-18T12:30:00Z', '2026-03-19T00:00:00Z'].map(
        (timestamp) => track('range', timestamp, { timestamp }),
      ),
    );
    const [before, midnight, noon, next] = await names('users/profiles/user_id:range/events?sort=asc');
    expect(before).toBe('2026-03-17T23:59:59.999Z');
    const range = (query: string) => names(`users/profiles/user_id:range/events?sort=asc&${query}`);
    expect(await range('start=2026-03-18&end=2026-03-19')).toEqual([midnight, noon]);
    expect(await range('start=2026-03-18T12:30:00Z')).toEqual([noon, next]);
    expect(await range('start=2026-03-18T13:30:00%2B01:00&end=2026-03-18T13:30:00.001+01:00')).toEqual([noon]);
    expect(await range('start=2026-03-18T12:30:00')).toEqual([noon, next]);
    expect(await range('end=2026-03-01')).toEqual([]);
    expect(await range('start=2026-03-19&end=2026-03-18')).toEqual([]);
    expect(await range('start=2031-01-01')).toEqual([]);
    expect(await range('end=9999-12-31')).toHaveLength(4);
  });
});

describe('include and exclude', () => {
  const odd = [
    'Plain',
    'with, comma',
    'with%2Ccode',
    'plus+and space',
    'party 🎉',
    'nul \0 inside',
    'half \ud83d',
    'include',
  ];
  beforeAll(async () => {
    await real.send(...odd.map((event, i) => track('odd', event, { timestamp: hoursAgo(20 - i) })));
  });

  test('any name comes back as it was sent', async () => {
    expect(await names('users/profiles/user_id:odd/events?sort=asc')).toEqual(odd);
  });

  test.each(odd.filter((name) => name !== 'half \ud83d'))('%j is found and left out by its name', async (name) => {
    const encoded = encodeURIComponent(name);
    const path = 'users/profiles/user_id:odd/events?sort=asc';
    expect(await names(`${path}&include=${encoded}`)).toEqual([name]);
    expect(await names(`${path}&exclude=${encoded}`)).toEqual(odd.filter((other) => other !== name));
    expect(await names(`${path}&include=nobody,${encoded},Plain&exclude=${encoded}`)).toEqual(
      name === 'Plain' ? [] : ['Plain'],
    );
  });

  test('are kept in the address of the next page', async () => {
    const path = 'users/profiles/user_id:odd/events?include=with%2C%20comma,Plain,include&exclude=Plain&limit=1';
    expect(await names(path)).toEqual(['include', 'with, comma']);
  });

  test('names are compared exactly', async () => {
    expect(await names('users/profiles/user_id:odd/events?include=plain,Plain%20,with')).toEqual([]);
  });
});

describe('pages', () => {
  test('with one and the same time: each event once, by message id, in both orders', async () => {
    const ids = Array.from({ length: 57 }, (_, i) => `same-${String((i * 31) % 57).padStart(2, '0')}`);
    const at = { timestamp: '2026-03-19T10:00:00.123Z' };
    await real.send(...ids.map((messageId) => track('equal', 'Tick', { messageId, ...at })));
    const listed = async (query: string) =>
      (await real.all(`users/profiles/user_id:equal/events?${query}`)).map((event) => event.message_id);
    const sorted = [...ids].sort();
    expect(await listed('limit=10&sort=asc')).toEqual(sorted);
    expect(await listed('limit=7')).toEqual([...sorted].reverse());
    expect(await listed('')).toEqual([...sorted].reverse());
  });

  test('ten by default, a hundred at most', async () => {
    await real.send(...Array.from({ length: 130 }, (_, i) => track('many', 'Tick', { timestamp: hoursAgo(i) })));
    const first = await real.get('users/profiles/user_id:many/events');
    expect([first.json.data.length, first.json.cursor.limit, first.json.cursor.has_more]).toEqual([10, 10, true]);
    const most = await real.get('users/profiles/user_id:many/events?limit=1000');
    expect([most.json.data.length, most.json.cursor.limit]).toEqual([100, 100]);
    expect(await names('users/profiles/user_id:many/events?limit=1000')).toHaveLength(130);
  });

  test('stay as they are while others write', async () => {
    await real.send(...Array.from({ length: 40 }, (_, i) => track('busy', `old ${i}`, { timestamp: hoursAgo(2 + i) })));
    let writing = true;
    let written = 0;
    const writer = (async () => {
      while (writing) {
        await real.send(track('busy', 'new'), { type: 'track', event: 'new', anonymousId: `b-${written}` });
        await real.send(track('busy', 'new', { anonymousId: `b-${written}` }));
        written += 1;
      }
    })();
    for (let round = 0; round < 8; round += 1) {
      const old = (await names('users/profiles/user_id:busy/events?limit=7')).filter((name) => name !== 'new');
      expect(old).toEqual(Array.from({ length: 40 }, (_, i) => `old ${i}`));
    }
    writing = false;
    await writer;
    expect(written).toBeGreaterThan(0);
  });
});

describe('merged profiles', () => {
  test('every id leads to all events at once', async () => {
    await real.send(track('root', 'known'));
    await real.send(
      { type: 'track', anonymousId: 'a-1', event: 'first' },
      { type: 'track', anonymousId: 'a-2', event: 'second', context: { groupId: 'org-merged' } },
    );
    const parent = await segmentIdOf('user_id:root');
    const children = [await segmentIdOf('anonymous_id:a-1'), await segmentIdOf('anonymous_id:a-2')];
    await real.send(
      track('root', 'joined one', { anonymousId: 'a-1', timestamp: hoursAgo(1) }),
      track('root', 'joined two', { anonymousId: 'a-2', timestamp: hoursAgo(2) }),
    );
    const ids = [
      'user_id:root',
      'anonymous_id:a-1',
      'anonymous_id:a-2',
      parent,
      ...children,
      `segment_id:${children[0]}`,
    ];
    for (const id of ids) {
      const all = await real.all(`users/profiles/${id}/events?limit=2`);
      expect(all.map(({ event }) => event).sort()).toEqual(['first', 'joined one', 'joined two', 'known', 'second']);
      expect(new Set(all.map(({ related }) => related.users))).toEqual(new Set([parent]));
    }
    const [event] = await real.all('accounts/profiles/group_id:org-merged/events');
    expect([event.event, event.related.users]).toEqual(['second', parent]);
  });

  test('101 of them: all events, in order', async () => {
    const limit = 1_000;
    await using wide = await openRealSpace({
      identifiers: ['user_id', 'anonymous_id'].map((type) => ({
        type,
        collection: 'users',
        limit: type === 'user_id' ? 1 : limit,
        window: 'ever',
        blocked: { values: [], patterns: [] },
        custom: false,
      })),
    });
    const anonymous = Array.from({ length: 101 }, (_, i) => `a-${i}`);
    const at = (i: number) => ({
      timestamp: new Date(wide.clock.now().getTime() - ((i * 37) % 101) * 60_000).toISOString(),
    });
    for (const [i, anonymousId] of anonymous.entries()) {
      await wide.send({ type: 'track', anonymousId, event: `e${i}`, ...at(i) });
      wide.clock.pass(1);
    }
    wide.clock.set('2026-03-20T12:00:00.000Z');
    await wide.send(...anonymous.map((anonymousId) => ({ type: 'identify', userId: 'hub', anonymousId, traits: {} })));
    const { json } = await wide.get('users/profiles/anonymous_id:a-77/metadata?verbose=true');
    expect(json.metadata.merges).toBe(100);
    const listed = await wide.all('users/profiles/anonymous_id:a-50/events?limit=9&sort=asc');
    const times = listed.map(({ timestamp }) => timestamp);
    expect(times).toEqual([...times].sort());
    expect(new Set(listed.map(({ event }) => event))).toEqual(new Set(anonymous.map((_, i) => `e${i}`)));
    expect(listed).toHaveLength(101);
  });
});

describe('bad requests', () => {
  test.each([
    ['start', 'yesterday'],
    ['start', '2026-02-30'],
    ['start', '2026-13-01'],
    ['start', ''],
    ['start', '1772937000'],
    ['start', '2026-03-18T25:00:00Z'],
    ['start', '2026-03-18%2012:00'],
    ['end', '18.03.2026'],
    ['end', '%00'],
    ['sort', 'newest'],
    ['sort', 'ASC'],
    ['limit', '0'],
    ['next', 'zzz'],
    ['next', '%00'],
    ['next', Buffer.from('["+275760-09-13T00:00:00.000Z","m"]').toString('base64url')],
    ['next', Buffer.from('["0000-01-01T00:00:00.000Z","m"]').toString('base64url')],
    ['next', Buffer.from('["2026-03-18T00:00:00.000Z","m\\u0000"]').toString('base64url')],
    ['next', Buffer.from('["2026-03-18T00:00:00.000Z","m",1]').toString('base64url')],
    ['next', Buffer.from('2026-03-18T00:00:00.000Z use_000000000000000000000000000').toString('base64url')],
    ['include', '%zz'],
    ['exclude', '%zz'],
  ])('%s=%s', async (name, value) => {
    const { status, json } = await real.get(`users/profiles/user_id:c-501/events?${name}=${value}`);
    expect([status, json.error.code]).toEqual([400, 'invalid_request_error']);
    expect(json.error.message).toContain(`\`${name}\``);
  });

  test.each(['start=2026-03-18&start=2026-03-19', 'end=2026-03-18&end=2026-03-19', 'sort=asc&sort=asc'])(
    '%s is given twice',
    async (query) => {
      expect((await real.get(`users/profiles/user_id:c-501/events?${query}`)).status).toBe(400);
    },
  );

  test('forged cursors of the other lists', async () => {
    const forged = Buffer.from('2026-99-99T00:00:00.000Z use_000000000000000000000000000').toString('base64url');
    for (const path of ['users/profiles', 'users/profiles/user_id:c-501/links']) {
      expect((await real.get(`${path}?next=${forged}`)).status).toBe(400);
    }
  });

  test('nobody has no events', async () => {
    expect((await real.get('users/profiles/user_id:nobody/events')).status).toBe(404);
    expect((await real.get('people/profiles/user_id:c-501/events')).status).toBe(404);
  });
});
