/**
 * Messages as they arrive at a space. Promised: no more than the newest 200 are held; what was left out, by the server, by a
 * pause or by age, is said.
 */
import { Alert, Badge, Button, Card, Code, Group, Stack, Text, TextInput, UnstyledButton } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useEffect, useId, useReducer, useState } from 'react';
import type { Arrival, SpaceDetail } from '../../../api/spaces.ts';
import { Empty } from '../../../parts/states.tsx';
import { Count, Time } from '../../../parts/values.tsx';
import { reasonWords } from './reasons.ts';

const mostShown = 200;

interface Item {
  readonly no: number;
  readonly arrival: Arrival;
  /** All of it, in lower case, to be searched. */
  readonly text: string;
}

interface Seen {
  readonly isPaused: boolean;
  readonly items: readonly Item[];
  /** How many arrived in all, of which these were never shown, or are shown no longer. */
  readonly arrived: number;
  readonly skipped: number;
  readonly whilePaused: number;
  readonly older: number;
}

type Happening =
  | { readonly what: 'arrival'; readonly arrival: Arrival }
  | { readonly what: 'skipped'; readonly count: number }
  | { readonly what: 'pause' | 'clear' };

const nothing: Seen = { isPaused: false, items: [], arrived: 0, skipped: 0, whilePaused: 0, older: 0 };

function next(seen: Seen, happening: Happening): Seen {
  switch (happening.what) {
    case 'pause':
      return { ...seen, isPaused: !seen.isPaused };
    case 'clear':
      return { ...nothing, isPaused: seen.isPaused };
    case 'skipped':
      return { ...seen, arrived: seen.arrived + happening.count, skipped: seen.skipped + happening.count };
    case 'arrival': {
      const arrived = seen.arrived + 1;
      if (seen.isPaused) return { ...seen, arrived, whilePaused: seen.whilePaused + 1 };
      const { arrival } = happening;
      const items = [{ no: arrived, arrival, text: JSON.stringify(arrival).toLowerCase() }, ...seen.items];
      const older = seen.older + Math.max(0, items.length - mostShown);
      return { ...seen, arrived, items: items.slice(0, mostShown), older };
    }
    default:
      return happening satisfies never;
  }
}

type Connection = 'connecting' | 'watching' | 'lost' | 'closed';

const endings: Readonly<Record<string, string>> = {
  server_closing: 'The server is stopping.',
  database_lost: 'The server lost its database.',
  token_invalid: 'You may not see this space any longer, or your session is over.',
  too_slow: 'This page was too slow to read.',
};

/** Reads the stream while the page is open. The browser connects again by itself after a break. */
function useStream(spaceId: string, tell: (happening: Happening) => void) {
  const [connection, setConnection] = useState<Connection>('connecting');
  const [ending, setEnding] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt opens it anew
  useEffect(() => {
    setConnection('connecting');
    const stream = new EventSource(`/v1/spaces/${encodeURIComponent(spaceId)}/live`);
    const on = <T,>(event: string, handle: (data: T) => void) =>
      stream.addEventListener(event, ({ data }: MessageEvent<string>) => handle(JSON.parse(data) as T));
    stream.addEventListener('open', () => {
      setConnection('watching');
      setEnding(null);
    });
    on<Arrival>('arrival', (arrival) => tell({ what: 'arrival', arrival }));
    on<{ count: number }>('skipped', ({ count }) => tell({ what: 'skipped', count }));
    on<{ reason: string }>('end', ({ reason }) => {
      setEnding(endings[reason] ?? reason);
      if (reason !== 'token_invalid') return;
      stream.close();
      setConnection('closed');
    });
    stream.addEventListener('error', () => setConnection(stream.readyState === EventSource.CLOSED ? 'closed' : 'lost'));
    return () => stream.close();
  }, [spaceId, tell, attempt]);
  return { connection, ending, again: () => setAttempt((no) => no + 1) };
}

export function Live({ space }: { readonly space: SpaceDetail }) {
  const [seen, tell] = useReducer(next, nothing);
  const { connection, ending, again } = useStream(space.id, tell);
  const [wanted, setWanted] = useState('');
  const search = wanted.trim().toLowerCase();
  const shown = search === '' ? seen.items : seen.items.filter(({ text }) => text.includes(search));
  return (
    <Stack>
      <Text c="dimmed" maw={760}>
        Messages as they arrive, whoever sends them. Nothing of it is stored; what came before you opened this page is
        not shown.
      </Text>
      <Group align="flex-end">
        <TextInput
          label="Show those with"
          placeholder="a user id, an event, any text"
          style={{ flex: '1 1 240px' }}
          maw={420}
          value={wanted}
          onChange={(event) => setWanted(event.currentTarget.value)}
        />
        <Button variant="default" onClick={() => tell({ what: 'pause' })}>
          {seen.isPaused ? 'Go on' : 'Pause'}
        </Button>
        <Button variant="default" disabled={seen.arrived === 0} onClick={() => tell({ what: 'clear' })}>
          Clear
        </Button>
      </Group>
      <Standing connection={connection} ending={ending} seen={seen} again={again} />
      {seen.items.length === 0 ? (
        <Empty title={seen.isPaused ? 'Paused' : 'Waiting for messages'}>
          {seen.isPaused
            ? 'Go on to see what arrives from then on.'
            : 'Send one, e.g. with the write key under Overview, or run a mapping. It shows here within a second or two.'}
        </Empty>
      ) : shown.length === 0 ? (
        <Empty title="No message here has this text">Clear the field to see all of them.</Empty>
      ) : (
        <Card withBorder padding={0}>
          <ul aria-label="Messages, newest first" style={{ listStyle: 'none', margin: 0, padding: 0 }}>
            {shown.map((item) => (
              <Message key={item.no} arrival={item.arrival} space={space} />
            ))}
          </ul>
        </Card>
      )}
    </Stack>
  );
}

function Standing({
  connection,
  ending,
  seen,
  again,
}: {
  readonly connection: Connection;
  readonly ending: string | null;
  readonly seen: Seen;
  readonly again: () => void;
}) {
  const { isPaused, arrived, skipped, whilePaused, older } = seen;
  const left = [
    [skipped, 'were too many to show'],
    [whilePaused, 'came while this was paused'],
    [older, `are older than the newest ${mostShown}`],
  ] as const;
  if (connection === 'closed') {
    return (
      <Alert color="red" role="alert" title="Nothing is watched any more">
        <Stack gap="xs" align="flex-start">
          <Text size="sm">
            {ending ??
              'The server did not let this page watch: too many pages may be watching already, or your session is over.'}
          </Text>
          <Button size="xs" variant="light" color="red" onClick={again}>
            Watch again
          </Button>
        </Stack>
      </Alert>
    );
  }
  const [color, label] =
    connection === 'watching' ? (isPaused ? ['yellow', 'paused'] : ['green', 'watching']) : ['gray', 'connecting'];
  return (
    <Group gap="sm">
      <Badge color={color} variant="dot" role="status">
        {label}
      </Badge>
      {connection === 'lost' && (
        <Text size="sm">The connection broke{ending === null ? '' : `: ${ending}`} Trying again …</Text>
      )}
      <Text size="sm" c="dimmed">
        <Count value={arrived} /> arrived
        {left.map(([count, why]) =>
          count === 0 ? null : (
            <span key={why}>
              , <Count value={count} /> {why}
            </span>
          ),
        )}
        .
      </Text>
    </Group>
  );
}

function Message({ arrival, space }: { readonly arrival: Arrival; readonly space: SpaceDetail }) {
  const [isOpen, setOpen] = useState(false);
  const panel = useId();
  const { at, type, event, userId, anonymousId, groupId, outcome, reason, detail, profileId, message, cut } = arrival;
  const who = userId ?? anonymousId ?? groupId ?? '';
  return (
    <li style={{ borderBottom: '1px solid var(--mantine-color-default-border)' }}>
      <UnstyledButton w="100%" p="sm" aria-expanded={isOpen} aria-controls={panel} onClick={() => setOpen(!isOpen)}>
        <Group gap="sm">
          <Badge color={outcome === 'applied' ? 'green' : 'red'} variant="dot">
            {outcome === 'applied' ? 'taken' : 'dropped'}
          </Badge>
          <Text size="sm" fw={600}>
            {type === '' ? 'message' : type}
          </Text>
          {event !== undefined && <Text size="sm">{event}</Text>}
          <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere', flex: '1 1 80px' }}>
            {who}
          </Text>
          <Text size="sm" c="dimmed" component="span">
            <Time at={at} />
          </Text>
        </Group>
        {reason !== undefined && (
          <Text size="sm" mt={4}>
            {reasonWords(reason)}
          </Text>
        )}
      </UnstyledButton>
      <div id={panel} hidden={!isOpen}>
        {isOpen && (
          <Stack gap="xs" px="sm" pb="sm">
            {detail !== undefined && <Text size="sm">{detail}</Text>}
            {profileId !== undefined && (
              <Link to="/profiles/$space/$id" params={{ space: space.id, id: profileId }}>
                The profile it came to
              </Link>
            )}
            {cut === true && (
              <Text size="sm" c="dimmed">
                The message is too large to be shown here.
              </Text>
            )}
            <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
              {JSON.stringify(message ?? arrival, null, 2)}
            </Code>
          </Stack>
        )}
      </div>
    </li>
  );
}
