/** What a space did not take, and why: the log of the last 30 days. */
import { Button, Group, Select, Stack, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';
import { useMay } from '../../../api/may.ts';
import { sourcesQuery } from '../../../api/queries.ts';
import { type LogEntry, type SpaceDetail, spaceLogQuery } from '../../../api/spaces.ts';
import { ListTable } from '../../../parts/list-table.tsx';
import { Empty, Failed, Loading } from '../../../parts/states.tsx';
import { Count, Time } from '../../../parts/values.tsx';
import { reasons, reasonWords } from './reasons.ts';

const choices = Object.entries(reasons).map(([value, label]) => ({ value, label }));

export function Dropped({ space }: { readonly space: SpaceDetail }) {
  const { reason } = useSearch({ from: '/inside/spaces/$id' });
  const navigate = useNavigate();
  const query = useInfiniteQuery(spaceLogQuery(space.id, reason));
  const { hasNextPage, isFetching, fetchNextPage } = query;
  const more = useCallback(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);
  const choose = (wanted: string | null) =>
    void navigate({
      to: '/spaces/$id',
      params: { id: space.id },
      search: { tab: 'dropped', ...(wanted !== null && { reason: wanted }) },
    });
  return (
    <Stack>
      <Text c="dimmed" maw={760}>
        Messages that this space dropped, and identifiers that it did not take, newest first. Entries are kept for some
        weeks, and never hold a value.
      </Text>
      <Group align="flex-end">
        <Select
          label="Reason"
          placeholder="All reasons"
          clearable
          clearButtonProps={{ 'aria-label': 'Show all reasons' }}
          searchable
          style={{ flex: '1 1 280px' }}
          maw={420}
          data={choices}
          value={reason ?? null}
          onChange={choose}
        />
        <Button variant="default" loading={query.isRefetching} onClick={() => void query.refetch()}>
          Refresh
        </Button>
      </Group>
      {query.data === undefined ? (
        query.error === null ? (
          <Loading what="the log" />
        ) : (
          <Failed error={query.error} retry={() => void query.refetch()} />
        )
      ) : (
        <Entries
          entries={query.data.pages.flatMap(({ entries }) => entries)}
          isNarrowed={reason !== undefined}
          more={more}
        />
      )}
    </Stack>
  );
}

function Entries({
  entries,
  isNarrowed,
  more,
}: {
  readonly entries: readonly LogEntry[];
  readonly isNarrowed: boolean;
  readonly more: () => void;
}) {
  const { data: sources = [] } = useQuery({ ...sourcesQuery, enabled: useMay('source:read') });
  if (entries.length === 0) {
    return (
      <Empty title={isNarrowed ? 'Nothing was dropped for this reason' : 'Nothing was dropped'}>
        {isNarrowed
          ? 'Choose another reason, or all of them.'
          : 'Every message was taken as it came. Watch messages arrive under Live.'}
      </Empty>
    );
  }
  const nameOf = (id: string) => sources.find((source) => source.id === id)?.name ?? id;
  return (
    <ListTable
      title="Log"
      minWidth={900}
      rows={entries}
      keyOf={(_, at) => at}
      onEnd={more}
      columns={[
        { label: 'When', width: '190px', cell: ({ at }) => <Time at={at} /> },
        {
          label: 'What happened',
          cell: ({ kind, reason, detail }) => (
            <>
              <Text size="sm" fw={600}>
                {reasonWords(reason)}
              </Text>
              <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
                {kind === 'drop' ? detail : `The message was taken without this identifier: ${detail}`}
              </Text>
            </>
          ),
        },
        { label: 'Messages', align: 'right', cell: ({ count }) => <Count value={count} /> },
        {
          label: 'Message id',
          cell: ({ messageId }) => (
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              {messageId ?? '–'}
            </Text>
          ),
        },
        {
          label: 'From',
          cell: ({ sourceId, syncId }) => (
            <Text size="sm" miw={90}>
              {syncId === null ? nameOf(sourceId) : `a sync (${syncId})`}
            </Text>
          ),
        },
      ]}
    />
  );
}
