/**
 * Who may ask. In: the `Authorization` header, or without one the cookie of a session. Out: what the token or the person
 * is allowed, or 401. Promised: secrets are remembered as hashes only, and for a second; a revoked token is refused a
 * second later at most, a session that was ended at once.
 */
import { hash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Clock } from '../../base/clock.ts';
import type { WorkspaceGrant } from '../../workspace/workspace.ts';
import { AnswerCache } from '../answer-cache.ts';
import { isSessionRefusal, type SessionGrant } from '../session.ts';
import { type PublicRefusal, refusalOfStatus, tokenInvalid, tokenMissing, tokenOfSpace } from './errors.ts';

export type VerifyWorkspaceToken = (secret: string) => Promise<WorkspaceGrant | null>;

const maxAgeMs = 1_000;
const maxEntries = 10_000;

export function publicAccess(
  verify: VerifyWorkspaceToken,
  clock: Clock,
  sessionGrant: SessionGrant | undefined,
): (request: FastifyRequest) => Promise<WorkspaceGrant | PublicRefusal> {
  const grants = new AnswerCache<WorkspaceGrant | null>(verify, { clock, maxAgeMs, maxEntries });
  return async (request) => {
    const { authorization } = request.headers;
    if (authorization === undefined) return ofSession(await sessionGrant?.(request));
    const secret = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (secret === undefined) return tokenMissing;
    if (secret.startsWith('mrp_')) return tokenOfSpace;
    return (await grants.get(hash('sha256', secret, 'base64'), secret)) ?? tokenInvalid;
  };
}

/** The person takes the place of the token, also in the audit trail. */
function ofSession(session: Awaited<ReturnType<SessionGrant>> | undefined): WorkspaceGrant | PublicRefusal {
  if (session === undefined || session === null) return tokenMissing;
  if (isSessionRefusal(session)) return refusalOfStatus(session.status, session.message);
  const { personId, email, role, permissions } = session;
  return { tokenId: personId, tokenName: email, role, permissions };
}
