/** A button for what cannot be taken back: it asks first, and says what it means. */
import { Button, type ButtonProps, Group, Modal, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { Faults } from './faults.tsx';
import { useForm } from './use-form.ts';

export function Confirm({
  label,
  title,
  children,
  act,
  ...button
}: {
  readonly label: string;
  readonly title: string;
  /** What it means. */
  readonly children: ReactNode;
  readonly act: () => Promise<unknown>;
} & ButtonProps) {
  const [opened, { open, close }] = useDisclosure();
  const { go, error, isBusy } = useForm(async () => {
    await act();
    return close;
  });
  return (
    <>
      <Button variant="default" {...button} onClick={open}>
        {label}
      </Button>
      <Modal opened={opened} onClose={close} title={title} centered>
        <Stack>
          <Text>{children}</Text>
          <Faults error={error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Leave it
            </Button>
            <Button color="red" loading={isBusy} onClick={go}>
              {label}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
