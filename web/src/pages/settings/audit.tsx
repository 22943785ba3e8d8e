/** Settings > Audit trail: who changed what, and when. */
import { Code, Select, Stack, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type AuditEntry, auditQuery } from '../../api/settings.ts';
import { type Column, ListTable } from '../../parts/list-table.tsx';
import { Page } from '../../parts/page.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { Copied, Time } from '../../parts/values.tsx';

/** The kinds of things that are changed, as people call them. */
const kinds: Readonly<Record<string, string>> = {
  source: 'Sources',
  model: 'Models',
  integration: 'Destinations',
  destination_subscription: 'Mappings',
  space: 'Spaces',
  user: 'People',
  token: 'Tokens',
  alert: 'Alerts',
  label: 'Labels',
};

/** The vendor's words are those of the API; these are those of the app. */
function actText(type: string): string {
  return type
    .replace(/^Destination Subscription /, 'Mapping ')
    .replace(/^Integration /, 'Destination ')
    .replace(/^User /, 'Person ')
    .replace(/^Access Token /, 'Token ')
    .replace(/ (\w)(?=[a-z]+)/g, (_, letter: string) => ` ${letter.toLowerCase()}`);
}

const columns: readonly Column<AuditEntry>[] = [
  { label: 'When', width: '200px', cell: ({ timestamp }) => <Time at={timestamp} /> },
  { label: 'Who', cell: ({ actorName }) => actorName },
  { label: 'What', cell: ({ type }) => actText(type) },
  { label: 'On', cell: ({ resourceName }) => <span style={{ overflowWrap: 'anywhere' }}>{resourceName}</span> },
  {
    label: 'Details',
    width: '30%',
    cell: ({ changed, resourceId, actor }) => (
      <details>
        <summary>{changed.length === 0 ? 'Show' : `${changed.length} changed`}</summary>
        <Stack gap={4} pt={4}>
          {changed.length > 0 && (
            <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
              {changed.map((path) => (
                <Code key={path} mr={4}>
                  {path}
                </Code>
              ))}
            </Text>
          )}
          <Copied value={resourceId} label="the id of what changed" />
          <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
            By {actor}
          </Text>
        </Stack>
      </details>
    ),
  },
];

export function Audit() {
  const { kind } = useSearch({ from: '/inside/settings/audit' });
  const navigate = useNavigate();
  const query = useInfiniteQuery(auditQuery(kind));
  const { hasNextPage, isFetching, fetchNextPage } = query;
  const onEnd = () => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  };
  return (
    <Page title="Audit trail" lead="Who changed what, newest first. Values, such as passwords, are never kept.">
      <Select
        label="Show"
        maw={280}
        allowDeselect={false}
        value={kind ?? ''}
        data={[
          { value: '', label: 'Everything' },
          ...Object.entries(kinds).map(([value, label]) => ({ value, label })),
        ]}
        onChange={(next) => void navigate({ to: '/settings/audit', search: next ? { kind: next } : {} })}
      />
      <Loaded query={query} what="the audit trail">
        {({ pages }) => {
          const entries = distinct(pages.flatMap((page) => page.entries));
          return entries.length === 0 ? (
            <Empty title="Nobody changed anything here yet">
              Whatever is added, changed or removed is written down here, with who did it.
            </Empty>
          ) : (
            <ListTable
              rows={entries}
              keyOf={({ id }) => id}
              columns={columns}
              minWidth={900}
              total={pages[0]?.pagination.totalEntries ?? entries.length}
              onEnd={onEnd}
            />
          );
        }}
      </Loaded>
    </Page>
  );
}

/** What happens while one reads moves the pages on. */
function distinct(entries: readonly AuditEntry[]): readonly AuditEntry[] {
  return [...new Map(entries.map((entry) => [entry.id, entry])).values()];
}
