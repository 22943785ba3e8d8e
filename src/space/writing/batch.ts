/**
 * A batch of messages, applied. In: messages, the working set, the rules. Out: the delta to store, an outcome for each
 * message, what was dropped or not taken. Pure but for the ids it makes: computing it again over a newer working set is
 * how concurrent writers are dealt with. It breathes, so that a large batch does not hold up the process.
 */
import { breathe, rowsPerBreath } from '../../base/breathe.ts';
import { isJsonObject, type Json, type JsonObject } from '../../base/json.ts';
import { storableText } from '../../base/text.ts';
import { type Preferences, preferencesOf, withPreferences } from '../facts/consent.ts';
import { placeIn } from '../facts/places.ts';
import { type SubscriptionEntry, type SubscriptionFault, subscriptionsOf, withEntry } from '../facts/subscriptions.ts';
import { readTime } from '../facts/times.ts';
import { writeTraits } from '../facts/traits.ts';
import {
  type Extracted,
  extractIdentifiers,
  type FoundIdentifier,
  normalizeValue,
  type ViolationReason,
} from '../identity/extract.ts';
import { activityMs, type MessageFacts, type Resolution, resolve } from '../identity/identity.ts';
import type { SpaceRules } from '../identity/rules.ts';
import { countChanged } from '../reading/fold.ts';
import type { Collection, DropReason, Effects, IncomingMessage, Outcome } from '../space.ts';
import { dropOfIdentifiers, dropOfMessage } from './drops.ts';
import { hashOf, onceMs } from './once.ts';
import { Overlay, type Wanted, type WorkingSet } from './working-set.ts';

/** A message with what was found in it before the state of the space was looked at. */
export interface PreparedMessage {
  readonly incoming: IncomingMessage;
  readonly facts: MessageFacts;
  readonly found: Extracted;
  /** Every user id that it carries, wherever: none of them may be suppressed. */
  readonly userIds: readonly string[];
  /** Set when the message is dropped. */
  readonly outcome: Outcome | null;
  /** Hash of what it is known by; null when it may come again, or is dropped and not counted. */
  readonly once: string | null;
  readonly subscriptions: readonly SubscriptionEntry[];
  readonly preferences: Preferences | null;
  /** What it carries that cannot be taken, while the message is. */
  readonly faults: readonly Fault[];
}

interface Fault {
  readonly reason: ViolationReason | SubscriptionFault | 'consent_invalid';
  readonly detail: string;
}

export interface PreparedBatch extends Wanted {
  readonly messages: readonly PreparedMessage[];
}

export interface NewLink {
  readonly userId: string;
  readonly accountId: string;
  readonly facts: MessageFacts;
}

export interface NewEvent {
  readonly profileId: string;
  readonly accountId: string | null;
  readonly facts: MessageFacts;
  /** The user identifiers by which it came to the profile. */
  readonly ids: readonly FoundIdentifier[];
  readonly incoming: IncomingMessage;
}

export interface LogEntry {
  readonly kind: 'drop' | 'violation';
  readonly reason: string;
  readonly detail: string;
  readonly incoming: IncomingMessage;
  readonly messageId: string | null;
  readonly userId: string | null;
  /** How many messages of the batch it stands for. */
  readonly count: number;
}

export interface Delta {
  readonly state: Overlay;
  readonly links: readonly NewLink[];
  readonly events: readonly NewEvent[];
  readonly log: readonly LogEntry[];
  readonly outcomes: readonly Outcome[];
  readonly effects: Effects;
}

/** What can be done before the state of the space is known: times, silent drops, identifiers. */
export async function prepareBatch(batch: readonly IncomingMessage[], rules: SpaceRules): Promise<PreparedBatch> {
  const keys = new Set<string>();
  const contacts = new Set<string>();
  const once = new Set<string>();
  const userIds = new Set<string>();
  let firstReceivedAt = Number.POSITIVE_INFINITY;
  const times = new Map<string, number>();
  const messages: PreparedMessage[] = [];
  for (const [at, incoming] of batch.entries()) {
    if (at % rowsPerBreath === rowsPerBreath - 1) await breathe();
    const prepared = prepareMessage(incoming, rules, times);
    messages.push(prepared);
    for (const userId of prepared.userIds) userIds.add(userId);
    if (prepared.once !== null) {
      once.add(prepared.once);
      firstReceivedAt = Math.min(firstReceivedAt, prepared.facts.receivedAt);
    }
    if (prepared.outcome !== null) continue;
    for (const id of prepared.found.users) keys.add(id.key);
    for (const id of prepared.found.accounts) keys.add(id.key);
    for (const { contact } of prepared.subscriptions) contacts.add(contact);
  }
  return {
    messages,
    keys: [...keys],
    contacts: [...contacts],
    once: [...once],
    firstReceivedAt,
    userIds: [...userIds],
  };
}

function prepareMessage(incoming: IncomingMessage, rules: SpaceRules, times: Map<string, number>): PreparedMessage {
  const { message } = incoming;
  const receivedAt = incoming.receivedAt.getTime();
  const eventAt = timeOf(message.timestamp, times);
  const facts: MessageFacts = {
    messageId: typeof message.messageId === 'string' ? message.messageId : null,
    userId: userIdOf(message.userId),
    sourceId: incoming.sourceId,
    receivedAt,
    place: placeIn(receivedAt),
    eventAt: Number.isNaN(eventAt) ? receivedAt : eventAt,
  };
  const own = [userIdOf(message.userId), message.type === 'alias' ? userIdOf(message.previousId) : null].filter(
    (id) => id !== null,
  );
  const dropped = dropOfMessage(message, eventAt) ?? rules.dropOf(message);
  if (dropped !== null) {
    const once = incoming.isCounted === true ? onceOf(incoming) : null;
    return { ...nothing, incoming, facts, userIds: own, outcome: { kind: 'dropped', ...dropped }, once };
  }
  const found = extractIdentifiers(message, rules);
  const userIds = [...own, ...userIdsIn(found, facts.userId)];
  const unusable = dropOfIdentifiers(message, found);
  if (unusable !== null) {
    const once = incoming.isCounted === true ? onceOf(incoming) : null;
    return { ...nothing, incoming, facts, found, userIds, outcome: { kind: 'dropped', ...unusable }, once };
  }
  const faults: Fault[] = [];
  const said = preferencesOf(message);
  if (said === 'invalid') faults.push({ reason: 'consent_invalid', detail: '' });
  return {
    incoming,
    facts,
    found,
    userIds,
    outcome: null,
    once: onceOf(incoming),
    subscriptions: subscriptionsOf(message, (reason, detail) => faults.push({ reason, detail })),
    preferences: said === 'invalid' ? null : said,
    faults,
  };
}

const nothing = {
  found: { users: [], accounts: [], violations: [] } satisfies Extracted,
  subscriptions: [],
  preferences: null,
  faults: [],
};

function onceOf({ onceKey }: IncomingMessage): string | null {
  return onceKey === undefined ? null : hashOf(onceKey);
}

/** As identifiers are: trimmed, so that blanks do not make another person of it. */
function userIdOf(given: Json | undefined): string | null {
  const value = normalizeValue('user_id', given);
  return value !== null && storableText(value) ? value : null;
}

/** Those that came in `context.externalIds`. */
function userIdsIn({ users }: Extracted, own: string | null): string[] {
  return users.flatMap(({ rule, value }) =>
    rule.type === 'user_id' && value !== own && storableText(value) ? [value] : [],
  );
}

/** Parses a time once per batch; most messages of a sync carry the same one. */
function timeOf(value: unknown, known: Map<string, number>): number {
  if (typeof value !== 'string') return readTime(value);
  const before = known.get(value);
  if (before !== undefined) return before;
  const time = readTime(value);
  known.set(value, time);
  return time;
}

export async function applyBatch(batch: PreparedBatch, workingSet: WorkingSet, rules: SpaceRules): Promise<Delta> {
  const work = new BatchWork(workingSet, rules);
  const outcomes: Outcome[] = [];
  for (const [at, prepared] of batch.messages.entries()) {
    if (at % rowsPerBreath === rowsPerBreath - 1) await breathe();
    outcomes.push(work.apply(prepared));
  }
  return {
    state: work.state,
    links: [...work.links.values()],
    events: work.events,
    log: work.log(),
    outcomes,
    effects: work.effects(),
  };
}

/** How many entries of one kind a batch lists one by one; the rest are counted. */
const logSamples = 5;
/** Of copies and of suppressed people there is nothing to look into: they are only counted. */
const onlyCounted: ReadonlySet<string> = new Set<DropReason>(['duplicate', 'suppressed']);

const suppressed = {
  reason: 'suppressed',
  detail: 'The user id is suppressed: nothing of this person is taken.',
} as const;
const duplicate = {
  reason: 'duplicate',
  detail: 'A message with this id was taken within the last 24 hours.',
} as const;

const aliasOfNobody = {
  reason: 'no_matching_identifiers',
  detail: 'An alias makes no profile, and there is none with its user id.',
} as const;

/** The state of one batch while its messages are applied. */
class BatchWork {
  readonly state: Overlay;
  readonly links = new Map<string, NewLink>();
  readonly events: NewEvent[] = [];
  private readonly rules: SpaceRules;
  private readonly noted = new Map<string, { entries: LogEntry[]; more: number }>();
  private profilesCreated = 0;
  private accountsCreated = 0;
  private merged = 0;
  private traitsChanged = 0;

  constructor(workingSet: WorkingSet, rules: SpaceRules) {
    this.state = new Overlay(workingSet);
    this.rules = rules;
  }

  apply(prepared: PreparedMessage): Outcome {
    const { incoming, facts, found, faults } = prepared;
    const outcome = this.refusal(prepared);
    if (outcome?.kind === 'dropped') {
      // Of a suppressed person not even the message id is kept.
      const shown = outcome.reason === 'suppressed' ? { ...facts, messageId: null, userId: null } : facts;
      this.note('drop', incoming, shown, outcome.reason, outcome.detail);
      if (outcome.reason === 'no_matching_identifiers') this.noteViolations(found, incoming, facts);
      return { ...outcome, ...this.repeat(prepared, outcome.reason) };
    }
    this.noteViolations(found, incoming, facts);
    for (const { reason, detail } of faults) this.note('violation', incoming, facts, reason, detail);
    const repeat = this.repeat(prepared);
    if (prepared.once !== null) this.state.take(prepared.once, facts.receivedAt);
    const { message } = incoming;
    const account = this.resolveIn('accounts', found.accounts, incoming, facts);
    const user = this.resolveIn('users', found.users, incoming, facts);
    const [accountId, userId] = [account?.profileId ?? null, user?.profileId ?? null];
    const writesTo = message.type === 'group' ? accountId : message.type === 'identify' ? userId : null;
    if (writesTo !== null && isJsonObject(message.traits)) this.writeTo(writesTo, message.traits, incoming, facts);
    if (!isPassive(message)) {
      const byEvent = userId !== null && isEvent(message);
      if (accountId !== null) this.touch(accountId, facts, byEvent);
      if (userId !== null) this.touch(userId, facts, byEvent);
    }
    if (userId !== null && accountId !== null) this.link(userId, accountId, facts);
    if (userId !== null && prepared.preferences !== null) this.consent(userId, prepared.preferences, facts);
    for (const entry of prepared.subscriptions) this.subscribe(entry, incoming, facts);
    if (userId !== null && isEvent(message)) {
      this.events.push({ profileId: userId, accountId, facts, ids: user?.ids ?? [], incoming });
    }
    return { kind: 'applied', profileId: (message.type === 'group' ? accountId : userId) ?? '', ...repeat };
  }

  /** Of a message that counts: whether it was counted before. One that is dropped and was not is noted as counted. */
  private repeat({ incoming, facts, once }: PreparedMessage, dropped?: DropReason): { isRepeat: true } | undefined {
    if (once === null || incoming.isCounted !== true || (dropped !== undefined && onlyCounted.has(dropped))) return;
    const never = Number.NEGATIVE_INFINITY;
    const before = Math.max(this.state.seen.get(once) ?? never, this.state.counted.get(once) ?? never);
    if (facts.receivedAt - before < onceMs) return { isRepeat: true };
    if (dropped !== undefined) this.state.count(once, facts.receivedAt);
    return undefined;
  }

  /** Why the message is not taken; null when it is. */
  private refusal({ incoming, facts, found, userIds, outcome, once }: PreparedMessage): Outcome | null {
    const isSuppressed = (userId: string) =>
      this.state.suppressed.get(userId)?.some((source) => source === '' || source === incoming.sourceId) === true;
    if (this.state.suppressed.size > 0 && userIds.some(isSuppressed)) return { kind: 'dropped', ...suppressed };
    if (outcome !== null) return outcome;
    const before = once === null ? undefined : this.state.seen.get(once);
    if (before !== undefined && facts.receivedAt - before < onceMs) return { kind: 'dropped', ...duplicate };
    const isOfNobody = incoming.message.type === 'alias' && !found.users.some(({ key }) => this.state.owners.has(key));
    return isOfNobody ? { kind: 'dropped', ...aliasOfNobody } : null;
  }

  private consent(userId: string, said: Preferences, facts: MessageFacts): void {
    const row = this.state.get(userId);
    const consent = withPreferences(row.consent, said, momentOf(facts));
    if (consent !== row.consent) this.state.update(row, { consent });
  }

  private subscribe(entry: SubscriptionEntry, incoming: IncomingMessage, facts: MessageFacts): void {
    const { sourceId, messageId } = facts;
    const known = this.state.contacts.get(entry.contact);
    const origin = { ...momentOf(facts), sourceId, messageId };
    const next = withEntry(known, entry, this.rules.subscriptionGroups, origin, (reason, detail) =>
      this.note('violation', incoming, facts, reason, detail),
    );
    if (next !== undefined && next !== known) this.state.setContact(entry.contact, next);
  }

  private resolveIn(
    collection: Collection,
    found: readonly FoundIdentifier[],
    incoming: IncomingMessage,
    facts: MessageFacts,
  ): Resolution | null {
    if (found.length === 0) return null;
    const resolution = resolve(this.state, this.rules, collection, found, facts, (reason, type) =>
      this.note('violation', incoming, facts, reason, type),
    );
    this.merged += resolution.merged;
    if (resolution.created && collection === 'users') this.profilesCreated += 1;
    if (resolution.created && collection === 'accounts') this.accountsCreated += 1;
    return resolution;
  }

  private writeTo(profileId: string, traits: JsonObject, incoming: IncomingMessage, facts: MessageFacts): void {
    const row = this.state.get(profileId);
    const change = writeTraits(row, traits, {
      ...momentOf(facts),
      place: facts.place,
      source: facts.sourceId,
      ...(incoming.mappingId === undefined ? undefined : { mapping: incoming.mappingId }),
      ...(incoming.syncId === undefined ? undefined : { sync: incoming.syncId }),
      message: facts.messageId,
    });
    if (change.writes === row.writes) return;
    const members = row.members.map((id) => this.state.get(id));
    this.traitsChanged +=
      members.length === 0
        ? change.changed
        : countChanged([row, ...members], [{ ...row, ...change }, ...members], new Set(Object.keys(traits)));
    this.state.update(row, { traits: change.traits, writes: change.writes });
  }

  /**
   * The profile was active: its newest event and the time of its last change. For an event that is all it changes, and the
   * events tell it too: then the row is written once a minute, not with each of them.
   */
  private touch(profileId: string, facts: MessageFacts, byEvent: boolean): void {
    const row = this.state.get(profileId);
    const at = Math.min(facts.eventAt, facts.receivedAt);
    const isNewest = at >= row.lastEventAt;
    if (!isNewest && facts.receivedAt <= row.updatedAt) return;
    if (isNewest && row.lastMessageId === facts.messageId && row.updatedAt >= facts.receivedAt) return;
    if (byEvent && facts.receivedAt - row.updatedAt < activityMs && !this.state.isTouched(profileId)) return;
    this.state.update(row, {
      updatedAt: Math.max(row.updatedAt, facts.receivedAt),
      lastMessageId: isNewest ? facts.messageId : row.lastMessageId,
      lastSourceId: isNewest ? facts.sourceId : row.lastSourceId,
      lastEventAt: isNewest ? at : row.lastEventAt,
    });
  }

  private link(userId: string, accountId: string, facts: MessageFacts): void {
    const key = `${userId} ${accountId}`;
    if (!this.links.has(key)) this.links.set(key, { userId, accountId, facts });
  }

  private noteViolations(found: Extracted, incoming: IncomingMessage, facts: MessageFacts): void {
    for (const { reason, type } of found.violations) this.note('violation', incoming, facts, reason, type);
  }

  private note(
    kind: LogEntry['kind'],
    incoming: IncomingMessage,
    facts: MessageFacts,
    reason: Fault['reason'] | DropReason,
    detail: string,
  ): void {
    const key = `${kind} ${reason} ${kind === 'drop' ? '' : detail}`;
    let seen = this.noted.get(key);
    if (seen === undefined) {
      seen = { entries: [], more: 0 };
      this.noted.set(key, seen);
    }
    if (seen.entries.length >= (onlyCounted.has(reason) ? 1 : logSamples)) {
      seen.more += 1;
      return;
    }
    const { messageId, userId } = facts;
    seen.entries.push({ kind, reason, detail, incoming, messageId, userId, count: 1 });
  }

  log(): LogEntry[] {
    const entries: LogEntry[] = [];
    for (const { entries: samples, more } of this.noted.values()) {
      const last = samples.at(-1);
      if (last === undefined) continue;
      entries.push(...samples.slice(0, -1), { ...last, count: 1 + more });
    }
    return entries;
  }

  effects(): Effects {
    const { profilesCreated, accountsCreated, merged, traitsChanged } = this;
    return { profilesCreated, accountsCreated, merged, traitsChanged };
  }
}

/** Messages that are kept whole. An alias joins nobody, but somebody may want to know of it. */
function isEvent({ type }: JsonObject): boolean {
  return type === 'track' || type === 'page' || type === 'screen' || type === 'alias';
}

/** An identify that tells of a person who did nothing just now. */
function isPassive({ type, context }: JsonObject): boolean {
  return type === 'identify' && isJsonObject(context) && context.active === false;
}

function momentOf({ eventAt, receivedAt }: MessageFacts) {
  return { at: Math.min(eventAt, receivedAt), received: receivedAt };
}
