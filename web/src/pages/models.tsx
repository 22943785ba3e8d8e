/** Reverse ETL > Models: the queries. */
import { Button, Card, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { modelsQuery, sourcesQuery } from '../api/queries.ts';
import { Page } from '../parts/page.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { Enabled } from '../parts/values.tsx';

export function Models() {
  const query = useQuery(modelsQuery);
  const { data: sources = [] } = useQuery(sourcesQuery);
  const sourceName = (id: string) => sources.find((source) => source.id === id)?.name ?? '';
  const add = (
    <Button component={Link} to="/models/new">
      Add model
    </Button>
  );
  return (
    <Page title="Models" lead="Queries whose rows become profiles." actions={add}>
      <Loaded query={query} what="the models">
        {(models) =>
          models.length === 0 ? (
            <Empty title="Write your first model" action={add}>
              A model is one SQL query over a source, and the column that identifies its rows: one row per person,
              account or event.
            </Empty>
          ) : (
            <Card withBorder padding={0}>
              <Table.ScrollContainer minWidth={480}>
                <Table verticalSpacing="sm" highlightOnHover>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>Name</Table.Th>
                      <Table.Th>Source</Table.Th>
                      <Table.Th>Identifier</Table.Th>
                      <Table.Th>State</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {models.map(({ id, name, sourceId, queryIdentifierColumn, enabled }) => (
                      <Table.Tr key={id}>
                        <Table.Td>
                          <Link to="/models/$id" params={{ id }}>
                            {name}
                          </Link>
                        </Table.Td>
                        <Table.Td>{sourceName(sourceId)}</Table.Td>
                        <Table.Td>{queryIdentifierColumn}</Table.Td>
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
