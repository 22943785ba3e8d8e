/** Reverse ETL > Destinations: where the rows go. */
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { destinationsQuery, sourcesQuery } from '../../api/queries.ts';
import type { Destination } from '../../api/types.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { type Column, ListTable } from '../../parts/list-table.tsx';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Enabled } from '../../parts/values.tsx';

export function Destinations() {
  const query = useQuery(destinationsQuery);
  const { data: sources = [] } = useQuery(sourcesQuery);
  const sourceName = (id: string) => sources.find((source) => source.id === id)?.name ?? '';
  const columns: readonly Column<Destination>[] = [
    {
      label: 'Name',
      cell: ({ id, name }) => (
        <Link to="/destinations/$id" params={{ id }} search={{ tab: 'mappings' }}>
          {name}
        </Link>
      ),
    },
    { label: 'Kind', cell: ({ metadata }) => metadata.name },
    { label: 'Source', cell: ({ sourceId }) => sourceName(sourceId) },
    { label: 'State', cell: ({ enabled }) => <Enabled enabled={enabled} /> },
  ];
  const add = (
    <Allowed power="source:admin">
      <Button component={Link} to="/destinations/new">
        Add destination
      </Button>
    </Allowed>
  );
  return (
    <Page title="Destinations" lead="Where the rows of your warehouses go." actions={add}>
      <Loaded query={query} what="the destinations">
        {(destinations) =>
          destinations.length === 0 ? (
            <Empty title="Send rows to profiles" action={add}>
              The destination Segment Profiles turns the rows of a source into profiles of a space: this server's, or
              Segment's.
            </Empty>
          ) : (
            <ListTable rows={destinations} keyOf={({ id }) => id} columns={columns} />
          )
        }
      </Loaded>
    </Page>
  );
}
