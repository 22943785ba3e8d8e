import { Anchor, Card, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Page } from '../parts/page.tsx';

/** Of an address that no page has; inside the layout, so that the way around is there. */
export function NotFound() {
  return (
    <Page title="Not found">
      <Card withBorder padding="xl">
        <Stack align="center" gap="sm">
          <Text c="dimmed" ta="center" maw={520}>
            There is no such page. It may have been removed, or its address may be cut short.
          </Text>
          <Anchor component={Link} to="/">
            Go to the overview
          </Anchor>
        </Stack>
      </Card>
    </Page>
  );
}
