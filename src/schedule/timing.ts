/**
 * What the schedule of a mapping has come to. Pure. In: where it stands, and the time. Out: where it stands next. Promised:
 * the next run is computed from an anchor, never from the run before, so that nothing drifts; of runs that were missed one
 * is made up for; a clock that is set back neither repeats runs nor holds them up for long.
 */
import { durationSeconds, nextRun, type Schedule } from '../workspace/workspace.ts';

export interface Timing {
  readonly schedule: Schedule;
  /** Where intervals are counted from. */
  readonly anchor: Date;
  /** Null: no time any more. */
  readonly nextRun: Date | null;
  /** An interval that has not started a sync yet: it does as soon as it can. */
  readonly waitsForFirst: boolean;
  readonly lastRun: Date | null;
}

/** Of a schedule that was not there before, or of another kind: intervals begin at once, the others at their slot. */
export function firstTiming(schedule: Schedule, now: Date, lastRun: Date | null = null): Timing {
  const waitsForFirst = schedule.kind === 'interval';
  return { schedule, anchor: now, nextRun: waitsForFirst ? now : nextRun(schedule, now, now), waitsForFirst, lastRun };
}

/** After the schedule was changed. Another interval is counted from where the one before was: changing it runs nothing. */
export function changedTiming(before: Timing, schedule: Schedule, now: Date): Timing {
  if (schedule.kind !== 'interval' || before.schedule.kind !== 'interval') {
    return firstTiming(schedule, now, before.lastRun);
  }
  if (before.waitsForFirst) return { ...before, schedule };
  return { ...before, schedule, nextRun: nextRun(schedule, before.anchor, now) };
}

/** True when a sync is to be started, or to be found impossible. `ready` when nothing it needs is disabled. */
export function isDue({ nextRun: next, waitsForFirst }: Timing, now: Date, ready: boolean): boolean {
  return (next !== null && next.getTime() <= now.getTime()) || (waitsForFirst && ready);
}

/** After a sync was started. The first of an interval is where all others are counted from. */
export function startedTiming(timing: Timing, now: Date): Timing {
  const anchor = timing.waitsForFirst ? now : timing.anchor;
  return { ...timing, anchor, nextRun: nextRun(timing.schedule, anchor, now), waitsForFirst: false, lastRun: now };
}

/** After a run that could not start, or was not wanted. */
export function passedTiming(timing: Timing, now: Date): Timing {
  return { ...timing, nextRun: nextRun(timing.schedule, timing.anchor, now) };
}

/**
 * Mends what a clock left behind that was far ahead for a while: else a mapping could wait for years. Null when there is
 * nothing to mend. A clock that was put back by less than a slot runs nothing twice.
 */
export function mendedTiming(timing: Timing, now: Date): Timing | null {
  const { schedule, nextRun: next } = timing;
  if (next === null || next.getTime() <= now.getTime()) return null;
  if (schedule.kind === 'interval') {
    const step = (durationSeconds(schedule.interval) ?? 0) * 1000;
    if (next.getTime() - now.getTime() <= 2 * step) return null;
    return { ...timing, anchor: now, nextRun: nextRun(schedule, now, now) };
  }
  const first = nextRun(schedule, now, now);
  const second = first === null ? null : nextRun(schedule, now, first);
  return first === null || second === null || next.getTime() <= second.getTime() ? null : { ...timing, nextRun: first };
}
