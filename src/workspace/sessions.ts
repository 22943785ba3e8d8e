/**
 * Sessions of people who signed in. In: a person. Out: a secret for a cookie, and later who sent it. Promised: only
 * hashes of secrets are stored; a session ends when it is not used for a while, when it is old, when it or its person is
 * removed, each at once and in all processes.
 */
import { createHash, randomBytes } from 'node:crypto';
import { MillraceError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import type { Queryable } from '../db/db.ts';
import type { Grant } from './roles.ts';

export interface SessionLives {
  /** Days without a request after which it ends. */
  readonly idleDays: number;
  /** Days after which it ends in any case. */
  readonly longestDays: number;
}

export interface Session {
  readonly id: string;
  readonly createdAt: Date;
  /** As of a minute ago at most. */
  readonly seenAt: Date;
  readonly address: string;
  readonly userAgent: string;
}

/** Who sent a request with the cookie of a session. */
export interface SignedIn extends Grant {
  readonly sessionId: string;
  readonly personId: string;
  readonly email: string;
  readonly name: string;
}

/** Where somebody signs in from. */
export interface Caller {
  readonly address: string;
  readonly userAgent: string;
}

const form = /^mrs_[A-Za-z0-9_-]{43}$/;
const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest();
const longestUserAgent = 300;

/** What a page must send beside the cookie to change something: known to whoever may read the answers of the session. */
export function csrfTokenOf(secret: string): string {
  return hashOf(`csrf:${secret}`).toString('base64url');
}

export async function beginSession(db: Queryable, personId: string, caller: Caller, now: Date): Promise<string> {
  const secret = `mrs_${randomBytes(32).toString('base64url')}`;
  await db.query(
    `INSERT INTO person_sessions (secret_hash, id, person_id, created_at, seen_at, address, user_agent)
     VALUES ($1, $2, $3, $4, $4, $5, $6)`,
    [hashOf(secret), newId('ses'), personId, now, caller.address, caller.userAgent.slice(0, longestUserAgent)],
  );
  return secret;
}

const look = {
  name: 'workspace-find-session',
  text: `SELECT s.id AS "sessionId", p.id AS "personId", p.email, p.name, p.role, p.permissions,
           s.seen_at < $2::timestamptz - interval '1 minute' AS "isStale"
         FROM person_sessions s JOIN people p ON p.id = s.person_id
         WHERE s.secret_hash = $1 AND s.seen_at > $2::timestamptz - make_interval(days => $3)
           AND s.created_at > $2::timestamptz - make_interval(days => $4)`,
};

/** Null when there is no such session, or no longer. Its idle time begins anew. */
export async function findSession(
  db: Queryable,
  secret: string,
  { idleDays, longestDays }: SessionLives,
  now: Date,
): Promise<SignedIn | null> {
  if (!form.test(secret)) return null;
  const { rows } = await db.query<SignedIn & { readonly isStale: boolean }>({
    ...look,
    values: [hashOf(secret), now, idleDays, longestDays],
  });
  if (rows[0] === undefined) return null;
  const { isStale, ...found } = rows[0];
  if (isStale) await db.query('UPDATE person_sessions SET seen_at = $2 WHERE secret_hash = $1', [hashOf(secret), now]);
  return found;
}

/** Those of a person that still hold, newest first. */
export async function listSessions(
  db: Queryable,
  personId: string,
  { idleDays, longestDays }: SessionLives,
  now: Date,
): Promise<readonly Session[]> {
  const { rows } = await db.query<Session>(
    `SELECT id, created_at AS "createdAt", seen_at AS "seenAt", address, user_agent AS "userAgent"
     FROM person_sessions WHERE person_id = $1 AND seen_at > $2::timestamptz - make_interval(days => $3)
       AND created_at > $2::timestamptz - make_interval(days => $4)
     ORDER BY created_at DESC, id DESC`,
    [personId, now, idleDays, longestDays],
  );
  return rows;
}

/** Ends the session of a secret, when there is one. */
export async function endSession(db: Queryable, secret: string): Promise<void> {
  if (form.test(secret)) await db.query('DELETE FROM person_sessions WHERE secret_hash = $1', [hashOf(secret)]);
}

/** Ends one of a person. Error: `not_found`. */
export async function endSessionById(db: Queryable, personId: string, sessionId: string): Promise<void> {
  const { rowCount } = await db.query('DELETE FROM person_sessions WHERE person_id = $1 AND id = $2', [
    personId,
    sessionId,
  ]);
  if (rowCount !== 1) throw new MillraceError('not_found', 'There is no such session, or it has ended.');
}

/** Ends all of a person, but for one when it is named. */
export async function endSessionsOf(db: Queryable, personId: string, except: string | null): Promise<void> {
  await db.query('DELETE FROM person_sessions WHERE person_id = $1 AND id IS DISTINCT FROM $2', [personId, except]);
}

/** Forgets sessions and links whose time was over at `now`. */
export async function pruneSessions(db: Queryable, { idleDays, longestDays }: SessionLives, now: Date): Promise<void> {
  await db.query(
    `DELETE FROM person_sessions WHERE secret_hash = ANY (ARRAY(
       SELECT secret_hash FROM person_sessions WHERE seen_at <= $1::timestamptz - make_interval(days => $2)
         OR created_at <= $1::timestamptz - make_interval(days => $3) FOR UPDATE SKIP LOCKED))`,
    [now, idleDays, longestDays],
  );
  await db.query(
    `DELETE FROM person_links WHERE secret_hash = ANY (ARRAY(
       SELECT secret_hash FROM person_links WHERE expires_at <= $1 FOR UPDATE SKIP LOCKED))`,
    [now],
  );
}
