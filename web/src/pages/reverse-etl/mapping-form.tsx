/** A mapping: the model, the action, which records, what each field becomes, and when it runs. */
import { Alert, Button, Card, Checkbox, Group, Select, Stack, Text, TextInput, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { Fragment, useCallback, useState } from 'react';
import { api } from '../../api/client.ts';
import type { JsonObject } from '../../api/json.ts';
import { useMay } from '../../api/may.ts';
import { destinationsQuery, mappingsQuery, modelsQuery } from '../../api/queries.ts';
import type { Action, Destination, Mapping, Model, Schedule } from '../../api/types.ts';
import { Editable, Making, ReadOnlyNote } from '../../parts/allowed.tsx';
import { Faults, fieldFaults } from '../../parts/faults.tsx';
import { modelLabel } from '../../parts/model-label.ts';
import { Page } from '../../parts/page.tsx';
import { ScheduleFields } from '../../parts/schedule.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { useUnsaved } from '../../parts/unsaved.tsx';
import { useForm } from '../../parts/use-form.ts';
import { bothChanges, bothLists, isSame } from './both-changes.ts';
import { faultsInside } from './faults-inside.ts';
import { FirstSpace } from './first-space.tsx';
import { type Column, FieldRow, UnreadableContext } from './mapping-fields.tsx';
import { type Lack, lacksOf } from './needs.ts';
import { TestRecord } from './test-record.tsx';
import { kinds, recordsOf, triggerOf } from './trigger.ts';

export function MappingNew() {
  const { id } = useParams({ from: '/inside/destinations/$id/mappings/new' });
  const crumbs = [
    { label: 'Destinations', to: '/destinations' },
    { label: 'Destination', to: `/destinations/${id}?tab=mappings` },
  ];
  return (
    <Making power="source:admin" title="Add a mapping" crumbs={crumbs}>
      <Frame destinationId={id} mappingId={null} />
    </Making>
  );
}

export function MappingEdit() {
  const { id, mapping } = useParams({ from: '/inside/destinations/$id/mappings/$mapping/edit' });
  return <Frame destinationId={id} mappingId={mapping} />;
}

function Frame({ destinationId, mappingId }: { readonly destinationId: string; readonly mappingId: string | null }) {
  const destinations = useQuery(destinationsQuery);
  const models = useQuery(modelsQuery);
  const mappings = useQuery(mappingsQuery(destinationId));
  const destination = destinations.data?.find(({ id }) => id === destinationId);
  const mapping = mappings.data?.find(({ id }) => id === mappingId);
  const crumbs = [
    { label: 'Destinations', to: '/destinations' },
    { label: destination?.name ?? 'Destination', to: `/destinations/${destinationId}?tab=mappings` },
  ];
  return (
    <Page title={mappingId === null ? 'Add a mapping' : `Edit ${mapping?.name ?? 'mapping'}`} crumbs={crumbs}>
      <Loaded query={models} what="the models">
        {(all) => (
          <Loaded query={mappings} what="the mapping">
            {() => {
              const ours = all.filter(({ sourceId }) => sourceId === destination?.sourceId);
              if (destination === undefined || (mappingId !== null && mapping === undefined)) {
                return <Empty title="There is no such mapping">It may have been deleted.</Empty>;
              }
              if (ours.length === 0) {
                return (
                  <Empty
                    title="The source has no model yet"
                    action={
                      <Button
                        component={Link}
                        {...({
                          to: '/models/new',
                          search: { source: destination.sourceId, destination: destination.id },
                        } as object)}
                      >
                        Add model
                      </Button>
                    }
                  >
                    Add a model first: a mapping says what its rows become.
                  </Empty>
                );
              }
              return (
                <Editable power="source:admin">
                  <ReadOnlyNote power="source:admin" />
                  <MappingForm destination={destination} models={ours} mapping={mapping ?? null} />
                </Editable>
              );
            }}
          </Loaded>
        )}
      </Loaded>
    </Page>
  );
}

/** In the words of the boxes. */
const noRecords = (fault: string | undefined) =>
  fault === undefined ? undefined : 'Choose one kind of records at least: without any, nothing is ever sent.';

function Lacks({ lacks }: { readonly lacks: readonly Lack[] }) {
  if (lacks.length === 0) return null;
  return (
    <Alert color="yellow" role="note" p="xs">
      {lacks.map(({ words }) => (
        <Text key={words} size="sm">
          {words}
        </Text>
      ))}
    </Alert>
  );
}

const manual: Schedule = { strategy: 'MANUAL', config: null };

/** What a form changed of a mapping, on top of what somebody else changed of the same parts. */
function changesOf(opened: Mapping, wanted: Parts, stored: Mapping): Partial<Parts> {
  const [before, now] = [partsOf(opened), partsOf(stored)];
  const together: Parts = {
    ...wanted,
    settings: bothChanges(before.settings, wanted.settings, now.settings) as JsonObject,
    skipNulls: bothLists(before.skipNulls, wanted.skipNulls, now.skipNulls),
  };
  const isChanged = (part: string) => !isSame(wanted[part as keyof Parts], before[part as keyof Parts]);
  return Object.fromEntries(Object.entries(together).filter(([part]) => isChanged(part)));
}

type Parts = ReturnType<typeof partsOf>;

const partsOf = ({ name, modelId, trigger, settings, skipNulls, reverseETLSchedule = manual }: Mapping) => ({
  ...{ name, reverseETLModelId: modelId, trigger, settings, skipNulls },
  reverseETLSchedule: reverseETLSchedule as Schedule & JsonObject,
});

const isAt = (place: string, field: string) => place === field || place.startsWith(`${field}.`);

function MappingForm({
  destination,
  models,
  mapping,
}: {
  readonly destination: Destination;
  readonly models: readonly Model[];
  readonly mapping: Mapping | null;
}) {
  const { actions } = destination.metadata;
  // As it was when the form was opened; it is read again behind the form, perhaps with what others changed.
  const [opened] = useState(mapping);
  const [unreadable, setUnreadable] = useState<readonly string[]>([]);
  const tellUnreadable = useCallback(
    (label: string, isUnreadable: boolean) =>
      setUnreadable((before) => [...before.filter((one) => one !== label), ...(isUnreadable ? [label] : [])]),
    [],
  );
  const [modelId, setModelId] = useState(mapping?.modelId ?? models[0]?.id ?? '');
  const [actionId, setActionId] = useState(mapping?.actionId ?? actions[0]?.id ?? '');
  const [name, setName] = useState(mapping?.name ?? '');
  const [trigger, setTrigger] = useState(mapping?.trigger ?? triggerOf(['new', 'updated']));
  const [fields, setFields] = useState<JsonObject>(mapping?.settings ?? {});
  const [skipNulls, setSkipNulls] = useState<readonly string[]>(mapping?.skipNulls ?? []);
  const [schedule, setSchedule] = useState<Schedule>(mapping?.reverseETLSchedule ?? manual);
  const navigate = useNavigate();
  const action = actions.find(({ id }) => id === actionId) as Action;
  const columnsQuery = useQuery({
    queryKey: ['columns', modelId],
    queryFn: async ({ signal }) =>
      (await api.get<{ columns: readonly Column[] }>(`/public-api/reverse-etl-models/${modelId}/preview`, signal))
        .columns,
    staleTime: 60_000,
    retry: false,
    enabled: modelId !== '',
  });
  const columns = columnsQuery.data ?? [];
  const spaces = useQuery({
    queryKey: ['profile-spaces', destination.id],
    queryFn: ({ signal }) =>
      api.get<{
        choices: readonly { readonly label: string; readonly value: string }[];
        error: { readonly code: string; readonly message: string } | null;
      }>(`/public-api/destinations/${destination.id}/profile-spaces`, signal),
    enabled: useMay('source:admin'),
  });
  const records = recordsOf(trigger);
  const spacesFault = spaces.data?.error ?? null;
  /** Otherwise the write key of a space is typed. */
  const areListed = spacesFault === null || spacesFault.code === 'no_space';

  const settings = Object.fromEntries(
    Object.entries(fields).filter(
      ([key]) => key.startsWith('__segment_') || action.fields.some(({ fieldKey }) => fieldKey === key),
    ),
  );
  const skipped = skipNulls.filter((key) => key in settings);
  const draft = { modelId, actionId, trigger, settings, skipNulls: skipped };
  const { guard, markSaved } = useUnsaved({ ...draft, name, schedule });

  const { submit, error, setError, isBusy } = useForm(async () => {
    refuseUnreadable();
    const path = `/public-api/destinations/${destination.id}/subscriptions`;
    const how = { trigger, settings, skipNulls: skipped, reverseETLSchedule: schedule as Schedule & JsonObject };
    if (opened === null) {
      // Switched on where it is listed, once it looks right.
      await api.post(path, { name, actionId, modelId, enabled: false, ...how });
    } else {
      // What somebody else changed meanwhile, and this form did not, stays theirs.
      const one = `${path}/${opened.id}`;
      const { subscription: stored } = await api.get<{ subscription: Mapping }>(one);
      const input = changesOf(opened, { name, reverseETLModelId: modelId, ...how }, stored);
      await api.patch(one, { input });
    }
    markSaved();
    const done = opened === null ? 'The mapping was created. Enable it when it looks right.' : 'Saved.';
    return () => {
      notifications.show({ message: done });
      return navigate({ to: '/destinations/$id', params: { id: destination.id }, search: { tab: 'mappings' } });
    };
  });

  /** What is seen is what is sent. */
  function refuseUnreadable() {
    if (unreadable.length === 0) return;
    throw new Error(`Mend the JSON first, or choose another form: ${unreadable.join(', ')}.`);
  }

  async function suggest() {
    try {
      const path = `/public-api/reverse-etl-models/${modelId}/suggested-mappings`;
      const { settings } = await api.post<{ settings: JsonObject }>(path, { actionId });
      // What is there already stays.
      setFields((before) => ({ ...settings, ...before }));
      notifications.show({
        message: `${Object.keys(settings).length} fields are suggested. Look at them before you save.`,
      });
    } catch (fault) {
      notifications.show({ color: 'red', title: 'Nothing can be suggested', message: (fault as Error).message });
    }
  }

  const faults = Object.fromEntries(
    Object.entries(fieldFaults(error)).map(([field, message]) => [field.replace(/^input\./, ''), message]),
  );
  const visible = action.fields.filter(({ hidden }) => !hidden);
  const isShown = (field: string) => {
    const place = field.replace(/^input\./, '');
    if (place.startsWith('settings.')) return visible.some(({ fieldKey }) => isAt(place, `settings.${fieldKey}`));
    return ['name', 'trigger', 'reverseETLSchedule'].some((part) => isAt(place, part));
  };
  const lacks = lacksOf(action, settings);
  return (
    <form onSubmit={submit}>
      <Stack gap="lg">
        {guard}
        <Faults error={error} shown={isShown} />
        <Card withBorder>
          <Stack>
            <Group align="flex-start" grow preventGrowOverflow={false}>
              <Select
                label="Model"
                allowDeselect={false}
                data={models.map((model) => ({ value: model.id, label: modelLabel(model, models) }))}
                value={modelId}
                onChange={(value) => setModelId(value ?? modelId)}
              />
              <Select
                label="Action"
                allowDeselect={false}
                disabled={opened !== null}
                description={action.description}
                data={actions.map(({ id, name: label }) => ({ value: id, label }))}
                value={actionId}
                onChange={(value) => setActionId(value ?? actionId)}
              />
            </Group>
            {records === null ? (
              <TextInput
                label="Trigger"
                value={trigger}
                error={faults.trigger}
                onChange={(event) => setTrigger(event.currentTarget.value)}
              />
            ) : (
              <Checkbox.Group
                label="Which records are sent"
                value={[...records]}
                error={records.length === 0 ? noRecords(faults.trigger) : faults.trigger}
                onChange={(chosen) =>
                  setTrigger(triggerOf(kinds.map(({ value }) => value).filter((kind) => chosen.includes(kind))))
                }
              >
                <Group my="xs">
                  {kinds.map(({ value, label }) => (
                    <Checkbox key={value} value={value} label={label} />
                  ))}
                </Group>
              </Checkbox.Group>
            )}
          </Stack>
        </Card>
        <Card
          withBorder
          onKeyDown={(event) => {
            // Lists and keys take Enter for themselves; the form is saved by its button.
            if (event.key === 'Enter' && event.target instanceof HTMLInputElement) event.preventDefault();
          }}
        >
          <Stack>
            <Group justify="space-between">
              <Title order={2} size="h4">
                Fields
              </Title>
              <Button variant="light" size="xs" onClick={() => void suggest()}>
                Suggest mappings
              </Button>
            </Group>
            {columnsQuery.error !== null && (
              <Alert color="yellow" title="The columns of the model cannot be listed">
                {columnsQuery.error.message}
              </Alert>
            )}
            {spacesFault?.code === 'no_space' && <FirstSpace />}
            {!areListed && (
              <Alert color="yellow" title="The profile spaces cannot be listed">
                {spacesFault.message}
              </Alert>
            )}
            <UnreadableContext value={tellUnreadable}>
              {visible.map((field) => (
                <Fragment key={field.fieldKey}>
                  <Lacks lacks={lacks.filter(({ above }) => above === field.fieldKey)} />
                  <FieldRow
                    field={field}
                    value={fields[field.fieldKey]}
                    columns={columns}
                    choices={field.fieldKey === 'engage_space' && areListed ? (spaces.data?.choices ?? []) : null}
                    faults={faultsInside(faults, `settings.${field.fieldKey}`)}
                    sendsNulls={!skipNulls.includes(field.fieldKey)}
                    onNulls={(sends) =>
                      setSkipNulls((before) => [
                        ...before.filter((key) => key !== field.fieldKey),
                        ...(sends ? [] : [field.fieldKey]),
                      ])
                    }
                    onChange={(value) =>
                      setFields(({ [field.fieldKey]: _, ...others }) =>
                        value === undefined ? others : { ...others, [field.fieldKey]: value },
                      )
                    }
                  />
                </Fragment>
              ))}
            </UnreadableContext>
          </Stack>
        </Card>
        <TestRecord
          destinationId={destination.id}
          draft={() => {
            refuseUnreadable();
            return draft;
          }}
          onRefused={setError}
        />
        <Card withBorder>
          <Stack>
            <TextInput
              label="Name"
              required
              maw={420}
              value={name}
              error={faults.name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <ScheduleFields value={schedule} onChange={setSchedule} faults={faults} field="reverseETLSchedule" />
          </Stack>
        </Card>
        <Group>
          <Button type="submit" loading={isBusy}>
            {opened === null ? 'Create mapping' : 'Save changes'}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
