/**
 * Subscriptions: what a contact allows, by channel. In: entries as identify messages and the Public API carry them. Out:
 * the state of each contact, and what could not be taken. The state belongs to the contact, not to a profile, so merges
 * need no work. Source: `profile-space.md` 5.2.
 */
import { isJsonObject, type Json, type JsonObject } from '../../base/json.ts';
import { storableText } from '../../base/text.ts';
import { normalizeValue } from '../identity/extract.ts';
import { maxIdentifierLength } from '../identity/rules.ts';
import type { Channel, ExternalId, Subscription, SubscriptionStatus } from '../space.ts';
import type { Contact, Moment } from '../writing/working-set.ts';
import { isNewer } from './traits.ts';

export const channels: readonly Channel[] = ['EMAIL', 'SMS', 'WHATSAPP', 'IOS_PUSH', 'ANDROID_PUSH'];

/** The identifier type that holds the contacts of a channel. */
export const identifierTypeOf: Readonly<Record<Channel, string>> = {
  EMAIL: 'email',
  SMS: 'phone',
  WHATSAPP: 'phone',
  IOS_PUSH: 'ios.push_token',
  ANDROID_PUSH: 'android.push_token',
};

/** The channels by which people are contacted with this identifier; most have none. */
export function channelsOf({ collection, type }: Pick<ExternalId, 'collection' | 'type'>): readonly Channel[] {
  return collection === 'users' ? channels.filter((channel) => identifierTypeOf[channel] === type) : [];
}

export interface SubscriptionEntry {
  readonly channel: Channel;
  readonly key: string;
  /** `EMAIL:ana@example.org`, as the subscriptions table holds it. */
  readonly contact: string;
  /** Null: nothing is said of the channel itself. */
  readonly status: SubscriptionStatus | null;
  readonly groups: readonly { readonly name: string; readonly status: SubscriptionStatus }[];
}

export type SubscriptionFault =
  | 'subscription_key_invalid'
  | 'subscription_type_unknown'
  | 'subscription_status_invalid'
  | 'subscription_group_unknown'
  | 'subscription_group_status_invalid'
  | 'subscription_group_needs_channel';

/** `detail` names the channel or the group, never the contact. */
export type OnFault = (fault: SubscriptionFault, detail: string) => void;

export function contactOf(channel: Channel, key: string): string {
  return `${channel}:${key}`;
}

/** A row as readers see it. `contact` is what `contactOf` made. */
export function subscriptionOf(contact: string, state: Contact): Subscription {
  const colon = contact.indexOf(':');
  const groups = Object.entries(state.groups).map(([name, { status, at }]) => {
    return { name, status, updatedAt: new Date(at).toISOString() };
  });
  return {
    channel: contact.slice(0, colon) as Channel,
    key: contact.slice(colon + 1),
    status: state.status,
    updatedAt: new Date(Math.max(state.at, ...Object.values(state.groups).map(({ at }) => at))).toISOString(),
    groups: groups.sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

/** The entries of a message; only an identify carries any. */
export function subscriptionsOf(message: JsonObject, onFault: OnFault): SubscriptionEntry[] {
  if (message.type !== 'identify' || !isJsonObject(message.context)) return [];
  const given = message.context.messaging_subscriptions;
  if (!Array.isArray(given)) return [];
  return given.flatMap((entry: Json) => readEntry(entry, onFault) ?? []);
}

/** An entry in our words; null, with its faults told, when it cannot be taken. */
export function readEntry(given: Json, onFault: OnFault): SubscriptionEntry | null {
  const entry = isJsonObject(given) ? given : {};
  const channel = readChannel(entry.type);
  if (channel === null) {
    onFault('subscription_type_unknown', '');
    return null;
  }
  const key = readKey(channel, entry.key);
  if (key === null) {
    onFault('subscription_key_invalid', channel);
    return null;
  }
  const status = isBlank(entry.status) ? null : readStatus(entry.status);
  if (status === null && !isBlank(entry.status)) {
    onFault('subscription_status_invalid', channel);
    return null;
  }
  return { channel, key, contact: contactOf(channel, key), status, groups: readGroups(channel, entry.groups, onFault) };
}

export function readChannel(given: unknown): Channel | null {
  if (typeof given !== 'string') return null;
  const name = given.trim().toUpperCase().replaceAll('-', '_');
  return channels.find((channel) => channel === name) ?? null;
}

/** E-mail addresses in lower case and trimmed, as identifiers are; other keys as they come. */
export function readKey(channel: Channel, given: unknown): string | null {
  if (typeof given !== 'string' || given.length > maxIdentifierLength || !storableText(given)) return null;
  const key = channel === 'EMAIL' ? normalizeValue('email', given) : given;
  return key === '' ? null : key;
}

const statuses: ReadonlySet<string> = new Set(['SUBSCRIBED', 'UNSUBSCRIBED', 'DID_NOT_SUBSCRIBE']);

/** Nothing is said, so nothing changes. */
function isBlank(status: Json | undefined): boolean {
  return status === undefined || status === null || (typeof status === 'string' && status.trim() === '');
}

function readStatus(given: unknown): SubscriptionStatus | null {
  if (typeof given !== 'string') return null;
  const status = given.trim().toUpperCase().replaceAll('-', '_');
  return statuses.has(status) ? (status as SubscriptionStatus) : null;
}

function readGroups(channel: Channel, given: Json | undefined, onFault: OnFault) {
  if (channel !== 'EMAIL' || !Array.isArray(given)) return [];
  return given.flatMap((group: Json) => {
    if (!isJsonObject(group) || typeof group.name !== 'string') {
      onFault('subscription_group_unknown', '');
      return [];
    }
    if (isBlank(group.status)) return [];
    const status = readStatus(group.status);
    if (status !== null) return [{ name: group.name, status }];
    onFault('subscription_group_status_invalid', '');
    return [];
  });
}

/** The state of a contact after an entry; the same object when nothing changes. The newest word on each point stands. */
export function withEntry(
  known: Contact | undefined,
  entry: SubscriptionEntry,
  groupNames: ReadonlySet<string>,
  origin: Moment & { readonly sourceId: string; readonly messageId: string | null },
  onFault: OnFault,
): Contact | undefined {
  const { at, received, sourceId, messageId } = origin;
  let state = known;
  if (entry.status !== null && (known === undefined || known.status === null || isNewer(origin, known))) {
    state = { at, received, sourceId, messageId, status: entry.status, groups: known?.groups ?? {} };
  }
  for (const { name, status } of entry.groups) {
    const before = state !== undefined && Object.hasOwn(state.groups, name) ? state.groups[name] : undefined;
    if (!groupNames.has(name)) onFault('subscription_group_unknown', '');
    else if (status === 'SUBSCRIBED' && state?.status !== 'SUBSCRIBED') {
      onFault('subscription_group_needs_channel', name);
    } else if (before === undefined || isNewer(origin, before)) {
      const from = state ?? { at, received, sourceId, messageId, status: null, groups: {} };
      state = { ...from, groups: { ...from.groups, [name]: { status, at, received } } };
    }
  }
  return state;
}
