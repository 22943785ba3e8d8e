/** Send Subscriptions: the contacts of a person, and whether each may be written to. */
import { isJsonObject, type Json, type JsonObject } from '../base/json.ts';
import { defineAction, endpointFault } from './actions.ts';
import {
  anonymousId,
  consent,
  messageId,
  profileSpace,
  timestamp,
  traits,
  userId,
  wireMessage,
} from './common-fields.ts';
import type { Field, Need } from './destination.ts';
import type { Payload } from './payload.ts';

type Status = 'SUBSCRIBED' | 'UNSUBSCRIBED' | 'DID_NOT_SUBSCRIBE' | 'INVALID';

const statuses: ReadonlyMap<string, Status> = new Map([
  ['true', 'SUBSCRIBED'],
  ['subscribed', 'SUBSCRIBED'],
  ['false', 'UNSUBSCRIBED'],
  ['unsubscribed', 'UNSUBSCRIBED'],
  ['did_not_subscribe', 'DID_NOT_SUBSCRIBE'],
  ['did-not-subscribe', 'DID_NOT_SUBSCRIBE'],
]);

/** What a status field says; undefined when it says nothing. Words nobody knows are sent as `INVALID`. */
export function statusOf(value: Json | undefined): Status | undefined {
  if (value === undefined || value === null) return undefined;
  const text = String(value).trim().toLowerCase();
  return text === '' ? undefined : (statuses.get(text) ?? 'INVALID');
}

interface Channel {
  readonly type: 'EMAIL' | 'SMS' | 'WHATSAPP' | 'ANDROID_PUSH' | 'IOS_PUSH';
  readonly contact: string;
  readonly status: string;
}

const channels: readonly Channel[] = [
  { type: 'EMAIL', contact: 'email', status: 'email_subscription_status' },
  { type: 'SMS', contact: 'phone', status: 'sms_subscription_status' },
  { type: 'WHATSAPP', contact: 'phone', status: 'whatsapp_subscription_status' },
  { type: 'ANDROID_PUSH', contact: 'android_push_token', status: 'android_push_subscription_status' },
  { type: 'IOS_PUSH', contact: 'ios_push_token', status: 'ios_push_subscription_status' },
];

/** Contact fields and the identifier types they become, in the order of the message. */
const contacts = [
  ['email', 'email'],
  ['phone', 'phone'],
  ['android_push_token', 'android.push_token'],
  ['ios_push_token', 'ios.push_token'],
] as const;

function contactField(label: string, what: string): Field {
  return { label, description: `${what} of the person.`, type: 'string', required: false };
}

function statusField(label: string, what: string): Field {
  return {
    label,
    description: `Whether the person may be written to by ${what}: subscribed, unsubscribed or did-not-subscribe (also true, false).`,
    type: 'string',
    required: false,
    allowNull: true,
  };
}

const subscriptionGroups: Field = {
  label: 'Email Subscription Groups',
  description: 'Names of groups and the status of each, in the words of the status fields.',
  type: 'object',
  required: false,
  keyValue: true,
};

function contactNeeds(): readonly Need[] {
  const fields = (part: 'contact' | 'status', of = channels) => [...new Set(of.map((channel) => channel[part]))];
  const each = fields('contact').map((contact) => ({
    when: fields(
      'status',
      channels.filter((channel) => channel.contact === contact),
    ),
    oneOf: [contact],
  }));
  return [
    { oneOf: fields('contact') },
    { oneOf: fields('status') },
    ...each,
    { when: ['subscription_groups'], oneOf: ['email_subscription_status'] },
  ];
}

function subscriptionFault(payload: Payload): string | undefined {
  const { email, phone, android_push_token: android, ios_push_token: ios, subscription_groups: groups } = payload;
  const [emailStatus, sms, whatsapp, androidStatus, iosStatus] = channels.map((channel) => payload[channel.status]);
  if (!email && !phone && !android && !ios) {
    return 'Either `Email` or `Phone` or `Android_Push_Token` or `Ios_Push_Token` must be defined.';
  }
  if (!emailStatus && !sms && !whatsapp && !androidStatus && !iosStatus) {
    return 'If any of `Email`, `Phone`, `Android_Push_Token` or `Ios_Push_Token` is present, `Email_Subscription` or `Sms_Subscription` or `Whatsapp_Subscription` or `Ios_Push_Subscription` or `Android_Push_Subscription` must be defined.';
  }
  if (emailStatus && !email) return 'A valid `Email` must be defined for `Email_Subscription`.';
  if (!emailStatus && isJsonObject(groups) && Object.keys(groups).length > 0) {
    return '`Email_Subscription` must be defined if Subscription Groups are present.';
  }
  if ((sms || whatsapp) && !phone) {
    return 'A valid `Phone` must be defined for `Sms_Subscription` or `Whatsapp_Subscription`.';
  }
  if (androidStatus && !android) {
    return 'A valid `Android_Push_Token` must be defined for `Android_Push_Subscription`.';
  }
  if (iosStatus && !ios) return 'A valid `Ios_Push_Token` must be defined for `Ios_Push_Subscription`.';
  if (channels.every((channel) => statusOf(payload[channel.status]) === 'INVALID')) {
    return 'Invalid Subscription Status in `Email_Subscription` or `Sms_Subscription` or `Whatsapp_Subscription` or `Android_Push_Subscription` or `Ios_Push_Subscription`.';
  }
  return undefined;
}

function messagingSubscriptions(payload: Payload): JsonObject[] {
  return channels.flatMap(({ type, contact, status }) => {
    const said = statusOf(payload[status]);
    const key = payload[contact];
    if (said === undefined || key === undefined) return [];
    const groups = type === 'EMAIL' ? groupsOf(payload.subscription_groups) : [];
    return [groups.length > 0 ? { key, type, status: said, groups } : { key, type, status: said }];
  });
}

/** A group without a status keeps its name only. Null is taken for the word `null`, as the vendor does. */
function groupsOf(groups: Json | undefined): JsonObject[] {
  if (!isJsonObject(groups)) return [];
  return Object.entries(groups).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const status = statusOf(String(value));
    return [status === undefined ? { name } : { name, status }];
  });
}

function externalIds(payload: Payload): JsonObject[] {
  return contacts.flatMap(([field, type]) => {
    const id = payload[field];
    return id === undefined ? [] : [{ id, type, collection: 'users', encoding: 'none' }];
  });
}

export const sendSubscription = defineAction({
  slug: 'sendSubscription',
  title: 'Send Subscriptions',
  description: 'Sends the contacts of a person and the subscription status of each, as an Identify message.',
  defaultTrigger: 'type = "identify"',
  fields: {
    engage_space: profileSpace,
    user_id: userId,
    anonymous_id: anonymousId,
    email: contactField('Email', 'E-mail address'),
    email_subscription_status: statusField('Email Subscription Status', 'e-mail'),
    subscription_groups: subscriptionGroups,
    phone: contactField('Phone', 'Phone number'),
    sms_subscription_status: statusField('SMS Subscription Status', 'SMS'),
    whatsapp_subscription_status: statusField('WhatsApp Subscription Status', 'WhatsApp'),
    android_push_token: contactField('Android Push Token', 'Push token of an Android device'),
    android_push_subscription_status: statusField('Android Push Subscription Status', 'push message on Android'),
    ios_push_token: contactField('Ios Push Token', 'Push token of an iOS device'),
    ios_push_subscription_status: statusField('Ios Push Subscription Status', 'push message on iOS'),
    traits,
    timestamp,
    message_id: messageId,
    consent,
  },
  needs: contactNeeds(),
  check: (payload, endpoint) => endpointFault(endpoint) ?? subscriptionFault(payload),
  message: (payload) =>
    wireMessage(
      payload,
      {
        type: 'identify',
        userId: payload.user_id,
        anonymousId: payload.anonymous_id,
        messageId: payload.message_id,
        traits: payload.traits ?? {},
        timestamp: payload.timestamp,
      },
      {
        messaging_subscriptions: messagingSubscriptions(payload),
        externalIds: externalIds(payload),
        messaging_subscriptions_retl: true,
      },
    ),
});
