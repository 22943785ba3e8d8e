/** One row of the model, as the mapping makes a message of it; and the answer, when it is sent. Nothing has to be saved. */
import { Alert, Button, Card, Code, Group, Stack, Text, TextInput, Title } from '@mantine/core';
import { useState } from 'react';
import { ApiError, api } from '../../api/client.ts';
import type { JsonObject, JsonValue } from '../../api/json.ts';

interface Tested {
  readonly recordId: string;
  readonly event: JsonObject;
  readonly result:
    | { readonly kind: 'message'; readonly space: string; readonly message: JsonObject }
    | { readonly kind: 'skipped' | 'refused'; readonly reason: string };
  readonly receipt?: { readonly kind: string; readonly reason?: string } | null;
  readonly effects?: { readonly profilesCreated: number; readonly traitsChanged: number } | null;
}

export function TestRecord({
  destinationId,
  draft,
  mappingId,
  onRefused = () => undefined,
}: {
  readonly destinationId: string;
  /** What is in the form, or throws why it cannot be sent; left out for a mapping that is saved. */
  readonly draft?: () => object;
  readonly mappingId?: string;
  /** Faults that belong to fields of the form. */
  readonly onRefused?: (error: Error | null) => void;
}) {
  const [recordId, setRecordId] = useState('');
  const [tested, setTested] = useState<Tested | null>(null);
  const [refused, setRefused] = useState<{ readonly error: Error; readonly of: string } | null>(null);
  const [busy, setBusy] = useState<'look' | 'send' | null>(null);
  const row = recordId.trim() === '' ? {} : { recordId: recordId.trim() };
  const wanted = wantedOf(draft, row);
  /** A refusal is about what was tested: it does not outlast a change of it. */
  const error = refused?.of === wanted.key ? refused.error : null;
  async function test(send: boolean) {
    setBusy(send ? 'send' : 'look');
    setRefused(null);
    onRefused(null);
    const one = mappingId === undefined ? 'test' : `${mappingId}/test`;
    try {
      if ('fault' in wanted) throw wanted.fault;
      setTested(
        await api.post<Tested>(`/public-api/destinations/${destinationId}/subscriptions/${one}`, {
          ...wanted.body,
          send,
        }),
      );
    } catch (fault) {
      setTested(null);
      setRefused({ error: fault as Error, of: wanted.key });
      if (fault instanceof ApiError && fault.status === 422) onRefused(fault);
    } finally {
      setBusy(null);
    }
  }
  return (
    <Card withBorder>
      <Stack>
        <Stack gap={2}>
          <Title order={2} size="h4">
            Test record
          </Title>
          <Text size="sm" c="dimmed">
            See what one row becomes. Sending it changes its profile; the next sync sends it as if this had not been.
          </Text>
        </Stack>
        <Group align="flex-end">
          <TextInput
            label="Row"
            description="Its identifier; empty takes the first"
            value={recordId}
            onChange={(event) => setRecordId(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Enter') return;
              // It stands in the form of the mapping, which is not meant.
              event.preventDefault();
              void test(false);
            }}
          />
          <Button variant="light" loading={busy === 'look'} onClick={() => void test(false)}>
            Test a record
          </Button>
          <Button variant="default" loading={busy === 'send'} onClick={() => void test(true)}>
            Send it for real
          </Button>
        </Group>
        {error !== null && (
          <Alert color="red" role="alert" title="It cannot be tested yet">
            {error.message}
          </Alert>
        )}
        {tested !== null && <Shown tested={tested} />}
      </Stack>
    </Card>
  );
}

type Wanted = { readonly key: string } & ({ readonly body: object } | { readonly fault: unknown });

/** What a test would be of now, or why there can be none; `key` tells one from another. */
function wantedOf(draft: (() => object) | undefined, row: object): Wanted {
  try {
    const body = { ...draft?.(), ...row };
    return { key: JSON.stringify(body), body };
  } catch (fault) {
    return { key: `cannot be sent: ${(fault as Error).message}`, fault };
  }
}

function Shown({ tested }: { readonly tested: Tested }) {
  const { result, receipt, effects, recordId } = tested;
  return (
    <Stack gap="sm" role="status">
      {result.kind === 'message' ? (
        <Text size="sm">
          Row <Code>{recordId}</Code> becomes this message:
        </Text>
      ) : (
        <Alert color={result.kind === 'refused' ? 'red' : 'yellow'} title={`Row ${recordId} becomes no message`}>
          {result.reason}
        </Alert>
      )}
      {result.kind === 'message' && <Json value={result.message} label="The message" />}
      {receipt != null && (
        <Alert color={receipt.kind === 'delivered' ? 'green' : 'red'} title={receiptWords(receipt.kind)}>
          {receipt.reason ?? effectWords(effects)}
        </Alert>
      )}
      <details>
        <summary>The row as the mapping sees it</summary>
        <Json value={tested.event} label="The row as the mapping sees it" />
      </details>
    </Stack>
  );
}

function Json({ value, label }: { readonly value: JsonValue; readonly label: string }) {
  return (
    <Code block className="message" tabIndex={0} aria-label={label} role="region">
      {JSON.stringify(value, null, 2)}
    </Code>
  );
}

function receiptWords(kind: string): string {
  if (kind === 'delivered') return 'It was delivered';
  return kind === 'later' ? 'It could not be delivered now' : 'It was refused';
}

function effectWords(effects: Tested['effects']): string {
  if (effects == null) return 'The endpoint took it.';
  const { profilesCreated, traitsChanged } = effects;
  return `${profilesCreated === 1 ? 'A profile was created' : 'No profile was created'}, ${traitsChanged.toLocaleString()} ${traitsChanged === 1 ? 'trait' : 'traits'} changed.`;
}
