/** One warehouse: its settings, whether it answers, and what reads it. */
import { Alert, Button, Card, Group, Stack, Switch, Text, TextInput, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { api } from '../../api/client.ts';
import { modelsQuery, sourceQuery } from '../../api/queries.ts';
import type { Option, Source } from '../../api/types.ts';
import { Allowed, Editable } from '../../parts/allowed.tsx';
import { Confirm } from '../../parts/confirm.tsx';
import { Faults, fieldFaults } from '../../parts/faults.tsx';
import { OptionFields, settingsOf, startingValues, type Values } from '../../parts/option-fields.tsx';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { useUnsaved } from '../../parts/unsaved.tsx';
import { useForm } from '../../parts/use-form.ts';

export function SourcePage() {
  const { id } = useParams({ from: '/inside/sources/$id' });
  const query = useQuery(sourceQuery(id));
  const [isDirty, setDirty] = useState(false);
  return (
    <Page
      title={query.data?.name ?? 'Source'}
      lead={query.data?.metadata.name}
      crumbs={[{ label: 'Sources', to: '/sources' }]}
    >
      <Loaded query={query} what="the source">
        {(source) => (
          <Stack gap="lg">
            <Connection source={source} isDirty={isDirty} />
            <Models source={source} />
            <Settings key={source.id} source={source} onDirty={setDirty} />
          </Stack>
        )}
      </Loaded>
    </Page>
  );
}

interface Tried {
  readonly ok: boolean;
  readonly message?: string;
  readonly help?: string;
}

function Connection({ source, isDirty }: { readonly source: Source; readonly isDirty: boolean }) {
  const { tried: tryAtOnce } = useSearch({ from: '/inside/sources/$id' });
  const [result, setResult] = useState<Tried | null>(null);
  const [isBusy, setBusy] = useState(false);
  async function tryIt() {
    setBusy(true);
    try {
      setResult(await api.post<Tried>(`/public-api/sources/${source.id}/test`));
    } catch (fault) {
      setResult({ ok: false, message: (fault as Error).message });
    } finally {
      setBusy(false);
    }
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when one comes from adding it
  useEffect(() => {
    if (tryAtOnce === true) void tryIt();
  }, []);
  return (
    <Card withBorder>
      <Stack gap="sm">
        <Group justify="space-between">
          <Title order={2} size="h4">
            Connection
          </Title>
          <Allowed power="source:admin">
            <Button variant="light" loading={isBusy} disabled={isDirty} onClick={() => void tryIt()}>
              Test connection
            </Button>
          </Allowed>
        </Group>
        {result === null || isDirty ? (
          <Text c="dimmed">
            {isDirty
              ? 'Save the changes below first: what is tested is what is saved.'
              : isBusy
                ? 'Connecting …'
                : 'Not tested yet.'}
          </Text>
        ) : (
          <Alert
            color={result.ok ? 'green' : 'red'}
            role="status"
            title={result.ok ? 'The warehouse answers' : 'It does not work yet'}
          >
            {result.ok
              ? 'The next step is a model: a query whose rows become profiles.'
              : `${result.message} ${result.help ?? ''}`}
          </Alert>
        )}
      </Stack>
    </Card>
  );
}

function Models({ source }: { readonly source: Source }) {
  const query = useQuery(modelsQuery);
  const add = (
    <Allowed power="source:admin">
      <Button component={Link} {...({ to: '/models/new', search: { source: source.id } } as object)}>
        Add model
      </Button>
    </Allowed>
  );
  return (
    <Loaded query={query} what="the models">
      {(models) => {
        const ours = models.filter(({ sourceId }) => sourceId === source.id);
        return ours.length === 0 ? (
          <Empty title="No model reads this source yet" action={add}>
            A model is one SQL query and the column that identifies its rows.
          </Empty>
        ) : (
          <Card withBorder>
            <Stack gap="sm">
              <Group justify="space-between">
                <Title order={2} size="h4">
                  Models
                </Title>
                {add}
              </Group>
              {ours.map(({ id, name }) => (
                <Link key={id} to="/models/$id" params={{ id }}>
                  {name}
                </Link>
              ))}
            </Stack>
          </Card>
        );
      }}
    </Loaded>
  );
}

/** Secrets are not shown, so that an empty field means the stored one. */
const keptWhenEmpty = (option: Option): Option =>
  option.type === 'password' ? { ...option, required: false } : option;

function Settings({ source, onDirty }: { readonly source: Source; readonly onDirty: (isDirty: boolean) => void }) {
  const { options } = source.metadata;
  const [name, setName] = useState(source.name);
  const [enabled, setEnabled] = useState(source.enabled);
  const [values, setValues] = useState<Values>(() => startingValues(options, source.settings));
  const { guard, markSaved, isDirty } = useUnsaved([name, enabled, values]);
  useEffect(() => onDirty(isDirty), [isDirty, onDirty]);
  const client = useQueryClient();
  const navigate = useNavigate();

  const { submit, error, isBusy } = useForm(async () => {
    await api.patch(`/public-api/sources/${source.id}`, { name, enabled, settings: settingsOf(options, values) });
    markSaved();
    onDirty(false);
    return () => notifications.show({ message: 'Saved.' });
  });

  async function remove() {
    await api.delete(`/public-api/sources/${source.id}`);
    markSaved();
    await client.invalidateQueries();
    await navigate({ to: '/sources' });
  }

  const faults = fieldFaults(error);
  return (
    <Card withBorder>
      <form onSubmit={submit}>
        <Editable power="source:admin">
          <Stack maw={560}>
            <Title order={2} size="h4">
              Settings
            </Title>
            {guard}
            <Faults error={error} shown={(field) => field === 'name' || field.startsWith('settings.')} />
            <TextInput
              label="Name"
              value={name}
              error={faults.name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Switch label="Enabled" checked={enabled} onChange={(event) => setEnabled(event.currentTarget.checked)} />
            <OptionFields options={options.map(keptWhenEmpty)} values={values} onChange={setValues} faults={faults} />
            <Allowed power="source:admin">
              <Text size="sm" c="dimmed">
                Passwords are never shown; a field left empty keeps what is stored.
              </Text>
              <Group>
                <Button type="submit" loading={isBusy}>
                  Save changes
                </Button>
                <Confirm label="Delete source" title={`Delete ${source.name}?`} c="red" act={remove}>
                  Its models, destinations and mappings are deleted with it, and what they have delivered is forgotten.
                  Profiles stay as they are.
                </Confirm>
              </Group>
            </Allowed>
          </Stack>
        </Editable>
      </form>
    </Card>
  );
}
