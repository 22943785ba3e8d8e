/**
 * The token service (`docs/tracking-api.md`, "OAuth"): `POST /token`. In: an assertion signed by an OAuth app. Out: an
 * access token for the Tracking API, or an error in the form of RFC 6749. Promised: an assertion is taken once, by whichever
 * process; who is refused often is told to wait, without keeping others from their tokens; neither assertions nor tokens
 * reach the log.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { OauthGrant, OauthScope, SigningKey, TokenRequest } from '../../workspace/workspace.ts';
import { sendJson } from '../profile/errors.ts';
import type { Area } from '../transport.ts';
import {
  malformed,
  type OauthRefusal,
  refuseOauth,
  tooManyFailures,
  unavailable,
  unproven,
  wrongType,
} from './answers.ts';
import { checkAssertion, namedKey } from './assertion.ts';
import { Failures } from './failures.ts';
import { readForm, type TokenForm } from './form.ts';

export { tokenCheck } from './check.ts';

export interface OauthDeps {
  /** Null when no app has a key with this id. */
  readonly findKey: (keyId: string) => Promise<SigningKey | null>;
  /** Null when the assertion was used before. */
  readonly issueToken: (
    request: TokenRequest,
  ) => Promise<{ readonly secret: string; readonly expiresIn: number } | null>;
  /** What an access token allows; null for one that is not, or no longer, ours. */
  readonly findGrant: (secret: string) => Promise<OauthGrant | null>;
  /** Where clients reach the server. Undefined: at the host that their request names. */
  readonly publicUrl: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

const path = '/token';
/** An assertion with a key of 8192 bits has about 2,000 characters. */
const bodyLimit = 16 * 1024;

export const oauthArea: Area = {
  openToPages: false,
  owns: (asked) => withoutDoubleToken(asked).replace(/\/$/, '') === path,
  refuse(reply, { status, message, headers }) {
    return refuseOauth(reply, { kind: 'refusal', status, error: 'invalid_request', description: message, headers });
  },
};

/** Clients add `/token` to an address that may end in a slash. */
export function withoutDoubleToken(url: string): string {
  return url.replace(/^\/+token(?=\/?(?:[?#]|$))/, path);
}

export async function oauthApi(app: FastifyInstance, deps: OauthDeps): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit }, (_, body, done) =>
    done(null, body),
  );
  app.setErrorHandler((error, request, reply) => {
    const refusal = refusalOf(error);
    if (refusal === unavailable) deps.log.error({ requestId: request.id, err: error }, 'a token could not be made');
    return refuseOauth(reply, refusal);
  });
  const answer = answerer(deps);
  app.post(path, { schema: { hide: true } as object }, async (request, reply) => {
    const given = await answer(request);
    if (given.kind === 'refusal') return refuseOauth(reply, given);
    return sendJson(reply.header('Pragma', 'no-cache'), 200, given.body);
  });
}

function refusalOf(error: unknown): OauthRefusal {
  const { code, statusCode } = error as { readonly code?: unknown; readonly statusCode?: unknown };
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return wrongType;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return malformed(`The body is longer than ${bodyLimit} bytes.`);
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return malformed('The request cannot be read.');
  }
  return unavailable;
}

type Answer = { readonly kind: 'token'; readonly body: string } | OauthRefusal;

function answerer(deps: OauthDeps): (request: FastifyRequest) => Promise<Answer> {
  const failures = new Failures();
  const nowMs = () => deps.clock.now().getTime();

  /** What the work answers, unless the sender was refused too often; a refusal is counted. */
  async function counted<T extends { readonly kind: string }>(
    sender: string,
    work: () => Promise<T | OauthRefusal>,
  ): Promise<T | OauthRefusal> {
    const wait = failures.wait(sender, nowMs());
    if (wait > 0) return tooManyFailures(wait);
    const answer = await work();
    if (answer.kind === 'refusal') failures.note(sender, nowMs());
    return answer;
  }

  return async (request) => {
    if (typeof request.body !== 'string') return wrongType;
    const read = await readRequest(request.body, deps);
    // Who shows no key of ours is counted by address. Who does is counted by address and key, so that a stranger behind
    // the same proxy keeps nobody from a token.
    if (read.kind === 'refusal') return counted(request.ip, async () => read);
    return counted(`${request.ip} ${read.key.keyId}`, async () => {
      const answer = await issue(read, request, deps);
      const { appId, keyId } = read.key;
      if (answer.kind === 'refusal') {
        deps.log.warn({ requestId: request.id, appId, keyId, why: answer.description }, 'an OAuth app was refused');
      }
      return answer;
    });
  };
}

interface ReadRequest {
  readonly kind: 'request';
  readonly form: TokenForm;
  readonly key: SigningKey;
}

/** Reads a request up to the key that is to be checked. */
async function readRequest(body: string, { findKey }: OauthDeps): Promise<ReadRequest | OauthRefusal> {
  const form = readForm(body);
  if (form.kind === 'refusal') return form;
  const named = namedKey(form.assertion);
  if (named.kind === 'refusal') return named;
  const key = await findKey(named.keyId);
  return key === null ? unproven('No OAuth app has the key that the assertion names.') : { kind: 'request', form, key };
}

async function issue({ form, key }: ReadRequest, request: FastifyRequest, deps: OauthDeps): Promise<Answer> {
  const now = deps.clock.now();
  const hosts = [deps.publicUrl === undefined ? request.host : new URL(deps.publicUrl).host];
  const proof = await checkAssertion(form.assertion, { key, hosts, now });
  if (proof.kind === 'refusal') return proof;
  if (form.clientId !== null && form.clientId !== key.appId) {
    return unproven('The parameter client_id names another app than the assertion.');
  }
  const scopes = key.scopes.filter((scope) => form.scopes?.includes(scope) ?? true);
  if (form.scopes?.some((scope) => !scopes.includes(scope as OauthScope)) === true) {
    return malformed(`The app may have the scope ${key.scopes.join(' ')} and no other.`, 'invalid_scope');
  }
  const token = await deps.issueToken({ key, scopes, jti: proof.jti, assertionEnd: proof.end, now });
  if (token === null) {
    return unproven('The assertion was used before: its jti is known. Make a new one for each request.');
  }
  const body = {
    access_token: token.secret,
    token_type: 'Bearer',
    expires_in: token.expiresIn,
    scope: scopes.join(' '),
  };
  return { kind: 'token', body: JSON.stringify(body) };
}
