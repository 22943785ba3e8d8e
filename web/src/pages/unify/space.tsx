/** One space: what sends to it, who is who in it, who may read it, what it dropped, what arrives now. */
import { Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { type SpaceDetail, spaceQuery } from '../../api/spaces.ts';
import { Page } from '../../parts/page.tsx';
import { Loaded } from '../../parts/states.tsx';
import { Dropped } from './space/dropped.tsx';
import { Identity } from './space/identity.tsx';
import { Live } from './space/live.tsx';
import { SpaceOverview } from './space/overview.tsx';
import { SpaceSettings } from './space/settings.tsx';
import { SpaceTokens } from './space/tokens.tsx';

const tabs: readonly {
  readonly value: string;
  readonly label: string;
  readonly panel: (space: SpaceDetail) => ReactNode;
}[] = [
  { value: 'overview', label: 'Overview', panel: (space) => <SpaceOverview space={space} /> },
  { value: 'identity', label: 'Identity', panel: (space) => <Identity key={space.id} space={space} /> },
  { value: 'tokens', label: 'Access tokens', panel: (space) => <SpaceTokens space={space} /> },
  { value: 'dropped', label: 'Dropped messages', panel: (space) => <Dropped space={space} /> },
  { value: 'live', label: 'Live', panel: (space) => <Live key={space.id} space={space} /> },
  { value: 'settings', label: 'Settings', panel: (space) => <SpaceSettings key={space.id} space={space} /> },
];

export function SpacePage() {
  const { id } = useParams({ from: '/inside/spaces/$id' });
  const { tab = 'overview' } = useSearch({ from: '/inside/spaces/$id' });
  const navigate = useNavigate();
  const query = useQuery(spaceQuery(id));
  const current = tabs.some(({ value }) => value === tab) ? tab : 'overview';
  return (
    <Page title={query.data?.name ?? 'Space'} crumbs={[{ label: 'Spaces', to: '/spaces' }]}>
      <Loaded query={query} what="the space">
        {(space) => (
          <Tabs
            value={current}
            keepMounted={false}
            onChange={(value) =>
              void navigate({
                to: '/spaces/$id',
                params: { id },
                search: value === null || value === 'overview' ? {} : { tab: value },
              })
            }
          >
            <Tabs.List>
              {tabs.map(({ value, label }) => (
                <Tabs.Tab key={value} value={value}>
                  {label}
                </Tabs.Tab>
              ))}
            </Tabs.List>
            {tabs.map(({ value, panel }) => (
              <Tabs.Panel key={value} value={value} pt="md">
                {panel(space)}
              </Tabs.Panel>
            ))}
          </Tabs>
        )}
      </Loaded>
    </Page>
  );
}
