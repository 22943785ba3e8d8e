/** A one-time link: choosing a name and a password. */
import { Alert, Anchor, Button, Card, Center, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { ApiError, api } from '../../api/client.ts';
import { fieldFaults, Refusal } from '../../parts/faults.tsx';
import { Loaded } from '../../parts/states.tsx';
import { useForm } from '../../parts/use-form.ts';
import { Time } from '../../parts/values.tsx';

interface Invited {
  readonly email: string | null;
  readonly name: string;
  readonly asksForEmail: boolean;
  readonly expiresAt: string;
}

export function Link() {
  const { token } = useParams({ from: '/links/$token' });
  const path = `/app/links/${encodeURIComponent(token)}`;
  const query = useQuery({
    queryKey: ['link', token],
    queryFn: async ({ signal }) => (await api.get<{ link: Invited }>(path, signal)).link,
    retry: false,
    // Once it is used it is gone, and so would be the form.
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
  const isGone = query.error instanceof ApiError && query.error.status === 404;
  return (
    <Center mih="100vh" p="md">
      <Card withBorder padding="xl" w={400} maw="100%" component="main">
        <Stack>
          <Title order={1} size="h2">
            Welcome to Millrace
          </Title>
          {isGone ? (
            <Gone />
          ) : (
            <Loaded query={query} what="your invitation">
              {(link) => <Welcome link={link} path={path} />}
            </Loaded>
          )}
        </Stack>
      </Card>
    </Center>
  );
}

function Gone() {
  return (
    <>
      <Alert color="yellow" role="alert" title="This link is not good any more">
        A link works once, for 24 hours, and until another is made. Ask whoever gave it to you for a new one.
      </Alert>
      <Anchor href="/sign-in">Sign in with your password</Anchor>
    </>
  );
}

function Welcome({ link, path }: { readonly link: Invited; readonly path: string }) {
  const client = useQueryClient();
  const navigate = useNavigate();

  const { submit, error, isBusy } = useForm(async (form) => {
    await api.post(path, {
      ...(link.asksForEmail && { email: form.get('email') }),
      name: form.get('name'),
      password: form.get('password'),
    });
    client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'link' });
    await navigate({ to: '/' });
  });

  const fields = fieldFaults(error);
  return (
    <form onSubmit={submit}>
      <Stack>
        <Text c="dimmed">
          Choose how you sign in. This link works once, until <Time at={link.expiresAt} />.
        </Text>
        {error !== null && <Refusal>{error.message}</Refusal>}
        <TextInput label="Name" name="name" autoComplete="name" required defaultValue={link.name} error={fields.name} />
        <TextInput
          label="E-mail"
          name="email"
          type="email"
          autoComplete="username"
          required
          readOnly={!link.asksForEmail}
          {...(link.email !== null && { defaultValue: link.email })}
          error={fields.email}
        />
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
          {link.name === '' ? 'Create my account' : 'Set my password'}
        </Button>
      </Stack>
    </form>
  );
}
