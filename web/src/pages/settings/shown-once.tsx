/** A secret that is shown now and never again: what it is, a way to copy it, and what to do with it. */
import { Alert, Button, Code, CopyButton, Group, Stack, Text } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import type { ReactNode } from 'react';

export function ShownOnce({
  value,
  what,
  children,
  close,
}: {
  readonly value: string;
  /** `link`: what the button copies. */
  readonly what: string;
  readonly children: ReactNode;
  readonly close: () => void;
}) {
  return (
    <Stack>
      <Alert color="yellow" title={`Copy this ${what} now`}>
        It is shown only this once.
      </Alert>
      <Code block style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }} data-testid="secret">
        {value}
      </Code>
      <Text size="sm">{children}</Text>
      <Group justify="flex-end">
        <CopyButton value={value}>
          {({ copied, copy }) => (
            <Button
              variant="default"
              onClick={copy}
              leftSection={copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
            >
              {copied ? 'Copied' : `Copy ${what}`}
            </Button>
          )}
        </CopyButton>
        <Button onClick={close}>Done</Button>
      </Group>
    </Stack>
  );
}
