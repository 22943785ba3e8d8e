/**
 * Ends what a computation said about profiles: it is deleted, and its values stay as custom traits (`activation.md`
 * section 4). In: a computation, and where to go on. Out: the last profile done, until none is left. Promised: what
 * messages said under the same key stands.
 */
import type { Database, Queryable, Transaction } from '../../db/db.ts';
import { writesJson } from '../facts/row-json.ts';
import { writeTraits } from '../facts/traits.ts';
import { loadProfiles, realTables } from '../writing/store.ts';
import { inTurn } from '../writing/turns.ts';
import type { ComputedValue, ProfileRow } from '../writing/working-set.ts';
import { columnsOf } from './computed.ts';

export interface ReleasedComputation {
  readonly id: string;
  readonly key: string;
}

/** The next profiles after `after`, at most `limit`; null when none is left. */
export async function releaseComputed(
  db: Database,
  spaceNo: number,
  computation: ReleasedComputation,
  after: string,
  limit: number,
): Promise<string | null> {
  const ids = await findHolders(db.pool, spaceNo, computation, after, limit);
  const last = ids.at(-1);
  if (last === undefined) return null;
  await inTurn(
    db,
    spaceNo,
    async (tx) => {
      const rows = await loadProfiles(tx, spaceNo, ids, [realTables]);
      await writeHeld(
        tx,
        spaceNo,
        ids.flatMap((id) => released(rows, rows.get(id), computation) ?? []),
      );
    },
    ids,
  );
  return last;
}

async function findHolders(
  db: Queryable,
  spaceNo: number,
  { id }: ReleasedComputation,
  after: string,
  limit: number,
): Promise<readonly string[]> {
  // By text: Postgres cannot go into JSON that holds \u0000 or half a pair of surrogates, which values of others may.
  const { rows } = await db.query<{ profile_id: string }>(
    `SELECT profile_id FROM profiles
      WHERE space_no = $1 AND profile_id > $2 AND computed IS NOT NULL AND strpos(computed::text, $3) > 0
      ORDER BY profile_id LIMIT $4`,
    [spaceNo, after, JSON.stringify(id), limit],
  );
  return rows.map((row) => row.profile_id);
}

interface Held {
  readonly row: ProfileRow;
  readonly traits: Pick<ProfileRow, 'traits' | 'writes'>;
  readonly computed: Readonly<Record<string, ComputedValue>>;
}

function released(
  rows: ReadonlyMap<string, ProfileRow>,
  row: ProfileRow | undefined,
  { id, key }: ReleasedComputation,
): Held | undefined {
  const held = row?.computed?.[key];
  if (row === undefined || held?.by !== id) return undefined;
  const origin = { at: held.at, received: held.at, place: 0, source: id, message: null };
  const { [key]: _, ...computed } = row.computed ?? {};
  // What messages said under this key was there all the while, behind the value.
  const isSaid = treeAround(rows, row).some(({ traits }) => Object.hasOwn(traits, key));
  return { row, traits: isSaid ? row : writeTraits(row, { [key]: held.value }, origin), computed };
}

function treeAround(rows: ReadonlyMap<string, ProfileRow>, row: ProfileRow): readonly ProfileRow[] {
  const parent = row.mergedInto === null ? row : (rows.get(row.mergedInto) ?? row);
  return [parent, ...parent.members.flatMap((id) => rows.get(id) ?? [])];
}

/**
 * Forgets what was worked out from the events of people who are deleted: the values of computed traits on these accounts,
 * also of traits that are deleted themselves. They are worked out again from what is left. Under the turn of the space.
 */
export async function forgetComputed(tx: Transaction, spaceNo: number, accountIds: readonly string[]): Promise<void> {
  const rows = await loadProfiles(tx, spaceNo, accountIds, [realTables]);
  await writeHeld(
    tx,
    spaceNo,
    [...rows.values()].flatMap((row) => withoutWorkedOut(row) ?? []),
  );
}

const isTrait = (source: string) => source.startsWith('tra_');

function withoutWorkedOut(row: ProfileRow): Held | undefined {
  const computed = Object.fromEntries(Object.entries(row.computed ?? {}).filter(([, { by }]) => !isTrait(by)));
  const gone = new Set(row.writes.filter(({ source }) => isTrait(source)).flatMap(({ keys }) => keys));
  const isChanged = gone.size > 0 || Object.keys(computed).length < Object.keys(row.computed ?? {}).length;
  if (!isChanged) return undefined;
  const traits = Object.fromEntries(Object.entries(row.traits).filter(([key]) => !gone.has(key)));
  return { row, traits: { traits, writes: row.writes.filter(({ source }) => !isTrait(source)) }, computed };
}

async function writeHeld(tx: Transaction, spaceNo: number, all: readonly Held[]): Promise<void> {
  if (all.length === 0) return;
  const columns = all.map(({ computed }) => columnsOf(computed));
  await tx.query(
    `UPDATE profiles p SET traits = d.traits, writes = d.writes, computed = d.computed,
        member_of = string_to_array(d.member_of, ',')
      FROM unnest($2::text[], $3::json[], $4::json[], $5::json[], $6::text[])
        AS d (profile_id, traits, writes, computed, member_of)
      WHERE p.space_no = $1 AND p.profile_id = d.profile_id`,
    [
      spaceNo,
      all.map(({ row }) => row.id),
      all.map(({ traits }) => JSON.stringify(traits.traits)),
      all.map(({ row, traits }) => writesJson(traits.writes, row)),
      columns.map(({ computed }) => computed),
      columns.map(({ memberOf }) => memberOf),
    ],
  );
}
