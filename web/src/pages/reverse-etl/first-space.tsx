/** There is no profile space yet: one is made in place, and what was typed in the form around stays. */
import { Alert, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { fieldFaults } from '../../parts/faults.tsx';

export function FirstSpace() {
  const [name, setName] = useState('Main');
  const [error, setError] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  const client = useQueryClient();
  async function make() {
    setBusy(true);
    setError(null);
    try {
      await api.post('/public-api/spaces', { name, identity: 'recommended' });
      await client.invalidateQueries({ queryKey: ['profile-spaces'] });
      await client.invalidateQueries({ queryKey: ['spaces'] });
    } catch (fault) {
      setError(fault as Error);
    } finally {
      setBusy(false);
    }
  }
  return (
    <Alert color="yellow" title="There is no profile space yet">
      <Stack gap="xs">
        <Text size="sm">A space decides who is who, and keeps the profiles. Most companies need one.</Text>
        <Allowed power="space:admin">
          <Group align="flex-end">
            <TextInput
              label="Name of the space"
              value={name}
              error={fieldFaults(error).name ?? (error === null ? undefined : error.message)}
              onChange={(event) => setName(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key !== 'Enter') return;
                event.preventDefault();
                void make();
              }}
            />
            <Button variant="default" loading={isBusy} onClick={() => void make()}>
              Create the space
            </Button>
          </Group>
        </Allowed>
      </Stack>
    </Alert>
  );
}
