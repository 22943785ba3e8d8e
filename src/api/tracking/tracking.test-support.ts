/** A server with the Tracking and the Profile API over a real database: a space `main` and an event stream `website`. */
import { testDatabase } from '../../../test/database.ts';
import { createLog, type Log } from '../../base/log.ts';
import type { Database } from '../../db/db.ts';
import {
  createInlet,
  createSpaceReader,
  createSpaceWriter,
  deleteIdentifier,
  type Inlet,
  type SpaceReader,
  type SpaceSettings,
} from '../../space/space.ts';
import {
  countCalls,
  createDiscardLog,
  createEventStream,
  createSpace,
  createToken,
  createUsage,
  type EventStream,
  findOauthGrant,
  findSigningKey,
  findSpace,
  findStreamByWriteKey,
  issueOauthToken,
  readDiscards,
  type Space,
  verifyToken,
} from '../../workspace/workspace.ts';
import { buildApi } from '../api.ts';
import { serve } from '../server.ts';
import type { TrackingDeps } from './tracking.ts';

export interface TrackingServer extends AsyncDisposable {
  readonly url: string;
  readonly db: Database;
  readonly space: Space;
  readonly stream: EventStream;
  readonly reader: SpaceReader;
  readonly token: string;
  /** POSTs JSON, or a body as it is, with the write key in the header unless another is given. */
  post(route: string, body: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** What the space holds of events, oldest first. */
  events(): Promise<readonly Record<string, unknown>[]>;
  /** code → count, of the stream; `''`: of unknown write keys. */
  discards(streamId?: string): Promise<Record<string, number>>;
  /** From the Profile API. */
  profile(path: string): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: what an HTTP answer holds
  readonly body: any;
}

export interface TrackingServerOptions extends Partial<Omit<TrackingDeps, 'clock' | 'log'>> {
  readonly settings?: SpaceSettings;
  readonly maxWaitingBytes?: number;
  readonly clientSide?: boolean;
  readonly oauthEnforced?: boolean;
  /** For assertions. */
  readonly publicUrl?: string;
  readonly requestTimeoutMs?: number;
  readonly log?: Log;
  /** Put between the API and the real inlet. */
  readonly around?: (inlet: Inlet) => Inlet;
}

export async function openTracking(options: TrackingServerOptions = {}): Promise<TrackingServer> {
  const {
    settings,
    maxWaitingBytes = 64e6,
    clientSide = false,
    oauthEnforced = false,
    publicUrl,
    around = (inlet: Inlet) => inlet,
    requestTimeoutMs = 30_000,
    ...deps
  } = options;
  const db = await testDatabase({ poolSize: 10 });
  const log = options.log ?? createLog({ level: 'silent' });
  const clock = { now: () => new Date() };
  const space = await createSpace(db.pool, 'main', settings);
  const stream = await createEventStream(db, { name: 'website', spaces: [space.id], clientSide, oauthEnforced });
  const { secret } = await createToken(db.pool, space.id, 'test');
  const writer = createSpaceWriter({ db });
  const usage = createUsage({ clock });
  const inlet = createInlet({
    writer,
    maxWaitingBytes,
    onTaken: (tx, taken, messages, outcomes) => countCalls(usage, tx, taken, messages, outcomes),
  });
  const discards = createDiscardLog({ db: db.pool, clock, log });
  const reader = createSpaceReader({ db });
  const app = await buildApi({
    reader,
    deleteIdentifier: (spaceNo, identifier) => deleteIdentifier(db, spaceNo, identifier),
    verifyToken: (token) => verifyToken(db.pool, token),
    findSpace: (name) => findSpace(db.pool, name),
    log,
    clock,
    limits: { profileRequestsPerSecond: 0 },
    ready: async () => true,
    requestTimeoutMs,
    oauth: {
      findKey: (keyId) => findSigningKey(db.pool, keyId),
      issueToken: (request) => issueOauthToken(db.pool, request),
      findGrant: (token) => findOauthGrant(db.pool, token),
      publicUrl,
    },
    tracking: {
      findStream: (writeKey) => findStreamByWriteKey(db.pool, writeKey),
      inlet: around(inlet),
      discards,
      requestsPerSecond: 0,
      strictItemSize: false,
      rejectUnknownWriteKey: false,
      ...deps,
    },
  });
  const serving = await serve(app, { host: '127.0.0.1', port: 0 });
  const basic = (user: string) => `Basic ${Buffer.from(`${user}:`).toString('base64')}`;
  const answerOf = async (response: Response): Promise<Answer> => {
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
  };
  return {
    url: serving.url,
    db,
    space,
    stream,
    reader,
    token: secret,
    async post(route, body, headers = {}) {
      const raw = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
      const usual = { 'content-type': 'application/json', authorization: basic(stream.writeKey) };
      return answerOf(
        await fetch(`${serving.url}${route}`, {
          method: 'POST',
          body: raw as never,
          headers: { ...usual, ...headers },
        }),
      );
    },
    async events() {
      const { rows } = await db.pool.query<{ body: Record<string, unknown> }>(
        'SELECT body FROM events ORDER BY received_at, message_id',
      );
      return rows.map((row) => row.body);
    },
    async discards(streamId = stream.id) {
      // They are written within a second.
      for (let before = ''; ; ) {
        const now = JSON.stringify(await readDiscards(db.pool, streamId));
        if (now === before && now !== '[]') {
          return Object.fromEntries((await readDiscards(db.pool, streamId)).map(({ code, count }) => [code, count]));
        }
        before = now;
        await new Promise((resolve) => setTimeout(resolve, 1_100));
      }
    },
    profile: async (path) =>
      answerOf(
        await fetch(`${serving.url}/v1/spaces/${space.id}/collections/${path}`, {
          headers: { authorization: basic(secret) },
        }),
      ),
    async [Symbol.asyncDispose]() {
      await serving.close();
      await inlet[Symbol.asyncDispose]();
      await writer[Symbol.asyncDispose]();
      await discards[Symbol.asyncDispose]();
      await db.close();
    },
  };
}
