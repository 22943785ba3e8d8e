/**
 * Deletes people from a space. In: user ids. Out: nothing of them is left in the tables of the space; counts, and the ids
 * that led to them, for those who keep something of them elsewhere. Promised: a person goes with the whole profile that
 * owns the user id, everything merged into it included; other people and accounts keep all that is theirs; a deletion
 * that was killed anywhere and is run again under the same job deletes the rest and gives the same answer.
 *
 * The profiles go first, each under the turn of the space: what writers have computed before is computed again, so
 * nothing is added to them afterwards. In the same transaction the ids that lead to the rest are noted (table
 * `deletions`), and stay there until the caller has finished its own part (`forgetDeletions`).
 */
import { newId } from '../../base/ids.ts';
import type { Database, Queryable, Transaction } from '../../db/db.ts';
import { noteDue } from '../computing/due.ts';
import { forgetComputed } from '../computing/release.ts';
import { daysOfEvents } from '../events/days.ts';
import { channels, contactOf, identifierTypeOf, readKey } from '../facts/subscriptions.ts';
import { identifierKey } from '../identity/extract.ts';
import type { DeletedPeople, DeletionCounts } from '../space.ts';
import { hashOf } from '../writing/once.ts';
import { loadOwners, loadProfiles, realTables } from '../writing/store.ts';
import { inTurn } from '../writing/turns.ts';
import type { ProfileRow } from '../writing/working-set.ts';
import { deleteEvents, deleteLogEntries, findStrayEvents } from './deletion-events.ts';
import { isTellingMessage, messageIdsOf, scrubMessageIds } from './scrub.ts';

export interface DeletionJob {
  /** Names the job: run again, it goes on. */
  readonly jobId: string;
  readonly spaceNo: number;
  readonly userIds: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** What one transaction found and deleted. */
interface Entry {
  readonly found: {
    readonly profileIds: readonly string[];
    readonly identifiers: readonly (readonly [type: string, value: string])[];
    /** Of messages that these people sent, as far as their profiles told. */
    readonly messageIds: readonly string[];
  };
  readonly counts: DeletionCounts;
}

const nothingFound: Entry['found'] = { profileIds: [], identifiers: [], messageIds: [] };
const noCounts: DeletionCounts = { profiles: 0, events: 0, links: 0, subscriptions: 0, logEntries: 0 };

/** People whose profiles are deleted in one transaction: writers wait for it. */
const peopleAtOnce = 100;

export async function deletePeople(db: Database, job: DeletionJob): Promise<DeletedPeople> {
  const { spaceNo, signal } = job;
  for (let at = 0; at < job.userIds.length; at += peopleAtOnce) {
    signal?.throwIfAborted();
    await deleteProfiles(db, job, job.userIds.slice(at, at + peopleAtOnce));
  }
  const all = await readEntries(db.pool, job);
  const found = all.map((entry) => entry.found);
  const profileIds = found.flatMap((each) => each.profileIds);
  const identifiers = found.flatMap((each) => each.identifiers);
  const messageIds = found.flatMap((each) => each.messageIds);
  const userIds = [...new Set([...job.userIds, ...valuesOf(identifiers, 'user_id')])];
  const isTheirs = isTellingMessage(messageIds, [...userIds, ...identifiers.map(([, value]) => value)]);
  for (const day of await daysOfEvents(db.pool)) {
    signal?.throwIfAborted();
    await db.transaction(async (tx) => {
      await note(tx, job, nothingFound, await deleteEvents(tx, spaceNo, day, profileIds));
    });
    await deleteStrays(db, job, day, userIds, isTheirs.matches);
  }
  await db.transaction(async (tx) => {
    const hashes = userIds.map(hashOf);
    await note(tx, job, nothingFound, { logEntries: await deleteLogEntries(tx, spaceNo, hashes, isTheirs) });
  });
  const counts = (await readEntries(db.pool, job)).map((entry) => entry.counts).reduce(plus, noCounts);
  return { counts, userIds, identifiers: identifiers.map(([type, value]) => ({ type, value })) };
}

/** Called in the transaction that ends the job: it holds personal data, and is of no use any more. */
export async function forgetDeletions(tx: Queryable, jobId: string): Promise<void> {
  await tx.query('DELETE FROM deletions WHERE job_id = $1', [jobId]);
}

/** The trees that own these user ids. */
async function deleteProfiles(db: Database, job: DeletionJob, userIds: readonly string[]): Promise<void> {
  const { spaceNo } = job;
  const keys = userIds.map((userId) => identifierKey('users', 'user_id', userId));
  // Looked at without the turn first: most runs find nothing a second time, and then nobody has to wait.
  if ((await loadOwners(db.pool, spaceNo, keys, [realTables])).size === 0) return;
  await inTurn(db, spaceNo, async (tx) => {
    const owners = await loadOwners(tx, spaceNo, keys, [realTables]);
    const tree = [...(await loadProfiles(tx, spaceNo, owners.values(), [realTables])).values()];
    if (tree.length === 0) return;
    const profileIds = tree.map(({ id }) => id);
    const identifiers = tree.flatMap((row) => row.identifiers.map(({ type, value }) => [type, value] as const));
    const subscriptions = await deleteSubscriptions(tx, spaceNo, tree);
    const links = await deleteLinks(tx, spaceNo, profileIds);
    await tx.query('DELETE FROM identifiers WHERE space_no = $1 AND key = ANY($2) AND profile_id = ANY($3)', [
      spaceNo,
      identifiers.map(([type, value]) => identifierKey('users', type, value)),
      profileIds,
    ]);
    await tx.query('DELETE FROM profiles WHERE space_no = $1 AND profile_id = ANY($2)', [spaceNo, profileIds]);
    await tx.query('DELETE FROM due_profiles WHERE space_no = $1 AND profile_id = ANY($2)', [spaceNo, profileIds]);
    const messageIds = [...new Set([...tree.flatMap(messageIdsOf), ...links.messageIds])];
    const isTheirs = isTellingMessage(
      messageIds,
      identifiers.map(([, value]) => value),
    );
    await scrubMessageIds(tx, spaceNo, links.accountIds, isTheirs.matches);
    await forgetComputed(tx, spaceNo, links.accountIds);
    const counts = { profiles: tree.length, links: links.accountIds.length, subscriptions };
    await note(tx, job, { profileIds, identifiers, messageIds }, counts);
  });
}

/** Events with these user ids that came to other profiles, and what those remember of the messages. */
async function deleteStrays(
  db: Database,
  job: DeletionJob,
  day: { readonly from: Date; readonly before: Date },
  userIds: readonly string[],
  isTheirs: (messageId: string) => boolean,
): Promise<void> {
  const { spaceNo } = job;
  for await (const strays of findStrayEvents(db.pool, spaceNo, day, userIds)) {
    const ids = new Set(strays.map(({ messageId }) => messageId));
    await inTurn(db, spaceNo, async (tx, { seq, computes }) => {
      const counts = await deleteEvents(tx, spaceNo, day, [...new Set(strays.map((each) => each.profileId))], strays);
      const readers = strays.flatMap(({ profileId, accountId }) => [profileId, accountId ?? profileId]);
      await scrubMessageIds(tx, spaceNo, readers, (id) => ids.has(id) || isTheirs(id));
      await forgetComputed(tx, spaceNo, [...new Set(strays.flatMap(({ accountId }) => accountId ?? []))]);
      // What is computed about the others counted these events.
      if (computes) await noteDue(tx, spaceNo, seq, [...new Set(strays.map(({ profileId }) => profileId))]);
      await note(tx, job, nothingFound, counts);
    });
  }
}

/** Both directions. Gives the accounts, and the messages that made the links. */
async function deleteLinks(tx: Transaction, spaceNo: number, profileIds: readonly string[]) {
  const { rows } = await tx.query<{ to_profile_id: string; message_id: string | null }>(
    `WITH gone AS (
       DELETE FROM links WHERE space_no = $1 AND profile_id = ANY($2) RETURNING profile_id, to_profile_id, message_id
     ), back AS (
       DELETE FROM links l USING (SELECT profile_id, to_profile_id FROM gone) AS g
       WHERE l.space_no = $1 AND l.profile_id = g.to_profile_id AND l.to_profile_id = g.profile_id
     )
     SELECT to_profile_id, message_id FROM gone`,
    [spaceNo, profileIds],
  );
  return {
    accountIds: rows.map((row) => row.to_profile_id),
    messageIds: rows.flatMap((row) => row.message_id ?? []),
  };
}

/**
 * Of the contacts that are identifiers of the tree, and of the addresses in its traits that are nobody else's. Returns
 * how many.
 */
async function deleteSubscriptions(tx: Transaction, spaceNo: number, tree: readonly ProfileRow[]): Promise<number> {
  const owned = new Map<string, string>();
  for (const { identifiers, traits } of tree) {
    for (const channel of channels) {
      const type = identifierTypeOf[channel];
      const values = [...identifiers.filter((each) => each.type === type).map(({ value }) => value), traits[type]];
      for (const value of values) {
        const key = readKey(channel, value);
        if (key !== null) owned.set(contactOf(channel, key), identifierKey('users', type, key));
      }
    }
  }
  const owners = await loadOwners(tx, spaceNo, [...new Set(owned.values())], [realTables]);
  const own = new Set(tree.map(({ id }) => id));
  const contacts = [...owned].flatMap(([contact, key]) => {
    const owner = owners.get(key);
    return owner === undefined || own.has(owner) ? [contact] : [];
  });
  const { rowCount } = await tx.query('DELETE FROM subscriptions WHERE space_no = $1 AND contact = ANY($2)', [
    spaceNo,
    contacts,
  ]);
  return rowCount ?? 0;
}

async function note(
  tx: Transaction,
  { jobId, spaceNo }: DeletionJob,
  found: Entry['found'],
  counts: Partial<DeletionCounts>,
): Promise<void> {
  if (found === nothingFound && Object.values(counts).every((count) => count === 0)) return;
  await tx.query('INSERT INTO deletions (space_no, job_id, entry_id, found, counts) VALUES ($1, $2, $3, $4, $5)', [
    spaceNo,
    jobId,
    newId('del'),
    JSON.stringify(found),
    JSON.stringify({ ...noCounts, ...counts }),
  ]);
}

async function readEntries(db: Queryable, { jobId, spaceNo }: DeletionJob): Promise<readonly Entry[]> {
  const { rows } = await db.query<Entry>('SELECT found, counts FROM deletions WHERE space_no = $1 AND job_id = $2', [
    spaceNo,
    jobId,
  ]);
  return rows;
}

function plus(a: DeletionCounts, b: DeletionCounts): DeletionCounts {
  return {
    profiles: a.profiles + b.profiles,
    events: a.events + b.events,
    links: a.links + b.links,
    subscriptions: a.subscriptions + b.subscriptions,
    logEntries: a.logEntries + b.logEntries,
  };
}

function valuesOf(identifiers: Entry['found']['identifiers'], wanted: string): string[] {
  return identifiers.flatMap(([type, value]) => (type === wanted ? [value] : []));
}
