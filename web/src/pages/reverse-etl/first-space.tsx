/** There is no profile space yet: one is made in place, and what was typed in the form around stays. */
import { Alert, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { Allowed } from '../../parts/allowed.tsx';
import { fieldFaults } from '../../parts/faults.tsx';
import { useForm } from '../../parts/use-form.ts';
import { spaceNameOf } from '../unify/space-name.ts';

const noSlug = 'Use at least one of the letters a to z, or a digit. How it is shown can be changed later.';

export function FirstSpace() {
  const [name, setName] = useState('Main');
  const slug = spaceNameOf(name.trim(), []);
  const { go, error, isBusy } = useForm(async () => {
    // What is shown is what it gets.
    await api.post('/public-api/spaces', { name, ...(slug !== null && { slug }), identity: 'recommended' });
  });
  const faults = fieldFaults(error);
  return (
    <Alert color="yellow" title="There is no profile space yet">
      <Stack gap="xs" data-form>
        <Text size="sm">A space decides who is who, and keeps the profiles. Most companies need one.</Text>
        <Allowed power="space:admin">
          <Group align="flex-end">
            <TextInput
              label="Name of the space"
              description={`In files and addresses: ${slug ?? '–'}, for ever`}
              value={name}
              error={faults.slug === undefined ? (faults.name ?? error?.message) : noSlug}
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
