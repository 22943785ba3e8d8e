/**
 * Reads the rows of a statement in parts, when there may be more than memory should hold. In: a statement. Out: its rows,
 * as of one moment, so many at once. It has a connection of the pool for as long as it is read.
 */
import Cursor from 'pg-cursor';
import type { Database } from './db.ts';

const rowsAtOnce = 2_000;

export async function* readInParts<Row>(
  { pool }: Database,
  { text, values }: { readonly text: string; readonly values: readonly unknown[] },
): AsyncGenerator<readonly Row[]> {
  const client = await pool.connect();
  let isWhole = false;
  try {
    const cursor = client.query(new Cursor<Row>(text, [...values]));
    for (;;) {
      const rows = await cursor.read(rowsAtOnce);
      if (rows.length === 0) break;
      yield rows;
    }
    isWhole = true;
  } finally {
    // One that was left in the middle ends with its connection.
    client.release(!isWhole);
  }
}
