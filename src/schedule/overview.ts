/** Every mapping with its schedule, for people. */
import type { Queryable } from '../db/db.ts';
import { nextRun, type Schedule } from '../workspace/workspace.ts';
import { type MissedSchedule, missedSchedules } from './missed.ts';
import { readTimings } from './scheduler.ts';

export interface MappingSchedule {
  readonly mappingId: string;
  readonly mapping: string;
  readonly enabled: boolean;
  /** Null: only when somebody starts it. */
  readonly schedule: Schedule | null;
  /** When its newest sync started, whoever started it. */
  readonly lastRun: Date | null;
  /** Null: never by itself. In the past: as soon as a server runs. */
  readonly nextRun: Date | null;
  /** Runs that could not start since its newest sync. */
  readonly missed: number;
  readonly lastMissed: MissedSchedule | null;
}

/** By name. */
export async function listSchedules(db: Queryable, now: Date): Promise<readonly MappingSchedule[]> {
  const timings = await readTimings(db);
  const { rows } = await db.query<{
    id: string;
    name: string;
    enabled: boolean;
    schedule: Schedule | null;
    last_run: Date | null;
    missed: string;
  }>(
    `SELECT m.id, m.name, m.enabled, m.schedule, s.last_run,
       (SELECT count(*) FROM missed_schedules x
        WHERE x.mapping_id = m.id AND (s.last_run IS NULL OR x.at > s.last_run)) AS missed
     FROM mappings m
     LEFT JOIN LATERAL (SELECT max(started_at) AS last_run FROM syncs WHERE mapping_id = m.id) s ON true
     ORDER BY m.name`,
  );
  const list: MappingSchedule[] = [];
  for (const { id, name, enabled, schedule, last_run: lastRun, missed } of rows) {
    const [lastMissed = null] = Number(missed) === 0 ? [] : await missedSchedules(db, { mappingId: id, limit: 1 });
    // Not looked at by a server yet: as one will find it.
    const first = schedule === null ? null : schedule.kind === 'interval' ? now : nextRun(schedule, now, now);
    const timing = timings.get(id);
    const next = timing === undefined ? first : timing.nextRun;
    list.push({
      ...{ mappingId: id, mapping: name, enabled, schedule, lastRun, lastMissed },
      nextRun: enabled && schedule !== null ? next : null,
      missed: Number(missed),
    });
  }
  return list;
}

const dayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** `every 45m`; `Monday and Friday at 6:00 and 18:00, Europe/Oslo`; `cron 30 2 1 * *, UTC`; `manual`. */
export function scheduleWords(schedule: Schedule | null): string {
  switch (schedule?.kind) {
    case undefined:
      return 'manual';
    case 'interval':
      return `every ${schedule.interval}`;
    case 'cron':
      return `cron ${schedule.spec}, ${schedule.timezone}`;
    case 'days': {
      const days = [...schedule.days].sort((a, b) => a - b);
      const hours = [...schedule.hours].sort((a, b) => a - b);
      const names = days.map((day) => dayNames[day] as string);
      const when = days.length === 7 ? 'daily' : listed(names);
      return `${when} at ${listed(hours.map((hour) => `${hour}:00`))}, ${schedule.timezone}`;
    }
  }
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
