/** An alert as a form: what it is about, and whom it tells. */
import {
  Button,
  Card,
  Checkbox,
  Group,
  MultiSelect,
  NumberInput,
  Stack,
  Switch,
  TagsInput,
  Text,
  TextInput,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { type AlertEvent, type AlertRule, allMappingsQuery, type Channel } from '../../api/settings.ts';
import { Faults, fieldFaults } from '../../parts/faults.tsx';
import { useForm } from '../../parts/use-form.ts';
import { channelWords, events } from './alert-words.ts';

/** A channel with a key that stays while others are added and taken away. */
interface Row {
  readonly key: number;
  readonly channel: Channel;
}

const empty: Readonly<Record<keyof Channel, Channel>> = {
  webhook: { webhook: { url: '' } },
  email: { email: { to: [] } },
  slack: { slack: { url: '' } },
};
const usualThreshold = 98;
const ours = /^(name|on|mappingIds|thresholdPercent|channels)(\.|$)/;

export function AlertForm({ alert, done }: { readonly alert: AlertRule | null; readonly done: () => void }) {
  const [name, setName] = useState(alert?.name ?? '');
  const [on, setOn] = useState<readonly string[]>(alert?.on ?? ['sync_failed', 'schedule_missed']);
  const [threshold, setThreshold] = useState<number | string>(alert?.thresholdPercent ?? usualThreshold);
  const [mappingIds, setMappingIds] = useState<readonly string[]>(alert?.mappingIds ?? []);
  const [enabled, setEnabled] = useState(alert?.enabled ?? true);
  const [rows, setRows] = useState<readonly Row[]>(() =>
    (alert?.channels ?? []).map((channel, key) => ({ key, channel })),
  );
  const { data: mappings = [] } = useQuery(allMappingsQuery);
  const { submit, error, isBusy } = useForm(async () => {
    const body = {
      ...{ name, on, enabled },
      mappingIds: mappingIds.length === 0 ? null : mappingIds,
      thresholdPercent: on.includes('delivery_rate') ? Number(threshold) : null,
      channels: rows.map(({ channel }) => channel),
    };
    if (alert === null) await api.post('/public-api/alerts', body);
    else await api.patch(`/public-api/alerts/${alert.id}`, body);
    done();
  });
  const faults = fieldFaults(error);
  const faultUnder = (path: string) =>
    Object.entries(faults).find(([field]) => field === path || field.startsWith(`${path}.`))?.[1];
  const nextKey = Math.max(-1, ...rows.map(({ key }) => key)) + 1;
  const known = new Set(mappings.map(({ id }) => id));
  const data = [
    ...mappings.map(({ id, name: label }) => ({ value: id, label })),
    ...mappingIds.filter((id) => !known.has(id)).map((id) => ({ value: id, label: id })),
  ];
  return (
    <form onSubmit={submit}>
      <Stack>
        <Faults error={error} shown={(field) => ours.test(field)} />
        <TextInput
          label="Name"
          placeholder="Nightly syncs"
          required
          maxLength={100}
          data-autofocus
          value={name}
          error={faults.name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Checkbox.Group label="Tell when" value={[...on]} onChange={setOn} error={faultUnder('on')}>
          <Stack gap="xs" mt="xs">
            {(Object.keys(events) as AlertEvent[]).map((event) => (
              <Checkbox key={event} value={event} label={events[event]} />
            ))}
          </Stack>
        </Checkbox.Group>
        {on.includes('delivery_rate') && (
          <NumberInput
            label="Fewer than this share, in percent"
            min={0}
            max={100}
            maw={280}
            value={threshold}
            error={faults.thresholdPercent}
            onChange={setThreshold}
          />
        )}
        <MultiSelect
          label="Mappings"
          description="Leave it empty for all of them, also those that are added later."
          placeholder={mappingIds.length === 0 ? 'All mappings' : ''}
          searchable
          data={data}
          value={[...mappingIds]}
          error={faultUnder('mappingIds')}
          onChange={setMappingIds}
        />
        <Stack gap="xs">
          <Text fw={500} size="sm">
            Whom to tell
          </Text>
          <Text size="sm" c="dimmed">
            Everything is in the app, in the list of notices. Add further ways here.
          </Text>
          {rows.map(({ key, channel }, at) => (
            <ChannelFields
              key={key}
              no={at + 1}
              channel={channel}
              faultAt={(path) => faultUnder(`channels.${at}${path}`)}
              onChange={(next) => setRows(rows.map((row) => (row.key === key ? { key, channel: next } : row)))}
              remove={() => setRows(rows.filter((row) => row.key !== key))}
            />
          ))}
          <Group gap="xs">
            {(Object.keys(empty) as (keyof Channel)[]).map((kind) => (
              <Button
                key={kind}
                size="xs"
                variant="default"
                onClick={() => setRows([...rows, { key: nextKey, channel: empty[kind] }])}
              >
                Add {kind === 'email' ? 'e-mail' : channelWords[kind]}
              </Button>
            ))}
          </Group>
        </Stack>
        <Switch label="Enabled" checked={enabled} onChange={(event) => setEnabled(event.currentTarget.checked)} />
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy}>
            {alert === null ? 'Add alert' : 'Save alert'}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function ChannelFields({
  no,
  channel: { webhook, email, slack },
  onChange,
  remove,
  faultAt,
}: {
  readonly no: number;
  readonly channel: Channel;
  readonly onChange: (channel: Channel) => void;
  readonly remove: () => void;
  readonly faultAt: (path: string) => string | undefined;
}) {
  const kind = webhook !== undefined ? 'webhook' : email !== undefined ? 'email' : 'slack';
  return (
    <Card withBorder padding="sm" component="fieldset" aria-label={`${channelWords[kind]}, number ${no}`}>
      <Stack gap="xs">
        <Group justify="space-between">
          <Text fw={500} size="sm">
            {channelWords[kind]}
          </Text>
          <Button
            size="compact-xs"
            variant="subtle"
            color="red"
            aria-label={`Take ${channelWords[kind]} ${no} away`}
            onClick={remove}
          >
            Take away
          </Button>
        </Group>
        {webhook !== undefined && (
          <>
            <TextInput
              label="Webhook URL"
              placeholder="https://example.com/hooks/…"
              required
              value={webhook.url}
              error={faultAt('.webhook.url')}
              onChange={(event) => onChange({ webhook: { ...webhook, url: event.currentTarget.value } })}
            />
            <TextInput
              label="Secret"
              description="Optional: each message is signed with it, so that the receiver knows it is from here."
              autoComplete="off"
              value={webhook.secret ?? ''}
              error={faultAt('.webhook.secret')}
              onChange={(event) => onChange({ webhook: { ...webhook, secret: event.currentTarget.value } })}
            />
          </>
        )}
        {slack !== undefined && (
          <TextInput
            label="Incoming webhook URL"
            description="From Slack, or anything else that takes messages the same way."
            placeholder="https://hooks.slack.com/services/…"
            required
            value={slack.url}
            error={faultAt('.slack.url')}
            onChange={(event) => onChange({ slack: { url: event.currentTarget.value } })}
          />
        )}
        {email !== undefined && (
          <TagsInput
            label="Addresses"
            description="Press Enter after each."
            placeholder={email.to.length === 0 ? 'ops@example.com' : ''}
            splitChars={[',', ' ', ';']}
            acceptValueOnBlur
            value={[...email.to]}
            error={faultAt('.email')}
            onChange={(to) => onChange({ email: { to } })}
          />
        )}
        {faultAt('') !== undefined &&
          faultAt('.webhook') === undefined &&
          faultAt('.email') === undefined &&
          faultAt('.slack') === undefined && (
            <Text size="sm" c="var(--mantine-color-error)" data-fault>
              {faultAt('')}
            </Text>
          )}
      </Stack>
    </Card>
  );
}
