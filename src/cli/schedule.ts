/** `schedule list`: when each mapping runs by itself. */

import { counted } from '../base/count.ts';
import { listSchedules, type MappingSchedule, scheduleWords } from '../schedule/schedule.ts';
import type { Command } from './command.ts';
import { paragraphs, printable, table, time } from './text.ts';

export const scheduleListCommand: Command = {
  name: 'schedule list',
  description: 'List when each mapping is synced by itself: its schedule, its last and next run, and what was missed.',
  arguments: [],
  options: [],
  examples: ['millrace schedule list', 'millrace schedule list --json'],
  async run(context) {
    const { pool } = await context.database();
    const now = context.clock.now();
    const schedules = await listSchedules(pool, now);
    return {
      document: { schedules: schedules.map((entry) => ({ ...entry, inWords: scheduleWords(entry.schedule) })) },
      text: listText(schedules, now),
    };
  },
};

function listText(schedules: readonly MappingSchedule[], now: Date): string {
  if (schedules.length === 0) return 'There are no mappings yet. Next: millrace apply FILE';
  const rows = schedules.map((entry) => [
    entry.mapping,
    scheduleWords(entry.schedule),
    entry.lastRun === null ? 'never' : time(entry.lastRun),
    nextText(entry, now),
    String(entry.missed),
  ]);
  const titles = [{ title: 'mapping' }, { title: 'schedule' }, { title: 'last run' }, { title: 'next run' }];
  const missed = schedules.flatMap(({ mapping, missed: times, lastMissed }) =>
    lastMissed === null
      ? []
      : [
          `${mapping} could not start ${counted(times, 'time')}, last at ${time(lastMissed.at)}: ${printable(lastMissed.reason)}`,
        ],
  );
  return paragraphs(
    table([...titles, { title: 'missed', align: 'right' }], rows),
    missed.join('\n'),
    'Schedules run while a server does: millrace start',
  );
}

function nextText({ enabled, schedule, nextRun }: MappingSchedule, now: Date): string {
  if (!enabled) return 'disabled';
  if (schedule === null || nextRun === null) return schedule === null ? '' : 'never';
  return nextRun.getTime() <= now.getTime() ? 'as soon as it can' : time(nextRun);
}
