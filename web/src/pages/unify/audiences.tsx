/** Unify > Audiences: the audiences and computed traits of a space, and how each is doing. */
import { Button, Group, Select, Stack, Tabs, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type Computation, computationsQuery, type Kind } from '../../api/audiences.ts';
import { useMay } from '../../api/may.ts';
import { spacesQuery } from '../../api/queries.ts';
import type { Space } from '../../api/types.ts';
import { type Column, ListTable } from '../../parts/list-table.tsx';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Time } from '../../parts/values.tsx';
import { kindWords, modeOf, Size, Status } from './audience/words.tsx';

export function Audiences() {
  const maySee = useMay('space:read');
  const spaces = useQuery({ ...spacesQuery, enabled: maySee });
  return (
    <Page title="Audiences" lead="Groups of profiles, and values worked out of what profiles did.">
      {maySee ? (
        <Loaded query={spaces} what="the spaces">
          {(all) => <InSpaces spaces={all} />}
        </Loaded>
      ) : (
        <Empty title="Audiences are not part of your role">
          Ask an owner of the workspace for a role that shows spaces, such as Unify and Engage Read-only.
        </Empty>
      )}
    </Page>
  );
}

function InSpaces({ spaces }: { readonly spaces: readonly Space[] }) {
  const { space: given, kind = 'audience' } = useSearch({ from: '/inside/audiences' });
  const navigate = useNavigate();
  const mayMakeSpaces = useMay('space:admin');
  const space = given === undefined ? spaces[0] : spaces.find(({ id, slug }) => id === given || slug === given);
  const go = (where: string | undefined, which: Kind) =>
    void navigate({
      to: '/audiences',
      search: {
        ...(where !== undefined && { space: where }),
        ...(which === 'computed_trait' && { kind: which }),
      },
    });
  if (spaces.length === 0) {
    return (
      <Empty title="Audiences live in a space">
        There is no space yet.{' '}
        {mayMakeSpaces ? <Link to="/spaces/new">Create one</Link> : 'Ask an owner of the workspace for one'}, and send
        people to it; then they can be grouped.
      </Empty>
    );
  }
  return (
    <Stack>
      {(spaces.length > 1 || space === undefined) && (
        <Group>
          <Select
            label="Space"
            data={spaces.map(({ id, name }) => ({ value: id, label: name }))}
            value={space?.id ?? null}
            allowDeselect={false}
            onChange={(id) => id !== null && go(id, kind)}
          />
        </Group>
      )}
      {space === undefined ? (
        <Empty title="There is no such space">Choose one of those above.</Empty>
      ) : (
        <Tabs value={kind} onChange={(which) => go(given, which as Kind)} keepMounted={false}>
          <Tabs.List>
            <Tabs.Tab value="audience">{kindWords.audience.many}</Tabs.Tab>
            <Tabs.Tab value="computed_trait">{kindWords.computed_trait.many}</Tabs.Tab>
          </Tabs.List>
          {(['audience', 'computed_trait'] as const).map((one) => (
            <Tabs.Panel key={one} value={one} pt="md">
              <Computations space={space} kind={one} />
            </Tabs.Panel>
          ))}
        </Tabs>
      )}
    </Stack>
  );
}

function Computations({ space, kind }: { readonly space: Space; readonly kind: Kind }) {
  const query = useQuery(computationsQuery(space.id, kind));
  const mayMake = useMay('audience:admin');
  const make = mayMake && (
    <Button
      component={Link}
      {...({ to: '/audiences/$space/new', params: { space: space.id }, search: { kind } } as object)}
    >
      New {kindWords[kind].one}
    </Button>
  );
  return (
    <Loaded query={query} what={`the ${kindWords[kind].many.toLowerCase()}`}>
      {(all) =>
        all.length === 0 ? (
          <None kind={kind} space={space} action={make} />
        ) : (
          <Stack gap="sm">
            {make && <Group justify="flex-end">{make}</Group>}
            <ListTable
              label={kindWords[kind].many}
              rows={all}
              keyOf={({ id }) => id}
              columns={columnsOf(space, kind)}
              minWidth={820}
            />
          </Stack>
        )
      }
    </Loaded>
  );
}

function None({
  kind,
  space,
  action,
}: {
  readonly kind: Kind;
  readonly space: Space;
  readonly action: React.ReactNode;
}) {
  const next = action ? '' : ' Whoever has the role Unify and Engage Admin can make one.';
  return kind === 'audience' ? (
    <Empty title={`${space.name} has no audience yet`} action={action}>
      An audience is a group of profiles that a condition describes, e.g. everybody who ordered twice this month. Who is
      in it is known at any moment: on each profile, here, and for programs that ask the Profile API.{next}
    </Empty>
  ) : (
    <Empty title={`${space.name} has no computed trait yet`} action={action}>
      A computed trait is a value worked out from what each profile did, e.g. how much it spent in 90 days. It is
      written onto the profile like any other trait, and audiences can look at it.{next}
    </Empty>
  );
}

const columnsOf = (space: Space, kind: Kind): readonly Column<Computation>[] => [
  {
    label: 'Name',
    cell: ({ id, name }) => (
      <Link
        to="/audiences/$space/$kind/$id"
        params={{ space: space.id, kind, id }}
        style={{ overflowWrap: 'anywhere' }}
      >
        {name}
      </Link>
    ),
  },
  {
    label: 'Key',
    cell: ({ key }) => (
      <Text span size="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
        {key}
      </Text>
    ),
  },
  { label: 'Status', cell: ({ status }) => <Status status={status} /> },
  { label: 'Mode', cell: (one) => modeOf(one) },
  ...(kind === 'audience'
    ? [{ label: 'Members', align: 'right', cell: ({ size }: Computation) => <Size size={size} /> } as const]
    : [{ label: 'For', cell: ({ entity }: Computation) => (entity === 'USERS' ? 'users' : 'accounts') } as const]),
  { label: 'Changed', width: '13rem', cell: ({ updatedAt }) => <Time at={updatedAt} /> },
];
