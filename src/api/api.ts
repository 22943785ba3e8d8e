/**
 * The HTTP APIs. In: the rooms they read from, and requests. Out: a Fastify instance that does not listen (`serve` in
 * `server.ts` does). Promised: every answer is JSON with a `Request-Id`, also to requests that cannot be read; nothing a
 * request holds reaches the log; no work is done before a token is checked.
 */
import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { healthRoutes } from './health.ts';
import { openApi } from './openapi.ts';
import { routableUrl } from './profile/identifier.ts';
import { type ProfileApiDeps, profileApi } from './profile/profile.ts';
import { answerUnreadable, frameworkError, installTransport } from './transport.ts';

export interface ApiLimits {
  /** Profile API requests per second and space, and how many may come at once; 0: no limit. */
  readonly profileRequestsPerSecond: number;
}

export interface ApiDeps extends Pick<ProfileApiDeps, 'reader' | 'deleteIdentifier' | 'verifyToken' | 'findSpace'> {
  readonly log: Log;
  readonly clock: Clock;
  readonly limits: ApiLimits;
  /** Whether the process can do its work, for `/readyz`. */
  readonly ready: () => Promise<boolean>;
  /** The proxies whose `X-Forwarded-*` headers are believed: all (true), or these addresses. Default: none. */
  readonly trustProxy?: boolean | readonly string[];
  /** Of the program, for the OpenAPI document. */
  readonly version?: string;
}

/** Longer than any request line that Node's parser lets through, also after `routableUrl`. */
const longestSegment = 65_536;

export async function buildApi(deps: ApiDeps): Promise<FastifyInstance> {
  const trustProxy = deps.trustProxy ?? false;
  const app = Fastify({
    logger: false,
    genReqId: () => randomUUID(),
    rewriteUrl: (request) => routableUrl(request.url ?? '/'),
    routerOptions: { maxParamLength: longestSegment, ignoreTrailingSlash: true },
    trustProxy: typeof trustProxy === 'boolean' ? trustProxy : [...trustProxy],
    // While closing, requests that are already on a connection are still answered.
    return503OnClosing: false,
    http: { requireHostHeader: false },
    frameworkErrors: frameworkError,
    clientErrorHandler: answerUnreadable,
  });
  installTransport(app, deps.log);
  await openApi(app, deps.version ?? '0');
  healthRoutes(app, deps.ready);
  await app.register(profileApi, {
    reader: deps.reader,
    deleteIdentifier: deps.deleteIdentifier,
    verifyToken: deps.verifyToken,
    findSpace: deps.findSpace,
    clock: deps.clock,
    requestsPerSecond: deps.limits.profileRequestsPerSecond,
  });
  await app.ready();
  return app;
}
