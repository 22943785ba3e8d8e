/** The accounts of a user, or the users of an account. */
import { Anchor, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type LinkedProfile, type Profile, profileLinksQuery } from '../../../api/profiles.ts';
import { type Column, ListTable } from '../../../parts/list-table.tsx';
import { Empty, Loaded } from '../../../parts/states.tsx';
import { Time } from '../../../parts/values.tsx';
import { Identifiers, Value } from './words.tsx';

export function Linked({ space, profile }: { readonly space: string; readonly profile: Profile }) {
  const query = useInfiniteQuery(profileLinksQuery(space, profile.id));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const isUser = profile.collection === 'users';
  const columns: readonly Column<LinkedProfile>[] = [
    {
      label: isUser ? 'Account' : 'User',
      cell: ({ id, name }) => (
        <Anchor
          size="sm"
          style={{ overflowWrap: 'anywhere' }}
          renderRoot={(props) => <Link {...props} to="/profiles/$space/$id" params={{ space, id }} search={{}} />}
        >
          {name ?? id}
        </Anchor>
      ),
    },
    {
      label: 'Identifiers',
      cell: ({ identifiers, identifierCount }) => <Identifiers ids={identifiers} count={identifierCount} />,
    },
    { label: 'Linked', cell: ({ linkedAt }) => <Time at={linkedAt} /> },
    { label: 'Traits', width: '40%', cell: ({ traits }) => <SomeTraits traits={traits} /> },
  ];
  return (
    <Loaded query={query} what={isUser ? 'the accounts' : 'the users'}>
      {({ pages }) => {
        const links = pages.flatMap((page) => page.links);
        return links.length === 0 ? (
          <Empty title={isUser ? 'Linked to no account' : 'Linked to no user'}>
            {isUser
              ? 'A user is linked to an account by the action Send Group of a mapping, or a group call of a source.'
              : 'Users are linked to this account by the action Send Group of a mapping, or a group call of a source.'}
          </Empty>
        ) : (
          <ListTable
            rows={links}
            keyOf={({ id }) => id}
            columns={columns}
            minWidth={640}
            {...(hasNextPage && { onEnd: () => void (!isFetchingNextPage && fetchNextPage()) })}
          />
        );
      }}
    </Loaded>
  );
}

/** More are folded. */
const shownTraits = 3;

function SomeTraits({ traits }: Pick<LinkedProfile, 'traits'>) {
  if (traits.length === 0)
    return (
      <Text size="sm" c="dimmed">
        none
      </Text>
    );
  const rest = traits.slice(shownTraits);
  return (
    <>
      <TraitList traits={traits.slice(0, shownTraits)} />
      {rest.length > 0 && (
        <details>
          <summary>{rest.length} more</summary>
          <TraitList traits={rest} />
        </details>
      )}
    </>
  );
}

function TraitList({ traits }: Pick<LinkedProfile, 'traits'>) {
  return traits.map(({ key, value }) => (
    <Text key={key} size="sm" component="div">
      <Text span size="xs" c="dimmed">
        {key}
      </Text>{' '}
      <Value value={value} />
    </Text>
  ));
}
