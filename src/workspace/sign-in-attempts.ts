/**
 * Lock-out. In: who tries to sign in, from where. Out: go on, or how long to wait. Promised: an attempt is counted before
 * the password is looked at, in one statement, so that attempts at the same moment and in several processes count
 * together; an e-mail address counts the same whether somebody has it or not; every failure past the free ones makes the
 * wait longer.
 */
import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';
import type { Queryable } from '../db/db.ts';

interface Limit {
  /** Failures without a wait. */
  readonly free: number;
  readonly firstWaitSeconds: number;
  readonly longestWaitSeconds: number;
}

/** Short enough that nobody is kept out for long by somebody who only knows the address; 100 guesses a day at most. */
const ofEmail: Limit = { free: 5, firstWaitSeconds: 30, longestWaitSeconds: 15 * 60 };
/** A whole office may share one. */
const ofAddress: Limit = { free: 20, firstWaitSeconds: 30, longestWaitSeconds: 60 * 60 };

/** Failures are forgotten so long after the last one. */
export const failureHours = 24;

const subjectOf = (kind: 'email' | 'address', text: string): Buffer =>
  createHash('sha256').update(`${kind}:${text}`).digest();

export const emailSubject = (emailKey: string): Buffer => subjectOf('email', emailKey);

/** Of IPv6 the network: whoever has one address there has all. */
export function addressSubject(address: string): Buffer {
  return subjectOf('address', isIPv6(address) && !address.startsWith('::ffff:') ? network(address) : address);
}

/** The first 64 bits, written out. */
function network(address: string): string {
  const [head = '', tail] = (address.split('%')[0] as string).toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const middle =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0');
  return [...left, ...middle, ...right]
    .slice(0, 4)
    .map((part) => Number.parseInt(part, 16).toString(16))
    .join(':');
}

/** Counts an attempt as failed beforehand. Null: go on; else the seconds to wait, and nothing was counted. */
async function count(db: Queryable, subject: Buffer, limit: Limit, now: Date): Promise<number | null> {
  const { rowCount } = await db.query(
    `INSERT INTO sign_in_failures AS f (subject, failures, last_at, free_at) VALUES ($1, 1, $2, $2)
     ON CONFLICT (subject) DO UPDATE SET
       failures = CASE WHEN f.last_at < $2 - make_interval(hours => $3) THEN 1 ELSE f.failures + 1 END,
       last_at = $2,
       free_at = CASE WHEN f.last_at < $2 - make_interval(hours => $3) OR f.failures + 1 < $4 THEN $2
                 ELSE $2 + make_interval(secs => least($6, $5 * power(2, least(f.failures + 1 - $4, 30)))) END
     WHERE f.free_at <= $2`,
    [subject, now, failureHours, limit.free, limit.firstWaitSeconds, limit.longestWaitSeconds],
  );
  if (rowCount === 1) return null;
  const { rows } = await db.query<{ freeAt: Date }>(
    'SELECT free_at AS "freeAt" FROM sign_in_failures WHERE subject = $1',
    [subject],
  );
  const freeAt = rows[0]?.freeAt ?? now;
  return Math.max(1, Math.ceil((freeAt.getTime() - now.getTime()) / 1000));
}

/** Null: go on; else the seconds to wait. */
export async function countAttempt(
  db: Queryable,
  emailKey: string,
  address: string,
  now: Date,
): Promise<number | null> {
  const wait = await count(db, addressSubject(address), ofAddress, now);
  return wait ?? (await count(db, emailSubject(emailKey), ofEmail, now));
}

/** The attempt was none that failed. What else failed from this address stays counted. */
export async function takeAttemptBack(db: Queryable, emailKey: string, address: string, now: Date): Promise<void> {
  await db.query('DELETE FROM sign_in_failures WHERE subject = $1', [emailSubject(emailKey)]);
  await db.query(
    `UPDATE sign_in_failures SET failures = greatest(failures - 1, 0), free_at = least(free_at, $2) WHERE subject = $1`,
    [addressSubject(address), now],
  );
}

/** Forgets failures of more than a day ago. */
export async function pruneSignInFailures(db: Queryable, now: Date): Promise<void> {
  await db.query(
    `DELETE FROM sign_in_failures WHERE subject = ANY (ARRAY(
       SELECT subject FROM sign_in_failures WHERE last_at < $1::timestamptz - make_interval(hours => $2)
       FOR UPDATE SKIP LOCKED))`,
    [now, failureHours],
  );
}
