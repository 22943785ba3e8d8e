import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../base/json.ts';
import type { IncomingMessage, Outcome } from '../space.ts';
import { type Arrival, arrivalOf, arrivalText, readLiveItem, shownOf, skippedText } from './arrivals.ts';

const applied: Outcome = { kind: 'applied', profileId: 'use_1' };
const dropped: Outcome = { kind: 'dropped', reason: 'filtered', detail: 'The filter "tests" matches.' };
const suppressed: Outcome = { kind: 'dropped', reason: 'suppressed', detail: 'The person is suppressed.' };

const incoming = (message: JsonObject, more: Partial<IncomingMessage> = {}): IncomingMessage => ({
  message,
  receivedAt: new Date('2026-03-01T09:30:05.125Z'),
  sourceId: 'evs_web',
  ...more,
});

const arrive = (message: JsonObject, more: Partial<IncomingMessage> = {}, outcome: Outcome = applied): Arrival => {
  const text = arrivalText({ incoming: incoming(message, more), outcome });
  expect(Buffer.byteLength(text)).toBeLessThan(7_990);
  return readLiveItem(text) as Arrival;
};

describe('an arrival', () => {
  test('says when, from where, what, who and what became of it, with the message', () => {
    const message = {
      type: 'track',
      event: 'Paid',
      userId: 'u1',
      anonymousId: 'a1',
      messageId: 'm1',
      properties: { a: null },
    };
    expect(arrive(message, { syncId: 'syn_1' })).toEqual({
      kind: 'arrival',
      at: '2026-03-01T09:30:05.125Z',
      sourceId: 'evs_web',
      syncId: 'syn_1',
      messageId: 'm1',
      type: 'track',
      event: 'Paid',
      userId: 'u1',
      anonymousId: 'a1',
      outcome: 'applied',
      profileId: 'use_1',
      message,
    });
  });

  test.each([
    ['a page by its name', { type: 'page', name: 'Home', event: 'other' }, { type: 'page', event: 'Home' }],
    ['a group by its id', { type: 'group', groupId: 7 }, { type: 'group', groupId: '7' }],
    ['what is no text is left out', { type: 'track', event: { a: 1 }, userId: null }, { type: 'track' }],
    ['a type that is missing is empty', { userId: 'u' }, { type: '', userId: 'u' }],
  ])('%s', (_, message, expected) => {
    const { kind, at, sourceId, outcome, reason, detail, ...rest } = arrivalOf({
      incoming: incoming(message as JsonObject),
      outcome: dropped,
    });
    expect([kind, at, sourceId]).toEqual(['arrival', '2026-03-01T09:30:05.125Z', 'evs_web']);
    expect([outcome, reason, detail]).toEqual(['dropped', 'filtered', 'The filter "tests" matches.']);
    expect(rest).toEqual(expected);
  });

  test('takes the text of the message where the sender has it', () => {
    const message = { type: 'identify', userId: 'u', traits: { a: '\0\u2028"' } };
    expect(arrive(message, { text: JSON.stringify(message) }).message).toEqual(message);
  });

  test('of a suppressed person is not shown', () => {
    const messages = ['1', '2', '3', '4'].map((messageId) => incoming({ messageId }));
    const shown = [...shownOf(messages, [applied, suppressed, dropped, suppressed])];
    expect(shown.map(({ incoming: { message }, outcome }) => [message.messageId, outcome.kind])).toEqual([
      ['1', 'applied'],
      ['3', 'dropped'],
    ]);
  });
});

describe('a message that does not fit', () => {
  const track = { type: 'track', event: 'Paid', userId: 'u1', messageId: 'm1' };
  /** The largest filler that still fits, of one kind of character. */
  const size = (character: string) => {
    let [fits, tooLong] = [0, 20_000];
    while (tooLong - fits > 1) {
      const half = (fits + tooLong) >> 1;
      if (arrive({ ...track, filler: character.repeat(half) }).cut === undefined) fits = half;
      else tooLong = half;
    }
    return fits;
  };

  test.each([
    ['x', 1],
    ['ß', 2],
    ['日', 3],
    ['😀', 4],
    ['"', 2],
    ['\0', 6],
    ['\ud800', 6],
  ])('is left out beyond 7,900 bytes, counted as bytes: %j', (character, bytes) => {
    const most = size(character);
    expect(most * bytes).toBeGreaterThan(7_400);
    expect(most * bytes).toBeLessThanOrEqual(7_900);
    const { message, cut, ...rest } = arrive({ ...track, filler: character.repeat(most + 1) });
    expect([message, cut]).toEqual([undefined, true]);
    expect(rest).toMatchObject({ type: 'track', event: 'Paid', userId: 'u1', messageId: 'm1', profileId: 'use_1' });
    const whole = arrive({ ...track, filler: character.repeat(most) });
    expect([whole.message?.filler, whole.cut]).toEqual([character.repeat(most), undefined]);
  });

  test.each(['x', '日', '😀', '\0', '\ud800'])('nor do its own texts, which are shortened: %j', (character) => {
    const long = character.repeat(20_000);
    const ids = { event: long, userId: long, anonymousId: long, groupId: long, messageId: long };
    const outcome: Outcome = { kind: 'dropped', reason: 'no_matching_identifiers', detail: long };
    const arrival = arrive({ ...ids, type: long }, { sourceId: long, syncId: long }, outcome);
    expect(arrival).toMatchObject({
      kind: 'arrival',
      outcome: 'dropped',
      reason: 'no_matching_identifiers',
      cut: true,
    });
    for (const key of [
      'event',
      'userId',
      'anonymousId',
      'groupId',
      'messageId',
      'type',
      'detail',
      'sourceId',
    ] as const) {
      const text = arrival[key] ?? '';
      expect(text.endsWith('…')).toBe(true);
      expect(long.startsWith(text.slice(0, -1))).toBe(true);
      expect(text.length).toBeGreaterThan(80);
    }
  });

  test('nested too deep to be written is left out too', () => {
    let deep: JsonObject = {};
    for (let level = 0; level < 200_000; level++) deep = { deep };
    expect(arrive({ ...track, deep })).toMatchObject({ event: 'Paid', cut: true });
  });
});

test('what somebody else sends over the channel is no item', () => {
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"kind":"arrival"}',
    '{"kind":"skipped"}',
    '{"kind":"other","count":1}',
  ]) {
    expect(readLiveItem(text)).toBeNull();
  }
  expect(readLiveItem(skippedText(7))).toEqual({ kind: 'skipped', count: 7 });
});
