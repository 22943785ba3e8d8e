/**
 * Takes an identifier away from a profile (`profile-space.md` 4.1). In: the profile, by one of its user ids, and the
 * identifier. Out: whether it is gone. Promised: it takes its turn as batches do, so a writer that looked before sees it
 * gone before it commits; only the identifier goes: traits, events and subscriptions stay; the value is free again.
 */
import { storableText } from '../../base/text.ts';
import type { Database, Queryable, Transaction } from '../../db/db.ts';
import { noteDue } from '../computing/due.ts';
import { identifiersJson } from '../facts/row-json.ts';
import { identifierKey } from '../identity/extract.ts';
import type { IdentifierDeletion } from '../space.ts';
import { loadOwners, loadProfiles, realTables } from '../writing/store.ts';
import { inTurn } from '../writing/turns.ts';
import type { ProfileRow } from '../writing/working-set.ts';

export interface IdentifierToDelete {
  /** Names the profile. It stays: a profile that was found by a user id keeps one. */
  readonly userId: string;
  readonly type: string;
  readonly value: string;
  /** When it is deleted. */
  readonly now: Date;
}

export async function deleteIdentifier(
  db: Database,
  spaceNo: number,
  identifier: IdentifierToDelete,
): Promise<IdentifierDeletion> {
  // Looked at before the turn is taken: what is not there must not hold up those who write.
  const first = await find(db.pool, spaceNo, identifier);
  if (typeof first === 'string') return first;
  return inTurn(db, spaceNo, async (tx, { seq, computes }) => {
    const owner = await find(tx, spaceNo, identifier);
    if (typeof owner === 'string') return owner;
    await remove(tx, spaceNo, owner, identifier);
    await tx.query(
      'UPDATE profiles SET updated_at = greatest(updated_at, $3) WHERE space_no = $1 AND profile_id = $2',
      [spaceNo, standsFor(owner), identifier.now],
    );
    if (computes) await noteDue(tx, spaceNo, seq, [standsFor(owner)]);
    return 'deleted';
  });
}

/** The row that holds the identifier, which may have been merged into the profile; or why there is none. */
async function find(
  db: Queryable,
  spaceNo: number,
  { userId, type, value }: IdentifierToDelete,
): Promise<ProfileRow | Exclude<IdentifierDeletion, 'deleted'>> {
  const keys = [identifierKey('users', 'user_id', userId), identifierKey('users', type, value)];
  const owners = await loadOwners(db, spaceNo, keys.filter(storableText), [realTables]);
  const profiles = await loadProfiles(db, spaceNo, owners.values(), [realTables]);
  const [profile, owner] = keys.map((key) => profiles.get(owners.get(key) ?? ''));
  if (profile === undefined) return 'profile_not_found';
  if (keys[0] === keys[1]) return 'last_user_id';
  return owner !== undefined && standsFor(owner) === standsFor(profile) ? owner : 'identifier_not_found';
}

/** Merging re-points all that is below, so one step leads to the top. */
function standsFor({ id, mergedInto }: ProfileRow): string {
  return mergedInto ?? id;
}

async function remove(
  tx: Transaction,
  spaceNo: number,
  owner: ProfileRow,
  { type, value }: IdentifierToDelete,
): Promise<void> {
  const left = owner.identifiers.filter((other) => other.type !== type || other.value !== value);
  await tx.query('DELETE FROM identifiers WHERE space_no = $1 AND key = $2', [
    spaceNo,
    identifierKey('users', type, value),
  ]);
  await tx.query('UPDATE profiles SET identifiers = $3 WHERE space_no = $1 AND profile_id = $2', [
    spaceNo,
    owner.id,
    identifiersJson(left, owner),
  ]);
}
