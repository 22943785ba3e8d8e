/** What a profile is known by, and how many of each it may have. */
import { Alert, List, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { IdentifierLimit, Profile, ProfileIdentifier } from '../../../api/profiles.ts';
import { type Column, ListTable } from '../../../parts/list-table.tsx';
import { Copied, Time } from '../../../parts/values.tsx';
import { sourceName } from './words.tsx';

const windows = {
  ever: '',
  annually: ' within a year',
  monthly: ' within a month',
  weekly: ' within a week',
  daily: ' within a day',
} as const;

function limitWords({ count, limit, window = 'ever' }: IdentifierLimit): string {
  return limit === undefined ? `${count}` : `${count} of ${limit}${windows[window]}`;
}

export function ProfileIdentifiers({ space, profile }: { readonly space: string; readonly profile: Profile }) {
  const { identifiers, limits, mergedIds } = profile;
  const limitOf = (type: string) => limits.find((limit) => limit.type === type);
  const full = limits.filter(({ count, limit }) => limit !== undefined && limit > 1 && count >= limit);
  const columns: readonly Column<ProfileIdentifier>[] = [
    { label: 'Type', cell: ({ type }) => <strong>{type}</strong> },
    { label: 'Value', cell: ({ type, id }) => <Copied value={id} label={`the ${type}`} /> },
    { label: 'First seen', cell: ({ createdAt }) => <Time at={createdAt} /> },
    { label: 'Last seen', cell: ({ lastSeenAt }) => <Time at={lastSeenAt} /> },
    { label: 'First sent by', cell: ({ source }) => sourceName(source) },
    {
      label: 'Of this type',
      cell: ({ type }) => {
        const limit = limitOf(type);
        return limit === undefined ? '' : limitWords(limit);
      },
    },
  ];
  return (
    <Stack gap="sm">
      {full.length > 0 && (
        <Alert color="yellow" title="A limit is reached">
          It has as many of {full.map(({ type }) => type).join(', ')} as the space allows. A message that brings a
          further one is taken without it, or makes another profile; the rules of{' '}
          <Link to="/spaces/$id" params={{ id: space }} search={{}}>
            the space
          </Link>{' '}
          say how many there may be.
        </Alert>
      )}
      <ListTable rows={identifiers} keyOf={({ type, id }) => `${type}:${id}`} columns={columns} minWidth={860} />
      {mergedIds.length > 0 && (
        <Stack gap={4}>
          <Text size="sm">
            {mergedIds.length === 1 ? 'One profile was' : `${mergedIds.length} profiles were`} merged into this one;
            what was known of {mergedIds.length === 1 ? 'it' : 'them'} is shown here.
          </Text>
          <List size="sm" aria-label="Merged profiles">
            {mergedIds.map((id) => (
              <List.Item key={id}>
                <Copied value={id} label="the id of a merged profile" />
              </List.Item>
            ))}
          </List>
        </Stack>
      )}
    </Stack>
  );
}
