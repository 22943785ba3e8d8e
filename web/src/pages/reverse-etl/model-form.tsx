/** A model: its query, a look at its rows, the column that identifies them. New ones and those that are there. */
import {
  Alert,
  Button,
  Card,
  Checkbox,
  Code,
  Group,
  Select,
  Skeleton,
  Stack,
  Switch,
  Table,
  Text,
  Textarea,
  TextInput,
  Title,
} from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useState } from 'react';
import { ApiError, api } from '../../api/client.ts';
import type { JsonValue } from '../../api/json.ts';
import { useMay } from '../../api/may.ts';
import { modelsQuery, sourcesQuery } from '../../api/queries.ts';
import type { Model } from '../../api/types.ts';
import { Allowed, Editable, Making, ReadOnlyNote } from '../../parts/allowed.tsx';
import { Confirm } from '../../parts/confirm.tsx';
import { Faults, fieldFaults } from '../../parts/faults.tsx';
import { Page } from '../../parts/page.tsx';
import type { Table as WarehouseTable } from '../../parts/sql-editor.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { useUnsaved } from '../../parts/unsaved.tsx';
import { useForm } from '../../parts/use-form.ts';

const SqlEditor = lazy(() => import('../../parts/sql-editor.tsx'));
const crumbs = [{ label: 'Models', to: '/models' }];

export function ModelNew() {
  return (
    <Making power="source:admin" title="Add a model" crumbs={crumbs}>
      <NewModel />
    </Making>
  );
}

function NewModel() {
  const { source, destination } = useSearch({ from: '/inside/models/new' });
  const query = useQuery(sourcesQuery);
  return (
    <Page title="Add a model" crumbs={crumbs}>
      <Loaded query={query} what="the sources">
        {(sources) => {
          const warehouses = sources.filter(({ metadata }) => metadata.categories.includes('Warehouse'));
          const [first] = warehouses;
          if (first === undefined) {
            return (
              <Empty
                title="A model needs a source"
                action={
                  <Button component={Link} to="/sources/new">
                    Add source
                  </Button>
                }
              >
                Connect the warehouse first; the query is written then.
              </Empty>
            );
          }
          const choices = warehouses.map(({ id, name }) => ({ value: id, label: name }));
          return <ModelForm model={null} sources={choices} startWith={source ?? first.id} destination={destination} />;
        }}
      </Loaded>
    </Page>
  );
}

export function ModelPage() {
  const { id } = useParams({ from: '/inside/models/$id' });
  const query = useQuery(modelsQuery);
  const { data: sources = [] } = useQuery(sourcesQuery);
  const model = query.data?.find((one) => one.id === id);
  return (
    <Page title={model?.name ?? 'Model'} crumbs={crumbs}>
      <Loaded query={query} what="the model">
        {() =>
          model === undefined ? (
            <Empty title="There is no such model">It may have been deleted.</Empty>
          ) : (
            <ModelForm
              key={model.id}
              model={model}
              sources={sources.map((source) => ({ value: source.id, label: source.name }))}
              startWith={model.sourceId}
            />
          )
        }
      </Loaded>
    </Page>
  );
}

/** What speaks against saving a model as it is; whoever knows better saves it anyway. */
type Doubt = { readonly of: string; readonly identifier: string } & (
  | { readonly kind: 'no such column'; readonly names: readonly string[] }
  | { readonly kind: 'not seen' }
);

const mostNamed = 12;

function doubtWords(doubt: Doubt): string {
  if (doubt.kind === 'not seen') {
    return `The query could not be looked at, for the reason above, so it is not known whether it gives a column ${doubt.identifier}. Without it the model cannot be synced.`;
  }
  const { identifier, names } = doubt;
  const more = names.length - mostNamed;
  const list = `${names.slice(0, mostNamed).join(', ')}${more > 0 ? ` and ${more.toLocaleString()} more` : ''}`;
  return `The identifier column ${identifier} is not among the columns that the query gives: ${list}. Without it the model cannot be synced. Upper and lower case count.`;
}

const nameTaken = 'Another model of this source has this name; lists would show two alike.';

interface Preview {
  /** The source and the query that it is of. */
  readonly of: string;
  readonly columns: readonly { readonly name: string; readonly nativeType: string }[];
  readonly rows: readonly (readonly JsonValue[])[];
}

function ModelForm({
  model,
  sources,
  startWith,
  destination,
}: {
  readonly model: Model | null;
  readonly sources: readonly { readonly value: string; readonly label: string }[];
  readonly startWith: string;
  /** Whose mapping one came from. */
  readonly destination?: string | undefined;
}) {
  const [sourceId, setSourceId] = useState(startWith);
  const [name, setName] = useState(model?.name ?? '');
  const [description, setDescription] = useState(model?.description ?? '');
  const [enabled, setEnabled] = useState(model?.enabled ?? true);
  const [sql, setSql] = useState(model?.query ?? '');
  const [identifier, setIdentifier] = useState(model?.queryIdentifierColumn ?? '');
  const [preview, setPreview] = useState<Preview | null>(null);
  const [previewError, setPreviewError] = useState<Error | null>(null);
  const [isLooking, setLooking] = useState(false);
  const [doubt, setDoubt] = useState<Doubt | null>(null);
  const [isAccepted, setAccepted] = useState(false);
  const { guard, markSaved } = useUnsaved([sourceId, name, description, enabled, sql, identifier]);
  const mayChange = useMay('source:admin');
  const client = useQueryClient();
  const navigate = useNavigate();
  const { data: tables = [] } = useQuery({
    queryKey: ['tables', sourceId],
    queryFn: async ({ signal }) =>
      (await api.get<{ tables: readonly WarehouseTable[] }>(`/public-api/sources/${sourceId}/tables`, signal)).tables,
    staleTime: 60_000,
    retry: false,
    // For the editor alone.
    enabled: mayChange,
  });

  /** What was asked of the warehouse, and whether it is what the form says now. */
  const asked = JSON.stringify([sourceId, sql]);

  async function look(): Promise<Preview | Error> {
    setLooking(true);
    setPreviewError(null);
    try {
      // The identifier may be chosen from what the preview shows.
      const body = { query: sql };
      const found = { ...(await api.post<Preview>(`/public-api/sources/${sourceId}/preview`, body)), of: asked };
      setPreview(found);
      return found;
    } catch (fault) {
      setPreview(null);
      setPreviewError(fault as Error);
      return fault as Error;
    } finally {
      setLooking(false);
    }
  }

  /** Whether its rows can be told apart by that column; null when nothing speaks against it. */
  async function whyNot(): Promise<Doubt | null> {
    if (model !== null && model.query === sql && model.queryIdentifierColumn === identifier) return null;
    const found = preview?.of === asked ? preview : await look();
    if (found instanceof Error) return { kind: 'not seen', of: asked, identifier };
    const names = found.columns.map((column) => column.name);
    return names.includes(identifier) ? null : { kind: 'no such column', of: asked, identifier, names };
  }

  /** What spoke against saving, while the form still says what it was said of. */
  const standing = doubt?.of === asked && doubt.identifier === identifier ? doubt : null;
  const { data: models = [] } = useQuery(modelsQuery);
  const isTaken =
    name.trim() !== (model?.name ?? '') &&
    models.some((other) => other.sourceId === sourceId && other.id !== model?.id && other.name === name.trim());

  const { submit, error, isBusy } = useForm(async () => {
    if (isTaken) throw new ApiError(422, [{ type: 'input-validation', field: 'name', message: nameTaken }]);
    const found = standing !== null && isAccepted ? null : await whyNot();
    setDoubt(found);
    setAccepted(false);
    if (found !== null) return;
    const body = { name, description: description || ' ', enabled, query: sql, queryIdentifierColumn: identifier };
    if (model === null) await api.post('/public-api/reverse-etl-models', { ...body, sourceId });
    else await api.patch(`/public-api/reverse-etl-models/${model.id}`, body);
    markSaved();
    return goOn;
  });

  function goOn() {
    if (model !== null) return notifications.show({ message: 'Saved.' });
    notifications.show({ message: 'The model was added. Next: a destination for its rows.' });
    return destination === undefined
      ? navigate({ to: '/destinations' })
      : navigate({ to: '/destinations/$id/mappings/new', params: { id: destination } });
  }

  async function remove() {
    await api.delete(`/public-api/reverse-etl-models/${model?.id}`);
    markSaved();
    await client.invalidateQueries({ queryKey: ['models'] });
    await navigate({ to: '/models' });
  }

  const faults = fieldFaults(error);
  const shown = ['name', 'description', 'query', 'queryIdentifierColumn'];
  return (
    <form onSubmit={submit}>
      <Editable power="source:admin">
        <Stack>
          {guard}
          <ReadOnlyNote power="source:admin" />
          <Faults error={error} shown={(field) => shown.includes(field)} />
          <Select
            label="Source"
            data={[...sources]}
            value={sourceId}
            allowDeselect={false}
            disabled={model !== null}
            onChange={(value) => setSourceId(value ?? startWith)}
            maw={420}
          />
          <Stack gap={4}>
            <Text fw={500} size="sm">
              Query{' '}
              <Text span c="red" aria-hidden>
                *
              </Text>
            </Text>
            {mayChange ? (
              <Suspense fallback={<Skeleton height={160} />}>
                <SqlEditor value={sql} onChange={setSql} tables={tables} />
              </Suspense>
            ) : (
              <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
                {sql}
              </Code>
            )}
            {faults.query !== undefined && (
              <Text c="red" size="sm">
                {faults.query}
              </Text>
            )}
          </Stack>
          <TextInput
            label="Identifier column"
            description="Unique and never empty: it tells the rows apart."
            required
            maw={420}
            value={identifier}
            error={faults.queryIdentifierColumn}
            onChange={(event) => setIdentifier(event.currentTarget.value)}
          />
          <Allowed power="source:admin">
            <Group>
              <Button variant="light" loading={isLooking} disabled={sql.trim() === ''} onClick={() => void look()}>
                Preview 10 rows
              </Button>
            </Group>
          </Allowed>
          {previewError !== null && (
            <Alert color="red" role="alert" title="The warehouse refuses this">
              {previewError.message}
            </Alert>
          )}
          {preview !== null && <PreviewTable preview={preview} identifier={identifier} choose={setIdentifier} />}
          <TextInput
            label="Name"
            required
            maw={420}
            value={name}
            error={faults.name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Textarea
            label="Description"
            maw={560}
            value={description}
            onChange={(event) => setDescription(event.currentTarget.value)}
          />
          {model !== null && (
            <Switch label="Enabled" checked={enabled} onChange={(event) => setEnabled(event.currentTarget.checked)} />
          )}
          {standing !== null && (
            <Alert color="yellow" role="alert" title="Nothing was saved yet">
              <Stack gap="sm" align="flex-start">
                <Text size="sm">{doubtWords(standing)}</Text>
                <Checkbox
                  label="Save it all the same"
                  checked={isAccepted}
                  onChange={(event) => setAccepted(event.currentTarget.checked)}
                />
              </Stack>
            </Alert>
          )}
          <Allowed power="source:admin">
            <Group>
              <Button type="submit" loading={isBusy}>
                {model === null ? 'Add model' : 'Save changes'}
              </Button>
              {model !== null && (
                <Confirm label="Delete model" title={`Delete ${model.name}?`} c="red" act={remove}>
                  A model that mappings use cannot be deleted; delete those first.
                </Confirm>
              )}
            </Group>
          </Allowed>
        </Stack>
      </Editable>
    </form>
  );
}

function PreviewTable({
  preview,
  identifier,
  choose,
}: {
  readonly preview: Preview;
  readonly identifier: string;
  readonly choose: (column: string) => void;
}) {
  return (
    <Card withBorder padding={0}>
      <Title order={2} size="h5" p="sm">
        {preview.rows.length === 0 ? 'The query gives no rows' : 'The first rows'}
      </Title>
      {preview.rows.length === 0 && (
        <Text size="sm" c="dimmed" px="sm" pb="sm">
          It gives these columns. A sync of the model has nothing to deliver until there are rows.
        </Text>
      )}
      <Table.ScrollContainer minWidth={480}>
        <Table striped>
          <Table.Thead>
            <Table.Tr>
              {preview.columns.map(({ name, nativeType }) => (
                <Table.Th key={name}>
                  <Stack gap={0} align="flex-start">
                    <span>{name}</span>
                    <Text size="xs" c="dimmed">
                      {nativeType.toLowerCase()}
                    </Text>
                    {name !== identifier && (
                      <Button
                        size="compact-xs"
                        variant="subtle"
                        onClick={() => choose(name)}
                        aria-label={`Identify rows by ${name}`}
                      >
                        identifies rows
                      </Button>
                    )}
                  </Stack>
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {preview.rows.map((row, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: rows may be alike
              <Table.Tr key={at}>
                {row.map((value, column) => (
                  <Table.Td key={preview.columns[column]?.name}>
                    {value === null ? (
                      <Text c="dimmed" span>
                        null
                      </Text>
                    ) : (
                      cell(value)
                    )}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Card>
  );
}

function cell(value: JsonValue): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)} …` : text;
}
