/** Test support: the Public API on Postgres, a space with messages, and a clock that is set by hand. */
import { tmpdir } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { testDatabase, testLog } from '../../../test/database.ts';
import { systemClock } from '../../base/clock.ts';
import type { JsonObject } from '../../base/json.ts';
import { hasProfiles } from '../../cli/apply.ts';
import { workspaceChecks } from '../../cli/workspace-checks.ts';
import type { Database } from '../../db/db.ts';
import { listProfileSpaces, segmentProfiles, testConnection } from '../../destination/destination.ts';
import { startSyncWorker } from '../../schedule/schedule.ts';
import {
  createSpaceReader,
  createSpaceWriter,
  deleteIdentifier,
  type SpaceSettings,
  type SpaceWriter,
} from '../../space/space.ts';
import { excludeSyncs, type PlanOptions, planSync, type SyncContext } from '../../sync/sync.ts';
import { openWarehouse } from '../../warehouse/warehouse.ts';
import {
  createSpace,
  createToken,
  createWorkspaceToken,
  findSpace,
  listSpaces,
  openSecrets,
  type ResolvedMapping,
  type Secrets,
  type Space,
  verifyToken,
  verifyWorkspaceToken,
} from '../../workspace/workspace.ts';
import { buildApi, buildPublicApi } from '../api.ts';
import type { PublicRates } from './rate-limits.ts';

export interface CallOptions {
  readonly token?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: a body of any shape, looked into by tests
  readonly json: any;
}

export interface PublicServer extends AsyncDisposable {
  readonly db: Database;
  readonly app: FastifyInstance;
  /** The same API at the root, as a port of its own has it; made when it is asked for. */
  ownApp(rates?: PublicRates): Promise<FastifyInstance>;
  readonly space: Space;
  /** Of the workspace, and of the space. */
  readonly token: { readonly id: string; readonly secret: string };
  readonly spaceSecret: string;
  readonly clock: { now(): Date; pass(ms: number): void };
  /** A path below `/public-api`, with the token of the workspace unless another is given (null: none). */
  call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, options?: CallOptions): Promise<Answered>;
  /** A path below the collections of the space, in the Profile API. */
  profile(path: string): Promise<Answered>;
  send(...messages: readonly JsonObject[]): Promise<void>;
  /** From now on syncs that are asked for run, as in a server. */
  runSyncs(): void;
}

/** What the Public API needs, with the real rooms behind it. */
export function publicDeps(db: Database, secrets: Secrets, writer: SpaceWriter) {
  const sync: SyncContext = {
    db,
    log: testLog(),
    clock: systemClock,
    writer,
    openWarehouse: (source) => openWarehouse(source.engine, source.settings),
  };
  return {
    db,
    verifyWorkspaceToken: (secret: string) => verifyWorkspaceToken(db.pool, secret),
    secrets,
    checks: workspaceChecks,
    destination: segmentProfiles,
    spaceHasProfiles: (_: unknown, spaceNo: number) => hasProfiles(createSpaceReader({ db }), spaceNo),
    excludeSyncs,
    forgetMapping: async () => undefined,
    planMapping: (mapping: ResolvedMapping, options: PlanOptions) => planSync(sync, mapping, options),
    sync,
    region: {
      testConnection: (settings: JsonObject) => testConnection(settings),
      profileSpaces: (settings: JsonObject, mayConnect: (spaceId: string) => boolean) =>
        listProfileSpaces(settings, { mayConnect, localSpaces: () => listSpaces(db.pool) }),
    },
    fileFolders: [tmpdir()],
  };
}

export async function openPublicApi(settings: Partial<SpaceSettings> = {}): Promise<PublicServer> {
  const db = await testDatabase();
  const made = await createSpace(db.pool, 'shop');
  await db.pool.query('UPDATE spaces SET settings = $2 WHERE id = $1', [
    made.id,
    JSON.stringify({ ...made.settings, ...settings }),
  ]);
  const space = await findSpace(db.pool, 'shop');
  const token = await createWorkspaceToken(db.pool, 'test');
  const { secret: spaceSecret } = await createToken(db.pool, space.id, 'test');
  let ms = Date.parse('2026-03-20T12:00:00.000Z');
  const clock = {
    now: () => new Date(ms),
    pass(passed: number) {
      ms += passed;
    },
  };
  const writer = createSpaceWriter({ db });
  const secrets = await openSecrets({ key: '0'.repeat(64), dataFolder: tmpdir() });
  let worker: AsyncDisposable | undefined;
  const publicApi = publicDeps(db, secrets, writer);
  const { sync } = publicApi;
  const reader = createSpaceReader({ db });
  const own: FastifyInstance[] = [];
  const app = await buildApi({
    reader,
    deleteIdentifier: (spaceNo, identifier) => deleteIdentifier(db, spaceNo, identifier),
    verifyToken: (secret) => verifyToken(db.pool, secret),
    findSpace: (name) => findSpace(db.pool, name),
    publicApi,
    log: testLog(),
    clock,
    limits: { profileRequestsPerSecond: 0 },
    ready: async () => true,
  });
  return {
    db,
    app,
    space,
    token,
    spaceSecret,
    clock,
    async ownApp(rates) {
      const made = await buildPublicApi({
        ...{ reader, clock, log: testLog() },
        publicApi: { ...publicApi, ...(rates !== undefined && { rates }) },
      });
      own.push(made);
      return made;
    },
    async call(method, path, { token: given = token.secret, body, headers = {} } = {}) {
      const answer = await app.inject({
        method,
        url: `/public-api${path}`,
        headers: { ...(given === null ? {} : { authorization: `Bearer ${given}` }), ...headers },
        ...(body === undefined ? {} : { payload: body as object }),
      });
      return { status: answer.statusCode, headers: answer.headers, json: answer.json() };
    },
    async profile(path) {
      const authorization = `Basic ${Buffer.from(`${spaceSecret}:`).toString('base64')}`;
      const url = `/v1/spaces/${space.id}/collections/${path}`;
      const answer = await app.inject({ url, headers: { authorization } });
      return { status: answer.statusCode, headers: answer.headers, json: answer.json() };
    },
    async send(...messages) {
      const batch = messages.map((message) => ({ message, receivedAt: clock.now(), sourceId: 'src_test' }));
      await writer.write(space, batch);
    },
    runSyncs() {
      worker ??= startSyncWorker({ sync, store: { db: db.pool, secrets }, parallel: 2, everyMs: 50 });
    },
    async [Symbol.asyncDispose]() {
      await worker?.[Symbol.asyncDispose]();
      await Promise.all([app, ...own].map((one) => one.close()));
      await writer[Symbol.asyncDispose]();
      await db.close();
    },
  };
}
