/**
 * The body of a request. In: bytes and headers. Out: a JSON object, or the refusal. Promised: nothing is unpacked beyond
 * the limit, so a small body cannot become a large one; bytes that are no UTF-8 are refused, never repaired.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { gunzip, inflate, inflateRaw } from 'node:zlib';
import { isJsonObject, type JsonObject } from '../../base/json.ts';
import { badBody, type TrackingRefusal, tooLarge } from './answers.ts';

const unpack = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  'deflate-raw': promisify(inflateRaw),
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

export interface ReadBody {
  readonly kind: 'body';
  readonly body: JsonObject;
  /** Size of the JSON, in bytes. */
  readonly bytes: number;
}

/** `limit` in bytes, of the unpacked body. */
export async function readBody(
  raw: Buffer | undefined,
  headers: IncomingHttpHeaders,
  limit: number,
): Promise<ReadBody | TrackingRefusal> {
  if (!isJsonType(headers['content-type'])) return wrongType;
  const encoding = headers['content-encoding'];
  const bytes = raw === undefined || encoding === undefined ? (raw ?? noBytes) : await unpacked(raw, encoding, limit);
  if (!Buffer.isBuffer(bytes)) return bytes;
  return bytes.length > limit ? tooLarge : parse(bytes);
}

const wrongType = badBody(
  'unsupported_content_type',
  'Send JSON with the content type application/json or text/plain.',
);

const noBytes = Buffer.alloc(0);

function isJsonType(given: string | undefined): boolean {
  const type = given?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return type === '' || type === 'application/json' || type === 'text/plain';
}

async function unpacked(raw: Buffer, encoding: string, limit: number): Promise<Buffer | TrackingRefusal> {
  const name = encoding.trim().toLowerCase();
  if (name === '' || name === 'identity') return raw;
  // `deflate` means zlib's format by the standard, and is sent raw by some.
  const kind = name === 'x-gzip' ? 'gzip' : name === 'deflate' && !hasZlibHeader(raw) ? 'deflate-raw' : name;
  if (kind !== 'gzip' && kind !== 'deflate' && kind !== 'deflate-raw') {
    return badBody('invalid_request', 'The content encoding must be gzip or deflate.');
  }
  try {
    return (await unpack[kind](raw, { maxOutputLength: limit })) as Buffer;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') return tooLarge;
    return badBody('invalid_json', 'The body is not what its content encoding says.');
  }
}

function hasZlibHeader(raw: Buffer): boolean {
  return raw.length >= 2 && ((raw[0] as number) & 0x0f) === 8 && raw.readUInt16BE(0) % 31 === 0;
}

function parse(bytes: Buffer): ReadBody | TrackingRefusal {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (error) {
    return badBody('invalid_json', error instanceof SyntaxError ? 'The body is not JSON.' : 'The body is not UTF-8.');
  }
  if (!isJsonObject(value)) return badBody('invalid_json', 'The body must be a JSON object.');
  return { kind: 'body', body: value, bytes: bytes.length };
}
