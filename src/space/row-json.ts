/**
 * The JSON columns of a profile row, written by hand: a sync writes millions of them, and most of their text repeats.
 * Equal to `JSON.stringify`, member by member in a fixed order.
 */
import type { StoredIdentifier, TraitWrite } from './working-set.ts';

const needsEscape = /["\\\p{Cc}\p{Cs}]/u;

function jsonText(text: string): string {
  return needsEscape.test(text) ? JSON.stringify(text) : `"${text}"`;
}

function jsonTextOrNull(text: string | null): string {
  return text === null ? 'null' : jsonText(text);
}

export function identifiersJson(identifiers: readonly StoredIdentifier[]): string {
  let json = '[';
  for (const { type, value, created, source, message, seen } of identifiers) {
    if (json.length > 1) json += ',';
    json += `{"type":${jsonText(type)},"value":${jsonText(value)},"created":${created},"source":${jsonText(source)},"message":${jsonTextOrNull(message)},"seen":${seen}}`;
  }
  return `${json}]`;
}

export function writesJson(writes: readonly TraitWrite[]): string {
  let json = '[';
  for (const { at, received, source, mapping, sync, message, keys, gone } of writes) {
    if (json.length > 1) json += ',';
    json += `{"at":${at},"received":${received},"source":${jsonText(source)}`;
    if (mapping !== undefined) json += `,"mapping":${jsonText(mapping)}`;
    if (sync !== undefined) json += `,"sync":${jsonText(sync)}`;
    json += `,"message":${jsonTextOrNull(message)},"keys":${keysJson(keys)}`;
    json += gone === undefined ? '}' : `,"gone":${JSON.stringify(gone)}}`;
  }
  return `${json}]`;
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
