/**
 * Audiences of accounts, as their people see them. In: people, or accounts whose membership changed. Out: whether one of the
 * accounts of a person is in an audience; and the people to whom that matters. `activation.md` section 6.4.
 */
import type { Queryable } from '../../db/db.ts';

/** By the key of the audience: whether one of the accounts is a member. Of nobody who has no account. */
export type Memberships = ReadonlyMap<string, boolean>;

/** By the id of the person. `people`: the id of each profile → that of the person; `audiences`: id → key. */
export async function readMemberships(
  db: Queryable,
  spaceNo: number,
  people: ReadonlyMap<string, string>,
  audiences: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, Memberships>> {
  if (audiences.size === 0 || people.size === 0) return new Map();
  const { rows } = await db.query<{ profile_id: string; member_of: readonly string[] | null }>({
    name: 'space-memberships-of-accounts',
    text: `SELECT l.profile_id, p.member_of FROM links l
      JOIN profiles a ON a.space_no = l.space_no AND a.profile_id = l.to_profile_id
      JOIN profiles p ON p.space_no = a.space_no AND p.profile_id = coalesce(a.merged_into, a.profile_id)
      WHERE l.space_no = $1 AND l.profile_id = ANY($2)`,
    values: [spaceNo, [...people.keys()]],
  });
  const found = new Map<string, Map<string, boolean>>();
  for (const { profile_id, member_of } of rows) {
    const person = people.get(profile_id) as string;
    const own = found.get(person) ?? new Map<string, boolean>();
    found.set(person, own);
    for (const [id, key] of audiences) own.set(key, own.get(key) === true || member_of?.includes(id) === true);
  }
  return found;
}

/** Profiles of the people of these accounts. */
export async function peopleOf(
  db: Queryable,
  spaceNo: number,
  accountIds: readonly string[],
): Promise<readonly string[]> {
  if (accountIds.length === 0) return [];
  const { rows } = await db.query<{ to_profile_id: string }>({
    name: 'space-people-of-accounts',
    text: 'SELECT DISTINCT to_profile_id FROM links WHERE space_no = $1 AND profile_id = ANY($2)',
    values: [spaceNo, accountIds],
  });
  return rows.map((row) => row.to_profile_id);
}
