/**
 * Which profiles are to be evaluated (table `due_profiles`). In: the commits of a space that computes, and times at which
 * what is computed can change by itself. Out: profiles whose time has come. Promised: whoever was touched by a commit is
 * due with it; a profile that is touched while it is evaluated stays due. Only people: accounts are computed in runs.
 */
import type { Queryable, Transaction } from '../../db/db.ts';
import type { Delta } from '../writing/batch.ts';

/** Profiles of people about whom a batch said something. */
export function touchedBy({ state, events, links }: Delta): readonly string[] {
  const ids = new Set<string>();
  for (const id of [...state.created, ...state.changed]) if (isPerson(id)) ids.add(id);
  for (const { profileId } of events) ids.add(profileId);
  // Audiences of accounts are looked at too.
  for (const { userId } of links) ids.add(userId);
  return [...ids];
}

function isPerson(profileId: string): boolean {
  return profileId.startsWith('use_');
}

/** In the turn `seq`. Due at `at`, or at once; earlier if that was said before. In the order of ids, as all who write here. */
export async function noteDue(
  tx: Transaction,
  spaceNo: number,
  seq: bigint,
  profileIds: readonly string[],
  at: Date = new Date(0),
): Promise<void> {
  const people = profileIds.filter(isPerson).sort();
  if (people.length === 0) return;
  await tx.query({
    name: 'space-note-due',
    text: `INSERT INTO due_profiles (space_no, profile_id, due_at, seq)
      SELECT $1, profile_id, $4, $2 FROM unnest($3::text[]) AS d (profile_id)
      ON CONFLICT (space_no, profile_id) DO UPDATE
        SET due_at = least(due_profiles.due_at, excluded.due_at), seq = excluded.seq`,
    values: [spaceNo, seq.toString(), people, at],
  });
}

/** Longest waiting first. */
export async function findDue(db: Queryable, spaceNo: number, now: Date, limit: number): Promise<readonly string[]> {
  const { rows } = await db.query<{ profile_id: string }>({
    name: 'space-find-due',
    text: `SELECT profile_id FROM due_profiles WHERE space_no = $1 AND due_at <= $2
      ORDER BY due_at, profile_id LIMIT $3`,
    values: [spaceNo, now, limit],
  });
  return rows.map((row) => row.profile_id);
}

/**
 * Ends the dueness of profiles that were evaluated, as far as nothing was said since `seq`, and notes when they are due
 * next. Those that are no more are forgotten. All rows are locked by one statement, in the order of their ids, as by writers.
 */
export async function settleDue(
  tx: Transaction,
  spaceNo: number,
  seq: bigint,
  profileIds: readonly string[],
  next: ReadonlyMap<string, Date>,
): Promise<void> {
  const { rows } = await tx.query<{ profile_id: string }>({
    name: 'space-known-due',
    text: 'SELECT profile_id FROM due_profiles WHERE space_no = $1 AND profile_id = ANY($2)',
    values: [spaceNo, profileIds],
  });
  const ids = [...new Set([...rows.map((row) => row.profile_id), ...next.keys()])].sort();
  if (ids.length === 0) return;
  // Never, for the moment, is when those are due that go.
  await tx.query({
    name: 'space-settle-due',
    text: `INSERT INTO due_profiles (space_no, profile_id, due_at, seq)
      SELECT $1, d.profile_id, CASE WHEN p.profile_id IS NULL THEN 'infinity' ELSE coalesce(d.due_at, 'infinity') END, $2
      FROM unnest($3::text[], $4::timestamptz[]) AS d (profile_id, due_at)
      LEFT JOIN profiles p ON p.space_no = $1 AND p.profile_id = d.profile_id
      ORDER BY d.profile_id COLLATE "C"
      ON CONFLICT (space_no, profile_id) DO UPDATE SET
        due_at = CASE WHEN due_profiles.seq <= excluded.seq THEN excluded.due_at
          ELSE least(due_profiles.due_at, excluded.due_at) END,
        seq = greatest(due_profiles.seq, excluded.seq)`,
    values: [spaceNo, seq.toString(), ids, ids.map((id) => next.get(id) ?? null)],
  });
  await tx.query({
    name: 'space-forget-due',
    text: `DELETE FROM due_profiles WHERE space_no = $1 AND profile_id = ANY($2) AND due_at = 'infinity'`,
    values: [spaceNo, ids],
  });
}

/**
 * From the next commit of the space on, each says whom it touched. In the transaction that makes or enables a computation:
 * whoever was there before is found by its run over all profiles.
 */
export async function startComputing(tx: Transaction, spaceNo: number): Promise<void> {
  await tx.query(
    `INSERT INTO space_heads (space_no, computes) VALUES ($1, true)
      ON CONFLICT (space_no) DO UPDATE SET computes = true`,
    [spaceNo],
  );
}

/** Nothing is computed in the space any more. */
export async function stopComputing(tx: Transaction, spaceNo: number): Promise<void> {
  await tx.query('UPDATE space_heads SET computes = false WHERE space_no = $1', [spaceNo]);
  await tx.query('DELETE FROM due_profiles WHERE space_no = $1', [spaceNo]);
}
