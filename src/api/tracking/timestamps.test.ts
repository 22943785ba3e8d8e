import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../base/json.ts';
import { correctTimes, readTime } from './timestamps.ts';

const shown = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

describe('a time is read', () => {
  test.each<[Json, string]>([
    ['2025-11-20T09:15:04.120Z', '2025-11-20T09:15:04.120Z'],
    ['2025-11-20T09:15:04Z', '2025-11-20T09:15:04.000Z'],
    ['2025-11-20T09:15Z', '2025-11-20T09:15:00.000Z'],
    ['2025-11-20t09:15:04.1z', '2025-11-20T09:15:04.100Z'],
    ['2025-11-20T09:15:04.123999Z', '2025-11-20T09:15:04.123Z'],
    ['2025-11-20T09:15:04,5Z', '2025-11-20T09:15:04.500Z'],
    ['2025-11-20T10:15:04.120+01:00', '2025-11-20T09:15:04.120Z'],
    ['2025-11-20T03:45:04-0530', '2025-11-20T09:15:04.000Z'],
    ['2025-11-20T10:15:04+01', '2025-11-20T09:15:04.000Z'],
    ['2025-11-20 09:15:04', '2025-11-20T09:15:04.000Z'],
    ['2025-11-20T09:15:04', '2025-11-20T09:15:04.000Z'],
    [' 2025-11-20 09:15:04 +00:00 ', '2025-11-20T09:15:04.000Z'],
    ['2025-11-20', '2025-11-20T00:00:00.000Z'],
    ['2025-7-4', '2025-07-04T00:00:00.000Z'],
    ['2012-2-29T5:30:04Z', '2012-02-29T05:30:04.000Z'],
    ['2025-11-20T24:00:00Z', '2025-11-21T00:00:00.000Z'],
    ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
    ['0050-01-01T00:00:00Z', '0050-01-01T00:00:00.000Z'],
    ['+012025-01-01T00:00:00Z', '+012025-01-01T00:00:00.000Z'],
    [1_763_630_104, '2025-11-20T09:15:04.000Z'],
    [1_763_630_104.12, '2025-11-20T09:15:04.120Z'],
    [1_763_630_104_120, '2025-11-20T09:15:04.120Z'],
    ['1763630104', '2025-11-20T09:15:04.000Z'],
    ['1763630104120', '2025-11-20T09:15:04.120Z'],
    [99_999_999_999, '5138-11-16T09:46:39.000Z'],
    [100_000_000_000, '1973-03-03T09:46:40.000Z'],
    [0, '1970-01-01T00:00:00.000Z'],
    [-1, '1969-12-31T23:59:59.000Z'],
  ])('%j is %s', (raw, expected) => expect(shown(readTime(raw))).toBe(expected));

  test.each<[Json]>([
    ['yesterday'],
    [''],
    ['2025-11-'],
    ['2025-13-01'],
    ['2025-02-30T00:00:00Z'],
    ['2025-00-10'],
    ['2025-11-20T25:00:00Z'],
    ['2025-11-20T24:00:01Z'],
    ['2025-11-20T09:60:00Z'],
    ['2025-11-20T09:15:04+99:00'],
    ['2025-11-20T09:15:04+01:75'],
    ['20 Nov 2025 09:15:04 GMT'],
    ['2025-11-20T09:15:04Z and more'],
    ['1e9'],
    [1e300],
    [8.64e15 + 1],
    ['9'.repeat(400)],
    [true],
    [null],
    [{}],
    [[2025]],
  ])('%j is none', (raw) => {
    expect(shown(readTime(raw))).toBeNull();
  });
});

const receivedAt = Date.parse('2025-11-20T09:15:10.000Z');

function correct(timestamp: Json | undefined, sentAt: Json | undefined) {
  return correctTimes(timestamp, sentAt, receivedAt);
}

describe('a time is corrected', () => {
  test.each<[string, Json | undefined, Json | undefined, string, Json]>([
    [
      'right clock',
      '2025-11-20T09:15:09.732Z',
      '2025-11-20T09:15:09.751Z',
      '2025-11-20T09:15:09.981Z',
      '2025-11-20T09:15:09.732Z',
    ],
    [
      'clock an hour ahead',
      '2025-11-20T10:15:00.000Z',
      '2025-11-20T10:15:05.000Z',
      '2025-11-20T09:15:05.000Z',
      '2025-11-20T10:15:00.000Z',
    ],
    ['no sentAt', '2025-11-20T09:15:01.123456Z', undefined, '2025-11-20T09:15:01.123Z', '2025-11-20T09:15:01.123456Z'],
    ['sentAt null', '2025-11-20T09:15:01.123Z', null, '2025-11-20T09:15:01.123Z', '2025-11-20T09:15:01.123Z'],
    ['sentAt unreadable', '2025-11-20T09:15:01.123Z', 'now', '2025-11-20T09:15:01.123Z', '2025-11-20T09:15:01.123Z'],
    ['no timestamp', undefined, '2025-11-20T09:15:09.000Z', '2025-11-20T09:15:10.000Z', '2025-11-20T09:15:10.000Z'],
    ['timestamp null', null, '2025-11-20T09:15:09.000Z', '2025-11-20T09:15:10.000Z', '2025-11-20T09:15:10.000Z'],
    ['timestamp unreadable', 'tomorrow', '2025-11-20T09:15:09.000Z', '2025-11-20T09:15:10.000Z', 'tomorrow'],
    [
      'sent before it happened: the future is kept',
      '2025-11-20T10:00:00Z',
      '2025-11-20T09:00:00Z',
      '2025-11-20T10:15:10.000Z',
      '2025-11-20T10:00:00Z',
    ],
    ['historical import', '2013-01-01', '2025-11-20T09:15:10.000Z', '2013-01-01T00:00:00.000Z', '2013-01-01'],
    ['a number', 1_763_630_104, null, '2025-11-20T09:15:04.000Z', '2025-11-20T09:15:04.000Z'],
    [
      'a correction beyond all dates is not made',
      '+275760-09-12T00:00:00Z',
      '-271821-04-21T00:00:00Z',
      '+275760-09-12T00:00:00.000Z',
      '+275760-09-12T00:00:00Z',
    ],
  ])('%s', (_, timestamp, sentAt, expected, original) => {
    expect(correct(timestamp, sentAt)).toEqual({ timestamp: expected, originalTimestamp: original });
  });

  test('traffic of an SDK: .184 sent .203 received .452 is .433', () => {
    const received = '2025-11-20T09:15:04.452Z';
    const times = correctTimes('2025-11-20T09:15:04.184Z', '2025-11-20T09:15:04.203Z', Date.parse(received));
    expect(times.timestamp).toBe('2025-11-20T09:15:04.433Z');
  });

  test('the skew of a clock never shows, whatever it is', () => {
    const moment = fc.date({ min: new Date('1990-01-01'), max: new Date('2060-01-01'), noInvalidDate: true });
    const skew = fc.integer({ min: -1e11, max: 1e11 });
    fc.assert(
      fc.property(moment, fc.integer({ min: 0, max: 1e9 }), skew, (happened, delay, off) => {
        const onClock = (ms: number) => new Date(ms + off).toISOString();
        const received = happened.getTime() + delay;
        const { timestamp } = correctTimes(onClock(happened.getTime()), onClock(received), received);
        expect(timestamp).toBe(happened.toISOString());
      }),
    );
  });

  test('any value gives a time', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (timestamp, sentAt) => {
        const { timestamp: text } = correct(timestamp as Json, sentAt as Json);
        expect(new Date(text).toISOString()).toBe(text);
      }),
    );
  });
});
