/**
 * Access tokens: of a space (`mrp_…`, they open the Profile API) and of the workspace (`mrw_…`, the Public API). Only a hash
 * is stored, so a secret is shown once, when it is made.
 */
import { createHash, randomBytes } from 'node:crypto';
import { MillraceError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Queryable } from '../db/db.ts';
import { notFound } from './lookup.ts';
import type { Grant, Permission } from './roles.ts';

/** What a token of the workspace allows. */
export type TokenRole = Grant['role'];

export interface Token {
  readonly id: string;
  readonly name: string;
  /** Null: of the workspace. So is the name. */
  readonly spaceId: string | null;
  readonly spaceName: string | null;
  /** Null: of a space. */
  readonly role: TokenRole | null;
  /** Of members. */
  readonly permissions: readonly Permission[];
  readonly createdAt: Date;
  /** When it was used last, as of five minutes before at most; null: never, or it is of a space. */
  readonly usedAt: Date | null;
  readonly revokedAt: Date | null;
}

/** A token that was made just now. */
export interface NewToken {
  readonly id: string;
  readonly secret: string;
}

const form = /^mrp_[A-Za-z0-9_-]{43}$/;
const workspaceForm = /^mrw_[A-Za-z0-9_-]{43}$/;
const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();
const newSecret = (prefix: 'mrp' | 'mrw'): string => `${prefix}_${randomBytes(32).toString('base64url')}`;

function checkTokenName(name: string): void {
  if (name.trim() !== '' && name.length <= 100 && !/\p{Cc}|\p{Cs}/u.test(name)) return;
  throw new MillraceError('name_invalid', 'The name of a token must be 1 to 100 characters of text on one line.', {
    help: 'Name it after who will use it, e.g. "web shop".',
  });
}

/** Makes a token that reads the profiles of a space. Errors: `not_found` (the space), `name_invalid`. */
export async function createToken(db: Queryable, spaceId: string, name: string): Promise<NewToken> {
  checkTokenName(name);
  const id = newId('tok');
  const secret = newSecret('mrp');
  const { rowCount } = await db.query(
    `INSERT INTO tokens (id, space_id, name, secret_hash, created_at)
     SELECT $1, id, $3, $4, now() FROM spaces WHERE id = $2`,
    [id, spaceId, name, hashOf(secret)],
  );
  if (rowCount !== 1) throw notFound('space', spaceId, []);
  return { id, secret };
}

const owner: Grant = { role: 'owner', permissions: [] };

/** Makes a token of the workspace. Error: `name_invalid`. */
export async function createWorkspaceToken(
  db: Queryable,
  name: string,
  { role, permissions }: Grant = owner,
): Promise<NewToken> {
  checkTokenName(name);
  const id = newId('tok');
  const secret = newSecret('mrw');
  await db.query(
    `INSERT INTO tokens (id, name, role, permissions, secret_hash, created_at) VALUES ($1, $2, $3, $4, $5, now())`,
    [id, name, role, JSON.stringify(permissions), hashOf(secret)],
  );
  return { id, secret };
}

/** Ends a token at once; repeating it changes nothing. Error: `not_found`. */
export async function revokeToken(
  db: Queryable,
  tokenId: string,
): Promise<{ readonly name: string; readonly wasRevoked: boolean }> {
  const { rows } = await db.query<{ name: string; wasRevoked: boolean }>(
    `WITH known AS (SELECT id, revoked_at FROM tokens WHERE id = $1 FOR UPDATE)
     UPDATE tokens t SET revoked_at = coalesce(known.revoked_at, now()) FROM known WHERE t.id = known.id
     RETURNING t.name, known.revoked_at IS NOT NULL AS "wasRevoked"`,
    [tokenId],
  );
  if (rows[0] !== undefined) return rows[0];
  throw new MillraceError('not_found', `There is no token "${tokenId}".`, {
    help: 'Tokens are revoked by their id (tok_…), which was shown when the token was made.',
  });
}

/** The tokens of a space, or all, newest first; revoked ones too. */
export async function listTokens(db: Queryable, spaceId?: string): Promise<readonly Token[]> {
  const { rows } = await db.query<Token>(
    `SELECT t.id, t.name, t.space_id AS "spaceId", s.name AS "spaceName", t.role, t.permissions,
            t.created_at AS "createdAt", t.used_at AS "usedAt", t.revoked_at AS "revokedAt"
     FROM tokens t LEFT JOIN spaces s ON s.id = t.space_id
     WHERE $1::text IS NULL OR t.space_id = $1 ORDER BY t.created_at DESC, t.id DESC`,
    [spaceId ?? null],
  );
  return rows;
}

const look = {
  name: 'workspace-verify-token',
  text: `SELECT t.id AS "tokenId", s.id AS "spaceId", s.no AS "spaceNo"
         FROM tokens t JOIN spaces s ON s.id = t.space_id WHERE t.secret_hash = $1 AND t.revoked_at IS NULL`,
};

/** Which space a secret opens; null when it is not (or no longer) one of ours. One look-up by the index of hashes. */
export async function verifyToken(
  db: Queryable,
  secret: string,
): Promise<{ readonly tokenId: string; readonly spaceId: string; readonly spaceNo: number } | null> {
  if (!form.test(secret)) return null;
  const { rows } = await db.query<{ tokenId: string; spaceId: string; spaceNo: number }>({
    ...look,
    values: [hashOf(secret)],
  });
  return rows[0] ?? null;
}

/** What a token of the workspace allows, and which it is. */
export interface WorkspaceGrant extends Grant {
  readonly tokenId: string;
  readonly tokenName: string;
}

const lookAtWorkspace = {
  name: 'workspace-verify-workspace-token',
  text: `SELECT id AS "tokenId", name AS "tokenName", role, permissions,
           coalesce(used_at < now() - interval '5 minutes', true) AS "isStale"
         FROM tokens WHERE secret_hash = $1 AND revoked_at IS NULL AND space_id IS NULL`,
};

/** What a secret allows in the workspace; null when it is not (or no longer) that of a token of the workspace. */
export async function verifyWorkspaceToken(db: Queryable, secret: string): Promise<WorkspaceGrant | null> {
  if (!workspaceForm.test(secret)) return null;
  const { rows } = await db.query<WorkspaceGrant & { readonly isStale: boolean }>({
    ...lookAtWorkspace,
    values: [hashOf(secret)],
  });
  if (rows[0] === undefined) return null;
  const { isStale, ...grant } = rows[0];
  if (isStale) await db.query('UPDATE tokens SET used_at = now() WHERE id = $1', [grant.tokenId]);
  return grant;
}
