/** Signing in with an e-mail address and a password. */
import { Button, Card, Center, Stack, Text, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { Refusal } from '../../parts/faults.tsx';
import { SignInFields, signIn } from '../../parts/sign-in-fields.tsx';
import { useForm } from '../../parts/use-form.ts';

/** Only a path of ours: an address from elsewhere must not lead elsewhere. */
function pathOf(to: string | undefined): string {
  const here = new URL(to ?? '/', location.origin);
  return here.origin === location.origin ? `${here.pathname}${here.search}` : '/';
}

export function SignIn() {
  const { to } = useSearch({ from: '/sign-in' });
  const client = useQueryClient();
  const navigate = useNavigate();

  const { submit, error, isBusy } = useForm(async (form) => {
    await signIn(form);
    client.clear();
    await navigate({ to: pathOf(to) });
  });

  return (
    <Center mih="100vh" p="md">
      <Card withBorder padding="xl" w={400} maw="100%" component="main">
        <form onSubmit={submit}>
          <Stack>
            <Title order={1} size="h2">
              Sign in to Millrace
            </Title>
            {error !== null && <Refusal>{error.message}</Refusal>}
            <SignInFields error={error} />
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
