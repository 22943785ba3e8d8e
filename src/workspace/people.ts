/**
 * People: who may sign in, and what they may do. In: e-mail addresses, grants, one-time links. Out: people; the secrets of
 * links, once. Promised: a link is good once and for a day; a password that is reset ends all sessions; there is always
 * an owner as long as there is anybody; every change is in the audit trail, in the same commit.
 */
import { createHash, randomBytes } from 'node:crypto';
import { MillraceError } from '../base/errors.ts';
import { newId } from '../base/ids.ts';
import { suggestion } from '../base/near-names.ts';
import type { Database, Queryable, Transaction } from '../db/db.ts';
import { type Actor, recordAudit } from './audit.ts';
import { checkGiving } from './giving.ts';
import { changeWorkspace } from './lock.ts';
import type { Grant } from './roles.ts';
import { endSessionsOf } from './sessions.ts';

export interface Person extends Grant {
  readonly id: string;
  readonly email: string;
  /** Empty until they came in for the first time. */
  readonly name: string;
  /** False until they have a password: they come in by a link. */
  readonly hasPassword: boolean;
  readonly createdAt: Date;
}

/** A person and the link that lets them in. */
export interface Invited {
  readonly person: Person;
  /** The last part of the link; shown only now. */
  readonly secret: string;
  readonly expiresAt: Date;
}

/** What a link is for. */
export interface LinkInfo {
  /** Null: the first link; whoever follows it says who they are. */
  readonly person: Person | null;
  readonly expiresAt: Date;
}

const linkHours = 24;
const linkForm = /^mrl_[A-Za-z0-9_-]{43}$/;
const hashOf = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Loose on purpose: only a mail can tell whether an address is one. */
const emailForm = /^[^\s@<>"(),;:\\]{1,64}@[^\s@<>"(),;:\\]{1,190}$/;

export function isEmail(text: string): boolean {
  return emailForm.test(text) && !/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u.test(text);
}

/** Two that differ in their case are one. */
export const emailKeyOf = (email: string): string => email.normalize('NFC').toLowerCase();

const select = `SELECT id, email, name, role, permissions, password IS NOT NULL AS "hasPassword", created_at AS "createdAt"
  FROM people`;

/** In the order of addresses. */
export async function listPeople(db: Queryable): Promise<readonly Person[]> {
  const { rows } = await db.query<Person>(`${select} ORDER BY email_key`);
  return rows;
}

export async function hasPeople(db: Queryable): Promise<boolean> {
  const { rows } = await db.query<{ any: boolean }>('SELECT EXISTS (SELECT 1 FROM people) AS any');
  return rows[0]?.any === true;
}

/** Error: `not_found`. */
export async function findPerson(db: Queryable, emailOrId: string): Promise<Person> {
  // Postgres cannot take NUL in a text.
  const asked = emailOrId.replaceAll('\0', '');
  const { rows } = await db.query<Person>(`${select} WHERE id = $1 OR email_key = $2`, [asked, emailKeyOf(asked)]);
  if (rows[0] !== undefined) return rows[0];
  const known = (await listPeople(db)).map(({ email }) => email);
  const hint = suggestion(emailOrId, known).trim();
  throw new MillraceError('not_found', `There is no person "${emailOrId}".`, {
    help: hint === '' ? 'millrace person list shows the people who may sign in.' : hint,
  });
}

export type Invitation = Grant & { readonly email: string };

/** Errors: `email_invalid`, `person_taken`, `grant_exceeded`. */
export async function invitePerson(db: Database, actor: Actor, invitation: Invitation, now: Date): Promise<Invited> {
  const [invited] = await invitePeople(db, actor, [invitation], now);
  return invited as Invited;
}

/** All of them, or nobody. Errors as for one. */
export async function invitePeople(
  db: Database,
  actor: Actor,
  invitations: readonly Invitation[],
  now: Date,
): Promise<readonly Invited[]> {
  for (const { email } of invitations) checkEmail(email);
  return changeWorkspace(db, async (tx) => {
    const invited: Invited[] = [];
    for (const { email, role, permissions } of invitations) {
      checkGiving(actor, { role, permissions });
      const person = await insertPerson(tx, { email, name: '', password: null, role, permissions }, now);
      const link = await makeLink(tx, person.id, now);
      await note(tx, actor, 'User Invited', person, ['email', 'permissions']);
      invited.push({ person, ...link });
    }
    return invited;
  });
}

/** Their sessions end at once. Errors: `not_found`, `last_owner`, `grant_exceeded`. */
export async function removePerson(db: Database, actor: Actor, emailOrId: string): Promise<Person> {
  const [removed] = await removePeople(db, actor, [emailOrId]);
  return removed as Person;
}

/** All of them, or nobody. Errors as for one. */
export async function removePeople(
  db: Database,
  actor: Actor,
  emailsOrIds: readonly string[],
): Promise<readonly Person[]> {
  return changeWorkspace(db, async (tx) => {
    const removed: Person[] = [];
    for (const emailOrId of emailsOrIds) {
      const person = await findPerson(tx, emailOrId);
      checkGiving(actor, person);
      // Who sits at the server can begin anew with a first link; nobody else could.
      const mayBeNobody = actor.grant === undefined;
      await keepAnOwner(tx, person, mayBeNobody);
      await tx.query('DELETE FROM people WHERE id = $1', [person.id]);
      await note(tx, actor, 'User Removed', person, []);
      removed.push(person);
    }
    return removed;
  });
}

/** What a person may do from now on. Errors: `not_found`, `last_owner`, `grant_exceeded`. */
export async function changeGrant(db: Database, actor: Actor, emailOrId: string, grant: Grant): Promise<Person> {
  return changeWorkspace(db, async (tx) => {
    const person = await findPerson(tx, emailOrId);
    checkGiving(actor, person);
    checkGiving(actor, grant);
    if (grant.role !== 'owner') await keepAnOwner(tx, person, false);
    await tx.query('UPDATE people SET role = $2, permissions = $3 WHERE id = $1', [
      person.id,
      grant.role,
      JSON.stringify(grant.permissions),
    ]);
    await note(tx, actor, 'User Permissions Modified', person, ['permissions']);
    return findPerson(tx, person.id);
  });
}

/** How they are called from now on. Error: `not_found`. */
export async function renamePerson(db: Database, actor: Actor, personId: string, name: string): Promise<Person> {
  return changeWorkspace(db, async (tx) => {
    await tx.query('UPDATE people SET name = $2 WHERE id = $1', [personId, name]);
    const person = await findPerson(tx, personId);
    await note(tx, actor, 'User Renamed', person, ['name']);
    return person;
  });
}

/**
 * The password is void at once, and all sessions end; the link sets another one. Errors: `not_found`, `grant_exceeded`: a
 * link of somebody who may do more would give that away.
 */
export async function resetPassword(db: Database, actor: Actor, emailOrId: string, now: Date): Promise<Invited> {
  return changeWorkspace(db, async (tx) => {
    const person = await findPerson(tx, emailOrId);
    checkGiving(actor, person);
    await tx.query('UPDATE people SET password = NULL WHERE id = $1', [person.id]);
    await endSessionsOf(tx, person.id, null);
    const link = await makeLink(tx, person.id, now);
    await note(tx, actor, 'User Password Reset', person, ['password']);
    return { person: { ...person, hasPassword: false }, ...link };
  });
}

/** A link for whoever comes first. Null when there are people already. */
export async function makeFirstLink(db: Database, now: Date): Promise<Omit<Invited, 'person'> | null> {
  return changeWorkspace(db, async (tx) => ((await hasPeople(tx)) ? null : makeLink(tx, null, now)));
}

/** Null when the link is unknown, used or too old. */
export async function readLink(db: Queryable, secret: string, now: Date): Promise<LinkInfo | null> {
  if (!linkForm.test(secret)) return null;
  const { rows } = await db.query<{ personId: string | null; expiresAt: Date }>(
    `SELECT person_id AS "personId", expires_at AS "expiresAt" FROM person_links
     WHERE secret_hash = $1 AND expires_at > $2 AND (person_id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM people))`,
    [hashOf(secret), now],
  );
  if (rows[0] === undefined) return null;
  const { personId, expiresAt } = rows[0];
  return { person: personId === null ? null : await findPerson(db, personId), expiresAt };
}

/**
 * Uses a link up: the person has this name and password from now on, and no other session or link. Null when the link is
 * not good any more. Error: `email_invalid`.
 * @param email of whoever follows the first link
 */
export async function takeLink(
  db: Database,
  secret: string,
  { name, password, email }: { readonly name: string; readonly password: string; readonly email: string },
  now: Date,
): Promise<Person | null> {
  return changeWorkspace(db, async (tx) => {
    const link = await readLink(tx, secret, now);
    if (link === null) return null;
    if (link.person === null) return takeFirstLink(tx, { name, password, email }, now);
    const { id } = link.person;
    await tx.query('UPDATE people SET name = $2, password = $3 WHERE id = $1', [id, name, password]);
    await endSessionsOf(tx, id, null);
    await tx.query('DELETE FROM person_links WHERE person_id = $1', [id]);
    const person = await findPerson(tx, id);
    await note(tx, actorOf(person), 'User Password Set', person, ['name', 'password']);
    return person;
  });
}

async function takeFirstLink(
  tx: Transaction,
  { name, password, email }: { readonly name: string; readonly password: string; readonly email: string },
  now: Date,
): Promise<Person> {
  checkEmail(email);
  const person = await insertPerson(tx, { email, name, password, role: 'owner', permissions: [] }, now);
  await tx.query('DELETE FROM person_links WHERE person_id IS NULL');
  await note(tx, actorOf(person), 'User Added', person, ['email', 'name', 'password']);
  return person;
}

/** How the audit trail names a person who acts. */
export function actorOf({ id, email }: Pick<Person, 'id' | 'email'>): Actor {
  return { id, name: email };
}

function checkEmail(email: string): void {
  if (isEmail(email)) return;
  throw new MillraceError('email_invalid', 'This is not an e-mail address, or one that cannot be used here.');
}

async function insertPerson(
  tx: Transaction,
  { email, name, password, role, permissions }: Grant & Pick<Person, 'email' | 'name'> & { password: string | null },
  now: Date,
): Promise<Person> {
  const id = newId('per');
  const { rowCount } = await tx.query(
    `INSERT INTO people (id, email, email_key, name, role, permissions, password, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (email_key) DO NOTHING`,
    [id, email, emailKeyOf(email), name, role, JSON.stringify(permissions), password, now],
  );
  if (rowCount !== 1) throw new MillraceError('person_taken', `There is a person with the address ${email} already.`);
  return findPerson(tx, id);
}

/** The links that a person had before are good no more. */
async function makeLink(tx: Transaction, personId: string | null, now: Date): Promise<Omit<Invited, 'person'>> {
  if (personId !== null) await tx.query('DELETE FROM person_links WHERE person_id = $1', [personId]);
  const secret = `mrl_${randomBytes(32).toString('base64url')}`;
  const expiresAt = new Date(now.getTime() + linkHours * 3_600_000);
  await tx.query('INSERT INTO person_links (secret_hash, person_id, created_at, expires_at) VALUES ($1, $2, $3, $4)', [
    hashOf(secret),
    personId,
    now,
    expiresAt,
  ]);
  return { secret, expiresAt };
}

/** @param mayBeNobody whether the last person may go */
async function keepAnOwner(tx: Transaction, { id, role }: Person, mayBeNobody: boolean): Promise<void> {
  if (role !== 'owner') return;
  const others = (await listPeople(tx)).filter((other) => other.id !== id);
  if (others.some((other) => other.role === 'owner') || (mayBeNobody && others.length === 0)) return;
  throw new MillraceError('last_owner', 'This is the last owner of the workspace.');
}

async function note(
  tx: Transaction,
  actor: Actor,
  type: string,
  { id, email }: Person,
  changed: readonly string[],
): Promise<void> {
  await recordAudit(tx, actor, [{ type, resourceType: 'user', resourceId: id, resourceName: email, changed }]);
}
