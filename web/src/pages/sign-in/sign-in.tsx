/** Signing in with an e-mail address and a password. */
import { Alert, Button, Card, Center, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { ApiError, api } from '../../api/client.ts';
import { isSignedIn } from '../../api/reached.ts';

/** Only a path of ours: an address from elsewhere must not lead elsewhere. */
function pathOf(to: string | undefined): string {
  const here = new URL(to ?? '/', location.origin);
  return here.origin === location.origin ? `${here.pathname}${here.search}` : '/';
}

export function SignIn() {
  const { to } = useSearch({ from: '/sign-in' });
  const [error, setError] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  const client = useQueryClient();
  const navigate = useNavigate();

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setError(null);
    try {
      await api.post('/app/sign-in', { email: form.get('email'), password: form.get('password') });
      client.clear();
      isSignedIn();
      await navigate({ to: pathOf(to) });
    } catch (fault) {
      setError(fault as Error);
    } finally {
      setBusy(false);
    }
  }

  const fields = error instanceof ApiError ? error.fields : {};
  return (
    <Center mih="100vh" p="md">
      <Card withBorder padding="xl" w={400} maw="100%" component="main">
        <form onSubmit={(event) => void submit(event)}>
          <Stack>
            <Title order={1} size="h2">
              Sign in to Millrace
            </Title>
            {error !== null && (
              <Alert color="red" role="alert">
                {error.message}
              </Alert>
            )}
            <TextInput label="E-mail" name="email" type="email" autoComplete="username" required error={fields.email} />
            <PasswordInput
              label="Password"
              name="password"
              autoComplete="current-password"
              required
              error={fields.password}
            />
            <Button type="submit" loading={isBusy}>
              Sign in
            </Button>
            <Text size="sm" c="dimmed">
              No account yet? The server prints a link at its first start, and owners can invite you.
            </Text>
          </Stack>
        </form>
      </Card>
    </Center>
  );
}
