/** What names a space, and what sends to it: event streams with their write keys, and mappings. */
import { Alert, Button, Card, Group, Select, Stack, Text, TextInput, Title } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../../api/client.ts';
import { useMay } from '../../../api/may.ts';
import { sourceCatalogQuery, sourcesQuery } from '../../../api/queries.ts';
import type { SpaceDetail } from '../../../api/spaces.ts';
import type { Source } from '../../../api/types.ts';
import { useAct } from '../../../parts/act.ts';
import { Confirm } from '../../../parts/confirm.tsx';
import { Faults, fieldFaults } from '../../../parts/faults.tsx';
import { Loaded } from '../../../parts/states.tsx';
import { useForm } from '../../../parts/use-form.ts';
import { Copied, Time } from '../../../parts/values.tsx';

export function SpaceOverview({ space }: { readonly space: SpaceDetail }) {
  const maySee = useMay('source:read');
  const sources = useQuery({ ...sourcesQuery, enabled: maySee });
  const [writeKey] = sources.data?.find(({ id }) => id === space.id)?.writeKeys ?? [];
  return (
    <Stack>
      {space.unreadableFilters.map(({ name, message }) => (
        <Alert key={name} color="red" title={`The filter ${name} keeps nothing out`}>
          {message}
        </Alert>
      ))}
      <Card withBorder>
        <Stack gap="sm">
          <Title order={2} size="h4">
            What names it
          </Title>
          <Named label="Id, in addresses">
            <Copied value={space.id} label="the id" />
          </Named>
          <Named label="Name in files and addresses">
            <Copied value={space.slug} label="the name in files" />
          </Named>
          {writeKey !== undefined && (
            <Named label="Write key, which names it in mappings">
              <Copied value={writeKey} label="the write key of the space" />
            </Named>
          )}
          <Named label="Created">
            <Time at={space.createdAt} />
          </Named>
          <Link to="/profiles" search={{ space: space.id }}>
            Look at its profiles
          </Link>
        </Stack>
      </Card>
      {maySee && (
        <Loaded query={sources} what="what sends to it">
          {(list) => (
            <Streams
              space={space}
              streams={list.filter(({ id }) => space.sources.some((source) => source.id === id))}
            />
          )}
        </Loaded>
      )}
      {maySee && <Mappings space={space} />}
    </Stack>
  );
}

function Named({ label, children }: { readonly label: string; readonly children: React.ReactNode }) {
  return (
    <Group gap="xs" align="baseline">
      <Text size="sm" c="dimmed" w={{ base: '100%', xs: 250 }}>
        {label}
      </Text>
      <div style={{ flex: '1 1 220px', minWidth: 0 }}>{children}</div>
    </Group>
  );
}

function Streams({ space, streams }: { readonly space: SpaceDetail; readonly streams: readonly Source[] }) {
  const mayChange = useMay('source:admin');
  return (
    <Card withBorder>
      <Stack>
        <Title order={2} size="h4">
          Event streams that send here
        </Title>
        <Text size="sm" c="dimmed" maw={760}>
          A website, an app or a server sends messages under a write key. It takes nothing else, so it may stand in a
          web page.
        </Text>
        {streams.length === 0 && <Text size="sm">None yet.</Text>}
        {streams.map((stream) => (
          <Stream key={stream.id} stream={stream} mayChange={mayChange} />
        ))}
        {mayChange && <NewStream space={space} />}
      </Stack>
    </Card>
  );
}

function Stream({ stream, mayChange }: { readonly stream: Source; readonly mayChange: boolean }) {
  const { act, isBusy } = useAct('The write key was not changed');
  const path = `/public-api/sources/${stream.id}/writekey`;
  const client = useQueryClient();
  const [key] = stream.writeKeys;
  async function revoke(writeKey: string) {
    await api.delete(`${path}/${encodeURIComponent(writeKey)}`);
    await client.invalidateQueries();
  }
  const body = '{"type":"identify","userId":"u1","traits":{"email":"jane@example.com"}}';
  const command = `curl -u '${key}:' -H 'Content-Type: application/json' '${location.origin}/v1/identify' -d '${body}'`;
  return (
    <Card withBorder padding="sm">
      <Stack gap="xs">
        <Group justify="space-between">
          <Title order={3} size="h5">
            {stream.name}
          </Title>
          <Text size="sm" c="dimmed">
            {stream.enabled ? stream.metadata.name : 'disabled: its messages are discarded'}
          </Text>
        </Group>
        {mayChange && stream.writeKeys.length === 0 && (
          <Text size="sm">It has no write key, so nobody can send to it.</Text>
        )}
        {!mayChange && <Text size="sm">Write keys are shown to Source Admins.</Text>}
        {stream.writeKeys.map((writeKey) => (
          <Group key={writeKey} justify="space-between" gap="xs">
            <Copied value={writeKey} label={`the write key of ${stream.name}`} />
            <Confirm
              label="Revoke"
              aria-label={`Revoke the write key ${writeKey}`}
              title="Revoke this write key?"
              size="xs"
              act={() => revoke(writeKey)}
            >
              Whoever sends under it is still answered that all is well, but the messages are discarded.
            </Confirm>
          </Group>
        ))}
        {mayChange && (
          <Group>
            <Button
              size="xs"
              variant="light"
              loading={isBusy}
              aria-label={`Create a write key of ${stream.name}`}
              onClick={() => void act(() => api.post(path), 'The write key is made.')}
            >
              Create a write key
            </Button>
          </Group>
        )}
        {key !== undefined && (
          <>
            <Text size="sm" c="dimmed">
              Try it:
            </Text>
            <Copied value={command} label="the command" />
          </>
        )}
      </Stack>
    </Card>
  );
}

function NewStream({ space }: { readonly space: SpaceDetail }) {
  const { data: catalog = [] } = useQuery(sourceCatalogQuery);
  const kinds = catalog.filter(({ slug }) => slug === 'http-api' || slug === 'javascript');
  const [slug, setSlug] = useState('');
  const [kind, setKind] = useState<string | null>(null);
  const metadataId = kind ?? kinds[0]?.id ?? '';
  const words: Readonly<Record<string, string>> = { 'http-api': 'a server or an app', javascript: 'a website' };

  const { submit, error, isBusy } = useForm(async () => {
    await api.post('/public-api/sources', { slug, enabled: true, metadataId, settings: { spaces: [space.id] } });
    setSlug('');
  });

  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <Faults error={error} shown={(field) => field === 'slug'} />
        <Group align="flex-end">
          <TextInput
            label="New event stream"
            description="Lower-case letters, digits, - and _."
            placeholder="website"
            required
            style={{ flex: '1 1 200px' }}
            maw={320}
            value={slug}
            error={fieldFaults(error).slug}
            onChange={(event) => setSlug(event.currentTarget.value)}
          />
          <Select
            label="Sent by"
            w={190}
            allowDeselect={false}
            data={kinds.map(({ id, slug: name }) => ({ value: id, label: words[name] ?? name }))}
            value={metadataId}
            onChange={setKind}
          />
          <Button type="submit" variant="light" loading={isBusy}>
            Create stream
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Mappings({ space }: { readonly space: SpaceDetail }) {
  return (
    <Card withBorder>
      <Stack gap="xs">
        <Title order={2} size="h4">
          Mappings that send here
        </Title>
        {space.mappings.length === 0 ? (
          <Text size="sm">
            None yet. <Link to="/destinations">Destinations</Link> have mappings, which turn rows of a warehouse into
            messages.
          </Text>
        ) : (
          space.mappings.map(({ id, name, destinationId }) => (
            <Link key={id} to="/destinations/$id/mappings/$mapping" params={{ id: destinationId, mapping: id }}>
              {name}
            </Link>
          ))
        )}
      </Stack>
    </Card>
  );
}
