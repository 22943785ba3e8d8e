/**
 * Who may ask. In: the `Authorization` header. Out: what the token allows, or 401. Promised: secrets are remembered as
 * hashes only, and for a second; a revoked token is refused a second later at most.
 */
import { hash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { WorkspaceGrant } from '../../workspace/workspace.ts';
import { AnswerCache } from '../answer-cache.ts';
import { type PublicRefusal, tokenInvalid, tokenMissing, tokenOfSpace } from './errors.ts';

export type VerifyWorkspaceToken = (secret: string) => Promise<WorkspaceGrant | null>;

const maxAgeMs = 1_000;
const maxEntries = 10_000;

export function publicAccess(
  verify: VerifyWorkspaceToken,
  clock: Clock,
): (authorization: string | undefined) => Promise<WorkspaceGrant | PublicRefusal> {
  const grants = new AnswerCache<WorkspaceGrant | null>(verify, { clock, maxAgeMs, maxEntries });
  return async (authorization) => {
    const secret = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (secret === undefined) return tokenMissing;
    if (secret.startsWith('mrp_')) return tokenOfSpace;
    return (await grants.get(hash('sha256', secret, 'base64'), secret)) ?? tokenInvalid;
  };
}
