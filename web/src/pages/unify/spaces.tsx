/** Unify > Spaces: where profiles live. */
import { Card, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { sourcesQuery, spacesQuery } from '../../api/queries.ts';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Copied } from '../../parts/values.tsx';

export function Spaces() {
  const query = useQuery(spacesQuery);
  const { data: sources = [] } = useQuery(sourcesQuery);
  return (
    <Page title="Spaces" lead="A space decides who is who, and keeps the profiles.">
      <Loaded query={query} what="the spaces">
        {(spaces) =>
          spaces.length === 0 ? (
            <Empty title="There is no space yet">
              A workspace file makes one: put “spaces: &#123; main: &#123;&#125; &#125;” into it and run millrace apply.
            </Empty>
          ) : (
            <Stack>
              {spaces.map(({ id, name }) => {
                const [writeKey] = sources.find((source) => source.id === id)?.writeKeys ?? [];
                return (
                  <Card key={id} withBorder>
                    <Stack gap="xs">
                      <Title order={2} size="h4">
                        {name}
                      </Title>
                      <Text size="sm" c="dimmed">
                        Its write key names it in mappings.
                      </Text>
                      {writeKey === undefined ? (
                        <Text size="sm">Write keys are shown to Source Admins.</Text>
                      ) : (
                        <Copied value={writeKey} label={`the write key of ${name}`} />
                      )}
                    </Stack>
                  </Card>
                );
              })}
            </Stack>
          )
        }
      </Loaded>
    </Page>
  );
}
