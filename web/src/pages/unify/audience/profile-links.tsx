/** Profiles of which the ids are known alone: their names are asked for one by one, for as many as are shown. */
import { Anchor } from '@mantine/core';
import { useQueries } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { profileQuery } from '../../../api/profiles.ts';
import { ListTable } from '../../../parts/list-table.tsx';
import { Identifiers } from '../profile/words.tsx';

const shownIdentifiers = 2;

export function ProfileLinks({
  space,
  ids,
  title,
}: {
  readonly space: string;
  readonly ids: readonly string[];
  readonly title: string;
}) {
  const profiles = useQueries({
    queries: ids.map((id) => ({ ...profileQuery(space, id), staleTime: 60_000 })),
    combine: (results) => new Map(results.flatMap(({ data }, at) => (data === undefined ? [] : [[ids[at], data]]))),
  });
  return (
    <ListTable
      title={title}
      rows={ids}
      keyOf={(id) => id}
      minWidth={300}
      columns={[
        {
          label: 'Name',
          cell: (id) => (
            <Anchor
              size="sm"
              style={{ overflowWrap: 'anywhere' }}
              renderRoot={(props) => <Link {...props} to="/profiles/$space/$id" params={{ space, id }} search={{}} />}
            >
              {profiles.get(id)?.name ?? id}
            </Anchor>
          ),
        },
        {
          label: 'Identifiers',
          cell: (id) => {
            const { identifiers = [] } = profiles.get(id) ?? {};
            return <Identifiers ids={identifiers.slice(0, shownIdentifiers)} count={identifiers.length} />;
          },
        },
      ]}
    />
  );
}
