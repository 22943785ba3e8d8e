/**
 * When a mapping runs by itself. In: a schedule as somebody wrote it. Out: what is wrong with it, and the times it means.
 * Pure. Promised: intervals are counted from an anchor, so that 45 minutes and 3 days mean what they say; times of day are
 * those of the clock in the time zone, also when it is put forward or back.
 */
import { Cron } from 'croner';
import type { Fault } from '../base/errors.ts';
import { type ZoneClock, zoneClock } from './zone-clock.ts';

/** Null in its place: only when somebody starts it. */
export type Schedule =
  /** A duration: `15m`, `1h30m`, `1d`. */
  | { readonly kind: 'interval'; readonly interval: string }
  /** At minute 0 of these hours (0 to 23) on these days (0 is Sunday). */
  | {
      readonly kind: 'days';
      readonly days: readonly number[];
      readonly hours: readonly number[];
      readonly timezone: string;
    }
  /** Five fields: minute, hour, day of month, month, day of week. */
  | { readonly kind: 'cron'; readonly spec: string; readonly timezone: string };

/** The schedule of a model, for mappings that are made later without their own; null in its place: none was given. */
export type ModelSchedule = Schedule | { readonly kind: 'manual' };

export interface ScheduleLimits {
  /** Runs must be further apart than this. */
  readonly shortestSeconds: number;
}

/** As the vendor documents it for its API; its product offers 15 minutes and more. */
export const usualScheduleLimits: ScheduleLimits = { shortestSeconds: 600 };

/** An interval must be shorter. */
const longestSeconds = 168 * 3600;

const unitSeconds: Readonly<Record<string, number>> = { d: 86_400, h: 3_600, m: 60, s: 1 };
const durationForm = /^(?:\d{1,9}(?:\.\d{1,3})?[dhms])+$/;

/** Seconds of a duration like `1d`, `3h25m30s`; null when it is none. */
export function durationSeconds(text: string): number | null {
  if (!durationForm.test(text)) return null;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([dhms])/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitSeconds[unit as string] as number), 0);
}

export function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    // Offsets are zones to the formatter, but no IANA names.
    return !/^[+-]/.test(name);
  } catch {
    return false;
  }
}

/** What is wrong with a schedule; `where` is the key at fault. */
export function scheduleFaults(schedule: Schedule, { shortestSeconds } = usualScheduleLimits): readonly Fault[] {
  const faults: Fault[] = [];
  const say = (where: string, message: string) => faults.push({ where, message });
  if (schedule.kind === 'interval') {
    const seconds = durationSeconds(schedule.interval);
    if (seconds === null) say('interval', 'must be a duration such as 15m, 1h30m or 1d');
    else if (seconds <= shortestSeconds || seconds >= longestSeconds) {
      say('interval', `must be longer than ${inWords(shortestSeconds)} and shorter than 168 hours`);
    }
    return faults;
  }
  if (!isTimezone(schedule.timezone)) say('timezone', 'must be the name of a time zone, such as Europe/Oslo or UTC');
  if (schedule.kind === 'days') {
    const { days, hours } = schedule;
    if (!isListOf(days, 7)) say('days', 'must be 1 to 7 different whole numbers from 0 (Sunday) to 6');
    if (!isListOf(hours, 24)) say('hours', 'must be 1 to 24 different whole numbers from 0 to 23');
    return faults;
  }
  if (schedule.spec.trim().split(/\s+/).length !== 5) {
    say('spec', 'must have five fields: minute, hour, day of month, month, day of week');
    return faults;
  }
  try {
    const runs = new Cron(schedule.spec, { timezone: 'UTC' }).nextRuns(runsLookedAt);
    if (runs.length === 0) say('spec', 'never comes true');
    const tooClose = runs.some(
      (run, at) => at > 0 && run.getTime() - (runs[at - 1] as Date).getTime() <= shortestSeconds * 1000,
    );
    if (tooClose) say('spec', `must leave more than ${inWords(shortestSeconds)} between two runs`);
  } catch {
    say('spec', `is not a cron expression${steppedAlike(schedule.spec)}`);
  }
  return faults;
}

const lastOfField = [59, 23, 31, 12, 6];

/** Some other crons know a step that begins at a number. */
function steppedAlike(spec: string): string {
  const fields = spec.trim().split(/\s+/);
  const at = fields.findIndex((field) => /^\d+\/\d+$/.test(field));
  if (at === -1) return '';
  const field = fields[at] as string;
  const [from, step] = field.split('/');
  return `: write ${from}-${lastOfField[at]}/${step} in the place of ${field}`;
}

const runsLookedAt = 200;

function isListOf(list: readonly number[], end: number): boolean {
  const inRange = list.every((item) => Number.isInteger(item) && item >= 0 && item < end);
  return list.length > 0 && inRange && new Set(list).size === list.length;
}

function inWords(seconds: number): string {
  return seconds % 60 === 0 ? `${seconds / 60} minutes` : `${seconds} seconds`;
}

/**
 * The first time after `after` that a schedule means; null when there is none.
 * @param anchor where intervals are counted from
 */
export function nextRun(schedule: Schedule, anchor: Date, after: Date): Date | null {
  if (schedule.kind === 'interval') {
    const step = (durationSeconds(schedule.interval) ?? 0) * 1000;
    if (step <= 0) return null;
    const passed = Math.floor((after.getTime() - anchor.getTime()) / step);
    return new Date(anchor.getTime() + Math.max(0, passed + 1) * step);
  }
  const spec = cronOf(schedule);
  // Of every hour: nothing is skipped that an hour could make up for, and nothing comes twice that should not.
  if (spec.trim().split(/\s+/)[1] === '*') return new Cron(spec, { timezone: schedule.timezone }).nextRun(after);
  return nextShown(new Cron(spec, { timezone: 'UTC' }), zoneClock(schedule.timezone), after.getTime());
}

/** A clock is put forward by no more than that. */
const longestSkip = 2 * 3_600_000;

/** The first instant at which the clock shows, or has skipped, a time that the expression means. */
function nextShown(times: Cron, clock: ZoneClock, after: number): Date | null {
  let first: number | null = null;
  // What the clock skipped just now comes later than what it shows next.
  for (
    let at = times.nextRun(new Date(clock.shown(after) - longestSkip)), end = 0;
    at !== null;
    at = times.nextRun(at)
  ) {
    const shown = at.getTime();
    if (first !== null && shown > end) break;
    const instant = clock.instantOf(shown);
    if (instant <= after) continue;
    if (first === null) end = shown + longestSkip;
    first = Math.min(first ?? instant, instant);
  }
  return first === null ? null : new Date(first);
}

function cronOf(schedule: Exclude<Schedule, { kind: 'interval' }>): string {
  return schedule.kind === 'cron' ? schedule.spec : `0 ${schedule.hours.join(',')} * * ${schedule.days.join(',')}`;
}
