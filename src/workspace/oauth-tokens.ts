/**
 * Access tokens of OAuth apps (`mro_…`). In: the key an assertion was signed with, and what the assertion says. Out: a
 * secret, and later what it allows. Promised: an assertion is taken once, whichever process it comes to; only hashes of
 * secrets are stored; a token ends with its time, its key or its app.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Queryable } from '../db/db.ts';
import { isOauthId, type OauthScope } from './oauth-apps.ts';

/** A key as an assertion names it, with what its app may have. */
export interface SigningKey {
  readonly keyId: string;
  readonly appId: string;
  readonly pem: string;
  readonly scopes: readonly OauthScope[];
  readonly tokenDays: number;
}

export interface TokenRequest {
  readonly key: SigningKey;
  readonly scopes: readonly OauthScope[];
  /** The assertion's id, and when nobody would take the assertion any more. */
  readonly jti: string;
  readonly assertionEnd: Date;
  readonly now: Date;
}

/** What an access token allows. */
export interface OauthGrant {
  readonly appId: string;
  readonly scopes: readonly string[];
  /** The event streams it may write to; null: all. */
  readonly streamIds: readonly string[] | null;
  readonly expiresAt: Date;
}

const form = /^mro_[A-Za-z0-9_-]{43}$/;
const daySeconds = 86_400;
const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest();

const keyById = {
  name: 'workspace-oauth-key',
  text: `SELECT k.id AS "keyId", a.id AS "appId", k.pem, a.scopes, a.token_days AS "tokenDays"
         FROM oauth_keys k JOIN oauth_apps a ON a.id = k.app_id WHERE k.id = $1`,
};

/** Null when there is no key with this id, or no longer. */
export async function findSigningKey(db: Queryable, keyId: string): Promise<SigningKey | null> {
  if (!isOauthId('oak', keyId)) return null;
  const { rows } = await db.query<SigningKey>({ ...keyById, values: [keyId] });
  return rows[0] ?? null;
}

/**
 * Takes an assertion that was checked, and makes a token for it, in one statement. Null when another request had the same
 * assertion, or the key was removed meanwhile.
 */
export async function issueOauthToken(
  db: Queryable,
  { key, scopes, jti, assertionEnd, now }: TokenRequest,
): Promise<{ readonly secret: string; readonly expiresIn: number } | null> {
  const secret = `mro_${randomBytes(32).toString('base64url')}`;
  const expiresIn = key.tokenDays * daySeconds;
  // The lock on the key keeps it until the token is there, so that removing it finds the token.
  const { rowCount } = await db.query(
    `WITH signer AS (SELECT id, app_id FROM oauth_keys WHERE id = $1 FOR KEY SHARE),
       taken AS (
         INSERT INTO oauth_assertions (app_id, jti_hash, expires_at)
         SELECT app_id, $2, $3 FROM signer ON CONFLICT DO NOTHING RETURNING app_id)
     INSERT INTO oauth_tokens (secret_hash, app_id, key_id, scopes, created_at, expires_at)
     SELECT $4, signer.app_id, signer.id, $5, $6, $7 FROM signer JOIN taken USING (app_id)`,
    [key.keyId, hashOf(jti), assertionEnd, hashOf(secret), scopes, now, new Date(now.getTime() + expiresIn * 1000)],
  );
  return rowCount === 1 ? { secret, expiresIn } : null;
}

const look = {
  name: 'workspace-verify-oauth-token',
  text: `SELECT t.app_id AS "appId", t.scopes, a.stream_ids AS "streamIds", t.expires_at AS "expiresAt"
         FROM oauth_tokens t JOIN oauth_apps a ON a.id = t.app_id WHERE t.secret_hash = $1`,
};

/** Null when it is not (or no longer) a token of ours. Whether its time is over is for the caller to see. */
export async function findOauthGrant(db: Queryable, secret: string): Promise<OauthGrant | null> {
  if (!form.test(secret)) return null;
  const { rows } = await db.query<OauthGrant>({ ...look, values: [hashOf(secret)] });
  return rows[0] ?? null;
}

/** Forgets tokens and assertions whose time was over at `now`. */
export async function pruneOauth(db: Queryable, now: Date): Promise<void> {
  // What somebody else is removing is left to them: nobody waits for this.
  await db.query(
    `DELETE FROM oauth_tokens WHERE secret_hash = ANY (ARRAY(
       SELECT secret_hash FROM oauth_tokens WHERE expires_at < $1 FOR UPDATE SKIP LOCKED))`,
    [now],
  );
  await db.query(
    `DELETE FROM oauth_assertions USING (
       SELECT app_id, jti_hash FROM oauth_assertions WHERE expires_at < $1 FOR UPDATE SKIP LOCKED) AS over
     WHERE oauth_assertions.app_id = over.app_id AND oauth_assertions.jti_hash = over.jti_hash`,
    [now],
  );
}
