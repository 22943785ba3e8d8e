/** What is said when the server does not answer, or no longer knows who asks. What was typed on the page stays. */
import { Alert, Button, Group, Modal, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { IconPlugConnectedX } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useEffect, useState } from 'react';
import { api } from '../api/client.ts';
import { meQuery } from '../api/queries.ts';
import { isSignedIn, useReached } from '../api/reached.ts';
import { Faults } from '../parts/faults.tsx';
import { Time } from '../parts/values.tsx';

export function ReachedNotice() {
  const reached = useReached();
  if (reached.kind === 'away') return <Away since={reached.since} />;
  return reached.kind === 'signed out' ? <SignInAgain /> : null;
}

function Away({ since }: { readonly since: Date }) {
  const client = useQueryClient();
  useEffect(() => {
    const timer = setInterval(() => void client.refetchQueries({ queryKey: meQuery.queryKey }), 3_000);
    return () => clearInterval(timer);
  }, [client]);
  return (
    <Alert
      color="red"
      icon={<IconPlugConnectedX aria-hidden />}
      title="The server does not answer"
      role="alert"
      mb="md"
    >
      What you see is from <Time at={since.toISOString()} /> or before, and nothing can be saved. It is tried again
      every few seconds; what you have typed stays.
    </Alert>
  );
}

function SignInAgain() {
  const { data: me } = useQuery({ ...meQuery, enabled: false });
  const client = useQueryClient();
  const [error, setError] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    // It stands above forms of the page, to which React would pass it on.
    event.stopPropagation();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setError(null);
    try {
      await api.post('/app/sign-in', { email: form.get('email'), password: form.get('password') });
      await client.fetchQuery({ ...meQuery, staleTime: 0 });
      isSignedIn();
      await client.invalidateQueries();
    } catch (fault) {
      setError(fault as Error);
    } finally {
      setBusy(false);
    }
  }
  return (
    <Modal opened onClose={() => undefined} withCloseButton={false} title="You are signed out" centered>
      <form onSubmit={(event) => void submit(event)}>
        <Stack>
          <Text size="sm">
            Your session was ended elsewhere, or is too old. Sign in again, and go on where you were: what you have
            typed is still there.
          </Text>
          <Faults error={error} />
          <TextInput
            label="E-mail"
            name="email"
            type="email"
            autoComplete="username"
            required
            defaultValue={me?.person.email}
          />
          <PasswordInput label="Password" name="password" autoComplete="current-password" required data-autofocus />
          <Group justify="flex-end">
            <Button type="submit" loading={isBusy}>
              Sign in
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
