/** What somebody allows: by category, and by the address or number they are reached at. */
import { Badge, Card, Stack, Table, Text, Title } from '@mantine/core';
import type { ContactState, Profile, SubscriptionStatus } from '../../../api/profiles.ts';
import { type Column, ListTable } from '../../../parts/list-table.tsx';
import { Empty } from '../../../parts/states.tsx';
import { Time } from '../../../parts/values.tsx';

const statuses: Readonly<Record<SubscriptionStatus, readonly [label: string, color: string]>> = {
  SUBSCRIBED: ['subscribed', 'green'],
  UNSUBSCRIBED: ['unsubscribed', 'red'],
  DID_NOT_SUBSCRIBE: ['did not subscribe', 'gray'],
};

function Status({ status }: { readonly status: SubscriptionStatus | null }) {
  if (status === null)
    return (
      <Text size="sm" c="dimmed">
        not known
      </Text>
    );
  const [label, color] = statuses[status];
  return (
    <Badge variant="dot" color={color}>
      {label}
    </Badge>
  );
}

const channels: Readonly<Record<string, string>> = {
  EMAIL: 'E-mail',
  SMS: 'SMS',
  WHATSAPP: 'WhatsApp',
  IOS_PUSH: 'iOS push',
  ANDROID_PUSH: 'Android push',
};

const columns: readonly Column<ContactState>[] = [
  { label: 'Channel', cell: ({ channel }) => channels[channel] ?? channel },
  { label: 'Address or number', cell: ({ key }) => <span style={{ overflowWrap: 'anywhere' }}>{key}</span> },
  { label: 'Status', cell: ({ status }) => <Status status={status} /> },
  {
    label: 'Groups',
    cell: ({ groups }) =>
      groups.length === 0 ? (
        <Text size="sm" c="dimmed">
          none
        </Text>
      ) : (
        groups.map(({ name, status }) => <div key={name}>{`${name}: ${statuses[status][0]}`}</div>)
      ),
  },
  { label: 'Said', cell: ({ updatedAt }) => <Time at={updatedAt} /> },
];

export function Consent({ profile: { collection, consent, subscriptions } }: { readonly profile: Profile }) {
  if (collection === 'accounts') {
    return <Empty title="Accounts have neither">Consent and subscriptions are those of the account's users.</Empty>;
  }
  return (
    <Stack>
      {consent === null ? (
        <Empty title="No consent is known">It comes with messages that carry a person's consent preferences.</Empty>
      ) : (
        <Categories consent={consent} />
      )}
      {subscriptions.length === 0 ? (
        <Empty title="Nothing to subscribe">
          No e-mail address, phone number or push token of theirs is known, so there are no subscriptions.
        </Empty>
      ) : (
        <ListTable
          title="Subscriptions"
          rows={subscriptions}
          keyOf={({ channel, key }) => `${channel}:${key}`}
          columns={columns}
          minWidth={640}
        />
      )}
    </Stack>
  );
}

function Categories({ consent }: { readonly consent: NonNullable<Profile['consent']> }) {
  return (
    <Card withBorder padding={0}>
      <Title order={2} size="h4" p="sm">
        Consent
      </Title>
      <Table verticalSpacing="sm">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Category</Table.Th>
            <Table.Th>Allowed</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {Object.entries(consent)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([category, value]) => (
              <Table.Tr key={category}>
                <Table.Td style={{ overflowWrap: 'anywhere' }}>{category}</Table.Td>
                <Table.Td>
                  <Allowed value={value} />
                </Table.Td>
              </Table.Tr>
            ))}
        </Table.Tbody>
      </Table>
    </Card>
  );
}

function Allowed({ value }: { readonly value: boolean | 'conflict' }) {
  if (value === 'conflict') {
    return (
      <Text size="sm">
        <Badge variant="dot" color="yellow">
          unclear
        </Badge>{' '}
        Two profiles that said different things were merged.
      </Text>
    );
  }
  return (
    <Badge variant="dot" color={value ? 'green' : 'red'}>
      {value ? 'yes' : 'no'}
    </Badge>
  );
}
