/** Whether an access token lets a request write to an event stream. */
import { hash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { OauthGrant } from '../../workspace/workspace.ts';
import { AnswerCache } from '../answer-cache.ts';
import type { TokenCheck } from '../tracking/tracking.ts';

const maxAgeMs = 1_000;
const maxEntries = 10_000;
/** Ours are shorter; what is longer is not even hashed. */
const longestToken = 200;

/**
 * Streams that do not ask for a token are open to all who have the write key, and a token is not looked at. Grants are
 * remembered for a second, by the hash of the secret: a revoked token is refused a second later at most.
 */
export function tokenCheck(findGrant: (secret: string) => Promise<OauthGrant | null>, clock: Clock): TokenCheck {
  const grants = new AnswerCache<OauthGrant | null>(findGrant, { clock, maxAgeMs, maxEntries });
  return async (stream, token) => {
    if (!stream.oauthEnforced) return 'allowed';
    if (token === null || token.length > longestToken) return 'token invalid';
    const grant = await grants.get(hash('sha256', token, 'base64'), token);
    if (grant === null || grant.expiresAt.getTime() <= clock.now().getTime()) return 'token invalid';
    if (grant.streamIds !== null && !grant.streamIds.includes(stream.id)) return 'token invalid';
    return grant.scopes.includes('tracking_api:write') ? 'allowed' : 'scope missing';
  };
}
