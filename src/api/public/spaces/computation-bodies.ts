/** Audiences, computed traits and previews as answers have them. What generations do not know is left out by `generations.ts`. */
import {
  type AudiencePreview,
  type Computation,
  type ComputationOptions,
  includesAnonymous,
  statusOf,
} from '../../../audience/audience.ts';
import type { Space } from '../../../workspace/workspace.ts';

function commonBody(space: Space, computation: Computation) {
  const { id, name, description, key, enabled, createdBy, updatedBy, createdAt, updatedAt } = computation;
  return {
    ...{ id, spaceId: space.id, name, description, key, enabled },
    ...{ status: statusOf(computation), createdBy, updatedBy },
    ...{ createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() },
    ...(computation.failure !== null && { failureReason: computation.failure }),
  };
}

/** `type` in small letters is for older clients; newer ones read `audienceType`. */
export function audienceBody(space: Space, computation: Computation) {
  const { entity, query, options, cadence, size } = computation;
  return {
    ...commonBody(space, computation),
    definition: { query, type: entity.toLowerCase() },
    audienceType: entity,
    options: audienceOptions(options),
    computeCadence: { type: cadence },
    ...(size !== null && { size: { type: entity, count: size } }),
  };
}

/** As answers to changes have it in the eyes of clients that refuse what they do not know. */
export function changedAudienceBody(space: Space, computation: Computation) {
  const { computeCadence: _cadence, size: _size, ...body } = audienceBody(space, computation);
  return body;
}

function audienceOptions({ includeHistoricalData, filterByExternalIds, backfillDays }: ComputationOptions) {
  return {
    ...{ includeHistoricalData, filterByExternalIds },
    ...(backfillDays !== null && { backfillEventDataDays: backfillDays }),
  };
}

export function computedTraitBody(space: Space, computation: Computation) {
  const { entity, query, options, cadence } = computation;
  const { includeHistoricalData, backfillDays } = options;
  return {
    ...commonBody(space, computation),
    definition: { query, type: entity },
    options: {
      ...{ includeHistoricalData, includeAnonymousUsers: includesAnonymous(options) },
      ...(backfillDays !== null && { backfillDurationDays: backfillDays }),
    },
    computeCadence: { type: cadence },
  };
}

export function previewBody({ id, entity, query, options, status, results, size, failure }: AudiencePreview) {
  return {
    ...{ id, audienceType: entity, definition: { query }, options: audienceOptions(options), status },
    ...(status === 'COMPLETED' && {
      results: (results ?? []).map((segmentId) => ({ id: segmentId })),
      size: { type: entity, count: size ?? 0, uniqueCount: size ?? 0 },
    }),
    ...(failure !== null && { failureReason: failure }),
  };
}
