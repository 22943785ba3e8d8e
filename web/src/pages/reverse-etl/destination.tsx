/** One destination: its settings, its mappings, and which switch is missing when nothing would run. */
import { Alert, Button, Card, Group, Stack, Switch, Tabs, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { useMay } from '../../api/may.ts';
import { destinationsQuery, mappingsQuery, modelsQuery } from '../../api/queries.ts';
import type { Destination, Mapping } from '../../api/types.ts';
import { Allowed, Editable } from '../../parts/allowed.tsx';
import { Confirm } from '../../parts/confirm.tsx';
import { Faults, fieldFaults } from '../../parts/faults.tsx';
import { type Column, ListTable } from '../../parts/list-table.tsx';
import { OptionFields, settingsOf, startingValues, type Values } from '../../parts/option-fields.tsx';
import { Page } from '../../parts/page.tsx';
import { scheduleWords } from '../../parts/schedule.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { useUnsaved } from '../../parts/unsaved.tsx';
import { useForm } from '../../parts/use-form.ts';

export function DestinationPage() {
  const { id } = useParams({ from: '/inside/destinations/$id' });
  const { tab = 'settings' } = useSearch({ from: '/inside/destinations/$id' });
  const navigate = useNavigate();
  const query = useQuery(destinationsQuery);
  const mappings = useQuery(mappingsQuery(id));
  const destination = query.data?.find((one) => one.id === id);
  return (
    <Page
      title={destination?.name ?? 'Destination'}
      lead={destination?.metadata.name}
      crumbs={[{ label: 'Destinations', to: '/destinations' }]}
    >
      <Loaded query={query} what="the destination">
        {() =>
          destination === undefined ? (
            <Empty title="There is no such destination">It may have been deleted.</Empty>
          ) : (
            <Stack>
              <Switches destination={destination} mappings={mappings.data ?? []} />
              <Tabs
                value={tab}
                onChange={(value) =>
                  void navigate({
                    to: '/destinations/$id',
                    params: { id },
                    search: value === 'mappings' ? { tab: 'mappings' } : {},
                  })
                }
              >
                <Tabs.List>
                  <Tabs.Tab value="settings">Settings</Tabs.Tab>
                  <Tabs.Tab value="mappings">Mappings</Tabs.Tab>
                </Tabs.List>
                <Tabs.Panel value="settings" pt="md">
                  <Settings key={destination.id} destination={destination} mappings={mappings.data ?? []} />
                </Tabs.Panel>
                <Tabs.Panel value="mappings" pt="md">
                  <Loaded query={mappings} what="the mappings">
                    {(list) => <Mappings destination={destination} mappings={list} />}
                  </Loaded>
                </Tabs.Panel>
              </Tabs>
            </Stack>
          )
        }
      </Loaded>
    </Page>
  );
}

/** Both switches must be on: that of the destination and that of a mapping. */
function Switches({
  destination,
  mappings,
}: {
  readonly destination: Destination;
  readonly mappings: readonly Mapping[];
}) {
  const running = mappings.filter(({ enabled }) => enabled).length;
  if (destination.enabled && running > 0) return null;
  const missing =
    mappings.length === 0
      ? 'It has no mapping yet. Add one under Mappings.'
      : running === 0
        ? 'None of its mappings is enabled. Enable them first, under Mappings.'
        : 'The destination itself is not enabled. Enable it under Settings.';
  return (
    <Alert color="yellow" title="Nothing runs yet" role="status">
      {missing}
    </Alert>
  );
}

const endpoints = [
  { value: 'local', label: 'This server' },
  { value: 'north_america', label: 'North America' },
  { value: 'europe', label: 'Europe' },
  { value: 'custom', label: 'Custom' },
];

interface Tried {
  readonly ok: boolean;
  readonly reason?: string;
  readonly workspace?: string | null;
}

function Settings({
  destination,
  mappings,
}: {
  readonly destination: Destination;
  readonly mappings: readonly Mapping[];
}) {
  const { options } = destination.metadata;
  const [name, setName] = useState(destination.name);
  const [enabled, setEnabled] = useState(destination.enabled);
  const [values, setValues] = useState<Values>(() => startingValues(options, destination.settings));
  const [tried, setTried] = useState<Tried | null>(null);
  const [isTesting, setTesting] = useState(false);
  const client = useQueryClient();
  const navigate = useNavigate();
  const endpoint = values.endpoint ?? 'local';
  /** Only what the chosen endpoint asks for. */
  const needed = options.filter(({ name: option }) => {
    if (option === 'endpoint') return true;
    if (option === 'segment_papi_token') return endpoint !== 'local';
    return endpoint === 'custom';
  });
  const settings = settingsOf(needed, values);
  const { guard, markSaved } = useUnsaved([name, enabled, settings]);

  const { submit, error, isBusy } = useForm(async () => {
    await api.patch(`/public-api/destinations/${destination.id}`, { name, enabled, settings });
    markSaved();
    return () => notifications.show({ message: 'Saved.' });
  });

  async function test() {
    setTesting(true);
    try {
      setTried(await api.post<Tried>(`/public-api/destinations/${destination.id}/test`, { settings }));
    } catch (fault) {
      setTried({ ok: false, reason: (fault as Error).message });
    } finally {
      setTesting(false);
    }
  }

  async function remove() {
    await api.delete(`/public-api/destinations/${destination.id}`);
    markSaved();
    await client.invalidateQueries({ queryKey: ['destinations'] });
    await navigate({ to: '/destinations' });
  }

  const faults = fieldFaults(error);
  const running = mappings.filter((mapping) => mapping.enabled).length;
  return (
    <Card withBorder>
      <form onSubmit={submit}>
        <Editable power="source:admin">
          <Stack maw={560}>
            {guard}
            <Faults error={error} shown={(field) => field === 'name' || field.startsWith('settings.')} />
            <TextInput
              label="Name"
              required
              value={name}
              error={faults.name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <OptionFields
              options={needed}
              values={{ ...values, endpoint }}
              onChange={setValues}
              faults={faults}
              choices={{ endpoint: endpoints }}
            />
            {endpoint !== 'local' && (
              <Group>
                <Button variant="light" loading={isTesting} onClick={() => void test()}>
                  Test connection
                </Button>
              </Group>
            )}
            {tried !== null && (
              <Alert
                color={tried.ok ? 'green' : 'red'}
                role="status"
                title={tried.ok ? 'The connection works' : 'It does not work yet'}
              >
                {tried.ok ? (tried.workspace ?? 'The token is good.') : tried.reason}
              </Alert>
            )}
            <Switch
              label="Enable destination"
              description={
                running === 0
                  ? 'Enable its mappings first: nothing runs without them.'
                  : `${running.toLocaleString()} of its mappings ${running === 1 ? 'is' : 'are'} enabled.`
              }
              checked={enabled}
              onChange={(event) => setEnabled(event.currentTarget.checked)}
            />
            <Allowed power="source:admin">
              <Group>
                <Button type="submit" loading={isBusy}>
                  Save changes
                </Button>
                <Confirm label="Delete destination" title={`Delete ${destination.name}?`} c="red" act={remove}>
                  Its mappings are deleted with it, and what they have delivered is forgotten. Profiles stay as they
                  are.
                </Confirm>
              </Group>
            </Allowed>
          </Stack>
        </Editable>
      </form>
    </Card>
  );
}

function Mappings({
  destination,
  mappings,
}: {
  readonly destination: Destination;
  readonly mappings: readonly Mapping[];
}) {
  const { data: models = [] } = useQuery(modelsQuery);
  const modelName = (id: string | undefined) => models.find((model) => model.id === id)?.name ?? '';
  const actionName = (id: string) => destination.metadata.actions.find((action) => action.id === id)?.name ?? '';
  const add = (
    <Allowed power="source:admin">
      <Button
        component={Link}
        {...({ to: '/destinations/$id/mappings/new', params: { id: destination.id } } as object)}
      >
        Add mapping
      </Button>
    </Allowed>
  );
  const columns: readonly Column<Mapping>[] = [
    {
      label: 'Name',
      cell: ({ id, name }) => (
        <Link to="/destinations/$id/mappings/$mapping" params={{ id: destination.id, mapping: id }}>
          {name}
        </Link>
      ),
    },
    { label: 'Model', cell: ({ modelId }) => modelName(modelId) },
    { label: 'Action', cell: ({ actionId }) => actionName(actionId) },
    { label: 'Schedule', cell: ({ reverseETLSchedule }) => scheduleWords(reverseETLSchedule) },
    {
      label: 'Enabled',
      cell: (mapping) => <EnableSwitch key={String(mapping.enabled)} destination={destination} mapping={mapping} />,
    },
  ];
  if (mappings.length === 0) {
    return (
      <Empty title="Say what the rows become" action={add}>
        A mapping takes the rows of a model and turns each into a message: an Identify for a person, a Group for an
        account, a Track for an event.
      </Empty>
    );
  }
  return (
    <Stack>
      <Group justify="flex-end">{add}</Group>
      <ListTable label="Mappings" rows={mappings} keyOf={({ id }) => id} columns={columns} minWidth={640} />
    </Stack>
  );
}

/** Moves at once, and back when the server refuses. */
function EnableSwitch({ destination, mapping }: { readonly destination: Destination; readonly mapping: Mapping }) {
  const [enabled, setEnabled] = useState(mapping.enabled);
  const mayChange = useMay('source:admin');
  const client = useQueryClient();
  async function turn(wanted: boolean) {
    setEnabled(wanted);
    try {
      const path = `/public-api/destinations/${destination.id}/subscriptions/${mapping.id}`;
      await api.patch(path, { input: { enabled: wanted } });
    } catch (fault) {
      setEnabled(!wanted);
      notifications.show({ color: 'red', title: 'Nothing was changed', message: (fault as Error).message });
    }
    await client.invalidateQueries({ queryKey: ['destinations'] });
  }
  return (
    <Switch
      aria-label={`Enable ${mapping.name}`}
      checked={enabled}
      disabled={!mayChange}
      onChange={(event) => void turn(event.currentTarget.checked)}
    />
  );
}
