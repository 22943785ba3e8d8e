/** Values as people read them. */
import { Badge, Code, CopyButton, Group, Tooltip, UnstyledButton } from '@mantine/core';

const numbers = new Intl.NumberFormat();

export const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

export function Count({ value }: { readonly value: number | string }) {
  return <span className="tabular">{numbers.format(Number(value))}</span>;
}

const near = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** In the reader's zone; UTC on hover. */
export function Time({ at }: { readonly at: string | undefined }) {
  if (at === undefined || at === '') return <span>–</span>;
  const time = new Date(at);
  return (
    <Tooltip label={time.toISOString()}>
      <time dateTime={time.toISOString()} className="tabular">
        {near.format(time)}
      </time>
    </Tooltip>
  );
}

const short = new Intl.DateTimeFormat(undefined, {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
});

/** Below a bar of a chart. */
export const shortTime = (at: string): string => short.format(new Date(at));

const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' });

/** The day that begins at this moment in UTC. */
export const dayOf = (at: string): string => day.format(new Date(at));

/** As the command line writes it: `0.3 s`, `12 s`, `3 min 05 s`, `2 h 10 min`. */
export function durationWords(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${numbers.format(Math.floor(whole / 3600))} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

const two = (value: number) => String(value).padStart(2, '0');

/** From one moment to another, or to now. */
export function lasted(from: string, to: string | undefined): string {
  const end = to === undefined || to === '' ? Date.now() : Date.parse(to);
  return durationWords(Math.max(0, end - Date.parse(from)) / 1000);
}

const states: Readonly<Record<string, readonly [label: string, color: string]>> = {
  IN_PROGRESS: ['running', 'blue'],
  SUCCESS: ['succeeded', 'green'],
  PARTIAL_SUCCESS: ['partially succeeded', 'yellow'],
  FAIL: ['failed', 'red'],
  CANCELLING: ['cancelling', 'gray'],
  CANCELLED: ['cancelled', 'gray'],
};

export function SyncState({ status }: { readonly status: string }) {
  const [label, color] = states[status] ?? [status.toLowerCase(), 'gray'];
  return (
    <Badge color={color} variant="dot" tt="none">
      {label}
    </Badge>
  );
}

export function Enabled({ enabled }: { readonly enabled: boolean }) {
  return (
    <Badge color={enabled ? 'green' : 'gray'} variant="dot" tt="none">
      {enabled ? 'enabled' : 'disabled'}
    </Badge>
  );
}

/** A text to copy. */
export function Copied({ value, label }: { readonly value: string; readonly label: string }) {
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => (
        <Group gap="xs" wrap="nowrap">
          <Code style={{ overflowWrap: 'anywhere' }}>{value}</Code>
          <UnstyledButton onClick={copy} c="var(--mantine-color-anchor)" fz="sm" aria-label={`Copy ${label}`}>
            {copied ? 'Copied' : 'Copy'}
          </UnstyledButton>
        </Group>
      )}
    </CopyButton>
  );
}
