/** The call of the Profile API that answers what a tab shows, to copy. */
import { Button, Card, Code, CopyButton, Group, Stack, Text, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { Identifier, Profile } from '../../../api/profiles.ts';

export type Tab = 'traits' | 'identifiers' | 'events' | 'linked' | 'consent';

const calls: Readonly<Record<Tab, { readonly path: string; readonly note?: string }>> = {
  traits: { path: 'traits?limit=200&verbose=true' },
  identifiers: { path: 'external_ids?limit=200&verbose=true' },
  events: { path: 'events?limit=100', note: 'It answers the events of the last 14 days.' },
  linked: { path: 'links' },
  consent: {
    path: 'external_ids?limit=200&verbose=true',
    note: 'It answers the subscriptions, each beside its identifier; consent is shown here alone.',
  },
};

/** The way people name the profile themselves, where there is one. */
function addressOf({ id, identifiers }: Pick<Profile, 'id'> & { readonly identifiers: readonly Identifier[] }): string {
  const [first] = identifiers;
  return first === undefined ? id : `${first.type}:${encodeURIComponent(first.id)}`;
}

/** A text as a shell takes it whole. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

export function Call({
  space,
  profile,
  tab,
}: {
  readonly space: string;
  readonly profile: Profile;
  readonly tab: Tab;
}) {
  const { path, note } = calls[tab];
  const url = `${window.location.origin}/v1/spaces/${space}/collections/${profile.collection}/profiles/${addressOf(profile)}/${path}`;
  return <CallCard title="The same by the Profile API" space={space} url={url} note={note} />;
}

export function CallCard({
  title,
  space,
  url,
  note,
}: {
  readonly title: string;
  readonly space: string;
  readonly url: string;
  readonly note?: ReactNode;
}) {
  const command = `curl -u 'YOUR_TOKEN:' \\\n  ${quoted(url)}`;
  return (
    <Card withBorder component="section" aria-label={title}>
      <Stack gap="xs">
        <Group justify="space-between">
          <Title order={2} size="h5">
            {title}
          </Title>
          <CopyButton value={command}>
            {({ copied, copy }) => (
              <Button size="xs" variant="default" onClick={copy}>
                {copied ? 'Copied' : 'Copy the call'}
              </Button>
            )}
          </CopyButton>
        </Group>
        <Code block style={{ whiteSpace: 'pre-wrap', wordBreak: 'break-all' }}>
          {command}
        </Code>
        <Text size="sm" c="dimmed">
          {note !== undefined && <>{note} </>}
          Put an access token of{' '}
          <Link to="/spaces/$id" params={{ id: space }} search={{}}>
            the space
          </Link>{' '}
          in the place of YOUR_TOKEN.
        </Text>
      </Stack>
    </Card>
  );
}
