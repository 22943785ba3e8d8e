/**
 * The built-in profile space. In: messages. Out: profiles, and reads of them. Promised: who is who follows
 * `docs/identity.md`; a batch of messages and whatever the caller writes with it commit together or not at all; messages
 * of one space take effect one after the other, in commit order, whichever process sends them; every drop is recorded.
 */
import type { Json, JsonObject } from '../base/json.ts';
import type { Transaction } from '../db/db.ts';

export { type ComputedValues, type Evaluated, type Evaluation, writeComputed } from './computing/computed.ts';
export { findDue, startComputing, stopComputing } from './computing/due.ts';
export { countMembers, listMembers } from './computing/members.ts';
export { type ReleasedComputation, releaseComputed } from './computing/release.ts';
export { partsOfBoth, type SpaceSubjectEvent, type WantedParts } from './computing/subject-events.ts';
export {
  type LoadedSubjects,
  loadSubjects,
  nextProfiles,
  type SpaceSubject,
  type WantedSubjects,
} from './computing/subjects.ts';
export { type DeletionJob, deletePeople, forgetDeletions } from './deletion/deletion.ts';
export { deleteIdentifier, type IdentifierToDelete } from './deletion/identifier-deletion.ts';
export {
  findSuppressed,
  listSuppressions,
  revokeSuppressions,
  type Suppression,
  type SuppressionChange,
  suppress,
  unsuppress,
} from './deletion/suppression.ts';
export { expireDays } from './events/days.ts';
export { eventName } from './events/events.ts';
export { channelsOf, readChannel, readKey } from './facts/subscriptions.ts';
export {
  defaultIdentifierTypes,
  defaultRule,
  defaultSpaceSettings,
  isDefaultIdentifier,
  orderedIdentifiers,
  recommendedBlocked,
  recommendedIdentifiers,
} from './identity/default-settings.ts';
export { createIdentifierReader, normalizeValue } from './identity/extract.ts';
export { type UnreadableFilter, unreadableFilters, windowMs } from './identity/rules.ts';
export type { Arrival, LiveItem, Skipped } from './live/arrivals.ts';
export { createLiveFeed, type LiveFeed } from './live/live.ts';
export { type SpaceWatch, watchSpace } from './live/watch.ts';
export {
  maxLogEntries,
  pageSpaceLog,
  pruneSpaceLog,
  readSpaceLog,
  type SpaceLogEntry,
  type SpaceLogQuery,
} from './log.ts';
export { createSpaceReader } from './reading/reader.ts';
export { createInlet, type InletOptions } from './writing/inlet.ts';
export { createPlanWriter } from './writing/plan-writer.ts';
export {
  contactProblem,
  keyProblem,
  type SetSubscription,
  type SubscriptionOrigin,
  type SubscriptionProblem,
  setSubscriptions,
  subscriptionGroupId,
  typeProblem,
} from './writing/set-subscriptions.ts';
export { createSpaceWriter } from './writing/writer.ts';

export type Collection = 'users' | 'accounts';

/** The sliding time in which values count towards a limit. */
export type LimitWindow = 'ever' | 'annually' | 'monthly' | 'weekly' | 'daily';

/** One identifier type of a space. */
export interface IdentifierRule {
  readonly type: string;
  readonly collection: Collection;
  /** How many values a profile may have. */
  readonly limit: number;
  readonly window: LimitWindow;
  readonly blocked: { readonly values: readonly string[]; readonly patterns: readonly string[] };
  /** Read from traits and properties too (`profile-space.md` 2.2); the eleven defaults have places of their own. */
  readonly custom: boolean;
}

export interface SpaceSettings {
  /** The explicitly ordered ones first, highest priority first; then the defaults that were left as they are. */
  readonly identifiers: readonly IdentifierRule[];
  /**
   * How many of them are explicitly ordered. The others and all types that are not listed follow: user_id, email, then
   * alphabetically. Default: all but the defaults at the end of the list, in their own order, that are as they are made.
   */
  readonly ordered?: number;
  /** Types first seen in `context.externalIds` become known (limit 5 ever). */
  readonly autoRegister: boolean;
  /** Messages that are kept out of the space; at most 10. Default: none. */
  readonly filters?: readonly SpaceFilter[];
  /** The names of groups that e-mail addresses can be subscribed to; at most 25. Default: none. */
  readonly subscriptionGroups?: readonly string[];
  /** Whether the Profile API may delete identifiers. Default: no. */
  readonly identifierDeletion?: boolean;
}

/** A message that matches is dropped before anybody looks who sent it (`profile-space.md` section 1). */
export interface SpaceFilter {
  /** Unique in the space. */
  readonly name: string;
  readonly description: string;
  readonly enabled: boolean;
  /** FQL over the whole message. */
  readonly if: string;
}

export interface SpaceRef {
  readonly id: string;
  /** The number that stands for the space in its tables. */
  readonly no: number;
  readonly settings: SpaceSettings;
}

export interface IncomingMessage {
  readonly message: JsonObject;
  readonly receivedAt: Date;
  readonly sourceId: string;
  readonly mappingId?: string;
  readonly syncId?: string;
  /** When set: dropped as a duplicate if the space took a message of this key within the last 24 hours. */
  readonly onceKey?: string;
  /**
   * Counts as an API call of its source, also when the space keeps it out; but its repeats do not. Of a message that is
   * offered to several spaces, one copy does.
   */
  readonly isCounted?: boolean;
  /** The message as compact JSON text, when the sender has it anyway. */
  readonly text?: string;
}

export type DropReason =
  | 'group_id_too_long'
  | 'group_id_missing'
  | 'message_id_too_long'
  | 'too_many_traits'
  | 'too_many_properties'
  | 'no_matching_identifiers'
  | 'timestamp_before_1970'
  | 'personas_disabled'
  | 'text_not_storable'
  | 'nesting_too_deep'
  | 'filtered'
  | 'suppressed'
  | 'duplicate';

export type Outcome =
  | ({ readonly kind: 'applied'; readonly profileId: string } & Repeat)
  | ({ readonly kind: 'dropped'; readonly reason: DropReason; readonly detail: string } & Repeat);

interface Repeat {
  /** A message of this key was counted within the last 24 hours: this one does not count again. */
  readonly isRepeat?: true;
}

/** What a batch did to the space, for plans and sync histories. */
export interface Effects {
  readonly profilesCreated: number;
  readonly accountsCreated: number;
  readonly merged: number;
  readonly traitsChanged: number;
}

export interface Written {
  readonly outcomes: readonly Outcome[];
  readonly effects: Effects;
}

/** Called inside the transaction that writes the batch, once, after its last try has been computed. */
export type AlsoWrite = (tx: Transaction, written: Written) => Promise<void>;

/** Must neither fail nor take long. */
export type OnWritten = (spaceNo: number, messages: readonly IncomingMessage[], outcomes: readonly Outcome[]) => void;

export interface SpaceWriter extends AsyncDisposable {
  /** Applies a batch in order. Calls may overlap and take effect in the order they were made. */
  write(space: SpaceRef, batch: readonly IncomingMessage[], also?: AlsoWrite): Promise<Written>;
}

/** The way in for many small senders: what they bring is gathered into batches. */
export interface Inlet extends AsyncDisposable {
  /**
   * Resolves once what became of every message is committed. Messages of one call keep their order. `bytes` is about what
   * they hold in memory. Errors: `inlet_full` when too much is waiting already (nothing was taken; try again later),
   * `inlet_closed`.
   */
  take(space: SpaceRef, messages: readonly IncomingMessage[], bytes: number): Promise<readonly Outcome[]>;
}

/** Called inside the transaction of a gathered batch; what it returns is called after the commit. */
export type OnTaken = (
  tx: Transaction,
  space: SpaceRef,
  messages: readonly IncomingMessage[],
  outcomes: readonly Outcome[],
) => Promise<() => void>;

export type Channel = 'EMAIL' | 'SMS' | 'WHATSAPP' | 'IOS_PUSH' | 'ANDROID_PUSH';
export type SubscriptionStatus = 'SUBSCRIBED' | 'UNSUBSCRIBED' | 'DID_NOT_SUBSCRIBE';
/** `last_user_id`: the identifier to delete is the one that names the profile. */
export type IdentifierDeletion = 'deleted' | 'profile_not_found' | 'identifier_not_found' | 'last_user_id';
/** What a person allows of a category; after two profiles that differ were merged, `conflict`. */
export type ConsentValue = boolean | 'conflict';

/* ---- deleting ---- */

export interface PersonIdentifier {
  readonly type: string;
  readonly value: string;
}

/** How much of some people was deleted from a space. */
export interface DeletionCounts {
  /** Merged ones counted too. */
  readonly profiles: number;
  readonly events: number;
  /** To accounts. */
  readonly links: number;
  readonly subscriptions: number;
  readonly logEntries: number;
}

export interface DeletedPeople {
  readonly counts: DeletionCounts;
  /** Everything they were known by in the space. */
  readonly identifiers: readonly PersonIdentifier[];
  /** Those that were asked for, and the others of the same people. */
  readonly userIds: readonly string[];
}

/* ---- reading ---- */

export interface TraitOrigin {
  readonly sourceId: string;
  readonly mappingId: string | null;
  readonly syncId: string | null;
  readonly messageId: string | null;
  /** The time that decides between writers, ISO 8601 UTC. */
  readonly updatedAt: string;
}

export interface ProfileTrait {
  readonly key: string;
  readonly value: Json;
  readonly class: 'custom' | 'computed_trait' | 'audience';
  readonly origin: TraitOrigin;
}

export interface ExternalId {
  /** Stable name of this mapping, `map_…`; the paging key. */
  readonly mapId: string;
  readonly collection: Collection;
  readonly type: string;
  readonly id: string;
  readonly createdAt: string;
  readonly sourceId: string;
  readonly firstMessageId: string | null;
  readonly lastSeenAt: string;
}

/** A profile with everything below it folded in (`profile-space.md` 2.6). */
export interface Profile {
  readonly segmentId: string;
  readonly collection: Collection;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly firstMessageId: string | null;
  readonly firstSourceId: string | null;
  readonly lastMessageId: string | null;
  readonly lastSourceId: string | null;
  readonly lastEventAt: string;
  readonly merges: number;
  readonly mergedSegmentIds: readonly string[];
  /** Ascending by code point of the key; removed traits are absent. */
  readonly traits: readonly ProfileTrait[];
  /** Newest first. */
  readonly externalIds: readonly ExternalId[];
  /** By category; null while nobody said anything. */
  readonly consent: Readonly<Record<string, ConsentValue>> | null;
}

/** What a contact allows. */
export interface Subscription {
  readonly channel: Channel;
  readonly key: string;
  /** Null while only groups were spoken of. */
  readonly status: SubscriptionStatus | null;
  readonly updatedAt: string;
  readonly groups: readonly {
    readonly name: string;
    readonly status: SubscriptionStatus;
    readonly updatedAt: string;
  }[];
}

/** A contact and its channel. */
export type ContactKey = Pick<Subscription, 'channel' | 'key'>;

/** Something a person did. */
export interface ProfileEvent {
  readonly messageId: string;
  readonly type: 'track' | 'page' | 'screen';
  /** Of a track; of the others `Page Viewed` and `Screen Viewed`. */
  readonly name: string;
  readonly timestamp: string;
  readonly sourceId: string;
  /** As it was sent, with what the server added. */
  readonly message: JsonObject;
  /** The user identifiers by which it came to the profile. */
  readonly externalIds: readonly { readonly type: string; readonly id: string }[];
  /** Whose it is now. */
  readonly userId: string;
  /** The account it named, as it is now. */
  readonly accountId: string | null;
}

export interface EventsQuery {
  /** The time of the event: from here on, and before there. */
  readonly from: Date;
  readonly before: Date;
  /** Names; undefined: all. */
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly order: 'newest first' | 'oldest first';
  readonly limit: number;
  /** Error: `cursor_invalid`. */
  readonly next?: string;
}

export interface ProfileLink {
  readonly toCollection: Collection;
  readonly segmentId: string;
  readonly createdAt: string;
  /** At most 25. */
  readonly externalIds: readonly ExternalId[];
}

export interface Page<T> {
  readonly items: readonly T[];
  /** The cursor of the next page; null on the last. */
  readonly next: string | null;
}

/** How a profile is asked for: by one of its identifiers, or by its (or a merged child's) segment id. */
export type ProfileKey =
  | { readonly kind: 'identifier'; readonly type: string; readonly value: string }
  | { readonly kind: 'segment_id'; readonly id: string };

/** What a profile did last. */
export interface Activity {
  readonly updatedAt: string;
  readonly lastMessageId: string | null;
  readonly lastSourceId: string | null;
}

export interface SpaceReader {
  /** Null when there is none. Look-ups made at the same moment travel in one statement. */
  profile(spaceNo: number, collection: Collection, key: ProfileKey): Promise<Profile | null>;
  /** Newest link first. Null when there is no such profile. `next` undefined for the first page; a bad cursor throws `cursor_invalid`. */
  links(
    spaceNo: number,
    collection: Collection,
    key: ProfileKey,
    limit: number,
    next?: string,
  ): Promise<Page<ProfileLink> | null>;
  /** The profile's own row tells it to the minute; this, asking its events too, to the moment. */
  activity(spaceNo: number, profile: Profile): Promise<Activity>;
  /** By time, then message id. Of an account: what its users did in its name. Null when there is no such profile. */
  events(
    spaceNo: number,
    collection: Collection,
    key: ProfileKey,
    query: EventsQuery,
  ): Promise<Page<ProfileEvent> | null>;
  /** Those that are known, in no order. */
  subscriptions(spaceNo: number, contacts: readonly ContactKey[]): Promise<readonly Subscription[]>;
  /** Most recently updated first; merged children are not listed. */
  list(
    spaceNo: number,
    collection: Collection,
    limit: number,
    next?: string,
  ): Promise<Page<{ segmentId: string; updatedAt: string }>>;
  /** How many live profiles there are. */
  count(spaceNo: number, collection: Collection): Promise<number>;
}
