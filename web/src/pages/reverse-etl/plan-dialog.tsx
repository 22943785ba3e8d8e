/** What the next sync of a mapping would do, counted, while nothing changes. */
import { Alert, Code, List, Modal, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { api } from '../../api/client.ts';
import type { SyncPlan } from '../../api/syncs.ts';
import { Counts } from '../../parts/counts.tsx';
import { Failed, Loading } from '../../parts/states.tsx';
import { durationWords } from '../../parts/values.tsx';

export function PlanDialog({ path, close }: { readonly path: string; readonly close: () => void }) {
  const query = useQuery({
    queryKey: ['plan', path],
    queryFn: async ({ signal }) => (await api.post<{ plan: SyncPlan }>(`${path}/plan`, {}, signal)).plan,
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  return (
    <Modal opened onClose={close} title="What the next sync would do" size="xl">
      {query.data !== undefined ? (
        <PlanView plan={query.data} />
      ) : query.error !== null ? (
        <Failed error={query.error} retry={() => void query.refetch()} />
      ) : (
        <Stack>
          <Loading what="a plan: every row of the model is read and compared. Closing this stops it" lines={2} />
        </Stack>
      )}
    </Modal>
  );
}

function PlanView({ plan }: { readonly plan: SyncPlan }) {
  const { counts, effects, failedRows, invalidRows } = plan;
  return (
    <Stack>
      <Text>{sentence(plan)}</Text>
      {plan.guard?.stops === true && (
        <Alert color="red" title="The guard of this mapping would stop it">
          It would touch {plan.guard.percent.toFixed(1)} % of the known rows; at most {plan.guard.limitPercent} % are
          allowed.
        </Alert>
      )}
      {plan.warnings.map((warning) => (
        <Alert key={warning} color="yellow">
          {warning}
        </Alert>
      ))}
      <Counts
        counts={[
          { label: 'Rows read', value: counts.extracted },
          { label: 'New', value: counts.added },
          { label: 'Updated', value: counts.updated },
          { label: 'Deleted', value: counts.deleted },
          { label: 'Unchanged', value: counts.unchanged },
          { label: 'Would be delivered', value: counts.delivered, color: 'green' },
          { label: 'Would be refused', value: counts.refused, color: 'red' },
          { label: 'Not asked for', value: counts.skipped },
          { label: 'Invalid', value: counts.invalid, color: 'red' },
        ]}
      />
      {effects !== null && (
        <Text size="sm">
          On profiles: {effects.profilesCreated.toLocaleString()} would be created, {effects.merged.toLocaleString()}{' '}
          merged, {effects.traitsChanged.toLocaleString()} traits changed.
        </Text>
      )}
      {(failedRows.length > 0 || invalidRows.length > 0) && (
        <Stack gap="xs">
          <Title order={3} size="h5">
            Rows that would fail, the first of them
          </Title>
          <List size="sm">
            {invalidRows.slice(0, 20).map((row) => (
              <List.Item key={`${row.reason} ${row.recordId}`}>
                <Code>{row.recordId ?? 'null'}</Code>{' '}
                {row.reason === 'identifier_null'
                  ? `${row.rows.toLocaleString()} rows have no identifier`
                  : `${row.rows.toLocaleString()} rows share this identifier`}
              </List.Item>
            ))}
            {failedRows.slice(0, 20).map((row) => (
              <List.Item key={row.no}>
                <Code>{row.recordId ?? 'null'}</Code> {row.reason}
              </List.Item>
            ))}
          </List>
        </Stack>
      )}
      <Text size="xs" c="dimmed">
        Planned in {durationWords(plan.seconds)}. Nothing was changed.
      </Text>
    </Stack>
  );
}

function sentence({ counts, sendsNothing }: SyncPlan): string {
  if (sendsNothing) return 'Its first sync skips the backfill: every row would be recorded as seen, and none sent.';
  const changed = counts.added + counts.updated + counts.deleted;
  if (changed === 0) return 'Nothing has changed since the last sync: nothing would be sent.';
  return `${counts.delivered.toLocaleString()} of ${changed.toLocaleString()} changed rows would be delivered.`;
}
