/** A one-time link: choosing a name and a password. */
import { Alert, Button, Card, Center, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { ApiError, api } from '../../api/client.ts';

export function Link() {
  const { token } = useParams({ from: '/links/$token' });
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
      await api.post(`/app/links/${encodeURIComponent(token)}`, {
        email: form.get('email'),
        name: form.get('name'),
        password: form.get('password'),
      });
      client.clear();
      await navigate({ to: '/' });
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
              Welcome to Millrace
            </Title>
            <Text c="dimmed">Choose how you sign in. This link works once.</Text>
            {error !== null && (
              <Alert color="red" role="alert">
                {error.message}
              </Alert>
            )}
            <TextInput label="Name" name="name" autoComplete="name" required error={fields.name} />
            <TextInput label="E-mail" name="email" type="email" autoComplete="username" required error={fields.email} />
            <PasswordInput
              label="Password"
              name="password"
              description="At least 12 characters."
              autoComplete="new-password"
              minLength={12}
              required
              error={fields.password}
            />
            <Button type="submit" loading={isBusy}>
              Create my account
            </Button>
          </Stack>
        </form>
      </Card>
    </Center>
  );
}
