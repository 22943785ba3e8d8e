/**
 * The Tracking API (`docs/tracking-api.md`): any Segment SDK writes here. In: requests with the write key of an event
 * stream. Out: `{"success":true}` once every message that is acceptable is durable, and resolved into profiles, in each
 * space of the stream. Promised: what was not stored is never answered with success, but for messages that are discarded
 * by the rules of the wire, which are in the log of discards; what waits is bounded, and past it the answer is 429.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../base/clock.ts';
import { isMillraceError } from '../../base/errors.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Log } from '../../base/log.ts';
import type { Inlet } from '../../space/space.ts';
import type { DiscardLog, EventStream } from '../../workspace/workspace.ts';
import {
  accept,
  badBody,
  rateLimited,
  refuseTracking,
  type TrackingRefusal,
  tooLarge,
  unavailable,
  writeKeyMissing,
  writeKeyUnknown,
} from './answers.ts';
import { readBody } from './body.ts';
import { writeKeyOf } from './credentials.ts';
import { createGate } from './gate.ts';
import {
  type Arrival,
  type Finished,
  type FinishedMessage,
  finishBatch,
  finishOne,
  maxBatchBytes,
  maxMessageBytes,
} from './messages.ts';
import { messageOfQuery, pixel } from './pixel.ts';
import { createStreams, type FindStream } from './streams.ts';
import { isMessageType, type MessageType, messageTypes } from './validate.ts';

export interface TrackingDeps {
  /** Null when nobody has the write key. Asked at most once a second for each. */
  readonly findStream: FindStream;
  readonly inlet: Inlet;
  readonly discards: DiscardLog;
  readonly clock: Clock;
  readonly log: Log;
  /** 0: no limit. */
  readonly requestsPerSecond: number;
  /** An item of a batch that is too large: 400 for the whole request, instead of leaving it out. */
  readonly strictItemSize: boolean;
  /** 401 instead of 200 for a write key that nobody has. */
  readonly rejectUnknownWriteKey: boolean;
}

const batchRoutes = ['batch', 'import', 'b'] as const;
const shortNames: Readonly<Record<string, MessageType>> = {
  i: 'identify',
  t: 'track',
  p: 'page',
  s: 'screen',
  g: 'group',
  a: 'alias',
};

/** Whether a path is one that browsers write to, and so speaks CORS. */
export function isTrackingPath(path: string): boolean {
  return /^\/v1\/(?:batch|import|b|m|i|t|p|s|g|a|identify|track|page|screen|group|alias|pixel(?:\/.*)?)\/?$/.test(path);
}

export async function trackingApi(app: FastifyInstance, deps: TrackingDeps): Promise<void> {
  const receive = receiver(deps);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => refuseTracking(reply, refusalOf(error, request, deps.log)));

  const types = [...messageTypes.map((type) => [type, type] as const), ...Object.entries(shortNames)];
  for (const [name, type] of types) {
    post(app, name, maxMessageBytes, (request) => receive(request, { kind: 'message', type }));
  }
  for (const name of batchRoutes) post(app, name, maxBatchBytes, (request) => receive(request, { kind: 'batch' }));
  // Measurements that clients make of themselves: nobody here wants them.
  post(app, 'm', maxBatchBytes, async () => null);
  app.get('/v1/pixel/:type', { schema: { hide: true } as object }, async (request, reply) => {
    await receivePixel(request, receive, deps);
    return reply.header('Content-Type', 'image/gif').send(pixel);
  });
}

/** What a browser asks before it posts. Who may read answers is said on each of them. */
function preflight(reply: FastifyReply): FastifyReply {
  return reply
    .code(204)
    .header('Access-Control-Allow-Methods', 'POST, GET, OPTIONS')
    .header('Access-Control-Allow-Headers', 'Authorization, Content-Type, X-Retry-Count')
    .header('Access-Control-Max-Age', '86400')
    .send();
}

function post(
  app: FastifyInstance,
  name: string,
  bodyLimit: number,
  handle: (request: FastifyRequest) => Promise<TrackingRefusal | null>,
): void {
  const url = `/v1/${name}`;
  const schema = { hide: true } as object;
  app.post(url, { bodyLimit, schema }, async (request, reply) => {
    const refusal = await handle(request);
    return refusal === null ? accept(reply) : refuseTracking(reply, refusal);
  });
  app.options(url, { schema }, (_request, reply) => preflight(reply));
}

type Wanted = { readonly kind: 'batch' } | { readonly kind: 'message'; readonly type: MessageType };

type Receive = (request: FastifyRequest, wanted: Wanted, given?: JsonObject) => Promise<TrackingRefusal | null>;

/** Takes a request's messages. Throws what went wrong with storing them. */
function receiver(deps: TrackingDeps): Receive {
  const { clock, discards } = deps;
  const streams = createStreams(deps.findStream, clock);
  const gate = createGate(deps.requestsPerSecond);
  return async (request, wanted, given) => {
    const receivedAt = clock.now();
    const limit = wanted.kind === 'batch' ? maxBatchBytes : maxMessageBytes;
    const read =
      given === undefined
        ? await readBody(request.body as Buffer | undefined, request.headers, limit)
        : ({ kind: 'body', body: given, bytes: request.url.length } as const);
    if (read.kind === 'refusal') return read;
    const { body, bytes } = read;
    if (wanted.kind === 'batch' && !Array.isArray(body.batch)) {
      return badBody('invalid_request', 'The member batch must be an array of messages.');
    }
    const writeKey = writeKeyOf(request.headers.authorization, body);
    if (writeKey === null) return writeKeyMissing;
    const entry = gate.enter(receivedAt.getTime());
    if ('refused' in entry) {
      return rateLimited(entry.refused, `More than ${deps.requestsPerSecond} requests per second.`);
    }
    if (entry.waitMs > 0) await sleep(entry.waitMs);
    const stream = await streams.find(writeKey);
    if (stream === null || !stream.enabled) {
      if (stream === null && deps.rejectUnknownWriteKey) return writeKeyUnknown;
      const count = Array.isArray(body.batch) && wanted.kind === 'batch' ? body.batch.length : 1;
      discards.note(stream?.id ?? '', stream === null ? 'unknown_source' : 'source_disabled', null, count);
      return null;
    }
    const arrival: Arrival = { receivedAt: receivedAt.getTime(), ip: request.ip, clientSide: stream.clientSide };
    const finished =
      wanted.kind === 'batch' ? finishBatch(body, body.batch as never, arrival) : finishOne(body, wanted.type, arrival);
    if (deps.strictItemSize && finished.discards.some(({ code }) => code === 'payload_too_large')) {
      return tooLarge;
    }
    await store(deps, stream, finished, receivedAt, bytes);
    return null;
  };
}

/** About how much of memory a message takes, for each byte of its JSON: the text, and what was read of it. */
const memoryPerByte = 3;

async function store(
  { inlet, discards }: TrackingDeps,
  stream: EventStream,
  { messages, discards: discarded }: Finished,
  receivedAt: Date,
  bytes: number,
): Promise<void> {
  if (messages.length > 0) {
    const incoming = messages.map(({ message, messageId, text }: FinishedMessage) => ({
      message,
      receivedAt,
      sourceId: stream.id,
      onceKey: messageId,
      text,
    }));
    // All are waited for: an answer must not come while one of them is still at it.
    const ends = await Promise.allSettled(
      stream.spaces.map((space) => inlet.take(space, incoming, memoryPerByte * bytes)),
    );
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
  // Noted once: a request that fails comes again.
  for (const { code, messageId, count } of discarded) discards.note(stream.id, code, messageId, count);
}

function refusalOf(error: unknown, request: FastifyRequest, log: Log): TrackingRefusal {
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return tooLarge;
  if (isMillraceError(error, 'inlet_full'))
    return rateLimited(1, 'More messages are waiting than the server may hold.');
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return badBody('invalid_request', 'The request cannot be read.');
  }
  if (!isMillraceError(error, 'inlet_closed')) {
    log.error({ requestId: request.id, route: request.routeOptions.url, err: error }, 'messages could not be stored');
  }
  return unavailable;
}

/** Whatever comes of it, the answer is the image: a broken one would show on somebody's page. */
async function receivePixel(request: FastifyRequest, receive: Receive, { discards, log }: TrackingDeps): Promise<void> {
  const { type } = request.params as { type: string };
  const query = request.originalUrl.indexOf('?');
  const search = new URLSearchParams(query < 0 ? '' : request.originalUrl.slice(query + 1));
  const message = messageOfQuery(search);
  if (!isMessageType(type) || message === null) {
    discards.note('', 'bad_request', null, 1);
    return;
  }
  const refusal = await receive(request, { kind: 'message', type }, message).catch((error: unknown) =>
    refusalOf(error, request, log),
  );
  if (refusal !== null) {
    discards.note('', refusal.error === 'unavailable' ? 'pixel_not_stored' : 'bad_request', null, 1);
  }
}
