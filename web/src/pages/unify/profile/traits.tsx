/** What is known about a profile, and who said so. */
import { Anchor, Badge, Group, Stack, TextInput } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { Profile, Trait } from '../../../api/profiles.ts';
import { type Column, ListTable } from '../../../parts/list-table.tsx';
import { Empty } from '../../../parts/states.tsx';
import { Time } from '../../../parts/values.tsx';
import { OriginOf, typeOf, Value } from './words.tsx';

const classes: Readonly<Record<Trait['class'], string>> = {
  custom: '',
  audience: 'audience',
  computed_trait: 'computed',
};

const columnsOf = (space: string): readonly Column<Trait>[] => [
  {
    label: 'Trait',
    cell: ({ key, class: kind }) => (
      <Group gap="xs">
        <strong style={{ overflowWrap: 'anywhere' }}>{key}</strong>
        {kind !== 'custom' && (
          <Badge variant="light" size="sm" tt="none">
            {classes[kind]}
          </Badge>
        )}
      </Group>
    ),
  },
  { label: 'Value', cell: ({ value }) => <Value value={value} />, width: '30%' },
  { label: 'Type', cell: ({ value }) => typeOf(value) },
  { label: 'Set', cell: ({ origin }) => <Time at={origin.updatedAt} /> },
  { label: 'From', cell: (trait) => <From space={space} trait={trait} /> },
];

/** What is computed comes from its audience or computed trait, if that is still there. */
function From({ space, trait: { class: kind, origin } }: { readonly space: string; readonly trait: Trait }) {
  const { id, name } = origin.source;
  if (kind === 'custom' || name === undefined) return <OriginOf origin={origin} />;
  return (
    <Anchor
      size="sm"
      style={{ overflowWrap: 'anywhere' }}
      renderRoot={(props) => <Link {...props} to="/audiences/$space/$kind/$id" params={{ space, kind, id }} />}
    >
      {name}
    </Anchor>
  );
}

/** Fewer are seen at a glance. */
const manyFrom = 12;

export function Traits({ space, profile: { traits } }: { readonly space: string; readonly profile: Profile }) {
  const [wanted, setWanted] = useState('');
  if (traits.length === 0) {
    return (
      <Empty title="Nothing is known yet">
        Traits come with the action Send Identify of a mapping, or with identify calls of a source.
      </Empty>
    );
  }
  const word = wanted.trim().toLowerCase();
  const shown = traits.filter(
    ({ key, value }) => key.toLowerCase().includes(word) || JSON.stringify(value).toLowerCase().includes(word),
  );
  return (
    <Stack gap="sm">
      {traits.length >= manyFrom && (
        <TextInput
          label="Show traits with"
          placeholder="a name or a value"
          maw={360}
          value={wanted}
          onChange={(event) => setWanted(event.currentTarget.value)}
        />
      )}
      {shown.length === 0 ? (
        <Empty title="No trait has that in its name or value">Try a shorter text.</Empty>
      ) : (
        <ListTable rows={shown} keyOf={({ key }) => key} columns={columnsOf(space)} minWidth={720} />
      )}
    </Stack>
  );
}
