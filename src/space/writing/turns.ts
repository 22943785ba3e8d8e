/**
 * The counter of a space (`space_heads.seq`): its lock gives the commits of a space their order, and tells whether somebody
 * committed in between. Whoever changes profiles takes a turn in the same transaction and says which it changed.
 */
import type { Database, Queryable, Transaction } from '../../db/db.ts';
import { noteDue } from '../computing/due.ts';

/** How far a space is, and whether there are people whose messages it may not take. */
export interface Head {
  readonly seq: bigint;
  readonly suppresses: boolean;
}

/** The counter of a space; made before the first write to it. */
export async function readHead(client: Queryable, spaceNo: number): Promise<Head> {
  const { rows } = await client.query<{ seq: string; suppresses: boolean }>({
    name: 'space-head',
    text: 'SELECT seq, EXISTS (SELECT FROM suppressions) AS suppresses FROM space_heads WHERE space_no = $1',
    values: [spaceNo],
  });
  if (rows[0] !== undefined) return { seq: BigInt(rows[0].seq), suppresses: rows[0].suppresses };
  await client.query('INSERT INTO space_heads (space_no) VALUES ($1) ON CONFLICT DO NOTHING', [spaceNo]);
  return readHead(client, spaceNo);
}

/**
 * Waits for the turn and takes the next number, in one statement: the row stays locked until the transaction ends, and a
 * transaction that fails gives the number back. The counter must be there. Whatever else is read has to be read by a later
 * statement: this one sees other tables as they were before it waited. Follow it with `noteChanges`.
 */
export async function takeTurn(tx: Transaction, spaceNo: number): Promise<Turn> {
  const { rows } = await tx.query<StoredTurn>({
    name: 'space-turn',
    text: 'UPDATE space_heads SET seq = seq + 1 WHERE space_no = $1 RETURNING seq, computes',
    values: [spaceNo],
  });
  return turnOf(rows[0] as StoredTurn);
}

/** A number of the counter. */
export interface Turn {
  readonly seq: bigint;
  /** Whether something is computed in the space: then who is touched is to be said (`noteDue`). */
  readonly computes: boolean;
}

interface StoredTurn {
  readonly seq: string;
  readonly computes: boolean;
}

function turnOf({ seq, computes }: StoredTurn): Turn {
  return { seq: BigInt(seq), computes };
}

/**
 * Takes the next number if the counter is at `before` and nobody holds it, without waiting: whoever holds it may wait for
 * rows that this transaction has written. Null otherwise.
 */
export async function takeTurnIfAt(tx: Transaction, spaceNo: number, before: bigint): Promise<Turn | null> {
  const { rows } = await tx.query<StoredTurn>({
    name: 'space-turn-if-at',
    text: `UPDATE space_heads SET seq = seq + 1
      WHERE space_no = (SELECT space_no FROM space_heads WHERE space_no = $1 AND seq = $2 FOR UPDATE SKIP LOCKED)
      RETURNING seq, computes`,
    values: [spaceNo, before.toString()],
  });
  return rows[0] === undefined ? null : turnOf(rows[0]);
}

/**
 * Changes a space by other ways than the writer: what writers have computed before is computed again, readers forget
 * the profiles in `changed` (null: all that they remember), and what is computed about those that are named is computed
 * again.
 */
export async function inTurn<T>(
  db: Database,
  spaceNo: number,
  work: (tx: Transaction, turn: Turn) => Promise<T>,
  changed: readonly string[] | null = null,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.transaction(async (tx) => {
        await readHead(tx, spaceNo);
        const turn = await takeTurn(tx, spaceNo);
        await noteChanges(tx, spaceNo, turn.seq, changed);
        if (turn.computes && changed !== null) await noteDue(tx, spaceNo, turn.seq, changed);
        return await work(tx, turn);
      });
    } catch (error) {
      if (!isCollision(error) || attempt === 5) throw error;
    }
  }
}

/** Two processes wrote the same rows at once: a unique key, a deadlock, a failed serialization. */
export function isCollision(error: unknown): boolean {
  return ['23505', '40P01', '40001'].includes(String((error as { code?: unknown }).code));
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
  // What came before it says nothing more, and may name profiles that are deleted now.
  const isEnd = profileIds === null;
  if (!isEnd && seq % 256n !== 0n) return;
  const from = isEnd ? seq : seq - BigInt(keptChanges);
  await tx.query('DELETE FROM space_changes WHERE space_no = $1 AND seq < $2', [spaceNo, from.toString()]);
}
