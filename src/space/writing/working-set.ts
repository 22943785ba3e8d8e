/**
 * What a batch needs to know of a space, and what it changes: profiles by id and the owner of each identifier. The
 * working set is never changed; a batch lays its changes over it (`Overlay`), so that it can be computed again.
 */
import type { Json } from '../../base/json.ts';
import type { Collection, ConsentValue, SubscriptionStatus } from '../space.ts';

/** One identifier of a profile, as its row holds it. Times in ms since 1970. */
export interface StoredIdentifier {
  readonly type: string;
  readonly value: string;
  readonly created: number;
  readonly source: string;
  readonly message: string | null;
  readonly seen: number;
}

/** Which keys one message wrote. `gone` are the keys it removed; newer writes win key by key. */
export interface TraitWrite {
  /** The time that decides between writers: the earlier of the event's own and its arrival. */
  readonly at: number;
  readonly received: number;
  /** Its place among the messages that arrived in the same millisecond. */
  readonly place: number;
  readonly source: string;
  readonly mapping?: string;
  readonly sync?: string;
  readonly message: string | null;
  readonly keys: readonly string[];
  readonly gone?: readonly string[];
}

export type Traits = Readonly<Record<string, Json>>;

/** What decides between two writers: the earlier of event time and arrival, then the arrival. Ms since 1970. */
export interface Moment {
  readonly at: number;
  readonly received: number;
}

/** What a computation found out about a profile: a value, or whether it is in an audience. */
export interface ComputedValue {
  readonly value: Json;
  /** The id of the computation. */
  readonly by: string;
  /** When it became so, ms. */
  readonly at: number;
}

export interface Consent extends Moment {
  readonly categories: Readonly<Record<string, ConsentValue>>;
}

/** A row of the subscriptions table. */
export interface Contact extends Moment {
  /** Null while only groups were spoken of. */
  readonly status: SubscriptionStatus | null;
  readonly sourceId: string;
  readonly messageId: string | null;
  readonly groups: Readonly<Record<string, Moment & { readonly status: SubscriptionStatus }>>;
}

/** A row of the profiles table. */
export interface ProfileRow {
  readonly id: string;
  readonly collection: Collection;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly mergedInto: string | null;
  /** When it was merged, ms, and by which message; kept so that a merge can be explained, and one day taken back. */
  readonly mergedAt: number | null;
  readonly mergedBy: string | null;
  /** All profiles below this one; of a merged profile, those that were below it then. */
  readonly members: readonly string[];
  readonly firstMessageId: string | null;
  readonly firstSourceId: string;
  readonly lastMessageId: string | null;
  readonly lastSourceId: string;
  readonly lastEventAt: number;
  readonly identifiers: readonly StoredIdentifier[];
  readonly traits: Traits;
  readonly writes: readonly TraitWrite[];
  /** Null while nobody said anything. */
  readonly consent: Consent | null;
  /** By key; null: none. Writers leave it alone (`computed.ts`). */
  readonly computed: Readonly<Record<string, ComputedValue>> | null;
}

/** What a batch asks the space for. */
export interface Wanted {
  /** Identifier keys. */
  readonly keys: readonly string[];
  /** Contacts whose subscriptions it speaks of. */
  readonly contacts: readonly string[];
  /** What its messages are known by, as hashes. */
  readonly once: readonly string[];
  /** When the first of those arrived, ms. */
  readonly firstReceivedAt: number;
  /** Who sent its messages. */
  readonly userIds: readonly string[];
}

export interface WorkingSet {
  /** Identifier key → the profile it was added to (perhaps merged since). */
  readonly owners: ReadonlyMap<string, string>;
  /** The profiles named by `owners` with everything above and below them. */
  readonly profiles: ReadonlyMap<string, ProfileRow>;
  /** By contact: `EMAIL:ana@example.org`. */
  readonly contacts: ReadonlyMap<string, Contact>;
  /** When messages that the space has taken lately arrived, by the hash of what they are known by; ms. */
  readonly seen: ReadonlyMap<string, number>;
  /** The same of messages that it did not take, but that were counted. */
  readonly counted: ReadonlyMap<string, number>;
  /** User id → the sources that may not bring it; `''` stands for all. */
  readonly suppressed: ReadonlyMap<string, readonly string[]>;
}

/**
 * Puts what a later batch left over an earlier picture, as far as these keys lead: for every key and profile the other
 * knows, its answer is the newer one. Nothing else of it is kept, or each batch would carry all that came before it.
 */
export function newerOver(older: WorkingSet, newer: WorkingSet, wanted: Wanted): WorkingSet {
  const owners = new Map(older.owners);
  for (const key of wanted.keys) {
    const owner = newer.owners.get(key);
    if (owner !== undefined) owners.set(key, owner);
  }
  const profiles = new Map(older.profiles);
  const asked = [...owners.values(), ...older.profiles.keys()];
  const seen = new Set<string>();
  for (let id = asked.pop(); id !== undefined; id = asked.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const row = newer.profiles.get(id);
    if (row === undefined) continue;
    profiles.set(id, row);
    asked.push(...row.members);
    if (row.mergedInto !== null) asked.push(row.mergedInto);
  }
  return {
    owners,
    profiles,
    contacts: newerOf(older.contacts, newer.contacts, wanted.contacts),
    seen: newerOf(older.seen, newer.seen, wanted.once),
    counted: newerOf(older.counted, newer.counted, wanted.once),
    suppressed: older.suppressed,
  };
}

function newerOf<T>(
  older: ReadonlyMap<string, T>,
  newer: ReadonlyMap<string, T>,
  keys: readonly string[],
): ReadonlyMap<string, T> {
  if (keys.length === 0 || newer.size === 0) return older;
  const both = new Map(older);
  for (const key of keys) {
    const value = newer.get(key);
    if (value !== undefined) both.set(key, value);
  }
  return both;
}

/** A mutable layer over a working set: the state while a batch is applied, and afterwards its delta. */
export class Overlay implements WorkingSet {
  readonly owners: Map<string, string>;
  readonly profiles: Map<string, ProfileRow>;
  readonly contacts: Map<string, Contact>;
  readonly seen: Map<string, number>;
  readonly counted: Map<string, number>;
  readonly suppressed: WorkingSet['suppressed'];
  /** Keys that got an owner. */
  readonly newKeys: string[] = [];
  readonly created = new Set<string>();
  readonly changed = new Set<string>();
  readonly changedContacts = new Set<string>();
  /** Hashes of messages that it took, with their arrival. */
  readonly taken = new Map<string, number>();
  /** Hashes of those it only counted, or took after they were counted. Few, if any. */
  readonly countedApart = new Map<string, { readonly receivedAt: number; readonly isTaken: boolean }>();

  constructor(base: WorkingSet) {
    this.owners = new Map(base.owners);
    this.profiles = new Map(base.profiles);
    this.contacts = new Map(base.contacts);
    this.seen = new Map(base.seen);
    this.counted = new Map(base.counted);
    this.suppressed = base.suppressed;
  }

  get(id: string): ProfileRow {
    const row = this.profiles.get(id);
    if (row === undefined) throw new Error(`profile ${id} is not in the working set`);
    return row;
  }

  /** The profile that stands for `id` now. */
  canonical(id: string): ProfileRow {
    let row = this.get(id);
    while (row.mergedInto !== null) row = this.get(row.mergedInto);
    return row;
  }

  create(row: ProfileRow): void {
    this.profiles.set(row.id, row);
    this.created.add(row.id);
  }

  /** Whether the row is written with this batch anyway. */
  isTouched(id: string): boolean {
    return this.created.has(id) || this.changed.has(id);
  }

  /** Changes a row. One that this batch made or changed before is its own, and is changed in place. */
  update(row: ProfileRow, changes: Partial<ProfileRow>): ProfileRow {
    if (this.isTouched(row.id)) return Object.assign(row, changes);
    const own = { ...row, ...changes };
    this.profiles.set(row.id, own);
    this.changed.add(row.id);
    return own;
  }

  own(key: string, profileId: string): void {
    this.owners.set(key, profileId);
    this.newKeys.push(key);
  }

  setContact(contact: string, state: Contact): void {
    this.contacts.set(contact, state);
    this.changedContacts.add(contact);
  }

  take(hash: string, receivedAt: number): void {
    this.seen.set(hash, receivedAt);
    if (this.counted.has(hash)) this.countedApart.set(hash, { receivedAt, isTaken: true });
    else this.taken.set(hash, receivedAt);
  }

  /** A message that is not taken was counted. */
  count(hash: string, receivedAt: number): void {
    this.counted.set(hash, receivedAt);
    this.countedApart.set(hash, { receivedAt, isTaken: false });
  }
}
