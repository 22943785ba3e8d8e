/**
 * Who is who. In: the identifiers of one message, the state of the space, the rules. Out: the profile the message belongs
 * to, after adding its identifiers and merging what they join. The algorithm is `profile-space.md` 2.4, step by step;
 * `docs/identity.md` explains it with examples.
 */
import { newId } from '../../base/ids.ts';
import { mergedConsent } from '../facts/consent.ts';
import type { Collection } from '../space.ts';
import type { Overlay, ProfileRow, StoredIdentifier } from '../writing/working-set.ts';
import type { FoundIdentifier, ViolationReason } from './extract.ts';
import { byPriority, maxIdentifiersPerProfile, maxMerges, type SpaceRules, type TypeRule } from './rules.ts';

/** How exactly it is kept when an identifier was seen last, and when a profile was active: ms. */
export const activityMs = 60_000;

/** What identity needs to know of a message. */
export interface MessageFacts {
  readonly messageId: string | null;
  /** Its `userId`, trimmed, when that is text that can be stored. */
  readonly userId: string | null;
  readonly sourceId: string;
  /** Arrival, ms. */
  readonly receivedAt: number;
  /** Its place among the messages that arrived in the same millisecond. */
  readonly place: number;
  readonly eventAt: number;
}

export interface Resolution {
  readonly profileId: string;
  readonly merged: number;
  readonly created: boolean;
  /** The identifiers that were not taken away. */
  readonly ids: readonly FoundIdentifier[];
}

export type OnViolation = (reason: ViolationReason, type: string) => void;

/** `found` holds at least one identifier. */
export function resolve(
  state: Overlay,
  rules: SpaceRules,
  collection: Collection,
  found: readonly FoundIdentifier[],
  facts: MessageFacts,
  onViolation: OnViolation,
): Resolution {
  const { ids, matched } = demote(state, rules, collection, found, facts.receivedAt, onViolation);
  const first = matched[0];
  if (first === undefined) {
    const id = createProfile(state, collection, ids, facts, onViolation);
    return { profileId: id, merged: 0, created: true, ids };
  }
  const merged = matched.length === 1 ? 0 : mergeAll(state, matched, facts, onViolation);
  const ordered = ids.length === 1 ? ids : [...ids].sort((a, b) => byPriority(a.rule, b.rule));
  const target = targetOf(state, ordered) ?? state.canonical(first.id);
  addIdentifiers(state, target, ordered, facts, onViolation);
  return { profileId: target.id, merged, created: false, ids };
}

/** Takes identifiers away, lowest priority first, until what remains breaks no limit. */
function demote(
  state: Overlay,
  rules: SpaceRules,
  collection: Collection,
  found: readonly FoundIdentifier[],
  now: number,
  onViolation: OnViolation,
): { ids: readonly FoundIdentifier[]; matched: readonly ProfileRow[] } {
  let ids = found;
  for (;;) {
    const matched = matchedProfiles(state, ids);
    const broken = brokenLimit(state, rules, collection, matched, ids, now);
    if (broken === null) return { ids, matched };
    const lowest = ids.reduce((low, id) => (byPriority(id.rule, low.rule) >= 0 ? id : low)).rule;
    const several = ids.some((id) => id.rule !== lowest);
    ids = several ? ids.filter((id) => id.rule !== lowest) : ids.slice(0, -1);
    const timed = Number.isFinite(broken.windowMs);
    onViolation(timed ? 'identifier_value_time_limit_exceeded' : 'identifier_value_limit_exceeded', lowest.type);
  }
}

function matchedProfiles(state: Overlay, ids: readonly FoundIdentifier[]): ProfileRow[] {
  const matched: ProfileRow[] = [];
  for (const id of ids) {
    const owner = state.owners.get(id.key);
    if (owner === undefined) continue;
    const profile = state.canonical(owner);
    if (!matched.includes(profile)) matched.push(profile);
  }
  return matched;
}

/**
 * The first type whose limit the joined profile would break. A profile that is over a limit already (it was tightened
 * later) may go on as long as nothing is added to that type.
 */
function brokenLimit(
  state: Overlay,
  rules: SpaceRules,
  collection: Collection,
  matched: readonly ProfileRow[],
  ids: readonly FoundIdentifier[],
  now: number,
): TypeRule | null {
  if (matched.length === 0 && areOfDifferentTypes(ids)) return null;
  const added = ids.filter((id) => !state.owners.has(id.key));
  if (matched.length <= 1 && added.length === 0) return null;
  const counts = new Map<TypeRule, { total: number; most: number }>();
  for (const profile of matched) countTypes(state, rules, collection, profile, now, counts);
  for (const id of added) {
    const count = counts.get(id.rule);
    if (count === undefined) counts.set(id.rule, { total: 1, most: 0 });
    else count.total += 1;
  }
  for (const [rule, { total, most }] of counts) if (total > rule.limit && total > most) return rule;
  return null;
}

/** Then a new profile has one value of each, which no limit forbids. */
function areOfDifferentTypes(ids: readonly FoundIdentifier[]): boolean {
  for (let i = 1; i < ids.length; i += 1) {
    for (let j = 0; j < i; j += 1) if (ids[i]?.rule === ids[j]?.rule) return false;
  }
  return true;
}

function countTypes(
  state: Overlay,
  rules: SpaceRules,
  collection: Collection,
  profile: ProfileRow,
  now: number,
  counts: Map<TypeRule, { total: number; most: number }>,
): void {
  const own = new Map<TypeRule, number>();
  for (const row of treeOf(state, profile)) {
    for (const identifier of row.identifiers) {
      const rule = rules.ruleOf(collection, identifier.type);
      if (rule === null || now - identifier.created >= rule.windowMs) continue;
      own.set(rule, (own.get(rule) ?? 0) + 1);
    }
  }
  for (const [rule, n] of own) {
    const count = counts.get(rule);
    if (count === undefined) counts.set(rule, { total: n, most: n });
    else {
      count.total += n;
      count.most = Math.max(count.most, n);
    }
  }
}

/** A profile and everything merged into it. */
export function* treeOf(state: Overlay, profile: ProfileRow): Generator<ProfileRow> {
  yield profile;
  for (const member of profile.members) yield state.get(member);
}

function identifierCount(state: Overlay, profile: ProfileRow): number {
  let count = profile.identifiers.length;
  for (const member of profile.members) count += state.get(member).identifiers.length;
  return count;
}

function olderFirst(a: ProfileRow, b: ProfileRow): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
}

/** Merges into the oldest, as far as the caps allow. Returns how many profiles were merged. */
function mergeAll(
  state: Overlay,
  matched: readonly ProfileRow[],
  facts: MessageFacts,
  onViolation: OnViolation,
): number {
  const [oldest, ...children] = [...matched].sort(olderFirst);
  if (oldest === undefined) return 0;
  let merged = 0;
  for (const child of children) {
    const parent = state.get(oldest.id);
    if (parent.members.length + child.members.length + 1 > maxMerges) {
      onViolation('profile_merge_limit_exceeded', '');
    } else if (identifierCount(state, parent) + identifierCount(state, child) > maxIdentifiersPerProfile) {
      onViolation('identifier_mapping_limit_exceeded', '');
    } else {
      mergeInto(state, parent, child, facts);
      merged += 1;
    }
  }
  return merged;
}

/** Moves the pointers of the child and of all below it. Nothing else of them changes. */
function mergeInto(state: Overlay, parent: ProfileRow, child: ProfileRow, facts: MessageFacts): void {
  for (const member of child.members) state.update(state.get(member), { mergedInto: parent.id });
  state.update(child, { mergedInto: parent.id, mergedAt: facts.receivedAt, mergedBy: facts.messageId });
  const newest = child.lastEventAt > parent.lastEventAt ? child : parent;
  state.update(parent, {
    members: [...parent.members, child.id, ...child.members],
    lastMessageId: newest.lastMessageId,
    lastSourceId: newest.lastSourceId,
    lastEventAt: newest.lastEventAt,
    updatedAt: Math.max(facts.receivedAt, parent.updatedAt),
    consent: mergedConsent(parent.consent, child.consent),
  });
}

/** The profile that owns the identifier of highest priority among those that are owned. */
function targetOf(state: Overlay, ordered: readonly FoundIdentifier[]): ProfileRow | null {
  for (const id of ordered) {
    const owner = state.owners.get(id.key);
    if (owner !== undefined) return state.canonical(owner);
  }
  return null;
}

function storedIdentifier(id: FoundIdentifier, facts: MessageFacts): StoredIdentifier {
  return {
    type: id.rule.type,
    value: id.value,
    created: facts.receivedAt,
    source: facts.sourceId,
    message: facts.messageId,
    seen: facts.receivedAt,
  };
}

function addIdentifiers(
  state: Overlay,
  target: ProfileRow,
  ordered: readonly FoundIdentifier[],
  facts: MessageFacts,
  onViolation: OnViolation,
): void {
  let count = -1;
  let added: StoredIdentifier[] | null = null;
  for (const id of ordered) {
    if (state.owners.has(id.key)) continue;
    if (count < 0) count = identifierCount(state, target);
    if (count >= maxIdentifiersPerProfile) {
      onViolation('identifier_mapping_limit_exceeded', id.rule.type);
      continue;
    }
    count += 1;
    added ??= [];
    added.push(storedIdentifier(id, facts));
    state.own(id.key, target.id);
  }
  const seen = markSeen(target.identifiers, ordered, facts.receivedAt);
  if (added !== null || seen !== target.identifiers) {
    state.update(target, { identifiers: added === null ? seen : [...seen, ...added] });
  }
  if (target.members.length > 0) markSeenBelow(state, target, ordered, facts.receivedAt);
}

/** Identifiers stay with the profile they were added to, also when it has been merged. */
function markSeenBelow(state: Overlay, target: ProfileRow, ids: readonly FoundIdentifier[], now: number): void {
  for (const owner of new Set(ids.map((id) => state.owners.get(id.key)))) {
    if (owner === undefined || owner === target.id) continue;
    const row = state.get(owner);
    const seen = markSeen(row.identifiers, ids, now);
    if (seen !== row.identifiers) state.update(row, { identifiers: seen });
  }
}

function markSeen(
  identifiers: readonly StoredIdentifier[],
  ids: readonly FoundIdentifier[],
  now: number,
): readonly StoredIdentifier[] {
  let result: StoredIdentifier[] | null = null;
  for (const [at, identifier] of identifiers.entries()) {
    if (now - identifier.seen < activityMs) continue;
    if (!ids.some((id) => id.value === identifier.value && id.rule.type === identifier.type)) continue;
    result ??= [...identifiers];
    result[at] = { ...identifier, seen: now };
  }
  return result ?? identifiers;
}

function createProfile(
  state: Overlay,
  collection: Collection,
  ids: readonly FoundIdentifier[],
  facts: MessageFacts,
  onViolation: OnViolation,
): string {
  const id = newId(collection === 'users' ? 'use' : 'acc');
  const identifiers: StoredIdentifier[] = [];
  const isTooMany = ids.length > maxIdentifiersPerProfile;
  const ordered = isTooMany ? [...ids].sort((a, b) => byPriority(a.rule, b.rule)) : ids;
  for (const found of ordered) {
    if (identifiers.length === maxIdentifiersPerProfile) {
      onViolation('identifier_mapping_limit_exceeded', found.rule.type);
      continue;
    }
    identifiers.push(storedIdentifier(found, facts));
    state.own(found.key, id);
  }
  state.create({
    id,
    collection,
    createdAt: facts.receivedAt,
    updatedAt: facts.receivedAt,
    mergedInto: null,
    mergedAt: null,
    mergedBy: null,
    members: [],
    firstMessageId: facts.messageId,
    firstSourceId: facts.sourceId,
    lastMessageId: facts.messageId,
    lastSourceId: facts.sourceId,
    lastEventAt: Math.min(facts.eventAt, facts.receivedAt),
    identifiers,
    traits: {},
    writes: [],
    consent: null,
    computed: null,
  });
  return id;
}
