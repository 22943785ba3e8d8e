/** What the alerts said: newest first, with a way to what it was about. */
import { Badge, Button, Card, Group, SegmentedControl, Stack, Text, Title } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { api } from '../../api/client.ts';
import { type Notice, noticesQuery } from '../../api/settings.ts';
import { useAct } from '../../parts/act.ts';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Count, Time } from '../../parts/values.tsx';
import { channelWords } from './alert-words.ts';

export function Notices({ mayChange }: { readonly mayChange: boolean }) {
  const { show } = useSearch({ from: '/inside/settings/alerts' });
  const navigate = useNavigate();
  const query = useInfiniteQuery(noticesQuery(show === 'unread'));
  const { act, isBusy } = useAct('Nothing was marked');
  const read = (body: object) => act(() => api.post('/public-api/notices/read', body));
  const unread = query.data?.pages[0]?.unread ?? 0;
  return (
    <Stack component="section" aria-label="Notices" id="notices">
      <Group justify="space-between">
        <Title order={2} size="h3">
          Notices
        </Title>
        <Group gap="sm">
          <SegmentedControl
            aria-label="Which notices"
            value={show ?? 'all'}
            data={[
              { value: 'all', label: 'All' },
              { value: 'unread', label: 'Unread' },
            ]}
            onChange={(next) =>
              void navigate({ to: '/settings/alerts', search: next === 'unread' ? { show: 'unread' } : {} })
            }
          />
          {mayChange && unread > 0 && (
            <Button variant="default" loading={isBusy} onClick={() => void read({ all: true })}>
              Mark all as read
            </Button>
          )}
        </Group>
      </Group>
      <Loaded query={query} what="the notices">
        {({ pages }) => {
          const notices = pages.flatMap((page) => page.notices);
          return notices.length === 0 ? (
            <Empty title={show === 'unread' ? 'Everything is read' : 'Nothing was said yet'}>
              What the alerts have to say is listed here: what happened, why, and what to do about it.
            </Empty>
          ) : (
            <Stack gap="sm">
              {unread > 0 && (
                <Text size="sm" c="dimmed">
                  <Count value={unread} /> unread
                </Text>
              )}
              {notices.map((notice) => (
                <One
                  key={notice.id}
                  notice={notice}
                  {...(mayChange && { read: () => void read({ ids: [notice.id] }) })}
                />
              ))}
              {query.hasNextPage && (
                <Group justify="center">
                  <Button
                    variant="default"
                    loading={query.isFetchingNextPage}
                    onClick={() => void query.fetchNextPage()}
                  >
                    Show older notices
                  </Button>
                </Group>
              )}
            </Stack>
          );
        }}
      </Loaded>
    </Stack>
  );
}

const phases: Readonly<Record<Notice['phase'], readonly [label: string, color: string]>> = {
  opened: ['wrong', 'red'],
  resolved: ['over', 'green'],
  test: ['test', 'gray'],
};

function One({ notice, read }: { readonly notice: Notice; readonly read?: () => void }) {
  const [label, color] = phases[notice.phase];
  const failed = notice.sends.filter(({ state }) => state === 'failed');
  return (
    <Card withBorder padding="md" component="article" aria-label={notice.what}>
      <Stack gap={6}>
        <Group gap="xs">
          <Badge color={color} variant="light" tt="none">
            {label}
          </Badge>
          {notice.readAt === null && (
            <Badge variant="light" tt="none">
              unread
            </Badge>
          )}
          <Text size="sm" c="dimmed">
            <Time at={notice.createdAt} /> · {notice.alert}
          </Text>
        </Group>
        <Text fw={notice.readAt === null ? 650 : 500}>{notice.what}</Text>
        {notice.phase !== 'test' && (
          <>
            <Text size="sm">{notice.why}</Text>
            <Text size="sm" c="dimmed">
              {notice.help}
            </Text>
          </>
        )}
        {failed.map(({ channel, answer }) => (
          <Text key={`${channel}${answer}`} size="sm" c="var(--mantine-color-error)">
            {channelWords[channel]} did not take it: {answer}
          </Text>
        ))}
        <Group gap="md">
          <Way notice={notice} />
          {notice.readAt === null && read !== undefined && (
            <Button size="compact-sm" variant="subtle" onClick={read} aria-label={`Mark as read: ${notice.what}`}>
              Mark as read
            </Button>
          )}
        </Group>
      </Stack>
    </Card>
  );
}

/** Nowhere, when the mapping is gone. */
function Way({ notice: { destinationId: id, mappingId: mapping, syncId: sync } }: { readonly notice: Notice }) {
  if (id === null || mapping === null) return null;
  return sync === null ? (
    <Link to="/destinations/$id/mappings/$mapping" params={{ id, mapping }}>
      See the mapping
    </Link>
  ) : (
    <Link to="/destinations/$id/mappings/$mapping/syncs/$sync" params={{ id, mapping, sync }}>
      See the sync
    </Link>
  );
}
