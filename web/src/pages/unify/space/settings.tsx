/** What a space is called, what it keeps out, its subscription groups; and removing it. */
import { ActionIcon, Button, Card, Group, List, Stack, Switch, TagsInput, Text, TextInput, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconTrash } from '@tabler/icons-react';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../../api/client.ts';
import { useMay } from '../../../api/may.ts';
import { type SpaceDetail, type SpaceFilter, spacePath } from '../../../api/spaces.ts';
import { Confirm } from '../../../parts/confirm.tsx';
import { Faults, fieldFaults } from '../../../parts/faults.tsx';
import { useForm } from '../../../parts/use-form.ts';

export function SpaceSettings({ space }: { readonly space: SpaceDetail }) {
  const [name, setName] = useState(space.name);
  const [filters, setFilters] = useState(space.filters);
  const [groups, setGroups] = useState(space.subscriptionGroups);
  const [identifierDeletion, setIdentifierDeletion] = useState(space.identifierDeletion);
  const mayChange = useMay('space:admin');

  const { submit, error, isBusy } = useForm(async () => {
    await api.patch(spacePath(space.id), { name, filters, subscriptionGroups: groups, identifierDeletion });
    return () => notifications.show({ color: 'green', message: 'Saved.' });
  });

  const faults = fieldFaults(error);
  const isShown = (field: string) => field === 'name' || /^(filters|subscriptionGroups)\.\d+/.test(field);
  const groupFault = Object.entries(faults).find(([field]) => field.startsWith('subscriptionGroups'))?.[1];
  return (
    <Stack>
      <Card withBorder>
        <form onSubmit={submit}>
          <Stack maw={620}>
            <Title order={2} size="h4">
              Settings
            </Title>
            <Faults error={error} shown={isShown} />
            <TextInput
              label="Name"
              required
              value={name}
              error={faults.name}
              disabled={!mayChange}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Filters filters={filters} onChange={setFilters} faults={faults} disabled={!mayChange} />
            <TagsInput
              label="Subscription groups"
              description="What an e-mail address can subscribe to, e.g. weekly digest. Enter adds one; at most 25."
              splitChars={[]}
              acceptValueOnBlur
              value={[...groups]}
              error={groupFault}
              disabled={!mayChange}
              onChange={setGroups}
            />
            <Switch
              label="Identifiers can be deleted"
              description="Programs with an access token may take an identifier away from a profile."
              checked={identifierDeletion}
              disabled={!mayChange}
              onChange={(event) => setIdentifierDeletion(event.currentTarget.checked)}
            />
            {mayChange && (
              <Group>
                <Button type="submit" loading={isBusy}>
                  Save settings
                </Button>
              </Group>
            )}
          </Stack>
        </form>
      </Card>
      {mayChange && <Removal space={space} />}
    </Stack>
  );
}

function Filters({
  filters,
  onChange,
  faults,
  disabled,
}: {
  readonly filters: readonly SpaceFilter[];
  readonly onChange: (filters: readonly SpaceFilter[]) => void;
  readonly faults: Readonly<Record<string, string>>;
  readonly disabled: boolean;
}) {
  const change = (at: number, part: Partial<SpaceFilter>) =>
    onChange(filters.with(at, { ...(filters[at] as SpaceFilter), ...part }));
  return (
    <Stack gap="xs">
      <Title order={3} size="h5">
        Filters
      </Title>
      <Text size="sm" c="dimmed">
        A message that matches a filter is dropped before anybody looks whose it is. Conditions are in Segment’s filter
        language, FQL.
      </Text>
      {filters.map((filter, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: their names are being typed
        <Card key={at} withBorder padding="sm">
          <Stack gap="xs">
            <Group align="flex-end" wrap="nowrap">
              <TextInput
                label={`Name of filter ${at + 1}`}
                style={{ flex: 1 }}
                value={filter.name}
                error={faults[`filters.${at}.name`]}
                disabled={disabled}
                onChange={(event) => change(at, { name: event.currentTarget.value })}
              />
              {!disabled && (
                <ActionIcon
                  variant="default"
                  size={36}
                  aria-label={`Remove filter ${at + 1}`}
                  onClick={() => onChange(filters.toSpliced(at, 1))}
                >
                  <IconTrash size={16} aria-hidden />
                </ActionIcon>
              )}
            </Group>
            <TextInput
              label={`Condition of filter ${at + 1}`}
              styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
              placeholder={'type = "track" and event = "Test"'}
              value={filter.if}
              error={faults[`filters.${at}.if`]}
              disabled={disabled}
              onChange={(event) => change(at, { if: event.currentTarget.value })}
            />
            <Switch
              label={`Filter ${at + 1} is on`}
              checked={filter.enabled}
              disabled={disabled}
              onChange={(event) => change(at, { enabled: event.currentTarget.checked })}
            />
          </Stack>
        </Card>
      ))}
      {!disabled && (
        <Group>
          <Button
            size="xs"
            variant="light"
            onClick={() => onChange([...filters, { name: '', if: '', description: '', enabled: true }])}
          >
            Add a filter
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function Removal({ space }: { readonly space: SpaceDetail }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  async function remove() {
    await api.delete(spacePath(space.id));
    await navigate({ to: '/spaces' });
    await client.invalidateQueries();
  }
  const reasons = [
    ...(space.hasProfiles ? ['It has profiles, and a space with profiles is kept.'] : []),
    ...space.mappings.map(({ name }) => `The mapping ${name} sends to it.`),
    ...space.sources.map(({ name }) => `The event stream ${name} sends to it.`),
  ];
  return (
    <Card withBorder style={{ borderColor: 'var(--mantine-color-error)' }}>
      <Stack gap="sm" align="flex-start">
        <Title order={2} size="h4">
          Delete this space
        </Title>
        {reasons.length === 0 ? (
          <>
            <Text size="sm">
              Its write key and its access tokens stop working, and its rules are gone. No profile is lost: there is
              none.
            </Text>
            <Confirm label="Delete space" title={`Delete ${space.name}?`} c="red" act={remove}>
              Its write key and access tokens stop working at once. This cannot be taken back.
            </Confirm>
          </>
        ) : (
          <>
            <Text size="sm">It cannot be deleted now, so that no profile is lost and nothing sends into the void:</Text>
            <List size="sm">
              {reasons.map((reason) => (
                <List.Item key={reason}>{reason}</List.Item>
              ))}
            </List>
          </>
        )}
      </Stack>
    </Card>
  );
}
