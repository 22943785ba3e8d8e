/** Reverse ETL > Destinations: where the rows go. */
import { Button, Card, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { destinationsQuery, sourcesQuery } from '../api/queries.ts';
import { Page } from '../parts/page.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { Enabled } from '../parts/values.tsx';

export function Destinations() {
  const query = useQuery(destinationsQuery);
  const { data: sources = [] } = useQuery(sourcesQuery);
  const sourceName = (id: string) => sources.find((source) => source.id === id)?.name ?? '';
  const add = (
    <Button component={Link} to="/destinations/new">
      Add destination
    </Button>
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
            <Card withBorder padding={0}>
              <Table.ScrollContainer minWidth={480}>
                <Table verticalSpacing="sm" highlightOnHover>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>Name</Table.Th>
                      <Table.Th>Kind</Table.Th>
                      <Table.Th>Source</Table.Th>
                      <Table.Th>State</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {destinations.map(({ id, name, metadata, sourceId, enabled }) => (
                      <Table.Tr key={id}>
                        <Table.Td>
                          <Link to="/destinations/$id" params={{ id }} search={{ tab: 'mappings' }}>
                            {name}
                          </Link>
                        </Table.Td>
                        <Table.Td>{metadata.name}</Table.Td>
                        <Table.Td>{sourceName(sourceId)}</Table.Td>
                        <Table.Td>
                          <Enabled enabled={enabled} />
                        </Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
            </Card>
          )
        }
      </Loaded>
    </Page>
  );
}
