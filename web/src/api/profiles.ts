/** Profiles of a space: what pages ask for, and what the server answers (`docs/public-api.md`, "Profiles"). */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';
import type { JsonObject, JsonValue } from './json.ts';

export type Collection = 'users' | 'accounts';

export interface Identifier {
  readonly type: string;
  readonly id: string;
}

export interface ProfileSummary {
  readonly id: string;
  readonly collection: Collection;
  readonly name: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly identifiers: readonly Identifier[];
  readonly identifierCount: number;
  readonly foundBy?: readonly Identifier[];
}

/** Without a name: it is gone, or the person's role does not show it. */
export interface NamedSource {
  readonly id: string;
  readonly name?: string;
}

export interface Origin {
  readonly source: NamedSource;
  readonly mapping?: NamedSource & { readonly destinationId?: string; readonly source?: NamedSource };
  readonly sync?: { readonly id: string; readonly known: boolean };
  readonly messageId: string | null;
  readonly updatedAt: string;
}

export interface Trait {
  readonly key: string;
  readonly value: JsonValue;
  readonly class: 'custom' | 'computed_trait' | 'audience';
  /** Of what is computed the source is the audience or computed trait. */
  readonly origin: Origin;
}

export interface ProfileIdentifier extends Identifier {
  readonly createdAt: string;
  readonly lastSeenAt: string;
  readonly source: NamedSource;
  readonly firstMessageId: string | null;
}

export interface IdentifierLimit {
  readonly type: string;
  readonly count: number;
  readonly limit?: number;
  readonly window?: 'ever' | 'annually' | 'monthly' | 'weekly' | 'daily';
}

export type SubscriptionStatus = 'SUBSCRIBED' | 'UNSUBSCRIBED' | 'DID_NOT_SUBSCRIBE';

export interface ContactState {
  readonly channel: string;
  readonly key: string;
  readonly status: SubscriptionStatus | null;
  readonly updatedAt?: string;
  readonly groups: readonly { readonly name: string; readonly status: SubscriptionStatus }[];
}

export interface Profile {
  readonly id: string;
  readonly collection: Collection;
  readonly name: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly lastEventAt: string;
  /** The id that was asked for, when it was merged into this profile. */
  readonly mergedFrom?: string;
  readonly mergedIds: readonly string[];
  readonly traits: readonly Trait[];
  readonly identifiers: readonly ProfileIdentifier[];
  readonly limits: readonly IdentifierLimit[];
  readonly consent: Readonly<Record<string, boolean | 'conflict'>> | null;
  readonly subscriptions: readonly ContactState[];
}

export interface ProfileEvent {
  readonly messageId: string;
  readonly type: 'track' | 'page' | 'screen';
  readonly name: string;
  readonly timestamp: string;
  readonly source: NamedSource;
  readonly identifiers: readonly Identifier[];
  readonly properties: JsonObject;
  readonly context: JsonObject;
  readonly userId: string;
  readonly accountId: string | null;
}

export interface LinkedProfile extends ProfileSummary {
  readonly linkedAt: string;
  readonly traits: readonly { readonly key: string; readonly value: JsonValue }[];
}

interface Paged {
  readonly pagination: { readonly next?: string };
}

const root = (space: string) => `/public-api/spaces/${encodeURIComponent(space)}/profiles`;
const perPage = 50;
const firstPage = 'MA==';
const paged = (cursor: string) => `pagination[count]=${perPage}&pagination[cursor]=${encodeURIComponent(cursor)}`;
const nextOf = ({ pagination }: Paged) => pagination.next;

export const recentProfilesQuery = (space: string, collection: Collection) =>
  infiniteQueryOptions({
    queryKey: ['profiles', space, 'recent', collection],
    queryFn: ({ pageParam, signal }) =>
      api.get<{ profiles: readonly ProfileSummary[] } & Paged>(
        `${root(space)}?collection=${collection}&${paged(pageParam)}`,
        signal,
      ),
    initialPageParam: firstPage,
    getNextPageParam: nextOf,
  });

export const foundProfilesQuery = (space: string, find: string) =>
  queryOptions({
    queryKey: ['profiles', space, 'found', find],
    queryFn: ({ signal }) =>
      api.get<{ profiles: readonly ProfileSummary[]; searched: readonly string[] }>(
        `${root(space)}?find=${encodeURIComponent(find)}`,
        signal,
      ),
  });

export const profileQuery = (space: string, id: string) =>
  queryOptions({
    queryKey: ['profiles', space, 'one', id],
    queryFn: async ({ signal }) =>
      (await api.get<{ profile: Profile }>(`${root(space)}/${encodeURIComponent(id)}`, signal)).profile,
  });

export const profileEventsQuery = (space: string, id: string) =>
  infiniteQueryOptions({
    queryKey: ['profiles', space, 'events', id],
    queryFn: ({ pageParam, signal }) =>
      api.get<{ events: readonly ProfileEvent[] } & Paged>(`${root(space)}/${id}/events?${paged(pageParam)}`, signal),
    initialPageParam: firstPage,
    getNextPageParam: nextOf,
  });

export const profileLinksQuery = (space: string, id: string) =>
  infiniteQueryOptions({
    queryKey: ['profiles', space, 'links', id],
    queryFn: ({ pageParam, signal }) =>
      api.get<{ links: readonly LinkedProfile[] } & Paged>(`${root(space)}/${id}/links?${paged(pageParam)}`, signal),
    initialPageParam: firstPage,
    getNextPageParam: nextOf,
  });
