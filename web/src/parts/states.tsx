/** The forms every list and page has beside its full one: loading, empty, failed. */
import { Alert, Button, Card, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconAlertTriangle, IconLock } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { ApiError } from '../api/client.ts';

/** Says what it waits for, once it takes longer than a blink. */
export function Loading({ what, lines = 4 }: { readonly what: string; readonly lines?: number }) {
  return (
    <Stack gap="sm" aria-busy="true" role="status">
      <Text c="dimmed" size="sm">
        Loading {what} …
      </Text>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
        <Skeleton key={line} height={36} radius="md" />
      ))}
    </Stack>
  );
}

/** What a role does not show is no fault: asking again would not help, asking an owner does. */
function NotYours({ error }: { readonly error: ApiError }) {
  return (
    <Alert color="gray" icon={<IconLock aria-hidden />} title="Not part of your role" role="alert">
      <Stack gap="xs">
        {error.faults.map(({ message }) => (
          <Text key={message} size="sm">
            {message}
          </Text>
        ))}
        <Text size="sm">Ask an owner of the workspace for such a role.</Text>
      </Stack>
    </Alert>
  );
}

export function Failed({ error, retry }: { readonly error: Error; readonly retry?: () => void }) {
  if (error instanceof ApiError && error.status === 403) return <NotYours error={error} />;
  const faults = error instanceof ApiError ? error.faults.map(({ message }) => message) : [error.message];
  return (
    <Alert color="red" icon={<IconAlertTriangle aria-hidden />} title="This could not be loaded" role="alert">
      <Stack gap="xs">
        {faults.map((fault) => (
          <Text key={fault} size="sm">
            {fault}
          </Text>
        ))}
        {retry !== undefined && (
          <Group>
            <Button size="xs" variant="light" color="red" onClick={retry}>
              Try again
            </Button>
          </Group>
        )}
      </Stack>
    </Alert>
  );
}

/** Nothing there yet: what it would be, and what to do next. */
export function Empty({
  title,
  children,
  action,
}: {
  readonly title: string;
  readonly children: ReactNode;
  readonly action?: ReactNode;
}) {
  return (
    <Card withBorder padding="xl">
      <Stack align="center" gap="sm">
        <Title order={2} size="h3" ta="center">
          {title}
        </Title>
        <Text c="dimmed" ta="center" maw={520}>
          {children}
        </Text>
        {action}
      </Stack>
    </Card>
  );
}

/** One of the three, or the page. What is not there (any more) is named by `what`: "the source", "the sync". */
export function Loaded<T>({
  query,
  what,
  children,
}: {
  readonly query: {
    readonly data: T | undefined;
    readonly error: Error | null;
    readonly refetch: () => unknown;
  };
  readonly what: string;
  readonly children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error instanceof ApiError && query.error.status === 404) {
    return (
      <Empty title={`There is no such ${what.replace(/^the /, '')}`}>
        It may have been deleted, or the address has a letter too few.
      </Empty>
    );
  }
  if (query.error !== null) return <Failed error={query.error} retry={() => void query.refetch()} />;
  return <Loading what={what} />;
}
