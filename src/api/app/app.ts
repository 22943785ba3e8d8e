/**
 * The server's side of the web app (`docs/sign-in.md`): signing in and out, links, passwords, sessions. In: requests from
 * a page of this server. Out: `{"data": …}`, or `{"errors": [ … ]}` as the Public API has them, and the cookie of a
 * session. Promised: whoever signs in gets a new session; the answer never tells whether an address is known; no CORS;
 * nothing a request holds reaches the log.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../base/clock.ts';
import { isMillraceError } from '../../base/errors.ts';
import type { Json } from '../../base/json.ts';
import type { Log } from '../../base/log.ts';
import type { Database } from '../../db/db.ts';
import {
  actorOf,
  beginSession,
  changePassword,
  csrfTokenOf,
  endOwnSessions,
  endSession,
  findSession,
  listSessions,
  mayAnywhere,
  type Passwords,
  type Power,
  passwordFault,
  powers,
  readLink,
  renamePerson,
  type SessionLives,
  type SignedIn,
  type SignInOutcome,
  signIn,
  signOut,
  takeLink,
} from '../../workspace/workspace.ts';
import { readBody, text } from '../public/body.ts';
import {
  asIs,
  conflict,
  type InputFault,
  inputInvalid,
  isRefusal,
  type PublicRefusal,
  refusalOf,
  refusalOfStatus,
  refusePublic,
  serverFault,
} from '../public/errors.ts';
import { readBodies } from '../public/public.ts';
import { workspaceId } from '../public/workspace/workspace.ts';
import {
  clearSessionCookie,
  foreignOrigin,
  isOwnOrigin,
  isSessionRefusal,
  readSessionCookie,
  type SessionGrant,
  type SessionRefusal,
  setSessionCookie,
} from '../session.ts';
import type { Area } from '../transport.ts';
import { appHeaders } from './headers.ts';

export interface AppDeps {
  readonly db: Database;
  readonly passwords: Passwords;
  readonly lives: SessionLives;
  readonly sessionGrant: SessionGrant;
  readonly publicUrl: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

const root = '/app';
const bodyLimit = 16 * 1024;

export const appArea: Area = {
  openToPages: false,
  headers: appHeaders(),
  owns: (path) => path === root || path.startsWith(`${root}/`),
  refuse: (reply, { status, message, headers }) => refusePublic(reply, refusalOfStatus(status, message, headers)),
};

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is signed in, on routes that ask for it. */
    signedIn: SignedIn | null;
  }
}

/** Passwords are as long as people like; what is longer than any of them is not even hashed. */
const anyPassword = z.string().min(1).max(1024);
const signInBody = z.object({ email: text(), password: anyPassword });
const personName = text(100).refine((name) => name.trim() !== '' && !/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u.test(name), {
  message: 'must be text on one line',
});
const nameBody = z.object({ name: personName });
const linkBody = z.object({
  name: personName,
  password: anyPassword,
  email: text().optional(),
});
const passwordBody = z.object({ currentPassword: anyPassword, newPassword: anyPassword });

const notSignedIn = refusalOfStatus(401, 'Nobody is signed in.');
const wrong = refusalOfStatus(401, 'The e-mail address or the password is wrong.');
const linkGone = refusalOfStatus(404, 'This link was used already, is older than 24 hours, or never was one.');
const busy = refusalOfStatus(503, 'Too many people sign in at this moment; try again in a few seconds.', {
  'Retry-After': '5',
});

const ofSession = ({ status, message }: SessionRefusal): PublicRefusal => refusalOfStatus(status, message);

function waiting(seconds: number): PublicRefusal {
  const message = `Too many attempts failed; try again in ${seconds} seconds.`;
  return refusalOfStatus(429, message, { 'Retry-After': String(seconds) });
}

type Answer = object | PublicRefusal;

export async function appApi(app: FastifyInstance, deps: AppDeps): Promise<void> {
  const { db, clock, lives } = deps;
  app.decorateRequest('signedIn', null);
  readBodies(app);
  app.setErrorHandler((error, request, reply) => {
    const answer = refusalOfError(error);
    if (answer !== null) return refusePublic(reply, answer);
    // The route, never the URL: the secret of a link may stand in it.
    deps.log.error({ requestId: request.id, route: request.routeOptions.url, err: error }, 'a request failed');
    return refusePublic(reply, serverFault);
  });

  /** Only for people who are signed in. */
  async function letIn(request: FastifyRequest, reply: FastifyReply) {
    const session = await deps.sessionGrant(request);
    if (session === null) return refusePublic(reply, notSignedIn);
    if (isSessionRefusal(session)) return refusePublic(reply, ofSession(session));
    request.signedIn = session;
    return undefined;
  }

  /** Also for a page of this server that nobody has signed in on: to ask who has is no fault of it. */
  async function letInOrNobody(request: FastifyRequest, reply: FastifyReply) {
    const isNobody = readSessionCookie(request) === null && isOwnOrigin(request, deps.publicUrl);
    return isNobody ? undefined : letIn(request, reply);
  }

  /** For whoever comes, but not from a page of somebody else, who would have people signed in as another. */
  async function letInFromHere(request: FastifyRequest, reply: FastifyReply) {
    return isOwnOrigin(request, deps.publicUrl) ? undefined : refusePublic(reply, ofSession(foreignOrigin));
  }

  function route(
    method: 'GET' | 'POST' | 'DELETE',
    url: string,
    onRequest: typeof letIn,
    handle: (request: FastifyRequest, reply: FastifyReply) => Promise<Answer>,
  ): void {
    const schema = { hide: true } as object;
    const handler = async (request: FastifyRequest, reply: FastifyReply) => {
      const answer = await handle(request, reply);
      if (isRefusal(answer)) return refusePublic(reply, answer);
      return reply
        .header('Content-Type', 'application/json; charset=utf-8')
        .serializer(asIs)
        .send(JSON.stringify({ data: answer }));
    };
    app.route({ method, url: `${root}${url}`, bodyLimit, schema, onRequest, handler });
  }

  /** The session the browser had before ends: none that somebody put there is ever raised to another person's. */
  async function enter(request: FastifyRequest, reply: FastifyReply, secret: string): Promise<Answer> {
    const before = readSessionCookie(request);
    if (before !== null) await endSession(db.pool, before);
    setSessionCookie(reply, secret, lives.longestDays);
    const found = await findSession(db.pool, secret, lives, clock.now());
    return found === null ? notSignedIn : me(found, secret);
  }

  route('POST', '/sign-in', letInFromHere, async (request, reply) => {
    const faults: InputFault[] = [];
    const given = readBody(signInBody, request.body as Json, faults);
    if (given === null) return inputInvalid(faults);
    const outcome = await signIn(deps, { ...given, ...callerOf(request) }, clock.now());
    return outcome.kind === 'signed in' ? enter(request, reply, outcome.secret) : refusalOfOutcome(outcome);
  });

  route('POST', '/sign-out', letIn, async (request, reply) => {
    await signOut(db, signedInOf(request), readSessionCookie(request) ?? '');
    clearSessionCookie(reply);
    return {};
  });

  route('GET', '/me', letInOrNobody, async (request) =>
    request.signedIn === null ? { person: null } : me(request.signedIn, readSessionCookie(request) ?? ''),
  );

  route('GET', '/links/:token', letInFromHere, async (request) => {
    const link = await readLink(db.pool, tokenOf(request), clock.now());
    if (link === null) return linkGone;
    const { email = null, name = '' } = link.person ?? {};
    return { link: { email, name, asksForEmail: link.person === null, expiresAt: link.expiresAt } };
  });

  route('POST', '/links/:token', letInFromHere, async (request, reply) => {
    const faults: InputFault[] = [];
    const given = readBody(linkBody, request.body as Json, faults);
    const link = await readLink(db.pool, tokenOf(request), clock.now());
    if (link === null) return linkGone;
    const email = link.person?.email ?? given?.email;
    if (given !== null && email === undefined) faults.push({ field: 'email', message: '"email" is required' });
    const fault = given === null ? null : passwordFault(given.password, email ?? '');
    if (fault !== null) faults.push({ field: 'password', message: `"password" ${fault}` });
    if (given === null || email === undefined || faults.length > 0) return inputInvalid(faults);
    const password = await deps.passwords.hash(given.password);
    const person = await takeLink(db, tokenOf(request), { name: given.name.trim(), password, email }, clock.now());
    if (person === null) return linkGone;
    return enter(request, reply, await beginSession(db.pool, person.id, callerOf(request), clock.now()));
  });

  route('POST', '/name', letIn, async (request) => {
    const faults: InputFault[] = [];
    const given = readBody(nameBody, request.body as Json, faults);
    if (given === null) return inputInvalid(faults);
    const { personId, email } = signedInOf(request);
    const { id, name } = await renamePerson(db, actorOf({ id: personId, email }), personId, given.name.trim());
    return { person: { id, email, name } };
  });

  route('POST', '/password', letIn, async (request) => {
    const faults: InputFault[] = [];
    const given = readBody(passwordBody, request.body as Json, faults);
    const person = signedInOf(request);
    const fault = given === null ? null : passwordFault(given.newPassword, person.email);
    if (fault !== null) faults.push({ field: 'newPassword', message: `"newPassword" ${fault}` });
    if (given === null || faults.length > 0) return inputInvalid(faults);
    const { currentPassword: current, newPassword: next } = given;
    const outcome = await changePassword(deps, person, { current, next, address: request.ip }, clock.now());
    if (outcome.kind === 'changed') return {};
    if (outcome.kind === 'wait') return waiting(outcome.seconds);
    return inputInvalid([{ field: 'currentPassword', message: '"currentPassword" is not the present one' }]);
  });

  route('GET', '/sessions', letIn, async (request) => {
    const { personId, sessionId } = signedInOf(request);
    const sessions = await listSessions(db.pool, personId, lives, clock.now());
    return { sessions: sessions.map((session) => ({ ...session, isCurrent: session.id === sessionId })) };
  });

  route('DELETE', '/sessions', letIn, async (request) => {
    await endOwnSessions(db, signedInOf(request), null);
    return {};
  });

  route('DELETE', '/sessions/:token', letIn, async (request, reply) => {
    const person = signedInOf(request);
    await endOwnSessions(db, person, tokenOf(request));
    if (tokenOf(request) === person.sessionId) clearSessionCookie(reply);
    return {};
  });
}

function me({ personId, email, name, role, permissions }: SignedIn, secret: string): Answer {
  return {
    person: { id: personId, email, name },
    grant: { role, permissions },
    powers: (Object.keys(powers) as Power[]).filter((power) => mayAnywhere({ role, permissions }, power)),
    workspace: { id: workspaceId, slug: 'workspace', name: 'Workspace' },
    csrfToken: csrfTokenOf(secret),
  };
}

const signedInOf = (request: FastifyRequest): SignedIn => request.signedIn as SignedIn;
/** Without NUL, which Postgres cannot take in a text. */
const tokenOf = ({ params }: FastifyRequest): string => (params as { token: string }).token.replaceAll('\0', '');
const callerOf = ({ ip, headers }: FastifyRequest) => ({ address: ip, userAgent: headers['user-agent'] ?? '' });

function refusalOfOutcome(outcome: Exclude<SignInOutcome, { readonly kind: 'signed in' }>): PublicRefusal {
  return outcome.kind === 'wait' ? waiting(outcome.seconds) : wrong;
}

function refusalOfError(error: unknown): PublicRefusal | null {
  if (isMillraceError(error, 'sign_in_busy')) return busy;
  if (isMillraceError(error, 'person_taken')) return conflict(error.message, 'email');
  if (isMillraceError(error, 'email_invalid')) {
    return inputInvalid([{ field: 'email', message: '"email" must be an e-mail address' }]);
  }
  return refusalOf(error);
}
