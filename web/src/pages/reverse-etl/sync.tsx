/** One sync: its phases, its counts, the rows that failed, and what can be done about them. */
import { Alert, Button, Card, Code, Group, Stack, Tabs, Text, Title } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { useCallback } from 'react';
import { api } from '../../api/client.ts';
import { useMay } from '../../api/may.ts';
import { sourcesQuery } from '../../api/queries.ts';
import {
  type Asked,
  askForSync,
  type FailedRow,
  isRunning,
  rowsQuery,
  type WholeSync,
  wholeSyncQuery,
} from '../../api/syncs.ts';
import { useAct } from '../../parts/act.ts';
import { Confirm } from '../../parts/confirm.tsx';
import { Counts } from '../../parts/counts.tsx';
import { Fact } from '../../parts/fact.tsx';
import { type Column, ListTable } from '../../parts/list-table.tsx';
import { Page } from '../../parts/page.tsx';
import { Empty, Failed, Loaded, Loading } from '../../parts/states.tsx';
import { lasted, SyncState, Time } from '../../parts/values.tsx';

export function SyncPage() {
  const { id, mapping, sync: syncId } = useParams({ from: '/inside/destinations/$id/mappings/$mapping/syncs/$sync' });
  const query = useQuery(wholeSyncQuery(syncId));
  const sync = query.data;
  const mayChange = useMay('source:admin');
  const crumbs = [
    { label: 'Destinations', to: '/destinations' },
    { label: sync?.subscriptionName ?? 'Mapping', to: `/destinations/${id}/mappings/${mapping}` },
  ];
  return (
    <Page
      title="Sync"
      crumbs={crumbs}
      actions={sync !== undefined && mayChange ? <Acts sync={sync} path={pathOf(sync)} /> : undefined}
    >
      <Loaded query={query} what="the sync">
        {(one) => (
          <Stack gap="lg">
            <Summary sync={one} />
            {one.counts !== undefined && <Rows sync={one} path={pathOf(one)} />}
          </Stack>
        )}
      </Loaded>
    </Page>
  );
}

const pathOf = ({ modelId, syncId }: WholeSync) => `/public-api/reverse-etl-models/${modelId}/syncs/${syncId}`;

function Acts({ sync, path }: { readonly sync: WholeSync; readonly path: string }) {
  const { act, isBusy } = useAct('Nothing was done');
  const navigate = useNavigate();
  /** Goes on to the sync that was asked for. */
  const again = (words: 'retry-failed' | 'replay') => async () => {
    const made = await api.post<Asked>(`${path}/${words}`);
    await goTo(made.reverseETLManualSync.syncId);
  };
  const goTo = (syncId: string) =>
    navigate({
      to: '/destinations/$id/mappings/$mapping/syncs/$sync',
      params: { id: sync.destinationId, mapping: sync.subscriptionId, sync: syncId },
    });
  if (isRunning(sync)) {
    return (
      <Button
        variant="default"
        loading={isBusy}
        disabled={sync.syncStatus === 'CANCELLING'}
        onClick={() => void act(() => api.post(`${path}/cancel`))}
      >
        Cancel
      </Button>
    );
  }
  const failed = (sync.counts?.refused ?? 0) + (sync.counts?.givenUp ?? 0);
  const runNow = async () => goTo(await askForSync(sync));
  return (
    <>
      {failed === 0 && (
        <Button loading={isBusy} onClick={() => void act(runNow)}>
          Run now
        </Button>
      )}
      {failed > 0 && (
        <Button loading={isBusy} onClick={() => void act(again('retry-failed'))}>
          Retry failed rows
        </Button>
      )}
      {(sync.counts?.delivered ?? 0) > 0 && (
        <Confirm label="Replay" title="Send the rows of this sync again?" act={again('replay')}>
          Every row that it delivered, and that no later sync has delivered since, is sent once more as it is now.
          Profiles take the newest value of each trait; Track events would count twice.
        </Confirm>
      )}
    </>
  );
}

function Summary({ sync }: { readonly sync: WholeSync }) {
  const { counts, effects, extractPhase, loadPhase } = sync;
  const { data: sources = [] } = useQuery(sourcesQuery);
  // One that was deleted since has no name any more.
  const sourceName = sources.find(({ id }) => id === sync.sourceId)?.name ?? sync.sourceId;
  return (
    <Card withBorder>
      <Stack>
        <Group gap="xl">
          <Fact label="Source">
            <Link to="/sources/$id" params={{ id: sync.sourceId }}>
              {sourceName}
            </Link>
          </Fact>
          <Fact label="Model">
            <Link to="/models/$id" params={{ id: sync.modelId }}>
              {sync.modelName}
            </Link>
          </Fact>
          <Fact label="State">
            <SyncState status={sync.syncStatus} />
          </Fact>
          <Fact label="Started">
            <Time at={sync.startedAt} />
          </Fact>
          <Fact label="Ended">
            <Time at={sync.finishedAt} />
          </Fact>
          <Fact label="Took">{sync.isWaiting ? '–' : lasted(sync.startedAt, sync.finishedAt)}</Fact>
          <Fact label="Phase">{phaseWords(sync)}</Fact>
          {extractPhase !== undefined && extractPhase.finishedAt !== '' && (
            <Fact label="Comparing took">{lasted(extractPhase.startedAt, extractPhase.finishedAt)}</Fact>
          )}
          {loadPhase !== undefined && loadPhase.finishedAt !== '' && (
            <Fact label="Delivering took">{lasted(loadPhase.startedAt, loadPhase.finishedAt)}</Fact>
          )}
        </Group>
        {sync.reason != null && (
          <Alert color={sync.syncStatus === 'FAIL' ? 'red' : 'yellow'} title={sync.reason} role="alert">
            {sync.help}
          </Alert>
        )}
        {sync.warnings?.map((warning) => (
          <Alert key={warning} color="yellow">
            {warning}
          </Alert>
        ))}
        {sync.replay != null && (
          <Text size="sm">
            Replays{' '}
            <Link
              to="/destinations/$id/mappings/$mapping/syncs/$sync"
              params={{ id: sync.destinationId, mapping: sync.subscriptionId, sync: sync.replay.syncId }}
            >
              an earlier sync
            </Link>
            .
          </Text>
        )}
        {counts !== undefined && (
          <>
            <Counts
              counts={[
                { label: 'Rows read', value: counts.extracted },
                { label: 'Added', value: counts.added },
                { label: 'Updated', value: counts.updated },
                { label: 'Deleted', value: counts.deleted },
                { label: 'Unchanged', value: counts.unchanged },
                { label: 'Invalid', value: counts.invalid, color: 'red' },
                { label: 'Delivered', value: counts.delivered, color: 'green' },
                { label: 'Refused', value: counts.refused, color: 'red' },
                { label: 'Given up', value: counts.givenUp, color: 'red' },
                { label: 'Not asked for', value: counts.skipped },
                { label: 'Tried again', value: counts.retried },
                { label: 'Left over', value: counts.remaining, color: 'yellow' },
              ]}
            />
            {effects !== undefined && !isRunning(sync) && (
              <Text size="sm" c="dimmed">
                On profiles: {effects.profilesCreated.toLocaleString()} created,{' '}
                {effects.accountsCreated.toLocaleString()} accounts created, {effects.merged.toLocaleString()} merged,{' '}
                {effects.traitsChanged.toLocaleString()} traits changed.
              </Text>
            )}
          </>
        )}
      </Stack>
    </Card>
  );
}

function phaseWords({ isWaiting, syncStatus, loadPhase }: WholeSync): string {
  if (isWaiting) return 'waiting for a free place';
  if (syncStatus === 'CANCELLING') return 'stopping';
  if (syncStatus !== 'IN_PROGRESS') return 'over';
  return loadPhase === undefined ? 'comparing rows' : 'delivering';
}

function Rows({ sync, path }: { readonly sync: WholeSync; readonly path: string }) {
  const { counts } = sync;
  const failed = (counts?.refused ?? 0) + (counts?.givenUp ?? 0);
  const invalid = counts?.invalid ?? 0;
  if (failed === 0 && invalid === 0) {
    return isRunning(sync) ? null : (
      <Empty title="No row failed">
        {sync.syncStatus === 'FAIL' && sync.counts?.extracted === 0
          ? 'The sync failed before it had read a row; the reason is above.'
          : 'Rows that are invalid or refused are listed here, with the reason.'}
      </Empty>
    );
  }
  return (
    <Card withBorder>
      <Stack>
        <Title order={2} size="h4">
          Rows that failed
        </Title>
        <Tabs defaultValue={failed > 0 ? 'failed' : 'invalid'} keepMounted={false}>
          <Tabs.List>
            <Tabs.Tab value="failed">Refused ({failed.toLocaleString()})</Tabs.Tab>
            <Tabs.Tab value="invalid">Invalid ({invalid.toLocaleString()})</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="failed" pt="sm">
            <Text size="sm" c="dimmed" mb="sm">
              The mapping built a message of these rows, or could not, and the space did not take it. They are tried
              again with the next sync.
            </Text>
            <RowList sync={sync} path={path} kind="failed" total={failed} />
          </Tabs.Panel>
          <Tabs.Panel value="invalid" pt="sm">
            <Text size="sm" c="dimmed" mb="sm">
              Rows whose identifier is null, or is shared with another row, are never sent.
            </Text>
            <RowList sync={sync} path={path} kind="invalid" total={invalid} />
          </Tabs.Panel>
        </Tabs>
      </Stack>
    </Card>
  );
}

const columns: readonly Column<FailedRow>[] = [
  { label: 'Row', cell: ({ recordId }) => recordId ?? <Text c="dimmed">null</Text>, width: '22%' },
  {
    label: 'Reason',
    cell: ({ reason, code, kind, rows }) => (
      <>
        <Text size="sm">{reason}</Text>
        <Text size="xs" c="dimmed">
          {[kind, code, ...(rows > 1 ? [`${rows.toLocaleString()} rows`] : [])].join(' · ')}
        </Text>
      </>
    ),
  },
  {
    label: 'Message',
    width: '34%',
    cell: ({ message }) =>
      message === null ? (
        <Text size="sm" c="dimmed">
          none was built
        </Text>
      ) : (
        <details>
          <summary>Show</summary>
          <Code block className="message">
            {typeof message === 'string' ? message : JSON.stringify(message, null, 2)}
          </Code>
        </details>
      ),
  },
];

function RowList({
  sync,
  path,
  kind,
  total,
}: {
  readonly sync: WholeSync;
  readonly path: string;
  readonly kind: 'failed' | 'invalid';
  readonly total: number;
}) {
  const query = useInfiniteQuery(rowsQuery(path, kind, !isRunning(sync)));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  if (query.data === undefined) {
    return query.error === null ? (
      <Loading what="the rows" />
    ) : (
      <Failed error={query.error} retry={() => void query.refetch()} />
    );
  }
  const rows = query.data.pages.flatMap((page) => page.rows);
  if (rows.length === 0) return <Text size="sm">None.</Text>;
  return (
    <Stack gap="xs">
      <ListTable
        label={kind === 'failed' ? 'Refused rows' : 'Invalid rows'}
        rows={rows}
        keyOf={({ no }) => no}
        columns={columns}
        minWidth={560}
        total={total}
        {...(hasNextPage && { onEnd: more })}
      />
      <Text size="xs" c="dimmed" aria-live="polite">
        {rows.length.toLocaleString()} shown{hasNextPage ? '; more are loaded as you scroll' : ''}.
        {!hasNextPage &&
          rows.reduce((all, row) => all + row.rows, 0) < total &&
          ' Only the first rows of a sync are kept with their reason.'}
      </Text>
    </Stack>
  );
}
