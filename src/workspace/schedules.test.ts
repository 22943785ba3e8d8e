import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { durationSeconds, isTimezone, nextRun, type Schedule, scheduleFaults } from './schedules.ts';

const at = (text: string) => new Date(text);

/** The times that a schedule means, one after the other. */
function runs(schedule: Schedule, from: string, count: number, anchor = at(from)): readonly string[] {
  const found: string[] = [];
  let after = at(from);
  for (let no = 0; no < count; no++) {
    const next = nextRun(schedule, anchor, after);
    if (next === null) break;
    found.push(next.toISOString());
    after = next;
  }
  return found;
}

describe('intervals', () => {
  const every = (interval: string): Schedule => ({ kind: 'interval', interval });

  test('45 minutes are 45 minutes, across hours, days and a change of the clock', () => {
    const times = runs(every('45m'), '2026-03-27T10:07:13.500Z', 200);
    expect(times.slice(0, 3)).toEqual([
      '2026-03-27T10:52:13.500Z',
      '2026-03-27T11:37:13.500Z',
      '2026-03-27T12:22:13.500Z',
    ]);
    const gaps = times.slice(1).map((time, no) => at(time).getTime() - at(times[no] as string).getTime());
    expect(new Set(gaps)).toEqual(new Set([45 * 60_000]));
  });

  test('3 days are 3 days, across the ends of months and years', () => {
    expect(runs(every('3d'), '2026-12-27T06:00:00Z', 3)).toEqual([
      '2026-12-30T06:00:00.000Z',
      '2027-01-02T06:00:00.000Z',
      '2027-01-05T06:00:00.000Z',
    ]);
    expect(runs(every('3d'), '2026-01-01T06:00:00Z', 400).at(-1)).toBe('2029-04-15T06:00:00.000Z');
  });

  test('what was missed is passed over, and the times stay those of the anchor', () => {
    const anchor = at('2026-01-01T00:00:00Z');
    expect(nextRun(every('7h'), anchor, at('2026-01-02T00:00:00Z'))).toEqual(at('2026-01-02T04:00:00Z'));
    // The time itself is over when it is there.
    expect(nextRun(every('7h'), anchor, at('2026-01-02T04:00:00Z'))).toEqual(at('2026-01-02T11:00:00Z'));
    expect(nextRun(every('7h'), anchor, at('2025-12-31T00:00:00Z'))).toEqual(anchor);
  });

  test('durations', () => {
    const cases = { '15m': 900, '1d': 86_400, '3h25m30s': 12_330, '1.5h': 5_400, '90s': 90 };
    for (const [text, seconds] of Object.entries(cases)) expect(durationSeconds(text)).toBe(seconds);
    for (const text of ['', '15', 'm', '1 h', '-1h', '1w', '1h ', '1h30']) expect(durationSeconds(text)).toBeNull();
  });
});

describe('days and hours, in the time of a zone', () => {
  const berlin = (days: number[], hours: number[]): Schedule => ({
    ...{ kind: 'days', days, hours },
    timezone: 'Europe/Berlin',
  });
  const daily = [0, 1, 2, 3, 4, 5, 6];

  test('Monday and Friday at 6 and 18, given in any order', () => {
    expect(runs(berlin([5, 1], [18, 6]), '2026-07-01T00:00:00Z', 4)).toEqual([
      '2026-07-03T04:00:00.000Z',
      '2026-07-03T16:00:00.000Z',
      '2026-07-06T04:00:00.000Z',
      '2026-07-06T16:00:00.000Z',
    ]);
  });

  test('6 in the morning stays 6 in the morning when the clock is put forward, and back', () => {
    expect(runs(berlin(daily, [6]), '2026-03-28T00:00:00Z', 3)).toEqual([
      '2026-03-28T05:00:00.000Z',
      '2026-03-29T04:00:00.000Z',
      '2026-03-30T04:00:00.000Z',
    ]);
    expect(runs(berlin(daily, [6]), '2026-10-24T00:00:00Z', 3)).toEqual([
      '2026-10-24T04:00:00.000Z',
      '2026-10-25T05:00:00.000Z',
      '2026-10-26T05:00:00.000Z',
    ]);
  });

  test('the hour that there is not, and the one that there is twice: once a day all the same', () => {
    const spring = runs(berlin(daily, [2]), '2026-03-28T02:00:00Z', 2);
    expect(spring).toEqual(['2026-03-29T01:00:00.000Z', '2026-03-30T00:00:00.000Z']);
    const autumn = runs(berlin(daily, [2]), '2026-10-24T12:00:00Z', 2);
    expect(autumn).toEqual(['2026-10-25T00:00:00.000Z', '2026-10-26T01:00:00.000Z']);
  });

  test('every hour of a day with 23, and of one with 25', () => {
    const hours = Array.from({ length: 24 }, (_, hour) => hour);
    const within = (day: string, nextDay: string) =>
      runs(berlin(daily, hours), day, 30).filter((time) => at(time) <= at(nextDay)).length;
    expect(within('2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z')).toBe(23);
    const long = within('2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z');
    expect([24, 25]).toContain(long);
  });
});

test('cron, in the time of a zone', () => {
  const cron = (spec: string): Schedule => ({ kind: 'cron', spec, timezone: 'Europe/Berlin' });
  expect(runs(cron('30 2 1 * *'), '2026-01-15T00:00:00Z', 2)).toEqual([
    '2026-02-01T01:30:00.000Z',
    '2026-03-01T01:30:00.000Z',
  ]);
  expect(runs(cron('0 0 29 2 *'), '2026-01-01T00:00:00Z', 2)).toEqual([
    '2028-02-28T23:00:00.000Z',
    '2032-02-28T23:00:00.000Z',
  ]);
});

describe('when the clock is set', () => {
  const oslo = (spec: string): Schedule => ({ kind: 'cron', spec, timezone: 'Europe/Oslo' });
  const [spring, autumn] = ['2026-03-28T22:00:00Z', '2026-10-24T20:00:00Z'];

  test('a time that the day does not have comes an hour later, and none is lost', () => {
    expect(runs(oslo('30 2 * * *'), spring, 2)).toEqual(['2026-03-29T01:30:00.000Z', '2026-03-30T00:30:00.000Z']);
    expect(runs(oslo('55 1,2 * * *'), spring, 3)).toEqual([
      ...['2026-03-29T00:55:00.000Z', '2026-03-29T01:55:00.000Z', '2026-03-29T23:55:00.000Z'],
    ]);
    // 2:30 comes at 3:30, behind 3:10; 2:00 and 3:00 come at once.
    expect(runs(oslo('30 2 * * *'), '2026-03-29T01:10:00Z', 1)).toEqual(['2026-03-29T01:30:00.000Z']);
    expect(runs(oslo('0,30 2,3 * * *'), spring, 3)).toEqual([
      ...['2026-03-29T01:00:00.000Z', '2026-03-29T01:30:00.000Z', '2026-03-30T00:00:00.000Z'],
    ]);
    const halfHour: Schedule = { kind: 'cron', spec: '15 2 * * *', timezone: 'Australia/Lord_Howe' };
    expect(runs(halfHour, '2026-10-03T00:00:00Z', 1)).toEqual(['2026-10-03T15:45:00.000Z']);
  });

  test('a time that the day has twice comes once, the first time', () => {
    const sundays: Schedule = { kind: 'days', days: [0], hours: [1, 2, 3], timezone: 'Europe/Oslo' };
    expect(runs(sundays, autumn, 4)).toEqual([
      ...['2026-10-24T23:00:00.000Z', '2026-10-25T00:00:00.000Z', '2026-10-25T02:00:00.000Z'],
      '2026-11-01T00:00:00.000Z',
    ]);
    expect(runs(oslo('30 2 * * *'), '2026-10-25T00:45:00Z', 1)).toEqual(['2026-10-26T01:30:00.000Z']);
  });

  test('what comes every hour comes every hour', () => {
    for (const from of [spring, autumn]) {
      const times = runs(oslo('20 * * * *'), from, 12).map((time) => at(time).getTime());
      expect(new Set(times.slice(1).map((time, no) => time - (times[no] as number)))).toEqual(new Set([3_600_000]));
    }
  });
});

describe('faults', () => {
  test.each<[Schedule, string]>([
    [{ kind: 'interval', interval: '10m' }, 'interval: must be longer than 10 minutes and shorter than 168 hours'],
    [{ kind: 'interval', interval: '7d' }, 'interval: must be longer than 10 minutes and shorter than 168 hours'],
    [{ kind: 'interval', interval: 'often' }, 'interval: must be a duration such as 15m, 1h30m or 1d'],
    [{ kind: 'days', days: [], hours: [6], timezone: 'UTC' }, 'days: must be 1 to 7 different whole numbers'],
    [{ kind: 'days', days: [7], hours: [6], timezone: 'UTC' }, 'days: must be 1 to 7 different whole numbers'],
    [{ kind: 'days', days: [1], hours: [6, 6], timezone: 'UTC' }, 'hours: must be 1 to 24 different whole numbers'],
    [{ kind: 'days', days: [1], hours: [24], timezone: 'UTC' }, 'hours: must be 1 to 24 different whole numbers'],
    [{ kind: 'days', days: [1], hours: [6], timezone: 'Oslo' }, 'timezone: must be the name of a time zone'],
    [{ kind: 'cron', spec: '* * * *', timezone: 'UTC' }, 'spec: must have five fields'],
    [{ kind: 'cron', spec: '0 0 0 1 1 *', timezone: 'UTC' }, 'spec: must have five fields'],
    [{ kind: 'cron', spec: '61 * * * *', timezone: 'UTC' }, 'spec: is not a cron expression'],
    [{ kind: 'cron', spec: '0 0 30 2 *', timezone: 'UTC' }, 'spec: never comes true'],
    [{ kind: 'cron', spec: '*/5 * * * *', timezone: 'UTC' }, 'spec: must leave more than 10 minutes between two runs'],
    [{ kind: 'cron', spec: '0,5 6 * * *', timezone: 'UTC' }, 'spec: must leave more than 10 minutes between two runs'],
  ])('%j', (schedule, fault) => {
    const [first] = scheduleFaults(schedule).map(({ where, message }) => `${where}: ${message}`);
    expect(first).toContain(fault);
  });

  test.each([
    ...[
      '5-59/20 * * * *',
      '0 0 * jan,jul mon-fri',
      '0 0 * * 7',
      '0 0 L * *',
      '0 0 * * 5L',
      '0 0 15W * *',
      '0 0 * * 1#2',
    ],
    '0 0 ? * 1',
  ])('the page on schedules says that %s is taken', (spec) => {
    expect(scheduleFaults({ kind: 'cron', spec, timezone: 'UTC' })).toEqual([]);
  });

  test('a step from a number on is none, and the fault says what to write', () => {
    expect(scheduleFaults({ kind: 'cron', spec: '5/20 * * * *', timezone: 'UTC' })).toEqual([
      { where: 'spec', message: 'is not a cron expression: write 5-59/20 in the place of 5/20' },
    ]);
  });

  test('none, and the shortest interval is a setting', () => {
    expect(scheduleFaults({ kind: 'interval', interval: '11m' })).toEqual([]);
    expect(scheduleFaults({ kind: 'cron', spec: '*/15 * * * 1-5', timezone: 'Asia/Kolkata' })).toEqual([]);
    expect(scheduleFaults({ kind: 'interval', interval: '30s' }, { shortestSeconds: 10 })).toEqual([]);
    expect(scheduleFaults({ kind: 'interval', interval: '11m' }, { shortestSeconds: 3600 })).toHaveLength(1);
  });

  test('an offset is no time zone', () => {
    expect(['UTC', 'Europe/Oslo', '+02:00', 'Nowhere/Land', ''].map(isTimezone)).toEqual([
      ...[true, true, false, false, false],
    ]);
  });
});

/* ---- properties ---- */

const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata');
const someOf = (end: number) =>
  fc.uniqueArray(fc.integer({ min: 0, max: end - 1 }), { minLength: 1, maxLength: Math.min(end, 6) });
const schedules: fc.Arbitrary<Schedule> = fc.oneof(
  fc.record({
    kind: fc.constant('interval' as const),
    interval: fc.integer({ min: 1, max: 7 * 1440 - 1 }).map((minutes) => `${minutes}m`),
  }),
  fc.record({ kind: fc.constant('days' as const), days: someOf(7), hours: someOf(24), timezone: zones }),
  fc.record({
    kind: fc.constant('cron' as const),
    spec: fc.constantFrom('*/45 * * * *', '30 2 * * *', '0 0 1 * *', '15 1-4 * * 0', '0 12 31 * *'),
    timezone: zones,
  }),
);
const moments = fc
  .integer({ min: Date.UTC(2025, 0, 1), max: Date.UTC(2028, 0, 1) })
  .map((milliseconds) => new Date(milliseconds));

test('the next run is after the time asked about, and there is none between the two', () => {
  fc.assert(
    fc.property(
      schedules,
      moments,
      moments,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (schedule, anchor, after, share) => {
        const next = nextRun(schedule, anchor, after);
        if (next === null) throw new Error('there is always one');
        expect(next.getTime()).toBeGreaterThan(after.getTime());
        const between = new Date(after.getTime() + Math.floor((next.getTime() - after.getTime() - 1) * share));
        expect(nextRun(schedule, anchor, between)).toEqual(next);
      },
    ),
    { numRuns: 300 },
  );
});

test('runs follow each other strictly, at the minute and hour they name', () => {
  fc.assert(
    fc.property(schedules, moments, (schedule, from) => {
      const times = runs(schedule, from.toISOString(), 40);
      expect(times).toHaveLength(40);
      expect([...times].sort()).toEqual(times);
      expect(new Set(times).size).toBe(40);
      if (schedule.kind !== 'days') return;
      const clock = new Intl.DateTimeFormat('en-GB', {
        ...{ timeZone: schedule.timezone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
      });
      const wanted = schedule.hours.map((hour) => `${String(hour).padStart(2, '0')}:00`);
      const others = times.map((time) => clock.format(at(time))).filter((text) => !wanted.includes(text));
      // An hour that a day does not have is made up for, once a year.
      expect(others.length).toBeLessThanOrEqual(times.length / 10);
    }),
    { numRuns: 100 },
  );
});
