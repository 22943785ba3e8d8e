/**
 * The HTTP APIs. In: the rooms they read from, and requests. Out: a Fastify instance that does not listen (`serve` in
 * `server.ts` does). Promised: every answer is JSON (that of the live view a stream of events) with a `Request-Id`, also
 * to requests that cannot be read; nothing a request holds reaches the log; no work is done before a token is checked.
 */
import { randomUUID } from 'node:crypto';
import cookie from '@fastify/cookie';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { findSession } from '../workspace/workspace.ts';
import { type AppDeps, appApi, appArea } from './app/app.ts';
import { builtFolder, openPages } from './app/static.ts';
import { healthRoutes } from './health.ts';
import { type LiveApiDeps, liveApi } from './live/live.ts';
import { type OauthDeps, oauthApi, oauthArea, tokenCheck, withoutDoubleToken } from './oauth/oauth.ts';
import { openApi } from './openapi.ts';
import { routableUrl } from './profile/identifier.ts';
import { type ProfileApiDeps, profileApi } from './profile/profile.ts';
import {
  type PublicApiDeps,
  publicApi,
  publicArea,
  wholeServer,
  withoutDoubleSlash,
  withoutLeadingSlashes,
} from './public/public.ts';
import { createSessionGrant } from './session.ts';
import { type TrackingDeps, trackingApi, trackingArea } from './tracking/tracking.ts';
import { type Area, answerUnreadableIn, frameworkErrorIn, installTransport } from './transport.ts';

export interface ApiLimits {
  /** Profile API requests per second and space, and how many may come at once; 0: no limit. */
  readonly profileRequestsPerSecond: number;
}

export interface ApiDeps extends Pick<ProfileApiDeps, 'reader' | 'deleteIdentifier' | 'verifyToken' | 'findSpace'> {
  /** Of a space; left out: there is no live view. */
  readonly watch?: LiveApiDeps['watch'];
  /** Between two heartbeats of a live view; default 15 s. */
  readonly beatMs?: number;
  readonly log: Log;
  readonly clock: Clock;
  readonly limits: ApiLimits;
  /** Without it there is no Tracking API. */
  readonly tracking?: Omit<TrackingDeps, 'clock' | 'log'>;
  /** Without it there is no token service, and event streams that ask for a token take nothing. */
  readonly oauth?: Omit<OauthDeps, 'clock' | 'log'>;
  /** Without it there is no Public API. */
  readonly publicApi?: Omit<PublicApiDeps, 'reader' | 'sessionGrant' | 'clock' | 'log'>;
  /** Without it there is no web app, and nobody signs in. */
  readonly app?: Omit<AppDeps, 'sessionGrant' | 'clock' | 'log'> & {
    /** Of its built files; default: where the build puts them. */
    readonly folder?: string;
  };
  /** Whether the process can do its work, for `/readyz`. */
  readonly ready: () => Promise<boolean>;
  /** The proxies whose `X-Forwarded-*` headers are believed: all (true), or these addresses. Default: none. */
  readonly trustProxy?: boolean | readonly string[];
  /** How long a request may take to arrive. */
  readonly requestTimeoutMs?: number;
  /** Of the program, for the OpenAPI document. */
  readonly version?: string;
}

/** Longer than any request line that Node's parser lets through, also after `routableUrl`. */
const longestSegment = 65_536;

/** Clients give up after ten seconds; slower ones are broken, or mean harm. */
const usualRequestTimeoutMs = 30_000;

export async function buildApi(deps: ApiDeps): Promise<FastifyInstance> {
  const areas = [
    ...(deps.tracking === undefined ? [] : [trackingArea]),
    ...(deps.oauth === undefined ? [] : [oauthArea]),
    ...(deps.publicApi === undefined ? [] : [publicArea]),
    ...(deps.app === undefined ? [] : [appArea]),
  ];
  const app = emptyApp(deps, areas, (url) => withoutDoubleToken(withoutDoubleSlash(routableUrl(url))));
  const pages = deps.app && (await openPages(deps.app.folder ?? builtFolder()));
  installTransport(app, deps.log, areas, pages?.answer);
  await openApi(app, deps.version ?? '0');
  healthRoutes(app, deps.ready);
  const sessionGrant = deps.app && sessionsOf(deps.app, deps.clock);
  const access = {
    sessionGrant,
    verifyToken: deps.verifyToken,
    findSpace: deps.findSpace,
    clock: deps.clock,
    requestsPerSecond: deps.limits.profileRequestsPerSecond,
  };
  await app.register(profileApi, { reader: deps.reader, deleteIdentifier: deps.deleteIdentifier, ...access });
  if (deps.watch !== undefined) await app.register(liveApi, { ...access, watch: deps.watch, beatMs: deps.beatMs });
  if (deps.tracking !== undefined) {
    const oauth = deps.oauth && tokenCheck(deps.oauth.findGrant, deps.clock);
    await app.register(trackingApi, { oauth, ...deps.tracking, clock: deps.clock, log: deps.log });
  }
  if (deps.oauth !== undefined) await app.register(oauthApi, { ...deps.oauth, clock: deps.clock, log: deps.log });
  if (deps.publicApi !== undefined) {
    const { clock, log, reader } = deps;
    await app.register(publicApi, { ...deps.publicApi, reader, sessionGrant, clock, log });
  }
  if (deps.app !== undefined && sessionGrant !== undefined && pages !== undefined) {
    // It reads a cookie only where one is asked for.
    await app.register(cookie, { hook: false });
    await app.register(appApi, { ...deps.app, sessionGrant, clock: deps.clock, log: deps.log });
    await app.register((files) => pages.files(files));
  }
  await app.ready();
  return app;
}

export interface PublicApiServerDeps
  extends Pick<ApiDeps, 'reader' | 'log' | 'clock' | 'trustProxy' | 'requestTimeoutMs'> {
  readonly publicApi: NonNullable<ApiDeps['publicApi']>;
}

/** The Public API at the root and nothing else, as clients find it that know a host name alone. */
export async function buildPublicApi(deps: PublicApiServerDeps): Promise<FastifyInstance> {
  const app = emptyApp(deps, [wholeServer], withoutLeadingSlashes);
  installTransport(app, deps.log, [wholeServer]);
  const { reader, clock, log } = deps;
  await app.register(publicApi, { ...deps.publicApi, reader, clock, log, below: '' });
  await app.ready();
  return app;
}

function emptyApp(
  deps: Pick<ApiDeps, 'trustProxy' | 'requestTimeoutMs'>,
  areas: readonly Area[],
  rewrite: (url: string) => string,
): FastifyInstance {
  const trustProxy = deps.trustProxy ?? false;
  const requestTimeout = deps.requestTimeoutMs ?? usualRequestTimeoutMs;
  return Fastify({
    logger: false,
    genReqId: () => randomUUID(),
    rewriteUrl: (request) => rewrite(request.url ?? '/'),
    routerOptions: { maxParamLength: longestSegment, ignoreTrailingSlash: true },
    trustProxy: typeof trustProxy === 'boolean' ? trustProxy : [...trustProxy],
    // While closing, requests that are already on a connection are still answered.
    return503OnClosing: false,
    requestTimeout,
    // Node takes the longer of the two for the whole request.
    http: {
      requireHostHeader: false,
      headersTimeout: requestTimeout,
      connectionsCheckingInterval: Math.min(5_000, requestTimeout),
    },
    frameworkErrors: frameworkErrorIn(areas),
    clientErrorHandler: answerUnreadableIn(areas),
  });
}

function sessionsOf({ db, lives, publicUrl }: NonNullable<ApiDeps['app']>, clock: Clock) {
  return createSessionGrant({ findSession: (secret) => findSession(db.pool, secret, lives, clock.now()), publicUrl });
}
