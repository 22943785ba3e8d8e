/**
 * Subscriptions that somebody sets, beside those that messages bring (`profile-space.md` 5.2). In: entries as the Public
 * API carries them. Out: for each, in their order, the state of the contact afterwards, or why it was not taken.
 * Promised: an entry is taken as a whole or not at all; all of a call commit together, in one turn of the space; the
 * newest word stands, whoever brought it.
 */
import { createHash } from 'node:crypto';
import { isJsonObject, type Json } from '../../base/json.ts';
import type { Database, Transaction } from '../../db/db.ts';
import {
  readEntry,
  type SubscriptionEntry,
  type SubscriptionFault,
  subscriptionOf,
  withEntry,
} from '../facts/subscriptions.ts';
import type { Channel, SpaceRef, Subscription } from '../space.ts';
import { contactsStatement } from './delta.ts';
import { loadContacts, realTables } from './store.ts';
import { inTurn } from './turns.ts';
import type { Contact } from './working-set.ts';

/** Why an entry was not taken. The message names no contact. */
export interface SubscriptionProblem {
  readonly code:
    | 'INVALID_TYPE'
    | 'INVALID_EMAIL'
    | 'INVALID_PHONE'
    | 'INVALID_PUSH_TOKEN'
    | 'INVALID_STATUS'
    | 'INVALID_GROUP'
    | 'INVALID_GROUP_STATUS'
    | 'GLOBAL_STATE_NOT_SUBSCRIBED';
  readonly message: string;
}

export type SetSubscription =
  | {
      readonly kind: 'set';
      readonly channel: Channel;
      /** Null: nothing is known of the contact, and the entry said nothing either. */
      readonly state: Subscription | null;
    }
  | { readonly kind: 'refused'; readonly problems: readonly SubscriptionProblem[] };

/** When it is said, and by whom. */
export interface SubscriptionOrigin {
  readonly at: Date;
  readonly sourceId: string;
}

/** @param alongside is done in the same commit, when any contact is set */
export async function setSubscriptions(
  db: Database,
  space: SpaceRef,
  entries: readonly Json[],
  { at, sourceId }: SubscriptionOrigin,
  alongside: (tx: Transaction) => Promise<void> = async () => undefined,
): Promise<readonly SetSubscription[]> {
  const read = entries.map(readStrictly);
  const contacts = read.flatMap((one) => ('entry' in one ? one.entry.contact : []));
  // What cannot be taken must not hold up those who write.
  if (contacts.length === 0) return read.flatMap((one) => ('problems' in one ? refused(one.problems) : []));
  const origin = { at: at.getTime(), received: at.getTime(), sourceId, messageId: null };
  const groupNames = new Set(space.settings.subscriptionGroups);
  // No profile changes: the states belong to contacts.
  const work = async (tx: Transaction) => {
    const outcomes = await apply(tx, space.no, read, contacts, groupNames, origin);
    if (outcomes.some(({ kind }) => kind === 'set')) await alongside(tx);
    return outcomes;
  };
  return inTurn(db, space.no, work, []);
}

async function apply(
  tx: Transaction,
  spaceNo: number,
  read: readonly ReadEntry[],
  contacts: readonly string[],
  groupNames: ReadonlySet<string>,
  origin: Parameters<typeof withEntry>[3],
): Promise<readonly SetSubscription[]> {
  const states = await loadContacts(tx, spaceNo, contacts, [realTables]);
  const changed = new Set<string>();
  const outcomes = read.map((one): (() => SetSubscription) => {
    if ('problems' in one) return () => refused(one.problems);
    const { entry } = one;
    const problems: SubscriptionProblem[] = [];
    const known = states.get(entry.contact);
    const next = withEntry(known, entry, groupNames, origin, (fault) => problems.push(problemOf(fault, entry.channel)));
    if (problems.length > 0) return () => refused(problems);
    if (next !== undefined && next !== known) {
      states.set(entry.contact, next);
      changed.add(entry.contact);
    }
    // Looked at when all entries are applied: a later one may speak of the same contact.
    return () => ({ kind: 'set', channel: entry.channel, state: stateOf(states, entry) });
  });
  const rows = [...changed].map((contact) => [contact, states.get(contact) as Contact] as const);
  if (rows.length > 0) await tx.query(contactsStatement(spaceNo, rows, realTables));
  return outcomes.map((outcome) => outcome());
}

function stateOf(states: ReadonlyMap<string, Contact>, { contact }: SubscriptionEntry): Subscription | null {
  const state = states.get(contact);
  return state === undefined ? null : subscriptionOf(contact, state);
}

const refused = (problems: readonly SubscriptionProblem[]): SetSubscription => ({ kind: 'refused', problems });

type ReadEntry = { readonly entry: SubscriptionEntry } | { readonly problems: readonly SubscriptionProblem[] };

/** Stricter than for messages: whoever asks can correct it, so nothing is left out. */
function readStrictly(given: Json): ReadEntry {
  const problems: SubscriptionProblem[] = [];
  let channel: Channel | null = null;
  const entry = readEntry(given, (fault, detail) => {
    channel = detail === '' ? null : (detail as Channel);
    problems.push(problemOf(fault, channel));
  });
  if (entry === null) return { problems };
  const badKey = contactProblem(entry.channel, entry.key);
  if (badKey !== null) problems.unshift(badKey);
  const groups = isJsonObject(given) ? given.groups : undefined;
  if (entry.channel !== 'EMAIL' && Array.isArray(groups) && groups.length > 0) {
    problems.push({ code: 'INVALID_GROUP', message: 'Only e-mail addresses are subscribed to groups.' });
  }
  return problems.length > 0 ? { problems } : { entry };
}

const emailForm = /^[^\s@]+@[^\s@]+$/;
const phoneForm = /^\+[1-9]\d{1,14}$/;

/** What is wrong with the form of a contact; null: nothing. `key` is as `readKey` makes it. */
export function contactProblem(channel: Channel, key: string): SubscriptionProblem | null {
  const isWrong =
    channel === 'EMAIL' ? !emailForm.test(key) : (channel === 'SMS' || channel === 'WHATSAPP') && !phoneForm.test(key);
  return isWrong ? keyProblem(channel) : null;
}

/** That a key cannot be one of this channel. */
export function keyProblem(channel: Channel): SubscriptionProblem {
  switch (channel) {
    case 'EMAIL':
      return { code: 'INVALID_EMAIL', message: 'This is not an e-mail address.' };
    case 'SMS':
    case 'WHATSAPP':
      return { code: 'INVALID_PHONE', message: 'This is not a phone number in E.164 form, such as +33155501234.' };
    case 'IOS_PUSH':
    case 'ANDROID_PUSH':
      return { code: 'INVALID_PUSH_TOKEN', message: 'A push token is a text of 1 to 500 characters.' };
  }
}

/** That there is no such channel. */
export const typeProblem: SubscriptionProblem = {
  code: 'INVALID_TYPE',
  message: 'The types are EMAIL, SMS, WHATSAPP, IOS_PUSH and ANDROID_PUSH.',
};

const statusText = 'The statuses are SUBSCRIBED, UNSUBSCRIBED and DID_NOT_SUBSCRIBE.';

function problemOf(fault: SubscriptionFault, channel: Channel | null): SubscriptionProblem {
  switch (fault) {
    case 'subscription_type_unknown':
      return typeProblem;
    case 'subscription_key_invalid':
      return channel === null ? typeProblem : keyProblem(channel);
    case 'subscription_status_invalid':
      return { code: 'INVALID_STATUS', message: statusText };
    case 'subscription_group_unknown':
      return { code: 'INVALID_GROUP', message: 'The space has no group of this name.' };
    case 'subscription_group_status_invalid':
      return { code: 'INVALID_GROUP_STATUS', message: statusText };
    case 'subscription_group_needs_channel':
      return {
        code: 'GLOBAL_STATE_NOT_SUBSCRIBED',
        message: 'An address can be subscribed to a group only while it is subscribed to e-mail.',
      };
  }
}

/** The id of a group: always the same for a name in a space. */
export function subscriptionGroupId(spaceId: string, name: string): string {
  return `grp_${createHash('sha256')
    .update(JSON.stringify([spaceId, name]))
    .digest('hex')
    .slice(0, 24)}`;
}
