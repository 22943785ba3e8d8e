/** Settings > People: who may sign in, and what they may do. */
import { Badge, Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { useMay } from '../../api/may.ts';
import { meQuery } from '../../api/queries.ts';
import { type OneTimeLink, type Person, peopleQuery } from '../../api/settings.ts';
import { Confirm } from '../../parts/confirm.tsx';
import { Faults, fieldFaults } from '../../parts/faults.tsx';
import { type Column, ListTable } from '../../parts/list-table.tsx';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { useForm } from '../../parts/use-form.ts';
import { Time } from '../../parts/values.tsx';
import { type Chosen, chosen, chosenOf, permissionsOf, RoleFields, RoleWords, requireRole } from './roles.tsx';
import { ShownOnce } from './shown-once.tsx';

export function People() {
  const query = useQuery(peopleQuery);
  const me = useQuery(meQuery).data?.person.id;
  const mayChange = useMay('workspace:admin');
  const client = useQueryClient();
  const [inviting, { open, close }] = useDisclosure();
  const [changing, setChanging] = useState<Person | null>(null);
  const [link, setLink] = useState<OneTimeLink | null>(null);

  async function newLink({ id }: Person) {
    const made = await api.post<{ link: OneTimeLink }>(`/public-api/people/${id}/link`);
    await client.invalidateQueries({ queryKey: ['people'] });
    setLink(made.link);
  }
  async function remove({ id }: Person) {
    await api.delete(`/public-api/users?userIds[]=${encodeURIComponent(id)}`);
    await client.invalidateQueries({ queryKey: ['people'] });
  }

  const columns: readonly Column<Person>[] = [
    {
      label: 'Who',
      cell: (person) => (
        <Stack gap={0}>
          <Text fw={600} size="sm" style={{ overflowWrap: 'anywhere' }}>
            {person.name || person.email}
            {person.id === me && ' (you)'}
          </Text>
          {person.name !== '' && (
            <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
              {person.email}
            </Text>
          )}
        </Stack>
      ),
    },
    { label: 'Roles', cell: ({ permissions }) => <RoleWords permissions={permissions} /> },
    {
      label: 'Since',
      cell: ({ hasPassword, createdAt }) =>
        hasPassword ? (
          <Time at={createdAt} />
        ) : (
          <Badge color="yellow" variant="light" tt="none" miw="max-content">
            has not come yet
          </Badge>
        ),
    },
    ...(mayChange
      ? [
          {
            label: 'Change',
            cell: (person: Person) => (
              <Group gap="xs" wrap="nowrap">
                <Button
                  size="xs"
                  variant="default"
                  aria-label={`Change roles of ${person.email}`}
                  onClick={() => setChanging(person)}
                >
                  Change roles
                </Button>
                {person.id !== me && (
                  <>
                    <Confirm
                      size="xs"
                      label="New link"
                      aria-label={`New link for ${person.email}`}
                      title={`A new link for ${person.email}?`}
                      act={() => newLink(person)}
                    >
                      For a forgotten password, or a link that was lost. Their password stops working at once and they
                      are signed out everywhere; the new link lets them choose another password.
                    </Confirm>
                    <Confirm
                      size="xs"
                      label="Remove"
                      aria-label={`Remove ${person.email}`}
                      title={`Remove ${person.email}?`}
                      act={() => remove(person)}
                    >
                      They are signed out at once and cannot come back, unless somebody invites them again. What they
                      set up stays.
                    </Confirm>
                  </>
                )}
              </Group>
            ),
          },
        ]
      : []),
  ];
  const invite = mayChange && <Button onClick={open}>Invite somebody</Button>;
  return (
    <Page title="People" lead="Who may sign in here, and what they may see and do." actions={invite}>
      <Loaded query={query} what="the people">
        {(people) =>
          people.length === 0 ? (
            <Empty title="Nobody yet" action={invite}>
              Invite the people you work with: each gets a link to choose a password.
            </Empty>
          ) : (
            <ListTable rows={people} keyOf={({ id }) => id} columns={columns} minWidth={880} />
          )
        }
      </Loaded>
      <Modal opened={inviting} onClose={close} title="Invite somebody" size="lg">
        <Invite
          done={(made) => {
            close();
            setLink(made);
          }}
        />
      </Modal>
      <Modal
        opened={changing !== null}
        onClose={() => setChanging(null)}
        title={`What ${changing?.email ?? ''} may do`}
        size="lg"
      >
        {changing !== null && <ChangeRoles person={changing} done={() => setChanging(null)} />}
      </Modal>
      <Modal opened={link !== null} onClose={() => setLink(null)} title={`The link for ${link?.email ?? ''}`} size="lg">
        {link !== null && (
          <ShownOnce value={new URL(link.path, location.origin).href} what="link" close={() => setLink(null)}>
            Send it to {link.email} yourself; no mail is sent. It works once, until <Time at={link.expiresAt} />.
          </ShownOnce>
        )}
      </Modal>
    </Page>
  );
}

function Invite({ done }: { readonly done: (link: OneTimeLink) => void }) {
  const [email, setEmail] = useState('');
  const [roles, setRoles] = useState<Chosen>(() => chosen());
  const { submit, error, isBusy } = useForm(async () => {
    requireRole(roles, 'invites.0.permissions');
    const body = { invites: [{ email: email.trim(), permissions: permissionsOf(roles) }] };
    const { links } = await api.post<{ links: readonly [OneTimeLink] }>('/public-api/invites', body);
    done(links[0]);
  });
  const faults = fieldFaults(error);
  return (
    <form onSubmit={submit}>
      <Stack>
        <Faults error={error} shown={(field) => field.startsWith('invites.0.')} />
        <TextInput
          label="E-mail"
          description="They sign in with it. You get a link to give them."
          type="email"
          autoComplete="off"
          required
          data-autofocus
          value={email}
          error={faults['invites.0.email']}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        <RoleFields
          label="What they may do"
          value={roles}
          onChange={setRoles}
          faults={faults}
          prefix="invites.0.permissions"
        />
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            Make the link
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function ChangeRoles({ person, done }: { readonly person: Person; readonly done: () => void }) {
  const [roles, setRoles] = useState<Chosen>(() => chosenOf(person.permissions));
  const { submit, error, isBusy } = useForm(async () => {
    await api.put(`/public-api/users/${person.id}/permissions`, { permissions: permissionsOf(roles) });
    done();
  });
  return (
    <form onSubmit={submit}>
      <Stack>
        <Faults error={error} shown={(field) => field.startsWith('permissions')} />
        <RoleFields label="Roles" value={roles} onChange={setRoles} faults={fieldFaults(error)} prefix="permissions" />
        <Text size="sm" c="dimmed">
          It holds from their next click on.
        </Text>
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            Save roles
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
