/** What the pages of audiences and computed traits have in common: what they are called, and how they are doing. */
import { Badge, Text } from '@mantine/core';
import type { Cadence, Computation, Entity, Kind } from '../../../api/audiences.ts';
import { type Crumb, Page } from '../../../parts/page.tsx';
import { Empty } from '../../../parts/states.tsx';
import { Count } from '../../../parts/values.tsx';

export const kindWords = {
  audience: { one: 'audience', One: 'Audience', many: 'Audiences', a: 'an audience' },
  computed_trait: { one: 'computed trait', One: 'Computed trait', many: 'Computed traits', a: 'a computed trait' },
} as const satisfies Record<Kind, object>;

export const isKind = (text: unknown): text is Kind => text === 'audience' || text === 'computed_trait';

/** The list that one came from, of the space one was in. */
export const listPath = (space: string, kind: Kind) =>
  `/audiences?space=${encodeURIComponent(space)}${kind === 'audience' ? '' : `&kind=${kind}`}`;

export const crumbsOf = (space: string, kind: Kind): readonly Crumb[] => [
  { label: kindWords[kind].many, to: listPath(space, kind) },
];

/** At an address that is neither of an audience nor of a computed trait. */
export function NoSuch({ space }: { readonly space: string }) {
  return (
    <Page title="Not found" crumbs={crumbsOf(space, 'audience')}>
      <Empty title="There is no such page">Its address names neither an audience nor a computed trait.</Empty>
    </Page>
  );
}

const states: Readonly<Record<string, readonly [label: string, color: string]>> = {
  Live: ['live', 'green'],
  Backfilling: ['first look at all profiles', 'blue'],
  Locked: ['applying a change', 'blue'],
  Computing: ['computing', 'blue'],
  Disabled: ['disabled', 'gray'],
  Failed: ['failed', 'red'],
};

export function Status({ status }: { readonly status: string }) {
  const [label, color] = states[status] ?? [status.toLowerCase(), 'gray'];
  return (
    <Badge color={color} variant="dot" tt="none">
      {label}
    </Badge>
  );
}

const modes: Readonly<Record<Cadence, string>> = { REALTIME: 'real-time', BATCH: 'batch: every 8 hours' };
export const modeOf = ({ cadence }: Pick<Computation, 'cadence'>) => modes[cadence];

export const peopleOf = (entity: Entity) => (entity === 'USERS' ? 'users' : 'accounts');

/** How many are in an audience. */
export function Size({ size }: Pick<Computation, 'size'>) {
  if (size !== undefined) return <Count value={size} />;
  return (
    <Text span size="sm" c="dimmed">
      not counted yet
    </Text>
  );
}
