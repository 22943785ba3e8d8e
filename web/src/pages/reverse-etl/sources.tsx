/** Reverse ETL > Sources: the warehouses. */
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { sourcesQuery } from '../../api/queries.ts';
import type { Source } from '../../api/types.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { type Column, ListTable } from '../../parts/list-table.tsx';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Enabled } from '../../parts/values.tsx';

const isWarehouse = ({ metadata }: Source) => metadata.categories.includes('Warehouse');

const columns: readonly Column<Source>[] = [
  {
    label: 'Name',
    cell: ({ id, name }) => (
      <Link to="/sources/$id" params={{ id }}>
        {name}
      </Link>
    ),
  },
  { label: 'Kind', cell: ({ metadata }) => metadata.name },
  { label: 'State', cell: ({ enabled }) => <Enabled enabled={enabled} /> },
];

export function Sources() {
  const query = useQuery(sourcesQuery);
  const add = (
    <Allowed power="source:admin">
      <Button component={Link} to="/sources/new">
        Add source
      </Button>
    </Allowed>
  );
  return (
    <Page title="Sources" lead="Warehouses whose rows become profiles." actions={add}>
      <Loaded query={query} what="the sources">
        {(sources) => {
          const warehouses = sources.filter(isWarehouse);
          return warehouses.length === 0 ? (
            <Empty title="Connect your first warehouse" action={add}>
              A source is a warehouse that Millrace reads. It needs the right to read your tables, and a schema of its
              own to remember what it has delivered.
            </Empty>
          ) : (
            <ListTable rows={warehouses} keyOf={({ id }) => id} columns={columns} />
          );
        }}
      </Loaded>
    </Page>
  );
}
