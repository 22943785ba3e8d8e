/** The syncs of all mappings, with every count (`docs/public-api.md`). */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api } from './client.ts';
import type { JsonValue } from './json.ts';
import type { Sync } from './types.ts';

const root = '/public-api/reverse-etl-syncs';

export interface SyncCounts {
  readonly extracted: number;
  readonly added: number;
  readonly updated: number;
  readonly deleted: number;
  readonly unchanged: number;
  readonly invalid: number;
  readonly delivered: number;
  readonly refused: number;
  readonly skipped: number;
  readonly givenUp: number;
  readonly retried: number;
  readonly remaining: number;
}

export interface Effects {
  readonly profilesCreated: number;
  readonly accountsCreated: number;
  readonly merged: number;
  readonly traitsChanged: number;
}

/** A sync with everything that is known of it; the counts are there once it has begun. */
export interface WholeSync extends Sync {
  readonly subscriptionId: string;
  readonly subscriptionName: string;
  readonly destinationId: string;
  readonly modelName: string;
  readonly isWaiting?: true;
  readonly counts?: SyncCounts;
  readonly effects?: Effects;
  readonly warnings?: readonly string[];
  readonly reason?: string | null;
  readonly help?: string | null;
  readonly replay?: { readonly syncId: string; readonly deliveredAgain: number; readonly gone: number } | null;
}

export interface SyncPlan {
  readonly counts: SyncCounts;
  readonly effects: Effects | null;
  readonly guard: { readonly limitPercent: number; readonly percent: number; readonly stops: boolean } | null;
  readonly sendsNothing: boolean;
  readonly invalidRows: readonly { readonly recordId: string | null; readonly reason: string; readonly rows: number }[];
  readonly failedRows: readonly FailedRow[];
  readonly warnings: readonly string[];
  readonly seconds: number;
}

export interface FailedRow {
  readonly no: number;
  readonly recordId: string | null;
  readonly rows: number;
  readonly kind: string;
  readonly code: string;
  readonly reason: string;
  readonly message: JsonValue;
}

/** Asks for a sync; resolves with its id, before it begins. */
export async function askForSync(of: {
  readonly sourceId: string;
  readonly modelId: string | undefined;
  readonly subscriptionId: string;
}): Promise<string> {
  const { sourceId, modelId, subscriptionId } = of;
  const made = await api.post<Asked>(root, { sourceId, modelId, subscriptionId });
  return made.reverseETLManualSync.syncId;
}

/** What is answered to whoever asks for a sync, also for one of the rows of another. */
export interface Asked {
  readonly reverseETLManualSync: { readonly syncId: string };
}

export const isRunning = (sync: Pick<Sync, 'syncStatus'> | undefined): boolean =>
  sync?.syncStatus === 'IN_PROGRESS' || sync?.syncStatus === 'CANCELLING';

export const allSyncsQuery = (status: 'RUNNING' | 'FAILED' | null, count: number) =>
  queryOptions({
    queryKey: ['syncs', 'all', status, count],
    queryFn: async ({ signal }) => {
      const query = `pagination[count]=${count}${status === null ? '' : `&status=${status}`}`;
      return (await api.get<{ syncs: readonly WholeSync[] }>(`${root}?${query}`, signal)).syncs;
    },
    refetchInterval: 3_000,
  });

export const wholeSyncQuery = (id: string) =>
  queryOptions({
    queryKey: ['syncs', 'one', id],
    queryFn: async ({ signal }) => (await api.get<{ sync: WholeSync }>(`${root}/${id}`, signal)).sync,
    refetchInterval: ({ state }) => (state.data === undefined || isRunning(state.data) ? 1_000 : false),
  });

export interface VolumePart {
  readonly time: string;
  readonly delivered: number;
  readonly failed: number;
}

/** The last so many days, today with them. */
export const volumeQuery = (days: number) =>
  queryOptions({
    queryKey: ['syncs', 'volume', days],
    queryFn: async ({ signal }) => {
      const end = new Date();
      const start = new Date(Date.UTC(end.getUTCFullYear(), end.getUTCMonth(), end.getUTCDate() - days + 1));
      const query = `granularity=DAY&startTime=${start.toISOString()}&endTime=${end.toISOString()}`;
      return (await api.get<{ volume: readonly VolumePart[] }>(`${root}/volume?${query}`, signal)).volume;
    },
    refetchInterval: 30_000,
  });

/** The rows of a sync that failed, or that are invalid, page after page. */
export const rowsQuery = (path: string, kind: 'failed' | 'invalid', isOver: boolean) =>
  infiniteQueryOptions({
    queryKey: ['syncs', 'rows', path, kind, isOver],
    queryFn: ({ signal, pageParam }) => {
      const query = `kind=${kind}&pagination[count]=500&pagination[cursor]=${encodeURIComponent(pageParam)}`;
      return api.get<{ rows: readonly FailedRow[]; pagination: { next?: string } }>(`${path}/rows?${query}`, signal);
    },
    initialPageParam: 'MA==',
    getNextPageParam: ({ pagination }) => pagination.next,
  });
