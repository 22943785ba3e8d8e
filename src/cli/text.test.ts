import { afterEach, describe, expect, test } from 'vitest';
import { count } from '../base/count.ts';
import { bytes, duration, printable, printableLines, printableValue, shorten, table, time } from './text.ts';

describe('text that a terminal may be given', () => {
  test.each([
    ['escape sequences', '\u001b[31mred\u001b[0m', '\\u001b[31mred\\u001b[0m'],
    ['eight-bit escape sequences', '\u009b2J', '\\u009b2J'],
    ['line breaks', 'a\r\nb\tc', 'a\\r\\nb\\tc'],
    ['bells, deletes and NUL', '\u0007\u007f\u0000', '\\u0007\\u007f\\u0000'],
    ['turned writing', 'abc\u202ecba\u2066', 'abc\\u202ecba\\u2066'],
    ['half a surrogate pair', 'a\ud83db', 'a\\ud83db'],
    ['nothing to escape', 'Zoë 日本 😀', 'Zoë 日本 😀'],
  ])('%s', (_, given, expected) => {
    expect(printable(given)).toBe(expected);
  });

  test('lines stay lines where they are wanted', () => {
    expect(printableLines('a\nb\u001b')).toBe('a\nb\\u001b');
  });

  test('values on one line', () => {
    expect([
      printableValue('a b'),
      printableValue({ a: ['\u001b'] }),
      printableValue(null),
      printableValue(1.5),
    ]).toEqual(['a b', '{"a":["\\u001b"]}', 'null', '1.5']);
  });
});

describe('tables', () => {
  test('line up with wide characters and emoji', () => {
    const text = table(
      [{ title: 'name' }, { title: 'n', align: 'right' }],
      [
        ['日本', '1'],
        ['👩‍👩‍👧', '1,000'],
        ['Zoë', '20'],
      ],
    );
    expect(text).toBe(['name      n', '日本      1', '👩‍👩‍👧    1,000', 'Zoë      20'].join('\n'));
  });

  test('shorten long cells, in columns and not in characters', () => {
    expect(shorten('日本語テスト', 5)).toBe('日本…');
    expect(shorten('😀😀😀', 4)).toBe('😀…');
    expect(shorten('short', 5)).toBe('short');
    expect(table([{ title: '', most: 4 }, { title: '' }], [['abcdefgh', 'x']])).toBe('abc…  x');
  });

  test('escape what is in their cells', () => {
    expect(table([{ title: '' }], [['a\nb\u001b[1m']])).toBe('a\\nb\\u001b[1m');
  });
});

describe('numbers', () => {
  test('have separators and units', () => {
    expect([count(1234567), count(0), bytes(512), bytes(1536), bytes(5 * 2 ** 30)]).toEqual([
      '1,234,567',
      '0',
      '512 B',
      '1.5 KiB',
      '5.0 GiB',
    ]);
  });

  test.each([
    [0.04, '0.0 s'],
    [3.26, '3.3 s'],
    [9.97, '10 s'],
    [59.6, '1 min 00 s'],
    [185, '3 min 05 s'],
    [7830, '2 h 10 min'],
  ])('%d seconds', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

describe('times', () => {
  const zone = process.env.TZ;
  afterEach(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  test.each([
    ['UTC', '2026-03-01 23:30:05 UTC'],
    ['Asia/Tokyo', '2026-03-02 08:30:05 (2026-03-01 23:30:05 UTC)'],
    ['America/New_York', '2026-03-01 18:30:05 (23:30:05 UTC)'],
  ])('in %s are local, with UTC', (name, text) => {
    process.env.TZ = name;
    expect(time(new Date('2026-03-01T23:30:05Z'))).toBe(text);
  });
});
