/** Settings > Tokens: what programs use to do in the workspace what the token's roles allow. */
import { Badge, Button, Group, Modal, Stack, Switch, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { useMay } from '../../api/may.ts';
import { type Token, tokensQuery } from '../../api/settings.ts';
import { Confirm } from '../../parts/confirm.tsx';
import { Faults, fieldFaults } from '../../parts/faults.tsx';
import { type Column, ListTable } from '../../parts/list-table.tsx';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { useForm } from '../../parts/use-form.ts';
import { Time } from '../../parts/values.tsx';
import { type Chosen, chosen, permissionsOf, RoleFields, RoleWords, requireRole, sourceAdminId } from './roles.tsx';
import { ShownOnce } from './shown-once.tsx';

export function Tokens() {
  const query = useQuery(tokensQuery);
  const mayChange = useMay('workspace:admin');
  const client = useQueryClient();
  const [creating, { open, close }] = useDisclosure();
  const [secret, setSecret] = useState<string | null>(null);
  const [withRevoked, setWithRevoked] = useState(false);
  async function revoke({ id }: Token) {
    await api.delete(`/public-api/tokens/${id}`);
    await client.invalidateQueries({ queryKey: ['tokens'] });
  }
  const columns: readonly Column<Token>[] = [
    {
      label: 'Name',
      cell: ({ name }) => (
        <Text fw={600} size="sm" style={{ overflowWrap: 'anywhere' }}>
          {name}
        </Text>
      ),
    },
    { label: 'Roles', cell: ({ permissions }) => <RoleWords permissions={permissions} /> },
    { label: 'Created', cell: ({ createdAt }) => <Time at={createdAt} /> },
    { label: 'Last used', cell: ({ usedAt }) => (usedAt === null ? 'never' : <Time at={usedAt} />) },
    {
      label: 'State',
      cell: (token) => {
        if (token.revokedAt !== null) {
          return (
            <Badge color="gray" variant="light" tt="none">
              revoked
            </Badge>
          );
        }
        return mayChange ? (
          <Confirm
            size="xs"
            label="Revoke"
            aria-label={`Revoke ${token.name}`}
            title={`Revoke ${token.name}?`}
            act={() => revoke(token)}
          >
            Programs that use it are refused within a second. This cannot be taken back; make another token for them.
          </Confirm>
        ) : (
          'in use'
        );
      },
    },
  ];
  const create = mayChange && <Button onClick={open}>Create token</Button>;
  return (
    <Page
      title="Tokens"
      lead="A token lets a program use the Public API. Tokens that read the profiles of a space are on the page of the space."
      actions={create}
    >
      <Loaded query={query} what="the tokens">
        {(tokens) => {
          const shown = tokens.filter(({ revokedAt }) => withRevoked || revokedAt === null);
          return (
            <Stack>
              {tokens.some(({ revokedAt }) => revokedAt !== null) && (
                <Switch
                  label="Show revoked tokens"
                  checked={withRevoked}
                  onChange={(event) => setWithRevoked(event.currentTarget.checked)}
                />
              )}
              {shown.length === 0 ? (
                <Empty title="No token is in use" action={create}>
                  The destination Segment Profiles needs one with the role Source Admin when it sends to another server,
                  and so does any program that sets things up here.
                </Empty>
              ) : (
                <ListTable rows={shown} keyOf={({ id }) => id} columns={columns} minWidth={820} />
              )}
            </Stack>
          );
        }}
      </Loaded>
      <Modal opened={creating} onClose={close} title="Create a token" size="lg">
        <Create
          done={(made) => {
            close();
            setSecret(made);
          }}
        />
      </Modal>
      <Modal opened={secret !== null} onClose={() => setSecret(null)} title="Your new token" size="lg">
        {secret !== null && (
          <ShownOnce value={secret} what="token" close={() => setSecret(null)}>
            Paste it where it is asked for, or keep it in a password manager. Whoever has it may do what its roles
            allow.
          </ShownOnce>
        )}
      </Modal>
    </Page>
  );
}

function Create({ done }: { readonly done: (secret: string) => void }) {
  const [name, setName] = useState('');
  const [roles, setRoles] = useState<Chosen>(() => chosen(sourceAdminId));
  const { submit, error, isBusy } = useForm(async () => {
    requireRole(roles, 'permissions');
    const body = { name, permissions: permissionsOf(roles) };
    const { token } = await api.post<{ token: { secret: string } }>('/public-api/tokens', body);
    done(token.secret);
  });
  const faults = fieldFaults(error);
  return (
    <form onSubmit={submit}>
      <Stack>
        <Faults error={error} shown={(field) => field === 'name' || field.startsWith('permissions')} />
        <TextInput
          label="Name"
          description="Who or what will use it."
          placeholder="Profiles destination"
          required
          maxLength={100}
          data-autofocus
          value={name}
          error={faults.name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Text size="sm">Source Admin is what the destination Segment Profiles needs.</Text>
        <RoleFields label="What it may do" value={roles} onChange={setRoles} faults={faults} prefix="permissions" />
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            Create token
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
