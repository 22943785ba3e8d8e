/**
 * Test support: a space in memory, just good enough to serve the Profile API from. In: messages. Out: a `SpaceReader`.
 * It matches and merges without limits, blocked values or time windows; the real rules live in `space/`.
 */
import { MillraceError } from '../../base/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../base/json.ts';
import type {
  Collection,
  ExternalId,
  IncomingMessage,
  Page,
  Profile,
  ProfileKey,
  ProfileLink,
  ProfileTrait,
  SpaceReader,
} from '../../space/space.ts';

interface Stored {
  readonly segmentId: string;
  readonly collection: Collection;
  readonly createdAt: string;
  readonly first: Origin;
  last: Origin;
  updatedAt: string;
  mergedInto: Stored | null;
  readonly traits: Map<string, ProfileTrait>;
  readonly externalIds: ExternalId[];
  readonly links: Map<Stored, string>;
}

interface Origin {
  readonly messageId: string | null;
  readonly sourceId: string;
}

interface Id {
  readonly type: string;
  readonly value: string;
}

export class MemorySpace {
  readonly #profiles: Stored[] = [];
  #lastId = 0;

  send(messages: readonly IncomingMessage[]): void {
    for (const incoming of messages) this.#apply(incoming);
  }

  /** Gives a trait of a user the class that computations give theirs. */
  classify(userId: string, key: string, traitClass: ProfileTrait['class']): void {
    const profile = this.#find('users', { kind: 'identifier', type: 'user_id', value: userId });
    const trait = profile?.traits.get(key);
    if (profile !== null && trait !== undefined) profile.traits.set(key, { ...trait, class: traitClass });
  }

  reader(): SpaceReader {
    return {
      profile: async (_, collection, key) => {
        const found = this.#find(collection, key);
        return found === null ? null : this.#show(found);
      },
      links: async (_, collection, key, limit, next) => {
        const found = this.#find(collection, key);
        return found === null ? null : pageOf(this.#linksOf(found), limit, next);
      },
      // Events and subscriptions are tested on the real space.
      activity: async (_, profile) => profile,
      events: async () => ({ items: [], next: null }),
      subscriptions: async () => [],
      list: async (_, collection, limit, next) => pageOf(this.#listOf(collection), limit, next),
      count: async (_, collection) => this.#listOf(collection).length,
    };
  }

  #apply(incoming: IncomingMessage): void {
    const { message } = incoming;
    const users = userIds(message);
    const user = users.length === 0 ? null : this.#resolve('users', users, incoming);
    if (user !== null && message.type === 'identify') setTraits(user, incoming);
    const groupId = message.type === 'group' ? message.groupId : undefined;
    if (typeof groupId !== 'string') return;
    const account = this.#resolve('accounts', [{ type: 'group_id', value: groupId }], incoming);
    setTraits(account, incoming);
    if (user === null) return;
    const at = incoming.receivedAt.toISOString();
    if (!user.links.has(account)) user.links.set(account, at);
    if (!account.links.has(user)) account.links.set(user, at);
  }

  #resolve(collection: Collection, ids: readonly Id[], incoming: IncomingMessage): Stored {
    const owners = this.#profiles.filter(
      (profile) =>
        profile.collection === collection &&
        profile.mergedInto === null &&
        profile.externalIds.some((known) => ids.some(({ type, value }) => known.type === type && known.id === value)),
    );
    const [parent = this.#create(collection, incoming), ...children] = owners;
    for (const child of children) merge(parent, child);
    parent.last = originOf(incoming);
    parent.updatedAt = incoming.receivedAt.toISOString();
    for (const { type, value } of ids) this.#attach(parent, type, value, incoming);
    return parent;
  }

  #create(collection: Collection, incoming: IncomingMessage): Stored {
    const at = incoming.receivedAt.toISOString();
    const stored: Stored = {
      segmentId: this.#nextId(collection === 'users' ? 'use' : 'acc'),
      collection,
      createdAt: at,
      updatedAt: at,
      first: originOf(incoming),
      last: originOf(incoming),
      mergedInto: null,
      traits: new Map(),
      externalIds: [],
      links: new Map(),
    };
    this.#profiles.push(stored);
    return stored;
  }

  #attach(profile: Stored, type: string, value: string, incoming: IncomingMessage): void {
    if (profile.externalIds.some((known) => known.type === type && known.id === value)) return;
    const at = incoming.receivedAt.toISOString();
    profile.externalIds.push({
      mapId: this.#nextId('map'),
      collection: profile.collection,
      type,
      id: value,
      createdAt: at,
      sourceId: incoming.sourceId,
      firstMessageId: originOf(incoming).messageId,
      lastSeenAt: at,
    });
  }

  #nextId(prefix: string): string {
    this.#lastId += 1;
    return `${prefix}_${String(this.#lastId).padStart(27, '0')}`;
  }

  #find(collection: Collection, key: ProfileKey): Stored | null {
    const found = this.#profiles.find(
      (profile) =>
        profile.collection === collection &&
        (key.kind === 'segment_id'
          ? profile.segmentId === key.id
          : profile.externalIds.some((known) => known.type === key.type && known.id === key.value)),
    );
    return found === undefined ? null : canonical(found);
  }

  #show(profile: Stored): Profile {
    const below = this.#profiles.filter((other) => other !== profile && canonical(other) === profile);
    return {
      segmentId: profile.segmentId,
      collection: profile.collection,
      createdAt: profile.createdAt,
      updatedAt: profile.updatedAt,
      firstMessageId: profile.first.messageId,
      firstSourceId: profile.first.sourceId,
      lastMessageId: profile.last.messageId,
      lastSourceId: profile.last.sourceId,
      merges: below.length,
      lastEventAt: profile.updatedAt,
      consent: null,
      mergedSegmentIds: below.map((other) => other.segmentId),
      traits: [...profile.traits.values()].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key))),
      externalIds: [...profile.externalIds].sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt)),
    };
  }

  #linksOf(profile: Stored): ProfileLink[] {
    return [...profile.links]
      .map(([other, createdAt]) => {
        const { collection, segmentId, externalIds } = this.#show(canonical(other));
        return { toCollection: collection, segmentId, createdAt, externalIds: externalIds.slice(0, 25) };
      })
      .sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
  }

  #listOf(collection: Collection): { segmentId: string; updatedAt: string }[] {
    return this.#profiles
      .filter((profile) => profile.collection === collection && profile.mergedInto === null)
      .map(({ segmentId, updatedAt }) => ({ segmentId, updatedAt }))
      .sort((a, b) => Date.parse(b.updatedAt) - Date.parse(a.updatedAt));
  }
}

function canonical(profile: Stored): Stored {
  return profile.mergedInto === null ? profile : canonical(profile.mergedInto);
}

function merge(parent: Stored, child: Stored): void {
  child.mergedInto = parent;
  for (const [key, trait] of child.traits) {
    const own = parent.traits.get(key);
    if (own === undefined || own.origin.updatedAt < trait.origin.updatedAt) parent.traits.set(key, trait);
  }
  for (const [other, at] of child.links) parent.links.set(other, at);
  parent.externalIds.push(...child.externalIds.splice(0));
}

function userIds(message: JsonObject): Id[] {
  const ids: Id[] = [];
  const add = (type: string, value: Json | undefined): void => {
    if (typeof value === 'string' && value !== '') ids.push({ type, value });
  };
  const context = isJsonObject(message.context) ? message.context : {};
  for (const entry of Array.isArray(context.externalIds) ? context.externalIds : []) {
    if (isJsonObject(entry)) add(String(entry.type), entry.id);
  }
  add('user_id', message.userId);
  add('anonymous_id', message.anonymousId);
  const email = message.type === 'identify' && isJsonObject(message.traits) ? message.traits.email : undefined;
  if (typeof email === 'string') add('email', email.toLowerCase());
  return ids;
}

function setTraits(profile: Stored, incoming: IncomingMessage): void {
  const { traits, timestamp } = incoming.message;
  const received = incoming.receivedAt.toISOString();
  const updatedAt = typeof timestamp === 'string' && timestamp < received ? timestamp : received;
  const origin = { ...originOf(incoming), mappingId: null, syncId: null, updatedAt };
  for (const [key, value] of Object.entries(isJsonObject(traits) ? traits : {})) {
    if (value === null || value === undefined) profile.traits.delete(key);
    else profile.traits.set(key, { key, value, class: 'custom', origin });
  }
}

function originOf({ message, sourceId }: IncomingMessage): Origin {
  return { messageId: typeof message.messageId === 'string' ? message.messageId : null, sourceId };
}

/** Cursors are positions here, with a letter so that they look like no number. */
function pageOf<T>(all: readonly T[], limit: number, next: string | undefined): Page<T> {
  const start = next === undefined ? 0 : Number(/^p([0-9]+)$/.exec(next)?.[1] ?? Number.NaN);
  if (Number.isNaN(start)) throw new MillraceError('cursor_invalid', 'The cursor was not handed out here.');
  const end = start + limit;
  return { items: all.slice(start, end), next: end < all.length ? `p${end}` : null };
}
