/** Spaces as the Public API shows them (`docs/public-api.md`), and what the live view sends (`docs/live.md`). */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { allPages, api } from './client.ts';
import type { JsonObject } from './json.ts';

export const windows = ['ever', 'annually', 'monthly', 'weekly', 'daily'] as const;
export type Window = (typeof windows)[number];

export interface IdentifierRule {
  readonly type: string;
  readonly collection: 'users' | 'accounts';
  readonly limit: number;
  readonly per: Window;
  readonly blocked: {
    readonly values: readonly string[];
    readonly patterns: readonly string[];
    readonly recommended: boolean;
  };
  readonly custom: boolean;
}

export interface SpaceFilter {
  readonly name: string;
  readonly if: string;
  readonly description: string;
  readonly enabled: boolean;
}

export interface SpaceDetail {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly createdAt: string;
  readonly identifiers: readonly IdentifierRule[];
  readonly otherIdentifiers: readonly IdentifierRule[];
  readonly autoRegister: boolean;
  readonly filters: readonly SpaceFilter[];
  readonly unreadableFilters: readonly { readonly name: string; readonly message: string }[];
  readonly subscriptionGroups: readonly string[];
  readonly identifierDeletion: boolean;
  readonly hasProfiles: boolean;
  /** Event streams that are connected to it. */
  readonly sources: readonly { readonly id: string; readonly name: string }[];
  readonly mappings: readonly { readonly id: string; readonly name: string; readonly destinationId: string }[];
}

export interface SpaceToken {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  readonly revokedAt: string | null;
}

export interface LogEntry {
  readonly at: string;
  readonly kind: 'drop' | 'violation';
  readonly reason: string;
  readonly detail: string;
  readonly sourceId: string;
  readonly syncId: string | null;
  readonly messageId: string | null;
  readonly count: number;
}

export interface Arrival {
  readonly kind: 'arrival';
  readonly at: string;
  readonly sourceId: string;
  readonly syncId?: string;
  readonly messageId?: string;
  readonly type: string;
  readonly event?: string;
  readonly userId?: string;
  readonly anonymousId?: string;
  readonly groupId?: string;
  readonly outcome: 'applied' | 'dropped';
  readonly profileId?: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly message?: JsonObject;
  readonly cut?: true;
}

export const spacePath = (id: string) => `/public-api/spaces/${encodeURIComponent(id)}`;

export const spaceQuery = (id: string) =>
  queryOptions({
    queryKey: ['spaces', id],
    queryFn: async ({ signal }) => (await api.get<{ space: SpaceDetail }>(spacePath(id), signal)).space,
  });

export const spaceTokensQuery = (id: string) =>
  queryOptions({
    queryKey: ['spaces', id, 'tokens'],
    queryFn: ({ signal }) => allPages<SpaceToken>(`${spacePath(id)}/tokens`, 'tokens', signal),
  });

interface LogPage {
  readonly entries: readonly LogEntry[];
  readonly pagination: { readonly next?: string };
}

export const spaceLogQuery = (id: string, reason: string | undefined) =>
  infiniteQueryOptions({
    queryKey: ['spaces', id, 'log', reason ?? ''],
    queryFn: ({ pageParam, signal }) => {
      const only = reason === undefined ? '' : `&reason=${encodeURIComponent(reason)}`;
      const page = `pagination[count]=100&pagination[cursor]=${encodeURIComponent(pageParam)}`;
      return api.get<LogPage>(`${spacePath(id)}/log?${page}${only}`, signal);
    },
    initialPageParam: 'MA==',
    getNextPageParam: ({ pagination }) => pagination.next,
  });
