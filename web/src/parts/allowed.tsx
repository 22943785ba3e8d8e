/** What a person's role allows: what it does not is not offered, and forms can be read only. */
import { Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { type Power, useMay } from '../api/may.ts';
import { type Crumb, Page } from './page.tsx';
import { Empty } from './states.tsx';

export function Allowed({ power, children }: { readonly power: Power; readonly children: ReactNode }) {
  return useMay(power) ? children : null;
}

/** The fields of a form; without the power none of them can be changed. */
export function Editable({ power, children }: { readonly power: Power; readonly children: ReactNode }) {
  return (
    <fieldset className="plain" disabled={!useMay(power)}>
      {children}
    </fieldset>
  );
}

/** What a page may take that makes or changes something: the role to ask for, and what it is good for. */
const makers = {
  'source:admin': { role: 'Source Admin', does: 'adds and changes sources, models, destinations and mappings' },
  'space:admin': { role: 'Unify and Engage Admin', does: 'adds and changes spaces' },
  'audience:admin': { role: 'Unify and Engage Admin', does: 'adds and changes audiences and computed traits' },
} as const satisfies Partial<Record<Power, { readonly role: string; readonly does: string }>>;

/** A page that only makes something. Whoever may not is told so in its place; nothing of it is asked for. */
export function Making({
  power,
  title,
  crumbs,
  children,
}: {
  readonly power: keyof typeof makers;
  readonly title: string;
  readonly crumbs: readonly Crumb[];
  readonly children: ReactNode;
}) {
  const { role, does } = makers[power];
  if (useMay(power)) return children;
  return (
    <Page title={title} crumbs={crumbs}>
      <Empty title="Your role does not allow this">
        Ask an owner of the workspace for the role {role}: it {does}.
      </Empty>
    </Page>
  );
}

/** Above a form that is read only to whoever looks. */
export function ReadOnlyNote({ power }: { readonly power: keyof typeof makers }) {
  const { role, does } = makers[power];
  if (useMay(power)) return null;
  return (
    <Text size="sm" c="dimmed">
      Your role shows this and does not change it. Ask an owner of the workspace for the role {role}: it {does}.
    </Text>
  );
}
