/** Beside the query: examples to begin with, and what the language has. */
import { Accordion, Code, Group, Stack, Text, Title, UnstyledButton } from '@mantine/core';
import type { Entity, Kind } from '../../../api/audiences.ts';
import { examplesOf, reference } from './language.ts';
import { kindWords } from './words.tsx';

export function QueryHelp({
  kind,
  entity,
  onInsert,
}: {
  readonly kind: Kind;
  readonly entity: Entity;
  readonly onInsert: (query: string) => void;
}) {
  const parts = reference.filter(({ only }) => only === undefined || only === kind || only === entity);
  return (
    <Stack component="aside" aria-label="Help with the query" gap="sm">
      <Title order={3} size="h6">
        Examples
      </Title>
      <Stack gap={6} component="ul" className="plain-list">
        {examplesOf(kind, entity).map(({ title, query }) => (
          <li key={title}>
            <UnstyledButton className="example" onClick={() => onInsert(query)} aria-label={`Insert: ${title}`}>
              <Text size="sm" fw={500}>
                {title}
              </Text>
              <Code style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', background: 'none', padding: 0 }}>
                {query}
              </Code>
            </UnstyledButton>
          </li>
        ))}
      </Stack>
      <Accordion variant="contained" chevronPosition="left">
        <Accordion.Item value="reference">
          <Accordion.Control>
            <Text size="sm">The language in short</Text>
          </Accordion.Control>
          <Accordion.Panel>
            <Stack gap="sm">
              <Text size="sm">
                {kind === 'audience'
                  ? `${kindWords[kind].One}: a condition that is true or not.`
                  : `${kindWords[kind].One}: a value, such as a count or a text.`}
              </Text>
              {parts.map(({ title, lines }) => (
                <Stack key={title} gap={4}>
                  <Text size="xs" fw={600}>
                    {title}
                  </Text>
                  {lines.map(([code, meaning]) => (
                    <Group key={code} gap={6} wrap="wrap" style={{ rowGap: 0 }}>
                      <Code style={{ overflowWrap: 'anywhere' }}>{code}</Code>
                      <Text size="xs" c="dimmed">
                        {meaning}
                      </Text>
                    </Group>
                  ))}
                </Stack>
              ))}
            </Stack>
          </Accordion.Panel>
        </Accordion.Item>
      </Accordion>
    </Stack>
  );
}
