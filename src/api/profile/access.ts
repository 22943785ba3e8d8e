/**
 * Who may ask. In: the `Authorization` header, or without one the cookie of a session, and the space of the path. Out: the
 * request's `spaceNo`, or the refusal (401, 400, 404 for an unknown space, 403, 429), in that order. Promised: a request with a token seen within the last second
 * is decided without waiting; secrets are kept as hashes only; a revoked token is refused a second later at most.
 */
import { hash } from 'node:crypto';
import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import type { Clock } from '../../base/clock.ts';
import { isMillraceError } from '../../base/errors.ts';
import type { SpaceSettings } from '../../space/space.ts';
import { may, powers, type SignedIn } from '../../workspace/workspace.ts';
import { AnswerCache } from '../answer-cache.ts';
import { readBasic } from '../basic-auth.ts';
import { isSessionRefusal, type SessionGrant } from '../session.ts';
import {
  isRefusal,
  type Refusal,
  refusal,
  refuse,
  spaceNotFound,
  tokenInvalid,
  tokenMissing,
  tooManyRequests,
} from './errors.ts';
import { readSpace } from './identifier.ts';
import { RateLimit } from './rate-limit.ts';

/** What a valid token allows. */
export interface Grant {
  readonly tokenId: string;
  readonly spaceId: string;
  readonly spaceNo: number;
}

/** A space as far as requests need to know it. */
export interface KnownSpace {
  readonly id: string;
  readonly no: number;
  readonly settings: SpaceSettings;
}

export interface AccessDeps {
  readonly verifyToken: (secret: string) => Promise<Grant | null>;
  /** Null, or the error `not_found`, when there is none. */
  readonly findSpace: (idOrName: string) => Promise<KnownSpace | null>;
  /** Without it only tokens open it. */
  readonly sessionGrant?: SessionGrant | undefined;
  readonly clock: Clock;
  readonly requestsPerSecond: number;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The space a Profile API request was let into. */
    spaceNo: number;
  }
}

const maxAgeMs = 1_000;
const maxEntries = 10_000;

/**
 * The secret of `Basic base64(secret:)`; the colon may be missing. Null when the header is of another kind or has a
 * password, which no token has.
 */
export function readSecret(authorization: string): string | null {
  const basic = readBasic(authorization);
  if (basic === null || basic.password !== '' || basic.user === '' || basic.user.includes('\0')) return null;
  return basic.user;
}

type Decision = number | Refusal;

export interface ProfileAccess {
  /** An `onRequest` hook. `unauthorized` is what a route answers without a valid token, when it is not the usual. */
  letIn(unauthorized?: Refusal): (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => void;
  /** The space of the path as it is configured, as of a second ago at most. */
  spaceOf(request: FastifyRequest): Promise<KnownSpace | null>;
  /** Whether a request that was let in would be again, asked anew. */
  stillLetsIn(request: FastifyRequest): Promise<boolean>;
}

export function profileAccess(deps: AccessDeps): ProfileAccess {
  const cache = { clock: deps.clock, maxAgeMs, maxEntries };
  const grants = new AnswerCache<Grant | null>(async (header) => {
    const secret = readSecret(header);
    return secret === null ? null : deps.verifyToken(secret);
  }, cache);
  const spaces = new AnswerCache(
    (name) =>
      deps.findSpace(name).catch((error) => {
        if (isMillraceError(error, 'not_found')) return null;
        throw error;
      }),
    cache,
  );
  const rate = new RateLimit(deps.requestsPerSecond);
  const tooMany = tooManyRequests(deps.requestsPerSecond);

  async function decideByName(space: string, grant: Grant | null): Promise<Decision> {
    const found = await spaces.get(space, space);
    if (found === null) return spaceNotFound;
    return grant !== null && grant.spaceNo === found.no ? grant.spaceNo : tokenInvalid;
  }

  /** What a person may do here: read with `space:read`, everything else with `space:admin`. */
  async function decideBySession(request: FastifyRequest): Promise<Decision> {
    const session = (await deps.sessionGrant?.(request)) ?? null;
    if (session === null) return tokenMissing;
    if (isSessionRefusal(session)) {
      const code = session.status === 401 ? 'authentication_error' : 'forbidden';
      return refusal(session.status, code, session.message);
    }
    const space = readSpace((request.params as { space: string }).space);
    if (isRefusal(space)) return space;
    const found = await spaces.get(space, space);
    return found === null ? spaceNotFound : decideByRole(session, request, found);
  }

  function decideByRole(person: SignedIn, { method }: FastifyRequest, { id, no }: KnownSpace): Decision {
    const power = method === 'GET' || method === 'HEAD' ? 'space:read' : 'space:admin';
    if (may(person, power, { type: 'SPACE', id })) return no;
    return refusal(403, 'forbidden', `Your role does not allow this; it takes a role that may ${powers[power]}.`);
  }

  function decide(request: FastifyRequest): Decision | Promise<Decision> {
    const header = request.headers.authorization;
    if (header === undefined) return deps.sessionGrant === undefined ? tokenMissing : decideBySession(request);
    const space = readSpace((request.params as { space: string }).space);
    if (isRefusal(space)) return space;
    const grant = grants.get(hash('sha256', header, 'base64'), header);
    if (grant instanceof Promise) return grant.then((known) => decideKnown(header, space, known));
    return decideKnown(header, space, grant);
  }

  function decideKnown(header: string, space: string, grant: Grant | null): Decision | Promise<Decision> {
    if (grant === null && readSecret(header) === null) return tokenInvalid;
    return grant?.spaceId === space ? grant.spaceNo : decideByName(space, grant);
  }

  function letIn(
    unauthorized: Refusal | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
    done: HookHandlerDoneFunction,
  ): void {
    const settle = (decision: Decision): void => {
      if (typeof decision !== 'number') {
        const isOfToken = decision === tokenMissing || decision === tokenInvalid;
        refuse(reply, isOfToken && unauthorized !== undefined ? unauthorized : decision);
      } else if (!rate.take(decision, deps.clock.now().getTime())) refuse(reply, tooMany);
      else {
        request.spaceNo = decision;
        done();
      }
    };
    const decision = decide(request);
    if (decision instanceof Promise) decision.then(settle, done);
    else settle(decision);
  }

  return {
    letIn: (unauthorized) => (request, reply, done) => letIn(unauthorized, request, reply, done),
    async stillLetsIn(request) {
      const { authorization } = request.headers;
      if (authorization === undefined) return (await decideBySession(request)) === request.spaceNo;
      // Not what is remembered.
      const secret = readSecret(authorization);
      const grant = secret === null ? null : await deps.verifyToken(secret);
      return grant !== null && grant.spaceNo === request.spaceNo;
    },
    async spaceOf(request) {
      const name = readSpace((request.params as { space: string }).space);
      return isRefusal(name) ? null : spaces.get(name, name);
    },
  };
}
