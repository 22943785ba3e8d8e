/** One profile: who it is, what is known of it and from where, what it did, and whom it belongs to. */
import { Alert, Badge, Group, Stack, Tabs, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { ApiError } from '../../api/client.ts';
import { type Profile, profileQuery } from '../../api/profiles.ts';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Copied, Count, Time } from '../../parts/values.tsx';
import { Call, type Tab } from './profile/call.tsx';
import { Consent } from './profile/consent.tsx';
import { Events } from './profile/events.tsx';
import { ProfileIdentifiers } from './profile/identifiers.tsx';
import { Linked } from './profile/linked.tsx';
import { Traits } from './profile/traits.tsx';
import { Identifiers, kindOf } from './profile/words.tsx';

const from = '/inside/profiles/$space/$id';
/** At the top; the tab shows all. */
const shownIdentifiers = 3;

export function ProfilePage() {
  const { space, id } = useParams({ from });
  const query = useQuery(profileQuery(space, id));
  const isGone = query.data === undefined && query.error instanceof ApiError && query.error.status === 404;
  return (
    <Page title={query.data?.name ?? 'Profile'} crumbs={[{ label: 'Profiles', to: `/profiles?space=${space}` }]}>
      {isGone ? (
        <Empty title="There is no such profile">
          It may have been deleted, or the address has a letter too few. Find it again under Profiles, by its e-mail
          address or user id.
        </Empty>
      ) : (
        <Loaded query={query} what="the profile">
          {(profile) => <Shown space={space} profile={profile} />}
        </Loaded>
      )}
    </Page>
  );
}

function Shown({ space, profile }: { readonly space: string; readonly profile: Profile }) {
  const { id } = useParams({ from });
  const search = useSearch({ from });
  const navigate = useNavigate();
  const labels = {
    traits: `Traits (${profile.traits.length})`,
    identifiers: `Identifiers (${profile.identifiers.length})`,
    events: 'Events',
    linked: profile.collection === 'users' ? 'Accounts' : 'Users',
    consent: 'Consent and subscriptions',
  } as const satisfies Record<Tab, string>;
  const tabs = Object.keys(labels) as Tab[];
  const tab = tabs.find((one) => one === search.tab) ?? 'traits';
  const show = (next: string | null) =>
    void navigate({
      to: '/profiles/$space/$id',
      params: { space, id },
      search: next === null || next === 'traits' ? {} : { tab: next },
    });
  return (
    <Stack>
      <Head profile={profile} />
      <Tabs value={tab} onChange={show} keepMounted={false}>
        <Tabs.List>
          {tabs.map((one) => (
            <Tabs.Tab key={one} value={one}>
              {labels[one]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="traits" pt="md">
          <Traits space={space} profile={profile} />
        </Tabs.Panel>
        <Tabs.Panel value="identifiers" pt="md">
          <ProfileIdentifiers space={space} profile={profile} />
        </Tabs.Panel>
        <Tabs.Panel value="events" pt="md">
          <Events key={profile.id} space={space} profile={profile} />
        </Tabs.Panel>
        <Tabs.Panel value="linked" pt="md">
          <Linked space={space} profile={profile} />
        </Tabs.Panel>
        <Tabs.Panel value="consent" pt="md">
          <Consent profile={profile} />
        </Tabs.Panel>
      </Tabs>
      <Call space={space} profile={profile} tab={tab} />
    </Stack>
  );
}

function Head({ profile }: { readonly profile: Profile }) {
  const { id, collection, mergedFrom, mergedIds, identifiers, createdAt, updatedAt } = profile;
  return (
    <Stack gap="sm">
      {mergedFrom !== undefined && (
        <Alert color="blue" title="Merged" role="status">
          The profile you asked for, {mergedFrom}, was merged into this one: both turned out to be the same{' '}
          {collection === 'users' ? 'person' : 'account'}.
        </Alert>
      )}
      <Group gap="sm">
        <Badge variant="light">{kindOf(collection)}</Badge>
        <Copied value={id} label="the id of the profile" />
      </Group>
      <Identifiers ids={identifiers.slice(0, shownIdentifiers)} count={identifiers.length} />
      <Group gap="xl" c="dimmed" style={{ rowGap: 4 }}>
        <Text size="sm">
          First seen <Time at={createdAt} />
        </Text>
        <Text size="sm">
          Changed <Time at={updatedAt} />
        </Text>
        {mergedIds.length > 0 && (
          <Text size="sm">
            Merged from <Count value={mergedIds.length + 1} /> profiles
          </Text>
        )}
      </Group>
    </Stack>
  );
}
