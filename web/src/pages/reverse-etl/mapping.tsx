/** One mapping: what runs, what ran, and what can be done. */
import { Button, Card, Code, Group, Stack, Table, Text, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { destinationsQuery, mappingsQuery, modelsQuery, syncsQuery } from '../../api/queries.ts';
import type { Destination, Mapping, Sync } from '../../api/types.ts';
import { Confirm } from '../../parts/confirm.tsx';
import { Page } from '../../parts/page.tsx';
import { scheduleWords } from '../../parts/schedule.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Count, Enabled, SyncState, Time } from '../../parts/values.tsx';

export function MappingPage() {
  const { id, mapping: mappingId } = useParams({ from: '/inside/destinations/$id/mappings/$mapping' });
  const destinations = useQuery(destinationsQuery);
  const mappings = useQuery(mappingsQuery(id));
  const destination = destinations.data?.find((one) => one.id === id);
  const mapping = mappings.data?.find((one) => one.id === mappingId);
  const crumbs = [
    { label: 'Destinations', to: '/destinations' },
    { label: destination?.name ?? 'Destination', to: `/destinations/${id}?tab=mappings` },
  ];
  return (
    <Page
      title={mapping?.name ?? 'Mapping'}
      crumbs={crumbs}
      actions={
        destination !== undefined && mapping !== undefined ? (
          <Acts destination={destination} mapping={mapping} />
        ) : undefined
      }
    >
      <Loaded query={mappings} what="the mapping">
        {() =>
          destination === undefined || mapping === undefined ? (
            <Empty title="There is no such mapping">It may have been deleted.</Empty>
          ) : (
            <Stack gap="lg">
              <Facts destination={destination} mapping={mapping} />
              <History destination={destination} mapping={mapping} />
            </Stack>
          )
        }
      </Loaded>
    </Page>
  );
}

interface Both {
  readonly destination: Destination;
  readonly mapping: Mapping;
}

function Acts({ destination, mapping }: Both) {
  const [isBusy, setBusy] = useState(false);
  const client = useQueryClient();
  const navigate = useNavigate();
  async function run() {
    setBusy(true);
    try {
      const body = { sourceId: destination.sourceId, modelId: mapping.modelId, subscriptionId: mapping.id };
      await api.post('/public-api/reverse-etl-syncs', body);
      await client.invalidateQueries({ queryKey: ['syncs'] });
    } catch (fault) {
      notifications.show({ color: 'red', title: 'No sync was started', message: (fault as Error).message });
    } finally {
      setBusy(false);
    }
  }
  async function remove() {
    await api.delete(`/public-api/destinations/${destination.id}/subscriptions/${mapping.id}`);
    await client.invalidateQueries({ queryKey: ['destinations'] });
    await navigate({ to: '/destinations/$id', params: { id: destination.id }, search: { tab: 'mappings' } });
  }
  return (
    <>
      <Button loading={isBusy} onClick={() => void run()}>
        Run now
      </Button>
      <Button
        variant="default"
        component={Link}
        {...({
          to: '/destinations/$id/mappings/$mapping/edit',
          params: { id: destination.id, mapping: mapping.id },
        } as object)}
      >
        Edit
      </Button>
      <Confirm label="Delete" title={`Delete ${mapping.name}?`} act={remove}>
        What it has delivered is forgotten: a mapping like it would send every row again. Profiles stay as they are.
      </Confirm>
    </>
  );
}

function Facts({ destination, mapping }: Both) {
  const { data: models = [] } = useQuery(modelsQuery);
  const model = models.find(({ id }) => id === mapping.modelId);
  const action = destination.metadata.actions.find(({ id }) => id === mapping.actionId);
  const [tested, setTested] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  async function test(send: boolean) {
    setBusy(true);
    try {
      setTested(
        await api.post(`/public-api/destinations/${destination.id}/subscriptions/${mapping.id}/test`, { send }),
      );
    } catch (fault) {
      setTested({ error: (fault as Error).message });
    } finally {
      setBusy(false);
    }
  }
  return (
    <Card withBorder>
      <Stack gap="sm">
        <Group gap="xl">
          <Fact label="Model">{model?.name ?? ''}</Fact>
          <Fact label="Action">{action?.name ?? mapping.actionSlug}</Fact>
          <Fact label="Records">
            <Code>{mapping.trigger}</Code>
          </Fact>
          <Fact label="Schedule">{scheduleWords(mapping.reverseETLSchedule)}</Fact>
          <Fact label="State">
            <Enabled enabled={mapping.enabled} />
          </Fact>
        </Group>
        <Group>
          <Button variant="light" size="xs" loading={isBusy} onClick={() => void test(false)}>
            Test a record
          </Button>
          <Button variant="subtle" size="xs" loading={isBusy} onClick={() => void test(true)}>
            Send it for real
          </Button>
        </Group>
        {tested !== null && (
          <Code block style={{ maxHeight: 360, overflow: 'auto' }}>
            {JSON.stringify(tested, null, 2)}
          </Code>
        )}
      </Stack>
    </Card>
  );
}

function Fact({ label, children }: { readonly label: string; readonly children: React.ReactNode }) {
  return (
    <Stack gap={2}>
      <Text size="xs" c="dimmed">
        {label}
      </Text>
      <div>{children}</div>
    </Stack>
  );
}

function History({ destination, mapping }: Both) {
  const query = useQuery(syncsQuery(mapping.modelId ?? '', mapping.id));
  return (
    <Loaded query={query} what="the syncs">
      {(syncs) =>
        syncs.length === 0 ? (
          <Empty title="It has not run yet">
            Start it with Run now, or give it a schedule. Both switches must be on.
          </Empty>
        ) : (
          <Card withBorder padding={0}>
            <Title order={2} size="h4" p="sm">
              Sync history
            </Title>
            <Table.ScrollContainer minWidth={640}>
              <Table verticalSpacing="sm" highlightOnHover>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Started</Table.Th>
                    <Table.Th>State</Table.Th>
                    <Table.Th ta="right">Extracted</Table.Th>
                    <Table.Th ta="right">Delivered</Table.Th>
                    <Table.Th ta="right">Failed</Table.Th>
                    <Table.Th ta="right">Took</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {syncs.map((sync) => (
                    <SyncRow key={sync.syncId} sync={sync} destination={destination} mapping={mapping} />
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

function SyncRow({ sync, destination, mapping }: Both & { readonly sync: Sync }) {
  return (
    <Table.Tr>
      <Table.Td>
        <Link
          to="/destinations/$id/mappings/$mapping/syncs/$sync"
          params={{ id: destination.id, mapping: mapping.id, sync: sync.syncId }}
        >
          <Time at={sync.startedAt} />
        </Link>
      </Table.Td>
      <Table.Td>
        <SyncState status={sync.syncStatus} />
      </Table.Td>
      <Table.Td ta="right">
        <Count value={sync.extractPhase?.extractCount ?? 0} />
      </Table.Td>
      <Table.Td ta="right">
        <Count value={sync.loadPhase?.deliverSuccessCount ?? 0} />
      </Table.Td>
      <Table.Td ta="right">
        <Count value={sync.loadPhase?.deliverFailureCount ?? 0} />
      </Table.Td>
      <Table.Td ta="right">{sync.duration}</Table.Td>
    </Table.Tr>
  );
}
