/**
 * Tokens of the workspace, made and ended by somebody. Promised: no token may do more than whoever makes or ends it; the
 * change and its note in the audit trail commit together.
 */
import type { Database } from '../db/db.ts';
import { type Actor, recordAudit } from './audit.ts';
import { checkGiving } from './giving.ts';
import { notFound } from './lookup.ts';
import type { Grant } from './roles.ts';
import { createWorkspaceToken, listTokens, type NewToken, revokeToken } from './tokens.ts';

/** Errors: `name_invalid`, `grant_exceeded`. */
export function grantToken(db: Database, actor: Actor, name: string, grant: Grant): Promise<NewToken> {
  checkGiving(actor, grant);
  return db.transaction(async (tx) => {
    const made = await createWorkspaceToken(tx, name, grant);
    await recordAudit(tx, actor, [noteOf('Access Token Created', made.id, name)]);
    return made;
  });
}

/** Repeating it changes nothing. Errors: `not_found`, `grant_exceeded`. */
export function endToken(db: Database, actor: Actor, id: string): Promise<void> {
  return db.transaction(async (tx) => {
    const token = (await listTokens(tx)).find((one) => one.id === id && one.spaceId === null);
    if (token === undefined || token.role === null) throw notFound('token', id, []);
    checkGiving(actor, { role: token.role, permissions: token.permissions });
    const { name, wasRevoked } = await revokeToken(tx, id);
    if (!wasRevoked) await recordAudit(tx, actor, [noteOf('Access Token Revoked', id, name)]);
  });
}

function noteOf(type: string, resourceId: string, resourceName: string) {
  return { type, resourceType: 'token', resourceId, resourceName };
}
