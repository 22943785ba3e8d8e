/** Creating a space: what it is called, and by which rules it decides who is who. */
import { Button, Card, Group, Radio, Select, Stack, TextInput, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { spacesQuery } from '../../api/queries.ts';
import type { SpaceDetail } from '../../api/spaces.ts';
import { Making } from '../../parts/allowed.tsx';
import { Faults, fieldFaults } from '../../parts/faults.tsx';
import { Page } from '../../parts/page.tsx';
import { useForm } from '../../parts/use-form.ts';
import { IdentityRules, isRuleField, rulesInput, usualRules } from './space/identity-rules.tsx';
import { spaceNameOf } from './space-name.ts';

type Identity = 'recommended' | 'own' | 'import';

const choices: readonly { readonly value: Identity; readonly label: string; readonly description: string }[] = [
  {
    value: 'recommended',
    label: 'Recommended rules',
    description:
      'One user id per person, five e-mail addresses in a year, two of a device, anonymous ids last. Values such as null identify nobody.',
  },
  { value: 'own', label: 'Rules of my own', description: 'Order, limits, blocked values and custom identifiers.' },
  { value: 'import', label: 'Rules of another space', description: 'A copy of them, as they are now.' },
];

const crumbs = [{ label: 'Spaces', to: '/spaces' }];

export function SpaceNew() {
  return (
    <Making power="space:admin" title="Create a space" crumbs={crumbs}>
      <NewSpace />
    </Making>
  );
}

function NewSpace() {
  const { data: spaces = [] } = useQuery(spacesQuery);
  const [name, setName] = useState('');
  const [slug, setSlug] = useState('');
  const [identity, setIdentity] = useState<Identity>('recommended');
  const [rules, setRules] = useState(usualRules);
  const [importFrom, setImportFrom] = useState<string | null>(null);
  const navigate = useNavigate();
  const proposed = spaceNameOf(
    name.trim(),
    spaces.map((space) => space.slug),
  );

  const { submit, error, isBusy } = useForm(async () => {
    const body = {
      ...{ name, identity },
      // What is shown is what it gets.
      ...(slug !== '' ? { slug } : proposed !== null && { slug: proposed }),
      ...(identity === 'own' && rulesInput(rules)),
      ...(identity === 'import' && importFrom !== null && { importFrom }),
    };
    const { space } = await api.post<{ space: SpaceDetail }>('/public-api/spaces', body);
    return () => navigate({ to: '/spaces/$id', params: { id: space.id } });
  });

  const faults = fieldFaults(error);
  const isShown = (field: string) => ['name', 'slug', 'importFrom'].includes(field) || isRuleField(field);
  return (
    <Page
      title="Create a space"
      lead="A space decides who is who, and keeps the profiles. Most companies need one; tests get one of their own."
      crumbs={crumbs}
    >
      <form onSubmit={submit}>
        <Stack>
          <Faults error={error} shown={isShown} />
          <Card withBorder>
            <Stack maw={560}>
              <TextInput
                label="Name"
                required
                placeholder="Web shop"
                value={name}
                error={faults.name}
                onChange={(event) => setName(event.currentTarget.value)}
              />
              <TextInput
                label="Name in files and addresses"
                description={`Lower-case letters, digits, - and _. ${whenEmpty(name, proposed)} It cannot be changed later.`}
                placeholder={name.trim() === '' ? 'web-shop' : (proposed ?? '')}
                required={name.trim() !== '' && proposed === null}
                value={slug}
                error={faults.slug}
                onChange={(event) => setSlug(event.currentTarget.value)}
              />
            </Stack>
          </Card>
          <Card withBorder>
            <Stack>
              <Title order={2} size="h4">
                Who is who
              </Title>
              <Radio.Group
                label="Identity rules"
                description="They say which identifiers make two messages the same person."
                value={identity}
                onChange={(value) => setIdentity(value as Identity)}
              >
                <Stack gap="sm" mt="sm">
                  {choices.map((choice) => (
                    <Radio key={choice.value} {...choice} disabled={choice.value === 'import' && spaces.length === 0} />
                  ))}
                </Stack>
              </Radio.Group>
              {identity === 'import' && (
                <Select
                  label="Space to copy the rules of"
                  required
                  maw={420}
                  data={spaces.map((space) => ({ value: space.id, label: space.name }))}
                  value={importFrom}
                  error={faults.importFrom}
                  onChange={setImportFrom}
                />
              )}
              {identity === 'own' && <IdentityRules value={rules} onChange={setRules} faults={faults} />}
            </Stack>
          </Card>
          <Group>
            <Button type="submit" loading={isBusy}>
              Create space
            </Button>
          </Group>
        </Stack>
      </form>
    </Page>
  );
}

function whenEmpty(name: string, proposed: string | null): string {
  if (name.trim() === '') return 'Left empty, it is made of the name.';
  return proposed === null ? 'None can be made of this name, so give one.' : `Left empty, it is ${proposed}.`;
}
