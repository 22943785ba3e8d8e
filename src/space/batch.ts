/**
 * A batch of messages, applied. In: messages, the working set, the rules. Out: the delta to store, an outcome for each
 * message, what was dropped or not taken. Pure but for the ids it makes: computing it again over a newer working set is
 * how concurrent writers are dealt with. It breathes, so that a large batch does not hold up the process.
 */
import { breathe, rowsPerBreath } from '../base/breathe.ts';
import { isJsonObject, type JsonObject } from '../base/json.ts';
import { dropOfIdentifiers, dropOfMessage } from './drops.ts';
import { type Extracted, extractIdentifiers, type FoundIdentifier, type ViolationReason } from './extract.ts';
import { type MessageFacts, resolve } from './identity.ts';
import type { SpaceRules } from './rules.ts';
import type { Collection, Effects, IncomingMessage, Outcome } from './space.ts';
import { readTime } from './times.ts';
import { writeTraits } from './traits.ts';
import { Overlay, type WorkingSet } from './working-set.ts';

/** A message with what was found in it before the state of the space was looked at. */
export interface PreparedMessage {
  readonly incoming: IncomingMessage;
  readonly facts: MessageFacts;
  readonly found: Extracted;
  /** Set when the message is dropped. */
  readonly outcome: Outcome | null;
}

export interface PreparedBatch {
  readonly messages: readonly PreparedMessage[];
  /** Every identifier key of the batch, once. */
  readonly keys: readonly string[];
}

export interface NewLink {
  readonly userId: string;
  readonly accountId: string;
  readonly facts: MessageFacts;
}

export interface NewEvent {
  readonly profileId: string;
  readonly facts: MessageFacts;
  readonly body: JsonObject;
}

export interface LogEntry {
  readonly kind: 'drop' | 'violation';
  readonly reason: string;
  readonly detail: string;
  readonly incoming: IncomingMessage;
  readonly messageId: string | null;
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
  const times = new Map<string, number>();
  const messages: PreparedMessage[] = [];
  for (const [at, incoming] of batch.entries()) {
    if (at % rowsPerBreath === rowsPerBreath - 1) await breathe();
    const prepared = prepareMessage(incoming, rules, times);
    messages.push(prepared);
    if (prepared.outcome !== null) continue;
    for (const id of prepared.found.users) keys.add(id.key);
    for (const id of prepared.found.accounts) keys.add(id.key);
  }
  return { messages, keys: [...keys] };
}

function prepareMessage(incoming: IncomingMessage, rules: SpaceRules, times: Map<string, number>): PreparedMessage {
  const { message } = incoming;
  const receivedAt = incoming.receivedAt.getTime();
  const eventAt = timeOf(message.timestamp, times);
  const facts: MessageFacts = {
    messageId: typeof message.messageId === 'string' ? message.messageId : null,
    sourceId: incoming.sourceId,
    receivedAt,
    eventAt: Number.isNaN(eventAt) ? receivedAt : eventAt,
  };
  const dropped = dropOfMessage(message, eventAt);
  if (dropped !== null) return { incoming, facts, found: nothingFound, outcome: { kind: 'dropped', ...dropped } };
  const found = extractIdentifiers(message, rules);
  const unusable = dropOfIdentifiers(message, found);
  return { incoming, facts, found, outcome: unusable === null ? null : { kind: 'dropped', ...unusable } };
}

const nothingFound: Extracted = { users: [], accounts: [], violations: [] };

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

/** How many violations of one kind a batch lists one by one; the rest are counted. */
const violationSamples = 5;

/** The state of one batch while its messages are applied. */
class BatchWork {
  readonly state: Overlay;
  readonly links = new Map<string, NewLink>();
  readonly events: NewEvent[] = [];
  private readonly rules: SpaceRules;
  private readonly drops: LogEntry[] = [];
  private readonly violations = new Map<string, { entries: LogEntry[]; more: number }>();
  private profilesCreated = 0;
  private accountsCreated = 0;
  private merged = 0;
  private traitsChanged = 0;

  constructor(workingSet: WorkingSet, rules: SpaceRules) {
    this.state = new Overlay(workingSet);
    this.rules = rules;
  }

  apply({ incoming, facts, found, outcome }: PreparedMessage): Outcome {
    for (const { reason, type } of found.violations) this.noteViolation(incoming, facts, reason, type);
    if (outcome?.kind === 'dropped') {
      const { reason, detail } = outcome;
      this.drops.push({ kind: 'drop', reason, detail, incoming, messageId: facts.messageId, count: 1 });
      return outcome;
    }
    const { message } = incoming;
    const accountId = this.resolveIn('accounts', found.accounts, incoming, facts);
    const userId = this.resolveIn('users', found.users, incoming, facts);
    const writesTo = message.type === 'group' ? accountId : message.type === 'identify' ? userId : null;
    if (writesTo !== null && isJsonObject(message.traits)) this.writeTo(writesTo, message.traits, incoming, facts);
    if (accountId !== null) this.touch(accountId, facts);
    if (userId !== null) this.touch(userId, facts);
    if (userId !== null && accountId !== null) this.link(userId, accountId, facts);
    const profileId = (message.type === 'group' ? accountId : userId) ?? '';
    const actor = userId ?? accountId;
    if (actor !== null && isKept(message)) this.events.push({ profileId: actor, facts, body: message });
    return { kind: 'applied', profileId };
  }

  private resolveIn(
    collection: Collection,
    found: readonly FoundIdentifier[],
    incoming: IncomingMessage,
    facts: MessageFacts,
  ): string | null {
    if (found.length === 0) return null;
    const { profileId, merged, created } = resolve(this.state, this.rules, collection, found, facts, (reason, type) =>
      this.noteViolation(incoming, facts, reason, type),
    );
    this.merged += merged;
    if (created && collection === 'users') this.profilesCreated += 1;
    if (created && collection === 'accounts') this.accountsCreated += 1;
    return profileId;
  }

  private writeTo(profileId: string, traits: JsonObject, incoming: IncomingMessage, facts: MessageFacts): void {
    const row = this.state.get(profileId);
    const change = writeTraits(row, traits, {
      at: Math.min(facts.eventAt, facts.receivedAt),
      received: facts.receivedAt,
      source: facts.sourceId,
      ...(incoming.mappingId === undefined ? undefined : { mapping: incoming.mappingId }),
      ...(incoming.syncId === undefined ? undefined : { sync: incoming.syncId }),
      message: facts.messageId,
    });
    if (change.writes === row.writes) return;
    this.traitsChanged += change.changed;
    this.state.update(row, { traits: change.traits, writes: change.writes });
  }

  /** The profile was active: its newest event and the time of its last change. */
  private touch(profileId: string, facts: MessageFacts): void {
    const row = this.state.get(profileId);
    const at = Math.min(facts.eventAt, facts.receivedAt);
    const isNewest = at >= row.lastEventAt;
    if (!isNewest && facts.receivedAt <= row.updatedAt) return;
    if (isNewest && row.lastMessageId === facts.messageId && row.updatedAt >= facts.receivedAt) return;
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

  private noteViolation(incoming: IncomingMessage, facts: MessageFacts, reason: ViolationReason, type: string): void {
    const key = `${reason} ${type}`;
    let seen = this.violations.get(key);
    if (seen === undefined) {
      seen = { entries: [], more: 0 };
      this.violations.set(key, seen);
    }
    if (seen.entries.length >= violationSamples) {
      seen.more += 1;
      return;
    }
    seen.entries.push({ kind: 'violation', reason, detail: type, incoming, messageId: facts.messageId, count: 1 });
  }

  log(): LogEntry[] {
    const entries = [...this.drops];
    for (const { entries: samples, more } of this.violations.values()) {
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

/** Messages that are kept whole: behaviour, and those with consent or subscriptions. */
function isKept(message: JsonObject): boolean {
  if (message.type === 'track' || message.type === 'page' || message.type === 'screen') return true;
  const { context } = message;
  if (!isJsonObject(context)) return false;
  if (Array.isArray(context.messaging_subscriptions)) return true;
  return isJsonObject(context.consent) && isJsonObject(context.consent.categoryPreferences);
}
