/** Unify > Profiles: finds a person or an account by whatever is known of them, or shows who changed last. */
import { Anchor, Badge, Button, Group, SegmentedControl, Select, Stack, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { useMay } from '../../api/may.ts';
import { type Collection, foundProfilesQuery, type ProfileSummary, recentProfilesQuery } from '../../api/profiles.ts';
import { spacesQuery } from '../../api/queries.ts';
import type { Space } from '../../api/types.ts';
import { type Column, ListTable } from '../../parts/list-table.tsx';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Time } from '../../parts/values.tsx';
import { Identifiers, kindOf } from './profile/words.tsx';

export function Profiles() {
  const maySee = useMay('space:read');
  const spaces = useQuery({ ...spacesQuery, enabled: maySee });
  return (
    <Page title="Profiles" lead="Everybody your data tells of: find one, or see who changed last.">
      {maySee ? (
        <Loaded query={spaces} what="the spaces">
          {(all) => <InSpaces spaces={all} />}
        </Loaded>
      ) : (
        <Empty title="Profiles are not part of your role">
          Ask an owner of the workspace for a role that shows spaces, such as Unify and Engage Read-only.
        </Empty>
      )}
    </Page>
  );
}

function InSpaces({ spaces }: { readonly spaces: readonly Space[] }) {
  const { space: given, find = '', collection = 'users' } = useSearch({ from: '/inside/profiles' });
  const navigate = useNavigate();
  const mayMake = useMay('space:admin');
  const space = given === undefined ? spaces[0] : spaces.find(({ id, slug }) => id === given || slug === given);
  const go = (search: { space?: string; find?: string; collection?: Collection }) => {
    const { collection: kind = collection, space: where = given, find: what = find } = search;
    void navigate({
      to: '/profiles',
      search: {
        ...(where !== undefined && { space: where }),
        ...(what !== '' && { find: what }),
        ...(kind === 'accounts' && { collection: kind }),
      },
    });
  };
  if (spaces.length === 0) {
    return (
      <Empty title="Profiles live in a space">
        There is no space yet.{' '}
        {mayMake ? <Link to="/spaces/new">Create one</Link> : 'Ask an owner of the workspace for one'}; profiles appear
        in it as soon as a mapping has run or a source has sent something.
      </Empty>
    );
  }
  return (
    <Stack>
      <Group align="flex-end" gap="sm">
        {(spaces.length > 1 || space === undefined) && (
          <Select
            label="Space"
            data={spaces.map(({ id, name }) => ({ value: id, label: name }))}
            value={space?.id ?? null}
            allowDeselect={false}
            onChange={(id) => id !== null && go({ space: id })}
          />
        )}
        <FindBox key={find} find={find} onFind={(text) => go({ find: text })} />
      </Group>
      {space === undefined ? (
        <Empty title="There is no such space">Choose one of those above.</Empty>
      ) : find === '' ? (
        <Recent space={space} collection={collection} onCollection={(kind) => go({ collection: kind })} />
      ) : (
        <Found
          space={space}
          others={spaces.filter(({ id }) => id !== space.id)}
          find={find}
          onAll={() => go({ find: '' })}
        />
      )}
    </Stack>
  );
}

function FindBox({ find, onFind }: { readonly find: string; readonly onFind: (text: string) => void }) {
  const [text, setText] = useState(find);
  function submit(event: FormEvent) {
    event.preventDefault();
    onFind(text.trim());
  }
  return (
    <form onSubmit={submit} style={{ flex: '1 1 280px' }}>
      <Group align="flex-end" gap="xs" wrap="nowrap">
        <TextInput
          label="Find a profile"
          placeholder="jane@example.com, c-1042, phone:+33155501234"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
          style={{ flex: 1 }}
        />
        <Button type="submit">Find</Button>
      </Group>
    </form>
  );
}

const columnsOf = (space: Space): readonly Column<ProfileSummary>[] => [
  {
    label: 'Name',
    cell: ({ id, name }) => (
      <Anchor
        size="sm"
        style={{ overflowWrap: 'anywhere' }}
        renderRoot={(props) => (
          <Link {...props} to="/profiles/$space/$id" params={{ space: space.id, id }} search={{}} />
        )}
      >
        {name ?? id}
      </Anchor>
    ),
  },
  {
    label: 'Identifiers',
    cell: ({ identifiers, identifierCount }) => <Identifiers ids={identifiers} count={identifierCount} />,
  },
  { label: 'Changed', width: '13rem', cell: ({ updatedAt }) => <Time at={updatedAt} /> },
];

function Recent({
  space,
  collection,
  onCollection,
}: {
  readonly space: Space;
  readonly collection: Collection;
  readonly onCollection: (collection: Collection) => void;
}) {
  const query = useInfiniteQuery(recentProfilesQuery(space.id, collection));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const more = () => void (hasNextPage && !isFetchingNextPage && fetchNextPage());
  return (
    <Stack gap="sm">
      <Group>
        <SegmentedControl
          aria-label="Whose profiles"
          value={collection}
          onChange={(kind) => onCollection(kind as Collection)}
          data={[
            { value: 'users', label: 'Users' },
            { value: 'accounts', label: 'Accounts' },
          ]}
        />
      </Group>
      <Loaded query={query} what="the profiles">
        {({ pages }) => {
          const profiles = pages.flatMap((page) => page.profiles);
          return profiles.length === 0 ? (
            <NoneYet collection={collection} />
          ) : (
            <ListTable
              title={collection === 'users' ? 'Users by their latest change' : 'Accounts by their latest change'}
              rows={profiles}
              keyOf={({ id }) => id}
              columns={columnsOf(space)}
              minWidth={560}
              {...(hasNextPage && { onEnd: more })}
            />
          );
        }}
      </Loaded>
    </Stack>
  );
}

function NoneYet({ collection }: { readonly collection: Collection }) {
  const maySeeDestinations = useMay('source:read');
  return collection === 'users' ? (
    <Empty
      title="Nobody is known here yet"
      action={
        maySeeDestinations && (
          <Button component={Link} to="/destinations">
            Go to destinations
          </Button>
        )
      }
    >
      Profiles appear as soon as a mapping to this space has run, or a source has sent something to it.
    </Empty>
  ) : (
    <Empty title="There is no account yet">
      Accounts appear with the action Send Group of a mapping, or with group calls of a source.
    </Empty>
  );
}

function Found({
  space,
  others,
  find,
  onAll,
}: {
  readonly space: Space;
  readonly others: readonly Space[];
  readonly find: string;
  readonly onAll: () => void;
}) {
  const query = useQuery(foundProfilesQuery(space.id, find));
  const [name, ...rest] = columnsOf(space);
  const columns: readonly Column<ProfileSummary>[] = [
    ...(name === undefined ? [] : [name]),
    { label: 'Kind', cell: ({ collection }) => <Badge variant="light">{kindOf(collection)}</Badge> },
    { label: 'Found by', cell: ({ foundBy = [] }) => foundBy.map(({ type }) => type).join(', ') },
    ...rest,
  ];
  return (
    <Stack gap="sm">
      <Group>
        <Button variant="subtle" size="compact-sm" onClick={onAll}>
          Show the latest instead
        </Button>
      </Group>
      <Loaded query={query} what="who that is">
        {({ profiles, searched }) =>
          profiles.length === 0 ? (
            <Nobody find={find} space={space} others={others} searched={searched} />
          ) : (
            <ListTable title="Found" rows={profiles} keyOf={({ id }) => id} columns={columns} minWidth={680} />
          )
        }
      </Loaded>
    </Stack>
  );
}

function Nobody({
  find,
  space,
  others,
  searched,
}: {
  readonly find: string;
  readonly space: Space;
  readonly others: readonly Space[];
  readonly searched: readonly string[];
}) {
  return (
    <Empty
      title={`Nobody in ${space.name} is known by “${shortened(find)}”`}
      action={
        others.length > 0 && (
          <Group gap="xs" justify="center">
            {others.slice(0, 5).map(({ id, name }) => (
              <Anchor key={id} renderRoot={(props) => <Link {...props} to="/profiles" search={{ space: id, find }} />}>
                Look in {name}
              </Anchor>
            ))}
          </Group>
        )
      }
    >
      Only whole values are found, as they were sent
      {searched.length > 0 && `; it was looked up as ${searched.join(', ')}`}. For another type of identifier write the
      type first: phone:+33155501234. Perhaps its message was not taken:{' '}
      <Link to="/spaces/$id" params={{ id: space.id }} search={{}}>
        the space
      </Link>{' '}
      tells what was dropped.
    </Empty>
  );
}

const shortened = (text: string) => (text.length > 60 ? `${text.slice(0, 60)}…` : text);
