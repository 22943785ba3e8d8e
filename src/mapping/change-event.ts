/**
 * The event that a mapping sees of a row change (`reverse-etl.md` section 3). Its message id is the same for the same
 * change however often it is sent, and differs between mappings, epochs, records, revisions and contents.
 */
import { hash } from 'node:crypto';
import type { Json, JsonObject } from '../base/json.ts';
import type { ChangeEvent, MakeEventOf } from './mapping.ts';

const noContext: JsonObject = Object.freeze({});

/**
 * Of a deletion every model column is null, the identifier column too: what is left of the record is `__segment_id`, so
 * a mapping that is to recognise deleted people maps `$.__segment_id`.
 */
export const makeChangeEvents: MakeEventOf = (columns, about) => {
  const names = columns.map((column) => column.name);
  const timestamp = about.at.toISOString();
  const idOf = messageIds(about.mappingId, about.epoch);
  const propertiesOf = names.includes('__proto__') ? definedProperties : plainProperties;
  const gone = Object.freeze(propertiesOf(names, []));
  return (change): ChangeEvent => ({
    type: 'track',
    event: change.kind,
    messageId: idOf(change.recordId, change.revision, change.kind === 'deleted' ? null : change.checksum),
    timestamp,
    properties: change.kind === 'deleted' ? gone : propertiesOf(names, change.row),
    __segment_id: change.recordId,
    context: noContext,
  });
};

function plainProperties(names: readonly string[], row: readonly Json[]): JsonObject {
  const properties: Record<string, Json> = {};
  for (let index = 0; index < names.length; index++) properties[names[index] as string] = row[index] ?? null;
  return properties;
}

/** For a column named `__proto__`, which assignment would take for the object's prototype. */
function definedProperties(names: readonly string[], row: readonly Json[]): JsonObject {
  const properties = {};
  names.forEach((name, index) => {
    const value = row[index] ?? null;
    Object.defineProperty(properties, name, { value, enumerable: true, writable: true, configurable: true });
  });
  return properties;
}

const digestLength = 22;

type IdOf = (recordId: string, revision: number, checksum: string | null) => string;

/**
 * `mr-` and the first 132 bits of the SHA-256 of everything that tells changes apart, in base64url: 25 characters, as a
 * profile keeps it in several places. The mapping id is led by its length and the record id comes last, after parts that
 * cannot hold a bar, so no two changes have the same input.
 */
export function messageIds(mappingId: string, epoch: number): IdOf {
  const head = `${mappingId.length}:${mappingId}|${epoch}|`;
  return (recordId, revision, checksum) => {
    // Lone surrogates would all become the same byte sequence; JSON escapes them.
    const [mark, record] = hasSurrogates.test(recordId) ? ['j', JSON.stringify(recordId)] : ['t', recordId];
    const digest = hash('sha256', `${head}${revision}|${checksum ?? 'deleted'}|${mark}|${record}`, 'base64url');
    return `mr-${digest.slice(0, digestLength)}`;
  };
}

const hasSurrogates = /[\ud800-\udfff]/;
