/**
 * The JSON columns of a profile row. In: identifiers and writes. Out: their JSON, and back. A sync stores millions of
 * them, so what equals the row's own first facts is left out: the time it was made, its first source and first message.
 * Written by hand, as most of the text repeats.
 */
import type { ProfileRow, StoredIdentifier, TraitWrite } from '../writing/working-set.ts';

/** What members that are left out are equal to. */
export type FirstFacts = Pick<ProfileRow, 'createdAt' | 'firstSourceId' | 'firstMessageId'>;

/** An identifier as its column holds it. `seen` left out: as `created`. */
export type IdentifierJson = Pick<StoredIdentifier, 'type' | 'value'> & Partial<StoredIdentifier>;

/** A write as its column holds it. */
export type WriteJson = Pick<TraitWrite, 'at' | 'keys'> &
  Partial<Omit<TraitWrite, 'place'>> & {
    /** The place, in a short name: most rows of a sync have one. Left out: 0. */
    readonly n?: number;
  };

const needsEscape = /["\\\p{Cc}\p{Cs}]/u;

function jsonText(text: string): string {
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}

function jsonTextOrNull(text: string | null): string {
  return text === null ? 'null' : jsonText(text);
}

export function identifiersJson(identifiers: readonly StoredIdentifier[], first: FirstFacts): string {
  let json = '[';
  for (const { type, value, created, source, message, seen } of identifiers) {
    if (json.length > 1) json += ',';
    json += `{"type":${jsonText(type)},"value":${jsonText(value)}`;
    if (created !== first.createdAt) json += `,"created":${created}`;
    if (source !== first.firstSourceId) json += `,"source":${jsonText(source)}`;
    if (message !== first.firstMessageId) json += `,"message":${jsonTextOrNull(message)}`;
    json += seen === created ? '}' : `,"seen":${seen}}`;
  }
  return `${json}]`;
}

export function identifiersOf(stored: readonly IdentifierJson[], first: FirstFacts): StoredIdentifier[] {
  return stored.map((each) => {
    const {
      type,
      value,
      created = first.createdAt,
      source = first.firstSourceId,
      message = first.firstMessageId,
    } = each;
    return { type, value, created, source, message, seen: each.seen ?? created };
  });
}

export function writesJson(writes: readonly TraitWrite[], first: FirstFacts): string {
  let json = '[';
  for (const { at, received, place, source, mapping, sync, message, keys, gone } of writes) {
    if (json.length > 1) json += ',';
    json += `{"at":${at}`;
    if (received !== first.createdAt) json += `,"received":${received}`;
    if (place !== 0) json += `,"n":${place}`;
    if (source !== first.firstSourceId) json += `,"source":${jsonText(source)}`;
    if (mapping !== undefined) json += `,"mapping":${jsonText(mapping)}`;
    if (sync !== undefined) json += `,"sync":${jsonText(sync)}`;
    if (message !== first.firstMessageId) json += `,"message":${jsonTextOrNull(message)}`;
    json += `,"keys":${keysJson(keys)}`;
    json += gone === undefined ? '}' : `,"gone":${JSON.stringify(gone)}}`;
  }
  return `${json}]`;
}

export function writesOf(stored: readonly WriteJson[], first: FirstFacts): TraitWrite[] {
  return stored.map(({ n = 0, ...each }) => ({
    ...each,
    place: n,
    received: each.received ?? first.createdAt,
    source: each.source ?? first.firstSourceId,
    message: each.message === undefined ? first.firstMessageId : each.message,
  }));
}

let lastKeys: readonly string[] = [];
let lastKeysJson = '[]';

/** Row after row of a sync writes the same keys. */
function keysJson(keys: readonly string[]): string {
  if (keys.length !== lastKeys.length || keys.some((key, at) => key !== lastKeys[at])) {
    lastKeys = keys;
    lastKeysJson = JSON.stringify(keys);
  }
  return lastKeysJson;
}
