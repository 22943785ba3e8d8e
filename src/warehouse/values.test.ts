import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as values from './values.ts';

describe('decimals', () => {
  test('a scaled integer equals its text, and no digit is lost', () => {
    const scaled = fc.tuple(fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }), fc.integer({ min: 0, max: 38 }));
    const small = fc.tuple(fc.bigInt({ min: -(10n ** 16n), max: 10n ** 16n }), fc.integer({ min: 0, max: 18 }));
    fc.assert(
      fc.property(fc.oneof(scaled, small), ([value, scale]) => {
        const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
        const whole = digits.slice(0, digits.length - scale);
        const text = `${value < 0n ? '-' : ''}${whole}${scale === 0 ? '' : `.${digits.slice(digits.length - scale)}`}`;
        const found = values.scaledDecimal(value, scale);
        expect(found).toBe(values.decimalText(text));
        const canonical = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
        expect(String(found)).toBe(canonical === '-0' ? '0' : canonical);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['0', 0],
    ['-0.000', 0],
    ['1.10', 1.1],
    ['100', 100],
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', '9007199254740993'],
    ['9007199254740992', '9007199254740992'],
    ['0.30000000000000004', 0.30000000000000004],
    ['0.300000000000000040', 0.30000000000000004],
    ['0.30000000000000003', '0.30000000000000003'],
    ['0.0000001', '0.0000001'],
  ])('%s', (text, value) => expect(values.decimalText(text)).toBe(value));
});

describe('JSON', () => {
  test('is what JSON.parse gives when every number is exact', () => {
    const exact = (_: string, value: unknown) => !(typeof value === 'number' && /e/.test(String(value)));
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        const parsed = JSON.parse(text);
        let plain = true;
        JSON.stringify(parsed, (key, one) => {
          plain &&= exact(key, one) && !(Number.isInteger(one) && !Number.isSafeInteger(one));
          return one;
        });
        if (plain) expect(values.jsonText(text)).toStrictEqual(parsed);
        else expect(() => values.jsonText(text)).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });

  test('numbers beyond a double become texts; texts with numbers stay', () => {
    const text =
      '{"a":[1.00,12345678901234567890,-0.10000000000000000001],"b":"12345678901234567890 \\" 1e9","1e9":1e9}';
    expect(values.jsonText(text)).toStrictEqual({
      a: [1, '12345678901234567890', '-0.10000000000000000001'],
      b: '12345678901234567890 " 1e9',
      '1e9': 1e9,
    });
    expect(values.jsonText(`["${'\\"x'.repeat(200_000)}",12345678901234567890]`)).toHaveLength(2);
    expect(values.jsonText('{not json')).toBe('{not json');
  });
});

describe('times', () => {
  test('dates are those of Date, and go on where it ends', () => {
    fc.assert(
      fc.property(fc.integer({ min: -100_000_000, max: 100_000_000 }), (days) => {
        expect(values.dateText(days)).toBe(new Date(days * 86_400_000).toISOString().slice(0, -14));
      }),
      { numRuns: 500 },
    );
    // 400,000 years of 146,097 days per 400 later than 149551-05-28.
    expect(values.dateText(200_000_000)).toBe('+549551-05-28');
  });

  test('timestamps are those of Date, with microseconds', () => {
    const write = values.timestampWriter();
    fc.assert(
      fc.property(fc.bigInt({ min: -8_640_000_000_000_000_000n, max: 8_640_000_000_000_000_000n }), (micros) => {
        const rest = ((micros % 1000n) + 1000n) % 1000n;
        const text = new Date(Number((micros - rest) / 1000n)).toISOString();
        const expected = rest === 0n ? text : `${text.slice(0, -1)}${String(rest).padStart(3, '0')}Z`;
        expect(write(micros)).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    [0n, '1970-01-01T00:00:00.000Z'],
    [1n, '1970-01-01T00:00:00.000000001Z'],
    [-1n, '1969-12-31T23:59:59.999999999Z'],
    [1_500_000_000n, '1970-01-01T00:00:01.500Z'],
    [1_500_000_001n, '1970-01-01T00:00:01.500000001Z'],
  ])('%s nanoseconds', (nanos, text) => expect(values.nanosecondsText(nanos, values.timestampWriter())).toBe(text));

  test.each([
    [0, 0, 0n, 'PT0S'],
    [14, 3, 14_706_500_000n, 'P1Y2M3DT4H5M6.5S'],
    [-13, -1, -500_000n, 'P-1Y-1M-1DT-0.5S'],
    [0, 0, 3_600_000_000n, 'PT1H'],
  ])('an interval of %s months, %s days, %s µs', (months, days, micros, text) =>
    expect(values.intervalText(months, days, micros)).toBe(text),
  );
});

test('4-byte floats are written as people wrote them', () => {
  const tally = { notFinite: 0 };
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const found = values.singleFloat(value, tally) as number;
      expect(Math.fround(found) === value).toBe(true);
      expect(String(found).length).toBeLessThanOrEqual(String(value).length);
    }),
  );
  expect(values.singleFloat(Math.fround(0.1), tally)).toBe(0.1);
  expect(tally.notFinite).toBe(0);
});
