/**
 * Which process computes in a space: one at a time. In: a space and the name of the process. Out: whether it may.
 * Promised: what is written by a process that has lost its lease is refused (`holdLease`), so that nothing that was
 * computed from old facts stands; a process that died is replaced half a minute later.
 */
import type { Clock } from '../base/clock.ts';
import type { Database, Queryable, Transaction } from '../db/db.ts';

const leaseMs = 30_000;

/** Takes or renews it. */
export async function takeLease(db: Queryable, spaceNo: number, holder: string, now: Date): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'computing-lease',
    text: `INSERT INTO computing_leases (space_no, holder, until) VALUES ($1, $2, $3)
      ON CONFLICT (space_no) DO UPDATE SET holder = excluded.holder, until = excluded.until
        WHERE computing_leases.holder = excluded.holder OR computing_leases.until < $4`,
    values: [spaceNo, holder, new Date(now.getTime() + leaseMs), now],
  });
  return rowCount === 1;
}

const renewEveryMs = 5_000;

/** Renews it until it is disposed of: a step may take long. Whoever lost it finds out where it writes. */
export function keepLease(
  { db, clock, holder }: { readonly db: Database; readonly clock: Clock; readonly holder: string },
  spaceNo: number,
): Disposable {
  const timer = setInterval(
    () => void takeLease(db.pool, spaceNo, holder, clock.now()).catch(() => undefined),
    renewEveryMs,
  );
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Another process has taken over: what was computed is to be left. */
export class LeaseLost extends Error {}

/** In the transaction that writes. Error: `LeaseLost`. */
export async function holdLease(tx: Transaction, spaceNo: number, holder: string): Promise<void> {
  const { rowCount } = await tx.query({
    name: 'computing-lease-hold',
    text: 'SELECT FROM computing_leases WHERE space_no = $1 AND holder = $2 FOR SHARE',
    values: [spaceNo, holder],
  });
  if (rowCount !== 1) throw new LeaseLost('another process computes in this space by now');
}

/** Lets another process begin at once. */
export async function releaseLeases(db: Queryable, holder: string): Promise<void> {
  await db.query('DELETE FROM computing_leases WHERE holder = $1', [holder]);
}
