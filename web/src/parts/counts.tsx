/** Numbers with their names, side by side. */
import { SimpleGrid, Stack, Text } from '@mantine/core';
import { Count } from './values.tsx';

export interface NamedCount {
  readonly label: string;
  readonly value: number;
  /** A colour that it takes when it is not zero. */
  readonly color?: 'red' | 'yellow' | 'green';
}

const colors = {
  red: 'var(--mantine-color-error)',
  yellow: 'var(--mantine-color-yellow-light-color)',
  green: 'var(--mantine-color-green-light-color)',
} as const;

export function Counts({ counts }: { readonly counts: readonly NamedCount[] }) {
  return (
    <SimpleGrid cols={{ base: 2, xs: 3, md: Math.min(6, counts.length) }} spacing="md">
      {counts.map(({ label, value, color }) => (
        <Stack key={label} gap={0}>
          <Text size="xs" c="dimmed">
            {label}
          </Text>
          <Text fw={600} size="lg" {...(color !== undefined && value > 0 && { c: colors[color] })}>
            <Count value={value} />
          </Text>
        </Stack>
      ))}
    </SimpleGrid>
  );
}
