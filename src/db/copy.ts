/** COPY, for the fastest way into a table. */
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import type { Transaction } from './db.ts';

/**
 * Runs `COPY … FROM STDIN` with these chunks of its input, in the format the statement names. Errors are Postgres' own;
 * the transaction is then to be rolled back.
 */
export async function copyInto(
  tx: Transaction,
  statement: string,
  chunks: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): Promise<number> {
  const stream = tx.query(copyFrom(statement));
  const end = finished(stream);
  end.catch(() => undefined);
  try {
    for await (const chunk of chunks) {
      if (!stream.write(chunk)) await Promise.race([once(stream, 'drain'), end]);
    }
  } catch (error) {
    stream.destroy(error as Error);
    await end.catch(() => undefined);
    throw error;
  }
  stream.end();
  await end;
  return stream.rowCount;
}

const special = /[\\\t\n\r]/;
const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** One field of COPY's text format; null is `\N`. */
export function copyField(value: string | null): string {
  if (value === null) return '\\N';
  return special.test(value) ? value.replace(/[\\\t\n\r]/g, (char) => escapes[char] as string) : value;
}
