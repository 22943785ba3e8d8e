/**
 * Audiences and computed traits of a space: what pages ask for, and what the server answers (`docs/public-api.md`,
 * "Audiences and computed traits"). Both come in one form, so that pages need not tell them apart.
 */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { allPages, api } from './client.ts';
import type { Cadence, Entity, Kind } from './computation-kinds.ts';

export type { Cadence, Entity, Kind } from './computation-kinds.ts';

export interface ComputationOptions {
  readonly includeHistoricalData: boolean;
  /** Of audiences of people. */
  readonly filterByExternalIds?: readonly string[];
  /** Of computed traits. */
  readonly includeAnonymousUsers?: boolean;
  /** How many days before it was made count; left out: all, or none are asked for. */
  readonly days?: number;
}

/** An audience or a computed trait. */
export interface Computation {
  readonly kind: Kind;
  readonly id: string;
  readonly name: string;
  readonly key: string;
  readonly description: string;
  readonly enabled: boolean;
  readonly query: string;
  readonly entity: Entity;
  readonly status: string;
  readonly failureReason?: string;
  readonly cadence: Cadence;
  /** Left out until it was counted, and of computed traits. */
  readonly size?: number;
  readonly options: ComputationOptions;
  readonly createdAt: string;
  readonly createdBy: string;
  readonly updatedAt: string;
  readonly updatedBy: string;
}

interface Answered
  extends Omit<Computation, 'kind' | 'query' | 'entity' | 'cadence' | 'size' | 'options' | 'description'> {
  readonly description?: string;
  readonly definition: { readonly query: string; readonly type: string };
  readonly computeCadence: { readonly type: Cadence };
  readonly size?: { readonly count?: number };
  readonly options: Omit<ComputationOptions, 'days'> & {
    readonly backfillEventDataDays?: number;
    readonly backfillDurationDays?: number;
  };
}

interface Family {
  readonly path: string;
  /** Of one in an answer. */
  readonly one: string;
  readonly many: string;
  /** As requests name the days before it was made. */
  readonly days: 'backfillEventDataDays' | 'backfillDurationDays';
}

const families: Readonly<Record<Kind, Family>> = {
  audience: { path: 'audiences', one: 'audience', many: 'audiences', days: 'backfillEventDataDays' },
  computed_trait: {
    ...{ path: 'computed-traits', one: 'computedTrait', many: 'computedTraits' },
    days: 'backfillDurationDays',
  },
};

function computationOf(kind: Kind, answered: Answered): Computation {
  const { definition, computeCadence, size, options, description = '', ...common } = answered;
  const { backfillEventDataDays, backfillDurationDays, ...others } = options;
  const days = backfillEventDataDays ?? backfillDurationDays;
  return {
    ...{ ...common, kind, description, query: definition.query, cadence: computeCadence.type },
    entity: definition.type.toUpperCase() as Entity,
    ...(size?.count !== undefined && { size: size.count }),
    options: { ...others, ...(days !== undefined && { days }) },
  };
}

const inSpace = (space: string) => `/public-api/spaces/${encodeURIComponent(space)}`;
export const computationsPath = (space: string, kind: Kind) => `${inSpace(space)}/${families[kind].path}`;
const computationPath = (space: string, kind: Kind, id: string) =>
  `${computationsPath(space, kind)}/${encodeURIComponent(id)}`;

/* ---- reading ---- */

/** While it is in one of these, it goes on by itself. */
const passing = new Set(['Backfilling', 'Computing', 'Locked']);
const isPassing = ({ kind, status, enabled, size }: Computation) =>
  passing.has(status) || (kind === 'audience' && enabled && size === undefined);

const everyMs = 2_000;
/** Messages move members at any time. */
const restingMs = 15_000;

export const computationsQuery = (space: string, kind: Kind) =>
  queryOptions({
    queryKey: ['computations', space, kind],
    queryFn: async ({ signal }) =>
      (await allPages<Answered>(computationsPath(space, kind), families[kind].many, signal)).map((one) =>
        computationOf(kind, one),
      ),
    refetchInterval: ({ state }) => (state.data?.some(isPassing) ? everyMs : false),
  });

export const computationQuery = (space: string, kind: Kind, id: string) =>
  queryOptions({
    queryKey: ['computations', space, kind, id],
    queryFn: async ({ signal }) => {
      const answer = await api.get<Readonly<Record<string, Answered>>>(computationPath(space, kind, id), signal);
      return computationOf(kind, answer[families[kind].one] as Answered);
    },
    refetchInterval: ({ state }) => (state.data !== undefined && isPassing(state.data) ? everyMs : restingMs),
  });

interface MemberPage {
  readonly members: readonly { readonly id: string }[];
  readonly pagination: { readonly next?: string };
}

/** Asked for anew when the audience has another status or size; those of before are shown until then. */
export const membersQuery = (space: string, { id, status, size }: Pick<Computation, 'id' | 'status' | 'size'>) =>
  infiniteQueryOptions({
    queryKey: ['computations', space, 'audience', id, 'members', status, size ?? null],
    queryFn: ({ pageParam, signal }) =>
      api.get<MemberPage>(
        `${computationPath(space, 'audience', id)}/members?pagination[count]=20&pagination[cursor]=${encodeURIComponent(pageParam)}`,
        signal,
      ),
    initialPageParam: 'MA==',
    getNextPageParam: ({ pagination }) => pagination.next,
    placeholderData: keepPreviousData,
    refetchInterval: passing.has(status) ? everyMs : false,
  });

export interface Preview {
  readonly id: string;
  readonly status: 'RUNNING' | 'COMPLETED' | 'FAILED';
  readonly results?: readonly { readonly id: string }[];
  readonly size?: { readonly count?: number };
  readonly failureReason?: string;
}

export const previewQuery = (space: string, id: string) =>
  queryOptions({
    queryKey: ['previews', space, id],
    queryFn: async ({ signal }) =>
      (await api.get<{ audiencePreview: Preview }>(`${computationsPath(space, 'audience')}/previews/${id}`, signal))
        .audiencePreview,
    refetchInterval: ({ state }) => (state.data === undefined || state.data.status === 'RUNNING' ? 500 : false),
    staleTime: Number.POSITIVE_INFINITY,
  });

/* ---- changing ---- */

/** What is said of one; of a change, as far as it is another than before. */
export interface Given {
  readonly name?: string;
  readonly description?: string;
  readonly enabled?: boolean;
  readonly query?: string;
  readonly options?: Partial<ComputationOptions>;
}

function bodyOf(kind: Kind, { query, options, ...common }: Given, entity: Entity | null): object {
  const { days, ...others } = options ?? {};
  const said = { ...others, ...(days !== undefined && { [families[kind].days]: days }) };
  // Of a new one: whose it is.
  const type = entity === null ? {} : { type: entity };
  return {
    ...common,
    ...(query !== undefined && { definition: { query, ...type } }),
    ...(Object.keys(said).length > 0 && { options: said }),
  };
}

export async function createComputation(
  space: string,
  kind: Kind,
  entity: Entity,
  given: Given & { readonly query: string },
): Promise<Computation> {
  const body = bodyOf(kind, given, entity);
  const answer = await api.post<Readonly<Record<string, Answered>>>(computationsPath(space, kind), body);
  return computationOf(kind, answer[families[kind].one] as Answered);
}

export async function changeComputation(
  space: string,
  { kind, id }: Pick<Computation, 'kind' | 'id'>,
  given: Given,
): Promise<void> {
  await api.patch(computationPath(space, kind, id), bodyOf(kind, given, null));
}

export async function deleteComputation(space: string, { kind, id }: Pick<Computation, 'kind' | 'id'>): Promise<void> {
  await api.delete(computationPath(space, kind, id));
}

/** @returns its id */
export async function startPreview(
  space: string,
  entity: Entity,
  { query, options }: { readonly query: string; readonly options: Partial<ComputationOptions> },
): Promise<string> {
  const body = bodyOf('audience', { query, options }, entity);
  const path = `${computationsPath(space, 'audience')}/previews`;
  return (await api.post<{ audiencePreview: { id: string } }>(path, body)).audiencePreview.id;
}
