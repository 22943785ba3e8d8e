/** Your account: the name, the password, and where you are signed in. */
import { Badge, Button, Card, Group, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { meQuery } from '../../api/queries.ts';
import { type Session, sessionsQuery } from '../../api/settings.ts';
import type { Me } from '../../api/types.ts';
import { useAct } from '../../parts/act.ts';
import { Faults, fieldFaults } from '../../parts/faults.tsx';
import { type Column, ListTable } from '../../parts/list-table.tsx';
import { Page } from '../../parts/page.tsx';
import { Loaded } from '../../parts/states.tsx';
import { useForm } from '../../parts/use-form.ts';
import { Time } from '../../parts/values.tsx';

export function You() {
  const query = useQuery(meQuery);
  return (
    <Page title="Your account" lead={query.data?.person.email}>
      <Loaded query={query} what="your account">
        {(me) => (
          <>
            <Name me={me} />
            <Password email={me.person.email} />
            <Sessions />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Name({ me }: { readonly me: Me }) {
  const [name, setName] = useState(me.person.name);
  const { submit, error, isBusy } = useForm(async () => {
    await api.post('/app/name', { name });
    notifications.show({ color: 'green', message: 'Your name is saved.' });
  });
  return (
    <Card withBorder component="section" aria-label="How you are called">
      <form onSubmit={submit}>
        <Stack maw={420}>
          <Faults error={error} shown={(field) => field === 'name'} />
          <TextInput
            label="Name"
            description="What the others see."
            autoComplete="name"
            required
            maxLength={100}
            value={name}
            error={fieldFaults(error).name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Group>
            <Button type="submit" variant="default" loading={isBusy}>
              Save name
            </Button>
          </Group>
        </Stack>
      </form>
    </Card>
  );
}

function Password({ email }: { readonly email: string }) {
  const [currentPassword, setCurrent] = useState('');
  const [newPassword, setNew] = useState('');
  const { submit, error, isBusy } = useForm(async () => {
    await api.post('/app/password', { currentPassword, newPassword });
    setCurrent('');
    setNew('');
    notifications.show({ color: 'green', message: 'Your password is changed. You are signed out everywhere else.' });
  });
  const faults = fieldFaults(error);
  return (
    <Card withBorder component="section" aria-label="Your password">
      <form onSubmit={submit}>
        <Stack maw={420}>
          <Title order={2} size="h4">
            Change your password
          </Title>
          <Faults error={error} shown={(field) => field === 'currentPassword' || field === 'newPassword'} />
          {/* For password managers, which keep a password with a name. */}
          <input type="text" name="username" autoComplete="username" value={email} readOnly hidden />
          <PasswordInput
            label="Present password"
            autoComplete="current-password"
            required
            value={currentPassword}
            error={faults.currentPassword}
            onChange={(event) => setCurrent(event.currentTarget.value)}
          />
          <PasswordInput
            label="New password"
            description="At least 12 characters. You are signed out everywhere else."
            autoComplete="new-password"
            required
            value={newPassword}
            error={faults.newPassword}
            onChange={(event) => setNew(event.currentTarget.value)}
          />
          <Group>
            <Button type="submit" variant="default" loading={isBusy}>
              Change password
            </Button>
          </Group>
        </Stack>
      </form>
    </Card>
  );
}

function Sessions() {
  const query = useQuery(sessionsQuery);
  const client = useQueryClient();
  const navigate = useNavigate();
  const { act, isBusy } = useAct('Nobody was signed out');
  async function end({ id, isCurrent }: Session) {
    if (!isCurrent) return act(() => api.delete(`/app/sessions/${id}`), 'That browser is signed out.');
    await api.delete(`/app/sessions/${id}`);
    client.clear();
    return navigate({ to: '/sign-in' });
  }
  const columns: readonly Column<Session>[] = [
    {
      label: 'Browser',
      cell: ({ userAgent, isCurrent }) => (
        <Group gap="xs">
          <span title={userAgent}>{browserText(userAgent)}</span>
          {isCurrent && (
            <Badge variant="light" tt="none">
              this one
            </Badge>
          )}
        </Group>
      ),
    },
    { label: 'From', cell: ({ address }) => address },
    { label: 'Signed in', cell: ({ createdAt }) => <Time at={createdAt} /> },
    { label: 'Last seen', cell: ({ seenAt }) => <Time at={seenAt} /> },
    {
      label: 'End',
      cell: (session) => (
        <Button
          size="xs"
          variant="default"
          disabled={isBusy}
          aria-label={`Sign out ${browserText(session.userAgent)} from ${session.address}`}
          onClick={() => void end(session)}
        >
          Sign out
        </Button>
      ),
    },
  ];
  return (
    <Loaded query={query} what="where you are signed in">
      {(sessions) => (
        <Stack>
          <ListTable
            title="Where you are signed in"
            rows={sessions}
            keyOf={({ id }) => id}
            columns={columns}
            minWidth={720}
          />
          {sessions.length > 1 && (
            <Group>
              <Button
                variant="default"
                loading={isBusy}
                onClick={() => void act(() => api.delete('/app/sessions'), 'All other browsers are signed out.')}
              >
                Sign out everywhere else
              </Button>
            </Group>
          )}
          <Text size="sm" c="dimmed">
            If you do not know one of these, sign it out and change your password.
          </Text>
        </Stack>
      )}
    </Loaded>
  );
}

/** `Firefox on Windows`, as far as it says so. */
function browserText(userAgent: string): string {
  const first = (names: readonly (readonly [sign: RegExp, name: string])[], otherwise: string) =>
    names.find(([sign]) => sign.test(userAgent))?.[1] ?? otherwise;
  const browser = first(
    [
      [/Edg\//, 'Edge'],
      [/OPR\//, 'Opera'],
      [/Firefox\//, 'Firefox'],
      [/Chrome\/|Chromium\//, 'Chrome'],
      [/Safari\//, 'Safari'],
    ],
    'A browser',
  );
  const system = first(
    [
      [/Android/, 'Android'],
      [/iPhone|iPad/, 'iOS'],
      [/Windows/, 'Windows'],
      [/Mac OS X/, 'macOS'],
      [/Linux/, 'Linux'],
    ],
    '',
  );
  return system === '' ? browser : `${browser} on ${system}`;
}
