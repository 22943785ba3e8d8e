/**
 * The counter of a space (`space_heads.seq`): its lock gives the commits of a space their order, and tells whether somebody
 * committed in between. Whoever changes profiles takes a turn in the same transaction and says which it changed.
 */
import type { Queryable, Transaction } from '../db/db.ts';

/** How far a space is, and whether there are people whose messages it may not take. */
export interface Head {
  readonly seq: bigint;
  readonly suppresses: boolean;
}

const headColumns = 'seq, EXISTS (SELECT FROM suppressions) AS suppresses';

interface HeadRow {
  readonly seq: string;
  readonly suppresses: boolean;
}

function headOf(row: HeadRow): Head {
  return { seq: BigInt(row.seq), suppresses: row.suppresses };
}

/** The counter of a space; made before the first write to it. */
export async function readHead(client: Queryable, spaceNo: number): Promise<Head> {
  const { rows } = await client.query<HeadRow>({
    name: 'space-head',
    text: `SELECT ${headColumns} FROM space_heads WHERE space_no = $1`,
    values: [spaceNo],
  });
  if (rows[0] !== undefined) return headOf(rows[0]);
  await client.query('INSERT INTO space_heads (space_no) VALUES ($1) ON CONFLICT DO NOTHING', [spaceNo]);
  return readHead(client, spaceNo);
}

/**
 * Waits for the turn and takes the next number, in one statement: the row stays locked until the transaction ends, and a
 * transaction that fails gives the number back. Follow it with `noteChanges`.
 */
export async function takeTurn(tx: Transaction, spaceNo: number): Promise<Head> {
  const { rows } = await tx.query<HeadRow>({
    name: 'space-turn',
    text: `UPDATE space_heads SET seq = seq + 1 WHERE space_no = $1 RETURNING ${headColumns}`,
    values: [spaceNo],
  });
  return headOf(rows[0] as HeadRow);
}

/**
 * Takes the next number if the counter is at `before` and nobody holds it, without waiting: whoever holds it may wait for
 * rows that this transaction has written. Null otherwise.
 */
export async function takeTurnIfAt(tx: Transaction, spaceNo: number, before: bigint): Promise<bigint | null> {
  const { rows } = await tx.query<{ seq: string }>({
    name: 'space-turn-if-at',
    text: `UPDATE space_heads SET seq = seq + 1
      WHERE space_no = (SELECT space_no FROM space_heads WHERE space_no = $1 AND seq = $2 FOR UPDATE SKIP LOCKED)
      RETURNING seq`,
    values: [spaceNo, before.toString()],
  });
  return rows[0] === undefined ? null : BigInt(rows[0].seq);
}

/** A turn of somebody who changes profiles by other ways than the writer: readers forget all that they remember. */
export async function takeTurnOver(tx: Transaction, spaceNo: number): Promise<void> {
  await readHead(tx, spaceNo);
  const { seq } = await takeTurn(tx, spaceNo);
  await noteChanges(tx, spaceNo, seq, null);
}

/** Commits whose changes are kept at least. */
export const keptChanges = 1_000;

/** Which profiles the commit changes; null: any. New ones need not be named. */
export async function noteChanges(
  tx: Transaction,
  spaceNo: number,
  seq: bigint,
  profileIds: readonly string[] | null,
): Promise<void> {
  if (profileIds === null || profileIds.length > 0) {
    await tx.query({
      name: 'space-note-changes',
      text: 'INSERT INTO space_changes (space_no, seq, profile_ids) VALUES ($1, $2, $3)',
      values: [spaceNo, seq.toString(), profileIds],
    });
  }
  if (seq % 256n !== 0n) return;
  await tx.query('DELETE FROM space_changes WHERE space_no = $1 AND seq < $2', [
    spaceNo,
    (seq - BigInt(keptChanges)).toString(),
  ]);
}
