/** What runs now, what failed, what was delivered; and the next step while nothing runs yet. */
import { Anchor, Button, Card, Group, Loader, Progress, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useMay } from '../api/may.ts';
import { destinationsQuery, modelsQuery, sourcesQuery } from '../api/queries.ts';
import { allSyncsQuery, isRunning, volumeQuery, type WholeSync } from '../api/syncs.ts';
import { Bars, rowSeries } from '../parts/bars.tsx';
import { type Column, ListTable } from '../parts/list-table.tsx';
import { Page } from '../parts/page.tsx';
import { Empty, Loaded } from '../parts/states.tsx';
import { Count, dayOf, SyncState, sum, Time } from '../parts/values.tsx';

export function Overview() {
  const mayRead = useMay('source:read');
  return (
    <Page title="Overview" lead="From the rows of your warehouse to the profiles of your customers.">
      {mayRead ? (
        <Stack gap="lg">
          <NextStep />
          <Running />
          <Delivered />
          <Latest />
        </Stack>
      ) : (
        <NotSeen />
      )}
    </Page>
  );
}

/** To whoever may not read sources: where else to go, if anywhere. */
function NotSeen() {
  const maySeeSpaces = useMay('space:read');
  return (
    <Empty
      title="Sources and syncs are not part of your role"
      action={
        maySeeSpaces ? (
          <Button component={Link} to="/profiles" variant="light">
            Look at the profiles
          </Button>
        ) : undefined
      }
    >
      Ask an owner of the workspace for a role that shows {maySeeSpaces ? 'them' : 'more'}, such as Source Read-only.
    </Empty>
  );
}

const isWarehouse = ({ metadata }: { readonly metadata: { readonly categories: readonly string[] } }) =>
  metadata.categories.includes('Warehouse');

/** Until there is one of each. */
function NextStep() {
  const mayChange = useMay('source:admin');
  const { data: sources } = useQuery(sourcesQuery);
  const { data: models } = useQuery(modelsQuery);
  const { data: destinations } = useQuery(destinationsQuery);
  if (sources === undefined || models === undefined || destinations === undefined) return null;
  const steps = [
    { text: 'Connect a warehouse', to: '/sources/new', isDone: sources.some(isWarehouse) },
    { text: 'Write a query whose rows are people', to: '/models/new', isDone: models.length > 0 },
    { text: 'Say what the rows become', to: '/destinations/new', isDone: destinations.length > 0 },
  ] as const;
  const next = steps.findIndex(({ isDone }) => !isDone);
  const step = steps[next];
  if (step === undefined || !mayChange) return null;
  return (
    <Card withBorder>
      <Group justify="space-between">
        <Stack gap={2}>
          <Title order={2} size="h4">
            Three steps to your first profiles
          </Title>
          <Text c="dimmed" size="sm">
            Step {next + 1} of 3: {step.text.charAt(0).toLowerCase() + step.text.slice(1)}.
          </Text>
        </Stack>
        <Button component={Link} to={step.to}>
          {step.text}
        </Button>
      </Group>
    </Card>
  );
}

function Running() {
  const { data: running = [] } = useQuery({ ...allSyncsQuery('RUNNING', 50), refetchInterval: 1_000 });
  if (running.length === 0) return null;
  return (
    <Card withBorder>
      <Title order={2} size="h4" mb="sm">
        Running now
      </Title>
      <Stack>
        {running.map((sync) => (
          <RunningSync key={sync.syncId} sync={sync} />
        ))}
      </Stack>
    </Card>
  );
}

function RunningSync({ sync }: { readonly sync: WholeSync }) {
  const { counts, isWaiting, loadPhase } = sync;
  const total = counts === undefined ? 0 : counts.added + counts.updated + counts.deleted;
  const settled = counts === undefined ? 0 : total - counts.remaining;
  const isLoading = loadPhase !== undefined && total > 0;
  return (
    <Stack gap={6}>
      <Group justify="space-between" gap="xs">
        <SyncLink sync={sync}>{sync.subscriptionName}</SyncLink>
        <Text size="sm" c="dimmed" aria-live="polite">
          {isWaiting
            ? 'waits for a free place'
            : isLoading
              ? `${settled.toLocaleString()} of ${total.toLocaleString()} changed rows`
              : 'comparing rows with what was delivered'}
        </Text>
      </Group>
      {isLoading ? (
        <Progress value={(settled / total) * 100} aria-label={`Progress of ${sync.subscriptionName}`} />
      ) : (
        <Loader size="xs" type="bars" aria-hidden />
      )}
    </Stack>
  );
}

function SyncLink({ sync, children }: { readonly sync: WholeSync; readonly children: React.ReactNode }) {
  return (
    <Link
      to="/destinations/$id/mappings/$mapping/syncs/$sync"
      params={{ id: sync.destinationId, mapping: sync.subscriptionId, sync: sync.syncId }}
    >
      {children}
    </Link>
  );
}

const days = 14;

function Delivered() {
  const { data: parts } = useQuery(volumeQuery(days));
  if (parts === undefined) return null;
  const [delivered, failed] = [sum(parts.map((part) => part.delivered)), sum(parts.map((part) => part.failed))];
  if (delivered + failed === 0) return null;
  return (
    <Card withBorder>
      <Group justify="space-between" mb="sm">
        <Title order={2} size="h4">
          Rows of the last {days} days
        </Title>
        <Text size="sm" c="dimmed">
          <Count value={delivered} /> delivered, <Count value={failed} /> failed
        </Text>
      </Group>
      <Bars
        label={`Rows delivered and failed on each of the last ${days} days`}
        points={parts.map((part) => ({ at: dayOf(part.time), delivered: part.delivered, failed: part.failed }))}
        series={rowSeries}
      />
    </Card>
  );
}

const columns: readonly Column<WholeSync>[] = [
  {
    label: 'Mapping',
    cell: ({ destinationId, subscriptionId, subscriptionName }) => (
      <Link to="/destinations/$id/mappings/$mapping" params={{ id: destinationId, mapping: subscriptionId }}>
        {subscriptionName}
      </Link>
    ),
  },
  {
    label: 'Started',
    cell: (sync) => (
      <SyncLink sync={sync}>
        <Time at={sync.startedAt} />
      </SyncLink>
    ),
  },
  { label: 'State', cell: ({ syncStatus }) => <SyncState status={syncStatus} /> },
  { label: 'Delivered', align: 'right', cell: ({ counts }) => <Count value={counts?.delivered ?? 0} /> },
  {
    label: 'Failed',
    align: 'right',
    cell: ({ counts }) => <Count value={(counts?.refused ?? 0) + (counts?.givenUp ?? 0)} />,
  },
  { label: 'Invalid', align: 'right', cell: ({ counts }) => <Count value={counts?.invalid ?? 0} /> },
];

function Latest() {
  const failures = useQuery(allSyncsQuery('FAILED', 5));
  const latest = useQuery(allSyncsQuery(null, 20));
  return (
    <Loaded query={latest} what="the latest syncs">
      {(syncs) => {
        const ended = syncs.filter((sync) => !isRunning(sync));
        const newest = new Map<string, WholeSync>();
        for (const sync of ended) if (!newest.has(sync.subscriptionId)) newest.set(sync.subscriptionId, sync);
        // What succeeded since is mended.
        const failed = (failures.data ?? []).filter(
          ({ subscriptionId, syncId }) => (newest.get(subscriptionId)?.syncId ?? syncId) === syncId,
        );
        return (
          <SimpleGrid cols={1} spacing="lg">
            {failed.length > 0 && (
              <ListTable
                title="Needs a look"
                rows={failed}
                keyOf={({ syncId }) => syncId}
                columns={[...columns, { label: 'Why', cell: why }]}
                minWidth={720}
              />
            )}
            {ended.length > 0 && (
              <ListTable
                title="Latest syncs"
                rows={ended}
                keyOf={({ syncId }) => syncId}
                columns={columns}
                minWidth={640}
              />
            )}
            {syncs.length === 0 && (
              <Card withBorder>
                <Text>
                  Nothing has run yet. Syncs that run show here.{' '}
                  <Anchor component={Link} to="/destinations">
                    Go to the destinations
                  </Anchor>
                </Text>
              </Card>
            )}
          </SimpleGrid>
        );
      }}
    </Loaded>
  );
}

function why({ reason, counts }: WholeSync): string {
  if (reason != null) return reason;
  const refused = (counts?.refused ?? 0) + (counts?.givenUp ?? 0);
  return `${refused.toLocaleString()} rows were not taken`;
}
