/** `GET …/profiles/<id>/metadata`: when and by what a profile came to be and last changed. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Activity, Profile, SpaceReader } from '../../space/space.ts';
import { answers, profileParams, security } from './document.ts';
import { type ProfileRoute, profileHandler } from './lookup.ts';
import { verboseParameter } from './query.ts';

const querystring = z.object({
  verbose: verboseParameter(
    '`true`: adds how many profiles were merged into this one, which, and how many identifiers it has.',
  ),
});

const schema = {
  operationId: 'getMetadata',
  tags: ['profile'],
  summary: 'Metadata of a profile',
  security,
  params: profileParams,
  querystring,
  response: answers(
    'The segment id of the profile, and its metadata.',
    z.object({
      segment_id: z.string(),
      metadata: z.object({
        created_at: z.iso.datetime(),
        updated_at: z.iso.datetime(),
        expires_at: z.null(),
        first_message_id: z.string().nullable(),
        first_source_id: z.string().nullable(),
        last_message_id: z.string().nullable(),
        last_source_id: z.string().nullable(),
        merges: z.int().optional().meta({ description: 'With `verbose=true`, as the two below.' }),
        mappings: z.int().optional(),
        merged_segment_ids: z.array(z.string()).optional(),
      }),
    }),
    {
      segment_id: 'use_2oQ7nXkT4bVdPz8sYcH1mRj6Wf0',
      metadata: {
        created_at: '2025-03-02T17:40:12.780Z',
        updated_at: '2025-11-20T09:15:04.919Z',
        expires_at: null,
        first_message_id: 'web-81c2',
        first_source_id: '9cQ2mXb7Lw',
        last_message_id: 'imp-2',
        last_source_id: 'Kp31vTzQ8e',
      },
    },
  ),
};

function render(profile: Profile, activity: Activity, request: FastifyRequest): string {
  const { verbose } = request.query as z.output<typeof querystring>;
  return JSON.stringify({
    segment_id: profile.segmentId,
    metadata: {
      created_at: profile.createdAt,
      updated_at: activity.updatedAt,
      expires_at: null,
      first_message_id: profile.firstMessageId,
      first_source_id: profile.firstSourceId,
      last_message_id: activity.lastMessageId,
      last_source_id: activity.lastSourceId,
      ...(verbose === 'true'
        ? {
            merges: profile.merges,
            mappings: profile.externalIds.length,
            merged_segment_ids: profile.mergedSegmentIds,
          }
        : {}),
    },
  });
}

export function metadataRoute(reader: SpaceReader): ProfileRoute {
  return {
    url: '/collections/:collection/profiles/:profile/metadata',
    schema,
    handler: profileHandler(reader, async (profile, request) =>
      render(profile, await reader.activity(request.spaceNo, profile), request),
    ),
  };
}
