/**
 * The path of a request, from its raw text. In: path segments as the client sent them. Out: the space, the collection and
 * the key of a profile, or the refusal. Promised: a segment is percent-decoded exactly once, a plus sign stays one, and
 * an identifier is split at its first colon.
 */
import type { Collection, ProfileKey } from '../../space/space.ts';
import { collectionNotFound, invalidCharacters, malformed, profileNotFound, type Refusal } from './errors.ts';

/** Values are at most 500 characters, of up to two UTF-16 units each; a longer one belongs to no profile. */
const longestValue = 1_000;
const longestType = 100;
const longestSpace = 100;

const rawBytes = /[\x80-\xff]/g;
const percentEncode = (byte: string): string => `%${byte.charCodeAt(0).toString(16)}`;

/** Null for a broken escape or bytes that are no UTF-8. Bytes sent without escapes, which Node reads as Latin-1, are taken as UTF-8 too. */
export function decodeSegment(raw: string): string | null {
  const ascii = raw.replace(rawBytes, percentEncode);
  if (!ascii.includes('%')) return ascii;
  try {
    return decodeURIComponent(ascii);
  } catch {
    return null;
  }
}

const isName = /^[A-Za-z0-9_-]+$/;

/** The distinct characters that do not belong, in the order they appear. */
function strangers(text: string, allowed: RegExp): string {
  return [...new Set(text)].filter((character) => !allowed.test(character)).join('');
}

function readName(parameter: string, raw: string): string | Refusal {
  if (isName.test(raw)) return raw;
  const text = decodeSegment(raw);
  if (text === null) return invalidCharacters(parameter, '%');
  if (text === '') return malformed(parameter, 'is empty');
  const invalid = strangers(text, isName);
  return invalid === '' ? text : invalidCharacters(parameter, invalid);
}

export function readSpace(raw: string): string | Refusal {
  if (raw.length > longestSpace * 3) return malformed('space_id', `is longer than ${longestSpace} characters`);
  return readName('space_id', raw);
}

export function readCollection(raw: string): Collection | Refusal {
  if (raw === 'users' || raw === 'accounts') return raw;
  const name = readName('collection', raw);
  return name === 'users' || name === 'accounts' ? name : typeof name === 'string' ? collectionNotFound : name;
}

const isType = /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$/;
const typeCharacter = /[a-z0-9_.]/;

export function isIdentifierType(type: string): boolean {
  return type.length <= longestType && isType.test(type);
}

function wrongType(type: string): Refusal {
  if (type === '') return malformed('id_type', 'is empty');
  const invalid = strangers(type, typeCharacter);
  if (invalid !== '') return invalidCharacters('id_type', invalid);
  if (type.length > longestType) return malformed('id_type', `is longer than ${longestType} characters`);
  return malformed('id_type', 'must begin with a letter, and each dot must stand between two names');
}

const segmentIdPrefix: Readonly<Record<Collection, string>> = { users: 'use_', accounts: 'acc_' };

/**
 * `<id_type>:<value>`, a bare segment id, or `segment_id:` before one. A bare word that is no segment id names no
 * profile, and neither do values no profile can have (empty, over 500 characters, with a NUL): all 404 without a look-up.
 */
export function readProfileKey(collection: Collection, raw: string): ProfileKey | Refusal {
  const text = decodeSegment(raw);
  if (text === null) return invalidCharacters('id', '%');
  const colon = text.indexOf(':');
  const type = colon < 0 ? 'segment_id' : text.slice(0, colon);
  if (!isIdentifierType(type)) return wrongType(type);
  const value = colon < 0 ? text : text.slice(colon + 1);
  if (value === '' || value.length > longestValue || value.includes('\0')) return profileNotFound;
  if (type !== 'segment_id') return { kind: 'identifier', type, value };
  return value.startsWith(segmentIdPrefix[collection]) ? { kind: 'segment_id', id: value } : profileNotFound;
}

/**
 * Hides the percent signs of a Profile API path from the router, whose decoding then gives back the segments as they were
 * sent (and finds no broken escapes to stumble over). Other paths are left alone.
 */
export function routableUrl(url: string): string {
  if (!url.includes('%') || !(url.startsWith('/v1/spaces/') || url.startsWith('/v1/namespaces/'))) return url;
  const query = url.indexOf('?');
  return query < 0 ? url.replaceAll('%', '%25') : url.slice(0, query).replaceAll('%', '%25') + url.slice(query);
}
