/**
 * Traits: the newest writer of a key wins. In: the traits of a profile row and those of a message. Out: the new ones,
 * with who wrote what. Order: the earlier of event time and arrival; then arrival; then the order of messages. A removed
 * key leaves a tombstone, so that an older message cannot bring it back. Source: `profile-space.md` 2.7.
 */
import { type Json, type JsonObject, sameJson } from '../../base/json.ts';
import type { Moment, ProfileRow, Traits, TraitWrite } from '../writing/working-set.ts';

export type WriteOrigin = Omit<TraitWrite, 'keys' | 'gone'>;

export interface TraitChange {
  readonly traits: Traits;
  readonly writes: readonly TraitWrite[];
  /** How many keys have another value than before, in this row: of a merged profile others may have newer ones. */
  readonly changed: number;
}

/** A record without a prototype, so that keys such as `__proto__` are keys like any other. */
function emptyTraits(from?: Traits): Record<string, Json> {
  return Object.assign(Object.create(null) as Record<string, Json>, from);
}

export function writeTraits(row: ProfileRow, incoming: JsonObject, origin: WriteOrigin): TraitChange {
  return row.writes.length === 0 ? firstWrite(incoming, origin) : laterWrite(row, incoming, origin);
}

function firstWrite(incoming: JsonObject, origin: WriteOrigin): TraitChange {
  const all = Object.keys(incoming);
  // Most messages remove nothing: then theirs are the traits, as they are.
  if (all.length > 0 && all.every((key) => incoming[key] !== null && incoming[key] !== undefined)) {
    return { traits: incoming as Traits, writes: [written(origin, all, undefined)], changed: all.length };
  }
  const traits = emptyTraits();
  const keys: string[] = [];
  let gone: string[] | undefined;
  for (const key of all) {
    const value = incoming[key];
    if (value === undefined) continue;
    if (value === null) {
      gone ??= [];
      gone.push(key);
    } else {
      traits[key] = value;
      keys.push(key);
    }
  }
  if (keys.length === 0 && gone === undefined) return { traits, writes: [], changed: 0 };
  return { traits, writes: [written(origin, keys, gone)], changed: keys.length };
}

function written(origin: WriteOrigin, keys: readonly string[], gone: readonly string[] | undefined): TraitWrite {
  return gone === undefined ? { ...origin, keys } : { ...origin, keys, gone };
}

/** True when `a` beats `b`, `a` being the one that came later. */
export function isNewer(a: Moment, b: Moment): boolean {
  return a.at !== b.at ? a.at > b.at : a.received >= b.received;
}

function laterWrite(row: ProfileRow, incoming: JsonObject, origin: WriteOrigin): TraitChange {
  const stronger = new Set<string>();
  for (const write of row.writes) {
    if (isNewer(origin, write)) continue;
    for (const key of write.keys) stronger.add(key);
    for (const key of write.gone ?? []) stronger.add(key);
  }
  const traits = emptyTraits(row.traits);
  const keys: string[] = [];
  const gone: string[] = [];
  let changed = 0;
  for (const key of Object.keys(incoming)) {
    const value = incoming[key];
    if (value === undefined || stronger.has(key)) continue;
    if (!sameJson(traits[key], value === null ? undefined : value)) changed += 1;
    if (value === null) {
      delete traits[key];
      gone.push(key);
    } else {
      traits[key] = value;
      keys.push(key);
    }
  }
  if (keys.length === 0 && gone.length === 0) return { traits: row.traits, writes: row.writes, changed: 0 };
  const taken = new Set([...keys, ...gone]);
  const writes = row.writes.flatMap((write) => without(write, taken));
  return { traits, writes: [...writes, written(origin, keys, gone.length === 0 ? undefined : gone)], changed };
}

/** The write less the keys that another has taken over; nothing when none is left. */
function without(write: TraitWrite, taken: ReadonlySet<string>): TraitWrite[] {
  const keys = write.keys.filter((key) => !taken.has(key));
  const gone = (write.gone ?? []).filter((key) => !taken.has(key));
  if (keys.length === 0 && gone.length === 0) return [];
  const { keys: _keys, gone: _gone, ...origin } = write;
  return [written(origin, keys, gone.length === 0 ? undefined : gone)];
}
