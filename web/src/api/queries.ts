/** What pages ask for, under one key each. */
import { queryOptions } from '@tanstack/react-query';
import { ApiError, allPages, api, setCsrfToken } from './client.ts';
import type {
  Destination,
  DestinationMetadata,
  Mapping,
  Me,
  Model,
  Source,
  SourceMetadata,
  Space,
  Sync,
} from './types.ts';

const root = '/public-api';

export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: async ({ signal }) => {
    const me = await api.get<Me | { readonly person: null }>('/app/me', signal);
    if (me.person === null) throw new ApiError(401, [{ type: 'unauthorized', message: 'Nobody is signed in.' }]);
    setCsrfToken(me.csrfToken);
    return me;
  },
  staleTime: 60_000,
  retry: false,
});

export const sourcesQuery = queryOptions({
  queryKey: ['sources'],
  queryFn: ({ signal }) => allPages<Source>(`${root}/sources`, 'sources', signal),
});

export const sourceQuery = (id: string) =>
  queryOptions({
    queryKey: ['sources', id],
    queryFn: async ({ signal }) => (await api.get<{ source: Source }>(`${root}/sources/${id}`, signal)).source,
  });

export const sourceCatalogQuery = queryOptions({
  queryKey: ['catalog', 'sources'],
  queryFn: ({ signal }) => allPages<SourceMetadata>(`${root}/catalog/sources`, 'sourcesCatalog', signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export const destinationCatalogQuery = queryOptions({
  queryKey: ['catalog', 'destinations'],
  queryFn: ({ signal }) => allPages<DestinationMetadata>(`${root}/catalog/destinations`, 'destinationsCatalog', signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export const modelsQuery = queryOptions({
  queryKey: ['models'],
  queryFn: ({ signal }) => allPages<Model>(`${root}/reverse-etl-models`, 'models', signal),
});

export const destinationsQuery = queryOptions({
  queryKey: ['destinations'],
  queryFn: ({ signal }) => allPages<Destination>(`${root}/destinations`, 'destinations', signal),
});

export const mappingsQuery = (destinationId: string) =>
  queryOptions({
    queryKey: ['destinations', destinationId, 'mappings'],
    queryFn: ({ signal }) =>
      allPages<Mapping>(`${root}/destinations/${destinationId}/subscriptions`, 'subscriptions', signal),
  });

export const spacesQuery = queryOptions({
  queryKey: ['spaces'],
  queryFn: ({ signal }) => allPages<Space>(`${root}/spaces`, 'spaces', signal),
});

export const syncsQuery = (modelId: string, mappingId: string) =>
  queryOptions({
    queryKey: ['syncs', modelId, mappingId],
    queryFn: async ({ signal }) =>
      (
        await api.get<{ syncStatuses: readonly Sync[] }>(
          `${root}/reverse-etl-models/${modelId}/subscriptionId/${mappingId}/syncs?count=50`,
          signal,
        )
      ).syncStatuses,
    refetchInterval: 3_000,
  });
