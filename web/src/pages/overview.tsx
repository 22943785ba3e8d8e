/** What there is, and the next step when nothing runs yet. */
import { Anchor, Card, Group, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { destinationsQuery, modelsQuery, sourcesQuery } from '../api/queries.ts';
import { Page } from '../parts/page.tsx';
import { Loaded } from '../parts/states.tsx';
import { Count } from '../parts/values.tsx';

export function Overview() {
  const sources = useQuery(sourcesQuery);
  const { data: models = [] } = useQuery(modelsQuery);
  const { data: destinations = [] } = useQuery(destinationsQuery);
  return (
    <Page title="Overview" lead="From the rows of your warehouse to the profiles of your customers.">
      <Loaded query={sources} what="the workspace">
        {(all) => {
          const warehouses = all.filter(({ metadata }) => metadata.categories.includes('Warehouse'));
          const steps = [
            { label: 'Sources', text: 'Connect a warehouse', to: '/sources', count: warehouses.length },
            { label: 'Models', text: 'Write a query whose rows are people', to: '/models', count: models.length },
            {
              label: 'Destinations',
              text: 'Say what the rows become',
              to: '/destinations',
              count: destinations.length,
            },
          ] as const;
          const next = steps.find(({ count }) => count === 0);
          return (
            <Stack>
              {next !== undefined && (
                <Card withBorder>
                  <Group>
                    <Text>Next:</Text>
                    <Anchor component={Link} to={next.to}>
                      {next.text}
                    </Anchor>
                  </Group>
                </Card>
              )}
              <SimpleGrid cols={{ base: 1, sm: 3 }}>
                {steps.map(({ label, to, count }) => (
                  <Card key={label} withBorder>
                    <Title order={2} size="h5">
                      <Anchor component={Link} to={to} inherit>
                        {label}
                      </Anchor>
                    </Title>
                    <Text size="xl" fw={700}>
                      <Count value={count} />
                    </Text>
                  </Card>
                ))}
              </SimpleGrid>
            </Stack>
          );
        }}
      </Loaded>
    </Page>
  );
}
