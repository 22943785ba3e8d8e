/** Adding a warehouse: choosing its kind, saying where it is, trying it. */
import { Button, Card, Group, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { ApiError, api } from '../../api/client.ts';
import { sourceCatalogQuery } from '../../api/queries.ts';
import type { Source, SourceMetadata } from '../../api/types.ts';
import { Making } from '../../parts/allowed.tsx';
import { Faults, fieldFaults } from '../../parts/faults.tsx';
import { OptionFields, settingsOf, startingValues, type Values } from '../../parts/option-fields.tsx';
import { Page } from '../../parts/page.tsx';
import { Loaded } from '../../parts/states.tsx';
import { useForm } from '../../parts/use-form.ts';

const crumbs = [{ label: 'Sources', to: '/sources' }];

export function SourceNew() {
  return (
    <Making power="source:admin" title="Add a source" crumbs={crumbs}>
      <NewSource />
    </Making>
  );
}

function NewSource() {
  const query = useQuery(sourceCatalogQuery);
  const { kind: chosen, next } = useSearch({ from: '/inside/sources/new' });
  const navigate = useNavigate();
  const goTo = (kind?: string) =>
    void navigate({ to: '/sources/new', search: { ...(next && { next }), ...(kind && { kind }) } });
  const kind = query.data?.find((one) => one.slug === chosen && isToChoose(one) && isThere(one)) ?? null;
  return (
    <Page
      title={kind === null ? 'Add a source' : `Add ${kind.name}`}
      lead={kind === null ? 'Which warehouse are your tables in?' : 'Where it is, and who reads it.'}
      crumbs={crumbs}
    >
      <Loaded query={query} what="the kinds of sources">
        {(catalog) =>
          kind === null ? (
            <Kinds catalog={catalog} choose={({ slug }) => goTo(slug)} />
          ) : (
            <SourceForm key={kind.id} kind={kind} back={() => goTo()} />
          )
        }
      </Loaded>
    </Page>
  );
}

const isToChoose = ({ categories }: SourceMetadata) => categories.includes('Warehouse');
const isThere = ({ status }: SourceMetadata) => status === 'PUBLIC';

function Kinds({
  catalog,
  choose,
}: {
  readonly catalog: readonly SourceMetadata[];
  readonly choose: (kind: SourceMetadata) => void;
}) {
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }}>
      {catalog.filter(isToChoose).map((kind) => (
        <Card
          key={kind.id}
          withBorder
          component="button"
          type="button"
          ta="left"
          disabled={!isThere(kind)}
          onClick={() => choose(kind)}
          opacity={isThere(kind) ? 1 : 0.75}
        >
          <Text fw={600}>{kind.name}</Text>
          <Text size="sm" c="dimmed">
            {kind.description}
          </Text>
        </Card>
      ))}
    </SimpleGrid>
  );
}

async function answers(sourceId: string): Promise<boolean> {
  // The source is there by now: whatever goes wrong with its test is said on its page.
  const tried = api.post<{ ok: boolean }>(`/public-api/sources/${sourceId}/test`);
  return tried.then(
    ({ ok }) => ok,
    () => false,
  );
}

function SourceForm({ kind, back }: { readonly kind: SourceMetadata; readonly back: () => void }) {
  const [values, setValues] = useState<Values>(() => startingValues(kind.options));
  const [slug, setSlug] = useState('');
  const { next } = useSearch({ from: '/inside/sources/new' });
  const navigate = useNavigate();

  const { submit, error, isBusy } = useForm(async () => {
    const settings = settingsOf(kind.options, values);
    if (kind.slug === 'duckdb' && settings.path === undefined && settings.files === undefined) {
      const message = 'Give a database file here, or files below.';
      throw new ApiError(422, [{ type: 'input-validation', field: 'settings.path', message }]);
    }
    const body = { slug, enabled: true, metadataId: kind.id, settings };
    const { source } = await api.post<{ source: Source }>('/public-api/sources', body);
    // On the way to a destination one stays here only for what does not work yet.
    const goesOn = next === 'destination' && (await answers(source.id));
    return () =>
      navigate(
        goesOn
          ? { to: '/destinations/new', search: { source: source.id } }
          : { to: '/sources/$id', params: { id: source.id }, search: { tried: true } },
      );
  });

  const faults = fieldFaults(error);
  return (
    <form onSubmit={submit}>
      <Stack maw={560}>
        <Faults error={error} shown={(field) => field === 'slug' || field.startsWith('settings.')} />
        <TextInput
          label="Name"
          description="Lower-case letters, digits, - and _. It names the source in files and addresses."
          placeholder="shop"
          required
          value={slug}
          error={faults.slug}
          onChange={(event) => setSlug(event.currentTarget.value)}
        />
        <OptionFields options={kind.options} values={values} onChange={setValues} faults={faults} />
        <Group>
          <Button type="submit" loading={isBusy}>
            Add source
          </Button>
          <Button variant="subtle" onClick={back}>
            Choose another kind
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
