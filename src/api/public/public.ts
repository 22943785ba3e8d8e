/**
 * The Public API (`docs/public-api.md`). In: requests with a token of the workspace, or from a person who is signed in. Out: `{"data": …}`, or
 * `{"errors": [ … ]}` for whatever goes wrong. Promised: 401 before anything else, also before a body is read; every fault
 * of a request is listed at once; nothing a request holds reaches the log.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AlertContext } from '../../alerts/alerts.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { SpaceReader } from '../../space/space.ts';
import type { PreviewLimits } from '../../sync/sync.ts';
import { mayAnywhere, powers, type WorkspaceGrant } from '../../workspace/workspace.ts';
import type { SessionGrant } from '../session.ts';
import type { Area } from '../transport.ts';
import { publicAccess, type VerifyWorkspaceToken } from './access.ts';
import type { ConfigDeps } from './config.ts';
import {
  asIs,
  bodyOfRefusal,
  isRefusal,
  notAllowed,
  type PublicRefusal,
  refusalOf,
  refusalOfStatus,
  refusePublic,
  serverFault,
  toPerson,
} from './errors.ts';
import { javaGeneration, trimFor } from './generations.ts';
import { readQuery } from './query.ts';
import { type PublicRates, RateLimits } from './rate-limits.ts';
import type { PublicRequest, PublicRoute } from './route.ts';
import { publicRoutes } from './routes.ts';
import { answerType } from './versions.ts';

export interface PublicApiDeps extends ConfigDeps {
  readonly reader: SpaceReader;
  readonly verifyWorkspaceToken: VerifyWorkspaceToken;
  /** Without it only tokens open it. */
  readonly sessionGrant?: SessionGrant | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Left out or null: alerts cannot be tried by e-mail. */
  readonly mail?: AlertContext['mail'];
  /** Left out: no request is refused for its number. */
  readonly rates?: PublicRates;
  /** Of looks into warehouses; the usual ones when left out. */
  readonly previews?: PreviewLimits;
}

const root = '/public-api';
/** 5,000 user ids of 4 MB, and then some. */
const bodyLimit = 5 * 1024 * 1024;

/** Only servers call it, so no page may read its answers. */
export const publicArea: Area = {
  openToPages: false,
  owns: (path) => path === root || path.startsWith(`${root}/`),
  refuse: (reply, { status, message, headers }) => refusePublic(reply, refusalOfStatus(status, message, headers)),
};

/** Some clients put a slash too many after the root. */
export function withoutDoubleSlash(url: string): string {
  return url.startsWith(`${root}//`) ? url.replace(/^\/public-api\/+/, `${root}/`) : url;
}

/** The same on a port of its own. */
export function withoutLeadingSlashes(url: string): string {
  return url.startsWith('//') ? url.replace(/^\/+/, '/') : url;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** What the token of a Public API request allows. */
    workspaceGrant: WorkspaceGrant | null;
    /** The media type of its answer. */
    answerType: string;
    /** What it says of the limit of requests. */
    rateHeaders: Readonly<Record<string, string>> | null;
  }
}

/** The same for a server that has this API and nothing else. */
export const wholeServer: Area = {
  ...publicArea,
  owns: () => true,
  bodyOf: ({ status, message, headers }) => bodyOfRefusal(refusalOfStatus(status, message, headers)),
};

/** @param below the path of its root: `''` on a port of its own */
export async function publicApi(
  app: FastifyInstance,
  { below = root, ...deps }: PublicApiDeps & { readonly below?: string },
): Promise<void> {
  const limits = deps.rates === undefined ? null : new RateLimits(deps.rates, deps.clock);
  const grantOf = publicAccess(deps.verifyWorkspaceToken, deps.clock, deps.sessionGrant);
  app.decorateRequest('workspaceGrant', null);
  app.decorateRequest('answerType', '');
  app.decorateRequest('rateHeaders', null);
  readBodies(app);
  app.setErrorHandler((error, request, reply) => {
    const answer = refusalOf(error);
    if (answer !== null) return refusePublic(reply, answer);
    // The route, never the URL: ids of people may stand in it.
    deps.log.error({ requestId: request.id, route: request.routeOptions.url, err: error }, 'a request failed');
    return refusePublic(reply, serverFault);
  });

  async function letIn(route: PublicRoute, request: FastifyRequest, reply: FastifyReply) {
    const grant = await grantOf(request);
    if (isRefusal(grant)) return refusePublic(reply, grant);
    const type = answerType(request.headers.accept, route.versions);
    if (isRefusal(type)) return refusePublic(reply, type);
    if (!mayAnywhere(grant, route.needs)) return refuseTo(request, reply, notAllowed(powers[route.needs]));
    const used = limits?.use(route, grant.tokenId, request.ip);
    if (isRefusal(used)) return refusePublic(reply, used);
    request.workspaceGrant = grant;
    request.rateHeaders = used ?? null;
    request.answerType = type;
    // A body that comes with a DELETE means nothing, whatever it is.
    if (route.method === 'DELETE') {
      delete request.headers['content-type'];
      request.headers['content-length'] = '0';
      delete request.headers['transfer-encoding'];
    }
    return undefined;
  }

  for (const route of publicRoutes(deps)) {
    app.route({
      method: route.method,
      url: `${below}${route.url}`,
      bodyLimit,
      schema: documentOf(route),
      onRequest: (request, reply) => letIn(route, request, reply),
      handler: async (request, reply) => {
        const answer = isNoId(request.params)
          ? refusalOfStatus(404, 'There is nothing with this id.')
          : await route.handle({ ...requestOf(request), signal: callerOf(reply) });
        if (isRefusal(answer)) return refuseTo(request, reply, answer);
        const generation = javaGeneration(request.headers['user-agent']);
        const data = generation === null ? answer.data : trimFor(generation, answer.data);
        const text = JSON.stringify({ data });
        const headers = { ...request.rateHeaders, ...answer.headers };
        for (const name in headers) reply.header(name, headers[name]);
        return reply
          .code(route.status ?? 200)
          .header('Content-Type', request.answerType)
          .serializer(asIs)
          .send(text);
      },
    });
  }
}

/** Whether a part of the path is the name of nothing: the database takes no such text. */
function isNoId(params: unknown): boolean {
  return Object.values(params as Readonly<Record<string, string>>).some((value) => value.includes('\0'));
}

/** For the OpenAPI document; requests are checked by the routes themselves. */
function documentOf({ versions, needs, perMinute }: PublicRoute): object {
  const rate = perMinute === undefined ? '' : ` At most ${perMinute} requests a minute where the vendor's limits hold.`;
  return {
    tags: ['Public API'],
    description: `Takes a role that may ${powers[needs]} (\`${needs}\`). Offered as ${versions.join(', ')}.${rate}`,
    security: [{ workspaceToken: [] }],
  };
}

/** For requests whose sender is known. */
function refuseTo(request: FastifyRequest, reply: FastifyReply, answer: PublicRefusal): FastifyReply {
  return refusePublic(reply, request.headers.authorization === undefined ? toPerson(answer) : answer);
}

/** Aborted when the connection closes before everything was sent. */
function callerOf({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort();
  });
  return gone.signal;
}

function requestOf(request: FastifyRequest): Omit<PublicRequest, 'signal'> {
  return {
    grant: request.workspaceGrant as WorkspaceGrant,
    params: request.params as Readonly<Record<string, string>>,
    query: readQuery(request.originalUrl),
    headers: request.headers,
    body: request.body as PublicRequest['body'],
  };
}

const notJson: PublicRefusal = refusalOfStatus(400, 'The body is not JSON.');

/** Bodies of `application/json` and of every `application/…+json`; an empty one is none. */
export function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    /^application\/(?:json|[^;,\s]+\+json)\s*(?:;|$)/i,
    { parseAs: 'buffer' },
    (_, bytes, done) => {
      if (bytes.length === 0) return done(null, undefined);
      try {
        done(null, JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes as Buffer)));
      } catch {
        // The parser's own message quotes the body.
        done(Object.assign(new Error(notJson.problems[0].message), { statusCode: notJson.status }));
      }
    },
  );
}
