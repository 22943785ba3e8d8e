/** Send Group: which account a person belongs to, and what is known about the account. */
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

export const sendGroup = defineAction({
  slug: 'sendGroup',
  title: 'Send Group',
  description: 'Sends a Group message: ties a person to an account and records traits about the account.',
  defaultTrigger: 'type = "group"',
  fields: {
    engage_space: profileSpace,
    user_id: userId,
    anonymous_id: anonymousId,
    group_id: { ...groupId, required: true },
    traits,
    timestamp,
    message_id: messageId,
    consent,
  },
  needs: someId,
  check: idsAndEndpoint,
  message: (payload) =>
    wireMessage(payload, {
      type: 'group',
      userId: payload.user_id,
      anonymousId: payload.anonymous_id,
      groupId: payload.group_id,
      messageId: payload.message_id,
      traits: payload.traits ?? {},
      timestamp: payload.timestamp,
    }),
});
