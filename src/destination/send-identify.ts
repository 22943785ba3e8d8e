/** Send Identify: who a person is, and what is known about them. */
import { defineAction, idsAndEndpoint, someId } from './actions.ts';
import {
  anonymousId,
  consent,
  groupId,
  messageId,
  profileSpace,
  timestamp,
  traits,
  userId,
  wireMessage,
} from './common-fields.ts';

export const sendIdentify = defineAction({
  slug: 'sendIdentify',
  title: 'Send Identify',
  description: 'Sends an Identify message: creates or updates the profile of a person and records traits about them.',
  defaultTrigger: 'type = "identify"',
  fields: {
    engage_space: profileSpace,
    user_id: userId,
    anonymous_id: anonymousId,
    group_id: groupId,
    traits,
    timestamp,
    message_id: messageId,
    consent,
  },
  needs: someId,
  check: idsAndEndpoint,
  message: (payload) =>
    wireMessage(payload, {
      type: 'identify',
      userId: payload.user_id,
      anonymousId: payload.anonymous_id,
      groupId: payload.group_id,
      messageId: payload.message_id,
      traits: payload.traits ?? {},
      timestamp: payload.timestamp,
    }),
});
