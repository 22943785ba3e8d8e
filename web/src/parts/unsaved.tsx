/** Asks before what was typed is left unsaved: by another page of the app, the way back, or closing the window. */
import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useBlocker } from '@tanstack/react-router';
import { type ReactNode, useRef } from 'react';

/**
 * @param draft what the form holds, as JSON; what it holds first counts as saved
 * @returns `guard`, to be put on the page, and `markSaved`, to be called before one leaves it
 */
export function useUnsaved(draft: unknown): {
  readonly guard: ReactNode;
  readonly isDirty: boolean;
  readonly markSaved: () => void;
} {
  const text = JSON.stringify(draft);
  const now = useRef(text);
  const saved = useRef(text);
  now.current = text;
  return {
    guard: <Unsaved isDirty={() => now.current !== saved.current} />,
    isDirty: text !== saved.current,
    markSaved: () => {
      saved.current = now.current;
    },
  };
}

function Unsaved({ isDirty }: { readonly isDirty: () => boolean }) {
  const { proceed, reset, status } = useBlocker({
    shouldBlockFn: isDirty,
    enableBeforeUnload: isDirty,
    withResolver: true,
  });
  return (
    <Modal opened={status === 'blocked'} onClose={() => reset?.()} title="Leave without saving?" centered>
      <Stack>
        <Text>What you have changed on this page is not saved.</Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={() => reset?.()}>
            Stay here
          </Button>
          <Button color="red" onClick={() => proceed?.()}>
            Leave
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
