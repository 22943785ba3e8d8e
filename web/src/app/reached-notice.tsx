/** What is said when the server does not answer, or no longer knows who asks. What was typed on the page stays. */
import { Alert, Button, Group, Modal, Stack, Text } from '@mantine/core';
import { IconPlugConnectedX } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { meQuery } from '../api/queries.ts';
import { useReached } from '../api/reached.ts';
import { Faults } from '../parts/faults.tsx';
import { SignInFields, signIn } from '../parts/sign-in-fields.tsx';
import { useForm } from '../parts/use-form.ts';
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
  const { submit, error, isBusy } = useForm(async (form) => {
    await signIn(form);
    await client.fetchQuery({ ...meQuery, staleTime: 0 });
  });
  return (
    <Modal opened onClose={() => undefined} withCloseButton={false} title="You are signed out" centered>
      <form onSubmit={submit}>
        <Stack>
          <Text size="sm">
            Your session was ended elsewhere, or is too old. Sign in again, and go on where you were: what you have
            typed is still there.
          </Text>
          <Faults error={error} />
          <SignInFields error={error} email={me?.person.email} />
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
