/** Settings > Alerts: who is told when something is wrong, and below what was said. */
import { Alert, Badge, Button, Group, List, Modal, Stack, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { useMay } from '../../api/may.ts';
import { type AlertRule, alertsQuery, allMappingsQuery, type Tested } from '../../api/settings.ts';
import { useAct } from '../../parts/act.ts';
import { Confirm } from '../../parts/confirm.tsx';
import { type Column, ListTable } from '../../parts/list-table.tsx';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Enabled } from '../../parts/values.tsx';
import { AlertForm } from './alert-form.tsx';
import { channelText, channelWords, eventWords } from './alert-words.ts';
import { Notices } from './notices.tsx';

export function Alerts() {
  const query = useQuery(alertsQuery);
  const mayChange = useMay('source:admin');
  const [form, setForm] = useState<AlertRule | 'new' | null>(null);
  const [tested, setTested] = useState<{ readonly alert: AlertRule; readonly result: Tested } | null>(null);
  const { act, isBusy } = useAct('The alert could not be tested');
  const test = (alert: AlertRule) =>
    act(async () => {
      const result = await api.post<Tested>(`/public-api/alerts/${alert.id}/test`);
      setTested({ alert, result });
    });
  const add = mayChange && <Button onClick={() => setForm('new')}>Add alert</Button>;
  return (
    <Page title="Alerts" lead="Who is told when something goes wrong, and again when it is over." actions={add}>
      <Loaded query={query} what="the alerts">
        {(alerts) =>
          alerts.length === 0 ? (
            <Empty title="Nobody is told yet" action={add}>
              An alert watches your mappings: it tells a chat, a mailbox or a program when a sync fails, and when it
              works again. Whatever an alert says is listed below too.
            </Empty>
          ) : (
            <Rules alerts={alerts} mayChange={mayChange} isBusy={isBusy} test={test} edit={setForm} />
          )
        }
      </Loaded>
      <Notices mayChange={mayChange} />
      <Modal
        opened={form !== null}
        onClose={() => setForm(null)}
        title={form === null || form === 'new' ? 'Add an alert' : `Edit ${form.name}`}
        size="lg"
      >
        {form !== null && <AlertForm alert={form === 'new' ? null : form} done={() => setForm(null)} />}
      </Modal>
      <Modal
        opened={tested !== null}
        onClose={() => setTested(null)}
        title={`The test of ${tested?.alert.name ?? ''}`}
        size="lg"
      >
        {tested !== null && <Result {...tested} close={() => setTested(null)} />}
      </Modal>
    </Page>
  );
}

function Rules({
  alerts,
  mayChange,
  isBusy,
  test,
  edit,
}: {
  readonly alerts: readonly AlertRule[];
  readonly mayChange: boolean;
  readonly isBusy: boolean;
  readonly test: (alert: AlertRule) => unknown;
  readonly edit: (alert: AlertRule) => void;
}) {
  const client = useQueryClient();
  const { data: mappings = [] } = useQuery(allMappingsQuery);
  const names = new Map(mappings.map(({ id, name }) => [id, name]));
  async function remove({ id }: AlertRule) {
    await api.delete(`/public-api/alerts/${id}`);
    await client.invalidateQueries({ queryKey: ['alerts'] });
  }
  const columns: readonly Column<AlertRule>[] = [
    {
      label: 'Name',
      cell: ({ name }) => (
        <Text fw={600} size="sm">
          {name}
        </Text>
      ),
    },
    {
      label: 'When',
      cell: ({ on, thresholdPercent }) => (
        <List size="sm" listStyleType="none">
          {on.map((event) => (
            <List.Item key={event}>{eventWords(event, thresholdPercent)}</List.Item>
          ))}
        </List>
      ),
    },
    {
      label: 'About',
      cell: ({ mappingIds }) =>
        mappingIds === null ? 'All mappings' : mappingIds.map((id) => names.get(id) ?? 'a mapping').join(', '),
    },
    {
      label: 'Tells',
      cell: ({ channels }) => (
        <Stack gap={4}>
          <Text size="sm">The list below</Text>
          {channels.map((channel) => (
            <Text key={JSON.stringify(channel)} size="sm" style={{ overflowWrap: 'anywhere' }}>
              {channelText(channel)}
            </Text>
          ))}
        </Stack>
      ),
    },
    { label: 'State', width: '120px', cell: ({ enabled }) => <Enabled enabled={enabled} /> },
    ...(mayChange
      ? [
          {
            label: 'Change',
            cell: (alert: AlertRule) => (
              <Group gap="xs" wrap="nowrap">
                <Button
                  size="xs"
                  variant="default"
                  disabled={isBusy}
                  aria-label={`Test ${alert.name}`}
                  onClick={() => test(alert)}
                >
                  Test
                </Button>
                <Button size="xs" variant="default" aria-label={`Edit ${alert.name}`} onClick={() => edit(alert)}>
                  Edit
                </Button>
                <Confirm
                  size="xs"
                  label="Delete"
                  aria-label={`Delete ${alert.name}`}
                  title={`Delete ${alert.name}?`}
                  act={() => remove(alert)}
                >
                  Nobody is told by it any more. What it said stays in the list until it is old.
                </Confirm>
              </Group>
            ),
          },
        ]
      : []),
  ];
  return <ListTable rows={alerts} keyOf={({ id }) => id} columns={columns} minWidth={960} />;
}

function Result({ result, close }: { readonly result: Tested; readonly close: () => void }) {
  const { channels } = result;
  const failed = channels.filter(({ sent }) => !sent).length;
  const summary =
    channels.length === 0
      ? 'The test is in the list of notices. This alert has no other way to tell anybody.'
      : failed === 0
        ? 'Every channel took the test. It is in the list of notices too.'
        : 'A channel that failed is not tried again with this test.';
  return (
    <Stack>
      {channels.map(({ channelNo, channel, sent, answer }) => (
        <Group key={channelNo} gap="sm" wrap="nowrap">
          <Badge color={sent ? 'green' : 'red'} variant="light" tt="none">
            {sent ? 'sent' : 'failed'}
          </Badge>
          <Text size="sm">
            {channelWords[channel]}: {answer}
          </Text>
        </Group>
      ))}
      <Alert color={failed === 0 ? 'green' : 'yellow'}>{summary}</Alert>
      <Group justify="flex-end">
        <Button onClick={close}>Done</Button>
      </Group>
    </Stack>
  );
}
