import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Database } from '../../db/db.ts';
import {
  createSpaceReader,
  createSpaceWriter,
  defaultSpaceSettings,
  type IdentifierRule,
  type LimitWindow,
  readSpaceLog,
  recommendedBlocked,
  type SpaceReader,
  type SpaceRef,
  type SpaceWriter,
} from '../space.ts';

/* The worked examples A to L of profile-space.md 2.5, by name, through the real writer and reader. */

let db: Database;
let writer: SpaceWriter;
let reader: SpaceReader;
let spaces = 0;

beforeAll(async () => {
  db = await testDatabase();
  writer = createSpaceWriter({ db });
  reader = createSpaceReader({ db });
});

afterAll(async () => {
  await writer[Symbol.asyncDispose]();
  await db.close();
});

function rule(type: string, limit: number, window: LimitWindow = 'ever'): IdentifierRule {
  const collection = type === 'group_id' ? 'accounts' : 'users';
  return { type, collection, limit, window, blocked: recommendedBlocked, custom: type === 'loyalty_id' };
}

const exampleRules = [rule('user_id', 1), rule('email', 5), rule('anonymous_id', 5, 'weekly'), rule('ga_client_id', 5)];
const start = Date.parse('2026-05-01T00:00:00Z');
const day = 86_400_000;

/** A fresh space with these rules, and a hand to write and look with. */
function newSpace(identifiers: IdentifierRule[] = exampleRules) {
  spaces += 1;
  const space: SpaceRef = { id: `spa_${spaces}`, no: spaces, settings: { identifiers, autoRegister: true } };
  let clock = start;
  return {
    space,
    pass(ms: number) {
      clock += ms;
    },
    now: () => clock,
    async send(message: JsonObject): Promise<string> {
      clock += 1000;
      const incoming = { message, receivedAt: new Date(clock), sourceId: 'src_test' };
      const { outcomes } = await writer.write(space, [incoming]);
      const outcome = outcomes[0];
      return outcome?.kind === 'applied' ? outcome.profileId : `dropped: ${outcome?.reason}`;
    },
    async ids(id: string): Promise<string[]> {
      const profile = await reader.profile(space.no, 'users', { kind: 'segment_id', id });
      return (profile?.externalIds ?? []).map((each) => `${each.type}:${each.id}`).sort();
    },
    async owner(type: string, value: string): Promise<string | undefined> {
      return (await reader.profile(space.no, 'users', { kind: 'identifier', type, value }))?.segmentId;
    },
    async reasons(): Promise<string[]> {
      return (await readSpaceLog(db.pool, space.no)).map((entry) => entry.reason);
    },
  };
}

const track = (ids: JsonObject): JsonObject => ({ type: 'track', event: 'Seen', ...ids });
const identify = (ids: JsonObject, traits: JsonObject = {}): JsonObject => ({ type: 'identify', ...ids, traits });

describe('worked examples', () => {
  it('A: nothing known makes a profile', async () => {
    const s = newSpace();
    const p1 = await s.send(track({ anonymousId: 'a1' }));
    expect(p1).toMatch(/^use_[0-9A-Za-z]{27}$/);
    expect(await s.ids(p1)).toEqual(['anonymous_id:a1']);
  });

  it('B: one match gains the other identifiers', async () => {
    const s = newSpace();
    const p1 = await s.send(track({ anonymousId: 'a1' }));
    expect(await s.send(track({ userId: 'u1', anonymousId: 'a1' }))).toBe(p1);
    expect(await s.ids(p1)).toEqual(['anonymous_id:a1', 'user_id:u1']);
  });

  it('C: several matches merge into the oldest', async () => {
    const s = newSpace();
    const p1 = await s.send(identify({ anonymousId: 'a1' }, { email: 'x@example.org' }));
    s.pass(30 * day);
    const p2 = await s.send(track({ anonymousId: 'a2' }));
    expect(await s.send(identify({ anonymousId: 'a2' }, { email: 'x@example.org' }))).toBe(p1);
    expect(await s.ids(p2)).toEqual(['anonymous_id:a1', 'anonymous_id:a2', 'email:x@example.org']);
    expect(await s.owner('anonymous_id', 'a2')).toBe(p1);
  });

  it('an identifier is seen again after the profile it was added to has been merged', async () => {
    const { space, send, pass, owner } = newSpace();
    await send(track({ anonymousId: 'a1', properties: { email: 'x@e' } }));
    await send(track({ anonymousId: 'a2' }));
    // To the minute: what was seen a moment ago is not written again.
    await send(track({ anonymousId: 'a2' }));
    pass(60_000);
    const parent = await send(track({ anonymousId: 'a2', properties: { email: 'x@e' } }));
    pass(day);
    await send(track({ anonymousId: 'a2' }));
    expect(await owner('anonymous_id', 'a2')).toBe(parent);
    const profile = await reader.profile(space.no, 'users', { kind: 'segment_id', id: parent });
    const seen = new Map(profile?.externalIds.map(({ id, lastSeenAt }) => [id, lastSeenAt]));
    expect(seen.get('a2')).toBe(new Date(start + day + 65_000).toISOString());
    expect(seen.get('x@e')).toBe(new Date(start + 64_000).toISOString());
    expect(seen.get('a1')).toBe(new Date(start + 1000).toISOString());
  });

  it('D: a second user id with a shared e-mail address is another person', async () => {
    const s = newSpace();
    const p1 = await s.send(identify({ userId: 'u1' }, { email: 'x@example.org' }));
    const p2 = await s.send(identify({ userId: 'u2' }, { email: 'x@example.org' }));
    expect(p2).not.toBe(p1);
    expect(await s.ids(p2)).toEqual(['user_id:u2']);
    expect(await s.owner('email', 'x@example.org')).toBe(p1);
    const profile = await reader.profile(s.space.no, 'users', { kind: 'segment_id', id: p2 });
    expect(profile?.traits.map(({ key, value }) => [key, value])).toEqual([['email', 'x@example.org']]);
    expect(await s.reasons()).toEqual(['identifier_value_limit_exceeded']);
  });

  it('E: a type at its own limit in its window', async () => {
    const s = newSpace();
    const p1 = await s.send(track({ userId: 'u1', anonymousId: 'a1' }));
    for (const a of ['a2', 'a3', 'a4', 'a5']) await s.send(track({ userId: 'u1', anonymousId: a }));
    expect(await s.send(track({ userId: 'u1', anonymousId: 'a6' }))).toBe(p1);
    expect(await s.owner('anonymous_id', 'a6')).toBeUndefined();
    expect(await s.reasons()).toEqual(['identifier_value_time_limit_exceeded']);
    s.pass(10 * day);
    expect(await s.send(track({ userId: 'u1', anonymousId: 'a6' }))).toBe(p1);
    expect((await s.ids(p1)).filter((id) => id.startsWith('anonymous_id'))).toHaveLength(6);
  });

  it('F: strict lowest first costs an innocent identifier', async () => {
    const s = newSpace();
    const p1 = await s.send(identify({ userId: 'u1' }, { email: 'e1@x.org' }));
    for (const n of [2, 3, 4, 5]) await s.send(identify({ userId: 'u1' }, { email: `e${n}@x.org` }));
    expect(await s.send(identify({ userId: 'u1', anonymousId: 'a9' }, { email: 'e6@x.org' }))).toBe(p1);
    expect(await s.owner('email', 'e6@x.org')).toBeUndefined();
    expect(await s.owner('anonymous_id', 'a9')).toBeUndefined();
  });

  it('G: a device shared by two users', async () => {
    const s = newSpace();
    const p1 = await s.send(track({ userId: 'u1', anonymousId: 'a1' }));
    const p2 = await s.send(track({ userId: 'u2', anonymousId: 'a1' }));
    expect(p2).not.toBe(p1);
    expect(await s.ids(p2)).toEqual(['user_id:u2']);
    expect(await s.send(track({ anonymousId: 'a1' }))).toBe(p1);
  });

  it('H: a shared anonymous id, both users known', async () => {
    const s = newSpace();
    const p1 = await s.send(track({ userId: 'u1', anonymousId: 'a1' }));
    const p2 = await s.send(track({ userId: 'u2', anonymousId: 'a2' }));
    expect(await s.send(track({ userId: 'u1', anonymousId: 'a2' }))).toBe(p1);
    expect(await s.owner('anonymous_id', 'a2')).toBe(p2);
  });

  it('I: an identifier that is not on the message decides', async () => {
    const s = newSpace();
    const p1 = await s.send(identify({ userId: 'u1' }, { email: 'e1@x.org' }));
    const p2 = await s.send(track({ userId: 'u2', anonymousId: 'a2' }));
    expect(await s.send(identify({ anonymousId: 'a2' }, { email: 'e1@x.org' }))).toBe(p1);
    expect(await s.owner('anonymous_id', 'a2')).toBe(p2);
  });

  it('J: a blocked value is not promoted', async () => {
    const s = newSpace();
    const p = await s.send(track({ userId: 'null', anonymousId: 'a3' }));
    expect(await s.ids(p)).toEqual(['anonymous_id:a3']);
    expect(await s.reasons()).toEqual(['id_value_blocked']);
    expect(await s.send(track({ userId: '000-000' }))).toBe('dropped: no_matching_identifiers');
  });

  it('K: at the merge cap the event goes to the owner of the identifier of highest priority', async () => {
    const s = newSpace([rule('user_id', 1), rule('email', 1000), rule('anonymous_id', 1000)]);
    const p1 = await s.send(identify({ anonymousId: 'root' }, { email: 'root@x.org' }));
    for (let n = 0; n < 100; n += 1) {
      await s.send(identify({}, { email: `m${n}@x.org` }));
      await s.send(identify({ anonymousId: 'root' }, { email: `m${n}@x.org` }));
    }
    const profile = await reader.profile(s.space.no, 'users', { kind: 'segment_id', id: p1 });
    expect(profile?.merges).toBe(100);
    const p7 = await s.send(identify({}, { email: 'p7@x.org' }));
    expect(await s.send(identify({ anonymousId: 'root' }, { email: 'p7@x.org' }))).toBe(p7);
    expect(await s.owner('anonymous_id', 'root')).toBe(p1);
    expect(await s.reasons()).toContain('profile_merge_limit_exceeded');
  });

  it('L: two e-mail addresses on one message', async () => {
    for (const [limit, merges] of [
      [5, true],
      [1, false],
    ] as const) {
      const s = newSpace([rule('user_id', 1), rule('email', limit)]);
      const p1 = await s.send(identify({}, { email: 'e1@x.org' }));
      const p2 = await s.send(identify({}, { email: 'e2@x.org' }));
      const both = { ...identify({}, { email: 'e1@x.org' }), context: { traits: { email: 'e2@x.org' } } };
      expect(await s.send(both)).toBe(p1);
      expect(await s.owner('email', 'e2@x.org')).toBe(merges ? p1 : p2);
    }
  });
});

describe('conformance vectors of profile-space.md section 8', () => {
  async function traitsOf(s: ReturnType<typeof newSpace>, type: string, value: string) {
    const profile = await reader.profile(s.space.no, 'users', { kind: 'identifier', type, value });
    return Object.fromEntries((profile?.traits ?? []).map(({ key, value: v }) => [key, v]));
  }
  const manyTraits = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, i]));

  it('3 and 4: null removes, a late message fills gaps but does not overwrite', async () => {
    const s = newSpace();
    await s.send(identify({ userId: 'u1' }, { a: 1, b: 2 }));
    await s.send(identify({ userId: 'u1' }, { a: null }));
    expect(await traitsOf(s, 'user_id', 'u1')).toEqual({ b: 2 });
    const late = { ...identify({ userId: 'u1' }, { a: 0, b: 0, c: 3 }), timestamp: '2020-01-01T00:00:00Z' };
    await s.send(late);
    expect(await traitsOf(s, 'user_id', 'u1')).toEqual({ b: 2, c: 3 });
  });

  it('6: 300 traits are dropped, 299 are not', async () => {
    const s = newSpace();
    expect(await s.send(identify({ userId: 'u1' }, manyTraits(300)))).toBe('dropped: too_many_traits');
    expect(await s.send(identify({ userId: 'u1' }, manyTraits(299)))).toMatch(/^use_/);
    expect(await s.reasons()).toEqual(['too_many_traits']);
  });

  it('7: an empty context.groupId is dropped, and so are the other silent rules', async () => {
    const s = newSpace();
    const base = track({ userId: 'u1' });
    expect(await s.send({ ...base, context: { groupId: '' } })).toBe('dropped: group_id_missing');
    expect(await s.send({ type: 'group', userId: 'u1' })).toBe('dropped: group_id_missing');
    expect(await s.send({ type: 'group', userId: 'u1', groupId: 'g'.repeat(501) })).toBe('dropped: group_id_too_long');
    expect(await s.send({ ...base, messageId: 'm'.repeat(101) })).toBe('dropped: message_id_too_long');
    expect(await s.send({ ...base, messageId: '😀'.repeat(100) })).toMatch(/^use_/);
    expect(await s.send({ ...base, timestamp: '1969-12-31T23:59:59Z' })).toBe('dropped: timestamp_before_1970');
    expect(await s.send({ ...base, properties: manyTraits(301) })).toBe('dropped: too_many_properties');
    expect(await s.send({ ...base, properties: manyTraits(300) })).toMatch(/^use_/);
    expect(await s.send({ ...base, integrations: { Personas: false } })).toBe('dropped: personas_disabled');
    expect(await s.send(track({ userId: 'a\u0000b' }))).toBe('dropped: text_not_storable');
    expect(await s.send(track({ userId: 'half \ud800' }))).toBe('dropped: text_not_storable');
    expect(await s.reasons()).toHaveLength(9);
  });

  it('8 to 10: which places promote an identifier and which write traits', async () => {
    const s = newSpace([...exampleRules, rule('group_id', 5)]);
    const u1 = await s.send(
      track({ userId: 'u1', properties: { email: 'New@x.org' }, context: { traits: { plan: 'x' } } }),
    );
    expect(await s.owner('email', 'new@x.org')).toBe(u1);
    expect(await traitsOf(s, 'user_id', 'u1')).toEqual({});
    await s.send({ type: 'group', userId: 'u1', groupId: 'g1', traits: { email: 'org@x.org' } });
    const account = await reader.profile(s.space.no, 'accounts', { kind: 'identifier', type: 'group_id', value: 'g1' });
    expect(account?.traits.map(({ key, value }) => [key, value])).toEqual([['email', 'org@x.org']]);
    expect(await s.ids(u1)).toEqual(['email:new@x.org', 'user_id:u1']);
    const links = await reader.links(s.space.no, 'users', { kind: 'segment_id', id: u1 }, 20);
    expect(links?.items.map((link) => link.segmentId)).toEqual([account?.segmentId]);
  });

  it('11 and 12: external ids and custom identifiers', async () => {
    const s = newSpace([...exampleRules, rule('loyalty_id', 5)]);
    const entry = { id: 'L1', type: 'Loyalty_Id', collection: 'users', encoding: 'none' };
    const p = await s.send({ ...track({ userId: 'u1' }), context: { externalIds: [entry] } });
    expect(await s.ids(p)).toEqual(['user_id:u1']);
    await s.send(identify({ userId: 'u1' }, { loyaltyId: 'L7' }));
    expect(await s.owner('loyalty_id', 'L7')).toBe(p);
    await s.send({ ...identify({}), context: { externalIds: [{ ...entry, type: 'phone', id: '+3315' }] } });
    expect(await s.owner('phone', '+3315')).toMatch(/^use_/);
  });

  it('keeps what JSON can hold and other stores trip over', async () => {
    const s = newSpace();
    const traits = { nul: 'a\u0000b', half: '\ud800', quote: 'O\'Brien \\ \t \n "x"', emoji: '👩‍👩‍👧', rtl: 'שלום' };
    const hostile = JSON.parse('{"__proto__": {"x": 1}, "constructor": "c", "toString": null}');
    await s.send(identify({ userId: "u'1\\\t" }, { ...traits }));
    await s.send({ type: 'identify', userId: "u'1\\\t", traits: hostile });
    const profile = await reader.profile(s.space.no, 'users', { kind: 'identifier', type: 'user_id', value: "u'1\\" });
    const found = new Map(profile?.traits.map(({ key, value }) => [key, value]));
    for (const [key, value] of Object.entries(traits)) expect(found.get(key)).toBe(value);
    expect(found.get('__proto__')).toEqual({ x: 1 });
    expect(found.get('constructor')).toBe('c');
  });
});

describe('a type that became known by itself', () => {
  const known = (type: string, id: string) => ({ type, id, collection: 'users', encoding: 'none' });

  /** Which of two people an event that names a card of one and a phone of the other belongs to. */
  async function ownerOf(identifiers: readonly IdentifierRule[], ordered?: number): Promise<string | undefined> {
    const s = newSpace([...identifiers]);
    Object.assign(s.space, { settings: { ...s.space.settings, ordered } });
    const byCard = await s.send({ type: 'identify', userId: 'u1', context: { externalIds: [known('card_id', 'c1')] } });
    const byPhone = await s.send({ type: 'identify', userId: 'u2', context: { device: { type: 'ios', id: 'i2' } } });
    const context = { externalIds: [known('card_id', 'c1')], device: { type: 'ios', id: 'i2' } };
    const owner = await s.send({ type: 'track', event: 'Seen', context });
    return new Map([
      [byCard, 'card_id'],
      [byPhone, 'ios.id'],
    ]).get(owner);
  }

  it('takes its alphabetical place among the defaults', async () => {
    expect(await ownerOf(defaultSpaceSettings().identifiers)).toBe('card_id');
  });

  it('comes after user_id, email and those that somebody ordered', async () => {
    const defaults = defaultSpaceSettings().identifiers;
    expect(
      await ownerOf([rule('loyalty_id', 2), rule('ios.id', 5), ...defaults.filter(({ type }) => type !== 'ios.id')]),
    ).toBe('ios.id');
    expect(await ownerOf(defaults, defaults.length)).toBe('ios.id');
  });
});

describe('two profiles that were written in the same moment and become one later', () => {
  const identify = (anonymousId: string, plan: string | null) => ({ type: 'identify', anonymousId, traits: { plan } });
  const join = (anonymousId: string) => ({ type: 'track', event: 'x', anonymousId, properties: { email: 'e@x' } });

  it.each([
    ['in one batch', [[identify('a1', 'first'), identify('a2', 'second')]], 'second'],
    ['in two batches', [[identify('a1', 'first')], [identify('a2', 'second')]], 'second'],
    ['the older one later', [[identify('a1', 'x'), identify('a2', 'second'), identify('a1', 'third')]], 'third'],
    ['a removal last', [[identify('a1', 'first'), identify('a2', 'x'), identify('a2', null)]], undefined],
  ])('have the value that came last: %s', async (_, batches, expected) => {
    const s = newSpace();
    for (const batch of [...batches, [join('a1')], [join('a2')]]) {
      const incoming = batch.map((message) => ({ message, receivedAt: new Date(start), sourceId: 'src_test' }));
      await writer.write(s.space, incoming);
    }
    const key = { kind: 'identifier', type: 'email', value: 'e@x' } as const;
    const profile = await reader.profile(s.space.no, 'users', key);
    expect(profile?.merges).toBe(1);
    expect(profile?.traits.find(({ key: name }) => name === 'plan')?.value).toBe(expected);
  });
});

it('counts the traits of a merged profile that people see change', async () => {
  const s = newSpace();
  await s.send({ type: 'identify', anonymousId: 'a1', traits: { email: 'e@x' } });
  await s.send({ type: 'identify', anonymousId: 'a2', traits: { plan: 'gold', city: 'x' } });
  await s.send({ type: 'track', event: 'x', anonymousId: 'a2', properties: { email: 'e@x' } });
  const changedBy = async (traits: JsonObject, timestamp?: string) => {
    const message = { type: 'identify', anonymousId: 'a1', traits, ...(timestamp && { timestamp }) };
    s.pass(10_000);
    const receivedAt = new Date(s.now());
    const { effects } = await writer.write(s.space, [{ message, receivedAt, sourceId: 'src_test' }]);
    return effects.traitsChanged;
  };
  expect(await changedBy({ plan: 'gold' })).toBe(0);
  expect(await changedBy({ plan: 'old', city: 'y', other: 1 }, '2026-01-01T00:00:00Z')).toBe(1);
  expect(await changedBy({ plan: 'new', city: null })).toBe(2);
  expect(await changedBy({ plan: 'new', city: null })).toBe(0);
});

it('a new profile takes no more identifiers than any other, those of the highest priority, and the log says so', async () => {
  const s = newSpace();
  const externalIds = Array.from({ length: 1_003 }, (_, n) => ({
    type: `t${String(2_000 - n)}`,
    id: 'v',
    collection: 'users',
    encoding: 'none',
  }));
  const id = await s.send({ type: 'identify', userId: 'u1', context: { externalIds } });
  const profile = await reader.profile(s.space.no, 'users', { kind: 'segment_id', id });
  const types = profile?.externalIds.map(({ type }) => type) ?? [];
  expect(types).toHaveLength(1_000);
  expect(types).toContain('user_id');
  expect(types).toContain('t1998');
  expect(types).not.toContain('t2000');
  const log = await readSpaceLog(db.pool, s.space.no);
  expect(log.map(({ reason, detail }) => `${reason} ${detail}`).sort()).toEqual(
    ['t1999', 't2000', 't998', 't999'].map((type) => `identifier_mapping_limit_exceeded ${type}`),
  );
});
