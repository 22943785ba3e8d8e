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
import type { Json, JsonObject } from '../../base/json.ts';
import type { Log } from '../../base/log.ts';
import type { IncomingMessage, Inlet, Outcome } from '../../space/space.ts';
import type { DiscardLog, EventStream } from '../../workspace/workspace.ts';
import type { Area } from '../transport.ts';
import {
  accept,
  badBody,
  rateLimited,
  refuseTracking,
  scopeMissing,
  type TrackingRefusal,
  tokenInvalid,
  tooLarge,
  unavailable,
  writeKeyMissing,
  writeKeyUnknown,
} from './answers.ts';
import { type BodyReader, createBodyReader, wrongType } from './body.ts';
import { bearerTokenOf, writeKeyOf } from './credentials.ts';
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

/**
 * Whether a bearer token (null: none) lets a request write to a stream. Asked for every known stream: it also decides
 * whether the stream wants a token at all.
 */
export type TokenCheck = (
  stream: EventStream,
  token: string | null,
) => Promise<'allowed' | 'token invalid' | 'scope missing'>;

export interface TrackingDeps {
  /** Null when nobody has the write key. Asked at most once a second for each. */
  readonly findStream: FindStream;
  readonly inlet: Inlet;
  readonly discards: DiscardLog;
  readonly clock: Clock;
  readonly log: Log;
  /** Left out: no token is good, so a stream that asks for one takes nothing. */
  readonly oauth?: TokenCheck | undefined;
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

const notProfiles = /^\/v1\/(?!(?:spaces|namespaces)(?:\/|$))/;

/** All of `/v1/` but the Profile API: browsers write there, and errors have the form of this API. */
export const trackingArea: Area = {
  openToPages: true,
  owns: (path) => notProfiles.test(path),
  refuse(reply, { status, message, headers }) {
    for (const name in headers) reply.header(name, headers[name]);
    return refuseTracking(reply, { kind: 'refusal', status, error: 'invalid_request', message });
  },
};

export async function trackingApi(app: FastifyInstance, deps: TrackingDeps): Promise<void> {
  const posting: Posting = { clock: deps.clock, bodies: createBodyReader(), handle: handler(deps) };
  // Bodies are read by the handlers.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null));
  app.setErrorHandler((error, request, reply) => refuseTracking(reply, refusalOf(error, request, deps.log)));

  const receive = (request: FastifyRequest, wanted: Wanted) => receivePost(request, wanted, posting);
  const types = [...messageTypes.map((type) => [type, type] as const), ...Object.entries(shortNames)];
  for (const [name, type] of types) post(app, name, (request) => receive(request, { kind: 'message', type }));
  for (const name of batchRoutes) post(app, name, (request) => receive(request, { kind: 'batch' }));
  // Measurements that clients make of themselves: nobody here wants them, so they are not read.
  post(app, 'm', async () => null);
  const pixels = { schema: hidden, exposeHeadRoute: false };
  app.get('/v1/pixel/:type', pixels, async (request, reply) => {
    await receivePixel(request, posting.handle, deps);
    return reply.header('Content-Type', 'image/gif').send(pixel);
  });
  app.options('/v1/pixel/:type', { schema: hidden }, (_request, reply) => preflight(reply));
}

const hidden = { hide: true } as object;

/** What a browser asks before it posts. Who may read answers is said on each of them. */
function preflight(reply: FastifyReply): FastifyReply {
  return reply
    .code(204)
    .header('Access-Control-Allow-Methods', 'POST, GET, OPTIONS')
    .header('Access-Control-Allow-Headers', 'Authorization, Content-Type, X-Retry-Count')
    .header('Access-Control-Max-Age', '86400')
    .send();
}

type Refused = TrackingRefusal | null;

/** `handle` answers undefined when the sender has gone. */
function post(
  app: FastifyInstance,
  name: string,
  handle: (request: FastifyRequest) => Promise<Refused | undefined>,
): void {
  const url = `/v1/${name}`;
  app.post(url, { schema: hidden }, async (request, reply) => {
    const refusal = await handle(request);
    if (refusal === undefined) return reply.hijack();
    return refusal === null ? accept(reply) : refuseTracking(reply, refusal);
  });
  app.options(url, { schema: hidden }, (_request, reply) => preflight(reply));
}

type Wanted = { readonly kind: 'batch' } | { readonly kind: 'message'; readonly type: MessageType };

/** Takes a request's messages. Throws what went wrong with storing them. */
type Handle = (request: FastifyRequest, wanted: Wanted, body: JsonObject, arrivedAt: Date) => Promise<Refused>;

interface Posting {
  readonly clock: Clock;
  readonly bodies: BodyReader;
  readonly handle: Handle;
}

async function receivePost(
  request: FastifyRequest,
  wanted: Wanted,
  { clock, bodies, handle }: Posting,
): Promise<Refused | undefined> {
  const arrivedAt = clock.now();
  const read = await bodies.read(request.raw, wanted.kind === 'batch' ? maxBatchBytes : maxMessageBytes);
  if (read === null) return undefined;
  return read.kind === 'refusal' ? read : handle(request, wanted, read.body, arrivedAt);
}

const noToken: TokenCheck = async ({ oauthEnforced }) => (oauthEnforced ? 'token invalid' : 'allowed');

function handler(deps: TrackingDeps): Handle {
  const { discards, oauth: check = noToken } = deps;
  const streams = createStreams(deps.findStream, deps.clock);
  const gate = createGate(deps.requestsPerSecond);
  return async (request, wanted, body, receivedAt) => {
    const items: Json | undefined = wanted.kind === 'batch' ? body.batch : [body];
    if (!Array.isArray(items)) return badBody('invalid_request', 'The member batch must be an array of messages.');
    const { authorization } = request.headers;
    const writeKey = writeKeyOf(authorization, body);
    if (writeKey === null) return writeKeyMissing;
    // Not the time of arrival: a slow body may have taken long.
    const entry = gate.enter(deps.clock.now().getTime());
    if ('refused' in entry) {
      return rateLimited(entry.refused, `More than ${deps.requestsPerSecond} requests per second.`);
    }
    if (entry.waitMs > 0) await sleep(entry.waitMs);
    const stream = await streams.find(writeKey);
    if (stream === null) {
      discards.note('', 'unknown_source', null, Math.max(1, items.length));
      return deps.rejectUnknownWriteKey ? writeKeyUnknown : null;
    }
    const verdict = await check(stream, bearerTokenOf(authorization));
    if (verdict !== 'allowed') return verdict === 'scope missing' ? scopeMissing : tokenInvalid;
    if (!stream.enabled) {
      discards.note(stream.id, 'source_disabled', null, Math.max(1, items.length));
      return null;
    }
    const arrival: Arrival = { receivedAt: receivedAt.getTime(), ip: request.ip, clientSide: stream.clientSide };
    const finished =
      wanted.kind === 'batch' ? finishBatch(body, items, arrival) : finishOne(body, wanted.type, arrival);
    if (finished === null) return tooLarge;
    if (deps.strictItemSize && finished.discards.some(({ code }) => code === 'payload_too_large')) return tooLarge;
    return (await store(deps, stream, finished, receivedAt)) ? null : unavailable;
  };
}

/** About how much of memory a message takes, for each character of its JSON: the text, and what was read of it. */
const memoryPerCharacter = 3;
/** Clients give up after ten seconds, of which up to two were spent waiting for a place. */
const storeWithinMs = 7_000;

/** False when it takes too long. What is stored later all the same is a duplicate when it is sent again. */
async function store(
  { inlet, discards }: TrackingDeps,
  stream: EventStream,
  { messages, discards: discarded, characters }: Finished,
  receivedAt: Date,
): Promise<boolean> {
  if (messages.length > 0) {
    const incoming = (isCounted: boolean) =>
      messages.map(
        ({ message, messageId, text }: FinishedMessage): IncomingMessage => ({
          message,
          receivedAt,
          sourceId: stream.id,
          onceKey: messageId,
          isCounted,
          text,
        }),
      );
    const bytes = memoryPerCharacter * characters;
    // All are waited for: an answer must not come while one of them is still at it. The first space counts for usage.
    const taking = Promise.allSettled(stream.spaces.map((space, at) => inlet.take(space, incoming(at === 0), bytes)));
    const ends = await withinMs(storeWithinMs, taking);
    if (ends === null) return false;
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    noteUntaken(discards, stream.id, ends);
  }
  // Noted once: a request that fails comes again.
  for (const { code, messageId, count, event } of discarded) discards.note(stream.id, code, messageId, count, event);
  return true;
}

/**
 * Copies and messages of suppressed people: those that no space of the stream took. Only their number is noted: whoever
 * is suppressed leaves nothing behind, and the first copy of a message says more than its id.
 */
function noteUntaken(
  discards: DiscardLog,
  streamId: string,
  ends: readonly PromiseSettledResult<readonly Outcome[]>[],
): void {
  const [first = [], ...others] = ends.map((end) => (end.status === 'fulfilled' ? end.value : []));
  const counts = { duplicate: 0, suppressed: 0 };
  for (const [at, outcome] of first.entries()) {
    const reason = untakenReason(outcome);
    if (reason !== null && others.every((outcomes) => untakenReason(outcomes[at]) !== null)) counts[reason] += 1;
  }
  for (const reason of ['duplicate', 'suppressed'] as const) {
    if (counts[reason] > 0) discards.note(streamId, reason, null, counts[reason]);
  }
}

function untakenReason(outcome: Outcome | undefined): 'duplicate' | 'suppressed' | null {
  if (outcome?.kind !== 'dropped') return null;
  return outcome.reason === 'duplicate' || outcome.reason === 'suppressed' ? outcome.reason : null;
}

/** Null when it is not there in time. */
async function withinMs<T>(ms: number, work: Promise<T>): Promise<T | null> {
  const late = new AbortController();
  try {
    return await Promise.race([work, sleep(ms, null, { signal: late.signal })]);
  } finally {
    late.abort();
  }
}

function refusalOf(error: unknown, request: FastifyRequest, log: Log): TrackingRefusal {
  const { code, statusCode } = error as { code?: unknown; statusCode?: unknown };
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return wrongType;
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
async function receivePixel(
  request: FastifyRequest,
  handle: Handle,
  { clock, discards, log }: TrackingDeps,
): Promise<void> {
  const arrivedAt = clock.now();
  const { type } = request.params as { type: string };
  const query = request.originalUrl.indexOf('?');
  const search = new URLSearchParams(query < 0 ? '' : request.originalUrl.slice(query + 1));
  const message = messageOfQuery(search);
  if (!isMessageType(type) || message === null) {
    discards.note('', 'bad_request', null, 1);
    return;
  }
  const refusal = await handle(request, { kind: 'message', type }, message, arrivedAt).catch((error: unknown) =>
    refusalOf(error, request, log),
  );
  if (refusal === null) return;
  const isLost = refusal.error === 'unavailable' || refusal.error === 'rate_limited';
  discards.note('', isLost ? 'pixel_not_stored' : 'bad_request', null, 1);
}
