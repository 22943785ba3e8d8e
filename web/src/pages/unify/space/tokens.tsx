/** Who may read the profiles of a space: tokens for the Profile API. A secret is shown once. */
import { Alert, Badge, Button, Card, Group, Stack, Text, TextInput, Title } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../../api/client.ts';
import { useMay } from '../../../api/may.ts';
import { type SpaceDetail, type SpaceToken, spacePath, spaceTokensQuery } from '../../../api/spaces.ts';
import { Confirm } from '../../../parts/confirm.tsx';
import { Faults, fieldFaults } from '../../../parts/faults.tsx';
import { ListTable } from '../../../parts/list-table.tsx';
import { Empty, Loaded } from '../../../parts/states.tsx';
import { useForm } from '../../../parts/use-form.ts';
import { Copied, Time } from '../../../parts/values.tsx';

type NewToken = SpaceToken & { readonly secret: string };

export function SpaceTokens({ space }: { readonly space: SpaceDetail }) {
  const query = useQuery(spaceTokensQuery(space.id));
  const [made, setMade] = useState<NewToken | null>(null);
  const client = useQueryClient();
  const mayChange = useMay('space:admin');
  const again = () => client.invalidateQueries({ queryKey: ['spaces', space.id, 'tokens'] });

  async function revoke({ id }: SpaceToken) {
    await api.delete(`${spacePath(space.id)}/tokens/${id}`);
    if (made?.id === id) setMade(null);
    await again();
  }

  return (
    <Stack>
      <Text c="dimmed" maw={760}>
        Whoever has an access token can read every profile of this space over the Profile API. Give each program its
        own, so that one can be revoked without the others.
      </Text>
      {mayChange && (
        <NewTokenForm
          space={space}
          done={async (token) => {
            setMade(token);
            await again();
          }}
        />
      )}
      {made !== null && <Secret space={space} token={made} close={() => setMade(null)} />}
      <Loaded query={query} what="the access tokens">
        {(tokens) =>
          tokens.length === 0 ? (
            <Empty title="Nobody reads this space yet">
              {mayChange
                ? 'Create a token above for the first program that does, e.g. your website.'
                : 'An admin of this space can create a token.'}
            </Empty>
          ) : (
            <ListTable
              minWidth={560}
              rows={tokens}
              keyOf={({ id }) => id}
              columns={[
                { label: 'Name', cell: ({ name }) => <span style={{ overflowWrap: 'anywhere' }}>{name}</span> },
                { label: 'Created', cell: ({ createdAt }) => <Time at={createdAt} /> },
                {
                  label: 'State',
                  cell: ({ revokedAt }) =>
                    revokedAt === null ? (
                      <Badge color="green" variant="dot">
                        in use
                      </Badge>
                    ) : (
                      <Text size="sm">
                        revoked <Time at={revokedAt} />
                      </Text>
                    ),
                },
                {
                  label: 'Actions',
                  align: 'right',
                  cell: (token) =>
                    mayChange &&
                    token.revokedAt === null && (
                      <Confirm
                        label="Revoke"
                        aria-label={`Revoke ${token.name}`}
                        title={`Revoke ${token.name}?`}
                        size="xs"
                        act={() => revoke(token)}
                      >
                        Programs that use it are refused within a second. It cannot be taken back.
                      </Confirm>
                    ),
                },
              ]}
            />
          )
        }
      </Loaded>
    </Stack>
  );
}

function NewTokenForm({
  space,
  done,
}: {
  readonly space: SpaceDetail;
  readonly done: (token: NewToken) => Promise<void>;
}) {
  const [name, setName] = useState('');

  const { submit, error, isBusy } = useForm(async () => {
    const { token } = await api.post<{ token: NewToken }>(`${spacePath(space.id)}/tokens`, { name });
    setName('');
    await done(token);
  });

  return (
    <Card withBorder>
      <form onSubmit={submit}>
        <Stack gap="sm">
          <Faults error={error} shown={(field) => field === 'name'} />
          <Group align="flex-end">
            <TextInput
              label="Name of the token"
              description="Who will use it."
              placeholder="web shop"
              required
              maxLength={100}
              style={{ flex: '1 1 240px' }}
              maw={420}
              value={name}
              error={fieldFaults(error).name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <Button type="submit" loading={isBusy}>
              Create token
            </Button>
          </Group>
        </Stack>
      </form>
    </Card>
  );
}

function Secret({
  space,
  token,
  close,
}: {
  readonly space: SpaceDetail;
  readonly token: NewToken;
  readonly close: () => void;
}) {
  const url = `${location.origin}/v1/spaces/${space.id}/collections/users/profiles/email:jane@example.com/traits`;
  return (
    <Alert color="green" role="status" title={`The token “${token.name}” is made`}>
      <Stack gap="sm">
        <Text size="sm">Copy it now: it is never shown again.</Text>
        <Copied value={token.secret} label="the token" />
        <Title order={3} size="h6">
          Try it
        </Title>
        <Copied value={`curl -u '${token.secret}:' '${url}'`} label="the command" />
        <Group>
          <Button size="xs" variant="default" onClick={close}>
            I have copied it
          </Button>
        </Group>
      </Stack>
    </Alert>
  );
}
