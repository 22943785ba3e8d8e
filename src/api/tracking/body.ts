/**
 * The body of a request. In: a request nobody has read from yet. Out: a JSON object, or the refusal; null when the sender
 * has gone. Promised: nothing is unpacked beyond the limit, so a small body cannot become a large one; what all bodies
 * under way hold is bounded, and past it the next sender is told to come again; bytes that are no UTF-8 are refused,
 * never repaired.
 */
import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip, inflate, inflateRaw } from 'node:zlib';
import { isJsonObject, type JsonObject } from '../../base/json.ts';
import { badBody, rateLimited, type TrackingRefusal, tooLarge } from './answers.ts';

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

export interface BodyReader {
  /** `limit` in bytes, of the unpacked body. */
  read(request: IncomingMessage, limit: number): Promise<ReadBody | TrackingRefusal | null>;
}

/** Bodies that have come in part or whole and are not read yet, all together. */
const usualHeldBytes = 128 * 1024 * 1024;
/** How much of a body over its limit is read and thrown away, so that its sender gets to read the answer. */
const maxDrainedBytes = 16 * 1024 * 1024;
/** A packed body that is within its limit can be a little larger than it. */
const packingOverhead = 1024;

const farTooLarge: TrackingRefusal = { ...tooLarge, closes: true };
const tooMany: TrackingRefusal = { ...rateLimited(1, 'Too many bodies are under way.'), closes: true };

export function createBodyReader(heldBytes = usualHeldBytes): BodyReader {
  let held = 0;

  /** What it settles with stays counted in `held`. */
  function collect(request: IncomingMessage, most: number): Promise<Buffer | TrackingRefusal | null> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let size = 0;
      let kept = 0;
      const settle = (result: Buffer | TrackingRefusal | null): void => {
        request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
        // An error that comes later has nobody left to tell.
        request.on('error', () => undefined);
        if (!Buffer.isBuffer(result)) held -= kept;
        resolve(result);
      };
      const stop = (refusal: TrackingRefusal): void => {
        settle(refusal);
        request.resume();
      };
      const onData = (chunk: Buffer): void => {
        size += chunk.length;
        if (size > most) {
          held -= kept;
          kept = 0;
          chunks.length = 0;
          if (size > maxDrainedBytes) stop(farTooLarge);
          return;
        }
        kept += chunk.length;
        held += chunk.length;
        chunks.push(chunk);
        if (held > heldBytes) stop(tooMany);
      };
      const onEnd = (): void => settle(size > most ? tooLarge : Buffer.concat(chunks, size));
      const onGone = (): void => settle(null);
      request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
    });
  }

  return {
    async read(request, limit) {
      if (!isJsonType(request.headers['content-type'])) return wrongType;
      const packing = packingOf(request.headers['content-encoding']);
      if (packing === null) return unknownPacking;
      if (Number(request.headers['content-length']) > maxDrainedBytes) return farTooLarge;
      if (request.destroyed) return null;
      const raw = await collect(request, packing === 'none' ? limit : limit + packingOverhead);
      if (!Buffer.isBuffer(raw)) return raw;
      try {
        const bytes = packing === 'none' ? raw : await unpacked(raw, packing, limit);
        return Buffer.isBuffer(bytes) ? parseObject(bytes) : bytes;
      } finally {
        held -= raw.length;
      }
    },
  };
}

export const wrongType = badBody(
  'unsupported_content_type',
  'Send JSON with the content type application/json or text/plain.',
);

function isJsonType(given: string | undefined): boolean {
  const type = given?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return type === '' || type === 'application/json' || type === 'text/plain';
}

type Packing = 'gzip' | 'deflate';

const unknownPacking = badBody('invalid_request', 'The content encoding must be gzip or deflate.');

/** Null for one that is not known here. */
function packingOf(given: string | undefined): Packing | 'none' | null {
  const name = given?.trim().toLowerCase() ?? '';
  if (name === '' || name === 'identity') return 'none';
  if (name === 'gzip' || name === 'x-gzip') return 'gzip';
  return name === 'deflate' ? 'deflate' : null;
}

async function unpacked(raw: Buffer, packing: Packing, limit: number): Promise<Buffer | TrackingRefusal> {
  // `deflate` means zlib's format by the standard, and is sent raw by some.
  const kind = packing === 'deflate' && !hasZlibHeader(raw) ? 'deflate-raw' : packing;
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

export function parseObject(bytes: Buffer): ReadBody | TrackingRefusal {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (error) {
    return badBody('invalid_json', error instanceof SyntaxError ? 'The body is not JSON.' : 'The body is not UTF-8.');
  }
  if (!isJsonObject(value)) return badBody('invalid_json', 'The body must be a JSON object.');
  return { kind: 'body', body: value, bytes: bytes.length };
}
