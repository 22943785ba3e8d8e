/**
 * A profile as people see it: the rows of its tree folded into one. In: the parent's row and those merged into it. Out:
 * a `Profile`. Promised: per key the newest writer wins, removals included; identifiers keep who brought them and when.
 * Source: `profile-space.md` 2.6.
 */
import { createHash } from 'node:crypto';
import { type Json, sameJson } from '../../base/json.ts';
import { compareText } from '../../base/text-order.ts';
import { isNewer } from '../facts/traits.ts';
import { identifierKey } from '../identity/extract.ts';
import type { ExternalId, Profile, ProfileTrait, TraitOrigin } from '../space.ts';
import type { ProfileRow, StoredIdentifier, TraitWrite } from '../writing/working-set.ts';

export function foldProfile(parent: ProfileRow, members: readonly ProfileRow[]): Profile {
  let traits: readonly ProfileTrait[] | undefined;
  let externalIds: readonly ExternalId[] | undefined;
  return {
    segmentId: parent.id,
    collection: parent.collection,
    createdAt: isoTime(parent.createdAt),
    updatedAt: isoTime(parent.updatedAt),
    firstMessageId: parent.firstMessageId,
    firstSourceId: parent.firstSourceId,
    lastMessageId: parent.lastMessageId,
    lastSourceId: parent.lastSourceId,
    lastEventAt: isoTime(parent.lastEventAt),
    merges: parent.members.length,
    mergedSegmentIds: parent.members,
    consent: parent.consent?.categories ?? null,
    // Folded when looked at: most readers want one of the two.
    get traits() {
      traits ??= withComputed(customTraits(parent, members), [parent, ...members]);
      return traits;
    },
    get externalIds() {
      externalIds ??= foldIdentifiers([parent, ...members]);
      return externalIds;
    },
  };
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** What messages said, whether something that is computed stands before it or not. */
export function customTraits(parent: ProfileRow, members: readonly ProfileRow[]): ProfileTrait[] {
  return members.length === 0 ? ownTraits(parent) : foldTraits([parent, ...members]);
}

function ownTraits(row: ProfileRow): ProfileTrait[] {
  const traits: ProfileTrait[] = [];
  for (const write of row.writes) {
    const origin = originOf(write);
    for (const key of write.keys) traits.push({ key, value: row.traits[key] as Json, class: 'custom', origin });
  }
  return traits.sort((a, b) => compareText(a.key, b.key));
}

/** What is computed stands before what messages say. After a merge the parent's does, until it is computed again. */
function withComputed(traits: ProfileTrait[], rows: readonly ProfileRow[]): ProfileTrait[] {
  if (rows.every(({ computed }) => computed === null)) return traits;
  const computed = new Map(rows.toReversed().flatMap((row) => Object.entries(row.computed ?? {})));
  const all = traits.filter(({ key }) => !computed.has(key));
  for (const [key, { value, by, at }] of computed) {
    const origin = { sourceId: by, mappingId: null, syncId: null, messageId: null, updatedAt: isoTime(at) };
    all.push({ key, value, class: by.startsWith('aud_') ? 'audience' : 'computed_trait', origin });
  }
  return all.sort((a, b) => compareText(a.key, b.key));
}

interface Newest {
  readonly write: TraitWrite;
  /** Undefined when the write removed it. */
  readonly value: Json | undefined;
}

function newestOf(rows: readonly ProfileRow[], only?: ReadonlySet<string>): ReadonlyMap<string, Newest> {
  const newest = new Map<string, Newest>();
  const offer = (key: string, write: TraitWrite, value: Json | undefined) => {
    if (only?.has(key) === false) return;
    const best = newest.get(key);
    if (best === undefined || comesAfter(write, best.write)) {
      newest.set(key, { write, value });
    }
  };
  for (const row of rows) {
    for (const write of row.writes) {
      for (const key of write.keys) offer(key, write, row.traits[key]);
      for (const key of write.gone ?? []) offer(key, write, undefined);
    }
  }
  return newest;
}

/** How many of these traits the rows of a tree, parent first, have with another value than they had before. */
export function countChanged(
  before: readonly ProfileRow[],
  after: readonly ProfileRow[],
  keys: ReadonlySet<string>,
): number {
  const [old, now] = [newestOf(before, keys), newestOf(after, keys)];
  return [...keys].filter((key) => !sameJson(old.get(key)?.value, now.get(key)?.value)).length;
}

function foldTraits(rows: readonly ProfileRow[]): ProfileTrait[] {
  const traits: ProfileTrait[] = [];
  for (const [key, { write, value }] of newestOf(rows)) {
    if (value !== undefined) traits.push({ key, value, class: 'custom', origin: originOf(write) });
  }
  return traits.sort((a, b) => compareText(a.key, b.key));
}

/** Of two writes whose order is not known (two processes made them) the parent's stands: the rows come parent first. */
function comesAfter(a: TraitWrite, b: TraitWrite): boolean {
  return a.at === b.at && a.received === b.received ? a.place > b.place : isNewer(a, b);
}

function originOf(write: TraitWrite): TraitOrigin {
  return {
    sourceId: write.source,
    mappingId: write.mapping ?? null,
    syncId: write.sync ?? null,
    messageId: write.message,
    updatedAt: isoTime(write.at),
  };
}

function foldIdentifiers(rows: readonly ProfileRow[]): ExternalId[] {
  const all = rows.flatMap((row) => row.identifiers.map((identifier) => externalId(row, identifier)));
  return all.sort((a, b) => compareText(b.createdAt, a.createdAt) || compareText(a.mapId, b.mapId));
}

function externalId(row: ProfileRow, identifier: StoredIdentifier): ExternalId {
  return {
    mapId: mapIdOf(identifierKey(row.collection, identifier.type, identifier.value)),
    collection: row.collection,
    type: identifier.type,
    id: identifier.value,
    createdAt: isoTime(identifier.created),
    sourceId: identifier.source,
    firstMessageId: identifier.message,
    lastSeenAt: isoTime(identifier.seen),
  };
}

/** A stable name of an identifier within its space, derived so that it need not be stored. */
function mapIdOf(key: string): string {
  return `map_${createHash('sha256').update(key).digest('hex').slice(0, 27)}`;
}
