/** What the pages of the settings ask for (`docs/public-api.md`). */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { allPages, api } from './client.ts';
import type { Destination, Mapping } from './types.ts';

const root = '/public-api';

export interface LabelRef {
  readonly key: string;
  readonly value: string;
}

/** Where a role holds: `WORKSPACE` is everywhere. */
export interface Place {
  readonly id?: string;
  readonly type: 'WORKSPACE' | 'SOURCE' | 'SPACE';
  readonly labels?: readonly LabelRef[];
}

export interface Permission {
  readonly roleId: string;
  readonly roleName?: string;
  readonly resources: readonly Place[];
}

export interface Role {
  readonly id: string;
  readonly name: string;
  readonly description: string;
}

export interface Person {
  readonly id: string;
  readonly email: string;
  /** Empty until they came in for the first time. */
  readonly name: string;
  readonly hasPassword: boolean;
  readonly createdAt: string;
  readonly permissions: readonly Permission[];
}

/** Good once; `path` is below the address of the app. */
export interface OneTimeLink {
  readonly email: string;
  readonly path: string;
  readonly expiresAt: string;
}

export interface Token {
  readonly id: string;
  readonly name: string;
  readonly permissions: readonly Permission[];
  readonly createdAt: string;
  readonly usedAt: string | null;
  readonly revokedAt: string | null;
}

export type AlertEvent = 'sync_failed' | 'sync_partly_failed' | 'delivery_rate' | 'schedule_missed';

/** Exactly one of them. */
export interface Channel {
  readonly webhook?: { readonly url: string; readonly secret?: string };
  readonly email?: { readonly to: readonly string[] };
  readonly slack?: { readonly url: string };
}

export interface AlertRule {
  readonly id: string;
  readonly name: string;
  readonly on: readonly AlertEvent[];
  readonly mappingIds: readonly string[] | null;
  readonly thresholdPercent: number | null;
  readonly channels: readonly Channel[];
  readonly enabled: boolean;
}

export interface Tested {
  readonly channels: readonly {
    readonly channelNo: number;
    readonly channel: keyof Channel;
    readonly sent: boolean;
    readonly answer: string;
  }[];
}

export interface Notice {
  readonly id: string;
  readonly alert: string;
  readonly mapping: string | null;
  readonly mappingId: string | null;
  readonly destinationId: string | null;
  readonly syncId: string | null;
  readonly phase: 'opened' | 'resolved' | 'test';
  readonly what: string;
  readonly why: string;
  readonly help: string;
  readonly createdAt: string;
  readonly readAt: string | null;
  readonly sends: readonly {
    readonly channel: keyof Channel;
    readonly state: 'waiting' | 'sent' | 'failed';
    readonly answer: string | null;
  }[];
}

export interface AuditEntry {
  readonly id: string;
  readonly timestamp: string;
  readonly type: string;
  readonly actor: string;
  readonly actorName: string;
  readonly resourceId: string;
  readonly resourceType: string;
  readonly resourceName: string;
  readonly changed: readonly string[];
}

export interface Session {
  readonly id: string;
  readonly createdAt: string;
  readonly seenAt: string;
  readonly address: string;
  readonly userAgent: string;
  readonly isCurrent: boolean;
}

export const rolesQuery = queryOptions({
  queryKey: ['roles'],
  queryFn: ({ signal }) => allPages<Role>(`${root}/roles`, 'roles', signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export const labelsQuery = queryOptions({
  queryKey: ['labels'],
  queryFn: async ({ signal }) => (await api.get<{ labels: readonly LabelRef[] }>(`${root}/labels`, signal)).labels,
});

export const peopleQuery = queryOptions({
  queryKey: ['people'],
  queryFn: ({ signal }) => allPages<Person>(`${root}/people`, 'people', signal),
});

export const tokensQuery = queryOptions({
  queryKey: ['tokens'],
  queryFn: ({ signal }) => allPages<Token>(`${root}/tokens`, 'tokens', signal),
});

export const alertsQuery = queryOptions({
  queryKey: ['alerts'],
  queryFn: ({ signal }) => allPages<AlertRule>(`${root}/alerts`, 'alerts', signal),
});

/** Of all destinations. */
export const allMappingsQuery = queryOptions({
  queryKey: ['mappings'],
  queryFn: async ({ signal }) => {
    const destinations = await allPages<Destination>(`${root}/destinations`, 'destinations', signal);
    const lists = await Promise.all(
      destinations.map(({ id }) =>
        allPages<Mapping>(`${root}/destinations/${id}/subscriptions`, 'subscriptions', signal),
      ),
    );
    return lists.flat();
  },
});

interface Paged {
  readonly pagination: { readonly next?: string; readonly totalEntries?: number };
}
const firstPage = 'MA==';
const pageOf = (count: number, cursor: string) =>
  `pagination[count]=${count}&pagination[cursor]=${encodeURIComponent(cursor)}`;

export const noticesQuery = (unreadOnly: boolean) =>
  infiniteQueryOptions({
    queryKey: ['notices', 'list', unreadOnly],
    initialPageParam: firstPage,
    queryFn: ({ pageParam, signal }) =>
      api.get<{ notices: readonly Notice[]; unread: number } & Paged>(
        `${root}/notices?${pageOf(20, pageParam)}${unreadOnly ? '&unread=true' : ''}`,
        signal,
      ),
    getNextPageParam: ({ pagination }) => pagination.next,
  });

export const unreadQuery = queryOptions({
  queryKey: ['notices', 'unread'],
  queryFn: async ({ signal }) => (await api.get<{ unread: number }>(`${root}/notices/unread`, signal)).unread,
  refetchInterval: 30_000,
});

export const auditQuery = (kind: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ['audit', kind ?? ''],
    initialPageParam: firstPage,
    queryFn: ({ pageParam, signal }) =>
      api.get<{ entries: readonly AuditEntry[] } & Paged>(
        `${root}/audit-trail?${pageOf(100, pageParam)}${kind === undefined ? '' : `&resourceType=${kind}`}`,
        signal,
      ),
    getNextPageParam: ({ pagination }) => pagination.next,
  });

export const sessionsQuery = queryOptions({
  queryKey: ['sessions'],
  queryFn: async ({ signal }) => (await api.get<{ sessions: readonly Session[] }>('/app/sessions', signal)).sessions,
});
