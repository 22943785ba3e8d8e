/** What the pages of profiles have in common: identifiers, values and origins as people read them. */
import { Anchor, Code, Stack, Text } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { JsonValue } from '../../../api/json.ts';
import type { Collection, Identifier, NamedSource, Origin } from '../../../api/profiles.ts';

export const kindOf = (collection: Collection) => (collection === 'users' ? 'user' : 'account');

/** @param count of all, when there are more than these */
export function Identifiers({
  ids,
  count = ids.length,
}: {
  readonly ids: readonly Identifier[];
  readonly count?: number;
}) {
  return (
    <Stack gap={0}>
      {ids.map(({ type, id }) => (
        <Text key={`${type}:${id}`} size="sm" style={{ overflowWrap: 'anywhere' }}>
          <Text span size="xs" c="dimmed">
            {type}
          </Text>{' '}
          {id}
        </Text>
      ))}
      {count > ids.length && (
        <Text size="xs" c="dimmed">
          and {count - ids.length} more
        </Text>
      )}
    </Stack>
  );
}

/** Longer ones are folded. */
const longest = 120;

export function Value({ value }: { readonly value: JsonValue }) {
  if (typeof value === 'string' && value.length <= longest) {
    return value === '' ? (
      <Text size="sm" c="dimmed">
        empty text
      </Text>
    ) : (
      <span style={{ overflowWrap: 'anywhere' }}>{value}</span>
    );
  }
  if (typeof value !== 'object' && typeof value !== 'string') return <span className="tabular">{String(value)}</span>;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (text.length <= longest) return <Code style={{ overflowWrap: 'anywhere' }}>{text}</Code>;
  return (
    <details>
      <summary style={{ overflowWrap: 'anywhere' }}>{text.slice(0, 60)} …</summary>
      <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
        {typeof value === 'string' ? value : JSON.stringify(value, null, 2)}
      </Code>
    </details>
  );
}

const isoTime = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;

/** What kind of value it is, in words. */
export function typeOf(value: JsonValue): string {
  if (Array.isArray(value)) return 'list';
  if (value === null) return 'nothing';
  switch (typeof value) {
    case 'string':
      return isoTime.test(value) ? 'time' : 'text';
    case 'number':
      return 'number';
    case 'boolean':
      return 'yes or no';
    default:
      return 'object';
  }
}

export const sourceName = ({ id, name }: NamedSource) => name ?? id;

/** Where a trait came from: the mapping and its sync, or the source that sent it. */
export function OriginOf({ origin: { source, mapping, sync } }: { readonly origin: Origin }) {
  if (mapping === undefined) return <span style={{ overflowWrap: 'anywhere' }}>{sourceName(source)}</span>;
  const { id, destinationId, source: warehouse } = mapping;
  return (
    <Stack gap={0}>
      {destinationId === undefined ? (
        <span style={{ overflowWrap: 'anywhere' }}>{sourceName(mapping)}</span>
      ) : (
        <Anchor
          size="sm"
          renderRoot={(props) => (
            <Link {...props} to="/destinations/$id/mappings/$mapping" params={{ id: destinationId, mapping: id }} />
          )}
        >
          {sourceName(mapping)}
        </Anchor>
      )}
      <Text size="xs" c="dimmed">
        {warehouse !== undefined && (
          <>
            from{' '}
            <Link to="/sources/$id" params={{ id: warehouse.id }} search={{}}>
              {sourceName(warehouse)}
            </Link>
          </>
        )}
        {sync?.known === true && destinationId !== undefined && (
          <>
            {' · '}
            <Link
              to="/destinations/$id/mappings/$mapping/syncs/$sync"
              params={{ id: destinationId, mapping: id, sync: sync.id }}
            >
              this sync
            </Link>
          </>
        )}
      </Text>
    </Stack>
  );
}
