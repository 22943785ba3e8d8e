/** Fields that several actions have, and the parts of messages that go with them. Names and labels are the vendor's. */
import type { Json, JsonObject } from '../base/json.ts';
import { consentOf } from './consent.ts';
import type { Field } from './destination.ts';
import type { Payload } from './payload.ts';

export const userId: Field = {
  label: 'User ID',
  description: 'Identifies the person in your database. A User ID or an Anonymous ID is needed.',
  type: 'string',
  required: false,
};

export const anonymousId: Field = {
  label: 'Anonymous ID',
  description: 'Stands in for a User ID where none is known. A User ID or an Anonymous ID is needed.',
  type: 'string',
  required: false,
};

export const groupId: Field = {
  label: 'Group ID',
  description: 'The group or account the person belongs to.',
  type: 'string',
  required: false,
};

export const traits: Field = {
  label: 'Traits',
  description: 'What is known about the person or group: any keys, any values.',
  type: 'object',
  required: false,
  keyValue: true,
};

export const properties: Field = {
  label: 'Properties',
  description: 'What is known about the event: any keys, any values.',
  type: 'object',
  required: false,
  keyValue: true,
};

export const profileSpace: Field = {
  label: 'Profile Space',
  description:
    'The space whose profiles are written. The list shows the source that belongs to each space; renaming a space does not rename its source.',
  type: 'string',
  required: true,
  dynamic: true,
};

export const timestamp: Field = {
  label: 'Timestamp',
  description: 'When it happened; decides which of two values of a trait is newer.',
  type: 'datetime',
  required: false,
  default: { '@path': '$.timestamp' },
};

export const messageId: Field = {
  label: 'MessageId',
  description: 'Identifies the message, so that sending it twice has the effect of sending it once.',
  type: 'string',
  required: false,
  hidden: true,
  default: { '@path': '$.messageId' },
};

export const eventName: Field = {
  label: 'Event Name',
  description: 'What the person did.',
  type: 'string',
  required: true,
};

export const consent: Field = {
  label: 'Consent',
  description: 'Consent by category: { "categoryPreferences": { "marketing": true } }.',
  type: 'object',
  required: false,
  hidden: true,
  default: { '@path': '$.context.consent' },
};

/** Nothing connected downstream of the space receives the message a second time. */
const integrations: JsonObject = Object.freeze({ All: false });

const noConsent: JsonObject = Object.freeze({ consent: Object.freeze({}) });

/** Members that are undefined are left out. `context` gets the consent, last. */
export function wireMessage(
  payload: Payload,
  members: Readonly<Record<string, Json | undefined>>,
  context?: JsonObject,
): JsonObject {
  const message: Record<string, Json> = {};
  for (const key of Object.keys(members)) {
    const value = members[key];
    if (value !== undefined) message[key] = value;
  }
  const isPlain = context === undefined && payload.consent === undefined;
  message.context = isPlain ? noConsent : { ...context, consent: consentOf(payload.consent) };
  message.integrations = integrations;
  return message;
}
