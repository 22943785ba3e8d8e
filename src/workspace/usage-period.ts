/** Days and months of the usage: UTC, as texts that sort by time. */
import { MillraceError } from '../base/errors.ts';

const dayMs = 86_400_000;

/** A month, of which some or all days have begun. */
export interface Period {
  readonly start: Date;
  /** The first moment after it. */
  readonly end: Date;
  /** The days that have begun, in order; none of a month to come. */
  readonly days: readonly Date[];
}

/** `YYYY-MM-DD`. */
export function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}

/** The name of a day's month as a period: `YYYY-MM-01`. */
export function monthOf(day: string): string {
  return `${day.slice(0, 7)}-01`;
}

/** The period that a moment lies in, by its name. */
export function periodAt(at: Date): string {
  return monthOf(dayOf(at));
}

const form = /^(?:19[7-9]\d|[2-9]\d{3})-(?:0[1-9]|1[0-2])-01$/;

/** Error: `period_invalid`. */
export function readPeriod(name: string, now: Date): Period {
  if (!form.test(name)) {
    throw new MillraceError('period_invalid', `${JSON.stringify(name)} is not the first day of a month.`);
  }
  const start = new Date(`${name}T00:00:00.000Z`);
  const end = new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1));
  const begun = Math.ceil((Math.min(end.getTime(), now.getTime() + 1) - start.getTime()) / dayMs);
  const days = Array.from({ length: Math.max(0, begun) }, (_, at) => new Date(start.getTime() + at * dayMs));
  return { start, end, days };
}
