/** One sync: its phases, its counts, the rows that failed, and what can be done about them. */
import { Alert, Button, Card, Code, Group, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { api } from '../../api/client.ts';
import type { JsonValue } from '../../api/json.ts';
import { mappingsQuery } from '../../api/queries.ts';
import type { Sync } from '../../api/types.ts';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Count, SyncState, Time } from '../../parts/values.tsx';

interface FailedRow {
  readonly recordId: string | null;
  readonly kind: string;
  readonly code: string;
  readonly reason: string;
  readonly message: JsonValue;
}

export function SyncPage() {
  const {
    id,
    mapping: mappingId,
    sync: syncId,
  } = useParams({
    from: '/inside/destinations/$id/mappings/$mapping/syncs/$sync',
  });
  const mappings = useQuery(mappingsQuery(id));
  const mapping = mappings.data?.find((one) => one.id === mappingId);
  const path = `/public-api/reverse-etl-models/${mapping?.modelId}/syncs/${syncId}`;
  const query = useQuery({
    queryKey: ['syncs', 'one', syncId],
    queryFn: async ({ signal }) => (await api.get<{ reverseETLSyncStatus: Sync }>(path, signal)).reverseETLSyncStatus,
    enabled: mapping !== undefined,
    refetchInterval: ({ state }) => (isRunning(state.data) ? 1_000 : false),
  });
  const crumbs = [
    { label: 'Destinations', to: '/destinations' },
    { label: mapping?.name ?? 'Mapping', to: `/destinations/${id}/mappings/${mappingId}` },
  ];
  const client = useQueryClient();
  async function act(words: string, body: object = {}) {
    try {
      await api.post(`${path}/${words}`, body);
      await client.invalidateQueries({ queryKey: ['syncs'] });
    } catch (fault) {
      notifications.show({ color: 'red', title: 'Nothing was done', message: (fault as Error).message });
    }
  }
  return (
    <Page
      title="Sync"
      crumbs={crumbs}
      actions={
        isRunning(query.data) ? (
          <Button variant="default" onClick={() => void act('cancel')}>
            Cancel
          </Button>
        ) : (
          <>
            <Button variant="default" onClick={() => void act('retry-failed')}>
              Retry failed rows
            </Button>
            <Button variant="default" onClick={() => void act('replay')}>
              Replay
            </Button>
          </>
        )
      }
    >
      <Loaded query={query} what="the sync">
        {(sync) => (
          <Stack gap="lg">
            <Counts sync={sync} />
            {mapping !== undefined && <FailedRows path={path} running={isRunning(sync)} />}
          </Stack>
        )}
      </Loaded>
    </Page>
  );
}

const isRunning = (sync: Sync | undefined) => sync?.syncStatus === 'IN_PROGRESS' || sync?.syncStatus === 'CANCELLING';

function Counts({ sync }: { readonly sync: Sync }) {
  const { extractPhase: extract, loadPhase: load } = sync;
  const counts = [
    ['Extracted', extract?.extractCount],
    ['Added', extract?.addedCount],
    ['Updated', extract?.updatedCount],
    ['Deleted', extract?.deletedCount],
    ['Delivered', load?.deliverSuccessCount],
    ['Failed', load?.deliverFailureCount],
  ] as const;
  return (
    <Card withBorder>
      <Stack>
        <Group gap="xl">
          <SyncState status={sync.syncStatus} />
          <Text size="sm">
            Started <Time at={sync.startedAt} />
          </Text>
          <Text size="sm">
            Ended <Time at={sync.finishedAt} />
          </Text>
          <Text size="sm">Took {sync.duration}</Text>
        </Group>
        {sync.error !== undefined && sync.error !== '' && (
          <Alert color={sync.syncStatus === 'FAIL' ? 'red' : 'yellow'}>{sync.error}</Alert>
        )}
        <SimpleGrid cols={{ base: 2, sm: 3, md: 6 }}>
          {counts.map(([label, count]) => (
            <Stack key={label} gap={0}>
              <Text size="xs" c="dimmed">
                {label}
              </Text>
              <Text fw={600} size="lg">
                <Count value={count ?? 0} />
              </Text>
            </Stack>
          ))}
        </SimpleGrid>
      </Stack>
    </Card>
  );
}

function FailedRows({ path, running }: { readonly path: string; readonly running: boolean }) {
  const query = useQuery({
    queryKey: ['syncs', 'rows', path, running],
    queryFn: async ({ signal }) => (await api.get<{ rows: readonly FailedRow[] }>(`${path}/rows`, signal)).rows,
  });
  return (
    <Loaded query={query} what="the rows that failed">
      {(rows) =>
        rows.length === 0 ? (
          <Empty title="No row failed">Rows that are invalid or refused are listed here, with the reason.</Empty>
        ) : (
          <Card withBorder padding={0}>
            <Title order={2} size="h4" p="sm">
              Rows that failed
            </Title>
            <Table.ScrollContainer minWidth={640}>
              <Table verticalSpacing="sm">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Row</Table.Th>
                    <Table.Th>What</Table.Th>
                    <Table.Th>Reason</Table.Th>
                    <Table.Th>Message</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {rows.map((row, at) => (
                    // biome-ignore lint/suspicious/noArrayIndexKey: several rows may have no identifier
                    <Table.Tr key={at}>
                      <Table.Td>{row.recordId ?? <Text c="dimmed">null</Text>}</Table.Td>
                      <Table.Td>{row.kind}</Table.Td>
                      <Table.Td>{row.reason}</Table.Td>
                      <Table.Td>
                        {row.message !== null && (
                          <details>
                            <summary>Show</summary>
                            <Code block>{JSON.stringify(row.message, null, 2)}</Code>
                          </details>
                        )}
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
  );
}
