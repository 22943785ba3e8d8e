/** Send Track: something a person did. */
import { defineAction, idsAndEndpoint, someId } from './actions.ts';
import {
  anonymousId,
  consent,
  eventName,
  groupId,
  messageId,
  profileSpace,
  properties,
  timestamp,
  userId,
  wireMessage,
} from './common-fields.ts';

export const sendTrack = defineAction({
  slug: 'sendTrack',
  title: 'Send Track',
  description: 'Sends a Track message: records something a person did.',
  defaultTrigger: null,
  fields: {
    engage_space: profileSpace,
    user_id: userId,
    anonymous_id: anonymousId,
    event_name: eventName,
    group_id: groupId,
    properties,
    timestamp,
    message_id: messageId,
    consent,
  },
  needs: someId,
  check: idsAndEndpoint,
  message: (payload, endpoint) =>
    wireMessage(
      payload,
      {
        type: 'track',
        event: payload.event_name,
        userId: payload.user_id,
        anonymousId: payload.anonymous_id,
        messageId: payload.message_id,
        timestamp: payload.timestamp,
        properties: payload.properties ?? {},
      },
      // The vendor drops the group; the built-in space can use it.
      endpoint === 'local' && payload.group_id !== undefined ? { groupId: payload.group_id } : {},
    ),
});
