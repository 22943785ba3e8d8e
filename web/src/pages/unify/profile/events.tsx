/** What somebody did, newest first; or what was done in the name of an account. */
import { Anchor, Badge, Code, Group, Stack, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { JsonObject } from '../../../api/json.ts';
import { type Profile, type ProfileEvent, profileEventsQuery } from '../../../api/profiles.ts';
import { type Column, ListTable } from '../../../parts/list-table.tsx';
import { Empty, Loaded } from '../../../parts/states.tsx';
import { Time } from '../../../parts/values.tsx';
import { Identifiers, sourceName } from './words.tsx';

export function Events({ space, profile }: { readonly space: string; readonly profile: Profile }) {
  const query = useInfiniteQuery(profileEventsQuery(space, profile.id));
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  /** Kept here, as rows out of sight are not drawn. */
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const toggle = (key: string, isOpen: boolean) =>
    setOpen((before) => {
      if (before.has(key) === isOpen) return before;
      const after = new Set(before);
      if (isOpen) after.add(key);
      else after.delete(key);
      return after;
    });
  const columns: readonly Column<ProfileEvent>[] = [
    { label: 'When', width: 'clamp(6.5rem, 22vw, 14rem)', cell: ({ timestamp }) => <Time at={timestamp} /> },
    {
      label: 'What',
      cell: (event) => (
        <OneEvent
          {...{ event, space, profile }}
          isOpen={open.has(keyOf(event))}
          onToggle={(isOpen) => toggle(keyOf(event), isOpen)}
        />
      ),
    },
  ];
  return (
    <Loaded query={query} what="the events">
      {({ pages }) => {
        const events = pages.flatMap((page) => page.events);
        return events.length === 0 ? (
          <Empty title="No event yet">
            Events come with the action Send Track of a mapping, or with track, page and screen calls of a source. They
            are kept for a time that the server is set to.
          </Empty>
        ) : (
          <ListTable
            title="Newest first"
            rows={events}
            keyOf={keyOf}
            columns={columns}
            minWidth={300}
            {...(hasNextPage && { onEnd: () => void (!isFetchingNextPage && fetchNextPage()) })}
          />
        );
      }}
    </Loaded>
  );
}

const keyOf = ({ timestamp, messageId }: ProfileEvent) => `${timestamp} ${messageId}`;
const kinds = { track: null, page: 'page', screen: 'screen' } as const;

function OneEvent({
  event,
  space,
  profile,
  isOpen,
  onToggle,
}: {
  readonly event: ProfileEvent;
  readonly space: string;
  readonly profile: Profile;
  readonly isOpen: boolean;
  readonly onToggle: (isOpen: boolean) => void;
}) {
  const kind = kinds[event.type];
  const other = profile.collection === 'accounts' ? event.userId : event.accountId;
  return (
    <details open={isOpen} onToggle={({ currentTarget }) => onToggle(currentTarget.open)}>
      <summary>
        <strong style={{ overflowWrap: 'anywhere' }}>{event.name}</strong>{' '}
        {kind !== null && (
          <Badge variant="light" size="sm">
            {kind}
          </Badge>
        )}{' '}
        <Text span size="sm" c="dimmed">
          from {sourceName(event.source)}
        </Text>
      </summary>
      {isOpen && (
        <Stack gap="xs" pt="xs">
          <Part title="Properties" value={event.properties} />
          <Part title="Context" value={event.context} />
          <Group gap="xl" align="flex-start" style={{ rowGap: 4 }}>
            <div>
              <Text size="xs" c="dimmed">
                Came by
              </Text>
              <Identifiers ids={event.identifiers} />
            </div>
            <div>
              <Text size="xs" c="dimmed">
                Message
              </Text>
              <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
                {event.messageId}
              </Text>
            </div>
            {other !== null && (
              <Anchor
                size="sm"
                renderRoot={(props) => (
                  <Link {...props} to="/profiles/$space/$id" params={{ space, id: other }} search={{}} />
                )}
              >
                {profile.collection === 'accounts' ? 'Who did it' : 'In the name of this account'}
              </Anchor>
            )}
          </Group>
        </Stack>
      )}
    </details>
  );
}

function Part({ title, value }: { readonly title: string; readonly value: JsonObject }) {
  return (
    <div>
      <Text size="xs" c="dimmed">
        {title}
      </Text>
      {Object.keys(value).length === 0 ? (
        <Text size="sm">none</Text>
      ) : (
        <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
          {JSON.stringify(value, null, 2)}
        </Code>
      )}
    </div>
  );
}
