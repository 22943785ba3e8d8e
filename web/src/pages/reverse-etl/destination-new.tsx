/** Adding a destination: which one, and which source it is connected to. */
import { Button, Card, Group, Radio, Stack, Stepper, Text, TextInput, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { destinationCatalogQuery, sourcesQuery } from '../../api/queries.ts';
import type { Destination, Source } from '../../api/types.ts';
import { Making } from '../../parts/allowed.tsx';
import { Faults, fieldFaults } from '../../parts/faults.tsx';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { useForm } from '../../parts/use-form.ts';

const crumbs = [{ label: 'Destinations', to: '/destinations' }];

export function DestinationNew() {
  return (
    <Making power="source:admin" title="Add a destination" crumbs={crumbs}>
      <NewDestination />
    </Making>
  );
}

function NewDestination() {
  const { kind: chosen, source: given } = useSearch({ from: '/inside/destinations/new' });
  const navigate = useNavigate();
  const catalog = useQuery(destinationCatalogQuery);
  const sources = useQuery(sourcesQuery);
  const kind = catalog.data?.find(({ slug }) => slug === chosen);
  // Whoever comes with a source takes the one kind there is.
  const metadataId = (kind ?? (given === undefined ? undefined : catalog.data?.[0]))?.id;
  const isChosen = catalog.data === undefined ? (chosen ?? given) !== undefined : metadataId !== undefined;
  const goTo = (slug?: string) => void navigate({ to: '/destinations/new', search: slug ? { kind: slug } : {} });
  return (
    <Page title="Add a destination" crumbs={crumbs}>
      <Stepper
        active={isChosen ? 1 : 0}
        onStepClick={(step) => step === 0 && goTo()}
        allowNextStepsSelect={false}
        size="sm"
      >
        <Stepper.Step label="Destination">
          <Loaded query={catalog} what="the catalog">
            {(kinds) => (
              <Stack>
                {kinds.map(({ id, slug, name, description }) => (
                  <Card key={id} withBorder maw={560}>
                    <Stack gap="sm">
                      <Title order={2} size="h4">
                        {name}
                      </Title>
                      <Text c="dimmed">{description}</Text>
                      <Group>
                        <Button onClick={() => goTo(slug)}>Next</Button>
                      </Group>
                    </Stack>
                  </Card>
                ))}
              </Stack>
            )}
          </Loaded>
        </Stepper.Step>
        <Stepper.Step label="Source">
          <Loaded query={sources} what="the sources">
            {(all) => (
              <ChooseSource sources={all.filter(isWarehouse)} startWith={given} metadataId={metadataId ?? ''} />
            )}
          </Loaded>
        </Stepper.Step>
      </Stepper>
    </Page>
  );
}

const isWarehouse = ({ metadata }: Source) => metadata.categories.includes('Warehouse');

function ChooseSource({
  sources,
  startWith,
  metadataId,
}: {
  readonly sources: readonly Source[];
  readonly startWith: string | undefined;
  readonly metadataId: string;
}) {
  const [sourceId, setSourceId] = useState(startWith ?? sources[0]?.id ?? '');
  const [name, setName] = useState('Segment Profiles');
  const navigate = useNavigate();
  const addSource = (
    <Button component={Link} {...({ to: '/sources/new', search: { next: 'destination' } } as object)} variant="light">
      Add source
    </Button>
  );
  const { go, error, isBusy } = useForm(async () => {
    // It starts nothing until its mappings are there and it is enabled.
    const body = { sourceId, metadataId, name, settings: {}, enabled: false };
    const { destination } = await api.post<{ destination: Destination }>('/public-api/destinations', body);
    return () => navigate({ to: '/destinations/$id', params: { id: destination.id } });
  });
  if (sources.length === 0) {
    return (
      <Empty title="There is no warehouse to connect yet" action={addSource}>
        A destination is connected to one source. Add it now; you come back here.
      </Empty>
    );
  }
  const faults = fieldFaults(error);
  return (
    <Stack maw={560}>
      <Faults error={error} shown={(field) => field === 'name'} />
      <Radio.Group label="Which source shall it read?" value={sourceId} onChange={setSourceId}>
        <Stack gap="xs" mt="xs">
          {sources.map(({ id, name: label, metadata }) => (
            <Radio key={id} value={id} label={label} description={metadata.name} />
          ))}
        </Stack>
      </Radio.Group>
      <TextInput
        label="Name"
        required
        value={name}
        error={faults.name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <Group>
        <Button loading={isBusy} onClick={go}>
          Create destination
        </Button>
        {addSource}
      </Group>
    </Stack>
  );
}
