/** One mapping: what runs, what ran, and what can be done. */
import { Button, Card, Code, Group, Stack, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { api } from '../../api/client.ts';
import { useMay } from '../../api/may.ts';
import { destinationsQuery, mappingsQuery, modelsQuery, syncsQuery } from '../../api/queries.ts';
import { askForSync } from '../../api/syncs.ts';
import type { Destination, Mapping, Sync } from '../../api/types.ts';
import { useAct } from '../../parts/act.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { Bars, rowSeries } from '../../parts/bars.tsx';
import { Confirm } from '../../parts/confirm.tsx';
import { Fact } from '../../parts/fact.tsx';
import { type Column, ListTable } from '../../parts/list-table.tsx';
import { Page } from '../../parts/page.tsx';
import { scheduleWords } from '../../parts/schedule.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Count, Enabled, lasted, SyncState, shortTime, Time } from '../../parts/values.tsx';
import { PlanDialog } from './plan-dialog.tsx';
import { TestRecord } from './test-record.tsx';
import { recordWords } from './trigger.ts';

export function MappingPage() {
  const { id, mapping: mappingId } = useParams({ from: '/inside/destinations/$id/mappings/$mapping' });
  const mayChange = useMay('source:admin');
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
        destination !== undefined && mapping !== undefined && mayChange ? (
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
              <Allowed power="source:admin">
                <TestRecord destinationId={destination.id} mappingId={mapping.id} />
              </Allowed>
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
  const { act, isBusy } = useAct('No sync was started');
  const [isPlanning, planning] = useDisclosure();
  const client = useQueryClient();
  const navigate = useNavigate();
  const path = `/public-api/destinations/${destination.id}/subscriptions/${mapping.id}`;
  const run = () =>
    askForSync({ sourceId: destination.sourceId, modelId: mapping.modelId, subscriptionId: mapping.id });
  async function remove() {
    await api.delete(path);
    await client.invalidateQueries({ queryKey: ['destinations'] });
    await navigate({ to: '/destinations/$id', params: { id: destination.id }, search: { tab: 'mappings' } });
  }
  return (
    <>
      <Button loading={isBusy} onClick={() => void act(run)}>
        Run now
      </Button>
      <Button variant="default" onClick={planning.open}>
        Plan
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
      <Confirm
        label="Reset"
        title={`Forget what ${mapping.name} has delivered?`}
        act={async () => {
          await api.post(`${path}/reset`);
          await client.invalidateQueries({ queryKey: ['syncs'] });
          notifications.show({ message: 'What it had delivered is forgotten. Its next sync sends every row.' });
        }}
      >
        Its next sync sends every row as new, with new message ids. Profiles stay as they are and take the values once
        more; Track events would count twice. Plan the next sync afterwards to see what it would do.
      </Confirm>
      <Confirm label="Delete" title={`Delete ${mapping.name}?`} act={remove}>
        What it has delivered is forgotten: a mapping like it would send every row again. Profiles stay as they are.
      </Confirm>
      {isPlanning && <PlanDialog path={path} close={planning.close} />}
    </>
  );
}

function Facts({ destination, mapping }: Both) {
  const { data: models = [] } = useQuery(modelsQuery);
  const model = models.find(({ id }) => id === mapping.modelId);
  const action = destination.metadata.actions.find(({ id }) => id === mapping.actionId);
  return (
    <Card withBorder>
      <Stack gap="sm">
        <Group gap="xl">
          <Fact label="Model">{model?.name ?? ''}</Fact>
          <Fact label="Action">{action?.name ?? mapping.actionSlug}</Fact>
          <Fact label="Records">{recordWords(mapping.trigger) ?? <Code>{mapping.trigger}</Code>}</Fact>
          <Fact label="Schedule">{scheduleWords(mapping.reverseETLSchedule)}</Fact>
          <Fact label="State">
            <Enabled enabled={mapping.enabled} />
          </Fact>
        </Group>
      </Stack>
    </Card>
  );
}

function History({ destination, mapping }: Both) {
  const query = useQuery(syncsQuery(mapping.modelId ?? '', mapping.id));
  const columns: readonly Column<Sync>[] = [
    {
      label: 'Started',
      cell: ({ syncId, startedAt }) => (
        <Link
          to="/destinations/$id/mappings/$mapping/syncs/$sync"
          params={{ id: destination.id, mapping: mapping.id, sync: syncId }}
        >
          <Time at={startedAt} />
        </Link>
      ),
    },
    { label: 'State', cell: ({ syncStatus }) => <SyncState status={syncStatus} /> },
    { label: 'Changed rows', align: 'right', cell: (sync) => <Count value={sync.extractPhase?.extractCount ?? 0} /> },
    { label: 'Delivered', align: 'right', cell: (sync) => <Count value={delivered(sync)} /> },
    { label: 'Failed', align: 'right', cell: (sync) => <Count value={failed(sync)} /> },
    { label: 'Took', align: 'right', cell: ({ startedAt, finishedAt }) => lasted(startedAt, finishedAt) },
  ];
  return (
    <Loaded query={query} what="the syncs">
      {(syncs) =>
        syncs.length === 0 ? (
          <Empty title="It has not run yet">
            Start it with Run now, or give it a schedule. Both switches must be on.
          </Empty>
        ) : (
          <Stack gap="lg">
            {syncs.length > 1 && (
              <Card withBorder>
                <Title order={2} size="h4" mb="sm">
                  Rows of the latest syncs
                </Title>
                <Bars
                  label="Rows delivered and failed by each of the latest syncs, the newest at the right"
                  points={[...syncs].reverse().map((sync) => ({
                    at: shortTime(sync.startedAt),
                    delivered: delivered(sync),
                    failed: failed(sync),
                  }))}
                  series={rowSeries}
                />
              </Card>
            )}
            <ListTable
              title="Sync history"
              rows={syncs}
              keyOf={({ syncId }) => syncId}
              columns={columns}
              minWidth={640}
            />
          </Stack>
        )
      }
    </Loaded>
  );
}

const delivered = ({ loadPhase }: Sync) => Number(loadPhase?.deliverSuccessCount ?? 0);
const failed = ({ loadPhase }: Sync) => Number(loadPhase?.deliverFailureCount ?? 0);
