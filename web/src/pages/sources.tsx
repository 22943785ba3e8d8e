/** Reverse ETL > Sources: the warehouses. */
import { Button, Card, Group, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { sourcesQuery } from '../api/queries.ts';
import type { Source } from '../api/types.ts';
import { Page } from '../parts/page.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { Enabled } from '../parts/values.tsx';

const isWarehouse = ({ metadata }: Source) => metadata.categories.includes('Warehouse');

export function Sources() {
  const query = useQuery(sourcesQuery);
  const add = (
    <Button component={Link} to="/sources/new">
      Add source
    </Button>
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
            <SourceTable sources={warehouses} />
          );
        }}
      </Loaded>
    </Page>
  );
}

function SourceTable({ sources }: { readonly sources: readonly Source[] }) {
  return (
    <Card withBorder padding={0}>
      <Table.ScrollContainer minWidth={480}>
        <Table verticalSpacing="sm" highlightOnHover>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Name</Table.Th>
              <Table.Th>Kind</Table.Th>
              <Table.Th>State</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {sources.map((source) => (
              <Table.Tr key={source.id}>
                <Table.Td>
                  <Group gap="xs">
                    <Link to={`/sources/${source.id}` as '/sources'}>{source.name}</Link>
                  </Group>
                </Table.Td>
                <Table.Td>{source.metadata.name}</Table.Td>
                <Table.Td>
                  <Enabled enabled={source.enabled} />
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Card>
  );
}
