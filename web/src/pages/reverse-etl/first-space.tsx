/** There is no profile space yet: one is made in place, and what was typed in the form around stays. */
import { Alert, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { fieldFaults } from '../../parts/faults.tsx';
import { useForm } from '../../parts/use-form.ts';

export function FirstSpace() {
  const [name, setName] = useState('Main');
  const { go, error, isBusy } = useForm(async () => {
    await api.post('/public-api/spaces', { name, identity: 'recommended' });
  });
  return (
    <Alert color="yellow" title="There is no profile space yet">
      <Stack gap="xs" data-form>
        <Text size="sm">A space decides who is who, and keeps the profiles. Most companies need one.</Text>
        <Allowed power="space:admin">
          <Group align="flex-end">
            <TextInput
              label="Name of the space"
              value={name}
              error={fieldFaults(error).name ?? (error === null ? undefined : error.message)}
              onChange={(event) => setName(event.currentTarget.value)}
              onKeyDown={({ key }) => {
                if (key === 'Enter') go();
              }}
            />
            <Button variant="default" loading={isBusy} onClick={go}>
              Create the space
            </Button>
          </Group>
        </Allowed>
      </Stack>
    </Alert>
  );
}
