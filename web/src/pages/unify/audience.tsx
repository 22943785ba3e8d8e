/** One audience or computed trait: how it is doing, who is in it, and where programs read it. */
import { Alert, Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import {
  type Computation,
  changeComputation,
  computationQuery,
  deleteComputation,
  type Kind,
  membersQuery,
} from '../../api/audiences.ts';
import { useMay } from '../../api/may.ts';
import { useAct } from '../../parts/act.ts';
import { Confirm } from '../../parts/confirm.tsx';
import { Fact } from '../../parts/fact.tsx';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Copied, Time } from '../../parts/values.tsx';
import { ValueCall } from './audience/call.tsx';
import { ProfileLinks } from './audience/profile-links.tsx';
import { Query } from './audience/query-field.tsx';
import { crumbsOf, isKind, kindWords, modeOf, NoSuch, peopleOf, Size, Status } from './audience/words.tsx';

export function AudiencePage() {
  const { space, kind, id } = useParams({ from: '/inside/audiences/$space/$kind/$id' });
  return isKind(kind) ? <One key={id} space={space} kind={kind} id={id} /> : <NoSuch space={space} />;
}

interface InSpace {
  readonly space: string;
  readonly computation: Computation;
}

function One({ space, kind, id }: { readonly space: string; readonly kind: Kind; readonly id: string }) {
  const query = useQuery(computationQuery(space, kind, id));
  const mayChange = useMay('audience:admin');
  const { data } = query;
  return (
    <Page
      title={data?.name ?? kindWords[kind].One}
      crumbs={crumbsOf(space, kind)}
      lead={data?.description || undefined}
      actions={data !== undefined && mayChange && <Acts space={space} computation={data} />}
    >
      <Loaded query={query} what={`the ${kindWords[kind].one}`}>
        {(computation) => (
          <Stack gap="lg">
            <Doing computation={computation} />
            <Facts computation={computation} />
            <Card withBorder component="section" aria-label="Query">
              <Stack gap="sm">
                <Title order={2} size="h4">
                  Query
                </Title>
                <Query text={computation.query} />
                <Counting computation={computation} />
              </Stack>
            </Card>
            {kind === 'audience' && <Members space={space} computation={computation} />}
            <ValueCall space={space} computation={computation} />
          </Stack>
        )}
      </Loaded>
    </Page>
  );
}

function Acts({ space, computation }: InSpace) {
  const { kind, id, name, key, enabled } = computation;
  const { act, isBusy } = useAct(enabled ? 'It was not disabled' : 'It was not enabled');
  const client = useQueryClient();
  const navigate = useNavigate();
  const { one } = kindWords[kind];
  async function remove() {
    await deleteComputation(space, computation);
    await navigate({ to: '/audiences', search: { space, ...(kind === 'computed_trait' && { kind }) } });
    client.removeQueries({ queryKey: ['computations', space, kind, id] });
    await client.invalidateQueries();
  }
  return (
    <>
      <Button
        variant="default"
        component={Link}
        {...({ to: '/audiences/$space/$kind/$id/edit', params: { space, kind, id } } as object)}
      >
        Edit
      </Button>
      <Button
        variant="default"
        loading={isBusy}
        onClick={() => void act(() => changeComputation(space, computation, { enabled: !enabled }))}
      >
        {enabled ? 'Disable' : 'Enable'}
      </Button>
      <Confirm label="Delete" title={`Delete ${name}?`} act={remove}>
        What it wrote stays on the profiles as a custom trait, {key}, which nothing keeps up to date any more. The key
        is never given again in this space: another {one} of this name needs another one. It cannot be taken back.
      </Confirm>
    </>
  );
}

/** What it is at, in words, where that is not simply: it works. */
function Doing({ computation: { status, failureReason, kind } }: { readonly computation: Computation }) {
  const { one } = kindWords[kind];
  switch (status) {
    case 'Backfilling':
      return (
        <Alert color="blue" role="status" title="It looks at all profiles for the first time">
          What is shown here grows until that is done. Messages that come meanwhile are not missed.
        </Alert>
      );
    case 'Locked':
      return (
        <Alert color="blue" role="status" title="A change is being applied">
          All profiles are looked at with the new query. Until that is done the {one} is locked: it can be disabled, and
          not be changed otherwise.
        </Alert>
      );
    case 'Failed':
      return (
        <Alert color="red" role="alert" title="The last run failed">
          {failureReason ?? 'The server did not say why.'}
        </Alert>
      );
    case 'Disabled':
      return (
        <Alert color="gray" title="It is disabled">
          Nothing is computed; profiles keep what was written last. Once it is enabled, all are looked at again.
        </Alert>
      );
    default:
      return null;
  }
}

function Facts({ computation }: { readonly computation: Computation }) {
  const { kind, key, entity, status, size, createdAt, createdBy, updatedAt, updatedBy } = computation;
  return (
    <Card withBorder>
      <Group gap="xl" align="flex-start">
        <Fact label="Status">
          <Status status={status} />
        </Fact>
        {kind === 'audience' && (
          <Fact label="Members">
            <Size size={size} />
          </Fact>
        )}
        <Fact label="Mode">{modeOf(computation)}</Fact>
        <Fact label="For">{peopleOf(entity)}</Fact>
        <Fact label="Key, the name of the trait">
          <Copied value={key} label="the key" />
        </Fact>
        <Fact label="Made">
          <Time at={createdAt} />
          <Text size="xs" c="dimmed">
            by {createdBy}
          </Text>
        </Fact>
        {updatedAt !== createdAt && (
          <Fact label="Changed">
            <Time at={updatedAt} />
            <Text size="xs" c="dimmed">
              by {updatedBy}
            </Text>
          </Fact>
        )}
      </Group>
    </Card>
  );
}

/** Who and what counts, in a sentence or two. */
function Counting({ computation: { kind, entity, cadence, options } }: { readonly computation: Computation }) {
  const { filterByExternalIds = [], includeAnonymousUsers = false, includeHistoricalData, days } = options;
  const history = () => {
    if (cadence === 'BATCH') return 'All events that are kept count.';
    if (!includeHistoricalData) return 'Events count that came after it was made.';
    if (days !== undefined) {
      return `Events count from ${days === 1 ? 'the day' : `${days} days`} before it was made, and all after.`;
    }
    // An audience without days looks at no events.
    return kind === 'audience' ? '' : 'All events that are kept count, and those that come.';
  };
  const who =
    entity === 'ACCOUNTS'
      ? 'Every account counts.'
      : kind === 'audience'
        ? `A user counts who is known by one of: ${filterByExternalIds.join(', ')}.`
        : includeAnonymousUsers
          ? 'Anonymous visitors count too.'
          : 'Anonymous visitors do not count.';
  return (
    <Text size="sm" c="dimmed">
      {who} {history()}
    </Text>
  );
}

function Members({ space, computation }: InSpace) {
  const { entity, status } = computation;
  const query = useInfiniteQuery(membersQuery(space, computation));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  return (
    <Loaded query={query} what="the members">
      {({ pages }) => {
        const ids = pages.flatMap(({ members }) => members.map((member) => member.id));
        if (ids.length === 0) {
          return (
            <Empty title="Nobody is in it">
              {status === 'Live'
                ? `No ${entity === 'USERS' ? 'user' : 'account'} meets the condition now. Whoever does comes in by itself.`
                : 'Members appear here as profiles are looked at.'}
            </Empty>
          );
        }
        return (
          <Stack gap="sm">
            <ProfileLinks space={space} ids={ids} title="Members" />
            {hasNextPage && (
              <Group>
                <Button variant="default" size="xs" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>
                  Show more
                </Button>
              </Group>
            )}
          </Stack>
        );
      }}
    </Loaded>
  );
}
