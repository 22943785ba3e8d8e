/** Who would be in an audience that is not saved: asked for, then looked at until it is counted. Nothing is written. */
import { Alert, Button, Card, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type ComputationOptions, type Entity, previewQuery, startPreview } from '../../../api/audiences.ts';
import { Failed } from '../../../parts/states.tsx';
import { Count } from '../../../parts/values.tsx';
import { ProfileLinks } from './profile-links.tsx';
import { faultsOfQuery } from './query-faults.ts';
import { peopleOf } from './words.tsx';

/** What is looked at. */
export interface Draft {
  readonly query: string;
  readonly options: Partial<ComputationOptions>;
}

const shown = 20;

export function Preview({
  space,
  entity,
  draft,
  onRefused,
}: {
  readonly space: string;
  readonly entity: Entity;
  readonly draft: Draft;
  /** The query has faults: they stand at the query. */
  readonly onRefused: (error: Error | null) => void;
}) {
  const [asked, setAsked] = useState<{ readonly id: string; readonly text: string } | null>(null);
  const [isAsking, setAsking] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const text = JSON.stringify([entity, draft]);

  async function ask() {
    setAsking(true);
    setError(null);
    setAsked(null);
    onRefused(null);
    try {
      setAsked({ id: await startPreview(space, entity, draft), text });
    } catch (fault) {
      if (faultsOfQuery(fault as Error).length > 0) onRefused(fault as Error);
      else setError(fault as Error);
    } finally {
      setAsking(false);
    }
  }

  return (
    <Card withBorder component="section" aria-label="Preview">
      <Stack gap="sm">
        <Group justify="space-between">
          <Title order={3} size="h5">
            Who would be in it
          </Title>
          <Button variant="light" loading={isAsking} disabled={draft.query.trim() === ''} onClick={() => void ask()}>
            Preview
          </Button>
        </Group>
        {error !== null && (
          <Alert color="red" role="alert" title="It could not be previewed">
            {error.message}
          </Alert>
        )}
        {asked === null ? (
          <Text size="sm" c="dimmed">
            Counts the profiles that meet the condition now, and shows some of them. Nothing is written.
          </Text>
        ) : (
          <Outcome space={space} entity={entity} id={asked.id} isOld={asked.text !== text} />
        )}
      </Stack>
    </Card>
  );
}

function Outcome({
  space,
  entity,
  id,
  isOld,
}: {
  readonly space: string;
  readonly entity: Entity;
  readonly id: string;
  /** Something was changed since. */
  readonly isOld: boolean;
}) {
  const { data: preview, error, refetch } = useQuery(previewQuery(space, id));
  if (error !== null && preview === undefined) return <Failed error={error} retry={() => void refetch()} />;
  if (preview === undefined || preview.status === 'RUNNING') {
    return (
      <Group gap="xs" role="status">
        <Loader size="xs" aria-hidden />
        <Text size="sm">Looking at every profile …</Text>
      </Group>
    );
  }
  if (preview.status === 'FAILED') {
    return (
      <Alert color="red" role="alert" title="The preview failed">
        {preview.failureReason ?? 'The server did not say why.'}
      </Alert>
    );
  }
  const { results = [], size } = preview;
  const count = size?.count ?? 0;
  return (
    <Stack gap="sm">
      <Text role="status">
        {count === 0 ? (
          `No ${entity === 'USERS' ? 'user' : 'account'} meets it now.`
        ) : (
          <>
            <strong>
              <Count value={count} />
            </strong>{' '}
            {count === 1 ? peopleOf(entity).replace(/s$/, '') : peopleOf(entity)} would be in it.
          </>
        )}
      </Text>
      {isOld && (
        <Text size="sm" c="dimmed">
          That was before your latest changes on this page.
        </Text>
      )}
      {results.length > 0 && (
        <ProfileLinks
          space={space}
          ids={results.slice(0, shown).map(({ id: profile }) => profile)}
          title={count > shown ? `${shown} of them` : 'They are'}
        />
      )}
    </Stack>
  );
}
