/**
 * One sync of a mapping at a time, across processes: a Postgres advisory lock held by a session of its own for as long as
 * the sync runs. A process that dies takes its session with it, so the lock is free at once; for a machine that vanishes,
 * keepalives end the session within half a minute.
 */
import type { Client } from 'pg';
import type { Database, Queryable, Transaction } from '../db/db.ts';

/** Separates our locks from others in the same database. */
const lockSeed = 7_283_461;

export interface Lease {
  /** Runs a statement on the session that holds the lock, so that losing it is noticed. */
  readonly session: Queryable;
  /** Calls back when the session is lost, and the lock with it. */
  onLost(callback: (error: Error) => void): void;
  release(): Promise<void>;
}

/** Takes the lock of a mapping, or of other work with an id of its own; null when another session holds it. */
export async function takeLease(db: Database, mappingId: string): Promise<Lease | null> {
  const client = await db.session();
  const lost: ((error: Error) => void)[] = [];
  client.on('error', (error) => {
    for (const callback of lost) callback(error);
  });
  const release = () => releaseLease(client, mappingId);
  try {
    await client.query(
      `SELECT set_config('tcp_keepalives_idle', '10', false), set_config('tcp_keepalives_interval', '5', false),
              set_config('tcp_keepalives_count', '3', false)`,
    );
    const { rows } = await client.query<{ taken: boolean }>(
      'SELECT pg_try_advisory_lock(hashtextextended($1, $2)) AS taken',
      [mappingId, lockSeed],
    );
    if (rows[0]?.taken === true) {
      return { session: client, onLost: (callback) => void lost.push(callback), release };
    }
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  await client.end().catch(() => undefined);
  return null;
}

/** Takes the lock of a mapping until a transaction ends; false when a session holds it. */
export async function takeUntilCommit(tx: Transaction, mappingId: string): Promise<boolean> {
  const { rows } = await tx.query<{ taken: boolean }>(
    'SELECT pg_try_advisory_xact_lock(hashtextextended($1, $2)) AS taken',
    [mappingId, lockSeed],
  );
  return rows[0]?.taken === true;
}

/** The lock goes with its session, but only a moment later; given back first, the next sync need not wait. */
async function releaseLease(client: Client, mappingId: string): Promise<void> {
  await client
    .query('SELECT pg_advisory_unlock(hashtextextended($1, $2))', [mappingId, lockSeed])
    .catch(() => undefined);
  await client.end().catch(() => undefined);
}

/** True when some session, of any process, holds the lock of a mapping. */
export async function isLeased(db: Queryable, mappingId: string): Promise<boolean> {
  const { rows } = await db.query<{ held: boolean }>(
    `SELECT EXISTS (
       SELECT FROM pg_locks
       WHERE locktype = 'advisory' AND objsubid = 1 AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND ((classid::bigint << 32) | objid::bigint) = hashtextextended($1, $2)
     ) AS held`,
    [mappingId, lockSeed],
  );
  return rows[0]?.held === true;
}
