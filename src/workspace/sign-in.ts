/**
 * Signing in. In: an address, a password, and where the caller is. Out: the secret of a new session; or that it was wrong,
 * or how long to wait. Promised: who signs in and out is in the audit trail; the answer and the work are the same whether somebody has the address or not.
 */
import type { Database, Transaction } from '../db/db.ts';
import { recordAudit } from './audit.ts';
import { changeWorkspace } from './lock.ts';
import type { Passwords } from './passwords.ts';
import { actorOf, emailKeyOf, isEmail } from './people.ts';
import { beginSession, type Caller, endSession, endSessionById, endSessionsOf, type SignedIn } from './sessions.ts';
import { countAttempt, takeAttemptBack } from './sign-in-attempts.ts';

export type SignInOutcome =
  | { readonly kind: 'signed in'; readonly secret: string }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'wait'; readonly seconds: number };

export type PasswordOutcome = { readonly kind: 'changed' } | Exclude<SignInOutcome, { readonly kind: 'signed in' }>;

interface SignInDeps {
  readonly db: Database;
  readonly passwords: Passwords;
}

/** Error: `sign_in_busy`. */
export async function signIn(
  { db, passwords }: SignInDeps,
  { email, password, ...caller }: Caller & { readonly email: string; readonly password: string },
  now: Date,
): Promise<SignInOutcome> {
  const emailKey = emailKeyOf(email);
  const { pool } = db;
  const seconds = await countAttempt(pool, emailKey, caller.address, now);
  if (seconds !== null) return { kind: 'wait', seconds };
  const { rows } = await pool.query<{ id: string; email: string; password: string | null }>(
    'SELECT id, email, password FROM people WHERE email_key = $1',
    // Postgres cannot take NUL in a text.
    [isEmail(email) ? emailKey : ''],
  );
  const stored = rows[0]?.password ?? null;
  const { isRight, isOutdated } = await passwords.verify(password, stored);
  if (!isRight || rows[0] === undefined) return { kind: 'wrong' };
  const person = rows[0];
  const renewed = isOutdated ? await passwords.hash(password) : stored;
  const secret = await db.transaction(async (tx) => {
    // A password that was changed or reset since it was read opens nothing.
    const { rowCount } = await tx.query('UPDATE people SET password = $3 WHERE id = $1 AND password = $2', [
      person.id,
      stored,
      renewed,
    ]);
    if (rowCount !== 1) return null;
    const made = await beginSession(tx, person.id, caller, now);
    const note = { resourceType: 'user', resourceId: person.id, resourceName: person.email };
    await recordAudit(tx, actorOf(person), [{ type: 'User Signed In', ...note }]);
    return made;
  });
  if (secret === null) return { kind: 'wrong' };
  await takeAttemptBack(pool, emailKey, caller.address, now);
  return { kind: 'signed in', secret };
}

/** Ends the session of a secret. */
export async function signOut(db: Database, person: SignedIn, secret: string): Promise<void> {
  await ending(db, person, 'User Signed Out', (tx) => endSession(tx, secret));
}

/** Ends sessions of a person: the one of this id, or (null) all but the present one. Error: `not_found`. */
export async function endOwnSessions(db: Database, person: SignedIn, which: string | null): Promise<void> {
  const { personId, sessionId } = person;
  await ending(db, person, 'User Sessions Ended', (tx) =>
    which === null ? endSessionsOf(tx, personId, sessionId) : endSessionById(tx, personId, which),
  );
}

async function ending(
  db: Database,
  { personId, email }: SignedIn,
  type: string,
  end: (tx: Transaction) => Promise<void>,
): Promise<void> {
  await db.transaction(async (tx) => {
    await end(tx);
    const note = { resourceType: 'user', resourceId: personId, resourceName: email };
    await recordAudit(tx, actorOf({ id: personId, email }), [{ type, ...note }]);
  });
}

/** Another password for somebody who knows the present one; all other sessions end. Error: `sign_in_busy`. */
export async function changePassword(
  { db, passwords }: SignInDeps,
  { sessionId, personId, email }: SignedIn,
  given: { readonly current: string; readonly next: string; readonly address: string },
  now: Date,
): Promise<PasswordOutcome> {
  const { pool } = db;
  const emailKey = emailKeyOf(email);
  const seconds = await countAttempt(pool, emailKey, given.address, now);
  if (seconds !== null) return { kind: 'wait', seconds };
  const { rows } = await pool.query<{ password: string | null }>('SELECT password FROM people WHERE id = $1', [
    personId,
  ]);
  const stored = rows[0]?.password ?? null;
  const { isRight } = await passwords.verify(given.current, stored);
  if (!isRight) return { kind: 'wrong' };
  const next = await passwords.hash(given.next);
  const isChanged = await changeWorkspace(db, async (tx) => {
    const { rowCount } = await tx.query('UPDATE people SET password = $3 WHERE id = $1 AND password = $2', [
      personId,
      stored,
      next,
    ]);
    if (rowCount !== 1) return false;
    await endSessionsOf(tx, personId, sessionId);
    const note = { resourceType: 'user', resourceId: personId, resourceName: email, changed: ['password'] };
    await recordAudit(tx, actorOf({ id: personId, email }), [{ type: 'User Password Changed', ...note }]);
    return true;
  });
  if (!isChanged) return { kind: 'wrong' };
  await takeAttemptBack(pool, emailKey, given.address, now);
  return { kind: 'changed' };
}
