/** When a mapping runs by itself: in words, and as fields of a form. */
import { Group, MultiSelect, Select, Stack, TextInput } from '@mantine/core';
import type { Schedule } from '../api/types.ts';
import { faultAt } from './faults.tsx';

const dayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const intervals = ['15m', '30m', '1h', '2h', '4h', '6h', '8h', '12h', '1d'];
const here = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function scheduleWords(schedule: Schedule | undefined): string {
  switch (schedule?.strategy) {
    case 'PERIODIC':
      return `every ${schedule.config.interval}`;
    case 'SPECIFIC_DAYS': {
      const { days, hours, timezone } = schedule.config;
      const when = days.length === 7 ? 'daily' : days.map((day) => dayNames[day]).join(', ');
      return `${when} at ${hours.map((hour) => `${hour}:00`).join(', ')}, ${timezone}`;
    }
    case 'CRON':
      return `cron ${schedule.config.spec}, ${schedule.config.timezone}`;
    default:
      return 'manual';
  }
}

export function ScheduleFields({
  value,
  onChange,
  faults,
  field,
}: {
  readonly value: Schedule;
  readonly onChange: (schedule: Schedule) => void;
  readonly faults: Readonly<Record<string, string>>;
  /** What `faults` call it. */
  readonly field: string;
}) {
  const strategy = value.strategy;
  const faultOf = (part: string) => faultAt(faults, `${field}.config.${part}`);
  // What is wrong with a part that is not asked for here, too.
  const parts = Object.keys(value.config ?? {}).map((part) => `${field}.config.${part}`);
  const isOfPart = (at: string) => parts.some((part) => at === part || at.startsWith(`${part}.`));
  const others = Object.entries(faults).filter(([at]) => !isOfPart(at) && (at === field || at.startsWith(`${field}.`)));
  const start: Readonly<Record<Schedule['strategy'], Schedule>> = {
    MANUAL: { strategy: 'MANUAL', config: null },
    PERIODIC: { strategy: 'PERIODIC', config: { interval: '1h' } },
    SPECIFIC_DAYS: { strategy: 'SPECIFIC_DAYS', config: { days: [1, 2, 3, 4, 5], hours: [6], timezone: here } },
    CRON: { strategy: 'CRON', config: { spec: '0 6 * * *', timezone: here } },
  };
  return (
    <Stack gap="xs">
      <Select
        label="Schedule"
        allowDeselect={false}
        maw={420}
        value={strategy}
        error={others.length === 0 ? undefined : others.map(([, message]) => message).join(' · ')}
        data={[
          { value: 'MANUAL', label: 'Manual: when somebody starts it' },
          { value: 'PERIODIC', label: 'At an interval' },
          { value: 'SPECIFIC_DAYS', label: 'On days, at hours' },
          { value: 'CRON', label: 'Cron' },
        ]}
        onChange={(next) => onChange(start[(next ?? 'MANUAL') as Schedule['strategy']])}
      />
      {value.strategy === 'PERIODIC' && (
        <Select
          label="Every"
          maw={200}
          allowDeselect={false}
          data={[...new Set([...intervals, value.config.interval])]}
          value={value.config.interval}
          error={faultOf('interval')}
          onChange={(interval) => onChange({ ...value, config: { interval: interval ?? '1h' } })}
        />
      )}
      {value.strategy === 'SPECIFIC_DAYS' && (
        <Group align="flex-start">
          <MultiSelect
            label="Days"
            data={dayNames.map((label, day) => ({ value: String(day), label }))}
            value={value.config.days.map(String)}
            error={faultOf('days')}
            onChange={(days) => onChange({ ...value, config: { ...value.config, days: days.map(Number) } })}
          />
          <MultiSelect
            label="Hours"
            data={Array.from({ length: 24 }, (_, hour) => ({ value: String(hour), label: `${hour}:00` }))}
            value={value.config.hours.map(String)}
            error={faultOf('hours')}
            onChange={(hours) => onChange({ ...value, config: { ...value.config, hours: hours.map(Number) } })}
          />
          <TextInput
            label="Time zone"
            value={value.config.timezone}
            error={faultOf('timezone')}
            onChange={(event) =>
              onChange({ ...value, config: { ...value.config, timezone: event.currentTarget.value } })
            }
          />
        </Group>
      )}
      {value.strategy === 'CRON' && (
        <Group align="flex-start">
          <TextInput
            label="Expression"
            description="Minute, hour, day of month, month, day of week."
            value={value.config.spec}
            error={faultOf('spec')}
            onChange={(event) => onChange({ ...value, config: { ...value.config, spec: event.currentTarget.value } })}
          />
          <TextInput
            label="Time zone"
            description="As in Europe/Oslo."
            value={value.config.timezone}
            error={faultOf('timezone')}
            onChange={(event) =>
              onChange({ ...value, config: { ...value.config, timezone: event.currentTarget.value } })
            }
          />
        </Group>
      )}
    </Stack>
  );
}
