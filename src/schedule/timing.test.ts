import { expect, test } from 'vitest';
import type { Schedule } from '../workspace/workspace.ts';
import { changedTiming, firstTiming, isDue, mendedTiming, passedTiming, startedTiming, type Timing } from './timing.ts';

const minute = 60_000;
const noon = new Date('2026-05-04T12:00:00Z');
const after = (minutes: number) => new Date(noon.getTime() + minutes * minute);
const every = (interval: string): Schedule => ({ kind: 'interval', interval });
const daily: Schedule = { kind: 'days', days: [0, 1, 2, 3, 4, 5, 6], hours: [6], timezone: 'UTC' };

/** The minutes at which syncs start when somebody looks every so many minutes. */
function starts(timing: Timing, until: number, step = 1): readonly number[] {
  const found: number[] = [];
  let now = timing;
  for (let at = 0; at <= until; at += step) {
    if (!isDue(now, after(at), true)) continue;
    found.push(at);
    now = startedTiming(now, after(at));
  }
  return found;
}

test('an interval begins at once and keeps its pace, however late the looks are', () => {
  expect(starts(firstTiming(every('45m'), noon), 200)).toEqual([0, 45, 90, 135, 180]);
  // Looked at every 7 minutes: late by up to 7, but never later than that.
  expect(starts(firstTiming(every('45m'), noon), 300, 7)).toEqual([0, 49, 91, 140, 182, 231, 273]);
});

test('a time of day waits for its slot', () => {
  const first = firstTiming(daily, noon);
  expect(first).toMatchObject({ nextRun: new Date('2026-05-05T06:00:00Z'), waitsForFirst: false });
  expect(isDue(first, noon, true)).toBe(false);
});

test('of runs that were missed one is made up for, and the pace stays', () => {
  const running = startedTiming(firstTiming(every('45m'), noon), noon);
  const late = after(45 * 10 + 20);
  expect(isDue(running, late, true)).toBe(true);
  expect(startedTiming(running, late)).toMatchObject({ nextRun: after(45 * 11), lastRun: late });
});

test('an interval whose parts are disabled begins when they are not any more', () => {
  const first = firstTiming(every('1d'), noon);
  expect(isDue(first, noon, false)).toBe(true);
  const passed = passedTiming(first, noon);
  expect(isDue(passed, after(10), false)).toBe(false);
  expect(isDue(passed, after(11), true)).toBe(true);
  expect(startedTiming(passed, after(11)).nextRun).toEqual(after(11 + 1440));
});

test('another interval is counted from the same anchor and runs nothing; another kind begins anew', () => {
  const hourly = startedTiming(firstTiming(every('1h'), noon), noon);
  const faster = changedTiming(hourly, every('20m'), after(50));
  expect(faster).toMatchObject({ anchor: noon, nextRun: after(60), waitsForFirst: false });
  expect(isDue(faster, after(50), true)).toBe(false);
  const times = changedTiming(hourly, daily, after(50));
  expect(times).toMatchObject({ nextRun: new Date('2026-05-05T06:00:00Z'), lastRun: noon });
  expect(changedTiming(times, every('1h'), after(60)).waitsForFirst).toBe(true);
});

test('a clock that is put back repeats no run', () => {
  const interval = startedTiming(firstTiming(every('1h'), noon), noon);
  for (const back of [-1, -30, -59]) {
    expect(isDue(interval, after(back), true)).toBe(false);
    expect(mendedTiming(interval, after(back))).toBeNull();
  }
  const sixOClock = new Date('2026-05-05T06:00:00Z');
  const ran = startedTiming(firstTiming(daily, noon), sixOClock);
  const before = new Date('2026-05-05T05:30:00Z');
  expect(isDue(ran, before, true)).toBe(false);
  expect(mendedTiming(ran, before)).toBeNull();
});

test('a clock that was years ahead does not stop a schedule for years', () => {
  const future = new Date('2031-01-01T00:00:00Z');
  const interval = mendedTiming(startedTiming(firstTiming(every('1h'), future), future), noon);
  expect(interval).toMatchObject({ anchor: noon, nextRun: after(60) });
  const times = mendedTiming(startedTiming(firstTiming(daily, future), future), noon);
  expect(times?.nextRun).toEqual(new Date('2026-05-05T06:00:00Z'));
});
