/** Unify > Usage: what was sent in a month, about how many people, and what of it is exempt. */
import { Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useSearch } from '@tanstack/react-router';
import { api } from '../../api/client.ts';
import { Bars } from '../../parts/bars.tsx';
import { Counts } from '../../parts/counts.tsx';
import { type Column, ListTable } from '../../parts/list-table.tsx';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Count, dayOf, sum } from '../../parts/values.tsx';

interface Day {
  readonly timestamp: string;
  readonly calls: number;
  readonly exempt: number;
  /** Of the month so far. */
  readonly users: number;
  readonly identified: number;
}

const monthNames = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric', timeZone: 'UTC' });

export function Usage() {
  const { month = new Date().toISOString().slice(0, 7) } = useSearch({ from: '/inside/usage' });
  const query = useQuery({
    queryKey: ['usage', month],
    queryFn: ({ signal }) => readMonth(month, signal),
    refetchInterval: 60_000,
  });
  const near = (by: number) => {
    const [year = 0, number = 1] = month.split('-').map(Number);
    return new Date(Date.UTC(year, number - 1 + by)).toISOString().slice(0, 7);
  };
  const isNow = month >= new Date().toISOString().slice(0, 7);
  return (
    <Page
      title="Usage"
      lead={`${monthNames.format(new Date(`${month}-01T00:00:00Z`))}. Days and months are UTC. Nothing is limited by these numbers.`}
      actions={
        <>
          <Button variant="default" component={Link} {...({ to: '/usage', search: { month: near(-1) } } as object)}>
            Month before
          </Button>
          <Button
            variant="default"
            disabled={isNow}
            component={Link}
            {...({ to: '/usage', search: { month: near(1) } } as object)}
          >
            Month after
          </Button>
        </>
      }
    >
      <Loaded query={query} what="the usage">
        {(days) => <Month days={days} />}
      </Loaded>
    </Page>
  );
}

async function readMonth(month: string, signal: AbortSignal): Promise<readonly Day[]> {
  const read = async <Row,>(report: string, key: string) => {
    const path = `/public-api/usage/${report}/daily?period=${month}-01&pagination[count]=31`;
    return (await api.get<Record<string, readonly Row[]>>(path, signal))[key] ?? [];
  };
  const [calls, mtu, exempt] = await Promise.all([
    read<{ apiCalls: string; timestamp: string }>('api-calls', 'dailyWorkspaceAPICallsUsage'),
    read<{ identified: string; neverIdentified: string }>('mtu', 'dailyWorkspaceMTUUsage'),
    read<{ messages: string }>('exempt', 'dailyWorkspaceExemptUsage'),
  ]);
  // The reports count from the start of the month; days are their differences.
  const onDay = (numbers: readonly number[]) => numbers.map((number, at) => number - (numbers[at - 1] ?? 0));
  const [callsOnDay, exemptOnDay] = [
    onDay(calls.map(({ apiCalls }) => Number(apiCalls))),
    onDay(exempt.map(({ messages }) => Number(messages))),
  ];
  return calls.map(({ timestamp }, at) => {
    const identified = Number(mtu[at]?.identified ?? 0);
    return {
      timestamp,
      calls: callsOnDay[at] ?? 0,
      exempt: exemptOnDay[at] ?? 0,
      identified,
      users: identified + Number(mtu[at]?.neverIdentified ?? 0),
    };
  });
}

const series = [
  { name: 'calls', label: 'API calls', color: 'cyan.7' },
  { name: 'exempt', label: 'Exempt messages', color: 'gray.5' },
];

const columns: readonly Column<Day>[] = [
  { label: 'Day', cell: ({ timestamp }) => <time dateTime={timestamp}>{dayOf(timestamp)}</time> },
  { label: 'API calls', align: 'right', cell: ({ calls }) => <Count value={calls} /> },
  { label: 'Tracked users so far', align: 'right', cell: ({ users }) => <Count value={users} /> },
  { label: 'Identified', align: 'right', cell: ({ identified }) => <Count value={identified} /> },
  { label: 'Exempt messages', align: 'right', cell: ({ exempt }) => <Count value={exempt} /> },
];

function Month({ days }: { readonly days: readonly Day[] }) {
  const [calls, exempt] = [sum(days.map((day) => day.calls)), sum(days.map((day) => day.exempt))];
  const last = days.at(-1);
  if (last === undefined) return <Empty title="This month has not begun yet">Months are UTC.</Empty>;
  return (
    <Stack gap="lg">
      <Card withBorder>
        <Stack>
          <Counts
            counts={[
              { label: 'API calls', value: calls },
              { label: 'Tracked users', value: last.users },
              { label: 'of them identified', value: last.identified },
              { label: 'Exempt messages', value: exempt },
            ]}
          />
          <Text size="sm" c="dimmed">
            An API call is a message that came through the Tracking API. A tracked user is somebody with a user id, or a
            device that was never said to be anybody's. Exempt is what came through the Segment Profiles destination,
            from your warehouse: it is no API call, and makes nobody a tracked user.
          </Text>
        </Stack>
      </Card>
      {calls + exempt > 0 && (
        <Card withBorder>
          <Group mb="sm">
            <Title order={2} size="h4">
              Messages by day
            </Title>
          </Group>
          <Bars
            label="API calls and exempt messages on each day of the month"
            points={days.map((day) => ({ at: dayOf(day.timestamp), calls: day.calls, exempt: day.exempt }))}
            series={series}
          />
        </Card>
      )}
      <ListTable
        title="Day by day"
        rows={[...days].reverse()}
        keyOf={({ timestamp }) => timestamp}
        columns={columns}
        minWidth={560}
      />
    </Stack>
  );
}
