/**
 * What stays of a deleted person's messages on other rows: their ids. In: profiles and accounts that stay. Out: they no
 * longer name the messages; whatever those wrote on them stays, since it is theirs.
 */
import type { Transaction } from '../../db/db.ts';
import { identifiersJson, writesJson } from '../facts/row-json.ts';
import { loadProfiles, realTables } from '../writing/store.ts';
import type { ProfileRow } from '../writing/working-set.ts';

/** Which messages tell of a person: the known ones, and those whose id holds something that the person is known by. */
export interface TellingMessages {
  readonly messageIds: readonly string[];
  /** In small letters. */
  readonly values: readonly string[];
  readonly matches: (messageId: string) => boolean;
}

/** Shorter values may be part of any id by chance. */
const shortestValue = 6;

export function isTellingMessage(messageIds: readonly string[], known: readonly string[]): TellingMessages {
  const ids = new Set(messageIds);
  const values = [...new Set(known.filter(({ length }) => length >= shortestValue).map(smallLetters))];
  const matches = (id: string) => ids.has(id) || values.some((value) => smallLetters(id).includes(value));
  return { messageIds, values, matches };
}

/** As Postgres' `lower` does by the collation "C". */
function smallLetters(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Every message that a row names. */
export function messageIdsOf(row: ProfileRow): string[] {
  const { firstMessageId, lastMessageId, mergedBy, identifiers, writes } = row;
  const more = [...identifiers, ...writes].map(({ message }) => message);
  return [firstMessageId, lastMessageId, mergedBy, ...more].flatMap((id) => id ?? []);
}

/** Under the turn of the space. */
export async function scrubMessageIds(
  tx: Transaction,
  spaceNo: number,
  profileIds: readonly string[],
  isTheirs: (messageId: string) => boolean,
): Promise<void> {
  const rows = [...(await loadProfiles(tx, spaceNo, profileIds, [realTables])).values()];
  const without = (id: string | null) => (id !== null && isTheirs(id) ? null : id);
  const changed = rows
    .filter((row) => messageIdsOf(row).some(isTheirs))
    .map((row) => ({
      ...row,
      firstMessageId: without(row.firstMessageId),
      lastMessageId: without(row.lastMessageId),
      mergedBy: without(row.mergedBy),
      identifiers: row.identifiers.map((each) => ({ ...each, message: without(each.message) })),
      writes: row.writes.map((each) => ({ ...each, message: without(each.message) })),
    }));
  if (changed.length === 0) return;
  await tx.query(
    `UPDATE profiles p SET first_message_id = d.first, last_message_id = d.last, merged_by = d.merged_by,
        identifiers = d.identifiers, writes = d.writes
      FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::json[], $7::json[])
        AS d (profile_id, first, last, merged_by, identifiers, writes)
      WHERE p.space_no = $1 AND p.profile_id = d.profile_id`,
    [
      spaceNo,
      changed.map((row) => row.id),
      changed.map((row) => row.firstMessageId),
      changed.map((row) => row.lastMessageId),
      changed.map((row) => row.mergedBy),
      changed.map((row) => identifiersJson(row.identifiers, row)),
      changed.map((row) => writesJson(row.writes, row)),
    ],
  );
}
